//! One step of a node: which actions were they, were they possible, and do they lead to what the node remembers?

use carom::ring::abstract_state::AbstractBall;
use carom::ring::{BallId, Cover, Incarnation, Input, Life, Message, Node, NodeId, Output, Time};

use super::action::Outcome;
use super::state::{Covers, ProcessId, State};

/// An input that a node has handled.
pub(crate) struct Handled<'a> {
    /// The process that handled it.
    pub(crate) process: ProcessId,
    /// The reference time, and what the process's clock showed.
    pub(crate) now: u64,
    pub(crate) clock: Time,
    pub(crate) input: &'a Input,
    pub(crate) outputs: &'a [Output],
    /// The node afterwards.
    pub(crate) node: &'a Node,
    /// The process to whose connection the node's lines to that peer are written; none if there is no connection.
    pub(crate) recipient: &'a dyn Fn(NodeId) -> Option<ProcessId>,
    /// Whether the LED of that ball is on.
    pub(crate) is_lit: &'a dyn Fn(BallId) -> bool,
}

impl Handled<'_> {
    /// The line that came in, unless the node has no connection to its sender, and so ignores it.
    pub(super) fn line(&self) -> Option<(NodeId, &Message)> {
        match self.input {
            Input::Received { from, message } => {
                let connected = self.node.recipient(*from).is_some();
                connected.then_some((*from, message))
            }
            _ => None,
        }
    }
}

/// One ball in a step.
pub(super) struct Part<'a> {
    pub(super) step: &'a Handled<'a>,
    pub(super) ball: BallId,
    /// What the node remembers of the ball afterwards.
    pub(super) after: AbstractBall,
}

impl State {
    /// Takes the actions that this step stands for; an error is a sentence that says which one was not possible, or
    /// what no action explains.
    pub(crate) fn explain(&mut self, step: &Handled<'_>) -> Outcome {
        let p = step.process;
        self.time(step.now, p, step.clock)?;
        self.limit_moments(p)?;
        match step.input {
            Input::Duplicate => self.quarantine_again(p)?,
            Input::Received {
                from,
                message: Message::Heartbeat { at, .. },
            } => {
                self.heartbeat_came(p, *from, Time::from_micros(*at))?;
            }
            Input::Died { peer, incarnation } => self.obituary_came(*peer, *incarnation)?,
            _ => {}
        }
        let mut compared = 0;
        for after in step.node.abstract_balls() {
            let ball = after.ball;
            compared += 1;
            let part = Part { step, ball, after };
            self.explain_ball(&part)
                .map_err(|what| format!("ball {ball}: {what}"))?;
        }
        if compared != self.balls.len() {
            return Err("the node does not say what it remembers of every ball".to_owned());
        }
        for output in step.outputs {
            if let Output::Send {
                message: Message::Heartbeat { at, .. },
                ..
            } = output
            {
                self.beat(p, Time::from_micros(*at))?;
            }
        }
        if self.processes[p].quarantine_until != step.node.quarantine_until() {
            return Err("no action explains when its quarantine ends".to_owned());
        }
        Ok(())
    }

    /// A heartbeat came from that node.
    fn heartbeat_came(&mut self, p: ProcessId, from: NodeId, at: Time) -> Outcome {
        let sent = |&sender: &ProcessId| self.processes[sender].beats.contains(&at);
        let sender = self.processes_of(from.index()).rev().find(sent);
        match sender {
            Some(sender) => self.hear_beat(p, (sender, at)),
            None => Err(format!(
                "no process of pi{} has sent that heartbeat",
                from.0 + 1
            )),
        }
    }

    /// An obituary is true.
    fn obituary_came(&self, peer: NodeId, incarnation: Incarnation) -> Outcome {
        match self.process_of(Life {
            node: peer,
            incarnation,
        }) {
            Some(process) if !self.processes[process].dead => {
                Err(format!("the process of pi{} runs", peer.0 + 1))
            }
            _ => Ok(()),
        }
    }

    /// The process of that incarnation; none if it is no part of the ring.
    pub(super) fn process_of(&self, life: Life) -> Option<ProcessId> {
        let mut processes = self.processes_of(life.node.index());
        processes.find(|&process| self.processes[process].incarnation == life.incarnation)
    }

    /// `covers` of a request with that cover.
    pub(super) fn covers_of(&self, cover: Option<&Cover>) -> Covers {
        let lives = cover?.lives().iter();
        Some(lives.filter_map(|&life| self.process_of(life)).collect())
    }

    /// The processes of a node, the first one first.
    pub(super) fn processes_of(&self, node: usize) -> impl DoubleEndedIterator<Item = ProcessId> {
        (0..self.processes.len()).filter(move |&p| self.processes[p].node == node)
    }

    fn explain_ball(&mut self, part: &Part<'_>) -> Outcome {
        if self.ring.is_alone {
            self.explain_lone_renewal(part)?;
        }
        self.explain_input(part)?;
        for output in part.step.outputs {
            self.explain_output(part, output)?;
        }
        self.explain_silence(part)?;
        self.compare(part)
    }

    /// The state after the actions is what the node remembers, and its LED tells whether it possesses the ball.
    fn compare(&self, part: &Part<'_>) -> Outcome {
        let p = part.step.process;
        let ball = &self.balls[&part.ball];
        if let Some(what) = difference(&ball.of[p], &part.after) {
            return Err(format!("no action explains its {what}"));
        }
        let is_leaving = part.step.outputs.contains(&Output::Drained);
        if self.possesses(part.ball, p) != (part.step.is_lit)(part.ball) && !is_leaving {
            return Err("its LED does not tell whether it possesses the ball".to_owned());
        }
        let Some(copy) = ball.copy(p) else {
            return Ok(());
        };
        let term = ball.terms.get(&copy.stamp.generation);
        if term.is_none_or(|term| !term.won || term.carrier != p || term.top != copy.stamp.hop) {
            return Err("the invariant `holders_are_carriers` does not hold".to_owned());
        }
        Ok(())
    }
}

/// What the node remembers differently from what the actions lead to.
fn difference(led_to: &AbstractBall, found: &AbstractBall) -> Option<String> {
    let differs = |name: &str, led_to: &dyn std::fmt::Debug, found: &dyn std::fmt::Debug| {
        Some(format!("{name} {found:?}, the actions lead to {led_to:?}"))
    };
    if led_to == found {
        None
    } else if led_to.copy != found.copy {
        differs("copy", &led_to.copy, &found.copy)
    } else if led_to.vote != found.vote {
        differs("vote", &led_to.vote, &found.vote)
    } else if led_to.newest != found.newest {
        differs("newest record", &led_to.newest, &found.newest)
    } else if led_to.tombstone != found.tombstone {
        differs("tombstone", &led_to.tombstone, &found.tombstone)
    } else if led_to.fence != found.fence {
        differs("fence", &led_to.fence, &found.fence)
    } else {
        differs("candidacy", &led_to.standing, &found.standing)
    }
}
