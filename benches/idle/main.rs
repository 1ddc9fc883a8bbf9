//! What a node costs at rest, by the size of its ring: one ball that stays ten seconds on each screen.
//!
//! `cargo bench --bench idle [-- --nodes 5,20,40,80 --seconds 10 --against OTHER_CAROM]`. Rings of both programs
//! are run in turn. Figures are of all threads of a node: CPU time as the scheduler counts it, and voluntary context
//! switches.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a benchmark ends with a panic where it cannot measure, prints, and times itself"
)]

use std::fmt::Write as _;
use std::fs::{read_dir, read_to_string};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// From the start of a ring until it is measured: then all links are open and the first election is over.
const SETTLES: Duration = Duration::from_secs(5);

/// So much more for each node: they all start at once.
const SETTLES_A_NODE: Duration = Duration::from_millis(100);

/// A daemon that is killed when this is dropped.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the kernel has counted for all threads of a process.
#[derive(Clone, Copy, Debug, Default)]
struct Usage {
    cpu_nanos: u64,
    switches: u64,
}

impl Usage {
    fn of(daemon: &Daemon) -> Self {
        let threads = format!("/proc/{}/task", daemon.0.id());
        let mut sum = Self::default();
        for thread in read_dir(threads).expect("a running daemon") {
            let thread = thread.expect("a thread").path();
            let spent = read_to_string(thread.join("schedstat")).expect("schedstat");
            let spent = spent.split(' ').next().expect("CPU time").parse::<u64>();
            sum.cpu_nanos += spent.expect("nanoseconds");
            let status = read_to_string(thread.join("status")).expect("status");
            let voluntary = status
                .lines()
                .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            sum.switches += voluntary
                .expect("switches")
                .trim()
                .parse::<u64>()
                .expect("a number");
        }
        sum
    }
}

/// One node's figures.
#[derive(Clone, Copy, Debug)]
struct Figures {
    /// In percent of one core.
    cpu: f64,
    /// A second.
    switches: f64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let sizes = value(&arguments, "--nodes").unwrap_or("5,20,40,80");
    let sizes = sizes
        .split(',')
        .map(|size| size.parse::<usize>().expect("--nodes takes numbers"));
    let seconds = value(&arguments, "--seconds").map_or(10, |text| text.parse().expect("seconds"));
    let mut programs = vec![("this", PathBuf::from(env!("CARGO_BIN_EXE_carom")))];
    if let Some(other) = value(&arguments, "--against") {
        programs.insert(0, ("other", other.into()));
    }
    println!(
        "a node at rest, all its threads, for {seconds} s; one ball, ten seconds a screen, lease 500 ms"
    );
    println!("nodes  carom  CPU % of a core: median  most  switches a second: median  most");
    for size in sizes {
        for (name, program) in &programs {
            let figures = measure(program, size, Duration::from_secs(seconds));
            let (cpu, most_cpu) = middle_and_most(figures.iter().map(|figures| figures.cpu));
            let switches = figures.iter().map(|figures| figures.switches);
            let (switches, most_switches) = middle_and_most(switches);
            println!(
                "{size:5}  {name:>5}  {cpu:23.3}  {most_cpu:.3}  {switches:25.1}  {most_switches:.1}"
            );
        }
    }
}

fn value<'a>(arguments: &'a [String], name: &str) -> Option<&'a str> {
    let index = arguments.iter().position(|argument| argument == name)?;
    arguments.get(index + 1).map(String::as_str)
}

fn middle_and_most(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.get(values.len() / 2).expect("a node");
    (*middle, *values.last().expect("a node"))
}

fn measure(program: &Path, nodes: usize, span: Duration) -> Vec<Figures> {
    let folder = std::env::temp_dir().join(format!("carom-idle-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("ring.toml");
    let (text, http) = ring(nodes);
    std::fs::write(&file, text).expect("a ring file");
    let daemons: Vec<Daemon> = (0..nodes)
        .map(|index| {
            let child = Command::new(program)
                .args(["run", "--node", &format!("n{index}"), "--config"])
                .arg(&file)
                .env("CAROM_LOG", "error")
                .stdin(Stdio::null())
                .spawn();
            Daemon(child.expect("a daemon"))
        })
        .collect();
    sleep(SETTLES + SETTLES_A_NODE * u32::try_from(nodes).expect("few nodes"));
    // What is not in a ring costs little, too.
    let status = async_io::block_on(carom::http::fetch_status("127.0.0.1", http));
    let status = status.expect("a status of the first node");
    assert!(
        status.balls.first().is_some_and(|ball| ball.hop.is_some()),
        "no node of {nodes} has had the ball"
    );
    let before: Vec<Usage> = daemons.iter().map(Usage::of).collect();
    let begun = Instant::now();
    sleep(span);
    let after: Vec<Usage> = daemons.iter().map(Usage::of).collect();
    let seconds = begun.elapsed().as_secs_f64();
    let _ = std::fs::remove_dir_all(&folder);
    before
        .iter()
        .zip(&after)
        .map(|(before, after)| Figures {
            cpu: (after.cpu_nanos - before.cpu_nanos) as f64 / seconds / 1e7,
            switches: (after.switches - before.switches) as f64 / seconds,
        })
        .collect()
}

/// The ring file, with ports of the loopback that were free a moment ago, and the HTTP port of the first node.
fn ring(nodes: usize) -> (String, u16) {
    let listeners: Vec<TcpListener> = (0..nodes * 4)
        .map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"))
        .collect();
    let ports: Vec<u16> = listeners
        .iter()
        .map(|listener| listener.local_addr().expect("an address").port())
        .collect();
    let mut text = format!("[ring]\nname = \"idle-{}\"\n", std::process::id());
    for (index, ports) in ports.chunks(4).enumerate() {
        let [ring, http, receiver, rate] = ports else {
            continue;
        };
        writeln!(
            text,
            "[[node]]\nname = \"n{index}\"\nhost = \"127.0.0.1\"\nports = {{ ring = {ring}, http = {http}, receiver = {receiver}, rate = {rate} }}"
        )
        .expect("a string takes all");
    }
    text.push_str(
        "[[ball]]\nstart = \"n0\"\nposition = [0, 300]\nvelocity = [240, 0]\ndwell = \"10s\"\n",
    );
    (text, *ports.get(1).expect("a node"))
}
