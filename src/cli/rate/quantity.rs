//! Numbers of bytes for people, with decimal prefixes.

/// The value in the largest unit that is not above it, and the prefix of that unit; values below 1,000 have none.
pub(super) fn scaled(value: f64) -> (f64, &'static str) {
    const UNITS: [(f64, &str); 3] = [(1e9, "G"), (1e6, "M"), (1e3, "k")];
    let unit = UNITS.into_iter().find(|(unit, _)| value >= *unit);
    let (unit, prefix) = unit.unwrap_or((1.0, ""));
    (value / unit, prefix)
}

/// A value of less than 1,000 with three significant digits.
pub(super) fn three_digits(value: f64) -> String {
    let digits = usize::from(value < 100.0) + usize::from(value < 10.0);
    format!("{value:.digits$}")
}

/// Whole bytes; from 1,000 on with three significant digits.
pub(super) fn amount(bytes: u64) -> String {
    match scaled(bytes as f64) {
        (bytes, "") => format!("{bytes} B"),
        (value, prefix) => format!("{} {prefix}B", three_digits(value)),
    }
}

/// Bytes a second, with three significant digits.
pub(super) fn speed(bytes: f64) -> String {
    let (value, prefix) = scaled(bytes);
    format!("{} {prefix}B/s", three_digits(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_three_digits() {
        let shown = [0, 999, 1_000, 65_500, 123_456, 2_500_000_000].map(amount);
        let expected = ["0 B", "999 B", "1.00 kB", "65.5 kB", "123 kB", "2.50 GB"];
        assert_eq!(shown, expected);
    }

    #[test]
    fn speeds_have_three_digits() {
        let shown = [0.0, 5.0, 50.0, 999.0, 1e3, 65_500.0, 2.5e9].map(speed);
        let expected = [
            "0.00 B/s",
            "5.00 B/s",
            "50.0 B/s",
            "999 B/s",
            "1.00 kB/s",
            "65.5 kB/s",
            "2.50 GB/s",
        ];
        assert_eq!(shown, expected);
    }
}
