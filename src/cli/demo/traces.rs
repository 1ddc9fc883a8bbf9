//! The traces of the nodes' LEDs: files in memory. The nodes and their LED keepers write them, the demo reads them.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use async_io::Async;
use rustix::fs::{FallocateFlags, MemfdFlags, fallocate, inotify, memfd_create};
use rustix::process::{DumpableBehavior, dumpable_behavior};

use crate::clock;
use crate::led::TraceLine;
use crate::ring::{NodeId, Time};

/// How much of a trace is read at once: some 700 lines.
const MOST_AT_ONCE: usize = 64 << 10;

/// What was read longer ago than this is given back to the system. A node and its keeper read no more than the last
/// 256 KiB for what is still on.
const KEPT: u64 = 512 << 10;

/// An LED of the demo went on or off for a ball.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// When, as `CLOCK_MONOTONIC` in nanoseconds.
    nanos: u64,
    pub(super) node: NodeId,
    pub(super) on: bool,
    pub(super) ball: String,
    pub(super) generation: String,
    pub(super) hop: u64,
    /// The LED keeper switched it off, not the daemon.
    pub(super) by_keeper: bool,
}

impl Change {
    pub(super) fn of(node: NodeId, line: &TraceLine<'_>) -> Self {
        Self {
            nanos: line.nanos,
            node,
            on: line.on,
            ball: line.ball.to_owned(),
            generation: line.generation.to_owned(),
            hop: line.hop,
            by_keeper: line.by_keeper,
        }
    }

    /// When, on the clock of [`now`].
    pub(super) fn at(&self) -> Time {
        moment(self.nanos)
    }
}

/// The current moment on the clock of the traces.
pub(super) fn now() -> Time {
    moment(clock::monotonic_nanos())
}

fn moment(nanos: u64) -> Time {
    Time::from_micros(nanos / 1_000)
}

/// The traces of all nodes.
pub(super) struct Traces {
    traces: Vec<Trace>,
    /// Tells of every line that is written.
    writes: Async<OwnedFd>,
}

/// The trace of one node, for all processes that play it one after another.
struct Trace {
    node: NodeId,
    file: File,
    /// Up to where it was read.
    read: u64,
    /// Up to where its memory was given back.
    freed: u64,
    /// What was read, and may have happened after something that was not.
    waiting: VecDeque<Change>,
}

impl Traces {
    /// An empty trace for each of so many nodes.
    ///
    /// # Errors
    /// When the system has no descriptor or memory left, or does not let the nodes open the traces.
    pub(super) fn new(nodes: u8) -> io::Result<Self> {
        // So it is of a program with capabilities, or that may not be read.
        if dumpable_behavior()? != DumpableBehavior::Dumpable {
            return Err(io::Error::other(
                "the system keeps the processes of this carom apart, as its file has capabilities or cannot be read: run a plain copy of it",
            ));
        }
        let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
        let writes = inotify::init(flags)?;
        let mut traces = Vec::new();
        for node in 0..nodes {
            let trace = Trace::new(NodeId(node.into()))?;
            inotify::add_watch(&writes, trace.path(), inotify::WatchFlags::MODIFY)?;
            traces.push(trace);
        }
        let writes = Async::new_nonblocking(writes)?;
        Ok(Self { traces, writes })
    }

    /// Where the trace of that node is, for other processes, as long as this one runs.
    pub(super) fn path(&self, node: NodeId) -> Option<PathBuf> {
        self.traces.get(node.index()).map(Trace::path)
    }

    /// Waits until something was written.
    pub(super) async fn written(&self) -> io::Result<()> {
        self.writes.readable().await
    }

    /// Reads on. Returns what has happened in the order in which it has, and whether there may be more.
    ///
    /// A node writes that its LED is off before another node can learn that it may have the ball. So if all traces are
    /// read, nothing is missing before the moment at which the first of them was read.
    ///
    /// # Errors
    /// When a trace cannot be read.
    pub(super) fn next(&mut self) -> io::Result<(Vec<Change>, bool)> {
        // What is written from here on, it tells anew.
        let mut events = [0; 4096];
        while rustix::io::read(&self.writes, &mut events).is_ok() {}
        let mut complete_until = clock::monotonic_nanos();
        let mut text = vec![0; MOST_AT_ONCE];
        for trace in &mut self.traces {
            if let Some(last) = trace.read_on(&mut text)? {
                complete_until = complete_until.min(last);
            }
        }
        let mut changes = Vec::new();
        for trace in &mut self.traces {
            let later = |change: &Change| change.nanos > complete_until;
            let later = trace.waiting.iter().position(later);
            changes.extend(trace.waiting.drain(..later.unwrap_or(trace.waiting.len())));
        }
        changes.sort_by_key(|change| change.nanos);
        let more = self.traces.iter().any(|trace| !trace.waiting.is_empty());
        Ok((changes, more))
    }
}

impl Trace {
    fn new(node: NodeId) -> io::Result<Self> {
        Ok(Self {
            node,
            file: File::from(memfd_create("carom-demo-led", MemfdFlags::CLOEXEC)?),
            read: 0,
            freed: 0,
            waiting: VecDeque::new(),
        })
    }

    /// Not that of a descriptor of whoever opens it: the LED keeper has none, and outlives the node.
    fn path(&self) -> PathBuf {
        let process = std::process::id();
        PathBuf::from(format!("/proc/{process}/fd/{}", self.file.as_raw_fd()))
    }

    /// Reads whole lines, but no more than fit the buffer. Returns when the last of them was written if there may be more.
    fn read_on(&mut self, buffer: &mut [u8]) -> io::Result<Option<u64>> {
        let count = self.file.read_at(buffer, self.read)?;
        let is_full = count == buffer.len();
        let text = buffer.get(..count).unwrap_or_default();
        // A writer appends a whole line at once; a line that is too long is none.
        let lines = text.iter().rposition(|&byte| byte == b'\n');
        let whole = lines.map_or(0, |end| end + 1);
        let taken = if whole == 0 && is_full { count } else { whole };
        let lines = text
            .get(..whole)
            .unwrap_or_default()
            .split(|&byte| byte == b'\n');
        let lines = lines.filter_map(TraceLine::parse);
        self.waiting
            .extend(lines.map(|line| Change::of(self.node, &line)));
        self.read += u64::try_from(taken).unwrap_or_default();
        self.free()?;
        let last = self.waiting.back().map(|last| last.nanos);
        Ok(last.filter(|_| is_full))
    }

    /// Gives back the memory of what was read long ago. The file keeps its length.
    fn free(&mut self) -> io::Result<()> {
        let until = self.read.saturating_sub(KEPT);
        if until >= self.freed + KEPT {
            let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            fallocate(&self.file, flags, self.freed, until - self.freed)?;
            self.freed = until;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;
    use std::io::Write as _;
    use std::os::unix::fs::MetadataExt as _;

    fn write(traces: &Traces, node: u16, text: &str) {
        let path = traces.path(NodeId(node)).unwrap();
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn read_all(traces: &mut Traces) -> Vec<(u16, bool, u64)> {
        let mut all = Vec::new();
        loop {
            let (changes, more) = traces.next().unwrap();
            all.extend(
                changes
                    .iter()
                    .map(|change| (change.node.0, change.on, change.hop)),
            );
            if !more {
                return all;
            }
        }
    }

    #[test]
    fn the_lines_of_all_nodes_come_in_the_order_of_time() {
        let mut traces = Traces::new(2).unwrap();
        write(&traces, 1, "2 n2 on 1 g 2\n4 n2 off 1 g 2\n");
        write(
            &traces,
            0,
            "1 n1 on 1 g 1\nno line\n3 n1 off 1 g 1 keeper\n5 n1 on 1 g 3",
        );
        let expected = [(0, true, 1), (1, true, 2), (0, false, 1), (1, false, 2)];
        assert_eq!(read_all(&mut traces), expected);
        assert_eq!(read_all(&mut traces), [], "half a line is none");
        write(&traces, 0, "\n");
        assert_eq!(read_all(&mut traces), [(0, true, 3)]);
    }

    #[test]
    fn what_may_have_happened_after_something_that_is_not_read_waits() {
        let mut traces = Traces::new(2).unwrap();
        let later = clock::monotonic_nanos() + 50_000_000;
        write(&traces, 0, &format!("{later} n1 on 1 g 2\n"));
        assert_eq!(traces.next().unwrap(), (Vec::new(), true));
        write(&traces, 1, "1 n2 off 1 g 1\n");
        assert_eq!(read_all(&mut traces), [(1, false, 1), (0, true, 2)]);
    }

    #[test]
    fn a_long_trace_is_read_in_parts_and_its_memory_is_given_back() {
        let mut traces = Traces::new(2).unwrap();
        let mut expected = Vec::new();
        for part in 0..40 {
            let hops = part * 1_000..(part + 1) * 1_000;
            let line = |hop: u64| format!("{hop} n{} on 1 {} {hop}\n", hop % 2 + 1, "g".repeat(60));
            for node in 0..2 {
                let of_node = hops.clone().filter(|hop| hop % 2 == u64::from(node));
                write(&traces, node, &of_node.map(line).collect::<String>());
            }
            expected.extend(hops.map(|hop| (u16::from(hop % 2 == 1), true, hop)));
        }
        assert_eq!(read_all(&mut traces), expected);
        let file = traces.traces[0].file.metadata().unwrap();
        assert!(file.len() > 3 * KEPT, "{}", file.len());
        assert!(
            file.blocks() * 512 <= 2 * KEPT + 8192,
            "{} blocks",
            file.blocks()
        );
    }

    #[test]
    fn it_tells_that_something_was_written() {
        let mut traces = Traces::new(1).unwrap();
        let is_told =
            |traces: &Traces| smol::block_on(smol::future::poll_once(traces.written())).is_some();
        assert!(!is_told(&traces));
        write(&traces, 0, "1 n1 on 1 g 1\n");
        // The reactor has to look first.
        smol::block_on(traces.written()).unwrap();
        assert_eq!(read_all(&mut traces).len(), 1);
        assert!(!is_told(&traces));
    }
}
