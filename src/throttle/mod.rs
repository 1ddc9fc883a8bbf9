//! Log lines, few enough for months of trouble: who is kept back is counted.
//!
//! A [`Budget`] counts lines of any kind; [`Troubles`] are one line a minute about whatever went wrong
//! last; [`Complaints`] tell sentences apart, and each is told ever more rarely while it lasts.

mod budget;
mod complaints;
mod troubles;

pub(crate) use budget::Budget;
pub(crate) use complaints::Complaints;
pub(crate) use troubles::Troubles;

/// A moment of [`crate::clock::monotonic_nanos`], or a span of it.
pub(crate) type Nanos = u64;
