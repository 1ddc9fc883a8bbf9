//! Carom passes bouncing balls round a ring of small computers: never lost, never doubled.

// Nodes run on Linux only: it has epoll, timerfd and the GPIO devices. The commands for laptops run elsewhere, too, and leave
// unused there what only a node uses.
#![cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, unused_imports, reason = "only nodes use it")
)]

mod accept;
pub mod cli;
pub mod clock;
pub mod config;
pub mod connect;
pub mod control;
#[cfg(target_os = "linux")]
pub mod daemon;
pub mod endpoint;
pub mod escape;
pub mod http;
#[cfg(target_os = "linux")]
pub mod keeper;
pub mod key;
pub mod lab;
pub mod led;
#[cfg(target_os = "linux")]
pub mod net;
#[cfg(target_os = "linux")]
pub mod obituary;
#[cfg(target_os = "linux")]
pub mod poller;
mod priority;
#[cfg(target_os = "linux")]
mod process_channel;
pub mod program;
pub mod resolve;
pub mod ring;
mod throttle;
#[cfg(target_os = "linux")]
mod timer;
pub mod window;
