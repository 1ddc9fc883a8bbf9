//! The code is bound to the proof: every step of a node is an action of `proof/`, or a few of them.
//!
//! Counts, over a whole sweep, how many seeds were checked and how often each action was taken.

use std::env;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use carom::ring::{Input, NodeId};

use super::{Checker, Step};
use crate::host::index;
use crate::plan::Plan;
use crate::refinement::{ACTIONS, Handled, ProcessId, Ring, State};
use crate::trace;
use crate::world::World;

/// Fast clocks run by this much faster than true time at most; reference time is as fast as the fastest clock.
const FASTEST_PPM: u128 = 4_900;

/// A sweep of so many seeds takes every action.
const ENOUGH: u64 = 20_000;

/// Seeds that were checked, and steps.
static SEEDS: AtomicU64 = AtomicU64::new(0);
static STEPS: AtomicU64 = AtomicU64::new(0);

/// How often each action was taken.
static TAKEN: [AtomicU64; ACTIONS.len()] = [const { AtomicU64::new(0) }; ACTIONS.len()];

/// `CAROM_SIM_REFINEMENT=0` switches it off.
static IS_ON: LazyLock<bool> =
    LazyLock::new(|| env::var("CAROM_SIM_REFINEMENT").map_or(true, |on| on != "0"));

/// Whether this run is checked: with `play-on` a quorum is one node, which the proof excludes.
pub(crate) fn is_wanted(plan: &Plan) -> bool {
    *IS_ON && !plan.plays_on()
}

/// The state of the proof beside the world.
pub(crate) struct Refinement {
    state: State,
    runs: Runs,
    steps: u64,
}

/// Which process of the proof each process of the world is; one that has another ring file is no part of the ring.
struct Runs {
    /// By host: its process.
    current: Vec<Option<ProcessId>>,
    /// By host and lifetime.
    all: Vec<Vec<Option<ProcessId>>>,
}

impl Refinement {
    pub(crate) fn new(plan: &Plan) -> Self {
        let topology = &plan.topology;
        let ring = Ring {
            lease: topology.lease,
            voters: topology
                .node_ids()
                .map(|node| topology.votes(node))
                .collect(),
            quorum: plan.majority(),
            is_alone: topology.nodes.len() == 1,
        };
        let balls = topology.initial_balls().map(|(id, _)| id);
        let nodes = topology.nodes.len();
        Self {
            state: State::new(ring, nodes, balls.chain(topology.guest_ids())),
            runs: Runs {
                current: vec![None; nodes],
                all: vec![Vec::new(); nodes],
            },
            steps: 0,
        }
    }

    /// A process starts; one with another ring file connects to nobody, and is left out.
    fn start(&mut self, world: &World, host: usize) -> Result<(), String> {
        let Some(process) = &world.hosts[host].process else {
            return Ok(());
        };
        let is_of_ring = *process.topology == *world.plan.topology;
        let started = is_of_ring.then(|| {
            self.state.start(
                (host, process.incarnation),
                process.last_input,
                reference(world.now),
            )
        });
        let p = started.transpose()?;
        self.runs.current[host] = p;
        self.runs.all[host].push(p);
        Ok(())
    }
}

impl Runs {
    /// The process at the other end of a node's connection to that peer.
    fn recipient(&self, world: &World, host: usize, peer: NodeId) -> Option<ProcessId> {
        let process = world.hosts[host].process.as_ref()?;
        let connection = &world.net.connections[process.links[peer.index()]?];
        let lifetime = connection.lifetimes[1 - connection.end_of(host)];
        *self.all[peer.index()].get(lifetime as usize - 1)?
    }
}

impl Checker for Refinement {
    fn name(&self) -> &'static str {
        "refinement"
    }

    fn check(&mut self, world: &World, step: &Step<'_>) -> Result<(), String> {
        match *step {
            Step::Started { host } => self.start(world, host),
            Step::Gone { host, .. } => {
                let p = self.runs.current[host].take();
                p.map_or(Ok(()), |p| self.state.crash(p))
            }
            Step::Handled {
                host,
                input,
                outputs,
            } => {
                let (Some(process), Some(p)) =
                    (&world.hosts[host].process, self.runs.current[host])
                else {
                    return Ok(());
                };
                self.steps += 1;
                let runs = &self.runs;
                let checked = self.state.explain(&Handled {
                    process: p,
                    now: reference(world.now),
                    clock: process.last_input,
                    input,
                    outputs,
                    node: &process.node,
                    recipient: &|peer| runs.recipient(world, host, peer),
                    is_lit: &|ball| process.leds[index(ball)].is_some_and(|led| !led.lent),
                });
                checked
                    .map_err(|what| format!("pi{} handles {}: {what}", host + 1, describe(input)))
            }
            _ => Ok(()),
        }
    }
}

impl std::ops::Drop for Refinement {
    fn drop(&mut self) {
        SEEDS.fetch_add(1, Ordering::Relaxed);
        STEPS.fetch_add(self.steps, Ordering::Relaxed);
        for (total, taken) in TAKEN.iter().zip(self.state.taken) {
            total.fetch_add(taken, Ordering::Relaxed);
        }
    }
}

fn describe(input: &Input) -> String {
    match input {
        Input::Received { from, message } => {
            let line = trace::message(message).unwrap_or("a heartbeat".to_owned());
            format!("{line} from pi{}", from.0 + 1)
        }
        input => format!("{input:?}"),
    }
}

/// Reference time: as fast as the fastest clock.
fn reference(now: u64) -> u64 {
    let now = u128::from(now);
    (now + now * FASTEST_PPM / 1_000_000) as u64
}

/// Prints what a sweep has checked; in a long one every action must have been taken.
pub(crate) fn print_summary(seeds: u64) {
    if !*IS_ON {
        println!("refinement: switched off");
        return;
    }
    let (checked, steps) = (SEEDS.load(Ordering::Relaxed), STEPS.load(Ordering::Relaxed));
    println!("refinement: {steps} steps of {checked} seeds are actions of the proof:");
    let mut never = Vec::new();
    for (action, taken) in ACTIONS.iter().zip(&TAKEN) {
        let taken = taken.load(Ordering::Relaxed);
        println!("{taken:>12} {}", action.name());
        if taken == 0 {
            never.push(action.name());
        }
    }
    assert!(
        never.is_empty() || seeds < ENOUGH,
        "refinement: never seen: {}",
        never.join(", ")
    );
}
