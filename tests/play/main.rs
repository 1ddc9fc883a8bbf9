//! Acceptance: real `carom` processes on the loopback, killed, stopped, cut off and lied to.
//!
//! `cargo test --release --test play -- --nocapture` prints the figures of every test. The tests
//! take turns, because they measure. Whether a promise was kept is decided from outside, by
//! merging what the LEDs of all nodes traced.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a stage that cannot be set ends the test, and figures are for people"
)]

mod commands;
mod crowd;
mod demo;
mod events;
mod harness;
mod hostile;
mod idle;
mod kill;
mod lab;
mod led;
mod partition;
mod power;
mod reload;
mod status;
mod stop;
#[cfg(feature = "watch")]
mod watch;
mod windows;
