//! Shared with `tests/play`: the clock of the traces, waiting, and `carom` itself.

#[path = "../play/harness/basics.rs"]
mod basics;
#[path = "../play/harness/plan.rs"]
#[allow(dead_code, reason = "the other test uses the rest")]
mod plan;
#[path = "../play/harness/process.rs"]
#[allow(dead_code, reason = "the other test uses the rest")]
mod process;
#[path = "../play/harness/traces.rs"]
mod traces;

pub(crate) use basics::{carom, millis, nanos, now, wait_for};
pub(crate) use plan::free_ports;
pub(crate) use process::Process;
pub(crate) use traces::{LedChange, merged};
