//! What a command needs whether or not it runs a node: the log, signals, the ring's keys.

pub mod channel;
pub mod keys;
pub mod log;
pub mod signals;
