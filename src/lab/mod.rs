//! The lab: two TCP endpoints that students send to, and the sender that measures.
//!
//! Each endpoint is one thread with one buffer and an epoll of its own (`serve.rs`), so nothing that
//! a student sends can delay the ring. What a message is (`message.rs`) and what a run is (`runs.rs`)
//! is decided in pure code.
//!
//! Architecture invariant: nobody waits for the lab. Its lists are requested, and come later.

pub mod client;
mod connection;
mod connections;
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
mod serve;
mod service;
pub mod tcp_info;
mod time;

use std::io;
use std::net::TcpListener;

pub use count::Count;
pub use limits::Limits;
pub use message::{End, Message};
pub use observer::Observer;
pub use report::{Mode, Outcome, Report};
pub use serve::{ListRequester, Priority, ServiceHandle};

/// Receives messages on `listener` until the handle is dropped.
///
/// # Errors
/// When the system has no descriptor or no thread left.
pub fn start_receiver(
    listener: TcpListener,
    limits: Limits,
    priority: Priority,
    observer: Observer<Message>,
) -> io::Result<ServiceHandle> {
    let service = receiver::ReceiverService::new(limits, observer);
    serve::start(listener, limits, priority, service)
}

/// Measures runs on `listener` until the handle is dropped.
///
/// # Errors
/// When the system has no descriptor or no thread left.
pub fn start_rate(
    listener: TcpListener,
    limits: Limits,
    priority: Priority,
    observer: Observer<Report>,
) -> io::Result<ServiceHandle> {
    let service = rate::RateService::new(limits, observer);
    serve::start(listener, limits, priority, service)
}
