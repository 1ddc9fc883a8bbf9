//! The core: who holds a ball, who may take it back, and where it flies.
//!
//! A ball's current generation holds a time-limited lease at a majority of the nodes; the ball
//! carries that lease from hand to hand; renewing the lease and taking the ball back from a dead
//! node are the same request. So, while clocks run alike within one percent:
//! no two nodes ever possess one ball, and while a majority can talk every ball is possessed.
//! `docs/PROTOCOL.md` tells the rules; [`Node`] is them.
//!
//! Pure: no socket, no clock, no task, no I/O; time and randomness come in as values.

pub mod ball;
mod drain;
mod election;
pub mod event;
mod guest;
mod holder;
mod loan;
pub mod message;
pub mod motion;
mod node;
mod node_set;
mod passing;
pub mod peers;
mod plausible;
mod renewal;
pub mod sketch;
pub mod time;
pub(crate) mod token_bucket;
pub mod topology;
pub mod view;
mod voter;
pub mod window_ball;
pub mod window_chain;

pub use ball::{BallId, BallState, Direction, Generation, Record, Stamp};
pub use event::{GuestRejected, Input, Notification, Output, Possession};
pub use message::{Hello, Incarnation, Message};
pub use node::Node;
pub use time::Time;
pub use topology::{InitialBall, NodeId, OnPartition, Screen, Shape, Topology};
pub use window_ball::{InvalidWindowBall, WindowBall};
pub use window_chain::{ExternalBallPolicy, LateCopy, Window, WindowChain};
