//! Carom passes bouncing balls round a ring of small computers: never lost, never doubled.

mod accept;
pub mod cli;
pub mod clock;
pub mod config;
pub mod connect;
pub mod control;
pub mod daemon;
pub mod endpoint;
pub mod escape;
pub mod http;
pub mod keeper;
pub mod key;
pub mod lab;
pub mod led;
pub mod net;
pub mod obituary;
pub mod poller;
mod priority;
pub mod program;
pub mod resolve;
pub mod ring;
mod throttle;
mod timer;
pub mod window;
