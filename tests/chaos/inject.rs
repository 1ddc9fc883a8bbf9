//! Injects one fault into the ring, and heals it.

use std::fs::OpenOptions;
use std::io::pipe;
use std::process::{Child, Command, Stdio};
use std::thread::{available_parallelism, sleep};
use std::time::Duration;

use super::fault::{Fault, Kind, Target};
use super::harness::{full_pipe, now};
use super::kills;
use super::memory;
use super::ring::{Ring, lease, nodes, votes};
use super::testbed::Drops;

/// How long the processors are busy before a node is hit, too.
const PRESSED: Duration = Duration::from_millis(500);

/// What a fault has done.
pub(crate) struct Damage {
    /// The affected nodes, as text.
    pub(crate) whom: String,
    /// The moment before.
    pub(crate) at: u64,
    /// The moment before the last step of healing.
    pub(crate) healed: u64,
    /// The nodes whose lost pass or lost lease is explained by the fault.
    pub(crate) victims: Vec<usize>,
    /// Errors: what should have happened and did not.
    pub(crate) wrong: Vec<String>,
}

/// The nodes that a fault affects.
struct Aim {
    first: usize,
    holder: usize,
    others: Vec<usize>,
}

impl Aim {
    /// The first victim and so many more.
    fn some(&self, count: usize) -> Vec<usize> {
        let more = self.others.iter().copied().take(count - 1);
        [self.first].into_iter().chain(more).collect()
    }

    fn except(some: &[usize]) -> Vec<usize> {
        (0..nodes()).filter(|node| !some.contains(node)).collect()
    }
}

/// Waits for the moment of the fault, and then injects it.
pub(crate) fn inject(ring: &mut Ring, fault: &Fault) -> Damage {
    let (holder, before) = ring.wait_for_arrival();
    let backwards =
        before.is_some_and(|before| (holder + nodes() - before) % nodes() > nodes() / 2);
    let step = if backwards { nodes() - 1 } else { 1 };
    let first = match fault.target {
        Target::Holder => holder,
        Target::Next => (holder + step) % nodes(),
        Target::Node(node) => node,
    };
    let others = fault.others.iter().copied().filter(|&node| node != first);
    let aim = Aim {
        first,
        holder,
        others: others.collect(),
    };
    sleep(fault.after_arrival);
    match fault.kind {
        Kind::Kill => kill(ring, fault, &aim, 1),
        Kind::Term => terminate(ring, fault, &aim),
        Kind::Stop => stop(ring, fault, &aim, 1),
        Kind::Cable => cable(ring, fault, &aim, 1),
        Kind::OneWay => one_way(ring, fault, &aim),
        Kind::Partition => partition(ring, fault, &aim),
        Kind::Shatter => shatter(ring, fault, &aim),
        Kind::Two => match fault.form % 4 {
            0 | 1 => kill(ring, fault, &aim, 2),
            2 => stop(ring, fault, &aim, 2),
            _ => cable(ring, fault, &aim, 2),
        },
        Kind::Storm => storm(ring, fault, &aim),
        Kind::Disk => disk(ring, fault, &aim),
        Kind::Log => unread_log(ring, fault, &aim),
        Kind::Hogs => hogs(ring, fault),
        Kind::Pressed => under_load(ring, fault, aim),
        Kind::Keeper => keeper(ring, fault, &aim),
        Kind::Memory => memory(ring, fault, &aim),
    }
}

fn damage(aim: &Aim, victims: Vec<usize>, how: &str, at: u64, healed: u64) -> Damage {
    let name = |&node: &usize| {
        let ball = if node == aim.holder { "*" } else { "" };
        format!("pi{}{ball}", node + 1)
    };
    let names: Vec<String> = victims.iter().map(name).collect();
    Damage {
        whom: format!("{}{how}", names.join(" ")),
        at,
        healed,
        victims,
        wrong: Vec::new(),
    }
}

fn kill(ring: &mut Ring, fault: &Fault, aim: &Aim, count: usize) -> Damage {
    let victims = aim.some(count);
    let at = ring.kill(&victims);
    ring.watch(fault.lasts);
    let healed = now();
    for &node in &victims {
        ring.spawn(node);
    }
    damage(
        aim,
        victims,
        if count > 1 { " killed" } else { "" },
        at,
        healed,
    )
}

fn keeper(ring: &mut Ring, fault: &Fault, aim: &Aim) -> Damage {
    let (at, healed, how) = kills::hit_keeper(ring, aim.first, fault.form, fault.lasts);
    damage(aim, aim.some(1), how, at, healed)
}

fn memory(ring: &mut Ring, fault: &Fault, aim: &Aim) -> Damage {
    let it = memory::run_out(ring, aim.first, fault.form, fault.lasts);
    let damage = damage(aim, aim.some(1), it.how, it.at, it.healed);
    Damage {
        wrong: it.wrong,
        ..damage
    }
}

fn terminate(ring: &mut Ring, fault: &Fault, aim: &Aim) -> Damage {
    let at = ring.terminate(aim.first);
    ring.watch(fault.lasts);
    let healed = ring.spawn(aim.first);
    damage(aim, aim.some(1), "", at, healed)
}

fn stop(ring: &mut Ring, fault: &Fault, aim: &Aim, count: usize) -> Damage {
    let victims = aim.some(count);
    let stopped: Vec<u64> = victims.iter().map(|&node| ring.stop(node)).collect();
    // Longer than the lease, because within it a holder may rightly go on.
    ring.watch(fault.lasts.max(lease() * 6 / 5));
    let healed = now();
    for &node in &victims {
        ring.resume(node);
    }
    damage(
        aim,
        victims,
        if count > 1 { " stopped" } else { "" },
        stopped[0],
        healed,
    )
}

fn cable(ring: &mut Ring, fault: &Fault, aim: &Aim, count: usize) -> Damage {
    let victims = aim.some(count);
    let at = now();
    for &node in &victims {
        ring.testbed.cable(node, false);
    }
    ring.watch(fault.lasts);
    for &node in &victims {
        ring.testbed.cable(node, true);
    }
    damage(
        aim,
        victims,
        if count > 1 { " unplugged" } else { "" },
        at,
        now(),
    )
}

fn one_way(ring: &mut Ring, fault: &Fault, aim: &Aim) -> Damage {
    // All the others, a few, or one.
    let count = [nodes() - 1, 3, 1][fault.form % 3];
    let others = &aim.others[..count];
    let (drops, word) = if (fault.form / 3).is_multiple_of(2) {
        (Drops::Outgoing, "unheard by")
    } else {
        (Drops::Incoming, "deaf to")
    };
    let at = now();
    ring.testbed.drop_between(aim.first, others, drops);
    ring.watch(fault.lasts);
    ring.testbed.drop_nothing(aim.first);
    let mut victims = vec![aim.first];
    if count < nodes() - 1 {
        victims.extend(others);
    }
    let how = format!(", the first {word} {count}");
    damage(aim, victims, &how, at, now())
}

fn partition(ring: &mut Ring, fault: &Fault, aim: &Aim) -> Damage {
    let minority = aim.some(fault.form % 3 + 1);
    let majority = Aim::except(&minority);
    let at = now();
    for &node in &minority {
        ring.testbed.drop_between(node, &majority, Drops::Both);
    }
    ring.watch(fault.lasts);
    for &node in &minority {
        ring.testbed.drop_nothing(node);
    }
    damage(aim, minority, " cut off", at, now())
}

/// Three islands, none of which has a majority of the voters.
fn shatter(ring: &mut Ring, fault: &Fault, aim: &Aim) -> Damage {
    let all = aim.some(nodes());
    let (voters, rest): (Vec<usize>, Vec<usize>) = all.iter().partition(|&&node| votes(node));
    let [one, two] = [3, 5];
    let (third, two_thirds) = (rest.len() / 3, rest.len() * 2 / 3);
    let islands = [
        [&voters[..one], &rest[..third]].concat(),
        [&voters[one..two], &rest[third..two_thirds]].concat(),
        [&voters[two..], &rest[two_thirds..]].concat(),
    ];
    let at = now();
    for island in &islands {
        for &node in island {
            let beyond = Aim::except(island);
            ring.testbed.drop_between(node, &beyond, Drops::Both);
        }
    }
    ring.watch(fault.lasts);
    for &node in &all {
        ring.testbed.drop_nothing(node);
    }
    let how = format!(
        " as {}+{}+{}",
        islands[0].len(),
        islands[1].len(),
        islands[2].len()
    );
    damage(aim, all, &how, at, now())
}

fn storm(ring: &mut Ring, fault: &Fault, aim: &Aim) -> Damage {
    let victims = aim.some(fault.form % 2 + 1);
    let (at, mut healed) = (now(), 0);
    for &pause in &fault.pauses {
        for &node in &victims {
            ring.kill(&[node]);
            healed = ring.spawn(node);
        }
        ring.watch(pause);
    }
    let how = format!(" {} times", fault.pauses.len());
    damage(aim, victims, &how, at, healed.max(at))
}

/// Fills the disk for long enough that the ball comes by: the node plays on and reports the error.
fn disk(ring: &mut Ring, fault: &Fault, aim: &Aim) -> Damage {
    let node = aim.first;
    let at = now();
    ring.blind(node);
    // Often there is room for the beginning of a line.
    let room = u64::try_from(fault.form * 3 % 80).unwrap();
    ring.testbed.fill_disk(node, room);
    ring.watch(fault.lasts);
    let told = ring.status(node);
    ring.testbed.free_disk(node);
    ring.unblind(node);
    let mut damage = damage(aim, vec![node], "", at, now());
    let told = told.is_some_and(|status| status["led"]["fault"].is_string());
    if !told {
        let sentence = format!("pi{} did not say that its disk is full", node + 1);
        damage.wrong.push(sentence);
    }
    damage
}

/// A node runs with a log that nobody reads, or that cannot be written. Another is killed, so that there is much to log.
fn unread_log(ring: &mut Ring, fault: &Fault, aim: &Aim) -> Damage {
    let (node, other) = (aim.first, aim.others[0]);
    let at = ring.terminate(node);
    let (how, stderr, _reader): (_, Stdio, _) = match fault.form % 3 {
        0 => {
            let (reader, writer) = full_pipe();
            ("into a full pipe", writer.into(), Some(reader))
        }
        1 => ("into a closed pipe", pipe().unwrap().1.into(), None),
        _ => {
            let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
            ("into /dev/full", full.into(), None)
        }
    };
    ring.spawn_logging_to(node, stderr);
    ring.watch(lease() * 3 / 2);
    ring.kill(&[other]);
    ring.watch(fault.lasts);
    ring.spawn(other);
    ring.watch(lease() * 3 / 2);
    ring.terminate(node);
    let healed = ring.spawn(node);
    // Only the killed node may lose the ball: the other must not notice.
    let how = format!(" killed, pi{} logs {how}", node + 1);
    damage(aim, vec![other], &how, at, healed)
}

fn hogs(ring: &mut Ring, fault: &Fault) -> Damage {
    let at = now();
    let hogs = Hogs::start();
    ring.watch(fault.lasts);
    let count = hogs.0.len();
    drop(hogs);
    Damage {
        whom: format!("{count} for {:.1} s", fault.lasts.as_secs_f64()),
        at,
        healed: now(),
        victims: Vec::new(),
        wrong: Vec::new(),
    }
}

fn under_load(ring: &mut Ring, fault: &Fault, aim: Aim) -> Damage {
    let hogs = Hogs::start();
    ring.watch(PRESSED);
    let first = ring.wait_for_arrival().0;
    let aim = Aim {
        first,
        holder: first,
        ..aim
    };
    sleep(fault.after_arrival / 2);
    let damage = if fault.form.is_multiple_of(2) {
        kill(ring, fault, &aim, 1)
    } else {
        cable(ring, fault, &aim, 1)
    };
    drop(hogs);
    damage
}

/// Twice as many busy processes as there are processors.
struct Hogs(Vec<Child>);

impl Hogs {
    fn start() -> Self {
        let count = available_parallelism().map_or(2, |count| count.get()) * 2;
        let hog = |_| {
            Command::new("setpriv")
                .args(["--pdeathsig", "KILL", "--"])
                .args(["sh", "-c", "while :; do :; done"])
                .stdin(Stdio::null())
                .spawn()
                .unwrap()
        };
        Self((0..count).map(hog).collect())
    }
}

impl Drop for Hogs {
    fn drop(&mut self) {
        for hog in &mut self.0 {
            // Fails only where it has ended already.
            let _ = hog.kill();
            let _ = hog.wait();
        }
    }
}

/// No fault in the ring: the processors are busy for that long.
pub(crate) fn load(number: usize, dwell: u64, lasts: Duration) -> Fault {
    Fault {
        number,
        kind: Kind::Hogs,
        dwell,
        target: Target::Holder,
        after_arrival: Duration::ZERO,
        lasts,
        rest: Duration::from_millis(300),
        others: Vec::new(),
        form: 0,
        pauses: Vec::new(),
    }
}
