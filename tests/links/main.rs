//! Links between nodes over real sockets: with one key, with two, with none in common, and while the key
//! changes.

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
mod owner;
mod recording;
mod refused;
mod renewed;
