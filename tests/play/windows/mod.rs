//! Windows in the ring: real daemons, and ball programs in Python and Java between them.

mod commands;
mod failures;
mod garbage;
mod guests;
mod laps;
#[allow(dead_code, reason = "tests/window uses the rest")]
#[path = "../../window/program.rs"]
mod program;
mod row;

use std::time::Duration;

use serde_json::Value;

use crate::harness::{Cluster, Observed, Plan, WindowSpan, wait_for};
use program::{Program, Running, python};

/// The appearance of the plan's ball in a window's format: radius and color.
const LOOK: &str = "30,255,64,0";

/// Three nodes, and a window between the last one and the first.
fn three_and_a_window(dwell: Duration) -> Plan {
    Plan {
        nodes: 3,
        windows: &[3],
        ..Plan::five(dwell)
    }
}

/// A ring and the windows in it, in their order.
struct Testbed {
    ring: Cluster,
    windows: Vec<Running>,
}

impl Testbed {
    /// Starts a window of that program wherever there is one, then the nodes.
    fn play(plan: Plan, program: &Program, options: &[(&str, &str)]) -> Self {
        let mut testbed = Self {
            ring: Cluster::prepare(plan),
            windows: Vec::new(),
        };
        for _ in plan.windows {
            testbed.open(program, options);
        }
        testbed.ring.start_all();
        testbed.ring.wait_until_whole(Duration::from_secs(5));
        testbed
    }

    /// Starts the next window.
    fn open(&mut self, program: &Program, options: &[(&str, &str)]) {
        let mut all = neighbours(&self.ring, self.windows.len());
        let more = options.iter();
        all.extend(more.map(|&(name, value)| (name, value.to_owned())));
        self.windows.push(program.start(&all));
    }

    /// How many lines with that word the window has printed about balls of that appearance.
    fn count(&self, window: usize, word: &str, look: &str) -> usize {
        let lines = self.windows[window].lines();
        let told = lines.iter().filter_map(|line| WindowLine::parse(line));
        told.filter(|told| told.word == word && told.look == look)
            .count()
    }

    /// Waits until the window has taken that many balls of the plan's appearance.
    fn wait_for_in(&self, window: usize, count: usize) {
        wait_for(Duration::from_secs(10), "the window to take a ball", || {
            (self.count(window, "in", LOOK) >= count).then_some(())
        });
    }

    /// Ends the windows; returns when each had a ball of that appearance, and what the LEDs showed.
    fn end(&mut self, look: &str) -> (Vec<Vec<WindowSpan>>, Observed) {
        let logs: Vec<_> = self.windows.drain(..).map(Running::stop).collect();
        let shows = logs.iter().map(|log| shows(log, look)).collect();
        (shows, self.ring.assert_one_ball())
    }
}

impl Drop for Testbed {
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

/// The options of a window: where it listens, and where its neighbours listen.
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
struct WindowLine<'a> {
    at: u64,
    word: &'a str,
    look: &'a str,
}

impl<'a> WindowLine<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut fields = line.splitn(4, ' ');
        let at = fields.next()?.parse().ok()?;
        let (word, _side, ball) = (fields.next()?, fields.next()?, fields.next()?);
        // A refusal contains a reason instead of the ball.
        let look = ball.splitn(5, ',').nth(4).unwrap_or_default();
        Some(Self { at, word, look })
    }
}

/// The spans during which a window had a ball of that appearance; `u64::MAX` if it still has it.
///
/// The window prints `in` after it has read the ball, and so after the lender's LED went off. It
/// prints `send` before it connects, and so before any LED can go on, and `out` at any time later.
/// A span from `in` to `send` is therefore never longer than the true one, and no LED may be on
/// during it.
fn shows(log: &[String], look: &str) -> Vec<WindowSpan> {
    let mut shows: Vec<WindowSpan> = Vec::new();
    let mut sent = None;
    for told in log.iter().filter_map(|line| WindowLine::parse(line)) {
        let mut open = shows.iter_mut().filter(|show| show.until == u64::MAX);
        match told.word {
            "in" | "serve" if told.look == look => shows.push(WindowSpan {
                from: told.at,
                until: u64::MAX,
            }),
            "send" if told.look == look => {
                open.next().expect("it sends what it has").until = told.at;
                sent = Some(told.at);
            }
            "out" if told.look == look => sent = None,
            // Nobody took it, or there was nobody to send it to.
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

/// Every two spans that overlap: the ball was with windows twice at once.
fn had_twice(shows: &[WindowSpan]) -> Vec<String> {
    let mut sorted = shows.to_vec();
    sorted.sort_by_key(|show| show.from);
    let pairs = sorted
        .windows(2)
        .filter(|pair| pair[1].from < pair[0].until);
    pairs.map(|pair| format!("{pair:?}")).collect()
}

/// The ball of the ring file as that node reports it.
fn first_ball(ring: &Cluster, node: usize) -> Value {
    ring.status(node).expect("a node that answers")["balls"][0].clone()
}

/// Sends a ball as the simplest program would.
fn send_ball(port: u16, ball: &[u8]) {
    use std::io::{Read as _, Write as _};
    let address = ([127, 0, 0, 1], port).into();
    let limit = Duration::from_secs(2);
    let mut stream = std::net::TcpStream::connect_timeout(&address, limit).unwrap();
    stream.set_read_timeout(Some(limit)).unwrap();
    stream.set_write_timeout(Some(limit)).unwrap();
    // The node may close the connection before the end.
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
    let show = |from, until| WindowSpan { from, until };
    assert_eq!(
        shows(&log, LOOK),
        [show(10, 20), show(30, 50), show(60, u64::MAX)]
    );
    assert_eq!(had_twice(&[show(10, 20), show(20, 30)]).len(), 0);
    assert_eq!(had_twice(&[show(20, 30), show(10, 21)]).len(), 1);
}
