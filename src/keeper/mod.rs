//! The LED keeper: a small process beside the daemon that switches the LED off when the daemon cannot.
//!
//! It knows how to switch the LED off, and waits for two things: the deadline of the node's possessions, which the
//! daemon sets in a timer that both processes share, and the end of the daemon. At either it switches the LED
//! off, whatever the daemon does. When the daemon has ended, it tells the nodes that were linked: the obituary.
//! `docs/decisions/0030-the-led-keeper.md` and `0032-obituaries.md` say why it is built this way.
//!
//! Architecture invariant: the keeper never switches an LED on, opens no network socket before the daemon has ended and the
//! LED is off, and the ring's thread never waits for it, unless the deadline has passed and the keeper has already begun to act.

mod book;
mod charge;
mod ending;
mod handle;
mod message;
mod process;
mod recipients;
mod shared;
mod supervisor;
mod tell;

pub use handle::Keeper;
pub use process::{COMMAND, main};
pub use recipients::Recipients;
