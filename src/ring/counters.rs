//! How often something happened since the node started.

/// Totals since the start of the process; they never decrease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Passes taken.
    pub hops: u64,
    /// Elections won.
    pub elections: u64,
    /// Passes that were refused, because this node already knew that state or a newer one.
    pub refused_passes: u64,
    /// Balls lent to windows.
    pub loans: u64,
    /// Balls from windows that were refused.
    pub refused_balls: u64,
}
