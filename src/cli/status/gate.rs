//! `carom status --gate`: whether a node is good after a switch to another release. A rollout asks this again and again.

use std::fmt;

use crate::http::{Condition, NodeStatus, Status};

/// Seconds for whatever delays a ball, beside the time that its way takes.
const MARGIN_SECONDS: u64 = 10;

/// What the node must show.
pub(super) struct Requirements<'a> {
    /// Peers to which it needs no link.
    pub(super) may_miss: &'a [String],
    /// Whether a ball must have passed through it since its start.
    pub(super) ball: bool,
}

/// Whether the node is good, or what is still missing. As text it is one line: a word for the script, then words for
/// people.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The node is in the ring, and the ring is whole.
    Ready,
    /// The node did not answer.
    NoAnswer,
    /// The node is not in the ring.
    NotInRing(Condition),
    /// The node has no link to these peers.
    NotWhole(Vec<String>),
    /// No ball has passed through the node yet.
    NoBallYet {
        /// How long to wait for the slowest ball.
        limit_seconds: u64,
    },
}

impl Verdict {
    /// Judges the answer of the node, which is `None` if there was none.
    pub(super) fn of(status: Option<&Status>, requirements: &Requirements<'_>) -> Self {
        let Some(status) = status else {
            return Self::NoAnswer;
        };
        if status.condition != Condition::InRing {
            return Self::NotInRing(status.condition);
        }
        let missing: Vec<String> = missing_peers(status)
            .filter(|name| !requirements.may_miss.iter().any(|peer| peer == name))
            .map(str::to_owned)
            .collect();
        if !missing.is_empty() {
            return Self::NotWhole(missing);
        }
        let here = status.balls.iter().filter(|ball| ball.here).count();
        // A pass is counted when it arrives: a ball that is here has not passed through yet.
        let passed_through = status.counters.hops > here as u64;
        if requirements.ball
            && !status.balls.is_empty()
            && status.nodes.len() > 1
            && !passed_through
        {
            return Self::NoBallYet {
                limit_seconds: limit_seconds(status),
            };
        }
        Self::Ready
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => out.write_str("ok ready"),
            Self::NoAnswer => out.write_str("wait no answer on its HTTP port"),
            Self::NotInRing(condition) => write!(out, "wait the node is {}", condition.label()),
            Self::NotWhole(missing) => {
                write!(out, "wait not whole: no link to {}", missing.join(" "))
            }
            Self::NoBallYet { limit_seconds } => {
                write!(
                    out,
                    "wait-ball {limit_seconds} for the ball to pass through"
                )
            }
        }
    }
}

/// The peers to which the node has no link, or that do not answer over it. In a large ring a node has links to others of
/// which it does not know more: those are `unknown`, and a link tells the incarnation.
pub(super) fn missing_peers(status: &Status) -> impl Iterator<Item = &str> {
    let is_missing = |node: &&NodeStatus| match node.state.as_str() {
        "up" => false,
        "unknown" => node.incarnation.is_none(),
        _ => true,
    };
    let missing = status.nodes.iter().filter(is_missing);
    missing.map(|node| node.name.as_str())
}

/// Two rounds of the slowest ball, and a margin.
fn limit_seconds(status: &Status) -> u64 {
    let [width, _] = status.screen;
    let crossing = |[across, _]: [f64; 2]| (across != 0.0).then(|| (width / across.abs()).ceil());
    let crossings = status
        .balls
        .iter()
        .filter_map(|ball| crossing(ball.velocity?));
    let slowest = crossings.fold(1.0, f64::max);
    // A ball that hardly moves makes this as large as it gets; the cast saturates.
    let rounds = (2.0 * slowest * status.nodes.len() as f64) as u64;
    rounds.saturating_add(MARGIN_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::status::tests::status;

    fn verdict(status: &Status) -> String {
        let requirements = Requirements {
            may_miss: &["pi3".to_owned()],
            ball: true,
        };
        Verdict::of(Some(status), &requirements).to_string()
    }

    #[test]
    fn a_node_is_ready_only_after_a_ball_has_come_and_gone() {
        let mut status = status();
        // Two rounds of three screens, 800 pixels wide, at 100 pixels a second.
        const WAITS: &str = "wait-ball 58 for the ball to pass through";
        for (hops, here, wanted) in [
            (0, false, WAITS),
            // It began here, by an election.
            (0, true, WAITS),
            (1, true, WAITS),
            (1, false, "ok ready"),
            (2, true, "ok ready"),
        ] {
            status.counters.hops = hops;
            status.balls[0].here = here;
            assert_eq!(verdict(&status), wanted, "{hops} hops, here: {here}");
        }
    }

    #[test]
    fn a_ball_is_not_waited_for_where_none_is_required_or_none_can_come() {
        let mut status = status();
        let without_ball = Requirements {
            may_miss: &["pi3".to_owned()],
            ball: false,
        };
        assert_eq!(Verdict::of(Some(&status), &without_ball), Verdict::Ready);
        let ball = status.balls.remove(0);
        assert_eq!(verdict(&status), "ok ready");
        status.balls.push(ball);
        status.nodes.truncate(1);
        assert_eq!(verdict(&status), "ok ready");
    }

    #[test]
    fn a_node_outside_the_ring_waits_and_says_why() {
        let mut status = status();
        status.counters.hops = 9;
        status.condition = Condition::CutOff;
        assert_eq!(verdict(&status), "wait the node is cut off");
        status.condition = Condition::InRing;
        status.nodes[1].state = "unknown".to_owned();
        assert_eq!(verdict(&status), "wait not whole: no link to pi2");
        status.nodes[1].incarnation = Some("2f".to_owned());
        assert_eq!(verdict(&status), "ok ready");
        status.nodes[1].state = "down".to_owned();
        assert_eq!(verdict(&status), "wait not whole: no link to pi2");
        let silent = Verdict::of(
            None,
            &Requirements {
                may_miss: &[],
                ball: false,
            },
        );
        assert_eq!(silent.to_string(), "wait no answer on its HTTP port");
    }

    #[test]
    fn a_ball_that_hardly_moves_is_waited_for_without_an_overflow() {
        let mut status = status();
        status.balls[0].velocity = Some([1e-300, 0.0]);
        assert_eq!(
            verdict(&status),
            format!("wait-ball {} for the ball to pass through", u64::MAX)
        );
    }
}
