//! The read-only window: what a node knows, over HTTP.
//!
//! Asks the daemon for a plain snapshot and turns it into bytes; knows nothing of links or lights.

mod body;
mod events;
mod feed;
mod fetch;
mod follow;
mod metrics;
mod page;
mod serve;
mod status;

pub use feed::{Feed, Follower};
pub use fetch::{FetchError, fetch_status};
pub use follow::{Beat, News, follow};
pub use metrics::Metrics;
pub use serve::{Ask, Asks, Document, Source};
pub use status::{
    BallStatus, Condition, CounterStatus, LedStatus, LoanStatus, NodeStatus, ReturnStatus, Status,
    Surroundings,
};
