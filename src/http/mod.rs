//! The read-only window: what a node knows, over HTTP.
//!
//! Asks the daemon for a plain snapshot and turns it into bytes; knows nothing of links or lights.

mod body;
mod events;
mod feed;
mod fetch;
mod metrics;
mod page;
mod serve;
mod status;
mod subscribe;

pub use feed::{Feed, Subscriber};
pub use fetch::{FetchError, fetch_status};
pub use metrics::Metrics;
pub use serve::{Document, Query, Server};
pub use status::{
    BallStatus, Condition, CounterStatus, DaemonStatus, LedStatus, LoanStatus, NodeStatus,
    ReturnStatus, Status,
};
pub use subscribe::{BallRemoved, Heartbeat, Update, subscribe};
