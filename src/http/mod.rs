//! The read-only window: what a node knows, over HTTP.
//!
//! Asks the daemon for a plain snapshot and turns it into bytes; knows nothing of links or lights.

mod fetch;
mod serve;
mod status;

pub use fetch::{FetchError, fetch_status};
pub use serve::{Asks, Document, Source};
pub use status::{
    BallStatus, Condition, CounterStatus, LedStatus, NodeStatus, Status, Surroundings,
};
