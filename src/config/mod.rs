//! The ring file: what it says, and everything that is wrong with it.
//!
//! [`Config::load`] lays four layers over each other, later wins: built-in defaults, the file,
//! the environment (`CAROM_RING__LEASE=1s`), flags. Nothing is turned into anything else: a port
//! in quotes is refused. Every fault is reported in one run, with its place and what to do.
//!
//! Architecture invariant: once the file and the environment are read, nothing here does I/O.

mod check;
mod duration;
mod fault;
mod layers;
mod led;
mod partial;
mod read;
mod schema;
mod span;
mod suggest;
mod syntax;
mod table;
mod value;
mod warn;
mod window;

use std::fs::File;
use std::io::Read as _;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use crate::ring::ball::{BallState, Direction};
use crate::ring::topology::{InitialBall, NodeId, OnPartition, Screen, Shape, Topology};
use crate::ring::window_chain::{self, ExternalBallPolicy};

pub use crate::led::LedConfig;
pub use fault::{Fault, Faults, Location, MOST_FAULTS};
pub use layers::Overrides;
pub use warn::Warning;
pub use window::{WindowChainConfig, WindowConfig};

/// A ring file may be this long, in bytes.
pub const LONGEST_FILE: u64 = 1024 * 1024;

/// A ring without faults.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `[ring]`
    pub ring: RingConfig,
    /// Every node's screen.
    pub screen: Screen,
    /// The ports of nodes that set none of their own.
    pub ports: Ports,
    /// The nodes that run carom, in ring order; at least one, no two with one name.
    pub nodes: Vec<NodeConfig>,
    /// Where windows stand; no two with the same neighbours.
    pub window_chains: Vec<WindowChainConfig>,
    /// The balls in the order of the file; may be empty.
    pub balls: Vec<BallConfig>,
}

/// `[ring]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingConfig {
    /// The ring's name.
    pub name: String,
    /// What is beyond the ends.
    pub shape: Shape,
    /// How long a silent holder keeps a ball; from 50 ms to 60 s.
    pub lease: Duration,
    /// What a minority does.
    pub on_partition: OnPartition,
    /// Loans to windows, and guests.
    pub external_balls: ExternalBallPolicy,
}

/// A node's TCP ports; never 0, no two the same on one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// For the other nodes.
    pub ring: u16,
    /// For messages.
    pub receiver: u16,
    /// For measurements.
    pub rate: u16,
    /// For the page and the status.
    pub http: u16,
    /// For balls from a window on the left; listened on only where there is one.
    pub window_left: u16,
    /// For balls from a window on the right; listened on only where there is one.
    pub window_right: u16,
}

/// One `[[node]]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeConfig {
    /// Its name: 1 to 63 ASCII letters, digits, `.`, `_`, `-`, the first a letter or a digit.
    pub name: String,
    /// The name or address at which the others reach it; never begins with a dash.
    pub host: String,
    /// What to hand to `ssh`; the host unless the file says otherwise; never begins with a dash.
    pub ssh: String,
    /// The address to listen on, if it is not to be found out from the host.
    pub listen: Option<IpAddr>,
    /// What lights while a ball is here.
    pub led: LedConfig,
    /// Its ports, those of `[ports]` filled in.
    pub ports: Ports,
}

/// One `[[ball]]`. Lengths in pixels, y upwards.
#[derive(Clone, Debug, PartialEq)]
pub struct BallConfig {
    /// The name of the node it starts at.
    pub start: String,
    /// Of the centre, from the lower left corner; on the screen.
    pub position: [f64; 2],
    /// In pixels a second; x is never 0.
    pub velocity: [f64; 2],
    /// Under half of the screen's shorter side.
    pub radius: f64,
    /// Red, green, blue.
    pub color: [u8; 3],
    /// How long it stays on each screen; then x of the velocity only says which way it flies.
    pub dwell: Option<Duration>,
}

impl Config {
    /// Reads the file, lays the environment and the flags over it, and checks the result.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, at once; only a file that cannot be read, is no UTF-8 text,
    /// is longer than [`LONGEST_FILE`] or is no TOML hides the faults behind that one.
    pub fn load(path: &Path, overrides: &Overrides) -> Result<Self, Faults> {
        let file = path.to_string_lossy();
        let text = read_text(path).map_err(|sentence| Faults::of_file(&file, sentence))?;
        // A value that is no text cannot be right either; it is refused as whatever it looks like.
        let environment: Vec<_> = std::env::vars_os()
            .map(|(name, value)| (lossy(&name), lossy(&value)))
            .collect();
        Self::parse(&file, &text, &environment, overrides)
    }

    /// What [`Config::load`] does once everything is read: `file` only names it in faults.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, at once.
    pub fn parse(
        file: &str,
        text: &str,
        environment: &[(String, String)],
        overrides: &Overrides,
    ) -> Result<Self, Faults> {
        // Editors on some systems begin a file with a mark that is no part of the text.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut report = span::Report::new(span::SourceMap::new(file, text));
        let Some(values) = layers::file(text, &mut report) else {
            return Err(report.into_faults());
        };
        // The file on its own first: what a later layer hides must be right all the same.
        report.lenient = true;
        read::refuse_unknown_sections(&values, &mut report);
        read::read(&values, &mut report);
        report.lenient = false;

        let environment = layers::environment(environment, &mut report);
        let flags = layers::flags(overrides, &mut report);
        let values = layers::lay(&values, environment, flags).map_err(|error| {
            Faults::of_file(file, format!("the layers do not fit together: {error}"))
        })?;
        let partial = read::read(&values, &mut report);
        check::check(&partial, &mut report);
        if !report.is_clean() {
            return Err(report.into_faults());
        }
        let unread = || Faults::of_file(file, "cannot be read, and nobody said why".to_owned());
        partial.complete().ok_or_else(unread)
    }

    /// What all nodes must agree on: no hosts, no ports, no LEDs.
    pub fn topology(&self) -> Topology {
        let names = self.nodes.iter().map(|node| node.name.clone());
        Topology {
            ring: self.ring.name.clone(),
            nodes: names.collect(),
            shape: self.ring.shape,
            lease: self.ring.lease,
            on_partition: self.ring.on_partition,
            screen: self.screen,
            balls: self.balls.iter().map(|ball| self.serve(ball)).collect(),
            window_chains: self.window_chains.iter().map(Self::gap).collect(),
            external_balls: self.ring.external_balls,
        }
    }

    /// The window that a ball comes to which leaves `node` in that direction, if it comes to one.
    pub fn window(&self, node: NodeId, direction: Direction) -> Option<&WindowConfig> {
        let before = |gap: &&WindowChainConfig| gap.before(direction) == Some(node);
        self.window_chains.iter().find(before)?.first(direction)
    }

    /// What is allowed but may surprise, one sentence each.
    pub fn warnings(&self) -> Vec<Warning> {
        warn::warnings(self)
    }

    fn gap(gap: &WindowChainConfig) -> window_chain::WindowChain {
        let windows = gap.windows.iter().map(|window| window_chain::Window {
            name: window.name.clone(),
            screen: window.screen,
        });
        window_chain::WindowChain {
            left: gap.left,
            right: gap.right,
            windows: windows.collect(),
        }
    }

    fn serve(&self, ball: &BallConfig) -> InitialBall {
        let start = self.nodes.iter().position(|node| node.name == ball.start);
        let start = start.and_then(|index| u8::try_from(index).ok());
        let [across, up] = ball.velocity;
        let across = ball
            .dwell
            .map_or(across, |dwell| self.speed(dwell).copysign(across));
        InitialBall {
            start: NodeId(start.unwrap_or_default()),
            state: BallState {
                position: ball.position,
                velocity: [across, up],
                radius: ball.radius,
                color: ball.color,
            },
        }
    }

    /// How fast a ball crosses the screen in that time, in pixels a second.
    fn speed(&self, dwell: Duration) -> f64 {
        // In under a microsecond it leaves at once: see `ring::motion::time_to_edge`.
        const AT_ONCE: f64 = 1e-7;
        self.screen.width / dwell.as_secs_f64().max(AT_ONCE)
    }
}

/// Reads a span as the ring file writes it, such as `500ms`, `10s` or `2m`.
///
/// # Errors
///
/// A sentence that says how to write it.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    duration::parse(text)
        .ok_or_else(|| "write a whole number and its unit, such as 500ms, 10s or 2m".to_owned())
}

fn lossy(text: &std::ffi::OsStr) -> String {
    text.to_string_lossy().into_owned()
}

/// The file's text, or why there is none.
fn read_text(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let file = File::open(path);
    let read = file.and_then(|file| file.take(LONGEST_FILE + 1).read_to_end(&mut bytes));
    read.map_err(|error| format!("cannot be read: {error}"))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > LONGEST_FILE) {
        return Err("is longer than 1 MiB, so it is no ring file: check the path".to_owned());
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = error.as_bytes().get(..valid).unwrap_or_default();
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        format!("is not UTF-8 text, first in line {line}: save it as UTF-8")
    })
}
