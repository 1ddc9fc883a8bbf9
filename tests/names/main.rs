//! Real nodes that find each other by name, in network namespaces with a name server of the test's own: it answers late,
//! not at all, or forgets a name. And two processes of one name.
//!
//! Each test runs again inside new network and mount namespaces, so nothing outside is touched. Without the right to make
//! them, it says that it is skipped.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a failed set-up ends the test, and figures are for people"
)]

#[path = "../common/bridge.rs"]
mod bridge;
mod duplicate;
mod forgotten;
mod harness;
mod name_server;
mod slow;
mod testbed;
