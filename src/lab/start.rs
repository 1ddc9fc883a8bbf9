//! Starts the endpoints of the lab.

use std::io;
use std::net::TcpListener;

use super::limits::Limits;
use super::message::Message;
use super::observer::Observer;
use super::report::Report;
use super::serve::{self, Priority, ServiceHandle};
use super::{rate, receiver};

/// Receives messages on `listener` until the handle is dropped.
///
/// # Errors
/// When the system has no descriptor or no thread left.
pub fn start_receiver(
    listener: TcpListener,
    limits: Limits,
    priority: Priority,
    observer: Observer<Message>,
) -> io::Result<ServiceHandle> {
    let service = receiver::ReceiverService::new(limits, observer);
    serve::start(listener, limits, priority, service)
}

/// Measures runs on `listener` until the handle is dropped.
///
/// # Errors
/// When the system has no descriptor or no thread left.
pub fn start_rate(
    listener: TcpListener,
    limits: Limits,
    priority: Priority,
    observer: Observer<Report>,
) -> io::Result<ServiceHandle> {
    let service = rate::RateService::new(limits, observer);
    serve::start(listener, limits, priority, service)
}
