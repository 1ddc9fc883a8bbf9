//! Rules 1, 3 and 7: leases are asked for, granted, denied, renewed, and given up.

use super::ball::{BallId, Record};
use super::event::{Notification, Output, Possession};
use super::holder::{Holding, Stay};
use super::message::{Denial, Grant, LeaseRequest, Message};
use super::node::{Ball, Node};
use super::time::{Time, micros};
use super::topology::NodeId;
use super::voter::Verdict;

impl Node {
    /// Answers a peer's request, ball by ball.
    pub(super) fn vote(
        &mut self,
        from: NodeId,
        seq: u64,
        claims: &[LeaseRequest],
        out: &mut Vec<Output>,
    ) {
        let (mut grants, mut denials) = (Vec::new(), Vec::new());
        for claim in claims {
            let Some(verdict) = self.judge(from, claim, out) else {
                continue;
            };
            let newest = self
                .balls
                .get(&claim.ball)
                .and_then(|ball| ball.voter.newest());
            match verdict {
                Verdict::Granted => grants.push(Grant {
                    ball: claim.ball,
                    newest,
                }),
                Verdict::Denied { favoured, left } => denials.push(Denial {
                    ball: claim.ball,
                    lease_generation: favoured,
                    lease_left: micros(left),
                    newest,
                    gone: self
                        .balls
                        .get(&claim.ball)
                        .and_then(|ball| ball.voter.gone()),
                }),
            }
        }
        if !grants.is_empty() {
            out.push(Output::Send {
                to: from,
                message: Message::Granted { seq, balls: grants },
            });
        }
        if !denials.is_empty() {
            out.push(Output::Send {
                to: from,
                message: Message::Denied {
                    seq,
                    balls: denials,
                },
            });
        }
    }

    /// Decides on one claim, a peer's or our own; `None` for a ball that is none of this ring's.
    pub(super) fn judge(
        &mut self,
        from: NodeId,
        claim: &LeaseRequest,
        out: &mut Vec<Output>,
    ) -> Option<Verdict> {
        let (now, quarantine, span) = (self.now, self.quarantine_until, self.topology.lease);
        let ball = self.balls.get_mut(&claim.ball)?;
        ball.hear_of(Some(claim.generation));
        if let Some(verdict) = ball.judge_guest(claim) {
            return Some(verdict);
        }
        if let Some(record) = claim.record() {
            // Only a holder's word is noted: a candidate that fails must leave no trace.
            ball.voter.learn(now, record, from);
        }
        let verdict = ball.voter.decide(now, quarantine, span, claim.generation);
        if claim.hop.is_some() {
            self.bow_to_newer(claim.ball, out);
        }
        Some(verdict)
    }

    /// Asks for another lease of every ball held, in one request, when any is due.
    pub(super) fn renew(&mut self, out: &mut Vec<Output>) {
        let (now, screen) = (self.now, self.topology.screen);
        let due =
            |ball: &Ball| matches!(&ball.holding, Holding::Held(held) if held.renew_at <= now);
        if !self.balls.values().any(due) {
            return;
        }
        let (seq, asked) = (self.next_seq(), self.peers.live(now));
        // Along with the heartbeats: both then wake everyone once.
        let next = if self.next_heartbeat > now {
            self.next_heartbeat
        } else {
            now + self.topology.heartbeat()
        };
        let mut claims = Vec::new();
        for (&id, ball) in &mut self.balls {
            let Holding::Held(held) = &mut ball.holding else {
                continue;
            };
            held.ask(seq, now, asked);
            held.renew_at = next;
            let record = Record {
                stamp: held.stamp,
                state: held.state(screen, now),
            };
            claims.push(LeaseRequest {
                leaves: matches!(held.stay, Stay::Leaving),
                ..LeaseRequest::of_holder(id, record)
            });
        }
        for claim in &claims {
            match self.judge(self.me, claim, out) {
                Some(Verdict::Granted) => self.hear_granted(self.me, seq, claim.ball, None, out),
                Some(Verdict::Denied { favoured, left }) => {
                    let denial = Denial {
                        ball: claim.ball,
                        lease_generation: favoured,
                        lease_left: micros(left),
                        newest: None,
                        gone: None,
                    };
                    self.hear_denied(self.me, seq, &denial, out);
                }
                None => {}
            }
        }
        if !self.peers.connected().is_empty() {
            out.push(Output::Broadcast(Message::Acquire { seq, balls: claims }));
        }
    }

    /// One grant, for a renewal or a candidacy.
    pub(super) fn hear_granted(
        &mut self,
        from: NodeId,
        seq: u64,
        id: BallId,
        newest: Option<Record>,
        out: &mut Vec<Output>,
    ) {
        let (quorum, plays_on) = (self.topology.quorum(), self.plays_on());
        let lease = self.topology.lease;
        let Some(ball) = self.balls.get_mut(&id) else {
            return;
        };
        ball.hear_of(newest.map(|newest| newest.stamp.generation));
        match &mut ball.holding {
            Holding::Electing(election) if election.seq == seq => {
                election.answered.insert(from);
                election.granted.insert(from);
                election.hear_of(newest);
            }
            Holding::Held(held) => {
                let frozen = held.is_frozen();
                let leaves = matches!(held.stay, Stay::Leaving);
                let Some(ask) = held.ask_mut(seq) else { return };
                ask.granted.insert(from);
                // An island's own voice is enough to go on, but not to come back: others may play by now.
                let enough =
                    ask.granted.len() >= quorum && !(plays_on && frozen && !ask.is_unanimous());
                if enough && leaves {
                    self.forget(id, out);
                } else if enough {
                    let sent = ask.sent;
                    self.extend(id, sent, sent + Self::safe(lease), out);
                }
            }
            Holding::None | Holding::Passing(_) | Holding::Electing(_) => {}
        }
    }

    /// The deadline counts from the moment the request was sent, never from the grants' arrival.
    fn extend(&mut self, id: BallId, sent: Time, deadline: Time, out: &mut Vec<Output>) {
        let (now, screen) = (self.now, self.topology.screen);
        let Some(held) = self.held_mut(id) else {
            return;
        };
        if deadline > held.deadline {
            held.deadline = deadline;
            held.renewed_from = Some(sent);
        }
        if held.is_frozen() && held.deadline > now {
            held.start(now, screen, std::time::Duration::ZERO);
            if held.is_here() {
                out.push(Output::LedOn(Possession {
                    ball: id,
                    stamp: held.stamp,
                }));
            }
            out.push(Output::Notify(Notification::Unfrozen { ball: id }));
        }
    }

    /// One denial, of a renewal or a candidacy.
    pub(super) fn hear_denied(
        &mut self,
        from: NodeId,
        seq: u64,
        denial: &Denial,
        out: &mut Vec<Output>,
    ) {
        let majority = self.topology.nodes.len() / 2 + 1;
        let plays_on = self.plays_on();
        if let Some(gone) = denial.gone {
            self.hear_gone(denial.ball, gone, out);
        }
        let Some(ball) = self.balls.get_mut(&denial.ball) else {
            return;
        };
        ball.hear_of(denial.lease_generation);
        ball.hear_of(denial.newest.map(|newest| newest.stamp.generation));
        match &mut ball.holding {
            Holding::Electing(election) if election.seq == seq => {
                election.hear_denial(from, denial)
            }
            Holding::Held(held) => {
                let mine = held.stamp.generation;
                let frozen = held.is_frozen();
                let newer = denial
                    .newest
                    .is_some_and(|newest| newest.stamp.generation > mine);
                let rival = denial.lease_generation.filter(|&rival| rival != mine);
                let against = held
                    .ask_mut(seq)
                    .zip(rival)
                    .map_or(0, |(ask, rival)| ask.deny(from, rival));
                let outvoted = frozen && !plays_on && against >= majority;
                if outvoted || (newer && (frozen || plays_on)) {
                    self.retire(denial.ball, out);
                }
            }
            Holding::None | Holding::Passing(_) | Holding::Electing(_) => {}
        }
    }

    /// Rule 7: drops a copy when a holder of a higher generation was heard of.
    ///
    /// A holder with a running deadline never drops its ball, unless islands play on: there it is
    /// the meeting of two islands, and the newer ball stays.
    fn bow_to_newer(&mut self, id: BallId, out: &mut Vec<Output>) {
        let plays_on = self.plays_on();
        let Some(ball) = self.balls.get(&id) else {
            return;
        };
        let Some(newest) = ball.voter.newest().map(|newest| newest.stamp.generation) else {
            return;
        };
        match &ball.holding {
            Holding::Held(held) => {
                if held.stamp.generation < newest && (held.is_frozen() || plays_on) {
                    self.retire(id, out);
                }
            }
            Holding::Electing(election) => {
                if election.generation < newest {
                    self.abandon(id, out);
                }
            }
            Holding::None | Holding::Passing(_) => {}
        }
    }

    fn retire(&mut self, id: BallId, out: &mut Vec<Output>) {
        let Some(ball) = self.balls.get_mut(&id) else {
            return;
        };
        let Holding::Held(held) = &ball.holding else {
            return;
        };
        let stamp = held.stamp;
        if held.is_lit() {
            out.push(Output::LedOff(Possession { ball: id, stamp }));
        }
        ball.voter.release(stamp.generation);
        ball.holding = Holding::None;
        out.push(Output::Notify(Notification::Retired {
            ball: id,
            generation: stamp.generation,
        }));
    }

    pub(super) fn next_seq(&mut self) -> u64 {
        self.last_seq = self.last_seq.saturating_add(1);
        self.last_seq
    }
}
