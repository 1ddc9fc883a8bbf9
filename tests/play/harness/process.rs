//! One `carom run`: started, signalled and measured by its process id, and killed when dropped.

use std::fs::{File, OpenOptions, read_dir, read_to_string};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::{carom, nanos, now, wait_for};

/// A running node.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts that node of the ring file; its log is appended to `log`.
    pub(crate) fn start(ring_file: &Path, node: &str, log: &Path) -> Self {
        let mut command = carom(&["run", "--config", ring_file.to_str().unwrap()]);
        command.args(["--node", node]);
        Self::spawn(command, log)
    }

    /// Starts a command that becomes a running node under the same process id; its log is appended to `log`.
    pub(crate) fn spawn(command: Command, log: &Path) -> Self {
        let log = OpenOptions::new().append(true).create(true).open(log);
        let log = log.unwrap_or_else(|_| File::open("/dev/null").unwrap());
        Self::spawn_logging_to(command, log.into())
    }

    /// The same, with this as its standard error.
    pub(crate) fn spawn_logging_to(mut command: Command, stderr: Stdio) -> Self {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .unwrap();
        Self { child }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn signal(&self, what: Signal) {
        signal(self.child.id(), what);
    }

    /// How often the thread of that name has waited.
    pub(crate) fn thread_switches(&self, name: &str) -> u64 {
        let folder = format!("/proc/{}/task", self.child.id());
        let tasks = read_dir(folder).unwrap().map(|task| task.unwrap().path());
        let mut its =
            tasks.filter(|task| read_to_string(task.join("comm")).unwrap().trim() == name);
        field(
            &read_to_string(its.next().unwrap().join("status")).unwrap(),
            "voluntary_ctxt_switches",
        )
    }

    /// SIGKILL; returns the moment before it, and one when the process certainly ran no code any more.
    ///
    /// That moment is earlier than the end that the parent sees: on a busy machine the kernel can take
    /// long to release the memory and namespaces.
    pub(crate) fn kill(&mut self) -> (u64, u64) {
        let before = now();
        self.child.kill().unwrap();
        let killed = self.await_kill(Duration::from_secs(60));
        let (_, gone) = killed.expect("the kernel obeys");
        (before, gone)
    }

    /// Waits until something has killed it; returns a moment before, and one when it certainly ran no code any more.
    pub(crate) fn await_kill(&mut self, limit: Duration) -> Option<(u64, u64)> {
        let until = now() + nanos(limit);
        let mut before = now();
        loop {
            let asked = now();
            if is_exiting(self.child.id()) {
                let gone = now();
                self.child.wait().unwrap();
                return Some((before, gone));
            }
            if asked > until {
                return None;
            }
            before = asked;
            sleep(Duration::from_micros(50));
        }
    }

    /// SIGTERM; returns the moment before it.
    pub(crate) fn terminate(&self) -> u64 {
        let before = now();
        self.signal(Signal::TERM);
        before
    }

    /// SIGHUP: the node reads its ring file again.
    pub(crate) fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    /// Its exit status, if it has ended.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for its end; returns its exit status.
    pub(crate) fn wait_for_end(&mut self, limit: Duration) -> ExitStatus {
        wait_for(limit, "the end of a process", || self.ended())
    }

    /// SIGSTOP; returns the moment before it. On return the process is stopped.
    pub(crate) fn stop(&self) -> u64 {
        let before = now();
        self.signal(Signal::STOP);
        wait_for(Duration::from_secs(1), "a process to be stopped", || {
            (stat(self.child.id())?.first()? == "T").then_some(())
        });
        before
    }

    /// The process id of its LED keeper, if it has one now.
    pub(crate) fn keeper(&self) -> Option<u32> {
        let mut children = children(self.child.id()).into_iter();
        children.find_map(|(name, id)| (name == "carom-keeper").then_some(id))
    }

    /// SIGCONT; returns the moment before it.
    pub(crate) fn resume(&self) -> u64 {
        let before = now();
        self.signal(Signal::CONT);
        before
    }

    /// What it has used so far.
    pub(crate) fn usage(&self) -> Usage {
        Usage::of(self.child.id())
    }
}

/// The names and the numbers of the processes that a process has started and that have not ended.
pub(crate) fn children(of: u32) -> Vec<(String, u32)> {
    let parent = of.to_string();
    let ids = read_dir("/proc").unwrap().flatten();
    let ids = ids.filter_map(|entry| entry.file_name().to_string_lossy().parse().ok());
    ids.filter_map(|id| {
        let fields = stat_while_running(id)?;
        let name = read_to_string(format!("/proc/{id}/comm")).ok()?;
        (fields[1] == parent).then(|| (name.trim_end().to_owned(), id))
    })
    .collect()
}

/// Whether there is such a process, and it has not ended.
pub(crate) fn runs(id: u32) -> bool {
    stat_while_running(id).is_some()
}

/// The same as `stat`; `None` if the process has ended, too.
fn stat_while_running(id: u32) -> Option<Vec<String>> {
    // One that has ended stays for as long as its parent does not ask how.
    stat(id).filter(|fields| fields[0] != "Z")
}

/// Sends a signal to a process that a node has started.
pub(crate) fn signal(id: u32, signal: Signal) {
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw);
    kill_process(pid.unwrap(), signal).unwrap();
}

/// The fields of `/proc/PID/stat` from the third, the state, on; `None` if there is no such process.
fn stat(id: u32) -> Option<Vec<String>> {
    let stat = read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

impl Usage {
    /// What a process has used so far.
    pub(crate) fn of(id: u32) -> Self {
        let stat = stat(id).unwrap();
        let ticks = |index: usize| stat[index].parse::<u64>().unwrap();
        let status = read_to_string(format!("/proc/{id}/status")).unwrap();
        let folders = read_dir(format!("/proc/{id}/task")).unwrap();
        let spent = folders.filter_map(|task| {
            // Nanoseconds on a processor, the first field. A thread that has ended has no file.
            let figures = read_to_string(task.unwrap().path().join("schedstat")).ok()?;
            figures.split(' ').next()?.parse::<u64>().ok()
        });
        let tasks = read_dir(format!("/proc/{id}/task")).unwrap();
        let tasks = tasks.map(|task| read_to_string(task.unwrap().path().join("status")).unwrap());
        let switches: Vec<u64> = tasks
            .map(|task| field(&task, "voluntary_ctxt_switches"))
            .collect();
        Usage {
            // utime and stime, in hundredths of a second.
            cpu_millis: (ticks(11) + ticks(12)) * 10,
            all_nanos: spent.sum(),
            main_switches: field(&status, "voluntary_ctxt_switches"),
            all_switches: switches.iter().sum(),
            threads: switches.len(),
            own_kib: field(&status, "RssAnon"),
            rss_kib: field(&status, "VmRSS"),
            most_rss_kib: field(&status, "VmHWM"),
            most_own_kib: field(&status, "VmHWM").saturating_sub(field(&status, "RssFile")),
        }
    }
}

/// What a process has used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) cpu_millis: u64,
    /// CPU time in nanoseconds of all threads.
    pub(crate) all_nanos: u64,
    pub(crate) main_switches: u64,
    pub(crate) all_switches: u64,
    pub(crate) threads: usize,
    /// Memory that no other process shares and no file backs.
    pub(crate) own_kib: u64,
    pub(crate) rss_kib: u64,
    pub(crate) most_rss_kib: u64,
    /// The most without the pages of the program and its libraries that are mapped now: the kernel decides how many those are.
    pub(crate) most_own_kib: u64,
}

fn field(status: &str, name: &str) -> u64 {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.unwrap().parse().unwrap()
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether the process is exiting (`PF_EXITING`, see proc(5) and linux/sched.h).
fn is_exiting(id: u32) -> bool {
    const EXITING: u64 = 4;
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{id}/stat")) else {
        return true;
    };
    // After the name, which may contain anything: state, parent, group, session, terminal, its group, flags.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let flags = fields.split_whitespace().nth(6);
    flags.is_some_and(|flags| flags.parse::<u64>().unwrap() & EXITING != 0)
}
