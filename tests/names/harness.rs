//! Shared with `tests/play`: processes, HTTP, the clock.

macro_rules! borrowed {
    ($($path:literal $name:ident)*) => {
        $(
            #[path = $path]
            #[allow(dead_code, reason = "the other tests use the rest")]
            mod $name;
        )*
    };
}

borrowed! {
    "../play/harness/basics.rs" basics
    "../play/harness/http.rs" http
    "../play/harness/process.rs" process
}

pub(crate) use basics::{carom, millis, nanos, now, wait_for};
pub(crate) use http::get_from;
pub(crate) use process::Process;
