//! The figures of a run, printed as a table.

use std::collections::BTreeMap;

use super::fault::Kind;
use super::harness::millis;
use super::verdict::{Verdict, least};

/// Everything that is counted.
#[derive(Default)]
pub(crate) struct Report {
    kinds: BTreeMap<Kind, Figures>,
    pub(crate) refused_passes: u64,
    pub(crate) failures: Vec<String>,
}

#[derive(Default)]
struct Figures {
    count: usize,
    relit: Vec<u64>,
    whole: Vec<u64>,
    elections: usize,
    false_elections: usize,
    overlap: u64,
    lit_while_stopped: u64,
    waking: Option<u64>,
    margin: Option<u64>,
    quiet: u64,
    passes: usize,
}

/// Limits for the time from kill to relit, with a lease of 250 ms.
const MEDIAN_AIM: u64 = 300_000_000;
const P99_AIM: u64 = 500_000_000;

impl Report {
    pub(crate) fn add(&mut self, kind: Kind, whole: u64, verdict: &Verdict) {
        let figures = self.kinds.entry(kind).or_default();
        figures.count += 1;
        if verdict.relit > 0 {
            figures.relit.push(verdict.relit);
        }
        figures.whole.push(whole);
        figures.elections += verdict.elections;
        figures.false_elections += verdict.false_elections;
        figures.overlap += verdict.overlap;
        figures.lit_while_stopped += verdict.lit_while_stopped;
        figures.waking = figures.waking.max(verdict.waking);
        figures.margin = least(figures.margin, verdict.margin);
        figures.quiet += verdict.quiet;
        figures.passes += verdict.passes;
    }

    fn sum(&self, of: impl Fn(&Figures) -> u64) -> u64 {
        self.kinds.values().map(of).sum()
    }

    fn waking(&self) -> Option<u64> {
        self.kinds
            .values()
            .filter_map(|figures| figures.waking)
            .max()
    }

    /// Fails a run with enough kills that misses the aim.
    pub(crate) fn compare_with_the_aim(&mut self) {
        let Some(killed) = self.kinds.get(&Kind::Kill) else {
            return;
        };
        let mut relit = killed.relit.clone();
        relit.sort_unstable();
        let (median, p99) = (share(&relit, 50), share(&relit, 99));
        if relit.len() >= 8 && (median > Some(MEDIAN_AIM) || p99 > Some(P99_AIM)) {
            let sentence = "from kill to relit: median or p99 misses the aim of 300 and 500 ms";
            self.failures.push(sentence.to_owned());
        }
    }

    pub(crate) fn print(&self, seed: u64) {
        println!("\nTimes in ms. Dark: how often the ball was away for more than 20 ms.");
        println!("Whole: from healed to every node seeing every other one up.\n");
        println!(
            "{:<17} {:>5} {:>5} {:>8} {:>7} {:>7} {:>9} {:>7} {:>10} {:>6}",
            "fault",
            "times",
            "dark",
            "relit p50",
            "p99",
            "worst",
            "whole p50",
            "worst",
            "elections",
            "false"
        );
        let mut all = Figures::default();
        for (kind, figures) in &self.kinds {
            figures.print(kind.name());
            all.relit.extend(&figures.relit);
            all.whole.extend(&figures.whole);
            all.count += figures.count;
            all.elections += figures.elections;
            all.false_elections += figures.false_elections;
        }
        all.print("all");
        let hogs = self.kinds.get(&Kind::Hogs);
        println!(
            "\nseed {seed}, {} faults, {} passes seen",
            all.count,
            self.sum(|f| f.passes as u64)
        );
        println!(
            "overlap               {} ns",
            self.sum(|figures| figures.overlap)
        );
        let margins = self.kinds.values().map(|figures| figures.margin);
        println!(
            "closest call          {} from one LED off to another on by election",
            measured(margins.fold(None, least))
        );
        println!(
            "stopped, still lit    {:.1} ms, counted apart; off at most {} after SIGCONT",
            millis(self.sum(|figures| figures.lit_while_stopped)),
            measured(self.waking())
        );
        println!(
            "false elections       {} in {:.1} s without a fault, of them {}",
            all.false_elections,
            millis(self.sum(|figures| figures.quiet)) / 1e3,
            hogs.map_or_else(
                || "none with all processors busy, which was not drawn".to_owned(),
                Figures::busy
            )
        );
        println!("passes refused        {}", self.refused_passes);
        self.print_failures();
    }

    pub(crate) fn print_failures(&self) {
        for failure in &self.failures {
            println!("failed: {failure}");
        }
        let failed = self.failures.len();
        println!(
            "{}",
            if failed == 0 {
                "ok".to_owned()
            } else {
                format!("{failed} failed")
            }
        );
    }
}

impl Figures {
    /// The false elections of the faults that keep all processors busy.
    fn busy(&self) -> String {
        let seconds = millis(self.quiet) / 1e3;
        let count = self.false_elections;
        format!("{count} in {seconds:.1} s with all processors busy")
    }

    fn print(&self, name: &str) {
        println!(
            "{name:<17} {:>5} {:>5} {:>9} {:>7} {:>7} {:>9} {:>7} {:>10} {:>6}",
            self.count,
            self.relit.len(),
            part(&self.relit, 50),
            part(&self.relit, 99),
            part(&self.relit, 100),
            part(&self.whole, 50),
            part(&self.whole, 100),
            self.elections,
            self.false_elections
        );
    }
}

/// The percentile of the sorted spans.
fn share(sorted: &[u64], percent: usize) -> Option<u64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    rank.checked_sub(1)
        .and_then(|rank| sorted.get(rank))
        .copied()
}

/// A span as text; says so if there was none to measure.
fn measured(span: Option<u64>) -> String {
    span.map_or("(not measured)".to_owned(), |span| {
        format!("{:.1} ms", millis(span))
    })
}

fn part(spans: &[u64], percent: usize) -> String {
    let mut sorted = spans.to_vec();
    sorted.sort_unstable();
    let span = share(&sorted, percent);
    span.map_or("-".to_owned(), |span| format!("{:.1}", millis(span)))
}
