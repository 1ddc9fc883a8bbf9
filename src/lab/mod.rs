//! The lab: two TCP endpoints that students send to, and the sender that measures.
//!
//! Each endpoint is one thread with one buffer and an epoll of its own (`serve.rs`), so that nothing
//! a student sends can delay the ring. What is a message (`message.rs`) and what is a run (`runs.rs`)
//! is decided in pure code.
//!
//! Architecture invariant: nobody waits for the lab. Who wants its lists requests, and is answered later.

pub mod client;
mod connections;
mod latest;
mod limits;
mod message;
mod rate;
mod receiver;
mod runs;
mod serve;
pub mod tcp_info;

use std::io;
use std::net::TcpListener;

pub use limits::Limits;
pub use message::{End, Message};
pub use runs::{Mode, Outcome, Report};
pub use serve::{ListRequester, Priority, ServiceHandle};

/// Where finished messages or runs go, on the endpoint's thread.
pub type Observer<T> = Box<dyn FnMut(&T) + Send>;

/// Receives messages on `listener` until the answer is dropped.
///
/// # Errors
/// When the system has no descriptor or no thread left.
pub fn start_receiver(
    listener: TcpListener,
    limits: Limits,
    priority: Priority,
    observer: Observer<Message>,
) -> io::Result<ServiceHandle> {
    serve::start(
        listener,
        limits,
        priority,
        receiver::ReceiverService::new(limits, observer),
    )
}

/// Measures runs on `listener` until the answer is dropped.
///
/// # Errors
/// When the system has no descriptor or no thread left.
pub fn start_rate(
    listener: TcpListener,
    limits: Limits,
    priority: Priority,
    observer: Observer<Report>,
) -> io::Result<ServiceHandle> {
    serve::start(
        listener,
        limits,
        priority,
        rate::RateService::new(limits, observer),
    )
}

/// Logs messages and runs as they come: sixty at once, then six a minute.
pub mod log {
    use super::{Message, Observer, Report};
    use crate::clock;
    use crate::throttle::TokenBucket;

    const BURST: u64 = 60;
    const EVERY_NANOS: u64 = 10_000_000_000;

    fn bounded<T: 'static>(
        sentence: impl Fn(&T) -> String + Send + 'static,
        list: &'static str,
    ) -> Observer<T> {
        let mut budget = TokenBucket::new(BURST, EVERY_NANOS);
        Box::new(move |item| match budget.take(clock::monotonic_nanos()) {
            Some(0) => tracing::info!("{}", sentence(item)),
            Some(kept_back) => tracing::info!(
                "{} (and {kept_back} such lines kept back: {list} has the latest)",
                sentence(item)
            ),
            None => {}
        })
    }

    /// For messages.
    pub fn messages() -> Observer<Message> {
        bounded(ToString::to_string, "/messages")
    }

    /// For runs.
    pub fn runs() -> Observer<Report> {
        bounded(ToString::to_string, "/rates")
    }
}
