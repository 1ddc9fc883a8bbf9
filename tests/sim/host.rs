//! One machine: its clock, its process if it runs one, and the LEDs that a stopped process leaves on.

use std::rc::Rc;
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
    /// The LEDs of a killed process that its LED keeper has still to switch off.
    pub(crate) glow: Vec<Option<Led>>,
    /// How many processes have been started.
    pub(crate) lifetimes: u64,
    /// How many faults keep it down.
    pub(crate) down: u32,
    /// How many faults keep the process stopped.
    pub(crate) stopped: u32,
    /// How many faults keep another ring file on it.
    pub(crate) other_file: u32,
}

/// One process of a node, from its start to its end.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) node: Node,
    pub(crate) topology: Arc<Topology>,
    /// Of its topology: to compute it for every connection would take longest in a large ring.
    pub(crate) fingerprint: Rc<str>,
    pub(crate) lifetime: u64,
    pub(crate) incarnation: Incarnation,
    /// The connection to each other host that the node considers open.
    pub(crate) links: Vec<Option<usize>>,
    /// One LED for each ball.
    pub(crate) leds: Vec<Option<Led>>,
    /// The node's deadline that the timer is set to, and when the timer fires.
    pub(crate) deadline: Option<Time>,
    /// When the node handled its last input, on its own clock.
    pub(crate) last_input: Time,
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
    pub(crate) expires: Option<Nanos>,
    /// The LED is off and the ball is lent to a window; still nobody else may have it.
    pub(crate) lent: bool,
}

impl Host {
    /// The process, if there is one and it is not stopped.
    pub(crate) fn awake(&self) -> Option<&Process> {
        self.process.as_ref().filter(|process| !process.stopped)
    }

    /// The same, mutable.
    pub(crate) fn awake_mut(&mut self) -> Option<&mut Process> {
        self.process.as_mut().filter(|process| !process.stopped)
    }

    /// Whether this machine possesses the ball: LED on, and not only because it is stopped.
    pub(crate) fn possesses(&self, ball: usize, now: Nanos) -> Option<Led> {
        let is_on = |led: &Led| led.expires.is_none_or(|expires| now < expires);
        let own = self.process.as_ref().and_then(|process| process.leds[ball]);
        let glow = self.glow.get(ball).copied().flatten();
        own.filter(is_on).or_else(|| glow.filter(is_on))
    }

    /// Stops the process as SIGSTOP does, and computes when each of its leases expires.
    pub(crate) fn stop(&mut self) {
        let clock = self.clock.clone();
        let Some(process) = &mut self.process else {
            return;
        };
        process.stopped = true;
        for ball in 0..process.leds.len() {
            let lease_end = process.leds[ball]
                .is_some()
                .then(|| process.lease_end(ball));
            if let Some(led) = &mut process.leds[ball] {
                led.expires = lease_end.flatten().map(|time| clock.when(time));
            }
        }
    }
}

impl Process {
    /// Until when the node may act as holder if it receives nothing more, as a copy of it shows.
    fn lease_end(&self, ball: usize) -> Option<Time> {
        if self.topology.quorum() == 1 && self.topology.votes(self.node.view().me) {
            // With a quorum of one a voter renews its own lease without end.
            return None;
        }
        let mut node = self.node.clone();
        // The stopped process does nothing more, not even what is due since its last input.
        let mut now = self.last_input;
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

/// The index of a ball in the ring file, from 0.
pub(crate) fn index(ball: BallId) -> usize {
    (ball.0 as usize).saturating_sub(1)
}
