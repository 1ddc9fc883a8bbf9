//! The core: who holds a ball, who may take it back, and where it flies.
//!
//! Pure: no socket, no clock, no task, no I/O; time and randomness come in as values.

pub mod ball;
pub mod message;
pub mod motion;
pub mod time;
pub mod topology;
