//! The testbed: a network namespace and a small disk for every node, joined by one bridge.
//!
//! All of it lives in the network and mount namespaces that `tests/chaos/run` made for this
//! process, and the kernel removes it when the last process in there has ended, however it ends.

use std::fs::{OpenOptions, create_dir_all, metadata, read_to_string, remove_file, write};
use std::io::{ErrorKind, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::bridge::{self, mount, run};
use super::harness::carom;
use super::memory::Cgroups;

/// The size of the disk for each trace.
const DISK: usize = 4 * 1024 * 1024;
const PAGE: u64 = 4096;

/// The namespaces, cables and disks.
pub(crate) struct Testbed {
    pub(crate) folder: PathBuf,
    pub(crate) nodes: usize,
    /// Whether the daemons have a real-time priority, as a systemd unit may set.
    pub(crate) realtime: bool,
    /// The memory cgroups, if this system has them.
    pub(crate) cgroups: Option<Cgroups>,
}

/// What a node's own packet filter drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drops {
    /// What it sends to these nodes.
    Outgoing,
    /// What these nodes send to it.
    Incoming,
    Both,
}

/// Whether this process is in a fresh network namespace, so that it cannot disturb another network.
pub(crate) fn is_private() -> bool {
    let interfaces = read_to_string("/proc/self/net/dev").unwrap();
    let mut names = interfaces.lines().skip(2);
    names.all(|line| line.trim_start().starts_with("lo:"))
}

impl Testbed {
    /// Creates the namespaces, links and disks; mounts a private file system over `folder`.
    pub(crate) fn set(folder: &Path, nodes: usize, realtime: bool) -> Self {
        let cgroups = Cgroups::set(nodes);
        if let Err(why) = &cgroups {
            println!("out of memory is skipped: this system gives no memory cgroup: {why}");
        }
        let testbed = Self {
            folder: folder.to_owned(),
            nodes,
            realtime,
            cgroups: cgroups.ok(),
        };
        mount("64m", folder);
        bridge::set_up(&[Ipv4Addr::new(10, 77, 0, 254)]);
        for node in 0..nodes {
            bridge::add_machine(node, &testbed.namespace(node), address(node).ip());
            create_dir_all(testbed.disk(node)).unwrap();
            mount(&DISK.to_string(), &testbed.disk(node));
            testbed.filter(node, &testbed.all_clear());
        }
        testbed
    }

    fn namespace(&self, node: usize) -> String {
        format!("carom-chaos-{}-{node}", std::process::id())
    }

    fn disk(&self, node: usize) -> PathBuf {
        self.folder.join(format!("disk{}", node + 1))
    }

    pub(crate) fn trace(&self, node: usize) -> PathBuf {
        self.disk(node).join("led")
    }

    pub(crate) fn clear_trace(&self, node: usize) {
        // There is none before the first start.
        let _ = remove_file(self.trace(node));
    }

    pub(crate) fn log(&self, node: usize) -> PathBuf {
        self.folder.join(format!("pi{}.log", node + 1))
    }

    /// `carom` with those arguments in a node's namespace, under the same process id; it ends with this
    /// process.
    pub(crate) fn carom(&self, node: usize, arguments: &[&str]) -> Command {
        // As the unit starts it: the ring's thread keeps this priority (docs/decisions/0009).
        let realtime: &[&str] = if self.realtime {
            &["chrt", "--rr", "1"]
        } else {
            &[]
        };
        let group = self.cgroups.as_ref().map(|groups| groups.entering(node));
        let group = group.iter().flatten().map(String::as_str);
        let by: Vec<&str> = group.chain(realtime.iter().copied()).collect();
        bridge::inside(&self.namespace(node), &by, &carom(arguments))
    }

    /// Pulls a node's cable out of the bridge, or puts it back.
    pub(crate) fn cable(&self, node: usize, plugged: bool) {
        let state = if plugged { "up" } else { "down" };
        run(&format!("ip link set cable{node} {state}"));
    }

    /// From now on the packets between these nodes go only one way, or not at all.
    pub(crate) fn drop_between(&self, node: usize, others: &[usize], drops: Drops) {
        let others: Vec<String> = others
            .iter()
            .map(|&o| address(o).ip().to_string())
            .collect();
        let others = others.join(", ");
        let mut rules = self.all_clear();
        if drops != Drops::Incoming {
            rules += &format!("add rule inet chaos leaving ip daddr {{ {others} }} drop\n");
        }
        if drops != Drops::Outgoing {
            rules += &format!("add rule inet chaos coming ip saddr {{ {others} }} drop\n");
        }
        self.filter(node, &rules);
    }

    /// Lets a node send to and receive from every node again.
    pub(crate) fn drop_nothing(&self, node: usize) {
        self.filter(node, &self.all_clear());
    }

    fn all_clear(&self) -> String {
        "table inet chaos\ndelete table inet chaos\n\
         add table inet chaos\n\
         add chain inet chaos coming { type filter hook input priority 0; }\n\
         add chain inet chaos leaving { type filter hook output priority 0; }\n"
            .to_owned()
    }

    /// All rules of a node at once.
    fn filter(&self, node: usize, rules: &str) {
        let mut nft = Command::new("ip")
            .args(["netns", "exec", &self.namespace(node), "nft", "-f", "-"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = nft.stdin.take().unwrap();
        input.write_all(rules.as_bytes()).unwrap();
        drop(input);
        assert!(nft.wait().unwrap().success(), "nft refused: {rules}");
    }

    /// Leaves `room` bytes for the trace and not one more.
    pub(crate) fn fill_disk(&self, node: usize, room: u64) {
        let mut filler = OpenOptions::new();
        let filler = filler.append(true).create(true);
        let mut filler = filler.open(self.disk(node).join("filler")).unwrap();
        let page = vec![0; PAGE as usize];
        let full = loop {
            if let Err(error) = filler.write(&page) {
                break error;
            }
        };
        assert_eq!(full.kind(), ErrorKind::StorageFull, "{full}");
        // The last page of the trace is allocated already: a comment fills the rest of it.
        let trace = self.trace(node);
        let used = metadata(&trace).map_or(0, |file| file.len()) % PAGE;
        let left = (PAGE - used) % PAGE;
        if left > room + 2 {
            let fill = vec![b'#'; usize::try_from(left - room - 1).unwrap()];
            let line = [fill, vec![b'\n']].concat();
            let mut trace = OpenOptions::new().append(true).open(trace).unwrap();
            trace.write_all(&line).unwrap();
        }
    }

    pub(crate) fn free_disk(&self, node: usize) {
        remove_file(self.disk(node).join("filler")).unwrap();
    }

    /// Writes the ring file; returns its path.
    pub(crate) fn ring_file(&self, lease_ms: u64, dwell_ms: u64) -> PathBuf {
        let mut text = format!("[ring]\nname = \"chaos\"\nlease = \"{lease_ms}ms\"\n");
        for node in 0..self.nodes {
            let (host, trace) = (address(node).ip(), self.trace(node));
            text += &format!(
                "\n[[node]]\nname = \"pi{}\"\nhost = \"{host}\"\n\
                 led = {{ backend = \"trace\", path = {trace:?} }}\n",
                node + 1
            );
        }
        text += &format!(
            "\n[[ball]]\nstart = \"pi1\"\nposition = [0, 300]\nvelocity = [240, 130]\n\
             dwell = \"{dwell_ms}ms\"\n"
        );
        let path = self.folder.join("ring.toml");
        write(&path, text).unwrap();
        path
    }
}

/// Where that node answers HTTP.
pub(crate) fn address(node: usize) -> SocketAddr {
    let last = u8::try_from(node + 1).unwrap();
    SocketAddr::from((Ipv4Addr::new(10, 77, 0, last), 8080))
}
