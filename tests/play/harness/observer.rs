//! The observer: which LED was on when, from the merged traces and the interventions.

use std::collections::{BTreeMap, BTreeSet};

use super::millis;
use super::traces::{LedChange, Stamp};

/// An intervention: what was done to a node, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Intervention {
    /// Killed after `before`; certainly ended at `gone`.
    Killed { node: usize, before: u64, gone: u64 },
    /// Stopped at `from`, continued at `until`.
    Stopped { node: usize, from: u64, until: u64 },
}

impl Intervention {
    /// Records that a stopped node was resumed at that moment.
    pub(crate) fn on_resumed(interventions: &mut [Self], node: usize, moment: u64) {
        for intervention in interventions {
            if let Self::Stopped {
                node: its, until, ..
            } = intervention
                && (*its, *until) == (node, u64::MAX)
            {
                *until = moment;
            }
        }
    }
}

/// An LED that was still on when its process was resumed must go off within this time.
const WAKING: u64 = 50_000_000;

/// A span during which one LED was on for one ball.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LitSpan {
    pub(crate) node: usize,
    ball: u32,
    pub(crate) from: u64,
    /// The earliest moment at which it may have been off; `u64::MAX` if it is still on.
    until: u64,
    /// The moment at which it was certainly off.
    surely_until: u64,
}

/// A span during which a window had a ball.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WindowSpan {
    pub(crate) from: u64,
    pub(crate) until: u64,
}

/// Everything that was observed.
pub(crate) struct Observed {
    pub(crate) lines: Vec<LedChange>,
    lit_spans: Vec<LitSpan>,
    /// How long LEDs of stopped processes stayed on: promise P4.
    pub(crate) lit_while_stopped: u64,
    /// Trace lines that contradict each other.
    faults: Vec<String>,
}

impl Observed {
    pub(crate) fn new(lines: Vec<LedChange>, interventions: &[Intervention]) -> Self {
        let mut seen = Self {
            lines,
            lit_spans: Vec::new(),
            lit_while_stopped: 0,
            faults: Vec::new(),
        };
        seen.collect(interventions);
        seen.lit_spans.sort_by_key(|stay| stay.from);
        seen
    }

    fn collect(&mut self, interventions: &[Intervention]) {
        let mut open: Vec<(LedChange, LitSpan)> = Vec::new();
        let kept = self.lines.iter().filter(|line| line.by_keeper);
        let kept: BTreeSet<_> = kept
            .map(|line| (line.node, line.ball, line.stamp))
            .collect();
        // What was on when its process was killed: the next process ends it in the trace.
        let mut left_on = BTreeSet::new();
        for line in std::mem::take(&mut self.lines) {
            let spans = &mut self.lit_spans;
            let killed = end_killed(&mut open, interventions, &kept, line.at, spans);
            left_on.extend(killed);
            let found = open
                .iter()
                .position(|(on, _)| on.node == line.node && on.ball == line.ball);
            match (line.on, found) {
                (true, None) => {
                    let stay = LitSpan {
                        node: line.node,
                        ball: line.ball,
                        from: line.at,
                        until: u64::MAX,
                        surely_until: u64::MAX,
                    };
                    open.push((line.clone(), stay));
                }
                (false, Some(index)) => {
                    let (on, mut stay) = open.swap_remove(index);
                    if on.stamp != line.stamp {
                        self.faults
                            .push(format!("off for another stamp than on: {line:?}"));
                    }
                    (stay.until, stay.surely_until) = (line.at, line.at);
                    if line.by_keeper {
                        self.end_by_keeper(stay, interventions);
                    } else {
                        self.end(stay, interventions);
                    }
                }
                (true, Some(_)) => self.faults.push(format!("on twice: {line:?}")),
                // No LED goes off then: it has been dark since its process died.
                (false, None) if left_on.remove(&(line.node, line.ball, line.stamp)) => continue,
                (false, None) => self.faults.push(format!("off without on: {line:?}")),
            }
            self.lines.push(line);
        }
        let spans = &mut self.lit_spans;
        end_killed(&mut open, interventions, &kept, u64::MAX, spans);
        for (_, stay) in open {
            self.end(stay, interventions);
        }
    }

    /// Adds a span that the keeper has ended. It counts as a whole, although its process was stopped or killed, unless the
    /// keeper has come too late: after SIGCONT.
    fn end_by_keeper(&mut self, stay: LitSpan, interventions: &[Intervention]) {
        for intervention in interventions {
            if let Intervention::Stopped { node, from, until } = *intervention
                && node == stay.node
                && (stay.from..stay.until).contains(&from)
            {
                if stay.until > until {
                    return self.end(stay, interventions);
                }
                self.lit_while_stopped += stay.until - from;
            }
        }
        self.lit_spans.push(stay);
    }

    /// Adds a span, without the time during which its process was stopped.
    fn end(&mut self, stay: LitSpan, interventions: &[Intervention]) {
        for intervention in interventions {
            let Intervention::Stopped { node, from, until } = *intervention else {
                continue;
            };
            if node == stay.node && stay.from < from && from < stay.until {
                let waking = until.saturating_add(WAKING);
                let end = if stay.until <= waking {
                    stay.until
                } else {
                    until
                };
                self.lit_while_stopped += end - from;
                self.lit_spans.push(LitSpan {
                    until: from,
                    surely_until: from,
                    ..stay
                });
                if end < stay.until {
                    self.end(LitSpan { from: end, ..stay }, interventions);
                }
                return;
            }
        }
        self.lit_spans.push(stay);
    }

    /// Every two nodes whose LEDs were on for one ball at once, and every contradictory trace line.
    pub(crate) fn overlaps(&self) -> Vec<String> {
        let pairs = self.pairs().map(|(stay, other, both)| {
            format!(
                "pi{} and pi{} were lit at once for {:.3} ms from {}",
                stay.node + 1,
                other.node + 1,
                millis(both),
                other.from
            )
        });
        self.faults.iter().cloned().chain(pairs).collect()
    }

    /// For how long the LEDs of two nodes were on for one ball at once, in nanoseconds.
    pub(crate) fn overlap(&self) -> u64 {
        self.pairs().map(|(_, _, both)| both).sum()
    }

    /// As [`Self::overlap`], between two moments.
    pub(crate) fn overlap_between(&self, from: u64, to: u64) -> u64 {
        let ends = self
            .pairs()
            .map(|(_, other, both)| (other.from, other.from + both));
        ends.map(|(begun, end)| end.min(to).saturating_sub(begun.max(from)))
            .sum()
    }

    /// When two LEDs were last on for one ball at once.
    pub(crate) fn last_overlap(&self) -> Option<u64> {
        self.pairs().map(|(_, other, both)| other.from + both).max()
    }

    /// The generations, as round and nonce, of the LEDs that went on between two moments.
    pub(crate) fn generations(&self, from: u64, to: u64) -> BTreeSet<(u64, u64)> {
        let within = |line: &&LedChange| line.on && (from..to).contains(&line.at);
        let ons = self.lines.iter().filter(within);
        ons.map(|line| (line.stamp.0, line.stamp.1)).collect()
    }

    fn pairs(&self) -> impl Iterator<Item = (&LitSpan, &LitSpan, u64)> {
        self.lit_spans.iter().enumerate().flat_map(|(index, stay)| {
            let later = self.lit_spans[index + 1..].iter();
            let during = later.take_while(|other| other.from < stay.surely_until);
            let same = during.filter(|other| other.ball == stay.ball);
            same.map(move |other| {
                let end = stay.surely_until.min(other.surely_until);
                (stay, other, end - other.from)
            })
        })
    }

    /// Every `on` whose stamp is below an earlier one.
    pub(crate) fn steps_back(&self) -> Vec<String> {
        let ons: Vec<&LedChange> = self.lines.iter().filter(|line| line.on).collect();
        let mut balls: BTreeMap<u32, Stamp> = BTreeMap::new();
        let mut found = Vec::new();
        for on in ons {
            let highest = balls.entry(on.ball).or_default();
            if on.stamp < *highest {
                found.push(format!("{on:?} came after {highest:?}"));
            }
            *highest = on.stamp.max(*highest);
        }
        found
    }

    /// Every LED that was on for that ball while a window had it.
    pub(crate) fn shown_twice(&self, ball: u32, shows: &[WindowSpan]) -> Vec<String> {
        let lit_spans = self.lit_spans.iter().filter(|stay| stay.ball == ball);
        let pairs = lit_spans.flat_map(|stay| shows.iter().map(move |show| (stay, show)));
        let both = |stay: &LitSpan, show: &WindowSpan| {
            let end = stay.surely_until.min(show.until);
            end.saturating_sub(stay.from.max(show.from))
        };
        let twice = pairs.filter(|(stay, show)| both(stay, show) > 0);
        twice
            .map(|(stay, show)| {
                format!(
                    "pi{} was lit for {:.3} ms while a window had the ball: {stay:?}, {show:?}",
                    stay.node + 1,
                    millis(both(stay, show))
                )
            })
            .collect()
    }

    /// The longest time without an LED on between two moments, and when it began.
    pub(crate) fn longest_gap(&self, from: u64, to: u64) -> (u64, u64) {
        let (mut lit_until, mut longest) = (from, (0, from));
        for stay in &self.lit_spans {
            if stay.until <= lit_until {
                continue;
            }
            let dark = stay.from.min(to).saturating_sub(lit_until);
            longest = longest.max((dark, lit_until));
            lit_until = stay.until;
        }
        longest.max((to.saturating_sub(lit_until), lit_until))
    }

    /// The first `on` after that moment on any other node.
    pub(crate) fn next_on(&self, after: u64, other_than: usize) -> Option<&LedChange> {
        let mut later = self.lines.iter();
        later.find(|line| line.on && line.at > after && line.node != other_than)
    }

    /// That node's last line before the moment.
    pub(crate) fn last_before(&self, moment: u64, node: usize) -> Option<&LedChange> {
        let mut earlier = self.lines.iter().rev();
        earlier.find(|line| line.node == node && line.at < moment)
    }

    /// That node's first line after the moment.
    pub(crate) fn first_after(&self, moment: u64, node: usize) -> Option<&LedChange> {
        let mut later = self.lines.iter();
        later.find(|line| line.node == node && line.at > moment)
    }

    /// How often an LED went on between two moments, on these nodes.
    pub(crate) fn ons(&self, nodes: &[usize], from: u64, to: u64) -> usize {
        let within = |line: &&LedChange| line.on && (from..to).contains(&line.at);
        let theirs = |line: &&LedChange| nodes.contains(&line.node);
        self.lines.iter().filter(within).filter(theirs).count()
    }

    /// For how long that node's LED was on between two moments.
    pub(crate) fn lit_time(&self, node: usize, from: u64, to: u64) -> u64 {
        let theirs = self.lit_spans.iter().filter(|stay| stay.node == node);
        let within = |stay: &LitSpan| stay.until.min(to).saturating_sub(stay.from.max(from));
        theirs.map(within).sum()
    }

    /// The spans of the LEDs that are on now.
    pub(crate) fn lit(&self) -> Vec<LitSpan> {
        let open = |stay: &&LitSpan| stay.until == u64::MAX;
        self.lit_spans.iter().filter(open).copied().collect()
    }
}

/// Ends the spans of nodes that were killed before `moment`, but those in `kept`, which the LED keeper ends; which they are.
fn end_killed(
    open: &mut Vec<(LedChange, LitSpan)>,
    interventions: &[Intervention],
    kept: &BTreeSet<(usize, u32, Stamp)>,
    moment: u64,
    lit_spans: &mut Vec<LitSpan>,
) -> Vec<(usize, u32, Stamp)> {
    let mut killed = Vec::new();
    open.retain(|(on, stay)| {
        let stay = *stay;
        if kept.contains(&(on.node, on.ball, on.stamp)) {
            return true;
        }
        let death = interventions
            .iter()
            .find_map(|intervention| match *intervention {
                Intervention::Killed { node, before, gone } => {
                    let its = node == stay.node && stay.from < gone && gone <= moment;
                    its.then_some((before.max(stay.from), gone))
                }
                Intervention::Stopped { .. } => None,
            });
        if let Some((until, surely_until)) = death {
            lit_spans.push(LitSpan {
                until,
                surely_until,
                ..stay
            });
        }
        if death.is_some() {
            killed.push((on.node, on.ball, on.stamp));
        }
        death.is_none()
    });
    killed
}

#[cfg(test)]
#[path = "observer_tests.rs"]
mod tests;
