//! Shared with `tests/play`: processes, traces, the observer of LEDs, the clock.

macro_rules! borrowed {
    ($($path:literal $name:ident)*) => {
        $(
            #[path = $path]
            #[allow(dead_code, reason = "the other test uses the rest")]
            mod $name;
        )*
    };
}

borrowed! {
    "../play/harness/basics.rs" basics
    "../play/harness/full_pipe.rs" full_pipe
    "../play/harness/http.rs" http
    "../play/harness/observer.rs" observer
    "../play/harness/process.rs" process
    "../play/harness/traces.rs" traces
}

pub(crate) use basics::{carom, millis, nanos, now, wait_for};
pub(crate) use full_pipe::full_pipe;
pub(crate) use http::get_from;
pub(crate) use observer::{Intervention, Observed};
pub(crate) use process::Process;
pub(crate) use traces::{LedChange, Stamp};
