//! The ports and connections where the ring meets windows: takes their balls, and sends them ours.
//!
//! A window is a ball program from a chapter of a textbook. Such a program opens one connection for
//! every ball, writes it as eight numbers (`wire.rs`), and closes. Nothing is ever answered, so the
//! sender of a ball knows at best that the kernel on the other side has it. The ring core decides
//! what follows from that; this module reports only what can be known: [`dial`] says which balls the
//! window certainly did not get.

pub mod dial;
pub mod listen;
mod sliding_window;
pub mod wire;

pub use dial::{OpenConnection, OpenError, WindowClient};
pub use listen::{Event, WindowListener};
