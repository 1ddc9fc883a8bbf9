//! Links between nodes over real sockets: with one key, with two, with none in common, while the key changes, and when
//! a process has ended.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test ends with a panic"
)]

mod either;
mod elsewhere;
mod node;
mod obituary;
mod owner;
mod recording;
mod refused;
mod renewed;
