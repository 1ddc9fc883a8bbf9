//! Some log lines at once, then one every so often.

use super::Nanos;

/// How many log lines there may be: some at once, then one each `every` nanoseconds.
#[derive(Debug)]
pub(crate) struct TokenBucket {
    burst: u64,
    every: Nanos,
    /// Spent lines, in nanoseconds that it takes to earn them back.
    debt: Nanos,
    last: Nanos,
    kept_back: u64,
}

impl TokenBucket {
    pub(crate) fn new(burst: u64, every: Nanos) -> Self {
        Self {
            burst,
            every,
            debt: 0,
            last: 0,
            kept_back: 0,
        }
    }

    /// Whether one more line may be logged; how many were kept back since the last one.
    pub(crate) fn take(&mut self, now: Nanos) -> Option<u64> {
        self.debt = self.debt.saturating_sub(now.saturating_sub(self.last));
        self.last = now;
        if self.debt > self.every.saturating_mul(self.burst.saturating_sub(1)) {
            self.kept_back += 1;
            return None;
        }
        self.debt += self.every;
        Some(std::mem::take(&mut self.kept_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_logged_in_part_and_the_rest_is_counted() {
        let second = 1_000_000_000;
        let mut budget = TokenBucket::new(60, 10 * second);
        let told = (0..10_000)
            .filter(|number| budget.take(number * 1_000).is_some())
            .count();
        assert_eq!(told, 60);
        assert_eq!(budget.take(11 * second), Some(10_000 - 60));
        assert_eq!(budget.take(11 * second), None);
        let day = (0..86_400)
            .filter(|number| budget.take((12 + number) * second).is_some())
            .count();
        assert!(day <= 8_641, "{day} lines a day");
    }
}
