//! Which actions the outputs of a node stand for, and those that leave no output.

use std::time::Duration;

use carom::ring::message::Pass as PassLine;
use carom::ring::{Input, Message, NodeId, Notification, Output, Time};

use super::action::Outcome;
use super::explain::Part;
use super::state::{Pass, State};

impl State {
    /// The actions of one output.
    pub(super) fn explain_output(&mut self, part: &Part<'_>, output: &Output) -> Outcome {
        let (b, p) = (part.ball, part.step.process);
        match output {
            Output::LedOn(on) if on.ball == b => {
                let copy = self.balls[&b].copy(p).filter(|copy| copy.lent);
                if copy.is_some_and(|copy| copy.stamp.hop + 1 == on.stamp.hop) {
                    self.land(b, p)?;
                }
            }
            Output::Send {
                to,
                message: Message::Pass(line),
            } if line.ball == b => {
                self.explain_sent_pass(part, *to, line)?;
            }
            Output::Send {
                to,
                message: Message::Granted { seq, balls },
            } if matches!(part.step.input, Input::Died { .. })
                && balls.iter().any(|grant| grant.ball == b) =>
            {
                self.explain_late_grant(part, *to, *seq)?;
            }
            Output::Send {
                message:
                    Message::Fenced {
                        ball,
                        generation,
                        promise: true,
                        ..
                    },
                ..
            }
            | Output::Multicast {
                message:
                    Message::Fence {
                        ball,
                        generation,
                        promise: true,
                    },
                ..
            } if *ball == b => self.fence(b, p, *generation)?,
            Output::SendToWindow { ball, .. } if *ball == b => self.lend(b, p)?,
            Output::Broadcast(Message::Release { ball, generation }) if *ball == b => {
                self.cancel(b, p, *generation)?;
                self.release_if_gone(part, *generation)?;
            }
            Output::Broadcast(Message::Acquire { seq, balls })
            | Output::Multicast {
                message: Message::Acquire { seq, balls },
                ..
            } => {
                let mut requests = balls.iter().filter(|request| request.ball == b);
                if let Some(request) = requests.find(|request| request.is_from_holder()) {
                    if request.leaves {
                        self.explain_leaving(part)?;
                    } else {
                        self.explain_renewal(part, *seq)?;
                    }
                }
            }
            Output::Notify(note) if Self::concerns(part, note) => self.explain_note(part, note)?,
            _ => {}
        }
        Ok(())
    }

    fn explain_note(&mut self, part: &Part<'_>, note: &Notification) -> Outcome {
        let (b, p) = (part.ball, part.step.process);
        match *note {
            Notification::ElectionStarted { generation, .. } => {
                let seq = self.candidacy_number(part, generation);
                self.fence_if_new(part)?;
                let covers = self.covers_of(part.step.node.named_cover());
                self.stand(b, p, generation, (seq, covers))?;
                if self.ring.votes(self.processes[p].node) {
                    self.vote(b, p, (p, seq))?;
                }
                Ok(())
            }
            Notification::ElectionWon { generation, .. } => {
                self.win(b, p, generation, self.won_hop(part, generation))
            }
            Notification::SteppedDown { generation, .. } => {
                if self.is_covered_by_tombstone(part, generation) {
                    return self.drop(b, p);
                }
                self.step_down(b, p)?;
                self.release_if_gone(part, generation)
            }
            Notification::DoubleDropped { .. } => self.drop(b, p),
            Notification::GuestLeft { .. } => {
                self.explain_leaving(part)?;
                self.drop(b, p)
            }
            _ => Ok(()),
        }
    }

    /// A pass goes out: of the copy that the node holds, or of one that it passed before.
    fn explain_sent_pass(&mut self, part: &Part<'_>, to: NodeId, line: &PassLine) -> Outcome {
        let (b, p) = (part.ball, part.step.process);
        let Some(to) = (part.step.recipient)(to) else {
            return Err(format!(
                "it passes the ball to {to:?}, to which it has no connection"
            ));
        };
        let m = Pass {
            from: p,
            to,
            stamp: line.record.stamp,
            deadline: part.step.clock + Duration::from_micros(line.left),
            echo: self.echoed(to, line),
            span: Duration::from_micros(line.since.saturating_add(line.left)),
        };
        if self.balls[&b].copy(p).is_some() {
            self.pass_ball(b, m)
        } else {
            self.resend(b, m)
        }
    }

    /// The heartbeat that the line echoes: one of its receiver, or of another process of that node.
    fn echoed(&self, to: usize, line: &PassLine) -> Option<(usize, Time)> {
        let at = Time::from_micros(line.echo?);
        let of_node = self.processes_of(self.processes[to].node);
        let mut senders = [to].into_iter().chain(of_node);
        let sender = senders.find(|&sender| self.processes[sender].beats.contains(&at));
        Some((sender.unwrap_or(to), at))
    }

    /// The holder asks for a renewal, and votes for it if its own vote shows that.
    fn explain_renewal(&mut self, part: &Part<'_>, seq: u64) -> Outcome {
        let (b, p) = (part.ball, part.step.process);
        let covers = self.covers_of(part.step.node.named_cover());
        self.ask_renewal(b, p, (seq, covers))?;
        let Some(copy) = self.balls[&b].copy(p) else {
            return Ok(());
        };
        let granted = (copy.stamp.generation, part.step.clock + self.ring.lease);
        if part.after.vote == Some(granted) {
            self.grant(b, p, (p, seq))?;
        }
        let deadline = part.after.copy.map(|after| after.deadline);
        if deadline.is_some_and(|deadline| deadline != copy.deadline) {
            self.renewed(b, p, (p, seq))?;
        }
        Ok(())
    }

    /// A node that is alone in its ring renews before it does anything else.
    pub(super) fn explain_lone_renewal(&mut self, part: &Part<'_>) -> Outcome {
        let (b, p) = (part.ball, part.step.process);
        let memory = self.balls[&b].of[p];
        let Some(copy) = memory.copy.filter(|copy| !copy.retiring) else {
            return Ok(());
        };
        let generation = copy.stamp.generation;
        let granted = (generation, part.step.clock + self.ring.lease);
        let renewed = part.after.vote == Some(granted) && memory.vote != Some(granted);
        // A guest that leaves takes the vote with it; it cannot have left with a lease that had run out.
        let left = part.after.tombstone >= Some(generation) && copy.deadline <= part.step.clock;
        if !renewed && !left {
            return Ok(());
        }
        let seq = part.step.node.last_request();
        let covers = self.covers_of(part.step.node.named_cover());
        self.ask_renewal(b, p, (seq, covers))?;
        self.grant(b, p, (p, seq))?;
        self.renewed(b, p, (p, seq))
    }

    /// An obituary has come, and a voter grants what it denied before.
    fn explain_late_grant(&mut self, part: &Part<'_>, to: NodeId, seq: u64) -> Outcome {
        let (b, p) = (part.ball, part.step.process);
        let requests = &self.balls[&b].requests;
        let mut askers: Vec<_> = self.processes_of(to.index()).collect();
        askers.retain(|&asker| requests.contains_key(&(asker, seq)));
        let asker = askers.last().copied();
        self.vote(b, p, (asker.unwrap_or(usize::MAX), seq))
    }

    /// A candidate promises, too, and asks nobody if nobody else is left.
    fn fence_if_new(&mut self, part: &Part<'_>) -> Outcome {
        let (b, p) = (part.ball, part.step.process);
        match part.after.fence {
            Some(fence) if self.balls[&b].of[p].fence < Some(fence) => self.fence(b, p, fence),
            _ => Ok(()),
        }
    }

    /// A guest leaves, and its holder sets its own tombstone.
    fn explain_leaving(&mut self, part: &Part<'_>) -> Outcome {
        let (b, p) = (part.ball, part.step.process);
        let Some(copy) = self.balls[&b].copy(p) else {
            return Ok(());
        };
        if !copy.retiring {
            self.leave(b, p)?;
        }
        let generation = copy.stamp.generation;
        if self.balls[&b].of[p].tombstone < Some(generation)
            && part.after.tombstone >= Some(generation)
        {
            self.retire(b, p, generation)?;
        }
        Ok(())
    }

    /// The actions that leave no output: a frozen ball comes back from a window, and what a node does that is
    /// connected to nobody.
    pub(super) fn explain_silence(&mut self, part: &Part<'_>) -> Outcome {
        let (b, p) = (part.ball, part.step.process);
        self.fence_if_new(part)?;
        let memory = self.balls[&b].of[p];
        if let Some(generation) = memory.standing
            && part.after.standing != Some(generation)
        {
            self.cancel(b, p, generation)?;
            self.release_if_gone(part, generation)?;
        }
        let (Some(copy), Some(after)) = (memory.copy, part.after.copy) else {
            return Ok(());
        };
        if copy.lent && !after.lent {
            self.land(b, p)?;
        }
        if after.retiring {
            return self.explain_leaving(part);
        }
        let granted = (copy.stamp.generation, part.step.clock + self.ring.lease);
        if part.after.vote == Some(granted) && memory.vote != Some(granted) {
            self.explain_renewal(part, part.step.node.last_request())?;
        }
        Ok(())
    }
}
