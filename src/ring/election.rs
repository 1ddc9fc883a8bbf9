//! Rule 6: a ball that nobody holds any more is taken back, by one.

use std::cmp::Ordering;
use std::time::Duration;

use super::ball::{BallId, Generation, Record, Stamp};
use super::event::{Notification, Output, Possession};
use super::holder::{Election, Held, Holding};
use super::message::{Denial, LeaseRequest, Message};
use super::motion;
use super::node::Node;
use super::node_set::NodeSet;
use super::time::Time;
use super::topology::NodeId;
use super::voter::Verdict;

impl Election {
    pub(super) fn hear_denial(&mut self, from: NodeId, denial: &Denial) {
        self.answered.insert(from);
        self.hear_of(denial.newest);
        if denial.lease_generation.is_none() && denial.lease_left > 0 {
            self.quarantined
                .push(Duration::from_micros(denial.lease_left));
        } else {
            self.opposed = true;
        }
        let rival = denial.lease_generation;
        if let Some(rival) = rival.filter(|rival| rival.round >= self.generation.round) {
            let stands = self.generation.cmp(&rival);
            // To be outranked by one is to be outranked.
            self.rivalry = Some(self.rivalry.map_or(stands, |before| before.min(stands)));
        }
    }
}

impl Node {
    /// Ends the candidacies whose answers are in, then begins those that are due.
    pub(super) fn campaign(&mut self, out: &mut Vec<Output>) {
        self.conclude(out);
        if self.drain.is_some() {
            return;
        }
        let due = |node: &Self, id| node.election_due(id).is_some_and(|due| due <= node.now);
        let missed: Vec<BallId> = self
            .ball_ids()
            .into_iter()
            .filter(|&id| due(self, id))
            .collect();
        if !missed.is_empty() {
            self.stand(&missed, out);
            // A node alone has all the answers it will get.
            self.conclude(out);
        }
    }

    /// When this node should ask for a ball it does not have; `None` while no quorum could answer.
    ///
    /// Until the lease has run out this is the first moment that comes into question: whose turn it
    /// is then depends on who is there by then, and is costly to reckon after every line.
    pub(super) fn election_due(&self, id: BallId) -> Option<Time> {
        let ball = self.balls.get(&id)?;
        if !matches!(ball.holding, Holding::None) || self.drain.is_some() {
            return None;
        }
        if ball.serve.is_none() && ball.voter.newest().is_none() {
            // No guest is missed that nobody has heard of.
            return None;
        }
        // When a quorum has just met, a holder among them gets the time for a renewal to be heard.
        let met = self.peers.quorum_since()? + self.topology.lease / 2;
        let missed = ball
            .voter
            .missed_at(self.topology.lease)
            .max(self.quarantine_until)
            .max(met);
        let earliest = missed.max(ball.not_before);
        if self.now < earliest {
            return Some(earliest);
        }
        if self.peers.live(self.now).len() + 1 < self.topology.quorum() {
            return None;
        }
        let turn = self.between_turns() * self.rank(id);
        Some((missed + turn).max(ball.not_before))
    }

    /// How long after one candidate the next one's turn comes.
    ///
    /// Short enough that even the last turn comes a quarter of a lease after the first, for a fast
    /// ball dies far from where it was last renewed; but no shorter than a request and its answer
    /// take, or in a large ring several would always stand at once and none would win.
    fn between_turns(&self) -> Duration {
        let voters = u32::try_from(self.peers.live(self.now).len() + 1).unwrap_or(u32::MAX);
        let even = self.topology.lease / 4 / voters;
        even.max(self.peers.longest_round_trip(self.now))
            .min(self.topology.heartbeat() / 2)
    }

    /// A candidacy failed and gives this voice back: whoever was only waiting for that waits a
    /// random while more, or all would stand at once.
    pub(super) fn hear_release(&mut self, id: BallId, generation: Generation) {
        let pause = self.random_span(self.spread());
        let now = self.now;
        if let Some(ball) = self.balls.get_mut(&id) {
            ball.voter.release(generation);
            if ball.not_before <= now {
                ball.not_before = now + pause;
            }
        }
    }

    /// The span over which rivals spread out so that mostly one stands and is heard before the next.
    fn spread(&self) -> Duration {
        let (lease, round_trip) = (self.topology.lease, self.peers.longest_round_trip(self.now));
        let voters = u32::try_from(self.peers.live(self.now).len() + 1).unwrap_or(u32::MAX);
        (lease / 4)
            .max(round_trip.saturating_mul(voters.saturating_mul(2)))
            .min(lease * 2)
    }

    /// How many live nodes go before this one: the next after the last holder in the ball's
    /// direction of travel is first, so that the ball visibly flies on. Before there is any
    /// holder, the node that serves it is first, with rank 0.
    fn rank(&self, id: BallId) -> u32 {
        let Some(ball) = self.balls.get(&id) else {
            return 0;
        };
        let Some(looks) = ball.looks() else { return 0 };
        let direction = looks.direction();
        let (from, first) = match (ball.voter.holder(), ball.serve) {
            (Some(holder), _) => (holder, 1),
            (None, Some(serve)) => (serve.start, 0),
            (None, None) => return 0,
        };
        let round = (first..first + self.topology.nodes.len())
            .filter_map(|step| self.topology.step(from, direction, step));
        let before = round
            .take_while(|&node| node != self.me)
            .filter(|&node| self.peers.is_live(node, self.now));
        u32::try_from(before.count() + first).unwrap_or(u32::MAX)
    }

    /// Asks everyone for these balls, in one request.
    pub(super) fn stand(&mut self, missed: &[BallId], out: &mut Vec<Output>) {
        let (now, me) = (self.now, self.me);
        let (seq, asked) = (self.next_seq(), self.peers.live(now));
        let mut claims = Vec::new();
        for &id in missed {
            let nonce = self.random.u64(..);
            let Some(ball) = self.balls.get_mut(&id) else {
                continue;
            };
            let highest = ball.highest_round.max(ball.voter.highest_round());
            let generation = Generation {
                round: highest.saturating_add(1),
                nonce,
            };
            let known = ball.voter.newest().map(|newest| newest.stamp.generation);
            let claim = LeaseRequest {
                after: known.filter(|_| ball.serve.is_none()),
                ..LeaseRequest::of_candidate(id, generation)
            };
            let verdict = self.judge(me, &claim, out);
            let Some(ball) = self.balls.get_mut(&id) else {
                continue;
            };
            if verdict != Some(Verdict::Granted) {
                // Our own voice is taken: no use asking the others, nor ourselves again at once.
                ball.not_before = now + self.topology.heartbeat();
                self.turn_away(id, out);
                continue;
            }
            ball.holding = Holding::Electing(Election {
                generation,
                seq,
                sent: now,
                closes: now + self.topology.lease / 8,
                asked,
                answered: NodeSet::default(),
                granted: [me].into_iter().collect(),
                opposed: false,
                rivalry: None,
                quarantined: Vec::new(),
                best: ball.voter.newest(),
            });
            out.push(Output::Notify(Notification::ElectionStarted {
                ball: id,
                generation,
            }));
            claims.push(claim);
        }
        if !claims.is_empty() && !asked.is_empty() {
            out.push(Output::Broadcast(Message::Acquire { seq, balls: claims }));
        }
    }

    fn conclude(&mut self, out: &mut Vec<Output>) {
        for id in self.ball_ids() {
            let Some(ball) = self.balls.get(&id) else {
                continue;
            };
            let Holding::Electing(election) = &ball.holding else {
                continue;
            };
            if !election.is_over(self.now) {
                continue;
            }
            // A holder may have been heard of since the candidacy began.
            let mut election = election.clone();
            election.hear_of(ball.voter.newest());
            // Nor may it have left since, or have done so before all those who granted began.
            let is_gone = |generation| ball.voter.is_gone(generation);
            let gone = is_gone(election.generation);
            election.best = election.best.filter(|best| !is_gone(best.stamp.generation));
            // A guest takes no other ball's identity.
            let taken = ball.arriving.is_some() && election.best.is_some();
            if self.has_won(&election) && !taken && !gone {
                self.win(id, &election, out);
            } else {
                let granted = election.granted.len();
                let wait = self.patience(id, &election);
                // It stood too low only because this node had forgotten a grave, and now it knows.
                let newcomer = self.balls.get_mut(&id).filter(|_| gone);
                let newcomer = newcomer.and_then(|ball| ball.arriving.take());
                self.abandon(id, out);
                if let Some(ball) = self.balls.get_mut(&id) {
                    ball.not_before = self.now + wait;
                }
                let generation = election.generation;
                out.push(Output::Notify(Notification::ElectionLost {
                    ball: id,
                    generation,
                    granted,
                }));
                if let Some(state) = newcomer {
                    self.stand_with(id, state, out);
                }
            }
        }
    }

    fn has_won(&self, election: &Election) -> bool {
        let newest = election.best.map(|best| best.stamp.generation);
        let outdated = newest.is_some_and(|newest| newest >= election.generation);
        let alone_or_agreed = !self.plays_on() || !election.opposed;
        let in_time = self.now < election.sent + Self::safe(self.topology.lease);
        election.granted.len() >= self.topology.quorum() && alone_or_agreed && in_time && !outdated
    }

    /// Goes on from the newest state among the answers, on this node's own screen.
    fn win(&mut self, id: BallId, election: &Election, out: &mut Vec<Output>) {
        let (now, screen, me) = (self.now, self.topology.screen, self.me);
        let deadline = election.sent + Self::safe(self.topology.lease);
        let Some(ball) = self.balls.get_mut(&id) else {
            return;
        };
        let generation = election.generation;
        let guest = ball.arriving.take();
        if guest.is_some() {
            out.push(Output::Notify(Notification::GuestJoined { ball: id }));
        }
        let (hop, entry) = match (election.best, guest, ball.serve) {
            (Some(best), _, _) => (best.stamp.hop, motion::enter(&best.state, screen)),
            (None, Some(guest), _) => (0, guest),
            (None, None, Some(serve)) if serve.start == me => (0, serve.state),
            (None, None, Some(serve)) => (0, motion::enter(&serve.state, screen)),
            (None, None, None) => {
                self.abandon(id, out);
                return;
            }
        };
        let stamp = Stamp { generation, hop };
        let heard = ball.voter.heard().map(|heard| now.since(heard));
        let missed = ball.voter.holder().zip(heard);
        // The first renewal goes out at once: only then does the ring know the new generation.
        let mut held = Held::new(stamp, entry, deadline, now);
        held.start(now, screen, Duration::ZERO);
        held.renewed_from = Some(election.sent);
        ball.voter.learn(
            now,
            Record {
                stamp,
                state: entry,
            },
            me,
        );
        ball.holding = Holding::Held(held);
        self.counters.elections += 1;
        out.push(Output::LedOn(Possession { ball: id, stamp }));
        out.push(Output::Notify(Notification::ElectionWon {
            ball: id,
            generation,
            missed,
        }));
    }

    /// Ends a candidacy without a trace; a guest that it was for is turned away.
    pub(super) fn abandon(&mut self, id: BallId, out: &mut Vec<Output>) {
        let Some(ball) = self.balls.get_mut(&id) else {
            return;
        };
        let Holding::Electing(election) = &ball.holding else {
            return;
        };
        let generation = election.generation;
        ball.voter.release(generation);
        ball.holding = Holding::None;
        if !self.peers.connected().is_empty() {
            out.push(Output::Broadcast(Message::Release {
                ball: id,
                generation,
            }));
        }
        self.turn_away(id, out);
    }

    /// How long a failed candidate waits: a random part of a lease, or, if quarantined voters
    /// would have made the quorum, just until enough of them may vote and its turn has come again:
    /// after a cold start the ball must not begin elsewhere because the others woke a little later.
    ///
    /// Where several have split the vote, the highest of them comes back early and the others late:
    /// if all drew from the same span, two nodes with a slow network between them could split it
    /// again and again.
    fn patience(&mut self, id: BallId, election: &Election) -> Duration {
        let lease = self.topology.lease;
        let missing = self
            .topology
            .quorum()
            .saturating_sub(election.granted.len());
        let mut waits = election.quarantined.clone();
        waits.sort_unstable();
        let last = missing.checked_sub(1).and_then(|index| waits.get(index));
        match last {
            Some(&wait) => {
                let between = self.between_turns();
                wait.min(lease) + between * self.rank(id) + self.random_span(between / 4)
            }
            None => {
                let (least, span) = match election.rivalry {
                    Some(Ordering::Greater) => (lease / 8, lease / 4),
                    Some(Ordering::Less | Ordering::Equal) => (lease / 2, lease / 2),
                    None => (lease / 8, lease - lease / 8),
                };
                least + self.random_span(span.max(self.spread()))
            }
        }
    }

    fn random_span(&mut self, most: Duration) -> Duration {
        Duration::from_micros(self.random.u64(0..=super::time::micros(most)))
    }
}
