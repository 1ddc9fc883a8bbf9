//! The edge of the ring where windows stand: takes their balls, and gives them ours.
//!
//! Windows are the ball programs of a textbook's chapter. They open one connection for every ball,
//! write it as eight numbers (`wire.rs`), and close. Nothing is ever answered, so whoever gave a
//! ball knows that the other side's kernel has it, at best. What that means for the ring is decided
//! in `ring`; here is only what can be known: [`dial`] says what certainly was not taken.

pub mod dial;
pub mod listen;
pub mod wire;

pub use dial::{OpenConnection, OpenError, WindowClient};
pub use listen::{Event, WindowListener};
