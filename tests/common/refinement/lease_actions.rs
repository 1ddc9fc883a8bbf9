//! `proof/lease_actions.py`: time, restarts, votes, elections, renewals.

use std::collections::{HashMap, HashSet};

use carom::ring::abstract_state::AbstractBall;
use carom::ring::{BallId, Generation, Incarnation, Stamp, Time};

use super::action::{Action, Outcome, guards};
use super::state::{self, Covered, Covers, Process, ProcessId, Request, RequestId, State, Term};

/// A clock is read in whole microseconds.
const READING_NANOS: u64 = 1_000;

impl State {
    /// Reference time goes on to `later`, and the clock of one process to `clock`.
    ///
    /// In the proof all clocks go on at once. No guard reads the clock of another process, so each is set here
    /// when its process acts.
    pub(crate) fn time(&mut self, later: u64, p: ProcessId, clock: Time) -> Outcome {
        let process = &self.processes[p];
        let span = later.saturating_sub(process.read_at);
        let gone = clock.since(process.clock).as_nanos() as u64;
        guards! { Action::Time,
            "later >= s.now" => later >= self.now,
            "gone >= slowest * (later - s.now)" => gone + READING_NANOS >= span - span / 100,
            "gone <= later - s.now" => gone <= span + READING_NANOS,
        }
        if span > 0 {
            self.took(Action::Time);
        }
        self.now = later;
        self.processes[p].clock = clock;
        self.processes[p].read_at = later;
        Ok(())
    }

    pub(crate) fn crash(&mut self, p: ProcessId) -> Outcome {
        guards! { Action::Crash,
            "is_alive(s, p)" => self.is_alive(p),
        }
        self.took(Action::Crash);
        self.processes[p].dead = true;
        for ball in self.balls.values_mut() {
            ball.of[p].copy = None;
        }
        Ok(())
    }

    /// Returns the process, which has a number that no other had.
    pub(crate) fn start(
        &mut self,
        (node, incarnation): (usize, Incarnation),
        clock: Time,
        now: u64,
    ) -> Result<ProcessId, String> {
        let p = self.processes.len();
        let current = self.current[node];
        guards! { Action::Start,
            "s.dead(s.current(node))" => current.is_none_or(|current| self.processes[current].dead),
        }
        self.took(Action::Start);
        self.now = now;
        self.processes.push(Process {
            node,
            incarnation,
            dead: false,
            clock,
            read_at: now,
            quarantine_until: clock + self.ring.lease,
            beats: HashSet::new(),
            heard: HashMap::new(),
        });
        self.current[node] = Some(p);
        for (&id, ball) in &mut self.balls {
            ball.of.push(AbstractBall::nothing(id));
            ball.covered.push(Covered::default());
        }
        Ok(p)
    }

    pub(crate) fn quarantine_again(&mut self, p: ProcessId) -> Outcome {
        guards! { Action::QuarantineAgain,
            "is_alive(s, p)" => self.is_alive(p),
        }
        self.took(Action::QuarantineAgain);
        self.processes[p].quarantine_until = self.clock(p) + self.ring.lease;
        Ok(())
    }

    pub(crate) fn stand(
        &mut self,
        b: BallId,
        p: ProcessId,
        g: Generation,
        (seq, covers): (u64, Covers),
    ) -> Outcome {
        let alive = self.is_alive(p);
        let ball = &self.balls[&b];
        let q = (p, seq);
        guards! { Action::Stand,
            "is_alive(s, p)" => alive,
            "Not(s.used(g))" => !ball.terms.contains_key(&g),
            "Not(s.holds(p))" => ball.copy(p).is_none(),
            "Not(s.asked(q))" => !ball.requests.contains_key(&q),
            "w.covers(q, p)" => state::covers(&covers, p),
        }
        self.took(Action::Stand);
        let request = self.new_request(p, g, covers);
        let Some(ball) = self.balls.get_mut(&b) else {
            return Ok(());
        };
        let term = Term {
            won: false,
            over: false,
            leaving: false,
            top: 0,
            carrier: p,
            lease_request: q,
        };
        ball.terms.insert(g, term);
        ball.of[p].standing = Some(g);
        ball.candidacies.insert(g, q);
        ball.requests.insert(q, request);
        Ok(())
    }

    pub(crate) fn ask_renewal(
        &mut self,
        b: BallId,
        p: ProcessId,
        (seq, covers): (u64, Covers),
    ) -> Outcome {
        let alive = self.is_alive(p);
        let ball = &self.balls[&b];
        let (q, copy) = ((p, seq), ball.copy(p));
        guards! { Action::AskRenewal,
            "is_alive(s, p)" => alive,
            "s.holds(p)" => copy.is_some(),
            "Not(s.retiring(p))" => copy.is_some_and(|copy| !copy.retiring),
            "Not(s.asked(q))" => !ball.requests.contains_key(&q),
            "w.covers(q, p)" => state::covers(&covers, p),
        }
        self.took(Action::AskRenewal);
        let request = copy.map(|copy| self.new_request(p, copy.stamp.generation, covers));
        if let (Some(ball), Some(request)) = (self.balls.get_mut(&b), request) {
            ball.requests.insert(q, request);
        }
        Ok(())
    }

    /// `grant`, or `overrule` where the vote is given to another generation.
    pub(crate) fn vote(&mut self, b: BallId, p: ProcessId, q: RequestId) -> Outcome {
        let ball = &self.balls[&b];
        let asks_for = ball.requests.get(&q).map(|request| request.asks_for);
        let clock = self.clock(p);
        let given = ball.of[p].vote.filter(|&(_, until)| clock < until);
        if given.is_some_and(|(vote, _)| Some(vote) != asks_for) {
            self.overrule(b, p, q)
        } else {
            self.grant(b, p, q)
        }
    }

    pub(crate) fn grant(&mut self, b: BallId, p: ProcessId, q: RequestId) -> Outcome {
        let g = self.may_vote(Action::Grant, b, p, q)?;
        let clock = self.clock(p);
        let runs = self.balls[&b].of[p]
            .vote
            .filter(|&(_, vote_until)| clock < vote_until);
        guards! { Action::Grant,
            "Implies(runs, s.vote(node) == g)" => runs.is_none_or(|(vote, _)| vote == g),
        }
        self.took(Action::Grant);
        self.after_vote(b, p, q, g);
        Ok(())
    }

    pub(crate) fn overrule(&mut self, b: BallId, p: ProcessId, q: RequestId) -> Outcome {
        let g = self.may_vote(Action::Overrule, b, p, q)?;
        let (ball, clock) = (&self.balls[&b], self.clock(p));
        let vote = ball.of[p].vote.map(|(vote, _)| vote);
        guards! { Action::Overrule,
            "s.given(node)" => vote.is_some(),
            "w.rank(s.vote(node)) < w.rank(g)" => vote < Some(g),
        }
        for (x, process) in self.processes.iter().enumerate() {
            let is_counted = ball.covered[p].of(x) > clock;
            let is_out = process.dead || ball.of[x].fence >= Some(g);
            guards! { Action::Overrule,
                "Implies(s.covered_until(node, x) > s.clock(p), Or(s.dead(x), promises))" => !is_counted || is_out,
            }
        }
        self.took(Action::Overrule);
        self.after_vote(b, p, q, g);
        Ok(())
    }

    /// The generation for which the request asks.
    fn may_vote(
        &self,
        action: Action,
        b: BallId,
        p: ProcessId,
        q: RequestId,
    ) -> Result<Generation, String> {
        let (alive, clock) = (self.is_alive(p), self.clock(p));
        let process = &self.processes[p];
        let ball = &self.balls[&b];
        let asks_for = ball.requests.get(&q).map(|request| request.asks_for);
        guards! { action,
            "s.asked(q)" => asks_for.is_some(),
        }
        let g = asks_for.unwrap_or(Generation { round: 0, nonce: 0 });
        let newest = ball.of[p].newest.map(|newest| newest.generation);
        guards! { action,
            "w.votes(node)" => self.ring.votes(process.node),
            "is_alive(s, p)" => alive,
            "s.clock(p) >= s.quarantine_until(node)" => clock >= process.quarantine_until,
            "w.rank(g) >= s.newest_rank(p)" => newest.is_none_or(|newest| g >= newest),
            "Not(is_retired(s, p, g))" => !ball.is_retired(p, g),
        }
        Ok(g)
    }

    fn after_vote(&mut self, b: BallId, p: ProcessId, q: RequestId, g: Generation) {
        let (node, until) = (self.processes[p].node, self.clock(p) + self.ring.lease);
        let Some(ball) = self.balls.get_mut(&b) else {
            return;
        };
        let Some(request) = ball.requests.get_mut(&q) else {
            return;
        };
        if !request.granted.contains(&node) {
            request.granted.push(node);
        }
        let covered = &mut ball.covered[p];
        if ball.of[p].vote.is_none_or(|(vote, _)| vote != g) {
            *covered = Covered::default();
        }
        match &request.covers {
            Some(named) => covered.until.extend(named.iter().map(|&x| (x, until))),
            None => covered.all = until,
        }
        ball.of[p].vote = Some((g, until));
    }

    pub(crate) fn fence(&mut self, b: BallId, p: ProcessId, g: Generation) -> Outcome {
        let copy = self.balls[&b].copy(p);
        guards! { Action::Fence,
            "is_alive(s, p)" => self.is_alive(p),
            "Implies(s.holds(p), w.rank(s.generation(p)) >= w.rank(g))" => copy.is_none_or(|copy| copy.stamp.generation >= g),
        }
        self.took(Action::Fence);
        if let Some(ball) = self.balls.get_mut(&b) {
            ball.of[p].fence = ball.of[p].fence.max(Some(g));
        }
        Ok(())
    }

    pub(crate) fn hear_record(&mut self, b: BallId, p: ProcessId, record: Stamp) -> Outcome {
        guards! { Action::HearRecord,
            "is_alive(s, p)" => self.is_alive(p),
        }
        self.took(Action::HearRecord);
        if let Some(ball) = self.balls.get_mut(&b) {
            ball.learn(p, record);
        }
        Ok(())
    }

    /// The voter is that of the process `p`.
    pub(crate) fn release(&mut self, b: BallId, p: ProcessId) -> Outcome {
        let ball = &self.balls[&b];
        let vote = ball.of[p].vote;
        guards! { Action::Release,
            "s.given(node)" => vote.is_some(),
            "s.over(s.vote(node))" => vote.is_some_and(|(vote, _)| ball.is_over(vote)),
        }
        self.took(Action::Release);
        if let Some(ball) = self.balls.get_mut(&b) {
            ball.of[p].vote = None;
        }
        Ok(())
    }

    pub(crate) fn win(&mut self, b: BallId, p: ProcessId, g: Generation, hop: u64) -> Outcome {
        let (alive, clock) = (self.is_alive(p), self.clock(p));
        let (safe_lease, quorum) = (self.ring.safe_lease(), self.ring.quorum);
        let ball = &self.balls[&b];
        let memory = &ball.of[p];
        let q = ball.candidacies.get(&g).copied();
        let asked = q.and_then(|q| ball.requests.get(&q));
        let newest = memory.newest.map(|newest| newest.generation);
        guards! { Action::Win,
            "s.asked(q)" => asked.is_some(),
        }
        let (Some(q), Some(request)) = (q, asked) else {
            return Ok(());
        };
        let deadline = request.request_clock + safe_lease;
        guards! { Action::Win,
            "is_alive(s, p)" => alive,
            "Not(s.holds(p))" => memory.copy.is_none(),
            "w.asker(q) == p" => q.0 == p,
            "s.standing(p, g)" => memory.standing == Some(g),
            "is_granted(w, s, q, quorum)" => ball.is_granted(q, quorum),
            "s.clock(p) < deadline" => clock < deadline,
            "w.rank(g) > s.newest_rank(p)" => newest.is_none_or(|newest| g > newest),
            "Not(is_retired(s, p, g))" => !ball.is_retired(p, g),
            "s.fence(p) <= w.rank(g)" => memory.fence <= Some(g),
        }
        self.took(Action::Win);
        let Some(ball) = self.balls.get_mut(&b) else {
            return Ok(());
        };
        let stamp = Stamp { generation: g, hop };
        ball.of[p].standing = None;
        if let Some(term) = ball.terms.get_mut(&g) {
            term.won = true;
            term.lease_request = q;
        }
        ball.carry(stamp, p);
        ball.hold(p, stamp, deadline);
        ball.learn(p, stamp);
        Ok(())
    }

    pub(crate) fn renewed(&mut self, b: BallId, p: ProcessId, q: RequestId) -> Outcome {
        let (alive, safe_lease, quorum) =
            (self.is_alive(p), self.ring.safe_lease(), self.ring.quorum);
        let ball = &self.balls[&b];
        let (copy, asked) = (ball.copy(p), ball.requests.get(&q));
        guards! { Action::Renewed,
            "is_alive(s, p)" => alive,
            "s.holds(p)" => copy.is_some(),
            "s.asked(q)" => asked.is_some(),
        }
        let (Some(copy), Some(request)) = (copy, asked) else {
            return Ok(());
        };
        let deadline = request.request_clock + safe_lease;
        guards! { Action::Renewed,
            "Not(s.retiring(p))" => !copy.retiring,
            "s.generation(p) == g" => copy.stamp.generation == request.asks_for,
            "w.asker(q) == p" => q.0 == p,
            "is_granted(w, s, q, quorum)" => ball.is_granted(q, quorum),
            "deadline > s.deadline(p)" => deadline > copy.deadline,
        }
        let (g, sent) = (request.asks_for, request.request_moment);
        let before = ball.terms.get(&g).map(|term| term.lease_request);
        let before = before.and_then(|before| ball.requests.get(&before));
        guards! { Action::Renewed,
            "w.request_moment(q) >= w.request_moment(s.lease_request(g))" => before.is_none_or(|before| sent >= before.request_moment),
        }
        self.took(Action::Renewed);
        if let Some(term) = self
            .balls
            .get_mut(&b)
            .and_then(|ball| ball.terms.get_mut(&g))
        {
            term.lease_request = q;
        }
        if let Some(copy) = self
            .balls
            .get_mut(&b)
            .and_then(|ball| ball.of[p].copy.as_mut())
        {
            copy.deadline = deadline;
        }
        Ok(())
    }

    pub(crate) fn cancel(&mut self, b: BallId, p: ProcessId, g: Generation) -> Outcome {
        let ball = &self.balls[&b];
        guards! { Action::Cancel,
            "is_alive(s, p)" => self.is_alive(p),
            "s.standing(p, g)" => ball.of[p].standing == Some(g),
        }
        self.took(Action::Cancel);
        if let Some(ball) = self.balls.get_mut(&b) {
            ball.of[p].standing = None;
            ball.end(g);
        }
        Ok(())
    }

    /// `is_new_request`: the line says what its sender's clock shows now.
    fn new_request(&self, p: ProcessId, g: Generation, covers: Covers) -> Request {
        Request {
            asks_for: g,
            request_clock: self.clock(p),
            request_moment: self.now,
            covers,
            granted: Vec::new(),
        }
    }
}
