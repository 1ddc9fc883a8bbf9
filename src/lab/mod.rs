//! The lab: two TCP endpoints that students send to, and the sender that measures.
//!
//! Each endpoint is one thread with one buffer and an epoll of its own (`serve.rs`), so that nothing
//! a student sends can delay the ring. What is a message (`message.rs`) and what is a run (`runs.rs`)
//! is decided in pure code.
//!
//! Architecture invariant: nobody waits for the lab. Who wants its lists asks, and is answered later.

pub mod client;
mod limits;
mod lines;
mod lists;
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
pub use serve::{Asker, Priority, Serving};

/// Where finished messages or runs go, on the endpoint's thread.
pub type Sink<T> = Box<dyn FnMut(&T) + Send>;

/// Receives messages on `listener` until the answer is dropped.
///
/// # Errors
/// When the system has no descriptor or no thread left.
pub fn receive(
    listener: TcpListener,
    limits: Limits,
    priority: Priority,
    sink: Sink<Message>,
) -> io::Result<Serving> {
    serve::start(
        listener,
        limits,
        priority,
        receiver::Receiver::new(limits, sink),
    )
}

/// Measures runs on `listener` until the answer is dropped.
///
/// # Errors
/// When the system has no descriptor or no thread left.
pub fn rate(
    listener: TcpListener,
    limits: Limits,
    priority: Priority,
    sink: Sink<Report>,
) -> io::Result<Serving> {
    serve::start(listener, limits, priority, rate::Rate::new(limits, sink))
}

/// Logs messages and runs as they come: sixty at once, then six a minute.
pub mod log {
    use std::time::Duration;

    use super::{Message, Report, Sink};
    use crate::clock;
    use crate::throttle::RateLimitedLog;

    const BURST: u32 = 60;
    const INTERVAL: Duration = Duration::from_secs(10);

    fn bounded<T: 'static>(
        sentence: impl Fn(&T) -> String + Send + 'static,
        list: &'static str,
    ) -> Sink<T> {
        let mut log = RateLimitedLog::new(BURST, INTERVAL);
        Box::new(move |item| match log.admit(clock::now()) {
            Some(0) => tracing::info!("{}", sentence(item)),
            Some(suppressed) => tracing::info!(
                "{} (and {suppressed} such lines kept back: {list} has the latest)",
                sentence(item)
            ),
            None => {}
        })
    }

    /// For messages.
    pub fn messages() -> Sink<Message> {
        bounded(ToString::to_string, "/messages")
    }

    /// For runs.
    pub fn runs() -> Sink<Report> {
        bounded(ToString::to_string, "/rates")
    }
}
