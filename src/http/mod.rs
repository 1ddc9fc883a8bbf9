//! HTTP, read-only: what a node knows, as a page, as JSON, as metrics and as events; and its clients.
//!
//! The server asks the ring loop for a snapshot and turns it into bytes; it knows no links and no LEDs.

mod access;
mod authority;
mod body;
mod document;
mod events;
mod feed;
mod fetch;
#[doc(hidden)]
pub mod fuzzing;
mod lab_feed;
mod metrics;
mod page;
mod qr;
mod return_status;
mod serve;
mod status;
mod subscribe;

pub use access::Access;
pub use document::{Changes, Document};
pub use feed::{Feed, Subscriber};
pub use fetch::{FetchError, fetch_status};
pub use metrics::Metrics;
pub use serve::{Query, Server};
pub use status::{
    BallStatus, Condition, CounterStatus, DaemonStatus, DuplicateStatus, KeyStatus, LedStatus,
    LoanStatus, NodeStatus, ReturnStatus, ReturnedBy, Status,
};
pub use subscribe::{BallRemoved, Heartbeat, Update, subscribe};
