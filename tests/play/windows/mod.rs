//! Windows in the ring: real daemons, and ball programs in Python and Java between them.

mod commands;
mod ends;
mod garbage;
mod guests;
mod laps;
mod lost;
#[allow(dead_code, reason = "tests/window uses the rest")]
#[path = "../../window/program.rs"]
mod program;

use std::time::Duration;

use serde_json::Value;

use crate::harness::{Cluster, Observed, Plan, Show, wait_for};
use program::{Program, Running, python};

/// The ball of the plan as it reads on the wire: radius and color.
const LOOK: &str = "30,255,64,0";

/// Three nodes, and a window between the last and the first.
fn three_and_a_window(dwell: Duration) -> Plan {
    Plan {
        nodes: 3,
        windows: &[3],
        ..Plan::five(dwell)
    }
}

/// A ring and the windows in it, in their order.
struct Stage {
    ring: Cluster,
    windows: Vec<Running>,
}

impl Stage {
    /// Starts a window of that program wherever there is one, then the nodes.
    fn play(plan: Plan, program: &Program, options: &[(&str, &str)]) -> Self {
        let mut stage = Self {
            ring: Cluster::lay(plan),
            windows: Vec::new(),
        };
        for _ in plan.windows {
            stage.open(program, options);
        }
        stage.ring.raise();
        stage.ring.wait_until_whole(Duration::from_secs(5));
        stage
    }

    /// Starts the next window.
    fn open(&mut self, program: &Program, options: &[(&str, &str)]) {
        let mut all = neighbours(&self.ring, self.windows.len());
        let more = options.iter();
        all.extend(more.map(|&(name, value)| (name, value.to_owned())));
        self.windows.push(program.start(&all));
    }

    /// How many lines with that word the window has printed about balls of that look.
    fn count(&self, window: usize, word: &str, look: &str) -> usize {
        let lines = self.windows[window].lines();
        let told = lines.iter().filter_map(|line| Told::parse(line));
        told.filter(|told| told.word == word && told.look == look)
            .count()
    }

    /// Waits until the window has taken that many balls of the plan's look.
    fn wait_for_in(&self, window: usize, count: usize) {
        wait_for(Duration::from_secs(10), "the window to take a ball", || {
            (self.count(window, "in", LOOK) >= count).then_some(())
        });
    }

    /// Ends the windows; what they had of balls of that look, and all that the LEDs showed.
    fn end(&mut self, look: &str) -> (Vec<Vec<Show>>, Observed) {
        let logs: Vec<_> = self.windows.drain(..).map(Running::stop).collect();
        let shows = logs.iter().map(|log| shows(log, look)).collect();
        (shows, self.ring.assert_one_ball())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for window in &self.windows {
                let lines = window.lines();
                println!("--- the last lines of a window");
                for line in lines.iter().rev().take(30).rev() {
                    println!("{line}");
                }
            }
        }
    }
}

/// Where the window listens, and where its neighbours do.
fn neighbours(ring: &Cluster, window: usize) -> Vec<(&'static str, String)> {
    let [left, right] = ring.windows[window];
    let (nodes, before) = (ring.plan.nodes, ring.plan.windows[window]);
    let is_ring = ring.plan.shape == "ring";
    let mut options = vec![
        ("--listen-left", left.to_string()),
        ("--listen-right", right.to_string()),
    ];
    let address = |port: u16| format!("127.0.0.1:{port}");
    if is_ring || before > 0 {
        let node = (before + nodes - 1) % nodes;
        options.push(("--left", address(ring.ports[node].window_right)));
    }
    if is_ring || before < nodes {
        let node = before % nodes;
        options.push(("--right", address(ring.ports[node].window_left)));
    }
    options
}

/// A line of a window about a ball: `NANOSECONDS WORD SIDE x,y,dx,dy,radius,r,g,b`.
struct Told<'a> {
    at: u64,
    word: &'a str,
    look: &'a str,
}

impl<'a> Told<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut fields = line.splitn(4, ' ');
        let at = fields.next()?.parse().ok()?;
        let (word, _side, ball) = (fields.next()?, fields.next()?, fields.next()?);
        // A refusal tells why instead of what: there is one ball at a time that it can be about.
        let look = ball.splitn(5, ',').nth(4).unwrap_or_default();
        Some(Self { at, word, look })
    }
}

/// From when until when a window had a ball of that look; `u64::MAX` if it still has it.
///
/// It says `in` after it has read the ball, so after the LED of the lender went off, however late
/// its process comes to say so. It says `send` before it connects, so before any LED can go on, and
/// `out` at any time after that. So what is counted is from `in` to `send`, less than the window
/// had the ball by two writes, and no LED may be on in it for even a nanosecond.
fn shows(log: &[String], look: &str) -> Vec<Show> {
    let mut shows: Vec<Show> = Vec::new();
    let mut sent = None;
    for told in log.iter().filter_map(|line| Told::parse(line)) {
        let mut open = shows.iter_mut().filter(|show| show.until == u64::MAX);
        match told.word {
            "in" | "serve" if told.look == look => shows.push(Show {
                from: told.at,
                until: u64::MAX,
            }),
            "send" if told.look == look => {
                open.next().expect("it sends what it has").until = told.at;
                sent = Some(told.at);
            }
            "out" if told.look == look => sent = None,
            // Nobody took it, or it was sent to nobody.
            "bounce" if told.look == look => {
                let mut last = shows.iter_mut().filter(|show| Some(show.until) == sent);
                if let Some(show) = last.next() {
                    show.until = u64::MAX;
                }
            }
            _ => {}
        }
    }
    shows
}

/// Every two windows, or one, that had the ball twice at once.
fn had_twice(shows: &[Show]) -> Vec<String> {
    let mut sorted = shows.to_vec();
    sorted.sort_by_key(|show| show.from);
    let pairs = sorted
        .windows(2)
        .filter(|pair| pair[1].from < pair[0].until);
    pairs.map(|pair| format!("{pair:?}")).collect()
}

/// What that node says of the ball of the ring file.
fn first_ball(ring: &Cluster, node: usize) -> Value {
    ring.status(node).expect("a node that answers")["balls"][0].clone()
}

/// How many lines of the nodes' logs contain that.
fn logged(ring: &Cluster, words: &str) -> usize {
    let logs = (0..ring.plan.nodes).map(|node| ring.log(node));
    logs.map(|log| log.lines().filter(|line| line.contains(words)).count())
        .sum()
}

/// A ball from anyone, as the simplest program sends it.
fn throw(port: u16, ball: &[u8]) {
    use std::io::{Read as _, Write as _};
    let address = ([127, 0, 0, 1], port).into();
    let limit = Duration::from_secs(2);
    let mut stream = std::net::TcpStream::connect_timeout(&address, limit).unwrap();
    stream.set_read_timeout(Some(limit)).unwrap();
    stream.set_write_timeout(Some(limit)).unwrap();
    // The node may have heard enough before the end.
    let _ = stream.write_all(ball);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let _ = stream.read(&mut [0]);
}

#[test]
fn a_window_has_the_ball_from_in_to_send_and_on_if_nobody_took_it() {
    let log = [
        "10 in left 0,1,2,3,30,255,64,0",
        "20 send right 0,1,2,3,30,255,64,0",
        "21 out right 0,1,2,3,30,255,64,0",
        "25 in left 0,1,2,3,30,1,2,3",
        "30 in left 0,1,2,3,30,255,64,0",
        "40 send right 0,1,2,3,30,255,64,0",
        "41 refused right [Errno 111] Connection refused",
        "42 bounce right 0,1,-2,3,30,255,64,0",
        "50 send left 0,1,-2,3,30,255,64,0",
        "51 out left 0,1,-2,3,30,255,64,0",
        "60 in left 0,1,2,3,30,255,64,0",
        "70 bounce right 0,1,-2,3,30,255,64,0",
    ]
    .map(str::to_owned);
    let show = |from, until| Show { from, until };
    assert_eq!(
        shows(&log, LOOK),
        [show(10, 20), show(30, 50), show(60, u64::MAX)]
    );
    assert_eq!(had_twice(&[show(10, 20), show(20, 30)]).len(), 0);
    assert_eq!(had_twice(&[show(20, 30), show(10, 21)]).len(), 1);
}
