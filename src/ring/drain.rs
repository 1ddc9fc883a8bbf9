//! Rule 8: before a planned stop a node passes every ball on.

use super::ball::{Ball, HolderState};
use super::context::{Drain, Neighbour};
use super::event::Output;
use super::message::Message;
use super::node::Node;
use super::node_id::NodeId;

impl Node {
    /// Asks every peer to pass no more balls to this node.
    pub(super) fn start_drain(&mut self) {
        if self.context.is_draining() {
            return;
        }
        for ball in self.balls.values_mut() {
            ball.cancel_election(&mut self.context);
        }
        let now = self.context.now;
        self.context.drain = Some(Drain {
            until: now + self.context.topology.lease,
            awaited: self.context.peers.up_peers(now),
            done: false,
        });
        self.context.broadcast(Message::Leaving);
    }

    /// A peer is about to leave: it gets no more balls, and the confirmation that none is on the way.
    pub(super) fn on_leaving(&mut self, from: NodeId) {
        if let Some(link) = self.context.peers.link_mut(from) {
            link.leaving = true;
            self.context.send(from, Message::LeaveAck);
        }
    }

    /// No pass of that peer is on the way to this node any more.
    pub(super) fn on_leave_ack(&mut self, from: NodeId) {
        if let Some(drain) = &mut self.context.drain {
            drain.awaited.remove(from);
        }
    }

    /// Ends the drain when every ball is passed on and acknowledged, or the time for it is over.
    pub(super) fn finish_drain(&mut self) {
        let Some(drain) = self.context.drain else {
            return;
        };
        let busy = self.balls.values().any(|ball| self.must_wait_for(ball));
        if self.context.now < drain.until && (busy || !drain.awaited.is_empty()) {
            return;
        }
        for ball in self.balls.values() {
            if let Some(held) = ball.held()
                && held.is_possessed()
            {
                self.context.led_off(ball.id, held.stamp);
            }
        }
        self.context.output(Output::Drained);
        let done = true;
        self.context.drain = Some(Drain { done, ..drain });
    }

    fn must_wait_for(&self, ball: &Ball) -> bool {
        match &ball.holding {
            HolderState::None | HolderState::Electing(_) => false,
            HolderState::Passing(_) => true,
            // A frozen ball may still get its lease back. One that nobody can take is not waited for.
            HolderState::Held(held) => {
                let target = self.context.drain_target(held.entry.direction());
                held.is_frozen() || target != Neighbour::Nobody
            }
        }
    }
}
