//! `proof/ball_actions.py`: passes, windows, guests, and what makes a holder let go.

use carom::ring::{BallId, Generation, Stamp, Time};

use super::action::{Action, Outcome, guards};
use super::state::{BeatId, Pass, ProcessId, State, safe};

impl State {
    pub(crate) fn beat(&mut self, p: ProcessId, beat_clock: Time) -> Outcome {
        guards! { Action::Beat,
            "is_alive(s, p)" => self.is_alive(p),
            "w.beat_clock(b) == s.clock(p)" => beat_clock == self.clock(p),
        }
        // A process sends one heartbeat at a moment; several lines may carry it.
        if self.processes[p].beats.insert(beat_clock) {
            self.took(Action::Beat);
        }
        Ok(())
    }

    pub(crate) fn hear_beat(&mut self, p: ProcessId, b: BeatId) -> Outcome {
        let (sender, beat_clock) = b;
        guards! { Action::HearBeat,
            "is_alive(s, p)" => self.is_alive(p),
            "s.beat_sent(b)" => self.processes[sender].beats.contains(&beat_clock),
        }
        if self.processes[p].heard.contains_key(&b) {
            // The line came twice: only the first time is an action.
            return Ok(());
        }
        self.took(Action::HearBeat);
        let clock = self.clock(p);
        self.processes[p].heard.insert(b, clock);
        Ok(())
    }

    /// `is_pass_of`: the line promises no more of the lease than its sender has.
    fn is_pass_of(&self, action: Action, p: ProcessId, m: &Pass, deadline: Time) -> Outcome {
        guards! { action,
            "s.started(w.pass_to(m))" => m.to < self.processes.len(),
            "w.pass_deadline(m) <= deadline" => m.deadline <= deadline,
        }
        let Some(echo) = m.echo else { return Ok(()) };
        let heard_clock = self.processes[p].heard.get(&echo).copied();
        guards! { action,
            "s.heard(p, echo)" => heard_clock.is_some(),
            "w.beat_of(echo) == w.pass_to(m)" => echo.0 == m.to,
            "w.pass_span(m) <= span" => heard_clock.is_some_and(|heard| m.span <= deadline.since(heard)),
        }
        Ok(())
    }

    pub(crate) fn pass_ball(&mut self, b: BallId, m: Pass) -> Outcome {
        let p = m.from;
        let (alive, clock) = (self.is_alive(p), self.clock(p));
        let copy = self.balls[&b].copy(p);
        guards! { Action::PassBall,
            "is_alive(s, p)" => alive,
            "s.holds(p)" => copy.is_some(),
        }
        let Some(copy) = copy else { return Ok(()) };
        guards! { Action::PassBall,
            "Not(s.retiring(p))" => !copy.retiring,
            "s.clock(p) < s.deadline(p)" => clock < copy.deadline,
            "to != p" => m.to != p,
            "w.pass_generation(m) == g" => m.stamp.generation == copy.stamp.generation,
            "w.pass_hop(m) == hop" => m.stamp.hop == copy.stamp.hop + 1,
            "Implies(w.has_echo(m), covered)" => m.echo.is_none() || self.balls[&b].is_in_cover(m.stamp.generation, m.to),
        }
        self.is_pass_of(Action::PassBall, p, &m, copy.deadline)?;
        self.took(Action::PassBall);
        if let Some(ball) = self.balls.get_mut(&b) {
            ball.of[p].copy = None;
            ball.passes.entry(m.stamp).or_default().push(m);
            ball.carry(m.stamp, m.to);
            ball.learn(p, m.stamp);
        }
        Ok(())
    }

    pub(crate) fn resend(&mut self, b: BallId, m: Pass) -> Outcome {
        let p = m.from;
        let (alive, clock) = (self.is_alive(p), self.clock(p));
        let sent = self.balls[&b].passes.get(&m.stamp);
        let old = sent.and_then(|sent| sent.iter().find(|old| old.from == p).copied());
        guards! { Action::Resend,
            "is_alive(s, p)" => alive,
            "s.pass_sent(old)" => old.is_some(),
        }
        let Some(old) = old else { return Ok(()) };
        guards! { Action::Resend,
            "s.clock(p) < w.pass_deadline(old)" => clock < old.deadline,
            "w.pass_to(m) == w.pass_to(old)" => m.to == old.to,
            "Implies(w.has_echo(m), w.has_echo(old))" => m.echo.is_none() || old.echo.is_some(),
        }
        self.is_pass_of(Action::Resend, p, &m, old.deadline)?;
        self.took(Action::Resend);
        if let Some(ball) = self.balls.get_mut(&b) {
            ball.passes.entry(m.stamp).or_default().push(m);
        }
        Ok(())
    }

    /// `m` is the line that came in; none if no line like it was written to this process.
    pub(crate) fn take(
        &mut self,
        b: BallId,
        p: ProcessId,
        m: Option<Pass>,
        deadline: Time,
    ) -> Outcome {
        let (alive, clock) = (self.is_alive(p), self.clock(p));
        let ball = &self.balls[&b];
        guards! { Action::Take,
            "is_alive(s, p)" => alive,
            "s.pass_sent(m)" => m.is_some(),
        }
        let Some(m) = m else { return Ok(()) };
        let frozen = deadline == clock;
        let carried = m
            .echo
            .is_some_and(|(_, beat_clock)| deadline <= beat_clock + safe(m.span));
        guards! { Action::Take,
            "w.pass_to(m) == p" => m.to == p,
            "is_newer(s, p, g, hop)" => ball.is_newer(p, m.stamp),
            "Not(is_retired(s, p, g))" => !ball.is_retired(p, m.stamp.generation),
            "s.fence(p) <= w.rank(g)" => ball.of[p].fence <= Some(m.stamp.generation),
            "Or(frozen, And(w.has_echo(m), deadline <= carried))" => frozen || carried,
        }
        self.took(Action::Take);
        if let Some(ball) = self.balls.get_mut(&b) {
            ball.hold(p, m.stamp, deadline);
            ball.learn(p, m.stamp);
        }
        Ok(())
    }

    pub(crate) fn step_down(&mut self, b: BallId, p: ProcessId) -> Outcome {
        let copy = self.balls[&b].copy(p);
        guards! { Action::StepDown,
            "is_alive(s, p)" => self.is_alive(p),
            "s.holds(p)" => copy.is_some(),
        }
        self.took(Action::StepDown);
        if let (Some(ball), Some(copy)) = (self.balls.get_mut(&b), copy) {
            ball.of[p].copy = None;
            ball.end(copy.stamp.generation);
        }
        Ok(())
    }

    pub(crate) fn drop(&mut self, b: BallId, p: ProcessId) -> Outcome {
        guards! { Action::Drop,
            "is_alive(s, p)" => self.is_alive(p),
            "s.holds(p)" => self.balls[&b].copy(p).is_some(),
        }
        self.took(Action::Drop);
        if let Some(ball) = self.balls.get_mut(&b) {
            ball.of[p].copy = None;
        }
        Ok(())
    }

    pub(crate) fn lend(&mut self, b: BallId, p: ProcessId) -> Outcome {
        let (alive, clock) = (self.is_alive(p), self.clock(p));
        let copy = self.balls[&b].copy(p);
        guards! { Action::Lend,
            "is_alive(s, p)" => alive,
            "s.holds(p)" => copy.is_some(),
            "Not(s.retiring(p))" => copy.is_some_and(|copy| !copy.retiring),
            "s.clock(p) < s.deadline(p)" => copy.is_some_and(|copy| clock < copy.deadline),
        }
        self.took(Action::Lend);
        if let Some(copy) = self
            .balls
            .get_mut(&b)
            .and_then(|ball| ball.of[p].copy.as_mut())
        {
            copy.lent = true;
        }
        Ok(())
    }

    pub(crate) fn land(&mut self, b: BallId, p: ProcessId) -> Outcome {
        let copy = self.balls[&b].copy(p);
        guards! { Action::Land,
            "is_alive(s, p)" => self.is_alive(p),
            "s.holds(p)" => copy.is_some(),
            "s.lent(p)" => copy.is_some_and(|copy| copy.lent),
            "Not(s.retiring(p))" => copy.is_some_and(|copy| !copy.retiring),
        }
        self.took(Action::Land);
        if let (Some(ball), Some(copy)) = (self.balls.get_mut(&b), copy) {
            let hop = copy.stamp.hop + 1;
            let stamp = Stamp { hop, ..copy.stamp };
            ball.hold(p, stamp, copy.deadline);
            ball.carry(stamp, p);
            ball.learn(p, stamp);
        }
        Ok(())
    }

    pub(crate) fn leave(&mut self, b: BallId, p: ProcessId) -> Outcome {
        let (alive, clock) = (self.is_alive(p), self.clock(p));
        let copy = self.balls[&b].copy(p);
        guards! { Action::Leave,
            "is_alive(s, p)" => alive,
            "s.holds(p)" => copy.is_some(),
            "Not(s.lent(p))" => copy.is_some_and(|copy| !copy.lent),
            "s.clock(p) < s.deadline(p)" => copy.is_some_and(|copy| clock < copy.deadline),
        }
        self.took(Action::Leave);
        let Some(ball) = self.balls.get_mut(&b) else {
            return Ok(());
        };
        if let Some(copy) = ball.of[p].copy.as_mut() {
            copy.retiring = true;
            let generation = copy.stamp.generation;
            if let Some(term) = ball.terms.get_mut(&generation) {
                term.over = true;
                term.leaving = true;
            }
        }
        Ok(())
    }

    pub(crate) fn retire(&mut self, b: BallId, p: ProcessId, g: Generation) -> Outcome {
        let ball = &self.balls[&b];
        guards! { Action::Retire,
            "is_alive(s, p)" => self.is_alive(p),
            "s.leaving(g)" => ball.is_leaving(g),
        }
        self.took(Action::Retire);
        let Some(ball) = self.balls.get_mut(&b) else {
            return Ok(());
        };
        let memory = &mut ball.of[p];
        memory.tombstone = memory.tombstone.max(Some(g));
        let tombstone = memory.tombstone;
        memory.newest = memory
            .newest
            .filter(|newest| Some(newest.generation) > tombstone);
        memory.vote = memory.vote.filter(|&(vote, _)| vote != g);
        Ok(())
    }

    pub(crate) fn limit_moments(&mut self, p: ProcessId) -> Outcome {
        guards! { Action::LimitMoments,
            "is_alive(s, p)" => self.is_alive(p),
        }
        self.took(Action::LimitMoments);
        let clock = self.clock(p);
        let (lease_away, safe_away) = (clock + self.ring.lease, clock + self.ring.safe_lease());
        let quarantine_until = &mut self.processes[p].quarantine_until;
        *quarantine_until = lease_away.min(*quarantine_until);
        for ball in self.balls.values_mut() {
            let memory = &mut ball.of[p];
            if let Some((_, vote_until)) = &mut memory.vote {
                *vote_until = lease_away.min(*vote_until);
            }
            for until in ball.covered[p].until.values_mut() {
                *until = lease_away.min(*until);
            }
            ball.covered[p].all = lease_away.min(ball.covered[p].all);
            if let Some(copy) = &mut memory.copy {
                copy.deadline = safe_away.min(copy.deadline);
            }
        }
        Ok(())
    }
}
