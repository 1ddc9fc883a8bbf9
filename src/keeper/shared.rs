//! What the daemon's side shares between the ring's thread, which uses the keeper, and the thread that starts it again.

use std::io;
use std::os::fd::AsFd as _;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};

use super::channel::Channel;
use super::message::Order;
use crate::led::OffSwitch;
use crate::timer::Timer;

/// The daemon's side. Both threads have the same priority, so neither delays the other at the lock.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) channel: Channel,
    pub(super) timer: Timer,
    /// Set when the keeper is to end, and no other one is to be started.
    pub(super) ending: AtomicBool,
    current: Mutex<Current>,
}

/// The latest order.
#[derive(Debug, Default)]
struct Current {
    number: u64,
    led: Option<OffSwitch>,
}

impl Shared {
    pub(super) fn new(channel: Channel) -> io::Result<Self> {
        Ok(Self {
            channel,
            timer: Timer::new()?,
            ending: AtomicBool::new(false),
            current: Mutex::default(),
        })
    }

    /// Gives a new order. Returns its number.
    pub(super) fn give(&self, led: Option<OffSwitch>) -> io::Result<u64> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.number += 1;
        current.led = led;
        self.send(&current)?;
        Ok(current.number)
    }

    /// Gives the latest order again, to another keeper.
    pub(super) fn give_again(&self) -> io::Result<()> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        self.send(&current)
    }

    fn send(&self, current: &Current) -> io::Result<()> {
        let line = current.led.as_ref().and_then(|led| led.line.as_ref());
        let timer = self.timer.as_fd();
        let order = Order {
            number: current.number,
            led: current.led.as_ref().map(|led| led.how.clone()),
        };
        match line {
            Some(line) => self.channel.send(&order, &[timer, line.as_fd()]),
            None => self.channel.send(&order, &[timer]),
        }
    }
}
