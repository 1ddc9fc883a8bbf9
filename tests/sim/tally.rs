//! What happened in a run, and in all runs of a sweep: how often the promises were put to the test.

use std::fmt;
use std::ops::Add;

use carom::ring::{Notification, Output};

use crate::clock::Nanos;
use crate::plan::Plan;

/// A ring of more nodes counts as a large one.
const LARGE: usize = 16;

/// A ring of so many is a very large one.
const HUGE: usize = 100;

/// Counts the events of one run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    elections: u64,
    passes: u64,
    loans: u64,
    guests: u64,
    restarts: u64,
    /// When the last process of each host ended.
    ended: Vec<Option<Nanos>>,
    most_restarted: Restarted,
}

/// How many nodes were restarted within one lease of each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Restarted {
    #[default]
    Minority,
    Majority,
    AllButOne,
    All,
}

impl Tally {
    pub(crate) fn new(hosts: usize) -> Self {
        Self {
            ended: vec![None; hosts],
            ..Self::default()
        }
    }

    pub(crate) fn count_output(&mut self, output: &Output) {
        match output {
            Output::Notify(Notification::ElectionWon { .. }) => self.elections += 1,
            Output::Notify(Notification::GuestJoined { .. }) => self.guests += 1,
            Output::SendToWindow { .. } => self.loans += 1,
            _ => {}
        }
    }

    pub(crate) fn count_pass(&mut self) {
        self.passes += 1;
    }

    /// Counts the end of a process, and how many others ended within the last lease.
    pub(crate) fn count_end(&mut self, host: usize, now: Nanos, plan: &Plan) {
        self.restarts += 1;
        self.ended[host] = Some(now);
        let recent = |ended: &&Option<Nanos>| ended.is_some_and(|at| now - at <= plan.lease());
        let ended = (0..self.ended.len()).filter(|&host| recent(&&self.ended[host]));
        let majority = plan.is_majority(ended.clone());
        let (recent, all) = (ended.count(), self.ended.len());
        let restarted = match recent {
            _ if recent == all => Restarted::All,
            _ if recent + 1 == all => Restarted::AllButOne,
            _ if majority => Restarted::Majority,
            _ => Restarted::Minority,
        };
        // In a ring of one or two, every crash is one of all nodes, or of all but one.
        if all > 2 {
            self.most_restarted = self.most_restarted.max(restarted);
        }
    }
}

/// The sums over many runs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Summary {
    runs: u64,
    with_windows: u64,
    with_guests: u64,
    large: u64,
    /// Runs with at least 100 nodes.
    huge: u64,
    /// Runs in which some nodes do not vote.
    with_others: u64,
    majority_restarted: u64,
    all_but_one_restarted: u64,
    all_restarted: u64,
    elections: u64,
    passes: u64,
    loans: u64,
    guests: u64,
    restarts: u64,
}

impl Summary {
    /// The summary of one run.
    pub(crate) fn of(plan: &Plan, tally: &Tally) -> Self {
        let topology = &plan.topology;
        let at_least = |least: Restarted| u64::from(tally.most_restarted >= least);
        Self {
            runs: 1,
            with_windows: u64::from(!topology.window_chains.is_empty()),
            with_guests: u64::from(topology.external_balls.guests > 0),
            large: u64::from(topology.nodes.len() > LARGE),
            huge: u64::from(topology.nodes.len() >= HUGE),
            with_others: u64::from(topology.voter_ids().count() < topology.nodes.len()),
            majority_restarted: at_least(Restarted::Majority),
            all_but_one_restarted: at_least(Restarted::AllButOne),
            all_restarted: at_least(Restarted::All),
            elections: tally.elections,
            passes: tally.passes,
            loans: tally.loans,
            guests: tally.guests,
            restarts: tally.restarts,
        }
    }
}

impl Add for Summary {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            runs: self.runs + other.runs,
            with_windows: self.with_windows + other.with_windows,
            with_guests: self.with_guests + other.with_guests,
            large: self.large + other.large,
            huge: self.huge + other.huge,
            with_others: self.with_others + other.with_others,
            majority_restarted: self.majority_restarted + other.majority_restarted,
            all_but_one_restarted: self.all_but_one_restarted + other.all_but_one_restarted,
            all_restarted: self.all_restarted + other.all_restarted,
            elections: self.elections + other.elections,
            passes: self.passes + other.passes,
            loans: self.loans + other.loans,
            guests: self.guests + other.guests,
            restarts: self.restarts + other.restarts,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |part: u64| 100.0 * part as f64 / self.runs.max(1) as f64;
        writeln!(
            formatter,
            "of these seeds, {:.1} % have windows, {:.1} % guests, {:.2} % more than {LARGE} nodes, {} seeds {HUGE} or more; in {:.1} % some nodes do not vote",
            percent(self.with_windows),
            percent(self.with_guests),
            percent(self.large),
            self.huge,
            percent(self.with_others),
        )?;
        writeln!(
            formatter,
            "in rings of three nodes or more, within one lease, {:.1} % restart a majority, among them {:.1} % all nodes but one or all, {:.1} % all",
            percent(self.majority_restarted),
            percent(self.all_but_one_restarted),
            percent(self.all_restarted),
        )?;
        write!(
            formatter,
            "{} elections won, {} passes, {} loans, {} guests joined, {} processes ended",
            self.elections, self.passes, self.loans, self.guests, self.restarts,
        )
    }
}
