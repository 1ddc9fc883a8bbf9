//! The test harness: ring files, processes, proxies between them, and the observer of their LEDs.

mod basics;
mod cluster;
mod full_pipe;
mod http;
mod listener;
mod mesh;
mod observer;
mod plan;
mod process;
mod proxy;
mod raw_client;
mod traces;

use std::process::Output;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) use basics::{carom, millis, nanos, now, program, wait_for};
pub(crate) use cluster::Cluster;
pub(crate) use full_pipe::full_pipe;
pub(crate) use http::{answer_to, get, head, head_for};
pub(crate) use listener::{Event, Listener};
pub(crate) use mesh::Mesh;
pub(crate) use observer::{Observed, WindowSpan};
pub(crate) use plan::{COLOR, Plan, RADIUS, free_ports};
pub(crate) use process::{Process, Usage, children, runs, signal};
pub(crate) use raw_client::{ClaimedIdentity, RawClient};
pub(crate) use traces::LedChange;

static EXCLUSIVE: Mutex<()> = Mutex::new(());

/// A lock that each test holds while it runs, so that only one test runs at a time.
pub(crate) fn exclusive() -> MutexGuard<'static, ()> {
    // A failed test poisons the lock, which must not matter for the next test.
    EXCLUSIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `carom` until it ends.
pub(crate) fn run(arguments: &[&str]) -> Output {
    carom(arguments).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("carom writes UTF-8")
}

/// Minimum, median and maximum of some spans, as text.
pub(crate) fn spread(spans: &[u64]) -> String {
    let mut sorted = spans.to_vec();
    sorted.sort_unstable();
    let Some(last) = sorted.len().checked_sub(1) else {
        return "(not measured)".to_owned();
    };
    let at = |index: usize| millis(sorted[index]);
    format!(
        "{} times: least {:.1} ms, median {:.1} ms, most {:.1} ms",
        sorted.len(),
        at(0),
        at(last / 2),
        at(last)
    )
}
