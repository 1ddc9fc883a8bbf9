//! Where the balls are, by the newest report of each.

use std::collections::BTreeMap;
use std::time::Duration;

use super::model::{BallReport, LocatedBall, Model, Phase};
use crate::http::Condition;
use crate::ring::{BallState, Generation, Screen, Time, motion};

/// A ball that nobody reports to hold is being passed for at most this long.
const HANDOVER: Duration = Duration::from_millis(400);

impl Model {
    /// Every ball, and where it is now.
    pub(super) fn balls(&self, now: Time) -> Vec<LocatedBall> {
        self.reports
            .values()
            .filter_map(|reports| self.locate(reports, now))
            .collect()
    }

    fn locate(&self, reports: &BTreeMap<String, BallReport>, now: Time) -> Option<LocatedBall> {
        let order = |(_, report): &(&String, &BallReport)| {
            let generation = report.ball.generation.as_deref();
            let generation = generation.and_then(|text| text.parse::<Generation>().ok());
            (
                generation,
                report.ball.hop,
                report.ball.here,
                report.ball.holder.is_some(),
                report.ball.frozen,
                report.ball.loan.is_some(),
                report.at,
            )
        };
        let here = reports
            .iter()
            .filter(|(_, report)| report.ball.here)
            .max_by_key(order);
        let (reporter, report) = here.or_else(|| reports.iter().max_by_key(order))?;
        let holder = report.ball.holder.as_deref().unwrap_or_default();
        let is_connected = self.status_of(holder).is_some();
        let age = now.since(report.received);
        let fresh = age < HANDOVER;
        let state = self.state(holder, now);
        // The neighbours of a far holder may not be followed, but a voter that reaches a majority hears it.
        let by = self.status_of(reporter).map(|status| status.condition);
        let far = self.is_large()
            && state == "unknown"
            && by == Some(Condition::InRing)
            && !holder.is_empty();
        let phase = if report.ball.here {
            Phase::Held
        } else if report.ball.frozen {
            Phase::Frozen
        } else if report.ball.loan.is_some() {
            Phase::Lent
        } else if (fresh || !is_connected) && (state == "up" || far) {
            Phase::Held
        } else {
            Phase::Away
        };
        let share = self.share(report, now);
        let ball = report.ball.clone();
        Some(LocatedBall {
            ball,
            phase,
            share,
            age,
        })
    }

    fn share(&self, report: &BallReport, now: Time) -> f64 {
        let Some(first) = &self.first else { return 0.0 };
        let [width, height] = first.screen;
        let (Some(position), Some(velocity)) = (report.ball.position, report.ball.velocity) else {
            return 0.0;
        };
        let state = BallState {
            position,
            velocity,
            radius: report.ball.radius,
            color: report.ball.color,
        };
        let elapsed = now.since(report.at);
        let state = if report.ball.frozen {
            state
        } else {
            motion::at(&state, Screen { width, height }, elapsed)
        };
        let [x, _] = state.position;
        (x / width).clamp(0.0, 1.0)
    }

    /// Whether any ball moves, so that it must be drawn again soon.
    pub(super) fn moves(&self, now: Time) -> bool {
        self.balls(now)
            .iter()
            .any(|located| located.phase == Phase::Held)
    }
}
