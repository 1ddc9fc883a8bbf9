//! Swarm testing: each seed draws which kinds of faults it uses, how many, how long, and when.

use carom::ring::{NodeId, Topology};

use crate::clock::{MOST_DRIFT, Nanos};
use crate::faults::{Directions, Fault, FaultKind, Target, Trigger};
use crate::plan::{log_uniform, nanos};

const KINDS: usize = 11;

/// Draws the faults of one run.
pub(crate) fn draw(random: &mut fastrand::Rng, topology: &Topology, until: Nanos) -> Vec<Fault> {
    let lease = nanos(topology.lease);
    let count = match random.u8(0..10) {
        0 => 0,
        1..3 => 1,
        3..7 => random.usize(2..8),
        _ => random.usize(8..60),
    };
    // Some seeds use one kind only, some use all.
    let odds = random.u8(1..6);
    let enabled: Vec<usize> = (0..KINDS).filter(|_| random.u8(0..6) < odds).collect();
    let hardest = log_uniform(random, lease / 10, lease * 6);
    let aimed = random.u8(0..4);
    let mut faults: Vec<Fault> = Vec::new();
    // First, so that other faults may come together with these.
    if count > 0 && random.bool() {
        for _ in 0..random.usize(1..4) {
            faults.extend(draw_restarts(random, topology, until, aimed));
        }
    }
    for _ in 0..count {
        let Some(&kind) = random.choice(&enabled) else {
            break;
        };
        // Half of all faults come together with another one.
        let company = if random.bool() {
            random.choice(&faults).cloned()
        } else {
            None
        };
        let (at, trigger) = match company {
            Some(Fault {
                at,
                trigger: Trigger::AtTime,
                ..
            }) => (at + random.u64(0..=lease / 20), Trigger::AtTime),
            Some(Fault {
                at,
                trigger: Trigger::Pass(ball, _),
                ..
            }) => (at, Trigger::Pass(ball, soon(random, lease))),
            Some(Fault {
                at,
                trigger: Trigger::Candidacy(ball, _),
                ..
            }) => (at, Trigger::Candidacy(ball, soon(random, lease))),
            None => (random.u64(0..until), draw_trigger(random, topology, aimed)),
        };
        let at = at.min(until - 1);
        let lasts = log_uniform(random, lease / 100, hardest).min(until - at);
        let kind = draw_kind(random, topology, kind);
        faults.push(Fault {
            at,
            trigger,
            lasts,
            kind,
        });
    }
    faults.sort_by_key(|fault| fault.at);
    faults
}

/// A majority of the nodes restarts, or of the voters, or all but one, or all: at the same moment, or one by one
/// within a lease.
fn draw_restarts(
    random: &mut fastrand::Rng,
    topology: &Topology,
    until: Nanos,
    aimed: u8,
) -> Vec<Fault> {
    let (nodes, lease) = (topology.nodes.len(), nanos(topology.lease));
    let majority = nodes / 2 + 1;
    let count = match random.u8(0..4) {
        0 => nodes,
        1 => majority.max(nodes - 1),
        _ => majority,
    };
    let mut hosts: Vec<usize> = (0..nodes).collect();
    random.shuffle(&mut hosts);
    let count = voters_first(random, topology, &mut hosts).unwrap_or(count);
    let spared = hosts.split_off(count);
    let (at, trigger) = (random.u64(0..until), draw_trigger(random, topology, aimed));
    let spread = match random.u8(0..3) {
        0 => 0,
        _ => log_uniform(random, lease / 1_000, lease),
    };
    let loses_power = random.bool();
    let lasts = log_uniform(random, lease / 1_000, lease);
    let each = hosts.into_iter().map(|host| {
        let later = random.u64(0..=spread);
        let target = Target::Host(host);
        Fault {
            at: match trigger {
                Trigger::AtTime => (at + later).min(until - 1),
                Trigger::Pass(..) | Trigger::Candidacy(..) => at,
            },
            trigger: match trigger {
                Trigger::AtTime => Trigger::AtTime,
                Trigger::Pass(ball, first) => Trigger::Pass(ball, first + later),
                Trigger::Candidacy(ball, first) => Trigger::Candidacy(ball, first + later),
            },
            lasts,
            kind: if loses_power {
                FaultKind::PowerOff(target)
            } else {
                FaultKind::Crash(target)
            },
        }
    });
    let mut faults: Vec<Fault> = each.collect();
    if spared.len() > 1 && random.bool() {
        faults.push(cut_before(random, &spared, at, lease, until));
    }
    faults
}

/// Where some nodes do not vote, half of the restarts hit a majority of the voters and nobody else: puts them first,
/// and says how many they are.
fn voters_first(
    random: &mut fastrand::Rng,
    topology: &Topology,
    hosts: &mut [usize],
) -> Option<usize> {
    let votes = |&host: &usize| topology.votes(NodeId(host as u16));
    if hosts.iter().all(votes) || random.bool() {
        return None;
    }
    hosts.sort_by_key(|host| !votes(host));
    Some(topology.majority())
}

/// The nodes that are not restarted are cut off from each other first: where one of them holds a ball, another
/// asks the restarted ones for it.
fn cut_before(
    random: &mut fastrand::Rng,
    hosts: &[usize],
    before: Nanos,
    lease: Nanos,
    until: Nanos,
) -> Fault {
    let at = before.saturating_sub(random.u64(0..3 * lease));
    let directions = hosts.iter().flat_map(|&from| {
        let others = hosts.iter().filter(move |&&to| to != from);
        others.map(move |&to| (from, to))
    });
    Fault {
        at,
        trigger: Trigger::AtTime,
        lasts: random.u64(lease..6 * lease).min(until - at),
        kind: FaultKind::Cut {
            directions: Directions::These(directions.collect()),
            hold_up: random.bool(),
        },
    }
}

fn draw_trigger(random: &mut fastrand::Rng, topology: &Topology, aimed: u8) -> Trigger {
    let ball = random.usize(0..topology.balls.len().max(1));
    let later = soon(random, nanos(topology.lease));
    match random.u8(0..4) {
        choice if choice >= aimed => Trigger::AtTime,
        0 => Trigger::Candidacy(ball, later),
        _ => Trigger::Pass(ball, later),
    }
}

/// At once, or about as much later as messages are under way.
fn soon(random: &mut fastrand::Rng, lease: Nanos) -> Nanos {
    if random.u8(0..4) == 0 {
        0
    } else {
        log_uniform(random, lease / 10_000, lease / 10)
    }
}

fn draw_kind(random: &mut fastrand::Rng, topology: &Topology, kind: usize) -> FaultKind {
    let (nodes, lease) = (topology.nodes.len(), nanos(topology.lease));
    let target = draw_target(random, topology);
    match kind {
        0 => FaultKind::Crash(target),
        1 => FaultKind::PowerOff(target),
        2 if random.u8(0..3) == 0 => FaultKind::PowerCut,
        3 => FaultKind::Pause(target),
        4 => FaultKind::Drain(target),
        5 => FaultKind::Cut {
            directions: draw_directions(random, topology),
            hold_up: random.bool(),
        },
        6 => FaultKind::Stall(draw_directions(random, topology)),
        7 => FaultKind::Slow {
            directions: draw_directions(random, topology),
            extra: log_uniform(random, lease / 1_000, lease),
        },
        8 => FaultKind::Drift {
            host: random.usize(0..nodes),
            // Within what a seed with late timers leaves of the one percent.
            drift: *random.choice(&[-1_000, 0, 1_000, MOST_DRIFT]).unwrap_or(&0) / 5,
        },
        9 if random.u8(0..2) == 0 => FaultKind::OtherFile(target),
        _ => FaultKind::Reset(random.usize(0..nodes), random.usize(0..nodes)),
    }
}

fn draw_target(random: &mut fastrand::Rng, topology: &Topology) -> Target {
    let ball = random.usize(0..topology.balls.len().max(1));
    match random.u8(0..6) {
        0 => Target::Holder(ball),
        1 => Target::Receiver(ball),
        2 => Target::Sender(ball),
        _ => Target::Host(random.usize(0..topology.nodes.len())),
    }
}

/// A cut of any shape: one direction, a pair, one node in either direction or both, islands, or any.
fn draw_directions(random: &mut fastrand::Rng, topology: &Topology) -> Directions {
    let nodes = topology.nodes.len();
    let (one, two) = (random.usize(0..nodes), random.usize(0..nodes));
    let parts = random.usize(2..4);
    let islands: Vec<usize> = (0..nodes).map(|_| random.usize(0..parts)).collect();
    let shape = random.u8(0..8);
    let dense = random.u8(1..8);
    let target = draw_target(random, topology);
    match shape {
        0 => return Directions::Isolate(target),
        1 => return Directions::Outgoing(target),
        2 => return Directions::Incoming(target),
        3 => return Directions::Acknowledgement(random.usize(0..topology.balls.len().max(1))),
        _ => {}
    }
    let all = (0..nodes).flat_map(|a| (0..nodes).map(move |b| (a, b)));
    let hit = all.filter(|&(from, to)| {
        from != to
            && match shape {
                4 => (from, to) == (one, two),
                5 => from.min(to) == one.min(two) && from.max(to) == one.max(two),
                6 => islands[from] != islands[to],
                _ => random.u8(0..8) < dense,
            }
    });
    Directions::These(hit.collect())
}
