//! Child processes that end with their owner, and what the kernel counted for them.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::Figures;

/// Children that are killed when this is dropped.
pub(crate) struct Children(pub(crate) Vec<Child>);

impl Drop for Children {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Ports of the loopback that were free a moment ago.
pub(crate) fn free_ports(count: usize) -> Vec<u16> {
    let bound = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    let listeners: Vec<TcpListener> = bound.collect();
    let port = |listener: &TcpListener| listener.local_addr().expect("an address").port();
    listeners.iter().map(port).collect()
}

/// CPU time of all children, in clock ticks.
fn ticks(children: &Children) -> u64 {
    let mut sum = 0;
    for child in &children.0 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id()));
        let stat = stat.expect("a living child");
        // Fields 14 and 15, counted from 1; the name in field 2 may hold spaces but ends with ")".
        let fields: Vec<&str> = stat
            .rsplit_once(") ")
            .expect("a name")
            .1
            .split(' ')
            .collect();
        sum +=
            fields[11].parse::<u64>().expect("utime") + fields[12].parse::<u64>().expect("stime");
    }
    sum
}

/// Watches the children for `span`; `hops` reads how many hops there have been.
pub(crate) fn watch(
    children: &Children,
    span: Duration,
    strace: bool,
    hops: impl Fn() -> u64,
) -> Figures {
    let counter = strace.then(|| Strace::attach(children)).flatten();
    let before = ticks(children);
    let (first, begun) = (hops(), Instant::now());
    std::thread::sleep(span);
    let (last, took) = (hops(), begun.elapsed());
    let after = ticks(children);
    let calls = counter.and_then(Strace::count);
    let done = (last - first) as f64;
    assert!(done > 0.0, "nothing moved");
    // USER_HZ is 100 on every Linux that Rust runs on.
    let micros = (after - before) as f64 * 10_000.0;
    Figures {
        rate: done / took.as_secs_f64(),
        cpu: micros / done,
        // A hop needs one call at least: with less, strace did not watch all the time.
        calls: calls
            .map(|calls| calls as f64 / done)
            .filter(|&calls| calls >= 1.0),
    }
}

/// strace, counting the system calls of all children.
struct Strace {
    child: Child,
    summary: std::path::PathBuf,
}

impl Strace {
    fn attach(children: &Children) -> Option<Self> {
        let summary =
            std::env::temp_dir().join(format!("carom-bench-{}.strace", std::process::id()));
        let mut command = Command::new("strace");
        command.args(["-f", "-c", "-o"]).arg(&summary);
        for child in &children.0 {
            command.arg("-p").arg(child.id().to_string());
        }
        let mut child = command.stderr(Stdio::piped()).spawn().ok()?;
        // strace prints a line for every process it has attached to; only then are hops counted.
        let mut told = BufReader::new(child.stderr.take()?).lines();
        for _ in &children.0 {
            told.find(|line| line.as_ref().is_ok_and(|line| line.contains("attached")))?
                .ok()?;
        }
        Some(Self { child, summary })
    }

    /// `None` if strace printed no sum.
    fn count(mut self) -> Option<u64> {
        // An interrupt makes it detach and write its summary; a kill would lose it.
        let _ = Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status();
        let _ = self.child.wait();
        let text = std::fs::read_to_string(&self.summary).unwrap_or_default();
        let _ = std::fs::remove_file(&self.summary);
        let total = text
            .lines()
            .rev()
            .find(|line| line.trim_end().ends_with("total"));
        total?.split_whitespace().nth(3)?.parse().ok()
    }
}
