//! Rule 11: from any memory, and after any lie, exactly one node possesses each ball, for good.
//!
//! Each seed draws a ring, lets it run, corrupts the memory of some nodes or lets one node lie for a while,
//! and then lets nothing go wrong any more. From three leases later on, six in a ring of more than 40
//! nodes or of one, exactly one node must possess each ball, except while the ball is on its way from one node to
//! the next, and in a ring with far peers during an election. At last a holder is cut off, which shows whether its memory is right, too.

use std::sync::Arc;

use carom::ring::Output;

use crate::clock::Nanos;
use crate::event_queue::Event;
use crate::liar::Liar;
use crate::plan::{Plan, draw_topology, log_uniform, nanos};
use crate::topology::node_names;
use crate::trace::Trace;
use crate::voters;
use crate::world::World;

/// How long the ring is watched after the time for healing, in leases.
const WATCHED_LEASES: u64 = 6;

/// How long a holder is cut off at the end, in leases: longer than an election takes.
const CUT_OFF_LEASES: u64 = 3;

/// How long nobody may possess a ball, in times on the way: one for the pass, and two for the renewal that a
/// ball needs first where it comes to a node whose connection is too young for an echo.
const LONGEST_ON_ITS_WAY: u64 = 3;

/// In a ring with far peers, a node that is one and remembers too high a stamp is found only when the ball comes near it: then
/// nobody possesses the ball until it has been elected above that.
const LONGEST_ELECTION_LEASES: u64 = 3;

/// In a ring of more nodes, elections take longer.
const LARGE: usize = 40;

/// One ring of so many is larger than that.
const LARGE_RINGS: u32 = 2_000;

/// What went wrong with one seed.
pub(crate) struct Unhealed {
    pub(crate) what: String,
    pub(crate) trace: Vec<String>,
}

/// Runs one seed.
pub(crate) fn heal(seed: u64, trace: Trace) -> Result<(), Unhealed> {
    let mut random = fastrand::Rng::with_seed(seed ^ 0x11a);
    let plan = draw(seed, &mut random);
    let lease = plan.lease();
    let count = plan.topology.nodes.len();
    let mut world = World::new(&plan, trace);
    world.remove_checkers();
    let warm_up = random.u64(0..8 * lease);
    world.run_until(warm_up);
    let corrupts = count < 3 || random.u8(0..2) == 0;
    let lies = count >= 3 && (!corrupts || random.u8(0..3) == 0);
    if lies {
        lie(&mut world, &mut random);
    }
    if corrupts {
        corrupt(&mut world, &mut random);
    }
    let faults_ended = world.now;
    // A node alone looks after itself once in two leases only.
    let leases = if count > LARGE || count == 1 { 6 } else { 3 };
    world.run_until(faults_ended + leases * lease);
    let healed = watch(&mut world).and_then(|()| cut_off(&mut world, &mut random));
    healed.map_err(|what| Unhealed {
        what,
        trace: std::mem::take(&mut world.trace.lines),
    })
}

/// Replays one seed.
pub(crate) fn replay(seed: u64, traced: bool) {
    let trace = if traced {
        Trace::recording()
    } else {
        Trace::default()
    };
    match heal(seed, trace) {
        Ok(()) => println!("seed {seed}: the ring healed"),
        Err(unhealed) => {
            for line in &unhealed.trace {
                println!("{line}");
            }
            panic!("seed {seed}: {}", unhealed.what);
        }
    }
}

/// A ring in which nothing goes wrong by itself, on a quick network.
fn draw(seed: u64, random: &mut fastrand::Rng) -> Plan {
    let mut topology = draw_topology(random);
    if random.u32(0..LARGE_RINGS) == 0 {
        topology.nodes = node_names(random.usize(LARGE + 1..=64));
        topology.balls.truncate(2);
    }
    for ball in &mut topology.balls {
        let [across, _] = &mut ball.state.velocity;
        // A ball that leaves at once is possessed for no time at all.
        if across.abs() > 1e6 {
            *across = 400.0;
        }
    }
    voters::draw_three_or_more(seed, &mut topology);
    let lease = nanos(topology.lease);
    let mut plan = Plan::without_faults(topology.nodes.len());
    plan.seed = seed;
    plan.profile.delay = log_uniform(random, lease / 5_000, lease / 40);
    plan.profile.jitter = random.u64(0..=plan.profile.delay / 2);
    plan.profile.max_dial_delay = lease / 4;
    plan.topology = Arc::new(topology);
    plan.other = Arc::clone(&plan.topology);
    plan
}

/// One node lies for a while, then its process ends; it may start again, as an honest one.
fn lie(world: &mut World, random: &mut fastrand::Rng) {
    let host = random.usize(0..world.hosts.len());
    world.liar = Some(Liar::new(host, random.u64(..), world));
    let lasts = random.u64(1..10 * world.plan.lease());
    world.run_until(world.now + lasts);
    world.liar = None;
    world.kill(host, random.bool());
    if random.bool() {
        let after = random.u64(0..4 * world.plan.lease());
        world.schedule(world.now + after, Event::Start(host));
    }
}

/// Some nodes, or all, find arbitrary values in their memory.
///
/// The timer that a node has set before stays set: it is not in its memory but in the kernel.
fn corrupt(world: &mut World, random: &mut fastrand::Rng) {
    let all = random.bool();
    for host in 0..world.hosts.len() {
        if !all && random.bool() {
            continue;
        }
        if let Some(process) = world.hosts[host].awake_mut() {
            process.node.corrupt(random);
        }
    }
}

/// Watches until the end: one node possesses each ball, except while it is on its way.
fn watch(world: &mut World) -> Result<(), String> {
    let lease = world.plan.lease();
    let longest_dark = if world.plan.topology.has_far_peers() {
        LONGEST_ELECTION_LEASES * lease
    } else {
        LONGEST_ON_ITS_WAY * world.plan.one_way()
    };
    let until = world.now + WATCHED_LEASES * lease;
    let balls = world.plan.topology.balls.len();
    let plays_on = world.plan.plays_on();
    let mut dark: Vec<Option<Nanos>> = vec![None; balls];
    let mut failure = None;
    world.run_to(until, |world| {
        for (ball, dark) in dark.iter_mut().enumerate() {
            let holders = holders(world, ball);
            if holders.len() > 1 && (!plays_on || all_linked(world)) {
                failure = Some(format!("hosts {holders:?} all possess ball {}", ball + 1));
            }
            *dark = holders.is_empty().then(|| dark.unwrap_or(world.now));
            if let Some(since) = dark.filter(|since| world.now - since > longest_dark) {
                let leases = (world.now - since) as f64 / lease as f64;
                failure = Some(format!(
                    "nobody has possessed ball {} for {leases:.3} leases",
                    ball + 1
                ));
            }
        }
        failure.is_some()
    });
    failure.map_or(Ok(()), Err)
}

/// Cuts one holder off from all others for a while: the ball may be missed then, and never doubled.
fn cut_off(world: &mut World, random: &mut fastrand::Rng) -> Result<(), String> {
    let ball = random.usize(0..world.plan.topology.balls.len());
    let holder = holders(world, ball).first().copied();
    let Some(holder) = holder.filter(|_| !world.plan.plays_on()) else {
        return Ok(());
    };
    for other in (0..world.hosts.len()).filter(|&other| other != holder) {
        world.net.cut(holder, other, false);
        world.net.cut(other, holder, false);
    }
    world.links_changed = true;
    let until = world.now + CUT_OFF_LEASES * world.plan.lease();
    let mut failure = None;
    world.run_to(until, |world| {
        for ball in 0..world.plan.topology.balls.len() {
            let holders = holders(world, ball);
            if holders.len() > 1 {
                let ball = ball + 1;
                failure = Some(format!(
                    "hosts {holders:?} all possess ball {ball} while host {holder} is cut off"
                ));
            }
        }
        failure.is_some()
    });
    failure.map_or(Ok(()), Err)
}

/// Play-on promises one ball in an island; after the faults there is one island once all are connected.
fn all_linked(world: &World) -> bool {
    let alive = |host: &usize| world.hosts[*host].process.is_some();
    let hosts: Vec<usize> = (0..world.hosts.len()).filter(alive).collect();
    hosts.iter().all(|&a| {
        hosts
            .iter()
            .all(|&b| a == b || crate::islands::linked(world, a, b))
    })
}

/// The hosts whose node believes that it possesses the ball.
fn holders(world: &World, ball: usize) -> Vec<usize> {
    let has = |host: &usize| {
        let process = world.hosts[*host].process.as_ref();
        process.is_some_and(|process| {
            let view = process.node.ball_views().nth(ball);
            view.is_some_and(|view| view.here)
        })
    };
    (0..world.hosts.len()).filter(has).collect()
}

impl World {
    /// Sends what a liar sends instead of its node.
    pub(crate) fn handle_as_liar(&mut self, input: &carom::ring::Input) {
        let Some(liar) = &mut self.liar else { return };
        let host = liar.host;
        for (to, message) in liar.lies(input) {
            self.carry_out(host, &Output::Send { to, message });
        }
    }
}

#[test]
fn a_few_rings_heal() {
    for seed in 1..200 {
        if let Err(unhealed) = heal(seed, Trace::default()) {
            panic!("seed {seed}: {}", unhealed.what);
        }
    }
}
