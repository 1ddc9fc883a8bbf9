//! A ring of real processes, with a folder of its own.

use std::fs::{read_to_string, write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::Duration;

use carom::key;
use serde_json::Value;
use tempfile::TempDir;

use super::mesh::Mesh;
use super::observer::Intervention;
use super::plan::{Plan, Ports, WindowPorts, free_ports, ring_file};
use super::{Observed, Process, carom, get, now, traces, wait_for};

/// After this long without one more, no line that was told before is still on its way to the log.
const LOG_DELAY: Duration = Duration::from_millis(100);

/// The processes, the interventions so far, and where the traces and logs are.
pub(crate) struct Cluster {
    pub(crate) plan: Plan,
    pub(crate) name: String,
    pub(crate) ports: Vec<Ports>,
    pub(crate) windows: Vec<WindowPorts>,
    pub(crate) mesh: Option<Mesh>,
    folder: TempDir,
    processes: Vec<Option<Process>>,
    interventions: Vec<Intervention>,
}

impl Cluster {
    /// Writes the ring files and starts every node that is not to be absent.
    pub(crate) fn start(plan: Plan) -> Self {
        let mut cluster = Self::prepare(plan);
        cluster.start_all();
        cluster
    }

    /// Writes the ring files.
    pub(crate) fn prepare(plan: Plan) -> Self {
        static RINGS: AtomicU32 = AtomicU32::new(0);
        let ring = RINGS.fetch_add(1, Ordering::Relaxed);
        let ports: Vec<Ports> = (0..plan.nodes).map(|_| Ports::draw()).collect();
        let cluster = Self {
            plan,
            name: format!("play-{}-{ring}", std::process::id()),
            mesh: plan.meshed.then(|| Mesh::connect(&ports)),
            ports,
            windows: plan.windows.iter().map(|_| free_ports()).collect(),
            folder: tempfile::tempdir().unwrap(),
            processes: (0..plan.nodes).map(|_| None).collect(),
            interventions: Vec::new(),
        };
        cluster.write_files();
        cluster
    }

    /// Starts every node that is not to be absent.
    pub(crate) fn start_all(&mut self) {
        for node in 0..self.plan.nodes {
            if !self.plan.absent.contains(&node) {
                self.spawn(node);
            }
        }
    }

    /// Starts a ring and waits until all its nodes are linked and one has the ball.
    pub(crate) fn start_whole(plan: Plan) -> Self {
        let cluster = Self::start(plan);
        cluster.wait_until_whole(Duration::from_secs(5));
        cluster.wait_for_holder();
        cluster
    }

    /// Starts a ring with a new key and waits until it is whole; also returns where its key is.
    pub(crate) fn start_keyed(plan: Plan) -> (Self, PathBuf) {
        let mut cluster = Self::prepare(Plan {
            ring_options: "key-file = \"ring.key\"",
            ..plan
        });
        let path = cluster.folder.path().join("ring.key");
        key::create(&path).unwrap();
        cluster.start_all();
        cluster.wait_until_whole(Duration::from_secs(5));
        cluster.wait_for_holder();
        (cluster, path)
    }

    /// Writes the ring files for the current `plan` and `ports`; running nodes do not read them yet.
    pub(crate) fn write_files(&self) {
        let direct: Vec<u16> = self.ports.iter().map(|ports| ports.ring).collect();
        let write_one = |path: PathBuf, ring_ports: &[u16]| {
            let file = ring_file(
                &self.plan,
                &self.name,
                self.folder.path(),
                (&self.ports, &self.windows),
                ring_ports,
            );
            write(path, file).unwrap();
        };
        write_one(self.ring_file(), &direct);
        for viewer in 0..self.plan.nodes {
            let seen = |node: usize| self.mesh.as_ref()?.port(viewer, node);
            let seen = (0..direct.len()).map(|node| seen(node).unwrap_or(direct[node]));
            write_one(self.file_of(viewer), &seen.collect::<Vec<u16>>());
        }
    }

    /// The ring file with the nodes' own addresses, without proxies.
    pub(crate) fn ring_file(&self) -> PathBuf {
        self.folder.path().join("ring.toml")
    }

    fn file_of(&self, node: usize) -> PathBuf {
        self.folder
            .path()
            .join(format!("ring-of-pi{}.toml", node + 1))
    }

    /// Where that node's control socket is, if it has one.
    pub(crate) fn control(&self, node: usize) -> PathBuf {
        self.folder.path().join(format!("pi{}.sock", node + 1))
    }

    fn log_path(&self, node: usize) -> PathBuf {
        self.folder.path().join(format!("pi{}.log", node + 1))
    }

    /// What that node has logged so far.
    pub(crate) fn log(&self, node: usize) -> String {
        read_to_string(self.log_path(node)).unwrap()
    }

    /// Waits until that node has logged this: a thread of its own writes the log, soon after. Returns the log.
    pub(crate) fn wait_for_log(&self, node: usize, sentence: &str, limit: Duration) -> String {
        wait_for(limit, sentence, || {
            let log = self.log(node);
            log.contains(sentence).then_some(log)
        })
    }

    /// The log lines of these nodes that contain that, so far.
    pub(crate) fn logged(&self, nodes: &[usize], words: &str) -> Vec<String> {
        let logs: String = nodes.iter().map(|&node| self.log(node)).collect();
        let lines = logs.lines().filter(|line| line.contains(words));
        lines.map(str::to_owned).collect()
    }

    /// Asserts how many log lines of these nodes contain that. They may come within two seconds.
    pub(crate) fn assert_logged(&self, nodes: &[usize], words: &str, count: usize) {
        let what = format!("{count} log lines with {words:?}");
        wait_for(Duration::from_secs(2), &what, || {
            (self.logged(nodes, words).len() >= count).then_some(())
        });
        // One too many would come now.
        sleep(LOG_DELAY);
        let lines = self.logged(nodes, words);
        assert_eq!(lines.len(), count, "{words:?}: {lines:#?}");
    }

    /// Starts that node; returns the moment before.
    pub(crate) fn spawn(&mut self, node: usize) -> u64 {
        let before = now();
        let process = Process::spawn(self.command(node), &self.log_path(node));
        self.processes[node] = Some(process);
        before
    }

    /// Starts that node with this as its standard error.
    pub(crate) fn spawn_logging_to(&mut self, node: usize, stderr: Stdio) {
        let process = Process::spawn_logging_to(self.command(node), stderr);
        self.processes[node] = Some(process);
    }

    /// The command that plays that node.
    fn command(&self, node: usize) -> Command {
        let name = format!("pi{}", node + 1);
        let mut command = carom(&["run", "--node", &name, "--config"]);
        command.arg(self.file_of(node));
        if self.plan.controlled {
            command.arg("--control").arg(self.control(node));
        }
        command
    }

    pub(crate) fn process(&self, node: usize) -> &Process {
        self.processes[node].as_ref().unwrap()
    }

    /// Kills that node; returns the moment before.
    pub(crate) fn kill(&mut self, node: usize) -> u64 {
        let (before, gone) = self.processes[node].as_mut().unwrap().kill();
        self.processes[node] = None;
        self.interventions
            .push(Intervention::Killed { node, before, gone });
        before
    }

    /// Sends SIGTERM to that node and waits for its successful end; returns the moment before.
    pub(crate) fn terminate(&mut self, node: usize) -> u64 {
        let process = self.processes[node].as_mut().unwrap();
        let before = process.terminate();
        let status = process.wait_for_end(Duration::from_secs(3));
        assert!(status.success(), "pi{}: {status}", node + 1);
        self.processes[node] = None;
        before
    }

    /// Stops that node with SIGSTOP; returns the moment before.
    pub(crate) fn stop(&mut self, node: usize) -> u64 {
        let from = self.process(node).stop();
        self.interventions.push(Intervention::Stopped {
            node,
            from,
            until: u64::MAX,
        });
        from
    }

    /// Stops a node that certainly has the ball; returns the node and the moment before.
    pub(crate) fn stop_while_lit(&mut self, target: usize) -> (usize, u64) {
        for _ in 0..10 {
            let holder = self.wait_for_arrival(&[target]);
            let stopped = self.stop(holder);
            let seen = self.observe();
            if seen.last_before(now(), holder).is_some_and(|line| line.on) {
                return (holder, stopped);
            }
            self.resume(holder);
        }
        panic!("the ball is never where it was just seen");
    }

    /// Resumes a stopped node; returns the moment before.
    pub(crate) fn resume(&mut self, node: usize) -> u64 {
        let moment = self.process(node).resume();
        Intervention::on_resumed(&mut self.interventions, node, moment);
        moment
    }

    pub(crate) fn observe(&self) -> Observed {
        let lines = traces::merged(self.folder.path(), self.plan.nodes);
        Observed::new(lines, &self.interventions)
    }

    /// The `/status` of that node, if it answers.
    pub(crate) fn status(&self, node: usize) -> Option<Value> {
        let (code, body) = get(self.ports[node].http, "/status").ok()?;
        (code == 200).then(|| serde_json::from_str(&body).unwrap())
    }

    /// The nodes that run now.
    pub(crate) fn running(&self) -> Vec<usize> {
        let up = |node: &usize| self.processes[*node].is_some();
        (0..self.plan.nodes).filter(up).collect()
    }

    /// Whether these nodes all are in the ring and see one another up.
    pub(crate) fn linked(&self, nodes: &[usize]) -> bool {
        nodes.iter().all(|&node| {
            self.status(node).is_some_and(|status| {
                let up = |other: &usize| status["nodes"][*other]["state"] == "up";
                status["condition"] == "in-ring" && nodes.iter().all(up)
            })
        })
    }

    /// Waits until all running nodes see one another; returns how long that took, in nanoseconds.
    pub(crate) fn wait_until_whole(&self, limit: Duration) -> u64 {
        let (begun, running) = (now(), self.running());
        wait_for(limit, "all nodes to be linked", || {
            self.linked(&running).then_some(())
        });
        now() - begun
    }

    /// Waits until exactly one node's LED is on; returns the node.
    pub(crate) fn wait_for_holder(&self) -> usize {
        wait_for(Duration::from_secs(5), "a node with the ball", || {
            let [stay] = *self.observe().lit() else {
                return None;
            };
            Some(stay.node)
        })
    }

    /// Waits until one of these nodes has just got the ball; returns the node.
    pub(crate) fn wait_for_arrival(&self, nodes: &[usize]) -> usize {
        let asked = now();
        wait_for(Duration::from_secs(10), "the ball to arrive", || {
            let lit = self.observe().lit();
            let fresh = |stay: &&super::observer::LitSpan| stay.from > asked;
            let stay = lit.iter().find(fresh)?;
            nodes.contains(&stay.node).then_some(stay.node)
        })
    }

    /// The sum of a counter over these nodes.
    pub(crate) fn counter(&self, nodes: &[usize], name: &str) -> u64 {
        let of = |node: &usize| self.status(*node).unwrap()["counters"][name].as_u64();
        nodes.iter().filter_map(of).sum()
    }

    /// Asserts that no two LEDs were on at once, no stamp went back, and no trace line was out of order.
    pub(crate) fn assert_one_ball(&self) -> Observed {
        let seen = self.observe();
        for faults in [seen.overlaps(), seen.steps_back()] {
            // A stopped LED beside a fast ball makes thousands of them.
            let shown = faults.get(..10).unwrap_or(&faults);
            assert!(faults.is_empty(), "{} times: {shown:#?}", faults.len());
        }
        seen
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for node in 0..self.plan.nodes {
                let log = read_to_string(self.log_path(node)).unwrap_or_default();
                println!("--- log of pi{}\n{log}", node + 1);
            }
            let lines = traces::merged(self.folder.path(), self.plan.nodes);
            println!(
                "--- interventions: {:?}\n--- the last changes",
                self.interventions
            );
            for line in lines.iter().rev().take(60).rev() {
                println!("{line:?}");
            }
        }
    }
}
