//! The lab: two TCP endpoints that students send to, and the sender that measures.
//!
//! Each endpoint is one thread with one buffer and an epoll of its own (`serve.rs`), so nothing that
//! a student sends can delay the ring. What a message is (`message.rs`) and what a run is (`runs.rs`)
//! is decided in pure code.
//!
//! Architecture invariant: nobody waits for the lab. Its lists are requested, and come later.

pub mod client;
mod connection;
mod count;
#[doc(hidden)]
pub mod fuzzing;
mod latest;
mod limits;
mod message;
pub mod observer;
mod open;
mod rate;
mod receiver;
mod report;
mod runs;
mod service;
pub mod tcp_info;
mod time;
// The endpoints run where nodes do. The sender runs on other systems, too.
#[cfg(target_os = "linux")]
mod connections;
#[cfg(target_os = "linux")]
mod serve;
#[cfg(target_os = "linux")]
mod start;

pub use count::Count;
pub use limits::Limits;
pub use message::{End, Message};
pub use observer::Observer;
pub use report::{Mode, Outcome, Report};
#[cfg(target_os = "linux")]
pub use serve::{ListRequester, Priority, ServiceHandle};
#[cfg(target_os = "linux")]
pub use start::{start_rate, start_receiver};
