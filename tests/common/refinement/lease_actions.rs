//! `proof/lease_actions.py`: time, restarts, votes, elections, renewals.

use std::collections::{HashMap, HashSet};

use carom::ring::abstract_state::AbstractBall;
use carom::ring::{BallId, Generation, Stamp, Time};

use super::action::{Action, Outcome, guards};
use super::state::{Process, ProcessId, Request, RequestId, State, Term};

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
        node: usize,
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

    pub(crate) fn stand(&mut self, b: BallId, p: ProcessId, g: Generation, seq: u64) -> Outcome {
        let (alive, clock) = (self.is_alive(p), self.clock(p));
        let ball = &self.balls[&b];
        let q = (p, seq);
        guards! { Action::Stand,
            "is_alive(s, p)" => alive,
            "Not(s.used(g))" => !ball.terms.contains_key(&g),
            "Not(s.holds(p))" => ball.copy(p).is_none(),
            "Not(s.asked(q))" => !ball.requests.contains_key(&q),
        }
        self.took(Action::Stand);
        let Some(ball) = self.balls.get_mut(&b) else {
            return Ok(());
        };
        let term = Term {
            won: false,
            over: false,
            leaving: false,
            top: 0,
            carrier: p,
        };
        ball.terms.insert(g, term);
        ball.of[p].standing = Some(g);
        ball.candidacies.insert(g, q);
        ball.requests.insert(q, new_request(g, clock));
        Ok(())
    }

    pub(crate) fn ask_renewal(&mut self, b: BallId, p: ProcessId, seq: u64) -> Outcome {
        let (alive, clock) = (self.is_alive(p), self.clock(p));
        let ball = &self.balls[&b];
        let (q, copy) = ((p, seq), ball.copy(p));
        guards! { Action::AskRenewal,
            "is_alive(s, p)" => alive,
            "s.holds(p)" => copy.is_some(),
            "Not(s.retiring(p))" => copy.is_some_and(|copy| !copy.retiring),
            "Not(s.asked(q))" => !ball.requests.contains_key(&q),
        }
        self.took(Action::AskRenewal);
        if let (Some(ball), Some(copy)) = (self.balls.get_mut(&b), copy) {
            ball.requests
                .insert(q, new_request(copy.stamp.generation, clock));
        }
        Ok(())
    }

    pub(crate) fn grant(&mut self, b: BallId, p: ProcessId, q: RequestId) -> Outcome {
        let (alive, clock) = (self.is_alive(p), self.clock(p));
        let quarantine_until = self.processes[p].quarantine_until;
        let (node, lease) = (self.processes[p].node, self.ring.lease);
        let ball = &self.balls[&b];
        let asks_for = ball.requests.get(&q).map(|request| request.asks_for);
        guards! { Action::Grant,
            "s.asked(q)" => asks_for.is_some(),
        }
        let Some(g) = asks_for else { return Ok(()) };
        let memory = &ball.of[p];
        let runs = memory.vote.filter(|&(_, vote_until)| clock < vote_until);
        let newest = memory.newest.map(|newest| newest.generation);
        guards! { Action::Grant,
            "w.votes(node)" => self.ring.votes(node),
            "is_alive(s, p)" => alive,
            "s.clock(p) >= s.quarantine_until(node)" => clock >= quarantine_until,
            "Implies(runs, s.vote(node) == g)" => runs.is_none_or(|(vote, _)| vote == g),
            "w.rank(g) >= s.newest_rank(p)" => newest.is_none_or(|newest| g >= newest),
            "Not(is_retired(s, p, g))" => !ball.is_retired(p, g),
        }
        self.took(Action::Grant);
        let Some(ball) = self.balls.get_mut(&b) else {
            return Ok(());
        };
        ball.of[p].vote = Some((g, clock + lease));
        if let Some(request) = ball.requests.get_mut(&q)
            && !request.granted.contains(&node)
        {
            request.granted.push(node);
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
        }
        self.took(Action::Win);
        let Some(ball) = self.balls.get_mut(&b) else {
            return Ok(());
        };
        let stamp = Stamp { generation: g, hop };
        ball.of[p].standing = None;
        if let Some(term) = ball.terms.get_mut(&g) {
            term.won = true;
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
        self.took(Action::Renewed);
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
}

/// `is_new_request`: the line says what its sender's clock shows now.
fn new_request(g: Generation, clock: Time) -> Request {
    Request {
        asks_for: g,
        request_clock: clock,
        granted: Vec::new(),
    }
}
