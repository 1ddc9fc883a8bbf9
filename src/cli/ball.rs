//! `carom ball`: lists, adds and removes balls, by requests to the node on this machine.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::failure::Failure;
use crate::clock;
use crate::control::{DEFAULT_PATH, LONGEST_LINE, NewBall, Reply, Request};
use crate::http::BallStatus;

/// The node must answer in this time.
const ANSWER_LIMIT: Duration = Duration::from_secs(6);

/// The ring must agree to a request in this time.
const AGREEMENT_LIMIT: Duration = Duration::from_secs(5);

/// The time between two looks at the list of balls.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// A removal is requested again after this time: the ball may have been on its way between nodes.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// Lists the balls of the ring, adds a guest or removes one; asks the node on this machine
#[derive(Args)]
#[command(
    after_help = "Examples:\n  carom ball list\n  carom ball add --color 0,200,80 --velocity 300,90\n  carom ball remove 2\n\
    Only root and members of the group carom may do this: they may write to the file of the socket."
)]
pub(super) struct Arguments {
    /// The control socket of the node
    #[arg(long, value_name = "PATH", default_value = DEFAULT_PATH, global = true)]
    control: PathBuf,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Show every ball: which node has it, and whether it is a guest or on loan to a window
    List {
        /// Print them as JSON
        #[arg(long)]
        json: bool,
    },
    /// Add a guest: a new ball on this node's screen, which leaves after `guest-life` of the ring file
    Add(Add),
    /// Remove a guest, wherever it is
    Remove {
        /// The number of the guest in the list
        ball: u32,
    },
}

#[derive(Args)]
struct Add {
    /// Red, green and blue, 0 to 255 each; a random color unless given
    #[arg(long, value_name = "R,G,B", value_parser = color)]
    color: Option<[u8; 3]>,
    /// Its speed to the right and up, in pixels a second
    #[arg(long, value_name = "X,Y", default_value = "240,130", value_parser = pair, allow_hyphen_values = true)]
    velocity: [f64; 2],
    /// The position of its centre, from the lower left corner, in pixels
    #[arg(long, value_name = "X,Y", default_value = "100,300", value_parser = pair)]
    position: [f64; 2],
    /// Its radius in pixels
    #[arg(long, value_name = "PIXELS", default_value = "20", value_parser = radius)]
    radius: f64,
}

fn pair(text: &str) -> Result<[f64; 2], String> {
    finite(text).ok_or_else(|| "write two numbers and a comma, such as 240,130".to_owned())
}

fn radius(text: &str) -> Result<f64, String> {
    let [radius] = finite(text).ok_or_else(|| "write a number of pixels, such as 20".to_owned())?;
    Ok(radius)
}

fn color(text: &str) -> Result<[u8; 3], String> {
    numbers(text).ok_or_else(|| "write three numbers from 0 to 255, such as 255,64,0".to_owned())
}

/// Numbers without infinity and NaN, which JSON does not have.
fn finite<const N: usize>(text: &str) -> Option<[f64; N]> {
    numbers(text).filter(|numbers: &[f64; N]| numbers.iter().all(|number| number.is_finite()))
}

fn numbers<T: std::str::FromStr, const N: usize>(text: &str) -> Option<[T; N]> {
    let numbers = text.split(',').map(|number| number.trim().parse().ok());
    numbers.collect::<Option<Vec<T>>>()?.try_into().ok()
}

pub(super) fn ball(arguments: &Arguments) -> Result<(), Failure> {
    let mut node = NodeConnection::open(&arguments.control)?;
    match &arguments.action {
        Action::List { json } => list(&mut node, *json),
        Action::Add(wanted) => add(&mut node, wanted),
        Action::Remove { ball } => remove(&mut node, *ball),
    }
}

fn list(node: &mut NodeConnection, json: bool) -> Result<(), Failure> {
    let balls = node.balls()?;
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, &balls).map_err(io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(
        out,
        "ball  kind   holder            hop       color        where"
    )?;
    for ball in &balls {
        let kind = if ball.guest { "guest" } else { "ring" };
        let holder = ball.holder.as_deref().unwrap_or("nobody yet");
        let hop = ball.hop.map_or_else(String::new, |hop| hop.to_string());
        let [red, green, blue] = ball.color;
        let color = format!("{red},{green},{blue}");
        writeln!(
            out,
            "{:<4}  {kind:5}  {holder:16}  {hop:8}  {color:11}  {}",
            ball.ball,
            location(ball)
        )?;
    }
    Ok(())
}

fn location(ball: &BallStatus) -> String {
    match &ball.loan {
        Some(loan) => format!("on loan to {} for {:.0} s", loan.window, loan.since_seconds),
        None if ball.here => "here".to_owned(),
        None if ball.frozen => "here, standing still: no majority answers".to_owned(),
        None => format!("heard of {:.1} s ago", ball.age_seconds),
    }
}

fn add(node: &mut NodeConnection, wanted: &Add) -> Result<(), Failure> {
    let before: Vec<u32> = node.balls()?.iter().map(|ball| ball.ball).collect();
    let color = wanted.color.unwrap_or_else(|| {
        let shade = || fastrand::u8(40..=255);
        [shade(), shade(), shade()]
    });
    node.expect_requested(&Request::Add(NewBall {
        position: wanted.position,
        velocity: wanted.velocity,
        radius: wanted.radius,
        color,
    }))?;
    let added = node.wait_for(|balls| {
        let mut new = balls.iter().filter(|ball| !before.contains(&ball.ball));
        new.find(|ball| ball.guest && ball.color == color)
            .map(|ball| ball.ball)
    })?;
    match added {
        Some(ball) => {
            writeln!(io::stdout(), "ball {ball} has begun here")?;
            Ok(())
        }
        None => Err(Failure::Run(
            "the ring did not agree to another ball: the log of this node says why".to_owned(),
        )),
    }
}

fn remove(node: &mut NodeConnection, wanted: u32) -> Result<(), Failure> {
    let request = Request::Remove { ball: wanted };
    node.expect_requested(&request)?;
    let started = clock::now();
    let mut last_request = started;
    while clock::now().since(started) < AGREEMENT_LIMIT {
        if !node.balls()?.iter().any(|ball| ball.ball == wanted) {
            writeln!(io::stdout(), "ball {wanted} has left")?;
            return Ok(());
        }
        if clock::now().since(last_request) >= RETRY_INTERVAL {
            // If this is refused, the ball has just left: the next list shows that.
            let _ = node.request(&request)?;
            last_request = clock::now();
        }
        sleep(POLL_INTERVAL);
    }
    Err(Failure::Run(format!(
        "ball {wanted} is still there: while no majority answers, or a window has it, it cannot leave; try again"
    )))
}

/// The connection to the node's control socket.
struct NodeConnection {
    reader: BufReader<UnixStream>,
}

impl NodeConnection {
    fn open(path: &std::path::Path) -> Result<Self, Failure> {
        let opened = || -> io::Result<Self> {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(ANSWER_LIMIT))?;
            stream.set_write_timeout(Some(ANSWER_LIMIT))?;
            let reader = BufReader::new(stream);
            Ok(Self { reader })
        };
        opened().map_err(|error| {
            let shown = path.display();
            Failure::Run(if error.kind() == io::ErrorKind::PermissionDenied {
                format!("{shown} may not be used by this user: use sudo, or join the group of that file")
            } else {
                format!("no node answers at {shown} ({error}): start one there with carom run --control {shown}, or name its socket with --control")
            })
        })
    }

    fn request(&mut self, request: &Request) -> Result<Reply, Failure> {
        let mut text = serde_json::to_vec(request).map_err(io::Error::from)?;
        text.push(b'\n');
        self.reader.get_mut().write_all(&text)?;
        let mut line = Vec::new();
        let limit = u64::try_from(LONGEST_LINE).unwrap_or(u64::MAX);
        (&mut self.reader)
            .take(limit)
            .read_until(b'\n', &mut line)?;
        serde_json::from_slice(&line).map_err(|error| {
            Failure::Run(format!(
                "the node's answer cannot be read ({error}): run the same carom on both sides"
            ))
        })
    }

    /// Sends a request that the node passes on to the ring.
    fn expect_requested(&mut self, request: &Request) -> Result<(), Failure> {
        match self.request(request)? {
            Reply::Requested => Ok(()),
            Reply::Refused(reason) => Err(Failure::Run(reason)),
            Reply::Balls(_) => Err(unexpected_reply()),
        }
    }

    fn balls(&mut self) -> Result<Vec<BallStatus>, Failure> {
        match self.request(&Request::List)? {
            Reply::Balls(balls) => Ok(balls),
            Reply::Refused(reason) => Err(Failure::Run(reason)),
            Reply::Requested => Err(unexpected_reply()),
        }
    }

    /// Polls the list until `found` returns something; `None` if it does not in time.
    fn wait_for<T>(
        &mut self,
        mut found: impl FnMut(&[BallStatus]) -> Option<T>,
    ) -> Result<Option<T>, Failure> {
        let started = clock::now();
        while clock::now().since(started) < AGREEMENT_LIMIT {
            if let Some(found) = found(&self.balls()?) {
                return Ok(Some(found));
            }
            sleep(POLL_INTERVAL);
        }
        Ok(None)
    }
}

fn unexpected_reply() -> Failure {
    Failure::Run(
        "the node answered something else than was asked: run the same carom on both sides"
            .to_owned(),
    )
}
