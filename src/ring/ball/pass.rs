//! Rules 4 and 5: a ball is passed from node to node and takes its lease along.

use std::time::Duration;

use super::holder::{HeldBall, HolderState, Passing, Placement};
use super::state::Ball;
use crate::ring::context::{Context, Neighbour, safe};
use crate::ring::cover::CoverDigest;
use crate::ring::event::Notification;
use crate::ring::generation::{Record, Stamp};
use crate::ring::message::{Incarnation, Message, Pass};
use crate::ring::motion::{self, Direction};
use crate::ring::node_id::NodeId;
use crate::ring::peers::Reach;
use crate::ring::time::{Time, micros};

impl HeldBall {
    /// Whether the lease is long enough to be passed on.
    ///
    /// Every pass costs one percent of the lease and the time on the way, and only a ball that stays
    /// for a while can be renewed. So a ball with less than half a lease waits at its edge for one
    /// renewal, however little that adds on a slow network.
    pub(super) fn may_be_passed(&self, context: &Context) -> bool {
        let fresh = self
            .renewed_from
            .zip(self.edge_at)
            .is_some_and(|(sent, edge)| sent >= edge);
        fresh || context.now.until(self.deadline) >= context.topology.lease / 2
    }

    /// When the ball leaves by its edge, or it is known that nobody takes it there: later than it reaches the edge,
    /// if the node beyond has yet to show that it is there.
    pub(super) fn leaves_at(&self, edge: Time, context: &Context) -> Time {
        let direction = self.entry.direction();
        let asked = match self.placement {
            _ if edge > context.now => None,
            Placement::Returning(to) => match context.peers.reach(to, context.now) {
                Reach::Asked(until) => Some(until),
                Reach::Live | Reach::Gone => None,
            },
            Placement::OnScreen => match context.neighbour(direction) {
                Neighbour::Asked(until) => Some(until),
                Neighbour::Node(_) | Neighbour::Nobody => None,
            },
            Placement::Connecting(_) | Placement::Lent(_) | Placement::Retiring => None,
        };
        asked.unwrap_or(edge)
    }
}

impl Ball {
    /// Lets a ball that has reached its edge go on, or bounce where nobody takes it.
    pub(in crate::ring) fn advance(&mut self, context: &mut Context) {
        let Some(held) = self.held() else { return };
        if held.is_frozen() {
            return;
        }
        let (placement, direction) = (held.placement, held.entry.direction());
        let at_edge = held.edge_at.is_some_and(|edge| edge <= context.now);
        match placement {
            Placement::Retiring => {}
            // Also a ball that is lent: when the window returns it, that is a late copy.
            _ if context.is_draining() => {
                if let Neighbour::Node(to) = context.drain_target(direction) {
                    self.pass(context, to);
                }
            }
            Placement::OnScreen if at_edge => self.cross_edge(context, direction),
            Placement::Lent(loan) if loan.until <= context.now => self.expire_loan(context),
            Placement::Returning(to) => self.pass_beyond_window(context, to),
            Placement::OnScreen | Placement::Lent(_) | Placement::Connecting(_) => {}
        }
    }

    /// A ball at its edge goes on to the window there, or to the next node, or bounces.
    fn cross_edge(&mut self, context: &mut Context, direction: Direction) {
        if context
            .topology
            .window_chain(context.me, direction)
            .is_some()
        {
            self.open_window(context, direction);
            return;
        }
        match context.neighbour(direction) {
            Neighbour::Nobody => self.bounce(context),
            Neighbour::Node(to) if self.may_be_passed(context) => self.pass(context, to),
            // A renewal was requested when half the lease was gone; its answer lets the ball go on.
            Neighbour::Node(_) => {}
            // Its answer lets the ball go on, or the end of the time for it.
            Neighbour::Asked(_) => {}
        }
    }

    pub(super) fn may_be_passed(&self, context: &Context) -> bool {
        self.held().is_some_and(|held| held.may_be_passed(context))
    }

    /// Rule 13: whether the peer's process is in the cover of that digest; every one is if there is none.
    fn covers(&self, context: &Context, digest: Option<CoverDigest>, to: NodeId) -> bool {
        let Some(digest) = digest else { return true };
        let link = context.peers.link(to);
        let cover = self.cover_of(context, digest);
        cover
            .zip(link)
            .is_some_and(|(cover, link)| cover.contains(to, link.incarnation))
    }

    /// A ball waits at its edge for a lease whose cover has the peer beyond.
    fn ask_to_cover(&mut self, context: &Context, to: NodeId) {
        let Some(held) = self.held() else { return };
        let asked = held.pending_renewals().last().map(|renewal| renewal.cover);
        let has_asked = asked.is_some_and(|cover| self.covers(context, cover, to));
        if let Some(held) = self.held_mut()
            && !has_asked
        {
            held.renew_at = context.now;
        }
    }

    /// Whether the ball is at its edge, and only the cover of its lease keeps it there.
    pub(super) fn waits_for_cover(&self, edge: Time, context: &Context) -> bool {
        let Some(held) = self.held().filter(|_| edge <= context.now) else {
            return false;
        };
        let to = match held.placement {
            Placement::Returning(to) => Some(to),
            Placement::OnScreen => match context.neighbour(held.entry.direction()) {
                Neighbour::Node(to) => Some(to),
                Neighbour::Asked(_) | Neighbour::Nobody => None,
            },
            Placement::Connecting(_) | Placement::Lent(_) | Placement::Retiring => None,
        };
        to.is_some_and(|to| !self.covers(context, held.cover, to))
    }

    pub(super) fn bounce(&mut self, context: &Context) {
        let (now, screen) = (context.now, context.topology.screen);
        if let Some(held) = self.held_mut() {
            held.entry = motion::bounce(&held.state(screen, now));
            held.start(now, screen, motion::SHORTEST_BOUNCE);
        }
    }

    /// LED off first, then the state `Passing`, then the message. A ball whose lease does not cover the peer waits for one that
    /// does.
    pub(super) fn pass(&mut self, context: &mut Context, to: NodeId) {
        let (id, now, screen) = (self.id, context.now, context.topology.screen);
        let Some(link) = context.peers.link(to) else {
            return;
        };
        let to_incarnation = link.incarnation;
        let Some(held) = self.held() else { return };
        if !self.covers(context, held.cover, to) {
            self.ask_to_cover(context, to);
            return;
        }
        let Stamp { generation, hop } = held.stamp;
        let stamp = Stamp {
            generation,
            hop: hop.saturating_add(1),
        };
        let record = Record {
            stamp,
            state: held.state(screen, now),
        };
        if held.is_possessed() {
            context.led_off(id, held.stamp);
        }
        let passing = Passing {
            record,
            to,
            to_incarnation,
            deadline: held.deadline,
            lineage: held.lineage,
            cover: held.cover,
        };
        self.passed_on = Some(stamp);
        self.voter.learn(now, record, to);
        self.send_pass(context, &passing);
        self.holding = HolderState::Passing(passing);
    }

    fn send_pass(&self, context: &mut Context, passing: &Passing) {
        let (echo, since) = context.echo_for(passing.to);
        let left = micros(context.now.until(passing.deadline));
        let message = Message::Pass(Pass {
            ball: self.id,
            record: passing.record,
            left,
            echo,
            since,
            lineage: passing.lineage,
            cover: passing.cover,
        });
        context.send(passing.to, message);
    }

    /// Rule 5: on a new connection the same process gets an unacknowledged pass again, a reborn one never.
    pub(super) fn resend_pass(
        &mut self,
        context: &mut Context,
        peer: NodeId,
        incarnation: Incarnation,
    ) {
        let HolderState::Passing(passing) = &self.holding else {
            return;
        };
        if passing.to != peer {
            return;
        }
        if passing.to_incarnation == incarnation {
            self.send_pass(context, passing);
        } else {
            // Its last incarnation may have passed the ball on already.
            context.notify(Notification::PassUnacknowledged {
                ball: self.id,
                to: peer,
            });
            self.holding = HolderState::None;
        }
    }

    /// Takes the ball from a peer, unless this node knows something newer.
    ///
    /// Returns whether the pass is acknowledged: it is not where this node is a candidate for a
    /// higher generation.
    pub(in crate::ring) fn on_pass(
        &mut self,
        context: &mut Context,
        from: NodeId,
        pass: &Pass,
    ) -> bool {
        let deadline = carried_deadline(context, pass);
        let (id, now, screen) = (self.id, context.now, context.topology.screen);
        let stamp = pass.record.stamp;
        self.note_generation(Some(stamp.generation));
        if let HolderState::Electing(election) = &self.holding {
            if election.generation > stamp.generation {
                // The sender's lease will run out; an acknowledgement would claim that the ball was taken.
                context.counters.refused_passes += 1;
                return false;
            }
            self.cancel_election(context);
        }
        self.pending_ack = Some((from, stamp));
        let known = self.voter.newest();
        if known.is_some_and(|newest| stamp <= newest.stamp)
            || self.voter.is_retired(stamp.generation)
        {
            context.counters.refused_passes += 1;
            return true;
        }
        if self.is_fenced(stamp.generation) {
            context.counters.refused_passes += 1;
            self.tell_fence(context);
            return true;
        }
        if let Some(held) = self.held()
            && held.is_possessed()
        {
            // Only where islands play on can a newer ball arrive while this one still moves.
            context.led_off(id, held.stamp);
        }
        self.voter.learn(now, pass.record, context.me);
        let (half, heartbeat) = (context.topology.lease / 2, context.topology.heartbeat());
        let renew_at = now + now.until(deadline).saturating_sub(half).min(heartbeat);
        let entry = motion::enter(&pass.record.state, screen);
        let mut held = HeldBall::new(stamp, entry, deadline, renew_at, pass.lineage);
        held.cover = pass.cover;
        if let Some(cover) = pass.cover
            && self.cover_of(context, cover).is_none()
        {
            // This node cannot tell to whom it may pass the ball.
            held.renew_at = now;
        }
        if deadline > now {
            held.start(now, screen, Duration::ZERO);
            context.led_on(id, stamp);
        }
        self.holding = HolderState::Held(held);
        context.counters.hops += 1;
        true
    }

    /// Acknowledges a pass, after the ball has gone on: no other ball waits for the answer.
    ///
    /// A ball that was passed on at once is acknowledged with the next heartbeat: its sender loses
    /// nothing by waiting, and a ball that never rests would otherwise cost two lines a hop. A
    /// draining node may have no next heartbeat, so it acknowledges at once.
    pub(in crate::ring) fn send_pending_ack(&mut self, context: &mut Context) {
        let Some((to, Stamp { generation, hop })) = self.pending_ack else {
            return;
        };
        let passed_on = matches!(self.holding, HolderState::Passing(_));
        let heartbeat_due = context.now >= context.next_heartbeat;
        let accepts = context.peers.accepts_balls(to, context.now);
        if passed_on && !heartbeat_due && !context.is_draining() && accepts {
            return;
        }
        self.pending_ack = None;
        let ball = self.id;
        context.send(
            to,
            Message::PassAck {
                ball,
                generation,
                hop,
            },
        );
    }

    /// The peer has the ball, or knows of something newer.
    pub(in crate::ring) fn on_pass_ack(&mut self, stamp: Stamp) {
        if let HolderState::Passing(passing) = &self.holding
            && passing.record.stamp == stamp
        {
            self.holding = HolderState::None;
        }
    }
}

/// What the lease in a pass counts for on this node's clock.
///
/// It is counted from a moment of this clock that the sender had heard of, never from the arrival:
/// otherwise the time on the way would be added to the lease.
fn carried_deadline(context: &Context, pass: &Pass) -> Time {
    let echo = pass
        .echo
        .map(Time::from_micros)
        .filter(|&echo| echo <= context.now);
    let span = Duration::from_micros(pass.since.saturating_add(pass.left));
    let most = context.now + context.safe_lease();
    echo.map_or(context.now, |echo| (echo + safe(span)).min(most))
}
