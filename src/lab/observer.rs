//! Observers of finished messages and runs, such as the log.

use super::message::Message;
use super::runs::Report;
use crate::clock;
use crate::throttle::TokenBucket;

/// Called with each finished message or run, on the endpoint's thread.
pub type Observer<T> = Box<dyn FnMut(&T) + Send>;

/// This many log lines at once.
const BURST: u64 = 60;

/// Beyond that burst, one log line in this time.
const INTERVAL_NANOS: u64 = 10_000_000_000;

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
    let mut lines = TokenBucket::new(BURST, INTERVAL_NANOS);
    Box::new(move |item| match lines.take(clock::monotonic_nanos()) {
        Some(0) => tracing::info!("{}", sentence(item)),
        Some(kept_back) => tracing::info!(
            "{} (and {kept_back} such lines kept back: {list} has the latest)",
            sentence(item)
        ),
        None => {}
    })
}
