//! `--kills N`: the daemon of the holder is killed again and again. The LEDs' own records say for how long nobody had the
//! ball, and that the dead node's LED was off before; the moment of the kill is no witness.

use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;

use super::harness::{LedChange, millis, now, wait_for};
use super::ring::{Ring, lease};

/// How long the ball may be away at most.
const LIMIT: Duration = Duration::from_secs(10);

/// So long after the ball is back, the last lines of all LEDs have been written.
const SETTLED: Duration = Duration::from_millis(20);

/// Kills that just miss the ball, of each one that counts.
const MOST_MISSED: usize = 3;

/// What the run must not exceed, in milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bounds {
    pub(crate) median: Option<f64>,
    pub(crate) p99: Option<f64>,
}

/// One kill, in nanoseconds after it.
struct Kill {
    /// The LED of the dead node went off.
    off: u64,
    /// The next LED went on.
    on: u64,
}

/// Kills the holder so many times and prints the figures; returns what is wrong.
pub(crate) fn run(ring: &mut Ring, count: usize, seed: u64, bounds: Bounds) -> Vec<String> {
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut kills, mut wrong, mut missed) = (Vec::new(), Vec::new(), 0);
    while kills.len() < count && missed < count * MOST_MISSED {
        let wait = random.u64(0..ring.dwell * 900);
        match one(ring, Duration::from_micros(wait)) {
            Ok(Some(kill)) => kills.push(kill),
            Ok(None) => missed += 1,
            Err(why) => {
                wrong.push(format!("kill {}: {why}", kills.len() + 1));
                break;
            }
        }
    }
    wrong.append(&mut ring.wrong);
    println!(
        "{} kills of the holder, lease {:?}; {missed} more just missed the ball",
        kills.len(),
        lease()
    );
    let offs = kills.iter().map(|kill| kill.off).collect();
    let ons: Vec<u64> = kills.iter().map(|kill| kill.on).collect();
    spread("its LED off after", offs);
    let [median, p99] = spread("the next LED on after", ons);
    let overlaps = kills.iter().map(|kill| kill.off.saturating_sub(kill.on));
    let overlap: u64 = overlaps.sum();
    println!("  two LEDs on at once: {:.3} ms", millis(overlap));
    if overlap > 0 {
        wrong.push(format!("two LEDs were on for {:.3} ms", millis(overlap)));
    }
    for (what, found, bound) in [
        ("median", median, bounds.median),
        ("99 of 100", p99, bounds.p99),
    ] {
        if let Some(bound) = bound.filter(|&bound| found > bound) {
            let sentence = "the ball came back too late";
            wrong.push(format!("{sentence}: {what} {found:.1} ms, and not {bound}"));
        }
    }
    wrong
}

/// One kill; `None` if the ball had just left.
fn one(ring: &mut Ring, after_arrival: Duration) -> Result<Option<Kill>, String> {
    ring.take();
    let (holder, _) = ring.wait_for_arrival();
    sleep(after_arrival);
    ring.poll();
    if ring.lit() != [holder] {
        return Ok(None);
    }
    let killed = ring.kill(&[holder]);
    let relit = |line: &LedChange| line.on && line.at > killed && line.node != holder;
    wait_for(LIMIT, "the ball elsewhere", || {
        ring.poll();
        ring.seen().iter().any(relit).then_some(())
    });
    sleep(SETTLED);
    let (lines, _) = ring.take();
    let spawned = ring.spawn(holder);
    ring.settle(spawned, LIMIT)?;
    let after = |line: &&LedChange| line.at > killed;
    let mut its = lines.iter().filter(|line| line.node == holder);
    let off = its.find(after).filter(|line| !line.on);
    let off = off.ok_or_else(|| format!("the LED of pi{} did not go off", holder + 1))?;
    if !off.by_keeper {
        // It passed the ball in the last moment.
        return Ok(None);
    }
    let on = lines.iter().filter(after).find(|line| relit(line));
    let on = on.ok_or("no LED went on")?;
    Ok(Some(Kill {
        off: off.at - killed,
        on: on.at - killed,
    }))
}

/// Prints some spans; returns the median and the longest of 99 of 100, in milliseconds.
fn spread(what: &str, mut spans: Vec<u64>) -> [f64; 2] {
    spans.sort_unstable();
    let at = |part: usize| {
        let index = (spans.len() * part).div_ceil(100).saturating_sub(1);
        spans.get(index).map_or(f64::NAN, |&span| millis(span))
    };
    let [median, p99, most] = [50, 99, 100].map(at);
    println!("  {what}: median {median:.1} ms, 99 of 100 {p99:.1} ms, most {most:.1} ms");
    [median, p99]
}

/// Kills or stops the keeper of a node, alone or with its daemon. Returns the moment before, that of healing, and how.
pub(crate) fn hit_keeper(
    ring: &mut Ring,
    node: usize,
    form: usize,
    lasts: Duration,
) -> (u64, u64, &'static str) {
    let at = now();
    match form % 4 {
        0 => {
            let keeper = ring.keeper(node);
            ring.signal(keeper, Signal::KILL);
            ring.watch(lasts);
            (at, now(), ", its keeper killed")
        }
        1 => {
            let keeper = ring.keeper(node);
            ring.signal(keeper, Signal::STOP);
            ring.watch(lasts.max(lease() * 6 / 5));
            ring.signal(keeper, Signal::CONT);
            (at, now(), ", its keeper stopped")
        }
        2 => {
            let keeper = ring.keeper(node);
            ring.signal(keeper, Signal::KILL);
            ring.kill(&[node]);
            ring.watch(lasts);
            (at, ring.spawn(node), " and its keeper before")
        }
        _ => {
            let keeper = ring.keeper(node);
            ring.kill(&[node]);
            ring.signal(keeper, Signal::KILL);
            ring.watch(lasts);
            (at, ring.spawn(node), " and its keeper after")
        }
    }
}
