//! Out of memory: every daemon has a memory cgroup of its own, with its LED keeper and the limits of the systemd unit. A hog in
//! there eats what is left, until the kernel kills one of the two.

use std::env::{args, current_exe};
use std::fs::{File, create_dir, read_to_string, write};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::fs::{MemfdFlags, memfd_create};

use super::harness::{nanos, now};
use super::ring::{Ring, nodes};

/// The first argument of the process that is a hog.
pub(crate) const ROLE: &str = "hog";

const UNIT: &str = include_str!("../../systemd/carom.service");

/// How much the hog takes at a time: less than a dead process gives back, so that the kernel kills only one.
const BITE: usize = 64 * 1024;
/// How much it must eat: little, so that the ball is still there.
const ROOM: usize = 2 * 1024 * 1024;
/// More than the hog has when the kernel has killed the first process.
const ENOUGH: &str = "1G";
/// How long the hog may need, on a busy machine too.
const LIMIT: Duration = Duration::from_secs(10);
/// How long it keeps what it has, unless it is killed.
const LONG: Duration = Duration::from_secs(3_600);
/// So long after the end of a daemon, its keeper has switched the LED off, on a busy machine too.
const SETTLED: Duration = Duration::from_millis(100);
/// How often to look what the kernel has killed.
const POLL: Duration = Duration::from_micros(200);

/// The value of that setting in the systemd unit.
fn setting(name: &str) -> &'static str {
    let mut lines = UNIT.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    value.expect("a setting of the unit")
}

/// The memory cgroups of the daemons. `tests/chaos/run` removes them.
#[derive(Clone)]
pub(crate) struct Cgroups {
    folder: PathBuf,
    /// Of version 2.
    unified: bool,
}

impl Cgroups {
    /// Makes one for each node; says why not, if this system has no memory controller or lets nobody use it.
    pub(crate) fn set(nodes: usize) -> Result<Self, String> {
        let (root, unified) = find().ok_or("it has no memory controller")?;
        let folder = root.join(format!("carom-chaos-{}", std::process::id()));
        let made = || -> io::Result<Self> {
            if unified {
                // Fails where something else has set it, and does not let this test.
                let _ = write(root.join("cgroup.subtree_control"), "+memory");
            }
            create_dir(&folder)?;
            if unified {
                write(folder.join("cgroup.subtree_control"), "+memory")?;
            }
            let groups = Self {
                folder: folder.clone(),
                unified,
            };
            for node in 0..nodes {
                groups.make(node)?;
            }
            Ok(groups)
        };
        made().map_err(|error| format!("{}: {error}", folder.display()))
    }

    /// As systemd makes that of the service.
    fn make(&self, node: usize) -> io::Result<()> {
        create_dir(self.group(node))?;
        if self.unified {
            let together = u8::from(setting("OOMPolicy") == "kill").to_string();
            write(self.group(node).join("memory.oom.group"), together)?;
        }
        self.limit(node, setting("MemoryMax"))
    }

    /// Limits the memory of that node, and forbids it to swap.
    fn limit(&self, node: usize, most: &str) -> io::Result<()> {
        let group = self.group(node);
        let (limit, with_swap, all) = if self.unified {
            ("memory.max", "memory.swap.max", "0")
        } else {
            ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", most)
        };
        // Of the first version, both together must stay above the other. Not every kernel has swap.
        let first = write(group.join(limit), most);
        let _ = write(group.join(with_swap), all);
        first.or_else(|_| write(group.join(limit), most))
    }

    /// Leaves that node little more memory than it has.
    fn lower(&self, node: usize) {
        let name = if self.unified {
            "memory.current"
        } else {
            "memory.usage_in_bytes"
        };
        let used = read_to_string(self.group(node).join(name)).unwrap();
        let used: usize = used.trim().parse().unwrap();
        self.limit(node, &(used + ROOM).to_string()).unwrap();
    }

    fn group(&self, node: usize) -> PathBuf {
        self.folder.join(format!("pi{}", node + 1))
    }

    /// Words before a command: it runs in the group of that node.
    pub(crate) fn entering(&self, node: usize) -> [String; 4] {
        let script = "echo $$ >\"$0\"; exec \"$@\"";
        let processes = self.group(node).join("cgroup.procs");
        ["sh", "-ec", script, processes.to_str().unwrap()].map(str::to_owned)
    }

    /// How many processes of each node the kernel has killed for their memory.
    fn killed(&self) -> Vec<u64> {
        let all = 0..nodes();
        all.map(|node| count_killed(&self.counter(node))).collect()
    }

    /// The file in which the kernel counts what it has killed of that node.
    fn counter(&self, node: usize) -> PathBuf {
        let name = if self.unified {
            "memory.events"
        } else {
            "memory.oom_control"
        };
        self.group(node).join(name)
    }
}

/// Where the memory controller is, and whether it is of version 2.
fn find() -> Option<(PathBuf, bool)> {
    let mounts = read_to_string("/proc/self/mounts").ok()?;
    let all = mounts.lines().map(|line| {
        let mut fields = line.split(' ').skip(1).map(str::to_owned);
        [fields.next(), fields.next(), fields.next()].map(Option::unwrap_or_default)
    });
    let all: Vec<[String; 3]> = all.collect();
    let second = all.iter().find(|[at, kind, _]| {
        let controllers = read_to_string(Path::new(at).join("cgroup.controllers"));
        kind == "cgroup2"
            && controllers.is_ok_and(|all| all.split_whitespace().any(|one| one == "memory"))
    });
    let first = all.iter().find(|[_, kind, options]| {
        kind == "cgroup" && options.split(',').any(|one| one == "memory")
    });
    let found = second.map(|[at, ..]| (at.into(), true));
    found.or_else(|| first.map(|[at, ..]| (at.into(), false)))
}

/// How many processes the kernel has killed for the memory of a group, by its file.
fn count_killed(file: &Path) -> u64 {
    let text = read_to_string(file).unwrap();
    let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
    count.expect("a count of kills").parse().unwrap()
}

/// A process that eats the memory of a group until the kernel has killed a process in it, and then keeps what it has.
struct Hog(Child);

impl Hog {
    fn start(groups: &Cgroups, node: usize) -> Self {
        let hog = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(current_exe().unwrap())
            .arg(ROLE)
            .args([groups.group(node), groups.counter(node)])
            .stdin(Stdio::null())
            .spawn();
        Self(hog.unwrap())
    }
}

impl Drop for Hog {
    fn drop(&mut self) {
        // Fails only where it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Plays the hog.
pub(crate) fn eat() {
    let [group, counter] = [2, 3].map(|word| args().nth(word).map(PathBuf::from).unwrap());
    let own = std::process::id().to_string();
    write(group.join("cgroup.procs"), own).unwrap();
    let before = count_killed(&counter);
    // In a file without a name: the kernel then does not take the hog itself for the one that has the memory.
    let mut eaten = File::from(memfd_create("hog", MemfdFlags::CLOEXEC).unwrap());
    // The kernel counts a kill before the page is there for which it killed.
    while count_killed(&counter) == before {
        eaten.write_all(&[1; BITE]).unwrap();
    }
    sleep(LONG);
}

/// How the fault went.
pub(crate) struct Shortage {
    pub(crate) at: u64,
    pub(crate) healed: u64,
    pub(crate) how: &'static str,
    pub(crate) wrong: Vec<String>,
}

/// Lets the memory of that node run out. The kernel must choose the daemon; in every third form, the keeper is made its first choice.
///
/// It may kill the other one, too: if the memory of the first is not free yet, or another keeper finds none.
pub(crate) fn run_out(ring: &mut Ring, node: usize, form: usize, lasts: Duration) -> Shortage {
    let Some(groups) = ring.testbed.cgroups.clone() else {
        let at = ring.kill(&[node]);
        ring.watch(lasts);
        return Shortage {
            at,
            healed: ring.spawn(node),
            how: " killed: no cgroup",
            wrong: Vec::new(),
        };
    };
    let keeper_first = form % 3 == 2;
    let keeper = ring.keeper(node);
    // Before the hog. The OOMScoreAdjust= of the unit is that of both, so it decides nothing between them.
    let [daemon_by, keeper_by] = if keeper_first { [0, 1000] } else { [500, 500] };
    prefer(ring.daemon(node), daemon_by);
    prefer(keeper, keeper_by);
    let before = groups.killed();
    let at = now();
    // The kernel weighs its preference by the limit.
    if !keeper_first {
        groups.lower(node);
    }
    let hog = Hog::start(&groups, node);
    let mut has_ended = false;
    while !has_ended && now() - at < nanos(LIMIT) {
        has_ended = ring.await_kill(node, POLL);
        if keeper_first && groups.killed()[node] > before[node] {
            // At once, as the daemon starts another keeper.
            groups.limit(node, ENOUGH).unwrap();
        }
        // All processes are looked through, so only where it matters.
        if keeper_first && ring.keeper_now(node).is_some_and(|id| id != keeper) {
            break;
        }
        ring.poll();
    }
    if has_ended {
        // The hog keeps its memory: the keeper needs no more than it has.
        ring.watch(lasts.max(SETTLED));
    }
    drop(hog);
    groups.limit(node, setting("MemoryMax")).unwrap();
    if !has_ended {
        // The kernel may have decided it just now.
        has_ended = ring.await_kill(node, SETTLED);
        ring.watch(lasts);
    }
    let killed = groups.killed();
    let its = killed[node] - before[node];
    let mut wrong = Vec::new();
    if killed.iter().sum::<u64>() - before.iter().sum::<u64>() != its {
        wrong.push("the kernel killed a process of another node".to_owned());
    }
    let lit = ring.seen().iter().rfind(|line| line.node == node);
    if has_ended && its == 1 && lit.is_some_and(|line| line.on) {
        let sentence = "its LED stayed on when its daemon was dead, although its keeper lived";
        wrong.push(sentence.to_owned());
    }
    let how = match (has_ended, its) {
        (true, 1) => " out of memory",
        (true, 2..) => " and its keeper out of memory",
        (false, 1..) if keeper_first => ", its keeper out of memory",
        _ => {
            wrong.push(format!(
                "the kernel killed {its} processes, but not the daemon"
            ));
            " out of memory"
        }
    };
    let healed = if has_ended { ring.spawn(node) } else { now() };
    Shortage {
        at,
        healed,
        how,
        wrong,
    }
}

/// Makes the kernel prefer that process when it looks for one to kill.
fn prefer(process: u32, by: u32) {
    write(format!("/proc/{process}/oom_score_adj"), by.to_string()).unwrap();
}
