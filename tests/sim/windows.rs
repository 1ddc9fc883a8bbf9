//! Windows between the nodes: they pass balls on, keep them, double them, or send balls of their own.

use carom::ring::{
    BallId, Direction, ExternalBallPolicy, Input, LateCopy, NodeId, Output, Shape, Topology,
    Window, WindowBall, WindowChain,
};

use crate::clock::Nanos;
use crate::event_queue::Event;
use crate::host::{Led, index};
use crate::plan::{Plan, log_uniform, nanos};
use crate::world::World;

/// An event at a window, or another input from outside the ring.
#[derive(Clone, Debug)]
pub(crate) enum WindowEvent {
    /// A node learns whether its window accepted the connection.
    Answer {
        host: usize,
        lifetime: u64,
        ball: BallId,
        open: bool,
    },
    /// Sending a ball to the window failed, and the kernel reported it.
    SendFailed {
        host: usize,
        lifetime: u64,
        ball: BallId,
    },
    /// A ball from a window arrives at this edge of this node.
    BallArrives {
        host: usize,
        edge: Direction,
        ball: WindowBall,
    },
    /// Somebody sends a new ball from a window, or adds or removes a guest.
    ExternalInput,
}

/// Adds window chains to one half of the topologies and allows guests in one half, each for itself.
pub(crate) fn draw(seed: u64, topology: &mut Topology) {
    let mut random = fastrand::Rng::with_seed(seed ^ 0x1005_ed6e);
    let random = &mut random;
    if random.bool() {
        draw_chains(random, topology);
    }
    let lease = nanos(topology.lease);
    let span = |random: &mut fastrand::Rng, most| {
        std::time::Duration::from_nanos(log_uniform(random, lease, most * lease))
    };
    topology.external_balls = ExternalBallPolicy {
        loan: span(random, 12),
        late_copy: if random.bool() {
            LateCopy::Refuse
        } else {
            LateCopy::Guest
        },
        guests: if random.bool() { random.u8(1..4) } else { 0 },
        guest_life: span(random, 30),
    };
}

/// Puts window chains at one or more places between the nodes, or at the ends of a row.
fn draw_chains(random: &mut fastrand::Rng, topology: &mut Topology) {
    let nodes = topology.nodes.len();
    let last = nodes - 1;
    let between = (0..nodes).map(|left| (Some(left), Some((left + 1) % nodes)));
    let places: Vec<_> = match topology.shape {
        Shape::Ring => between.collect(),
        Shape::Row => between
            .take(last)
            .chain([(None, Some(0)), (Some(last), None)])
            .collect(),
    };
    let node = |place: usize| NodeId(place as u16);
    let certain = random.usize(0..places.len());
    for (number, (left, right)) in places.into_iter().enumerate() {
        if number != certain && random.u8(0..3) > 0 {
            continue;
        }
        let screen = topology.screen;
        let window = |name: &str| Window {
            name: format!("{name} of {left:?}"),
            screen,
        };
        topology.window_chains.push(WindowChain {
            left: left.map(node),
            right: right.map(node),
            windows: vec![window("near"), window("far")],
        });
    }
    // No two look alike, or a window could not tell them apart.
    for (number, initial) in topology.balls.iter_mut().enumerate() {
        initial.state.color[2] = number as u8;
    }
}

impl World {
    /// Schedules the first input from outside, if guests are allowed.
    pub(crate) fn schedule_first_external_input(&mut self) {
        if self.plan.topology.external_balls.guests > 0 {
            let at = self.random.u64(0..4 * self.plan.lease());
            self.schedule(at, Event::Window(WindowEvent::ExternalInput));
        }
    }

    /// Handles an output of the node to a window.
    pub(crate) fn on_window_output(&mut self, host: usize, output: &Output) {
        let Some(lifetime) = self.hosts[host]
            .process
            .as_ref()
            .map(|process| process.lifetime)
        else {
            return;
        };
        let lease = self.plan.lease();
        match *output {
            Output::OpenWindow { ball, .. } => {
                let open = self.random.u8(0..10) > 0;
                let after = log_uniform(&mut self.random, lease / 5_000, lease / 2);
                let answer = WindowEvent::Answer {
                    host,
                    lifetime,
                    ball,
                    open,
                };
                self.schedule(self.now + after, Event::Window(answer));
            }
            Output::SendToWindow { ball, sent } => {
                self.draw_window_response(host, lifetime, ball, sent)
            }
            _ => {}
        }
    }

    /// Draws what a window does with a ball: mostly what it should.
    fn draw_window_response(&mut self, host: usize, lifetime: u64, ball: BallId, sent: WindowBall) {
        let (me, lease) = (NodeId(host as u16), self.plan.lease());
        let onward = if sent.velocity[0] > 0 {
            Direction::Right
        } else {
            Direction::Left
        };
        let topology = self.plan.topology.clone();
        let beyond = topology
            .window_chain(me, onward)
            .and_then(|gap| gap.beyond(onward));
        let visits = topology.external_balls;
        let random = &mut self.random;
        let mut after = log_uniform(random, lease / 100, 4 * lease);
        let choice = random.u8(0..20);
        if choice == 0 {
            self.schedule(
                self.now + after / 50,
                Event::Window(WindowEvent::SendFailed {
                    host,
                    lifetime,
                    ball,
                }),
            );
            return;
        }
        if choice == 1 {
            return;
        }
        if choice < 4 {
            // Around the moment at which the loan expires.
            let loan = nanos(visits.loan);
            after = loan.saturating_sub(lease / 50) + random.u64(0..lease / 10);
        }
        let again = choice == 4;
        let across = beyond.filter(|_| random.u8(0..4) > 0);
        let (back, edge) = match across {
            Some(node) => (node.index(), onward.opposite()),
            None => (host, onward),
        };
        let [dx, dy] = sent.velocity;
        let returned = WindowBall {
            position: [0, random.i32(-100..900)],
            velocity: [if across.is_some() { dx } else { -dx }, dy],
            ..sent
        };
        let arrival = WindowEvent::BallArrives {
            host: back,
            edge,
            ball: returned,
        };
        self.schedule(self.now + after, Event::Window(arrival.clone()));
        if again {
            let later = self.random.u64(0..lease);
            self.schedule(self.now + after + later, Event::Window(arrival));
        }
    }

    pub(crate) fn on_window_event(&mut self, event: WindowEvent) {
        match event {
            WindowEvent::Answer {
                host,
                lifetime,
                ball,
                open,
            } => self.handle_in_lifetime(host, lifetime, Input::WindowAnswered { ball, open }),
            WindowEvent::SendFailed {
                host,
                lifetime,
                ball,
            } => {
                self.handle_in_lifetime(host, lifetime, Input::WindowSendFailed { ball });
            }
            WindowEvent::BallArrives { host, edge, ball } => {
                self.handle(host, Input::FromWindow { edge, ball })
            }
            WindowEvent::ExternalInput => self.draw_external_input(),
        }
    }

    fn handle_in_lifetime(&mut self, host: usize, lifetime: u64, input: Input) {
        let process = self.hosts[host].process.as_ref();
        if process.is_some_and(|process| process.lifetime == lifetime) {
            self.handle(host, input);
        }
    }

    /// Draws an input from outside: a new ball, a new guest, or the removal of one; schedules the next.
    fn draw_external_input(&mut self) {
        let (lease, balls) = (self.plan.lease(), self.plan.topology.balls.len());
        let host = self.random.usize(0..self.hosts.len());
        let random = &mut self.random;
        let ball = WindowBall {
            position: [0, random.i32(..)],
            velocity: [random.i32(-20..20), random.i32(-5..5)],
            radius: random.i32(-1..60),
            color: [1, 2, random.u8(100..)],
        };
        let edge = if random.bool() {
            Direction::Left
        } else {
            Direction::Right
        };
        let input = match random.u8(0..4) {
            0 => Input::RemoveGuest(BallId(random.u32(0..balls as u32 + 5))),
            1 => match ball.entering(edge, self.plan.topology.screen) {
                Ok(state) => Input::AddGuest(state),
                Err(_) => return self.schedule_external_input(lease),
            },
            _ => Input::FromWindow { edge, ball },
        };
        self.handle(host, input);
        self.schedule_external_input(lease);
    }

    fn schedule_external_input(&mut self, lease: Nanos) {
        let after = log_uniform(&mut self.random, lease / 10, 6 * lease);
        self.schedule(self.now + after, Event::Window(WindowEvent::ExternalInput));
    }

    /// A lent ball counts as possessed by its lender until its lease expires.
    pub(crate) fn mark_lent_balls(&mut self, host: usize) {
        if self.plan.topology.window_chains.is_empty() {
            return;
        }
        let now = self.now;
        let Some(process) = &mut self.hosts[host].process else {
            return;
        };
        for led in &mut process.leds {
            *led = led.filter(|led| !led.lent);
        }
        let lent: Vec<_> = process
            .node
            .ball_views()
            .filter(|view| view.loan.is_some() && !view.frozen)
            .collect();
        for view in lent {
            let Some(stamp) = view.stamp else { continue };
            process.leds[index(view.ball)] = Some(Led {
                stamp,
                since: now,
                expires: None,
                lent: true,
            });
        }
    }
}

/// Whether this run has windows.
pub(crate) fn has_windows(plan: &Plan) -> bool {
    !plan.topology.window_chains.is_empty()
}
