//! The verdict: compares the pin with the traces of the other nodes.
//!
//! The emulated Pi has the ball after the node before it wrote `off` and before the next one wrote
//! `on`. The pin must be high within that span and nowhere else.

use crate::harness::{LedChange, millis};
use crate::pins::High;

/// A pass through the emulated Pi, with the pin beside it. Nanoseconds.
pub(crate) struct PassThroughPi {
    /// The ball's hop while it was there.
    hop: u64,
    /// The node before switched its LED off, and the next one switched its own on.
    away: (u64, u64),
    pin: High,
}

impl PassThroughPi {
    /// How long the pin rose after the ball had left the node before, at the most; it is on its way meanwhile.
    fn late(&self) -> u64 {
        self.pin.rise.1.saturating_sub(self.away.0)
    }

    /// How long before the next node had the ball the pin fell, at the most.
    fn early(&self) -> u64 {
        self.away.1.saturating_sub(self.pin.fall.0)
    }

    /// How long the pin was certainly high while another LED was on.
    fn overlap(&self) -> u64 {
        let before = self.away.0.saturating_sub(self.pin.rise.1);
        before + self.pin.fall.0.saturating_sub(self.away.1)
    }

    /// How long the overlap may have been, given the times of the readings.
    fn unseen(&self) -> u64 {
        let before = self.away.0.saturating_sub(self.pin.rise.0);
        before + self.pin.fall.1.saturating_sub(self.away.1)
    }
}

/// What was observed in a span.
#[derive(Default)]
pub(crate) struct Verdict {
    pub(crate) passes_through: Vec<PassThroughPi>,
    /// Errors, a sentence each.
    pub(crate) wrong: Vec<String>,
}

/// Compares the spans with the pin high with the LED changes of the other nodes, in order of time.
///
/// Only whole spans count: from the first `off` of a node to the last `on`.
pub(crate) fn judge(highs: &[High], lines: &[LedChange]) -> Verdict {
    let mut verdict = Verdict::default();
    let mut told = vec![false; highs.len()];
    for pair in lines.windows(2) {
        let [one, next] = pair else { continue };
        if one.on || !next.on {
            // One of them has the ball, so this is no possession of the emulated Pi.
            continue;
        }
        let hops = next.stamp.2.saturating_sub(one.stamp.2);
        let away = (one.at, next.at);
        // A span belongs to the gap that holds its middle.
        let inside: Vec<usize> = (0..highs.len())
            .filter(|&index| {
                let high = &highs[index];
                let middle = high.rise.1 / 2 + high.fall.0 / 2;
                away.0 <= middle && middle <= away.1
            })
            .collect();
        for &index in &inside {
            told[index] = true;
        }
        match (hops, inside.as_slice()) {
            (2, &[index]) => verdict.passes_through.push(PassThroughPi {
                hop: one.stamp.2 + 1,
                away,
                pin: highs[index],
            }),
            (1, &[]) => {}
            _ => verdict.wrong.push(format!(
                "between hop {} and hop {} the pin was high {} times",
                one.stamp.2,
                next.stamp.2,
                inside.len()
            )),
        }
    }
    let (Some(first), Some(last)) = (
        lines.iter().find(|line| !line.on),
        lines.iter().rfind(|line| line.on),
    ) else {
        verdict.wrong.push("the other nodes had no ball".to_owned());
        return verdict;
    };
    for (high, told) in highs.iter().zip(told) {
        if !told && high.rise.0 > first.at && high.fall.1 < last.at {
            verdict.wrong.push(format!(
                "the pin was high for {:.1} ms while another node had the ball",
                millis(high.fall.0.saturating_sub(high.rise.1))
            ));
        }
    }
    for visit in &verdict.passes_through {
        if visit.overlap() > 0 {
            verdict.wrong.push(format!(
                "hop {}: two LEDs for {:.1} ms",
                visit.hop,
                millis(visit.overlap())
            ));
        }
    }
    verdict
}

impl Verdict {
    /// Prints the figures, and up to so many passes one by one.
    pub(crate) fn print(&self, passes_through: usize) {
        let begin = self.passes_through.first().map_or(0, |visit| visit.away.0);
        let since = |moment: u64| millis(moment.saturating_sub(begin));
        println!(
            "      hop   others dark: from      to  (ms)   pin high: from      to  (ms)  +- reading"
        );
        for visit in self.passes_through.iter().take(passes_through) {
            let (rise, fall) = (visit.pin.rise, visit.pin.fall);
            println!(
                "  {:7} {:18.1} {:9.1} {:19.1} {:9.1} {:13.1}",
                visit.hop,
                since(visit.away.0),
                since(visit.away.1),
                since(rise.0 / 2 + rise.1 / 2),
                since(fall.0 / 2 + fall.1 / 2),
                millis((rise.1 - rise.0).max(fall.1 - fall.0) / 2),
            );
        }
        if self.passes_through.len() > passes_through {
            println!(
                "  ... and {} more",
                self.passes_through.len() - passes_through
            );
        }
        let mut apart: Vec<u64> = self
            .passes_through
            .iter()
            .map(|visit| visit.late().max(visit.early()))
            .collect();
        apart.sort_unstable();
        let Some(&median) = apart.get(apart.len() / 2) else {
            println!("  no pass was measured");
            return;
        };
        let median = millis(median);
        let most = |of: fn(&PassThroughPi) -> u64| {
            millis(self.passes_through.iter().map(of).max().expect("a pass"))
        };
        println!(
            "  {} passes; largest disagreement {:.1} ms, median {median:.1} ms (high at most {:.1} ms after the last node went dark, low at \
             most {:.1} ms before the next lit up: the ball was on its way); overlap with others {:.1} ms (readings \
             leave room for {:.1} ms)",
            self.passes_through.len(),
            most(PassThroughPi::late).max(most(PassThroughPi::early)),
            most(PassThroughPi::late),
            most(PassThroughPi::early),
            most(PassThroughPi::overlap),
            most(PassThroughPi::unseen)
        );
    }

    /// The longest disagreement of pin and possession, in nanoseconds; `None` if no pass was measured.
    pub(crate) fn disagreement(&self) -> Option<u64> {
        let spans = self
            .passes_through
            .iter()
            .map(|visit| visit.late().max(visit.early()));
        spans.max()
    }
}
