//! What `tests/play` has already: the clock of the traces, waiting, and `carom` itself.

#[path = "../play/harness/basics.rs"]
mod basics;
#[path = "../play/harness/process.rs"]
#[allow(dead_code, reason = "the other stage uses the rest")]
mod process;
#[path = "../play/harness/traces.rs"]
mod traces;

use std::net::TcpListener;

pub(crate) use basics::{carom, millis, nanos, now, wait_for};
pub(crate) use process::Process;
pub(crate) use traces::{Line, merged};

/// Ports that nobody listens on now, all different.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let held = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    held.each_ref()
        .map(|listener| listener.local_addr().unwrap().port())
}
