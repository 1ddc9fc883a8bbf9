//! The sending side: blocking sockets in the foreground, one step after the other, each timed.

mod connection;
mod delay;
mod error;
mod message;
mod run;
mod sweep;
mod watch;

pub use connection::resolve;
pub use delay::{Delay, Stall};
pub use error::ClientError;
pub use message::{Content, Sent, send};
pub use run::{Measured, Plan, SenderSide, Setup, Volume, measure, measure_opened};
pub use sweep::{Point, SIZES, sweep};
pub use watch::{Sample, Watcher};
