//! Rate limits for log lines, so that months of failures fill no disk. What is suppressed is counted.
//!
//! A [`RateLimitedLog`] bounds the lines of one kind, whatever they say. A [`DedupLog`] tells texts
//! apart: the same text is repeated ever more rarely while its cause lasts.

mod dedup_log;
mod rate_limited_log;

pub(crate) use dedup_log::DedupLog;
pub(crate) use rate_limited_log::RateLimitedLog;
