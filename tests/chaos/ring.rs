//! Seven real daemons on the stage, what was done to them, and what their LEDs showed.

use std::fs::{File, read_to_string};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use super::harness::{Deed, Line, Process, get_from, nanos, now, wait_for};
use super::stage::{Stage, address};

pub(crate) const NODES: usize = 7;
pub(crate) const LEASE: Duration = Duration::from_millis(250);

/// The daemons.
pub(crate) struct Ring {
    pub(crate) stage: Stage,
    /// How long the ball stays on each screen, in milliseconds.
    pub(crate) dwell: u64,
    file: PathBuf,
    processes: Vec<Option<Process>>,
    tails: Vec<Tail>,
    deeds: Vec<Deed>,
    lines: Vec<Line>,
    /// What is wrong whatever was done to the ring.
    pub(crate) wrong: Vec<String>,
}

/// One trace, as far as it has been read.
#[derive(Default)]
struct Tail {
    read: u64,
    /// Its `on` that has no `off` yet.
    shown: Option<Line>,
    /// Its trace cannot be written.
    blind: bool,
    /// Nor has it been since.
    was_blind: bool,
}

impl Ring {
    /// Starts all nodes.
    pub(crate) fn start(stage: Stage, dwell: u64) -> Self {
        let mut ring = Self {
            dwell,
            file: PathBuf::new(),
            stage,
            processes: (0..NODES).map(|_| None).collect(),
            tails: Vec::new(),
            deeds: Vec::new(),
            lines: Vec::new(),
            wrong: Vec::new(),
        };
        ring.begin(dwell);
        ring
    }

    /// Ends all nodes, forgets all, and starts them with another ball.
    pub(crate) fn begin(&mut self, dwell: u64) {
        let lease = u64::try_from(LEASE.as_millis()).unwrap();
        self.dwell = dwell;
        self.processes.fill_with(|| None);
        for node in 0..NODES {
            self.stage.clear_trace(node);
        }
        self.tails = (0..NODES).map(|_| Tail::default()).collect();
        self.deeds.clear();
        self.lines.clear();
        self.file = self.stage.ring_file(lease, dwell);
        for node in 0..NODES {
            self.spawn(node);
        }
    }

    pub(crate) fn spawn(&mut self, node: usize) -> u64 {
        let before = now();
        let (file, name) = (self.file.to_str().unwrap(), format!("pi{}", node + 1));
        let arguments = ["run", "--config", file, "--node", &name];
        let command = self.stage.carom(node, &arguments);
        self.processes[node] = Some(Process::spawn(command, &self.stage.log(node)));
        before
    }

    fn process(&mut self, node: usize) -> &mut Process {
        self.processes[node].as_mut().unwrap()
    }

    /// Kills these nodes; the moment before.
    pub(crate) fn kill(&mut self, nodes: &[usize]) -> u64 {
        let first = now();
        for &node in nodes {
            let (before, gone) = self.process(node).kill();
            self.processes[node] = None;
            self.deeds.push(Deed::Killed { node, before, gone });
        }
        self.poll();
        for &node in nodes {
            self.tails[node].shown = None;
        }
        first
    }

    /// Asks that node to end; the moment before, once it has ended.
    pub(crate) fn term(&mut self, node: usize) -> u64 {
        let process = self.process(node);
        let before = process.term();
        let status = process.wait_for_end(Duration::from_secs(3));
        self.processes[node] = None;
        if !status.success() {
            let sentence = format!("pi{} ended with {status} after SIGTERM", node + 1);
            self.wrong.push(sentence);
        }
        before
    }

    /// Stops that node; the moment before.
    pub(crate) fn stop(&mut self, node: usize) -> u64 {
        let from = self.process(node).stop();
        let until = u64::MAX;
        self.deeds.push(Deed::Stopped { node, from, until });
        from
    }

    pub(crate) fn go_on(&mut self, node: usize) -> u64 {
        let moment = self.process(node).go_on();
        Deed::went_on(&mut self.deeds, node, moment);
        moment
    }

    /// From now on the LED of that node cannot be seen.
    pub(crate) fn blind(&mut self, node: usize) {
        self.poll();
        let tail = &mut self.tails[node];
        tail.blind = true;
        if let Some(line) = tail.shown.take() {
            // The last that is known of it.
            let (at, on) = (now(), false);
            self.lines.push(Line { at, on, ..line });
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
        for node in 0..NODES {
            for text in self.tails[node].news(&self.stage, node) {
                self.hear(node, &text);
            }
        }
    }

    fn hear(&mut self, node: usize, text: &str) {
        let tail = &mut self.tails[node];
        if text.starts_with('#') || tail.blind {
            return;
        }
        let Some(line) = Line::parse(text).filter(|line| line.node == node) else {
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

    /// Who shows the ball now.
    pub(crate) fn lit(&self) -> Vec<usize> {
        let shown = |node: &usize| self.tails[*node].shown.is_some();
        (0..NODES).filter(shown).collect()
    }

    /// The lines and deeds since this was last asked, with the LEDs that were on already.
    pub(crate) fn take(&mut self) -> (Vec<Line>, Vec<Deed>) {
        self.poll();
        let lit = self.tails.iter().filter_map(|tail| tail.shown.clone());
        let lit = lit.collect();
        let mut lines = std::mem::replace(&mut self.lines, lit);
        lines.sort_by_key(|line| line.at);
        (lines, std::mem::take(&mut self.deeds))
    }

    /// Waits until the ball has just come to one node: that one, and the one before it.
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

    /// What that node says of itself, if it answers.
    pub(crate) fn status(&self, node: usize) -> Option<Value> {
        let (code, body) = get_from(address(node), "/status").ok()?;
        (code == 200).then(|| serde_json::from_str(&body).ok())?
    }

    /// Who runs, but does not have a working link to all the others.
    fn apart(&self) -> Vec<String> {
        let whole = |node: usize| {
            self.status(node).is_some_and(|status| {
                let nodes = status["nodes"].as_array().cloned().unwrap_or_default();
                status["condition"] == "in-ring" && nodes.iter().all(|node| node["state"] == "up")
            })
        };
        let apart = (0..NODES).filter(|&node| !whole(node));
        apart.map(|node| format!("pi{}", node + 1)).collect()
    }

    /// Waits until all nodes see one another and one has the ball; how long after `healed`.
    pub(crate) fn settle(&mut self, healed: u64, limit: Duration) -> Result<u64, String> {
        loop {
            let apart = self.apart();
            let spent = now().saturating_sub(healed);
            self.poll();
            if apart.is_empty() && self.lit().len() == 1 {
                return Ok(spent);
            }
            self.look_after();
            if spent > nanos(limit) {
                return Err(format!("{apart:?} not whole, lit: {:?}", self.lit()));
            }
            sleep(Duration::from_millis(30));
        }
    }

    /// Reads traces for that long.
    pub(crate) fn watch(&mut self, span: Duration) {
        let until = now() + nanos(span);
        while now() < until {
            self.poll();
            let left = Duration::from_nanos(until.saturating_sub(now()));
            sleep(left.min(Duration::from_millis(20)));
        }
        self.look_after();
    }

    /// Notes a process that nobody ended.
    fn look_after(&mut self) {
        for (node, place) in self.processes.iter_mut().enumerate() {
            if let Some(status) = place.as_mut().and_then(Process::ended) {
                let sentence = format!("pi{} ended by itself with {status}", node + 1);
                self.wrong.push(sentence);
                *place = None;
            }
        }
    }

    pub(crate) fn log(&self, node: usize) -> String {
        read_to_string(self.stage.log(node)).unwrap_or_default()
    }
}

impl Tail {
    /// The lines that have been finished since the last time.
    fn news(&mut self, stage: &Stage, node: usize) -> Vec<String> {
        // A node that never had the ball may not have made its file yet.
        let Ok(mut file) = File::open(stage.trace(node)) else {
            return Vec::new();
        };
        let mut news = Vec::new();
        file.seek(SeekFrom::Start(self.read)).unwrap();
        file.read_to_end(&mut news).unwrap();
        // What is not a whole line yet is read again: it may be finished, or taken back.
        let whole = news.iter().rposition(|&byte| byte == b'\n');
        news.truncate(whole.map_or(0, |end| end + 1));
        self.read += u64::try_from(news.len()).unwrap();
        let text = String::from_utf8_lossy(&news);
        text.lines().map(str::to_owned).collect()
    }
}
