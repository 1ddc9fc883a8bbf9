//! The ring under test: seven real daemons, the interventions, and what their LEDs showed.

use std::fs::{File, read_to_string};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::harness::{Intervention, LedChange, Process, get_from, nanos, now, wait_for};
use super::testbed::{Testbed, address};

/// How many nodes there are, unless the command line says otherwise.
const USUAL_NODES: usize = 7;

/// The lease, unless the command line says otherwise.
const USUAL_LEASE: Duration = Duration::from_millis(250);

/// In a ring of more nodes, a node hears only its two neighbours on each side often.
const MOST_ALL_NEAR: usize = 7;

static NODES: OnceLock<usize> = OnceLock::new();

/// Sets how many nodes there are; before the first call of [`nodes`].
pub(crate) fn set_nodes(count: usize) {
    let _ = NODES.set(count);
}

/// How many nodes there are.
pub(crate) fn nodes() -> usize {
    *NODES.get_or_init(|| USUAL_NODES)
}

/// Whether that node votes: seven do, spread as the ring file has it by default.
pub(crate) fn votes(node: usize) -> bool {
    let voters = nodes().min(USUAL_NODES);
    (0..voters).any(|voter| voter * nodes() / voters == node)
}

static LEASE: OnceLock<Duration> = OnceLock::new();

/// Sets the lease; before the first call of [`lease`].
pub(crate) fn set_lease(lease: Duration) {
    let _ = LEASE.set(lease);
}

/// The lease of the ring.
pub(crate) fn lease() -> Duration {
    *LEASE.get_or_init(|| USUAL_LEASE)
}

/// The daemons.
pub(crate) struct Ring {
    pub(crate) testbed: Testbed,
    /// How long the ball stays on each screen, in milliseconds.
    pub(crate) dwell: u64,
    file: PathBuf,
    processes: Vec<Option<Process>>,
    tails: Vec<Tail>,
    interventions: Vec<Intervention>,
    lines: Vec<LedChange>,
    /// What is wrong whatever the fault was.
    pub(crate) wrong: Vec<String>,
}

/// One trace, as far as it has been read.
#[derive(Default)]
struct Tail {
    read: u64,
    /// Its `on` that has no `off` yet.
    shown: Option<LedChange>,
    /// Its trace cannot be written.
    blind: bool,
    /// Its trace could not be written, and nothing has been read since.
    was_blind: bool,
}

impl Ring {
    /// Starts all nodes.
    pub(crate) fn start(testbed: Testbed, dwell: u64) -> Self {
        let mut ring = Self {
            dwell,
            file: PathBuf::new(),
            testbed,
            processes: (0..nodes()).map(|_| None).collect(),
            tails: Vec::new(),
            interventions: Vec::new(),
            lines: Vec::new(),
            wrong: Vec::new(),
        };
        ring.begin(dwell);
        ring
    }

    /// Ends all nodes, resets all state, and starts them with another ball.
    pub(crate) fn begin(&mut self, dwell: u64) {
        let lease = u64::try_from(lease().as_millis()).unwrap();
        self.dwell = dwell;
        self.processes.fill_with(|| None);
        for node in 0..nodes() {
            self.testbed.clear_trace(node);
        }
        self.tails = (0..nodes()).map(|_| Tail::default()).collect();
        self.interventions.clear();
        self.lines.clear();
        self.file = self.testbed.ring_file(lease, dwell);
        for node in 0..nodes() {
            self.spawn(node);
        }
    }

    pub(crate) fn spawn(&mut self, node: usize) -> u64 {
        let before = now();
        let process = Process::spawn(self.command(node), &self.testbed.log(node));
        self.processes[node] = Some(process);
        before
    }

    /// Starts that node with this as its standard error.
    pub(crate) fn spawn_logging_to(&mut self, node: usize, stderr: Stdio) {
        let process = Process::spawn_logging_to(self.command(node), stderr);
        self.processes[node] = Some(process);
    }

    fn command(&self, node: usize) -> Command {
        let (file, name) = (self.file.to_str().unwrap(), format!("pi{}", node + 1));
        let arguments = ["run", "--config", file, "--node", &name];
        self.testbed.carom(node, &arguments)
    }

    fn process(&mut self, node: usize) -> &mut Process {
        self.processes[node].as_mut().unwrap()
    }

    /// Kills these nodes; returns the moment before.
    pub(crate) fn kill(&mut self, nodes: &[usize]) -> u64 {
        let first = now();
        for &node in nodes {
            let span = self.process(node).kill();
            self.on_killed(node, span);
        }
        self.poll();
        for &node in nodes {
            self.tails[node].shown = None;
        }
        first
    }

    fn on_killed(&mut self, node: usize, (before, gone): (u64, u64)) {
        self.processes[node] = None;
        self.interventions
            .push(Intervention::Killed { node, before, gone });
    }

    /// Waits until something else has killed that node; `false` if nothing does.
    pub(crate) fn await_kill(&mut self, node: usize, limit: Duration) -> bool {
        let span = self.process(node).await_kill(limit);
        if let Some(span) = span {
            self.on_killed(node, span);
            self.poll();
            self.tails[node].shown = None;
        }
        span.is_some()
    }

    /// Sends SIGTERM to that node and waits for its end; returns the moment before.
    pub(crate) fn terminate(&mut self, node: usize) -> u64 {
        let process = self.process(node);
        let before = process.terminate();
        let status = process.wait_for_end(Duration::from_secs(3));
        self.processes[node] = None;
        if !status.success() {
            let sentence = format!("pi{} ended with {status} after SIGTERM", node + 1);
            self.wrong.push(sentence);
        }
        before
    }

    /// Stops that node with SIGSTOP; returns the moment before.
    pub(crate) fn stop(&mut self, node: usize) -> u64 {
        let from = self.process(node).stop();
        let until = u64::MAX;
        self.interventions
            .push(Intervention::Stopped { node, from, until });
        from
    }

    pub(crate) fn resume(&mut self, node: usize) -> u64 {
        let moment = self.process(node).resume();
        Intervention::on_resumed(&mut self.interventions, node, moment);
        moment
    }

    /// The daemon of that node: its process id.
    pub(crate) fn daemon(&mut self, node: usize) -> u32 {
        self.process(node).id()
    }

    /// The LED keeper of that node: its process id.
    pub(crate) fn keeper(&mut self, node: usize) -> u32 {
        wait_for(Duration::from_secs(3), "an LED keeper", || {
            self.keeper_now(node)
        })
    }

    /// The same, if it has one now.
    pub(crate) fn keeper_now(&mut self, node: usize) -> Option<u32> {
        self.processes[node].as_ref()?.keeper()
    }

    /// Sends a signal to that process, if it has not ended.
    pub(crate) fn signal(&self, process: u32, what: Signal) {
        let process = i32::try_from(process).ok().and_then(Pid::from_raw);
        // Fails only where it has ended already.
        let _ = kill_process(process.unwrap(), what);
    }

    /// The LED changes since the last [`Self::take`].
    pub(crate) fn seen(&self) -> &[LedChange] {
        &self.lines
    }

    /// From now on the LED of that node cannot be seen.
    pub(crate) fn blind(&mut self, node: usize) {
        self.poll();
        let tail = &mut self.tails[node];
        tail.blind = true;
        if let Some(line) = tail.shown.take() {
            // This is the last that is known of it.
            let (at, on) = (now(), false);
            self.lines.push(LedChange { at, on, ..line });
        }
    }

    /// Its LED can be seen again, from its next `on`.
    pub(crate) fn unblind(&mut self, node: usize) {
        self.poll();
        self.tails[node].blind = false;
        self.tails[node].was_blind = true;
    }

    /// Reads what the LEDs have traced since the last time.
    pub(crate) fn poll(&mut self) {
        for node in 0..nodes() {
            for text in self.tails[node].new_lines(&self.testbed, node) {
                self.on_trace_line(node, &text);
            }
        }
    }

    fn on_trace_line(&mut self, node: usize, text: &str) {
        let tail = &mut self.tails[node];
        if text.starts_with('#') || tail.blind {
            return;
        }
        let Some(line) = LedChange::parse(text).filter(|line| line.node == node) else {
            let sentence = format!("pi{} traced {text:?}", node + 1);
            return self.wrong.push(sentence);
        };
        let unseen = !line.on && tail.shown.is_none() && tail.was_blind;
        tail.was_blind = false;
        tail.shown = line.on.then(|| line.clone());
        if !unseen {
            self.lines.push(line);
        }
    }

    /// The nodes whose LEDs are on now.
    pub(crate) fn lit(&self) -> Vec<usize> {
        let shown = |node: &usize| self.tails[*node].shown.is_some();
        (0..nodes()).filter(shown).collect()
    }

    /// The LED changes and interventions since the last call, with the LEDs that were on already.
    pub(crate) fn take(&mut self) -> (Vec<LedChange>, Vec<Intervention>) {
        self.poll();
        let lit = self.tails.iter().filter_map(|tail| tail.shown.clone());
        let lit = lit.collect();
        let mut lines = std::mem::replace(&mut self.lines, lit);
        lines.sort_by_key(|line| line.at);
        (lines, std::mem::take(&mut self.interventions))
    }

    /// Waits until the ball has just come to a node; returns that node and the one before it.
    pub(crate) fn wait_for_arrival(&mut self) -> (usize, Option<usize>) {
        self.poll();
        let seen = self.lines.len();
        wait_for(Duration::from_secs(5), "the ball to arrive", || {
            self.poll();
            let on = self.lines[seen..].iter().rfind(|line| line.on)?;
            let node = on.node;
            let mut before = self.lines.iter().rev().filter(|line| line.node != node);
            (self.lit() == [node]).then(|| (node, before.next().map(|line| line.node)))
        })
    }

    /// The `/status` of that node, if it answers.
    pub(crate) fn status(&self, node: usize) -> Option<Value> {
        let (code, body) = get_from(address(node), "/status").ok()?;
        (code == 200).then(|| serde_json::from_str(&body).ok())?
    }

    /// The nodes that do not have a working link to all others; in a large ring, to their two neighbours on each side.
    fn apart(&self) -> Vec<String> {
        let whole = |node: usize| {
            self.status(node).is_some_and(|status| {
                let others = status["nodes"].as_array().cloned().unwrap_or_default();
                let is_whole = |(other, view): (usize, &Value)| {
                    let apart = (other + nodes() - node) % nodes();
                    let is_near = nodes() <= MOST_ALL_NEAR || apart <= 2 || apart >= nodes() - 2;
                    view["state"] == "up" || !is_near && view["state"] == "unknown"
                };
                status["condition"] == "in-ring" && others.iter().enumerate().all(is_whole)
            })
        };
        let apart = (0..nodes()).filter(|&node| !whole(node));
        apart.map(|node| format!("pi{}", node + 1)).collect()
    }

    /// Waits until all nodes see one another and one has the ball; returns how long after `healed`.
    pub(crate) fn settle(&mut self, healed: u64, limit: Duration) -> Result<u64, String> {
        loop {
            let apart = self.apart();
            let spent = now().saturating_sub(healed);
            self.poll();
            if apart.is_empty() && self.lit().len() == 1 {
                return Ok(spent);
            }
            self.note_ended_processes();
            if spent > nanos(limit) {
                return Err(format!("{apart:?} not whole, lit: {:?}", self.lit()));
            }
            sleep(Duration::from_millis(30));
        }
    }

    /// Reads the traces for that long.
    pub(crate) fn watch(&mut self, span: Duration) {
        let until = now() + nanos(span);
        while now() < until {
            self.poll();
            let left = Duration::from_nanos(until.saturating_sub(now()));
            sleep(left.min(Duration::from_millis(20)));
        }
        self.note_ended_processes();
    }

    /// Reports a process that ended without an intervention.
    fn note_ended_processes(&mut self) {
        for (node, place) in self.processes.iter_mut().enumerate() {
            if let Some(status) = place.as_mut().and_then(Process::ended) {
                let sentence = format!("pi{} ended by itself with {status}", node + 1);
                self.wrong.push(sentence);
                *place = None;
            }
        }
    }

    pub(crate) fn log(&self, node: usize) -> String {
        read_to_string(self.testbed.log(node)).unwrap_or_default()
    }
}

impl Tail {
    /// The lines that have been finished since the last time.
    fn new_lines(&mut self, testbed: &Testbed, node: usize) -> Vec<String> {
        // A node that never had the ball may not have made its file yet.
        let Ok(mut file) = File::open(testbed.trace(node)) else {
            return Vec::new();
        };
        let mut new_lines = Vec::new();
        file.seek(SeekFrom::Start(self.read)).unwrap();
        file.read_to_end(&mut new_lines).unwrap();
        // An unfinished line is read again later: it may be completed or removed.
        let whole = new_lines.iter().rposition(|&byte| byte == b'\n');
        new_lines.truncate(whole.map_or(0, |end| end + 1));
        self.read += u64::try_from(new_lines.len()).unwrap();
        let text = String::from_utf8_lossy(&new_lines);
        text.lines().map(str::to_owned).collect()
    }
}
