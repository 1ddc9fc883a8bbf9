//! Which actions an input stands for, before anything that the node does by itself.

use std::time::Duration;

use carom::ring::message::{LeaseRequest, Pass as PassLine};
use carom::ring::{Generation, Message, Notification, Output, Stamp, Time};

use super::action::Outcome;
use super::explain::Part;
use super::state::{Pass, RequestId, State, safe};

impl State {
    /// The actions of a line that came in.
    pub(super) fn explain_input(&mut self, part: &Part<'_>) -> Outcome {
        let Some((from, message)) = part.step.line() else {
            return Ok(());
        };
        match message {
            Message::Acquire { seq, balls } => {
                for request in balls.iter().filter(|request| request.ball == part.ball) {
                    self.explain_answer(part, (from.index(), *seq), request)?;
                }
            }
            Message::Granted { seq, balls }
                if balls.iter().any(|grant| grant.ball == part.ball) =>
            {
                self.explain_grant(part, *seq)?;
            }
            Message::Denied { balls, .. } => {
                let mut denials = balls.iter().filter(|denial| denial.ball == part.ball);
                if let Some(gone) = denials.find_map(|denial| denial.gone) {
                    self.explain_tombstone(part, gone)?;
                }
            }
            Message::Pass(pass) if pass.ball == part.ball => self.explain_pass(part, pass)?,
            Message::Release { ball, generation } if *ball == part.ball => {
                self.release_if_gone(part, *generation)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// A voter answers a request: it keeps the record, and grants or denies.
    fn explain_answer(
        &mut self,
        part: &Part<'_>,
        (from, seq): (usize, u64),
        request: &LeaseRequest,
    ) -> Outcome {
        let (b, p) = (part.ball, part.step.process);
        let mut granted = false;
        let mut is_double = false;
        for output in part.step.outputs {
            match output {
                Output::Send {
                    to,
                    message:
                        Message::Granted {
                            seq: answered,
                            balls,
                        },
                } => {
                    let is_answer = to.index() == from && *answered == seq;
                    granted |= is_answer && balls.iter().any(|grant| grant.ball == b);
                }
                Output::Send {
                    to,
                    message:
                        Message::Denied {
                            seq: answered,
                            balls,
                        },
                } => {
                    let is_answer = to.index() == from && *answered == seq;
                    let mut denials = balls.iter().filter(|denial| denial.ball == b);
                    is_double |= is_answer && denials.any(|denial| denial.granted.is_some());
                }
                _ => {}
            }
        }
        if request.leaves {
            // A node that is no voter says nothing: its tombstone shows that it agrees.
            let gone = Some(request.generation);
            let is_set = self.balls[&b].of[p].tombstone < gone && part.after.tombstone >= gone;
            return if granted || is_set {
                self.retire(b, p, request.generation)
            } else {
                Ok(())
            };
        }
        if let Some(record) = request.record().filter(|_| !is_double) {
            self.hear_record(b, p, record.stamp)?;
        }
        if granted {
            let q = self.request_of(part, from, seq, request.generation);
            self.vote(b, p, q.unwrap_or((usize::MAX, seq)))?;
        }
        Ok(())
    }

    /// The request of some process of that node.
    fn request_of(
        &self,
        part: &Part<'_>,
        from: usize,
        seq: u64,
        generation: Generation,
    ) -> Option<RequestId> {
        let requests = &self.balls[&part.ball].requests;
        let mut processes = self.processes_of(from).rev();
        processes.find_map(|process| {
            let request = requests.get(&(process, seq))?;
            (request.asks_for == generation).then_some((process, seq))
        })
    }

    /// A voter granted: with a quorum, the holder's deadline is later than before.
    fn explain_grant(&mut self, part: &Part<'_>, seq: u64) -> Outcome {
        let (b, p) = (part.ball, part.step.process);
        let Some(copy) = self.balls[&b].copy(p) else {
            return Ok(());
        };
        let deadline = self.deadline_after(part, copy.stamp);
        if deadline.is_some_and(|deadline| deadline != copy.deadline) && !copy.retiring {
            self.renewed(b, p, (p, seq))?;
        }
        Ok(())
    }

    /// The deadline that this copy has at last, or had when it was passed on. In the same step it may have come back
    /// from a window, with the next hop.
    fn deadline_after(&self, part: &Part<'_>, stamp: Stamp) -> Option<Time> {
        let (least, most) = (stamp.hop, stamp.hop + 1);
        let is_it = |other: Stamp, least, most| {
            other.generation == stamp.generation && (least..=most).contains(&other.hop)
        };
        let passed = part.step.outputs.iter().find_map(|output| match output {
            Output::Send {
                message: Message::Pass(pass),
                ..
            } if pass.ball == part.ball && is_it(pass.record.stamp, least + 1, most + 1) => {
                Some(part.step.clock + Duration::from_micros(pass.left))
            }
            _ => None,
        });
        let kept = part
            .after
            .copy
            .filter(|copy| is_it(copy.stamp, least, most));
        passed.or(kept.map(|copy| copy.deadline))
    }

    /// A voter says that guests up to this generation have left.
    fn explain_tombstone(&mut self, part: &Part<'_>, gone: Generation) -> Outcome {
        let (b, p) = (part.ball, part.step.process);
        let memory = self.balls[&b].of[p];
        let is_set = memory.tombstone < Some(gone) && part.after.tombstone >= Some(gone);
        let had_vote = memory.vote.is_some_and(|(vote, _)| vote == gone);
        let has_vote = part.after.vote.is_some_and(|(vote, _)| vote == gone);
        if is_set || (had_vote && !has_vote) {
            self.retire(b, p, gone)?;
        }
        Ok(())
    }

    /// A ball came; whether the node took it shows in its memory or in its LED.
    fn explain_pass(&mut self, part: &Part<'_>, line: &PassLine) -> Outcome {
        let (b, p, stamp) = (part.ball, part.step.process, line.record.stamp);
        let had = self.balls[&b]
            .copy(p)
            .is_some_and(|copy| copy.stamp == stamp);
        let has = part.after.copy.is_some_and(|copy| copy.stamp == stamp);
        let lit =
            part.step.outputs.iter().any(
                |output| matches!(output, Output::LedOn(on) if on.ball == b && on.stamp == stamp),
            );
        if !lit && (had || !has) {
            return Ok(());
        }
        let m = self.find_pass(part, line);
        let shown = self.deadline_after(part, stamp);
        let deadline = if self.renews_alone(part) {
            let carried = self.carried(part, m);
            Some(shown.map_or(carried, |shown| shown.min(carried)))
        } else {
            shown
        };
        let Some(deadline) = deadline else {
            return Err("it took the ball, and nothing shows with which deadline".to_owned());
        };
        self.take(b, p, m, deadline)
    }

    /// Whether the node renews the ball in this step and is a quorum by itself: then the deadline that it has at
    /// last is not the one with which the ball came, or the ball is a guest that has left already.
    fn renews_alone(&self, part: &Part<'_>) -> bool {
        let alone =
            self.ring.quorum == 1 && self.ring.votes(self.processes[part.step.process].node);
        let renews = |output: &Output| match output.line_to_several() {
            Some(Message::Acquire { balls, .. }) => balls
                .iter()
                .any(|request| request.ball == part.ball && request.is_from_holder()),
            _ => false,
        };
        alone && part.step.outputs.iter().any(renews)
    }

    /// The deadline with which a pass comes.
    fn carried(&self, part: &Part<'_>, m: Option<Pass>) -> Time {
        let now = part.step.clock;
        let carried = m.and_then(|m| Some(m.echo?.1 + safe(m.span)));
        carried.map_or(now, |carried| {
            carried.max(now).min(now + self.ring.safe_lease())
        })
    }

    /// The line as it was sent to this process.
    fn find_pass(&self, part: &Part<'_>, line: &PassLine) -> Option<Pass> {
        let p = part.step.process;
        let span = Duration::from_micros(line.since.saturating_add(line.left));
        let sent = self.balls[&part.ball].passes.get(&line.record.stamp)?;
        let echo = line.echo.map(Time::from_micros);
        let same = |m: &&Pass| m.span == span && m.echo.map(|(_, at)| at) == echo;
        let mine = sent.iter().filter(same).find(|m| m.to == p);
        mine.or_else(|| sent.iter().find(same)).copied()
    }

    /// The voter's vote for this generation is gone.
    pub(super) fn release_if_gone(&mut self, part: &Part<'_>, generation: Generation) -> Outcome {
        let (b, p) = (part.ball, part.step.process);
        let is_for =
            |vote: Option<(Generation, Time)>| vote.is_some_and(|(vote, _)| vote == generation);
        if is_for(self.balls[&b].of[p].vote) && !is_for(part.after.vote) {
            self.release(b, p)?;
        }
        Ok(())
    }

    /// Whether the node dropped a frozen guest because another one's tombstone covers it.
    pub(super) fn is_covered_by_tombstone(&self, part: &Part<'_>, generation: Generation) -> bool {
        let Some((_, Message::Denied { balls, .. })) = part.step.line() else {
            return false;
        };
        let mut denials = balls.iter().filter(|denial| denial.ball == part.ball);
        denials.any(|denial| denial.gone >= Some(generation))
    }

    /// The process's own request for that candidacy: its number in the line, if the line was sent.
    pub(super) fn candidacy_number(&self, part: &Part<'_>, generation: Generation) -> u64 {
        let sent = part.step.outputs.iter().find_map(|output| match output {
            // A voter that is a quorum by itself asks nobody, and renews at once with the same generation.
            Output::Broadcast(Message::Acquire { seq, balls }) => balls
                .iter()
                .filter(|request| !request.is_from_holder())
                .any(|request| request.ball == part.ball && request.generation == generation)
                .then_some(*seq),
            _ => None,
        });
        let requests = self.balls[&part.ball].requests.len() as u64;
        sent.unwrap_or(u64::MAX - requests)
    }

    /// The hop with which the winner of an election goes on.
    pub(super) fn won_hop(&self, part: &Part<'_>, generation: Generation) -> u64 {
        let lit = part.step.outputs.iter().find_map(|output| match output {
            Output::LedOn(on) if on.ball == part.ball && on.stamp.generation == generation => {
                Some(on.stamp.hop)
            }
            _ => None,
        });
        lit.unwrap_or(0)
    }

    /// Whether this notice is about the ball.
    pub(super) fn concerns(part: &Part<'_>, note: &Notification) -> bool {
        match note {
            Notification::ElectionStarted { ball, .. }
            | Notification::ElectionWon { ball, .. }
            | Notification::SteppedDown { ball, .. }
            | Notification::DoubleDropped { ball, .. }
            | Notification::GuestLeft { ball } => *ball == part.ball,
            _ => false,
        }
    }
}
