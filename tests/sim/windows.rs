//! Windows between the nodes: they take balls and pass them on, keep them, double them, or send their own.

use carom::ring::{
    BallId, Direction, ExternalBallPolicy, Input, LateCopy, NodeId, Output, Shape, Topology,
    Window, WindowBall, WindowChain,
};

use crate::agenda::Event;
use crate::clock::Nanos;
use crate::host::{Led, index};
use crate::plan::{Plan, log_uniform, nanos};
use crate::world::World;

/// What happens at a window's edge.
#[derive(Clone, Debug)]
pub(crate) enum Deed {
    /// A node is told whether its window takes a connection.
    Answer {
        host: usize,
        life: u64,
        ball: BallId,
        open: bool,
    },
    /// What was written never arrived, and the kernel said so.
    NotGiven {
        host: usize,
        life: u64,
        ball: BallId,
    },
    /// A ball comes in at that edge of that node.
    Comes {
        host: usize,
        edge: Direction,
        ball: WindowBall,
    },
    /// A student presses the space bar, or somebody adds or removes a ball.
    Visit,
}

/// Puts windows and guests into one topology of three.
pub(crate) fn draw(seed: u64, topology: &mut Topology) {
    let mut random = fastrand::Rng::with_seed(seed ^ 0x1005_ed6e);
    if random.u8(0..3) > 0 {
        return;
    }
    let lease = nanos(topology.lease);
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
    let node = |place: usize| NodeId(place as u8);
    for (left, right) in places {
        if random.u8(0..3) > 0 {
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
    for (number, serve) in topology.balls.iter_mut().enumerate() {
        serve.state.color[2] = number as u8;
    }
    let span = |random: &mut fastrand::Rng, most| {
        std::time::Duration::from_nanos(log_uniform(random, lease, most * lease))
    };
    topology.external_balls = ExternalBallPolicy {
        loan: span(&mut random, 12),
        late_copy: if random.bool() {
            LateCopy::Refuse
        } else {
            LateCopy::Guest
        },
        guests: random.u8(0..4),
        guest_life: span(&mut random, 30),
    };
}

impl World {
    /// The first of the visits that people make.
    pub(crate) fn open_doors(&mut self) {
        if self.plan.topology.external_balls.guests > 0 {
            let at = self.random.u64(0..4 * self.plan.lease());
            self.put(at, Event::Window(Deed::Visit));
        }
    }

    /// What the node says to windows.
    pub(crate) fn at_the_window(&mut self, host: usize, output: &Output) {
        let Some(life) = self.hosts[host]
            .process
            .as_ref()
            .map(|process| process.life)
        else {
            return;
        };
        let lease = self.plan.lease();
        match *output {
            Output::OpenWindow { ball, .. } => {
                let open = self.random.u8(0..10) > 0;
                let after = log_uniform(&mut self.random, lease / 5_000, lease / 2);
                let answer = Deed::Answer {
                    host,
                    life,
                    ball,
                    open,
                };
                self.put(self.now + after, Event::Window(answer));
            }
            Output::SendToWindow { ball, sent } => self.play_with(host, life, ball, sent),
            _ => {}
        }
    }

    /// What a window does with a ball: mostly what it should.
    fn play_with(&mut self, host: usize, life: u64, ball: BallId, sent: WindowBall) {
        let (me, lease) = (NodeId(host as u8), self.plan.lease());
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
            self.put(
                self.now + after / 50,
                Event::Window(Deed::NotGiven { host, life, ball }),
            );
            return;
        }
        if choice == 1 {
            return;
        }
        if choice < 4 {
            // Around the moment at which the lender takes it back.
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
        let comes = Deed::Comes {
            host: back,
            edge,
            ball: returned,
        };
        self.put(self.now + after, Event::Window(comes.clone()));
        if again {
            let later = self.random.u64(0..lease);
            self.put(self.now + after + later, Event::Window(comes));
        }
    }

    pub(crate) fn deed(&mut self, deed: Deed) {
        match deed {
            Deed::Answer {
                host,
                life,
                ball,
                open,
            } => self.tell_life(host, life, Input::WindowAnswered { ball, open }),
            Deed::NotGiven { host, life, ball } => {
                self.tell_life(host, life, Input::WindowSendFailed { ball });
            }
            Deed::Comes { host, edge, ball } => self.feed(host, Input::FromWindow { edge, ball }),
            Deed::Visit => self.visit(),
        }
    }

    fn tell_life(&mut self, host: usize, life: u64, input: Input) {
        let process = self.hosts[host].process.as_ref();
        if process.is_some_and(|process| process.life == life) {
            self.feed(host, input);
        }
    }

    /// Somebody brings a ball or takes one away, and will come again.
    fn visit(&mut self) {
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
                Err(_) => return self.come_again(lease),
            },
            _ => Input::FromWindow { edge, ball },
        };
        self.feed(host, input);
        self.come_again(lease);
    }

    fn come_again(&mut self, lease: Nanos) {
        let after = log_uniform(&mut self.random, lease / 10, 6 * lease);
        self.put(self.now + after, Event::Window(Deed::Visit));
    }

    /// A ball with a window counts as its lender's while its lease runs: nobody else may have it.
    pub(crate) fn keep_loans(&mut self, host: usize) {
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
                lapses: None,
                lent: true,
            });
        }
    }
}

/// Whether anything but the ring's own nodes can have this run's balls.
pub(crate) fn has_windows(plan: &Plan) -> bool {
    !plan.topology.window_chains.is_empty()
}
