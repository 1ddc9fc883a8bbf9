//! A ball is lent to a window, and comes back.
//!
//! Windows say neither who they are nor that they have a ball. So the node that sends one there keeps
//! its lease: nobody else takes the ball back, whatever the window does with it. It comes back by an
//! ordinary pass from the lender, to whichever neighbour of the gap the window sends it.

use super::ball::{BallId, BallState, Direction, Record};
use super::event::{Notification, Output, Possession};
use super::holder::{Holding, Loan, Stay};
use super::message::Message;
use super::motion;
use super::node::{Ball, Node};
use super::topology::NodeId;
use super::window_ball::WindowBall;
use super::window_chain::LateCopy;

/// At most so many balls from windows wait for a lender's answer.
const MOST_FOUND: usize = 8;

/// A ball from a window, while the node beyond the gap is asked whether it lent it.
#[derive(Clone, Debug)]
pub(super) struct Found {
    seq: u64,
    to: NodeId,
    edge: Direction,
    ball: WindowBall,
    state: BallState,
}

impl Node {
    /// Asks for a connection to the window at that edge; until then the ball stays here.
    pub(super) fn call(&mut self, id: BallId, edge: Direction, out: &mut Vec<Output>) {
        if let Some(held) = self.held_mut(id) {
            held.stay = Stay::Calling(edge);
            held.edge_at = None;
            out.push(Output::OpenWindow { ball: id, edge });
        }
    }

    /// Gives the ball to a window that is there; lets it bounce off one that is not.
    pub(super) fn hear_called(&mut self, id: BallId, open: bool, out: &mut Vec<Output>) {
        let (now, me, screen) = (self.now, self.me, self.topology.screen);
        let until = now + self.topology.external_balls.loan;
        let Some(held) = self.held_mut(id) else {
            return;
        };
        // It may have gone another way meanwhile.
        let Stay::Calling(edge) = held.stay else {
            return;
        };
        if !open {
            held.stay = Stay::Here;
            self.bounce(id);
            return;
        }
        let (stamp, state) = (held.stamp, held.state(screen, now));
        let gap = self.topology.window_chain(me, edge);
        let Some(window) = gap.and_then(|gap| gap.first(edge)) else {
            return;
        };
        let sent = WindowBall::leaving(&state, edge, window.screen);
        if let Some(held) = self.held_mut(id) {
            held.entry = state;
            held.stay = Stay::Away(Loan {
                edge,
                since: now,
                until,
                sent,
            });
        }
        self.counters.loans += 1;
        out.push(Output::LedOff(Possession { ball: id, stamp }));
        out.push(Output::SendToWindow { ball: id, sent });
    }

    /// The window had its time: its copy no longer counts.
    pub(super) fn recall(&mut self, id: BallId, out: &mut Vec<Output>) {
        if let Some(loan) = self.held_mut(id).and_then(|held| held.loan()) {
            let edge = loan.edge;
            out.push(Output::Notify(Notification::LoanExpired { ball: id, edge }));
        }
        self.bring_home(id, out);
    }

    /// A lent ball flies back from the edge by which it left.
    pub(super) fn bring_home(&mut self, id: BallId, out: &mut Vec<Output>) {
        let screen = self.topology.screen;
        if let Some(held) = self.held_mut(id)
            && matches!(held.stay, Stay::Away(_) | Stay::Returning(_))
        {
            let back = motion::enter(&motion::bounce(&held.entry), screen);
            self.land(id, back, out);
        }
    }

    /// A ball that was away is on this node's screen again: another stay, so another hop.
    fn land(&mut self, id: BallId, entry: BallState, out: &mut Vec<Output>) {
        let (now, me, screen) = (self.now, self.me, self.topology.screen);
        let Some(held) = self.held_mut(id) else {
            return;
        };
        held.stay = Stay::Here;
        held.entry = entry;
        held.stamp.hop = held.stamp.hop.saturating_add(1);
        let stamp = held.stamp;
        if !held.is_frozen() {
            held.start(now, screen, motion::SHORTEST_BOUNCE);
            out.push(Output::LedOn(Possession { ball: id, stamp }));
        }
        if let Some(ball) = self.balls.get_mut(&id) {
            let record = Record {
                stamp,
                state: entry,
            };
            ball.voter.learn(now, record, me);
        }
    }

    /// A ball from a window: one that this node lent, or the node beyond, or nobody.
    pub(super) fn hear_window(
        &mut self,
        edge: Direction,
        ball: &WindowBall,
        out: &mut Vec<Output>,
    ) {
        let state = match ball.entering(edge, self.topology.screen) {
            Ok(state) => state,
            Err(why) => {
                self.counters.refused_balls += 1;
                out.push(Output::Notify(Notification::InvalidWindowBall {
                    edge,
                    why,
                }));
                return;
            }
        };
        let Some(gap) = self.topology.window_chain(self.me, edge) else {
            return;
        };
        // Back by the same edge, or all round a ring of one node and its windows.
        let beyond = gap.beyond(edge);
        let around = (beyond == Some(self.me)).then(|| edge.opposite());
        for edge in [edge].into_iter().chain(around) {
            if let Some((id, loan, before)) = self.lent(edge, ball) {
                let back = ball.restore(state, &loan.sent, &before);
                self.land(id, back, out);
                return;
            }
        }
        let lender = beyond.filter(|&node| self.peers.is_live(node, self.now));
        let Some(to) = lender else {
            self.stray(edge, ball, state, out);
            return;
        };
        let seq = self.next_seq();
        if self.found.len() >= MOST_FOUND {
            // Long unanswered: if it was lent, its lender will bring it back.
            self.found.pop_front();
        }
        self.found.push_back(Found {
            seq,
            to,
            edge,
            ball: *ball,
            state,
        });
        let (edge, ball) = (edge.opposite(), *ball);
        out.push(Output::Send {
            to,
            message: Message::LoanQuery { seq, edge, ball },
        });
    }

    /// The ball of that look that has been with the windows at that edge for longest.
    fn lent(&self, edge: Direction, ball: &WindowBall) -> Option<(BallId, Loan, BallState)> {
        let lent = self.balls.iter().filter_map(|(&id, part)| {
            let Holding::Held(held) = &part.holding else {
                return None;
            };
            let loan = held.loan()?;
            (loan.edge == edge && ball.looks_like(&held.entry)).then_some((id, loan, held.entry))
        });
        lent.min_by_key(|(_, loan, _)| loan.since)
    }

    /// The node beyond the gap at `edge` asks for a ball that a window gave it.
    pub(super) fn hear_found(
        &mut self,
        from: NodeId,
        seq: u64,
        edge: Direction,
        ball: &WindowBall,
        out: &mut Vec<Output>,
    ) {
        let now = self.now;
        let gap = self.topology.window_chain(self.me, edge);
        let beyond = gap.and_then(|gap| gap.beyond(edge));
        let state = ball.entering(edge.opposite(), self.topology.screen);
        let lent = self.lent(edge, ball).filter(|_| beyond == Some(from));
        let (Some((id, loan, before)), Ok(state)) = (lent, state) else {
            let message = Message::LoanUnknown { seq };
            out.push(Output::Send { to: from, message });
            return;
        };
        if let Some(held) = self.held_mut(id) {
            held.entry = ball.restore(state, &loan.sent, &before);
            held.stay = Stay::Returning(from);
            held.edge_at = Some(now).filter(|_| !held.is_frozen());
        }
    }

    /// Passes a ball to the node at which it came out of a gap; without that one it comes back here.
    pub(super) fn hand_over(&mut self, id: BallId, to: NodeId, out: &mut Vec<Output>) {
        if !self.peers.takes_balls(to, self.now) {
            self.bring_home(id, out);
        } else if self.may_pass_ball(id) {
            self.pass(id, to, out);
        }
    }

    pub(super) fn hear_unlent(&mut self, from: NodeId, seq: u64, out: &mut Vec<Output>) {
        let asked = |found: &Found| found.to == from && found.seq == seq;
        if let Some(found) = self.found.iter().position(asked)
            && let Some(found) = self.found.remove(found)
        {
            self.stray(found.edge, &found.ball, found.state, out);
        }
    }

    /// The connection by which a node was asked is gone, and the answer with it.
    ///
    /// What may be one of the ring's balls is left to its lender, who brings it back; the rest is new.
    pub(super) fn give_up_found(&mut self, peer: NodeId, out: &mut Vec<Output>) {
        let asked = |found: &Found| found.to == peer;
        while let Some(place) = self.found.iter().position(asked) {
            if let Some(found) = self.found.remove(place)
                && self.like(&found.ball).is_none()
            {
                self.welcome(found.state, out);
            }
        }
    }

    /// The ring's ball that looks like this one.
    fn like(&self, ball: &WindowBall) -> Option<BallId> {
        let alike = |part: &Ball| part.looks().is_some_and(|looks| ball.looks_like(&looks));
        let mut parts = self.balls.iter();
        parts.find(|(_, part)| alike(part)).map(|(&id, _)| id)
    }

    /// A pass answers the question whether it was lent.
    pub(super) fn settle_found(&mut self, from: NodeId, state: &BallState) {
        let answered = |found: &Found| found.to == from && found.ball.looks_like(state);
        if let Some(found) = self.found.iter().position(answered) {
            self.found.remove(found);
        }
    }

    /// A ball that nobody lent: a late copy of one of the ring's, or a new one.
    fn stray(
        &mut self,
        edge: Direction,
        ball: &WindowBall,
        state: BallState,
        out: &mut Vec<Output>,
    ) {
        if let Some(id) = self.like(ball)
            && self.topology.external_balls.late_copy == LateCopy::Refuse
        {
            self.counters.refused_balls += 1;
            out.push(Output::Notify(Notification::LateCopyRefused {
                ball: id,
                edge,
            }));
            return;
        }
        self.welcome(state, out);
    }
}
