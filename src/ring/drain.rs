//! Rule 8: a planned stop hands every ball on first.

use super::event::{Output, Possession};
use super::holder::Holding;
use super::message::Message;
use super::node::Node;
use super::node_set::NodeSet;
use super::time::Time;
use super::topology::NodeId;

/// A planned stop under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drain {
    /// When the node leaves at the latest.
    pub(super) until: Time,
    /// Who may still have a pass on the way to this node.
    pub(super) awaited: NodeSet,
    pub(super) done: bool,
}

impl Node {
    /// Tells everyone to pass nothing more here.
    pub(super) fn start_drain(&mut self, out: &mut Vec<Output>) {
        if self.drain.is_some() {
            return;
        }
        for id in self.ball_ids() {
            self.abandon(id, out);
        }
        let awaited = self.peers.live(self.now);
        let until = self.now + self.topology.lease;
        self.drain = Some(Drain {
            until,
            awaited,
            done: false,
        });
        if !self.peers.connected().is_empty() {
            out.push(Output::Broadcast(Message::Leaving));
        }
    }

    /// A peer is about to leave: it gets no more balls, and our word that none is on the way.
    pub(super) fn hear_leaving(&mut self, from: NodeId, out: &mut Vec<Output>) {
        if let Some(link) = self.peers.link_mut(from) {
            link.leaving = true;
            out.push(Output::Send {
                to: from,
                message: Message::LeaveAck,
            });
        }
    }

    pub(super) fn hear_farewell(&mut self, from: NodeId) {
        if let Some(drain) = &mut self.drain {
            drain.awaited.remove(from);
        }
    }

    pub(super) fn finish_drain(&mut self, out: &mut Vec<Output>) {
        let Some(drain) = self.drain else { return };
        let busy = self.balls.values().any(|ball| match &ball.holding {
            Holding::None | Holding::Electing(_) => false,
            Holding::Passing(_) => true,
            // A frozen ball may still thaw; one that nobody can take is not worth waiting for.
            Holding::Held(held) => {
                held.is_frozen() || self.refuge(held.entry.direction()).is_some()
            }
        });
        if self.now < drain.until && (busy || !drain.awaited.is_empty()) {
            return;
        }
        for (&id, ball) in &self.balls {
            if let Holding::Held(held) = &ball.holding
                && held.is_lit()
            {
                out.push(Output::LedOff(Possession {
                    ball: id,
                    stamp: held.stamp,
                }));
            }
        }
        out.push(Output::Drained);
        self.drain = Some(Drain {
            done: true,
            ..drain
        });
    }
}
