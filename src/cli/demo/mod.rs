//! `carom demo`: a whole ring on this machine, in one process, for people to see.

pub(super) mod keys;
mod picture;
mod score;
mod table;

use std::cell::RefCell;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use async_io::Timer;
use clap::Args;
use smol::channel::{Receiver, bounded};
use smol::{LocalExecutor, future};
use tracing::Level;

use super::{Failure, block_on};
use crate::clock;
use crate::daemon::{log, signals};
use crate::ring::{BallState, InitialBall, NodeId, Topology};
use keys::Key;
use picture::View;
use score::Score;
use table::Table;

/// Plays a whole ring on this machine, in one process
#[derive(Args)]
#[command(
    after_help = "Examples:\n  carom demo\n  carom demo --for 10s | tail -4\n\
    Keys: k and a digit kills that node without warning, again starts it; q quits."
)]
pub(super) struct Arguments {
    /// How many nodes, 1 to 20
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=20))]
    nodes: u8,
    /// How many balls, 1 to 8
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=8))]
    balls: u8,
    /// Stops after this time, such as 10s; exit code 0 only if every ball was passed on (one node has
    /// nobody to pass to) and none was held twice
    #[arg(long = "for", value_name = "TIME", value_parser = crate::config::parse_duration)]
    time: Option<Duration>,
    /// Serves the page on this address, such as 127.0.0.1:8080; the other nodes' on the ports behind it
    #[arg(long, value_name = "IP:PORT")]
    http: Option<SocketAddr>,
}

/// How often a terminal is drawn anew while balls fly.
const FRAME: Duration = Duration::from_millis(100);

/// What the demo waits for.
enum Wake {
    Key(Key),
    Changed,
    Frame,
    Over,
}

pub(super) fn demo(arguments: &Arguments) -> Result<(), Failure> {
    let terminal = io::stdout().is_terminal();
    // On a terminal the picture tells it all, and a log would tear it.
    log::init(log::level(if terminal {
        Level::ERROR
    } else {
        Level::WARN
    }));
    let keyboard = (terminal && io::stdin().is_terminal())
        .then(keys::Keyboard::open)
        .transpose()?;
    let finished = block_on(async |executor: Rc<LocalExecutor<'static>>| {
        play(arguments, &executor, terminal, keyboard.as_ref()).await
    });
    drop(keyboard);
    let score = finished?;
    let mut out = io::stdout().lock();
    score.summary(&mut out)?;
    out.flush()?;
    if arguments.time.is_some() && !score.is_sound(clock::now()) {
        return Err(Failure::Run(
            "a ball was held twice or did not move: please report this with the lines above"
                .to_owned(),
        ));
    }
    Ok(())
}

async fn play(
    arguments: &Arguments,
    executor: &Rc<LocalExecutor<'static>>,
    terminal: bool,
    keyboard: Option<&keys::Keyboard>,
) -> Result<Score, Failure> {
    let (changed, changes) = bounded(1);
    let topology = topology(arguments.nodes, arguments.balls);
    let score = Rc::new(RefCell::new(Score::new(&topology, changed, clock::now())));
    let mut table = Table::lay(executor, topology, arguments.http, Rc::clone(&score))?;
    let (stop, stopped) = bounded(1);
    let _signals = executor.spawn(signals::watch(stop));
    let ends = arguments.time.map(|time| clock::now() + time);
    let mut view = View::open(terminal, &table)?;
    let mut killing = false;
    loop {
        view.show(&mut score.borrow_mut(), &table, clock::now())?;
        let frame = terminal.then_some(FRAME);
        let left = ends.map(|ends| clock::now().until(ends));
        match next(keyboard, &changes, &stopped, frame, left).await {
            Wake::Over | Wake::Key(Key::Quit) => break,
            Wake::Key(Key::Kill) => killing = true,
            Wake::Key(Key::Digit(digit)) if killing => {
                killing = false;
                table.toggle(executor, NodeId(digit.saturating_sub(1)))?;
            }
            Wake::Key(Key::Digit(_) | Key::Other) => killing = false,
            Wake::Changed | Wake::Frame => {}
        }
    }
    view.show(&mut score.borrow_mut(), &table, clock::now())?;
    drop(view);
    drop(table);
    Ok(score.borrow().clone())
}

async fn next(
    keyboard: Option<&keys::Keyboard>,
    changes: &Receiver<()>,
    stopped: &Receiver<()>,
    frame: Option<Duration>,
    left: Option<Duration>,
) -> Wake {
    let key = async {
        match keyboard {
            Some(keyboard) => Wake::Key(keyboard.next().await),
            None => future::pending().await,
        }
    };
    let change = async {
        // Fails only if the score is gone, and we hold it.
        let _ = changes.recv().await;
        Wake::Changed
    };
    let over = async {
        let time = async {
            match left {
                Some(left) => drop(Timer::after(left).await),
                None => future::pending().await,
            }
        };
        let signal = async {
            // An error means that nobody watches for signals any more; the default action ends us.
            if stopped.recv().await.is_err() {
                future::pending().await
            }
        };
        future::or(time, signal).await;
        Wake::Over
    };
    let tick = async {
        match frame {
            Some(frame) => drop(Timer::after(frame).await),
            None => future::pending().await,
        }
        Wake::Frame
    };
    future::or(future::or(over, key), future::or(change, tick)).await
}

/// Of the first ball, the second, and so on: told apart on light and on dark ground.
const COLORS: [[u8; 3]; 8] = [
    [255, 64, 0],
    [24, 132, 245],
    [30, 165, 80],
    [214, 60, 160],
    [240, 170, 0],
    [130, 90, 240],
    [0, 165, 170],
    [150, 110, 80],
];

/// A ring whose balls cross a screen in about three quarters of a second.
fn topology(nodes: u8, balls: u8) -> Topology {
    let serve = |number: u8| {
        let share = f64::from(number);
        let way = if number.is_multiple_of(2) { 1.0 } else { -1.0 };
        InitialBall {
            start: NodeId(number % nodes.max(1)),
            state: BallState {
                position: [0.0, 100.0 + 50.0 * share],
                velocity: [way * (1_100.0 + 40.0 * share), 130.0],
                radius: 30.0,
                color: COLORS
                    .get(usize::from(number))
                    .copied()
                    .unwrap_or([255, 64, 0]),
            },
        }
    };
    Topology {
        ring: "demo".to_owned(),
        nodes: (1..=nodes).map(|number| format!("n{number}")).collect(),
        balls: (0..balls).map(serve).collect(),
        ..Topology::default()
    }
}

/// Any free port of the loopback.
const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
