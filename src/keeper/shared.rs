//! What the daemon's side shares between the ring's thread, which uses the keeper, and the thread that starts it again.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};

use super::book::Book;
use super::charge::Charge;
use super::message::Order;
use crate::led::OffSwitch;
use crate::process_channel::ProcessChannel;
use crate::timer::Timer;

/// The daemon's side. Both threads have the same priority, so neither delays the other at the lock.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) channel: ProcessChannel,
    pub(super) timer: Timer,
    book: Book,
    /// Set when the keeper is to end, and no other one is to be started.
    pub(super) ending: AtomicBool,
    current: Mutex<Current>,
}

/// The latest order.
#[derive(Debug)]
pub(super) struct Current {
    number: u64,
    pub(super) led: Option<OffSwitch>,
    pub(super) is_dark: bool,
    pub(super) charge: Option<Charge>,
}

impl Shared {
    pub(super) fn new(channel: ProcessChannel) -> io::Result<Self> {
        let current = Current {
            number: 0,
            led: None,
            is_dark: true,
            charge: None,
        };
        Ok(Self {
            channel,
            timer: Timer::new()?,
            book: Book::new()?,
            ending: AtomicBool::new(false),
            current: Mutex::new(current),
        })
    }

    /// Gives a new order, which differs from the last one in what `change` changes. Returns its number.
    pub(super) fn give(&self, change: impl FnOnce(&mut Current)) -> io::Result<u64> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.number += 1;
        change(&mut current);
        // First, so that a keeper that does not get the order knows that it has missed one.
        self.book.note_order(current.number)?;
        self.send(&current)?;
        Ok(current.number)
    }

    /// Gives the latest order again, to another keeper.
    pub(super) fn give_again(&self) -> io::Result<()> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        self.send(&current)
    }

    /// Where the daemon notes which nodes are linked.
    pub(super) fn book(&self) -> io::Result<Book> {
        self.book.try_clone()
    }

    fn send(&self, current: &Current) -> io::Result<()> {
        let line = current.led.as_ref().and_then(|led| led.line.as_ref());
        let book = current.charge.as_ref().map(|_| self.book.as_fd());
        let order = Order {
            number: current.number,
            led: current.led.as_ref().map(|led| led.how.clone()),
            is_dark: current.is_dark,
            charge: current.charge.clone(),
        };
        let line = line.map(|line| line.as_fd());
        let descriptors: Vec<BorrowedFd<'_>> = [Some(self.timer.as_fd()), book, line]
            .into_iter()
            .flatten()
            .collect();
        self.channel.send(&order, &descriptors)
    }
}
