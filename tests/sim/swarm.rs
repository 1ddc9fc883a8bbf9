//! The swarm: each seed draws which faults it uses, how often, how hard, and at which moments.

use carom::ring::Topology;

use crate::clock::{MOST_DRIFT, Nanos};
use crate::faults::{Fault, Kind, Moment, Target, Ways};
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
        let (at, moment) = match company {
            Some(Fault {
                at,
                moment: Moment::Then,
                ..
            }) => (at + random.u64(0..=lease / 20), Moment::Then),
            Some(Fault {
                at,
                moment: Moment::Pass(ball, _),
                ..
            }) => (at, Moment::Pass(ball, soon(random, lease))),
            Some(Fault {
                at,
                moment: Moment::Candidacy(ball, _),
                ..
            }) => (at, Moment::Candidacy(ball, soon(random, lease))),
            None => (random.u64(0..until), draw_moment(random, topology, aimed)),
        };
        let at = at.min(until - 1);
        let lasts = log_uniform(random, lease / 100, hardest).min(until - at);
        let kind = draw_kind(random, topology, kind);
        faults.push(Fault {
            at,
            moment,
            lasts,
            kind,
        });
    }
    faults.sort_by_key(|fault| fault.at);
    faults
}

fn draw_moment(random: &mut fastrand::Rng, topology: &Topology, aimed: u8) -> Moment {
    let ball = random.usize(0..topology.balls.len().max(1));
    let later = soon(random, nanos(topology.lease));
    match random.u8(0..4) {
        choice if choice >= aimed => Moment::Then,
        0 => Moment::Candidacy(ball, later),
        _ => Moment::Pass(ball, later),
    }
}

/// At once, or as long after as lines are on their way.
fn soon(random: &mut fastrand::Rng, lease: Nanos) -> Nanos {
    if random.u8(0..4) == 0 {
        0
    } else {
        log_uniform(random, lease / 10_000, lease / 10)
    }
}

fn draw_kind(random: &mut fastrand::Rng, topology: &Topology, kind: usize) -> Kind {
    let (nodes, lease) = (topology.nodes.len(), nanos(topology.lease));
    let target = draw_target(random, topology);
    match kind {
        0 => Kind::Crash(target),
        1 => Kind::PowerOff(target),
        2 if random.u8(0..3) == 0 => Kind::PowerCut,
        3 => Kind::Pause(target),
        4 => Kind::Drain(target),
        5 => Kind::Cut {
            ways: draw_ways(random, topology),
            hold_up: random.bool(),
        },
        6 => Kind::Stall(draw_ways(random, topology)),
        7 => Kind::Slow {
            ways: draw_ways(random, topology),
            extra: log_uniform(random, lease / 1_000, lease),
        },
        8 => Kind::Drift {
            host: random.usize(0..nodes),
            // Within what a seed with late timers leaves of the one percent.
            drift: *random.choice(&[-1_000, 0, 1_000, MOST_DRIFT]).unwrap_or(&0) / 5,
        },
        9 if random.u8(0..2) == 0 => Kind::OtherFile(target),
        _ => Kind::Reset(random.usize(0..nodes), random.usize(0..nodes)),
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

/// A cut of any shape: one way, a pair, one node off or dumb or deaf, islands, or anything.
fn draw_ways(random: &mut fastrand::Rng, topology: &Topology) -> Ways {
    let nodes = topology.nodes.len();
    let (one, two) = (random.usize(0..nodes), random.usize(0..nodes));
    let parts = random.usize(2..4);
    let islands: Vec<usize> = (0..nodes).map(|_| random.usize(0..parts)).collect();
    let shape = random.u8(0..8);
    let dense = random.u8(1..8);
    let target = draw_target(random, topology);
    match shape {
        0 => return Ways::Off(target),
        1 => return Ways::Dumb(target),
        2 => return Ways::Deaf(target),
        3 => return Ways::Acknowledgement(random.usize(0..topology.balls.len().max(1))),
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
    Ways::These(hit.collect())
}
