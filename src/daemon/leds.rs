//! Turns possessions into changes of the node's LED; a node whose LED fails keeps playing.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use tracing::Level;

use crate::clock;
use crate::http::LedStatus;
use crate::keeper::{Keeper, Recipients};
use crate::led::{Led, LedChange, LedError, NoLed};
use crate::ring::{Incarnation, NodeId, Possession, Time};

/// An LED that failed is tried again after this time.
const RETRY: Duration = Duration::from_secs(1);

/// An LED that fails again and again is logged at most once in this time.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// The LED of one node, which is on while any ball is here.
pub struct Leds {
    node: String,
    led: Box<dyn Led>,
    /// Switches the LED off when this process does not.
    keeper: Keeper,
    /// The balls that are here; mostly one at a time.
    here: Vec<Lit>,
    /// Why the LED does not work, for as long as it does not.
    fault: Option<Fault>,
    /// A new fault before this moment is not logged.
    next_log: Option<Time>,
    /// A failure of the keeper before this moment is not logged.
    next_keeper_log: Option<Time>,
    /// What is to be logged: at most a fault and its end, since a fault is logged once a minute.
    log: VecDeque<(Level, String)>,
}

/// A ball that is here.
struct Lit {
    possession: Possession,
    /// The keeper has switched the LED off since the ball came.
    put_out: bool,
}

/// Why the LED does not work.
struct Fault {
    sentence: String,
    logged: bool,
    /// Until then, changes are not tried: opening a missing device takes time.
    retry_at: Option<Time>,
}

impl Leds {
    /// The LED of the node of that name.
    pub fn new(node: &str, led: Box<dyn Led>) -> Self {
        Self {
            node: node.to_owned(),
            led,
            keeper: Keeper::none(),
            here: Vec::new(),
            fault: None,
            next_log: None,
            next_keeper_log: None,
            log: VecDeque::new(),
        }
    }

    /// The same, with a keeper.
    #[must_use]
    pub fn kept_by(mut self, keeper: Keeper) -> Self {
        self.keeper = keeper;
        self.offer_off_switch();
        self
    }

    /// The LED of the node of that name, which may have failed to open already.
    pub fn with_fault(node: &str, led: Box<dyn Led>, fault: Option<&LedError>) -> Self {
        let mut leds = Self::new(node, led);
        if let Some(fault) = fault {
            leds.on_fault(fault, clock::now(), None);
        }
        leds
    }

    /// From now on the keeper tells others when this process has ended, which is `incarnation` of the node `me`. Returns whom
    /// it tells; `None` if it tells nobody.
    pub fn tell_end(&mut self, me: NodeId, incarnation: Incarnation) -> Option<Recipients> {
        match self.keeper.tell_end(me, &self.node, incarnation) {
            Ok(recipients) => recipients,
            Err(why) => {
                let sentence =
                    "the LED keeper cannot tell the other nodes when this process has ended";
                let what = "if it is killed, they wait for a lease before they take its ball over";
                let line = format!("{sentence} ({why}): {what}");
                self.log.push_back((Level::WARN, line));
                None
            }
        }
    }

    /// The node has left the ring: nobody needs to be told when this process has ended.
    pub fn on_left(&mut self) {
        self.keeper.on_left();
    }

    /// What the node possesses now has this deadline; `None` if it possesses nothing. To be called before [`Self::show`]
    /// shows it: soon after the deadline the LED goes off, whatever becomes of this process.
    pub fn set_deadline(&mut self, deadline: Option<Time>, now: Time) {
        if let Some(deadline) = deadline {
            self.keeper.set_deadline(deadline, now);
            self.look_at_keeper(now);
        }
    }

    /// Shows that a ball came or went.
    pub fn show(&mut self, possession: Possession, on: bool, now: Time) {
        self.look_at_keeper(now);
        let ball = possession.ball;
        let mut before = self.here.iter();
        let before = before.position(|lit| lit.possession.ball == ball);
        let before = before.map(|index| self.here.swap_remove(index));
        if on {
            self.keeper.set_some_deadline(now);
            let put_out = false;
            self.here.push(Lit {
                possession,
                put_out,
            });
        } else if before.is_some_and(|lit| lit.put_out) {
            // It has gone off already, and a trace says so.
            self.refresh(now, None);
            return;
        }
        self.set(possession, on, now);
    }

    /// Notes whether the keeper has switched the LED off.
    fn look_at_keeper(&mut self, now: Time) {
        if self.keeper.has_put_out(now) {
            self.led.on_put_out();
            self.here.iter_mut().for_each(|lit| lit.put_out = true);
        }
        self.log_failure(now);
    }

    /// Tells the keeper how to switch the LED off, if the LED was opened.
    fn offer_off_switch(&mut self) {
        if let Some(switch) = self.led.take_off_switch() {
            self.keeper.keep(Some(switch));
            self.log_failure(clock::now());
        }
    }

    /// Logs why the keeper could not do something, at most once a minute.
    fn log_failure(&mut self, now: Time) {
        if let Some(failure) = self.keeper.take_failure()
            && self.next_keeper_log.is_none_or(|next| now >= next)
        {
            self.next_keeper_log = Some(now + LOG_INTERVAL);
            let sentence = "the LED keeper cannot switch the LED off";
            let what = "if this process is stopped or killed, its LED may stay on";
            let line = format!("{sentence} ({failure}): {what}");
            self.log.push_back((Level::WARN, line));
        }
    }

    /// Replaces the LED by another one, which is off. Returns the balls for [`Self::light_again`].
    ///
    /// `open` is called after the old LED is released, because both may use the same pin. It may take longer than a lease.
    pub fn replace(&mut self, open: impl FnOnce() -> Self, now: Time) -> Vec<Possession> {
        self.look_at_keeper(now);
        let lit = std::mem::take(&mut self.here);
        for lit in lit.iter().filter(|lit| !lit.put_out) {
            self.set(lit.possession, false, now);
        }
        let here: Vec<Possession> = lit.iter().map(|lit| lit.possession).collect();
        self.let_go();
        self.led = Box::new(NoLed);
        let mut opened = open();
        self.led = std::mem::replace(&mut opened.led, Box::new(NoLed));
        self.fault = opened.fault.take();
        self.next_log = opened.next_log;
        self.log.append(&mut opened.log);
        self.offer_off_switch();
        let put_out = false;
        self.here = here
            .iter()
            .map(|&possession| Lit {
                possession,
                put_out,
            })
            .collect();
        here
    }

    /// Lights a new LED for those of these balls that are still here.
    pub fn light_again(&mut self, balls: &[Possession], now: Time) {
        for &possession in balls {
            let is_here = |lit: &Lit| lit.possession == possession;
            if self.here.iter().any(is_here) {
                self.set(possession, true, now);
            }
        }
    }

    /// The keeper lets go of the LED, which is off unless it does not work.
    fn let_go(&mut self) {
        if self.fault.is_none() {
            self.keeper.keep(None);
        } else {
            self.keeper.let_go_lit();
        }
    }

    fn set(&mut self, possession: Possession, on: bool, now: Time) {
        let Possession { ball, stamp } = possession;
        let retry_at = self.fault.as_ref().and_then(|fault| fault.retry_at);
        if retry_at.is_some_and(|retry_at| now < retry_at) {
            return;
        }
        let change = LedChange {
            node: &self.node,
            on,
            ball: &ball,
            generation: &stamp.generation,
            hop: stamp.hop,
        };
        match self.led.show(&change, !self.here.is_empty()) {
            Ok(()) => self.on_success(),
            Err(error) => self.on_fault(&error, now, None),
        }
    }

    /// Once a heartbeat: tries an LED again that failed, renews one that goes out by itself, and lights one again that the
    /// keeper has switched off, while its ball is still here.
    pub fn on_heartbeat(&mut self, now: Time) {
        self.look_at_keeper(now);
        let put_out = self.here.iter_mut().find(|lit| lit.put_out);
        if let Some(lit) = put_out {
            lit.put_out = false;
            let possession = lit.possession;
            self.keeper.set_some_deadline(now);
            self.set(possession, true, now);
        }
        let lit = !self.here.is_empty();
        let due = match &self.fault {
            Some(fault) => fault.retry_at.is_none_or(|retry_at| now >= retry_at),
            None => lit,
        };
        if !due {
            return;
        }
        self.refresh(now, Some(now + RETRY));
    }

    /// Sets the LED without a change. If that fails, no change is tried before `retry_at`.
    fn refresh(&mut self, now: Time, retry_at: Option<Time>) {
        match self.led.refresh(!self.here.is_empty()) {
            Some(Ok(())) => self.on_success(),
            Some(Err(error)) => self.on_fault(&error, now, retry_at),
            None => {}
        }
    }

    /// Logs a fault once for as long as it lasts.
    fn on_fault(&mut self, error: &LedError, now: Time, retry_at: Option<Time>) {
        if self.fault.is_none() {
            // The device is opened anew, and the kernel gives some devices to one user only. What it shows is not known.
            self.keeper.let_go_lit();
        }
        let logged = match &self.fault {
            Some(fault) => fault.logged,
            None => {
                let log_it = self.next_log.is_none_or(|next| now >= next);
                if log_it {
                    self.next_log = Some(now + LOG_INTERVAL);
                    let sentence = "the node plays on without its LED and tries again by itself";
                    self.log
                        .push_back((Level::ERROR, format!("{error}; {sentence}")));
                }
                log_it
            }
        };
        self.fault = Some(Fault {
            sentence: error.to_string(),
            logged,
            retry_at,
        });
    }

    fn on_success(&mut self) {
        if self.fault.take().is_some_and(|fault| fault.logged) {
            let sentence = "the LED works again".to_owned();
            self.log.push_back((Level::INFO, sentence));
        }
        self.offer_off_switch();
    }

    /// Whether [`Self::on_heartbeat`] has something to do.
    pub fn needs_heartbeat(&self) -> bool {
        let refreshed = !self.here.is_empty() && self.led.goes_off_by_itself();
        self.fault.is_some() || refreshed || self.here.iter().any(|lit| lit.put_out)
    }

    /// The next line for the log.
    pub fn next_log_line(&mut self) -> Option<(Level, String)> {
        self.log.pop_front()
    }

    /// Whether the LED is to be lit, and what is wrong with it.
    pub fn status(&self) -> LedStatus {
        LedStatus {
            lit: !self.here.is_empty(),
            fault: self.fault.as_ref().map(|fault| fault.sentence.clone()),
        }
    }
}

impl Drop for Leds {
    fn drop(&mut self) {
        // From here on the LED may belong to somebody else, such as to its earlier trigger.
        if self.here.is_empty() {
            self.let_go();
        } else {
            self.keeper.let_go_lit();
        }
    }
}
