//! `carom ball`: asks the node of this machine for its balls, for one more, or for one less.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::failure::Failure;
use crate::clock;
use crate::control::{LONGEST_LINE, NewBall, Reply, Request, USUAL_PATH};
use crate::http::BallStatus;

/// How long the node has for an answer.
const PATIENCE: Duration = Duration::from_secs(6);

/// How long the ring has to agree to what was asked for, and how often to look.
const AGREEMENT: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// So often a removal is asked for again: the ball may have been on its way.
const AGAIN_EVERY: Duration = Duration::from_millis(500);

/// Lists the ring's balls, adds a guest or removes one, by the node of this machine
#[derive(Args)]
#[command(
    after_help = "Examples:\n  carom ball list\n  carom ball add --color 0,200,80 --velocity 300,90\n  carom ball remove 2\n\
    Who may: root, and members of the group carom, for the file of the socket says so."
)]
pub(super) struct Arguments {
    /// The socket of the node
    #[arg(long, value_name = "PATH", default_value = USUAL_PATH, global = true)]
    control: PathBuf,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Show every ball: who has it, and whether it is a guest or with a window
    List {
        /// Print them as JSON
        #[arg(long)]
        json: bool,
    },
    /// Let a new ball begin on this node's screen; it leaves after `guest-life`
    Add(Add),
    /// Let a guest leave, wherever it is
    Remove {
        /// Its number in the list
        ball: u32,
    },
}

#[derive(Args)]
struct Add {
    /// Red, green, blue, 0 to 255 each; any color unless it is given
    #[arg(long, value_name = "R,G,B", value_parser = color)]
    color: Option<[u8; 3]>,
    /// Pixels a second across and up
    #[arg(long, value_name = "X,Y", default_value = "240,130", value_parser = pair, allow_hyphen_values = true)]
    velocity: [f64; 2],
    /// Of its centre, from the lower left corner, in pixels
    #[arg(long, value_name = "X,Y", default_value = "100,300", value_parser = pair)]
    position: [f64; 2],
    /// In pixels
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

/// JSON has no infinity and no NaN.
fn finite<const N: usize>(text: &str) -> Option<[f64; N]> {
    numbers(text).filter(|numbers: &[f64; N]| numbers.iter().all(|number| number.is_finite()))
}

fn numbers<T: std::str::FromStr, const N: usize>(text: &str) -> Option<[T; N]> {
    let numbers = text.split(',').map(|number| number.trim().parse().ok());
    numbers.collect::<Option<Vec<T>>>()?.try_into().ok()
}

pub(super) fn ball(arguments: &Arguments) -> Result<(), Failure> {
    let mut node = Line::open(&arguments.control)?;
    match &arguments.verb {
        Verb::List { json } => list(&mut node, *json),
        Verb::Add(wanted) => add(&mut node, wanted),
        Verb::Remove { ball } => remove(&mut node, *ball),
    }
}

fn list(node: &mut Line, json: bool) -> Result<(), Failure> {
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
            place(ball)
        )?;
    }
    Ok(())
}

fn place(ball: &BallStatus) -> String {
    match &ball.loan {
        Some(loan) => format!("on loan to {} for {:.0} s", loan.window, loan.since_seconds),
        None if ball.here => "here".to_owned(),
        None if ball.frozen => "here, standing still: no majority answers".to_owned(),
        None => format!("heard of {:.1} s ago", ball.age_seconds),
    }
}

fn add(node: &mut Line, wanted: &Add) -> Result<(), Failure> {
    let before: Vec<u32> = node.balls()?.iter().map(|ball| ball.ball).collect();
    let color = wanted.color.unwrap_or_else(|| {
        let shade = || fastrand::u8(40..=255);
        [shade(), shade(), shade()]
    });
    node.asked(&Request::Add(NewBall {
        position: wanted.position,
        velocity: wanted.velocity,
        radius: wanted.radius,
        color,
    }))?;
    let came = node.wait_for(|balls| {
        let mut new = balls.iter().filter(|ball| !before.contains(&ball.ball));
        new.find(|ball| ball.guest && ball.color == color)
            .map(|ball| ball.ball)
    })?;
    match came {
        Some(ball) => {
            writeln!(io::stdout(), "ball {ball} has begun here")?;
            Ok(())
        }
        None => Err(Failure::Run(
            "the ring did not agree to another ball: the log of this node says why".to_owned(),
        )),
    }
}

fn remove(node: &mut Line, wanted: u32) -> Result<(), Failure> {
    let request = Request::Remove { ball: wanted };
    node.asked(&request)?;
    let mut asked = clock::now();
    let began = asked;
    while clock::now().since(began) < AGREEMENT {
        if !node.balls()?.iter().any(|ball| ball.ball == wanted) {
            writeln!(io::stdout(), "ball {wanted} has left")?;
            return Ok(());
        }
        if clock::now().since(asked) >= AGAIN_EVERY {
            // It may have left since the list was made: the next list tells.
            let _ = node.ask(&request)?;
            asked = clock::now();
        }
        sleep(LOOK_EVERY);
    }
    Err(Failure::Run(format!(
        "ball {wanted} is still there: while no majority answers, or a window has it, it cannot leave; try again"
    )))
}

/// The conversation with the node.
struct Line {
    reader: BufReader<UnixStream>,
}

impl Line {
    fn open(path: &std::path::Path) -> Result<Self, Failure> {
        let opened = || -> io::Result<Self> {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
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

    fn ask(&mut self, request: &Request) -> Result<Reply, Failure> {
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

    fn asked(&mut self, request: &Request) -> Result<(), Failure> {
        match self.ask(request)? {
            Reply::Asked => Ok(()),
            Reply::Refused(why) => Err(Failure::Run(why)),
            Reply::Balls(_) => Err(unexpected()),
        }
    }

    fn balls(&mut self) -> Result<Vec<BallStatus>, Failure> {
        match self.ask(&Request::List)? {
            Reply::Balls(balls) => Ok(balls),
            Reply::Refused(why) => Err(Failure::Run(why)),
            Reply::Asked => Err(unexpected()),
        }
    }

    fn wait_for<T>(
        &mut self,
        mut found: impl FnMut(&[BallStatus]) -> Option<T>,
    ) -> Result<Option<T>, Failure> {
        let began = clock::now();
        while clock::now().since(began) < AGREEMENT {
            if let Some(found) = found(&self.balls()?) {
                return Ok(Some(found));
            }
            sleep(LOOK_EVERY);
        }
        Ok(None)
    }
}

fn unexpected() -> Failure {
    Failure::Run(
        "the node answered something else than was asked: run the same carom on both sides"
            .to_owned(),
    )
}
