//! Observers of finished messages and runs, such as the log.

use std::time::Duration;

use super::message::Message;
use super::report::Report;
use crate::clock;
use crate::throttle::RateLimitedLog;

/// Called with each finished message or run, on the endpoint's thread.
pub type Observer<T> = Box<dyn FnMut(&T) + Send>;

/// This many log lines at once.
const BURST: u32 = 60;

/// Beyond that burst, one log line in this time.
const INTERVAL: Duration = Duration::from_secs(10);

/// Logs messages as they come, within the rate limit.
pub fn log_messages() -> Observer<Message> {
    log(ToString::to_string, "/messages")
}

/// Logs runs as they come to their end, within the rate limit.
pub fn log_runs() -> Observer<Report> {
    log(ToString::to_string, "/rates")
}

fn log<T: 'static>(
    sentence: impl Fn(&T) -> String + Send + 'static,
    list: &'static str,
) -> Observer<T> {
    let mut lines = RateLimitedLog::new(BURST, INTERVAL);
    Box::new(move |item| match lines.admit(clock::now()) {
        Some(0) => tracing::info!("{}", sentence(item)),
        Some(suppressed) => tracing::info!(
            "{} (and {suppressed} such lines kept back: {list} has the latest)",
            sentence(item)
        ),
        None => {}
    })
}
