//! The core: who holds a ball, who may take it back, and where it flies.
//!
//! A ball's current generation holds a time-limited lease at a quorum of voters. The ball carries
//! that lease from node to node. Renewing the lease, and taking the ball back from a dead node, are
//! the same request. So, while clocks run alike within one percent, no two nodes ever possess one
//! ball; and while a majority can talk, every ball is possessed.
//!
//! Pure: no socket, no clock, no task, no I/O; time and randomness come in as values. [`Node::handle`]
//! takes an [`Input`] and returns [`Output`]s. `docs/PROTOCOL.md` tells the rules; each is one file:
//!
//! | rule | file |
//! |---|---|
//! | 1 grant, 2 quarantine | `ball/voter.rs` |
//! | 3 deadline, 7 step down | `ball/lease.rs` |
//! | 4 pass, 5 resend | `ball/pass.rs` |
//! | 6 election | `ball/election.rs` |
//! | 6 who stands, and in which order | `ball/candidates.rs` |
//! | 8 drain | `drain.rs` |
//! | 9 loans to windows | `ball/loan.rs`; which ball a window returned: `loan_matching.rs` |
//! | 10 guests | `ball/guest.rs`; which number a guest gets: `guest_ids.rs` |
//! | 11 repair: from any memory back to one ball | `ball/repair.rs`; doubles: `lineage.rs` |
//! | 12 near and far peers | `near.rs`; heartbeats: `heartbeats.rs` |
//! | 13 takeover before the lease ends | `ball/takeover.rs`, `ball/attempt.rs`; covers: `cover.rs`, `ball/covered.rs` |
//!
//! Words, each with one meaning (more in `docs/PROTOCOL.md`):
//!
//! - *node*, *peer*: one process of the ring, and any other one; *incarnation*: one life of a node.
//! - *holder*: the node that has a ball's copy; *possession*: a copy with a running deadline, LED on.
//! - *voter*: a node that grants or denies leases, as the ring file says; *quorum*: enough grants to act on.
//! - *lease*: a voter's promise to grant no other generation; *deadline*: until when the holder may act.
//! - *generation*: the term begun by one election; *hop*: the number of passes; *stamp*: both.
//! - *candidate*, *election*, *stagger* (delay by rank), *back-off* (delay after a lost election).
//! - *renewal*: a holder's request for another lease; *pass* and its *acknowledgement*.
//! - *cover*: who may come to hold a ball with one lease; *obituary*: the proof that a process has ended;
//!   *fence*: a process's promise never to hold an older generation.
//! - *drain*: the planned stop; *tombstone*: the generation up to which guests have left the ring.
//! - *guest*: a ball that is not in the ring file; *window*: a program beside the ring; *loan*: a ball
//!   that a window has while its lender keeps the lease.

pub mod abstract_state;
mod ball;
mod context;
mod corrupt;
mod counters;
mod cover;
pub mod digest;
mod drain;
mod event;
mod generation;
mod guest_ids;
mod heartbeats;
mod hello;
mod incarnation;
mod lease_requests;
mod lineage;
mod loan_matching;
mod loan_queries;
pub mod message;
pub mod motion;
mod near;
mod node;
mod node_digest;
mod node_id;
pub mod peers;
mod plausible;
#[cfg(test)]
pub(crate) mod test_topology;
pub mod time;
pub(crate) mod token_bucket;
mod topology;
pub mod view;
mod voters;
pub mod window_ball;
pub mod window_chain;

pub use counters::Counters;
pub use cover::{Cover, CoverDigest};
pub use event::{GuestRejected, Input, Notification, Output, Possession};
pub use generation::{BallId, Generation, Record, Stamp};
pub use incarnation::{Incarnation, Life};
pub use lineage::{Lineage, Renewal};
pub use message::{Hello, Message};
pub use motion::{BallState, Direction, Screen};
pub use node::Node;
pub use node_id::{MOST_NODES, NodeId, NodeSet};
pub use time::Time;
pub use topology::{InitialBall, MOST_BALLS, OnPartition, Shape, Topology};
pub use voters::Voters;
pub use window_ball::{InvalidWindowBall, WindowBall};
pub use window_chain::{ExternalBallPolicy, LateCopy, MOST_GUESTS, Window, WindowChain};
