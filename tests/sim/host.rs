//! One machine: its clock, its process if there is one, and the LEDs that a stopped process leaves on.

use std::sync::Arc;

use carom::ring::{BallId, Incarnation, Input, Node, Output, Stamp, Time, Topology};

use crate::clock::{Clock, Nanos};

/// One machine.
#[derive(Debug)]
pub struct Host {
    pub clock: Clock,
    pub process: Option<Process>,
    /// How many processes there have been.
    pub lives: u64,
    /// How many faults keep it down.
    pub down: u32,
    /// How many faults keep the process stopped.
    pub stopped: u32,
    /// How many faults keep another ring file on it.
    pub strange: u32,
}

/// One life of a node.
#[derive(Debug)]
pub struct Process {
    pub node: Node,
    pub topology: Arc<Topology>,
    pub life: u64,
    pub incarnation: Incarnation,
    /// The connection to each other host, while the node believes in it.
    pub links: Vec<Option<usize>>,
    /// One LED a ball.
    pub leds: Vec<Option<Led>>,
    /// The node's deadline that the timer is set to, and when the timer fires.
    pub deadline: Option<Time>,
    pub wake: Nanos,
    pub stopped: bool,
    pub draining: bool,
}

/// An LED that is on.
#[derive(Clone, Copy, Debug)]
pub struct Led {
    pub stamp: Stamp,
    pub since: Nanos,
    /// Set while the process is stopped: from then on the LED is no possession (promise P4).
    pub lapses: Option<Nanos>,
}

impl Host {
    /// The process, if there is one and it is not stopped.
    pub fn awake(&self) -> Option<&Process> {
        self.process.as_ref().filter(|process| !process.stopped)
    }

    /// The same, to be changed.
    pub fn awake_mut(&mut self) -> Option<&mut Process> {
        self.process.as_mut().filter(|process| !process.stopped)
    }

    /// Whether this machine possesses the ball: LED on, and not only because it is stopped.
    pub fn possesses(&self, ball: usize, now: Nanos) -> Option<Led> {
        let led = self.process.as_ref()?.leds[ball]?;
        led.lapses.is_none_or(|lapses| now < lapses).then_some(led)
    }

    /// Stops the process as SIGSTOP does, and reckons when each of its leases will have run out.
    pub fn stop(&mut self) {
        let clock = self.clock.clone();
        let Some(process) = &mut self.process else {
            return;
        };
        process.stopped = true;
        for ball in 0..process.leds.len() {
            let lapse = process.leds[ball].is_some().then(|| process.lapse(ball));
            if let Some(led) = &mut process.leds[ball] {
                led.lapses = lapse.flatten().map(|time| clock.when(time));
            }
        }
    }
}

impl Process {
    /// Asks the node itself until when it may act as holder if it hears nothing more.
    fn lapse(&self, ball: usize) -> Option<Time> {
        if self.topology.quorum() == 1 {
            // Alone it grants itself lease after lease.
            return None;
        }
        let mut node = self.node.clone();
        let mut now = Time::default();
        for peer in self.topology.node_ids() {
            // Without neighbours it cannot pass the ball on before.
            let _ = node.handle(now, Input::LinkDown { peer });
        }
        for _ in 0..10_000 {
            now = node.next_deadline()?;
            let dark = node.handle(now, Input::Tick).iter().any(|output| {
                matches!(output, Output::Dark(possession) if index(possession.ball) == ball)
            });
            if dark {
                return Some(now);
            }
        }
        None
    }
}

/// A ball's place in the ring file, from 0.
pub fn index(ball: BallId) -> usize {
    (ball.0 as usize).saturating_sub(1)
}
