//! Stands for `tests/sim/wire.rs` in the package of `core_package.sh`, which has only the core: no connection there has a wire.

use carom::ring::Message;

use crate::clock::Nanos;

/// A wire, of which there is none.
#[derive(Debug)]
pub(crate) enum Wire {}

impl Wire {
    pub(crate) fn new(_seed: u64, _connection: usize) -> Option<Box<Self>> {
        None
    }

    pub(crate) fn write(&mut self, _end: usize, _message: &Message) -> Vec<u8> {
        match *self {}
    }

    pub(crate) fn read(&mut self, _end: usize, _bytes: &[u8]) -> Message {
        match *self {}
    }

    pub(crate) fn heartbeat(&mut self, _end: usize, _now: Nanos, _interval: Nanos, _all_near: bool) -> Option<bool> {
        match *self {}
    }

    pub(crate) fn is_alive(&self, _end: usize) -> bool {
        match *self {}
    }
}
