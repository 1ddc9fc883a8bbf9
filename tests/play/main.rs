//! Acceptance tests: real `carom` processes on the loopback, killed, stopped, cut off and attacked.
//!
//! `cargo test --release --test play -- --nocapture` prints the figures of every test. The tests
//! run one at a time, because they measure. Whether a promise was kept is decided from outside, by
//! merging the traces of all LEDs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a failed set-up ends the test, and figures are for people"
)]

mod attack;
mod commands;
mod demo;
mod events;
mod harness;
mod hostile;
mod idle;
mod init;
mod keeper;
mod kill;
mod lab;
mod led;
mod log;
mod obituary;
mod overload;
mod partition;
mod pause;
mod power_cut;
mod readers;
mod reload;
mod status;
#[cfg(feature = "watch")]
mod watch;
mod windows;
