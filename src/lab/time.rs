//! Moments and spans of the lab, in nanoseconds of CLOCK_MONOTONIC.

use std::time::Duration;

/// A moment of [`crate::clock::monotonic_nanos`], or a span of it.
pub(super) type Nanos = u64;

/// A span in nanoseconds; one that is too long for the type counts as centuries.
pub(super) fn nanos(span: Duration) -> Nanos {
    Nanos::try_from(span.as_nanos()).unwrap_or(Nanos::MAX / 4)
}

/// Nanoseconds as seconds.
#[expect(
    clippy::cast_precision_loss,
    reason = "a span of years is exact to the microsecond"
)]
pub(super) fn seconds(nanos: Nanos) -> f64 {
    nanos as f64 / 1e9
}
