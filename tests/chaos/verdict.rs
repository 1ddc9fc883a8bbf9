//! The verdict on one fault: what it did to the ball, as the LEDs of all nodes show.

use super::fault::{Fault, Kind};
use super::harness::{Intervention, LedChange, Observed, Stamp, millis, nanos};
use super::inject::Damage;
use super::ring::{lease, nodes};

/// What is allowed beyond the lease and a quarter: the network, the processors, this observer.
const GRACE: u64 = 150_000_000;
/// A time without an LED that is longer than this is more than a pass.
const ON_ITS_WAY: u64 = 20_000_000;
/// All links must be up again within this time after the fault was healed.
pub(crate) const WHOLE_WITHIN: u64 = 2_500_000_000;

/// Within 1.25 leases after its holder's end a ball must have an LED on again.
fn bound() -> u64 {
    nanos(lease()) * 5 / 4 + GRACE
}

/// Judges one fault after another; keeps the highest stamp, which must never decrease.
#[derive(Default)]
pub(crate) struct Judge {
    highest: Stamp,
    last_node: Option<usize>,
}

/// One fault's outcome.
#[derive(Default)]
pub(crate) struct Verdict {
    /// How long no LED was on for the ball; 0 if it was only passed.
    pub(crate) relit: u64,
    /// The ball came back with another generation.
    pub(crate) elections: usize,
    /// Elections while holder and majority were not affected by a fault.
    pub(crate) false_elections: usize,
    pub(crate) overlap: u64,
    /// How long LEDs of stopped processes stayed on, counted separately.
    pub(crate) lit_while_stopped: u64,
    /// How long after SIGCONT such an LED went off.
    pub(crate) waking: Option<u64>,
    /// The shortest time from the `off` of a holder that is well to the `on` of whoever was elected.
    pub(crate) margin: Option<u64>,
    /// How long there was neither a fault nor a recovery under way.
    pub(crate) quiet: u64,
    pub(crate) passes: usize,
    pub(crate) wrong: Vec<String>,
}

/// When the fault began, and when the ring was whole again.
pub(crate) struct Span {
    pub(crate) from: u64,
    pub(crate) whole: u64,
    pub(crate) to: u64,
}

impl Judge {
    pub(crate) fn judge(
        &mut self,
        fault: &Fault,
        damage: &Damage,
        span: &Span,
        (lines, interventions): (Vec<LedChange>, Vec<Intervention>),
    ) -> Verdict {
        let seen = Observed::new(lines, &interventions);
        let mut verdict = Verdict {
            overlap: seen.overlap(),
            lit_while_stopped: seen.lit_while_stopped,
            wrong: seen.overlaps(),
            waking: waking(&seen, &interventions),
            passes: seen.lines.iter().filter(|line| line.on).count(),
            ..Verdict::default()
        };
        verdict.wrong.extend(damage.wrong.iter().cloned());
        self.elections(fault, damage, span, &seen, &mut verdict);
        darkness(fault, damage, span, &seen, &mut verdict);
        verdict.quiet = if fault.kind.is_harmless() {
            span.to - span.from
        } else {
            span.to.saturating_sub(span.whole + nanos(lease()) * 5 / 4)
        };
        if verdict.false_elections > 0 {
            let sentence = "the ball was taken from a well holder".to_owned();
            verdict.wrong.push(sentence);
        }
        verdict
    }

    fn elections(
        &mut self,
        fault: &Fault,
        damage: &Damage,
        span: &Span,
        seen: &Observed,
        verdict: &mut Verdict,
    ) {
        // The fault may have effects for a lease after the ring is whole again.
        let ill_until = span.whole + nanos(lease()) * 5 / 4;
        let mut off = None;
        for line in &seen.lines {
            if !line.on {
                off = Some(line);
                continue;
            }
            if line.stamp < self.highest {
                let sentence = format!(
                    "a ball went back in time: {line:?} after {:?}",
                    self.highest
                );
                verdict.wrong.push(sentence);
            }
            let generation = |stamp: Stamp| (stamp.0, stamp.1);
            if generation(line.stamp) != generation(self.highest) && self.last_node.is_some() {
                verdict.elections += 1;
                let left = off.filter(|off| Some(off.node) == self.last_node);
                let margin = left.map(|off| line.at - off.at);
                verdict.margin = least(verdict.margin, margin);
                let excused = !fault.kind.is_harmless()
                    && (damage.at..ill_until).contains(&line.at)
                    && self
                        .last_node
                        .is_some_and(|node| touched(node, &damage.victims));
                verdict.false_elections += usize::from(!excused);
            }
            self.highest = self.highest.max(line.stamp);
            self.last_node = Some(line.node);
        }
    }
}

/// The smaller one, of those that exist.
pub(crate) fn least(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    one.into_iter().chain(other).min()
}

/// Whether the ball was at a victim, or may have been passed to one.
fn touched(node: usize, victims: &[usize]) -> bool {
    let around = [node, (node + 1) % nodes(), (node + nodes() - 1) % nodes()];
    around.iter().any(|node| victims.contains(node))
}

/// The longest time from SIGCONT to the end of a stay that had begun before SIGSTOP.
fn waking(seen: &Observed, interventions: &[Intervention]) -> Option<u64> {
    let spans = interventions.iter().filter_map(|intervention| {
        let Intervention::Stopped { node, until, .. } = *intervention else {
            return None;
        };
        let first = seen.first_after(until, node).filter(|line| !line.on)?;
        Some(first.at - until)
    });
    spans.max()
}

/// The longest time without an LED on.
fn darkness(fault: &Fault, damage: &Damage, span: &Span, seen: &Observed, verdict: &mut Verdict) {
    let mut limit = bound();
    let mut from = damage.at;
    match fault.kind {
        // Nothing is promised without a majority. Afterwards the links have to come first.
        Kind::Shatter => {
            from = damage.healed;
            limit += WHOLE_WITHIN;
        }
        // Its own possession cannot be seen.
        Kind::Disk => limit += fault.dwell * 1_000_000,
        _ => {}
    }
    let (dark, since) = seen.longest_gap(from, span.to);
    let flew = dark <= ON_ITS_WAY || (fault.kind == Kind::Disk && dark <= limit);
    verdict.relit = if flew { 0 } else { dark };
    if dark > limit {
        verdict.wrong.push(format!(
            "nobody had the ball for {:.1} ms from {:+.1} ms on, more than {:.1}",
            millis(dark),
            (since as f64 - damage.at as f64) / 1e6,
            millis(limit)
        ));
    }
    if fault.kind == Kind::Term && verdict.elections > 0 {
        let sentence = "a planned stop changed the generation".to_owned();
        verdict.wrong.push(sentence);
    }
}
