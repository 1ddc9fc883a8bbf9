//! One window between the first two nodes: it keeps the balls that it is lent for as long as it
//! likes, and sends each of them to either side, in time or late, and twice if `--copies` allows it.
//!
//! With `--guest` the ring file has no ball. The window has one of its own, which joins as a guest
//! when the window sends it. A guest leaves after three leases, or when somebody removes it.

use std::time::Duration;

use carom::ring::{
    BallId, BallState, Direction, ExternalBallPolicy, Generation, Input, LateCopy, Node,
    Notification, Output, Screen, Topology, Window, WindowBall, WindowChain,
};

use crate::bounds::Fault;
use crate::clock::LEASE;
use crate::invariants::Event;
use crate::model::{Ring, Step, node_id};
use crate::state::State;
use crate::topology;

/// A window that has this many balls accepts no connection.
const MOST_KEPT: u8 = 2;

/// How long a guest stays, in leases.
pub(crate) const GUEST_LEASES: u32 = 3;

/// The only number kept for guests, where the ring file has no ball.
const GUEST: BallId = BallId(1);

pub(crate) const GUEST_CAME_BACK: &str = "a guest that a quorum has retired stays away";
pub(crate) const LOST_TO_WINDOW: &str = "a ball that a node has lent is on no other node's screen";

/// The window between the first two nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Windows {
    /// The balls that it has. They all look and move alike.
    pub(crate) kept: u8,
    /// How many loans it still accepts, if that is limited.
    pub(crate) loans: Option<u8>,
    /// The nodes that wait for a connection to it, as bits.
    pub(crate) opening: u8,
}

/// What has become of the guests.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Guest {
    /// The highest generation of a guest that was possessed.
    pub(crate) newest: Option<Generation>,
    /// The highest generation of a guest that a quorum has retired.
    pub(crate) retired: Option<Generation>,
    /// Whether the next possession is that of a new guest.
    joins: bool,
}

impl Guest {
    /// A guest of this generation is possessed; whether it is one that has left.
    fn comes_back(&mut self, generation: Generation) -> bool {
        let joins = std::mem::take(&mut self.joins);
        // A takeover begins a new generation, of the guest of the newest one before.
        let of_newest = !joins && self.newest.is_some() && self.newest <= self.retired;
        self.newest = self.newest.max(Some(generation));
        of_newest || self.retired.is_some_and(|retired| generation <= retired)
    }
}

/// Pixels a second, whole pixels a frame: so no window rounds it.
const SPEED: f64 = 1800.0;

/// Adds the window to a topology, and makes the ball the window's if it is to be a guest.
pub(crate) fn add_window(topology: &mut Topology, crossing: Duration, guest: bool) -> BallState {
    topology.screen.width = SPEED * crossing.as_secs_f64();
    let ball = topology::ball([0.0, 300.0], [SPEED, 0.0]);
    for initial in &mut topology.balls {
        initial.state = ball;
    }
    let screen = topology.screen;
    topology.window_chains = vec![WindowChain {
        left: Some(node_id(0)),
        right: Some(node_id(1)),
        windows: vec![Window {
            name: "window".to_owned(),
            screen,
        }],
    }];
    topology.external_balls = ExternalBallPolicy {
        loan: LEASE,
        late_copy: LateCopy::Refuse,
        guests: u8::from(guest),
        guest_life: LEASE * GUEST_LEASES,
    };
    if guest {
        topology.balls.clear();
    }
    ball
}

/// The ball as the window sends it to one side.
fn sent(ball: &BallState, screen: Screen, right: bool) -> WindowBall {
    let direction = if right {
        Direction::Right
    } else {
        Direction::Left
    };
    let [across, up] = ball.velocity;
    let state = BallState {
        velocity: [if right { across.abs() } else { -across.abs() }, up],
        ..*ball
    };
    WindowBall::leaving(&state, direction, screen)
}

impl Ring {
    pub(crate) fn has_window(&self) -> bool {
        !self.topology.window_chains.is_empty()
    }

    /// What the window may do next, and who may remove the guest.
    pub(crate) fn window_steps(&self, state: &State, steps: &mut Vec<Step>) {
        if !self.has_window() {
            return;
        }
        for node in 0..2 {
            if state.windows.opening >> node & 1 == 1 {
                steps.push(Step::WindowAnswers(node));
            }
            if state.windows.kept > 0 && state.runs(node) {
                steps.push(Step::WindowSends { node, keeps: false });
                if self.is_affordable(state, Fault::Copy) {
                    steps.push(Step::WindowSends { node, keeps: true });
                }
            }
        }
        if self.is_affordable(state, Fault::Removal) {
            let knows = |node: &Node| node.ball_views().any(|ball| ball.guest);
            let hosts = state.hosts.iter().enumerate();
            let knowing = hosts.filter(|(_, host)| host.node.as_deref().is_some_and(knows));
            let removing = knowing.filter(|(index, _)| state.runs(*index));
            steps.extend(removing.map(|(index, _)| Step::Remove(index)));
        }
    }

    /// Takes a step of the window.
    pub(crate) fn apply_window(&self, state: &mut State, step: Step) -> Option<()> {
        match step {
            Step::WindowAnswers(node) => self.answer(state, node),
            Step::WindowSends { node, keeps } => {
                if keeps {
                    self.use_fault(state, Fault::Copy);
                } else {
                    state.windows.kept = state.windows.kept.checked_sub(1)?;
                }
                let (edge, right) = match node {
                    0 => (Direction::Right, false),
                    _ => (Direction::Left, true),
                };
                let ball = sent(&self.ball, self.topology.screen, right);
                self.handle(state, node, Input::FromWindow { edge, ball });
            }
            Step::Remove(node) => {
                self.use_fault(state, Fault::Removal);
                self.handle(state, node, Input::RemoveGuest(GUEST));
            }
            _ => return None,
        }
        Some(())
    }

    /// The window accepts the connection that this node waits for, unless it is full.
    pub(crate) fn answer(&self, state: &mut State, node: usize) {
        state.windows.opening &= !(1 << node);
        let open = state.windows.kept < MOST_KEPT && state.windows.loans != Some(0);
        let ball = BallId(1);
        self.handle(state, node, Input::WindowAnswered { ball, open });
    }

    /// An output that concerns the window, or the end of a guest.
    pub(crate) fn window_output(&self, state: &mut State, node: usize, output: &Output) {
        match output {
            Output::OpenWindow { .. } => state.windows.opening |= 1 << node,
            Output::SendToWindow { .. } => {
                self.coverage.count(Event::Lent);
                state.windows.kept += 1;
                state.windows.loans = state.windows.loans.map(|loans| loans.saturating_sub(1));
            }
            Output::Notify(Notification::LoanExpired { .. }) => {
                self.coverage.count(Event::LoanExpired);
            }
            Output::Notify(Notification::LateCopyRefused { .. }) => {
                self.coverage.count(Event::LateCopyRefused);
            }
            Output::Notify(Notification::GuestJoined { .. }) => {
                state.guest.joins = true;
                self.coverage.count(Event::GuestJoined);
            }
            Output::Notify(Notification::GuestLeft { .. }) => {
                self.coverage.count(Event::GuestLeft);
                let left = state.hosts[node].latest.map(|latest| latest.generation);
                state.guest.retired = state.guest.retired.max(left);
            }
            Output::LedOn(possession) => {
                if self.bounds.guest && state.guest.comes_back(possession.stamp.generation) {
                    state.violation.get_or_insert(GUEST_CAME_BACK);
                }
                let lends = |other: &usize| *other != node && self.lends(state, *other);
                if self.has_window() && (0..state.hosts.len()).any(|other| lends(&other)) {
                    state.violation.get_or_insert(LOST_TO_WINDOW);
                }
            }
            _ => {}
        }
    }

    /// Whether this node has lent its ball, and its lease still runs.
    pub(crate) fn lends(&self, state: &State, node: usize) -> bool {
        let host = state.hosts[node].node.as_ref();
        let runs = !state.hosts[node].paused;
        let lent = |node: &Node| {
            let mut balls = node.ball_views();
            balls.any(|ball| ball.loan.is_some() && !ball.frozen)
        };
        self.has_window() && runs && host.is_some_and(|node| lent(node))
    }
}
