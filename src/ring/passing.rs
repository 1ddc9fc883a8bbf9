//! Rules 4 and 5: a ball goes from hand to hand and takes its lease along.

use std::time::Duration;

use super::ball::{BallId, Direction, Generation, Record, Stamp};
use super::event::{Notification, Output, Possession};
use super::holder::{Held, Holding, Passing, Stay};
use super::message::{Incarnation, Message, Pass};
use super::motion;
use super::node::{Ball, Node};
use super::time::{Time, micros};
use super::topology::NodeId;

impl Node {
    /// Lets every ball that has reached its edge fly on, or bounce where nobody takes it.
    pub(super) fn fly(&mut self, out: &mut Vec<Output>) {
        for id in self.ball_ids() {
            let Some(ball) = self.balls.get(&id) else {
                continue;
            };
            let Holding::Held(held) = &ball.holding else {
                continue;
            };
            if held.is_frozen() {
                continue;
            }
            let (stay, direction) = (held.stay, held.entry.direction());
            let at_edge = held.edge_at.is_some_and(|edge| edge <= self.now);
            match stay {
                Stay::Leaving => {}
                // Also what a window has: by the time it comes back it counts as late.
                _ if self.drain.is_some() => {
                    if let Some(to) = self.refuge(direction) {
                        self.pass(id, to, out);
                    }
                }
                Stay::Here if at_edge => self.cross(id, direction, out),
                Stay::Away(loan) if loan.until <= self.now => self.recall(id, out),
                Stay::Returning(to) => self.hand_over(id, to, out),
                Stay::Here | Stay::Away(_) | Stay::Calling(_) => {}
            }
        }
    }

    /// A ball at its edge goes on to the window there, or to the next node, or bounces.
    fn cross(&mut self, id: BallId, direction: Direction, out: &mut Vec<Output>) {
        if self.topology.window_chain(self.me, direction).is_some() {
            self.call(id, direction, out);
            return;
        }
        match self.neighbour(direction) {
            None => self.bounce(id),
            Some(to) if self.may_pass_ball(id) => self.pass(id, to, out),
            // It asked when half its lease was gone, and is woken by the answer.
            Some(_) => {}
        }
    }

    pub(super) fn may_pass_ball(&self, id: BallId) -> bool {
        matches!(self.balls.get(&id), Some(Ball { holding: Holding::Held(held), .. }) if self.may_pass(held))
    }

    /// The nearest node that way which can take a ball.
    fn neighbour(&self, direction: Direction) -> Option<NodeId> {
        let mut onward = self.topology.onward(self.me, direction);
        onward.find(|&node| self.peers.takes_balls(node, self.now))
    }

    /// The node that a leaving node hands a ball to.
    pub(super) fn refuge(&self, direction: Direction) -> Option<NodeId> {
        self.neighbour(direction)
            .or_else(|| self.neighbour(direction.opposite()))
    }

    /// Whether the lease is long enough to be carried on.
    ///
    /// Every pass costs the lease a hundredth and the time on the way, and only a ball that stays
    /// a while can be renewed. So a ball with less than half a lease waits at its edge for one
    /// renewal, however little that brings on a slow network.
    pub(super) fn may_pass(&self, held: &Held) -> bool {
        let fresh = held
            .renewed_from
            .zip(held.edge_at)
            .is_some_and(|(sent, edge)| sent >= edge);
        fresh || self.now.until(held.deadline) >= self.topology.lease / 2
    }

    pub(super) fn bounce(&mut self, id: BallId) {
        let (now, screen) = (self.now, self.topology.screen);
        if let Some(held) = self.held_mut(id) {
            held.entry = motion::bounce(&held.state(screen, now));
            held.start(now, screen, motion::SHORTEST_BOUNCE);
        }
    }

    /// LED off first, then `Passing`, then the message.
    pub(super) fn pass(&mut self, id: BallId, to: NodeId, out: &mut Vec<Output>) {
        let (now, screen) = (self.now, self.topology.screen);
        let Some(link) = self.peers.link(to) else {
            return;
        };
        let to_incarnation = link.incarnation;
        let Some(ball) = self.balls.get_mut(&id) else {
            return;
        };
        let Holding::Held(held) = &ball.holding else {
            return;
        };
        let Stamp { generation, hop } = held.stamp;
        let stamp = Stamp {
            generation,
            hop: hop.saturating_add(1),
        };
        let record = Record {
            stamp,
            state: held.state(screen, now),
        };
        if held.is_lit() {
            out.push(Output::LedOff(Possession {
                ball: id,
                stamp: held.stamp,
            }));
        }
        let passing = Passing {
            record,
            to,
            to_incarnation,
            deadline: held.deadline,
        };
        ball.voter.learn(now, record, to);
        let message = self.pass_message(id, &passing);
        out.push(Output::Send { to, message });
        if let Some(ball) = self.balls.get_mut(&id) {
            ball.holding = Holding::Passing(passing);
        }
    }

    fn pass_message(&self, ball: BallId, passing: &Passing) -> Message {
        let (echo, since) = self.echo_for(passing.to);
        let left = micros(self.now.until(passing.deadline));
        Message::Pass(Pass {
            ball,
            record: passing.record,
            left,
            echo,
            since,
        })
    }

    /// A new connection: the same process gets an unacknowledged pass again, a reborn one never.
    pub(super) fn resend(&mut self, peer: NodeId, incarnation: Incarnation, out: &mut Vec<Output>) {
        for id in self.ball_ids() {
            let Some(ball) = self.balls.get(&id) else {
                continue;
            };
            let Holding::Passing(passing) = &ball.holding else {
                continue;
            };
            if passing.to != peer {
                continue;
            }
            if passing.to_incarnation == incarnation {
                let message = self.pass_message(id, passing);
                out.push(Output::Send { to: peer, message });
            } else if let Some(ball) = self.balls.get_mut(&id) {
                // Its last life may have passed the ball on already.
                out.push(Output::Notify(Notification::PassUnacknowledged {
                    ball: id,
                    to: peer,
                }));
                ball.holding = Holding::None;
            }
        }
    }

    /// The other end of a pass.
    pub(super) fn take(&mut self, from: NodeId, pass: &Pass, out: &mut Vec<Output>) {
        let deadline = self.carried_deadline(pass);
        let (now, me, screen) = (self.now, self.me, self.topology.screen);
        let half = self.topology.lease / 2;
        let heartbeat = self.topology.heartbeat();
        let id = pass.ball;
        let Some(ball) = self.balls.get_mut(&id) else {
            return;
        };
        let stamp = pass.record.stamp;
        ball.hear_of(Some(stamp.generation));
        if let Holding::Electing(election) = &ball.holding {
            if election.generation > stamp.generation {
                // The sender will see its lease run out; to acknowledge would be a lie.
                self.counters.refused_passes += 1;
                return;
            }
            self.abandon(id, out);
        }
        self.settle_found(from, &pass.record.state);
        let Some(ball) = self.balls.get_mut(&id) else {
            return;
        };
        self.owed.insert(id, (from, stamp));
        if ball
            .voter
            .newest()
            .is_some_and(|newest| stamp <= newest.stamp)
            || ball.voter.is_gone(stamp.generation)
        {
            self.counters.refused_passes += 1;
            return;
        }
        if let Holding::Held(held) = &ball.holding
            && held.is_lit()
        {
            // Only where every island plays on can a newer ball meet one that still moves.
            out.push(Output::LedOff(Possession {
                ball: id,
                stamp: held.stamp,
            }));
        }
        ball.voter.learn(now, pass.record, me);
        let renew_at = now + now.until(deadline).saturating_sub(half).min(heartbeat);
        let entry = motion::enter(&pass.record.state, screen);
        let mut held = Held::new(stamp, entry, deadline, renew_at);
        if deadline > now {
            held.start(now, screen, Duration::ZERO);
            out.push(Output::LedOn(Possession { ball: id, stamp }));
        }
        ball.holding = Holding::Held(held);
        self.counters.hops += 1;
    }

    /// Acknowledges what was taken, after the ball has flown on: no answer is on its way.
    ///
    /// A ball that flew on in the same breath is acknowledged with the next heartbeat: its sender
    /// loses nothing by waiting, and a ball that never rests would else cost two lines a hop. A
    /// leaving node may have no next heartbeat.
    pub(super) fn acknowledge(&mut self, out: &mut Vec<Output>) {
        let beats = self.now >= self.next_heartbeat;
        let (balls, peers, leaves) = (&self.balls, &self.peers, self.drain.is_some());
        self.owed
            .retain(|&ball, &mut (to, Stamp { generation, hop })| {
                let flown = balls
                    .get(&ball)
                    .is_some_and(|ball| matches!(ball.holding, Holding::Passing(_)));
                let waits = flown && !beats && !leaves && peers.takes_balls(to, self.now);
                if !waits {
                    out.push(Output::Send {
                        to,
                        message: Message::PassAck {
                            ball,
                            generation,
                            hop,
                        },
                    });
                }
                waits
            });
    }

    /// What the lease in a pass is worth on this node's clock.
    ///
    /// Reckoned from a moment of this clock that the sender had heard of, never from the arrival:
    /// the time on the way would be counted as lease.
    fn carried_deadline(&self, pass: &Pass) -> Time {
        let echo = pass
            .echo
            .map(Time::from_micros)
            .filter(|&echo| echo <= self.now);
        let span = Duration::from_micros(pass.since.saturating_add(pass.left));
        let most = self.now + Self::safe(self.topology.lease);
        echo.map_or(self.now, |echo| (echo + Self::safe(span)).min(most))
    }

    /// An acknowledgement: the ball is in other hands.
    pub(super) fn passed(&mut self, id: BallId, generation: Generation, hop: u64) {
        let Some(ball) = self.balls.get_mut(&id) else {
            return;
        };
        if let Holding::Passing(passing) = &ball.holding
            && passing.record.stamp == (Stamp { generation, hop })
        {
            ball.holding = Holding::None;
        }
    }
}
