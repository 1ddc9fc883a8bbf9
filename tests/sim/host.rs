//! One machine: its clock, its process if there is one, and the LEDs that a stopped process leaves on.

use std::sync::Arc;

use carom::ring::{
    BallId, Incarnation, Input, Node, Notification, Output, Possession, Stamp, Time, Topology,
};

use crate::clock::{Clock, Nanos};

/// One machine.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) clock: Clock,
    pub(crate) process: Option<Process>,
    /// How many processes there have been.
    pub(crate) lives: u64,
    /// How many faults keep it down.
    pub(crate) down: u32,
    /// How many faults keep the process stopped.
    pub(crate) stopped: u32,
    /// How many faults keep another ring file on it.
    pub(crate) strange: u32,
}

/// One life of a node.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) node: Node,
    pub(crate) topology: Arc<Topology>,
    pub(crate) life: u64,
    pub(crate) incarnation: Incarnation,
    /// The connection to each other host, while the node believes in it.
    pub(crate) links: Vec<Option<usize>>,
    /// One LED a ball.
    pub(crate) leds: Vec<Option<Led>>,
    /// The node's deadline that the timer is set to, and when the timer fires.
    pub(crate) deadline: Option<Time>,
    pub(crate) wake: Nanos,
    pub(crate) stopped: bool,
    pub(crate) draining: bool,
}

/// An LED that is on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Led {
    pub(crate) stamp: Stamp,
    pub(crate) since: Nanos,
    /// Set while the process is stopped: from then on the LED is no possession (promise P4).
    pub(crate) lapses: Option<Nanos>,
    /// It is off, and the ball with a window: nobody else may have it all the same.
    pub(crate) lent: bool,
}

impl Host {
    /// The process, if there is one and it is not stopped.
    pub(crate) fn awake(&self) -> Option<&Process> {
        self.process.as_ref().filter(|process| !process.stopped)
    }

    /// The same, to be changed.
    pub(crate) fn awake_mut(&mut self) -> Option<&mut Process> {
        self.process.as_mut().filter(|process| !process.stopped)
    }

    /// Whether this machine possesses the ball: LED on, and not only because it is stopped.
    pub(crate) fn possesses(&self, ball: usize, now: Nanos) -> Option<Led> {
        let led = self.process.as_ref()?.leds[ball]?;
        led.lapses.is_none_or(|lapses| now < lapses).then_some(led)
    }

    /// Stops the process as SIGSTOP does, and reckons when each of its leases will have run out.
    pub(crate) fn stop(&mut self) {
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
            let dark = node
                .handle(now, Input::Tick)
                .iter()
                .any(|output| match output {
                    Output::LedOff(Possession { ball: gone, .. })
                    | Output::Notify(Notification::Frozen { ball: gone }) => index(*gone) == ball,
                    _ => false,
                });
            if dark {
                return Some(now);
            }
        }
        None
    }
}

/// A ball's place in the ring file, from 0.
pub(crate) fn index(ball: BallId) -> usize {
    (ball.0 as usize).saturating_sub(1)
}
