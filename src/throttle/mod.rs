//! Log lines, few enough for months of trouble: who is kept back is counted.
//!
//! A [`TokenBucket`] counts lines of any kind; [`RateLimitedLog`] are one line a minute about whatever went wrong
//! last; [`DedupLog`] tell sentences apart, and each is told ever more rarely while it lasts.

mod budget;
mod complaints;
mod troubles;

pub(crate) use budget::TokenBucket;
pub(crate) use complaints::DedupLog;
pub(crate) use troubles::RateLimitedLog;

/// A moment of [`crate::clock::monotonic_nanos`], or a span of it.
pub(crate) type Nanos = u64;
