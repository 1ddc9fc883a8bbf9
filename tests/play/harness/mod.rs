//! The stage: ring files, processes, proxies between them, and the observer of their LEDs.

mod cluster;
mod http;
mod mesh;
mod observer;
mod plan;
mod process;
mod proxy;
mod stranger;
mod traces;

use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::Duration;

pub(crate) use cluster::Cluster;
pub(crate) use http::get;
pub(crate) use mesh::Mesh;
pub(crate) use observer::Observed;
pub(crate) use plan::{Plan, free_ports};
pub(crate) use process::{Process, Usage};
pub(crate) use stranger::{Claim, Stranger};

static TURN: Mutex<()> = Mutex::new(());

/// One test at a time: hold this for as long as it runs.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    // A test that failed says nothing about the next one.
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Now, on the clock of the LED traces, in nanoseconds.
pub(crate) fn now() -> u64 {
    carom::clock::monotonic_nanos()
}

pub(crate) fn millis(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}

pub(crate) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap()
}

/// Polls until there is an answer; what was waited for is named if none comes in time.
pub(crate) fn wait_for<T>(limit: Duration, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let until = now() + nanos(limit);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(now() < until, "waited {limit:?} in vain for {what}");
        sleep(Duration::from_millis(2));
    }
}

/// A `carom` with those arguments, without whatever this machine's environment says to it.
pub(crate) fn carom(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_carom"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CAROM_") {
            command.env_remove(name);
        }
    }
    command.args(arguments);
    command
}

/// Runs `carom` to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    carom(arguments).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("carom writes UTF-8")
}

/// The smallest, the middle and the largest of some spans, as text.
pub(crate) fn spread(spans: &[u64]) -> String {
    let mut sorted = spans.to_vec();
    sorted.sort_unstable();
    let at = |index: usize| sorted.get(index).map_or(0.0, |&span| millis(span));
    let last = sorted.len().saturating_sub(1);
    format!(
        "{} times: least {:.1} ms, median {:.1} ms, most {:.1} ms",
        sorted.len(),
        at(0),
        at(last / 2),
        at(last)
    )
}
