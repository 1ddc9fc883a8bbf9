//! Requests for leases, batched: one line asks for, grants or denies the leases of many balls.

use super::ball::{Ball, EarlyRequest, Verdict};
use super::generation::BallId;
use super::message::{Denial, Grant, LeaseRequest, Life, Message};
use super::node::Node;
use super::node_id::NodeId;
use super::time::micros;

impl Node {
    /// Answers a peer's request, ball by ball.
    ///
    /// A node that is no voter gives its vote for itself only and says nothing, unless it knows something that
    /// outranks the request: the candidate or the holder may learn of that from nobody else.
    pub(super) fn on_acquire(&mut self, from: NodeId, seq: u64, requests: &[LeaseRequest]) {
        let (mut grants, mut denials) = (Vec::new(), Vec::new());
        let votes = self.context.votes(self.context.me);
        for request in requests {
            // A ball of another ring file is answered with silence.
            let Some(ball) = self.balls.get_mut(&request.ball) else {
                continue;
            };
            let mut verdict = ball.on_lease_request(&mut self.context, from, request);
            if verdict != Verdict::Granted && ball.is_fenced(request.generation) {
                ball.tell_fence(&mut self.context);
            }
            if !votes {
                if !ball.outranks(request) {
                    continue;
                }
                verdict = Verdict::OUTRANKED;
            }
            if votes && verdict != Verdict::Granted && !request.fenced.is_empty() {
                let link = self.context.peers.link(from);
                ball.early = link.map(|link| EarlyRequest {
                    from: Life {
                        node: from,
                        incarnation: link.incarnation,
                    },
                    seq,
                    request: request.clone(),
                });
            }
            let newest = ball.voter.newest();
            match verdict {
                Verdict::Granted => grants.push(Grant {
                    ball: request.ball,
                    newest,
                }),
                Verdict::Denied {
                    favoured,
                    left,
                    double,
                } => denials.push(Denial {
                    ball: request.ball,
                    lease_generation: favoured,
                    lease_left: micros(left),
                    newest,
                    gone: ball.voter.tombstone(),
                    granted: double,
                }),
            }
        }
        if !grants.is_empty() {
            self.context
                .send(from, Message::Granted { seq, balls: grants });
        }
        if !denials.is_empty() {
            let balls = denials;
            self.context.send(from, Message::Denied { seq, balls });
        }
    }

    /// An obituary has come: grants what was asked before it (rule 13).
    pub(super) fn answer_early_requests(&mut self) {
        for ball in self.balls.values_mut() {
            let Some(early) = ball.early.take() else {
                continue;
            };
            let Life { node, incarnation } = early.from;
            let (peers, request) = (&self.context.peers, &early.request);
            let link = peers.link(node).map(|link| link.incarnation);
            if link != Some(incarnation) || peers.death_of(node, incarnation).is_some() {
                continue;
            }
            let (from, seq) = (node, early.seq);
            if !ball.overrules(&self.context, request) {
                ball.early = Some(early);
                continue;
            }
            if ball.on_lease_request(&mut self.context, from, request) == Verdict::Granted {
                let newest = ball.voter.newest();
                let balls = vec![Grant {
                    ball: request.ball,
                    newest,
                }];
                self.context.send(from, Message::Granted { seq, balls });
            }
        }
    }

    /// Renews the leases of all balls held, in one request, when any is due.
    pub(super) fn renew_leases(&mut self) {
        let now = self.context.now;
        if !self.balls.values().any(|ball| ball.is_renewal_due(now)) {
            return;
        }
        let (seq, asked) = (self.context.next_seq(), self.context.up_voters());
        // Together with the heartbeats: both then wake every process once.
        let next = if self.context.next_heartbeat > now {
            self.context.next_heartbeat
        } else {
            now + self.context.topology.heartbeat()
        };
        let is_news = self.balls.values().any(Ball::is_renewal_news);
        let held = self.balls.values_mut();
        let balls = held
            .filter_map(|ball| ball.request_renewal(&mut self.context, seq, asked, next))
            .collect();
        let acquire = Message::Acquire { seq, balls };
        self.context.announce(acquire, is_news);
        self.context.expect_answers(asked);
    }

    /// Ends the elections whose answers are in, then starts those that are due.
    pub(super) fn run_elections(&mut self) {
        self.tally_elections();
        let (context, balls) = (&self.context, self.balls.values());
        let due = balls.filter(|ball| {
            let due = ball.election_due(context);
            due.is_some_and(|due| due <= context.now) || ball.is_takeover_ready()
        });
        let due: Vec<BallId> = due.map(|ball| ball.id).collect();
        if !due.is_empty() {
            self.start_elections(&due);
            // A node that is alone has all the answers it will get.
            self.tally_elections();
        }
    }

    fn tally_elections(&mut self) {
        let candidates = self.balls.values().filter(|ball| ball.is_candidate());
        let ids: Vec<BallId> = candidates.map(|ball| ball.id).collect();
        for id in ids {
            let ball = self.balls.get_mut(&id);
            let again = ball.and_then(|ball| ball.tally(&mut self.context));
            match again {
                Some((newcomer, true)) => self.start_guest(id, newcomer),
                Some((newcomer, false)) => self.on_guest(newcomer),
                None => {}
            }
        }
    }

    /// Starts an election for each of these balls, in one request.
    pub(super) fn start_elections(&mut self, ids: &[BallId]) {
        let (seq, asked) = (self.context.next_seq(), self.context.up_voters());
        let mut requests = Vec::new();
        for id in ids {
            let ball = self.balls.get_mut(id);
            let request = ball.and_then(|ball| ball.start_election(&mut self.context, seq, asked));
            requests.extend(request);
        }
        if !requests.is_empty() && !asked.is_empty() {
            let balls = requests;
            self.context.broadcast(Message::Acquire { seq, balls });
            self.context.expect_answers(asked);
        }
    }
}
