//! The namespaces, the nodes in them, and what they know.

use std::env;
use std::fs::{read_to_string, write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::bridge::{self, run};
use crate::harness::{Process, carom, get_from, wait_for};
use crate::name_server::NameServer;

/// Set in the process that runs inside the namespaces.
const INSIDE: &str = "CAROM_NAMES_INSIDE";

/// Where the name servers are: the first never answers.
const DEAD_SERVER: Ipv4Addr = Ipv4Addr::new(10, 78, 0, 253);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 78, 0, 254);

/// Runs this test again inside namespaces of its own. Returns whether this is that run; otherwise the test is over.
pub(crate) fn is_inside(test: &str) -> bool {
    if env::var_os(INSIDE).is_some() {
        return true;
    }
    let unshare = || {
        let mut unshare = Command::new("unshare");
        unshare.args(["--net", "--mount", "--propagation", "private", "--"]);
        unshare
    };
    for mut needed in [unshare(), Command::new("nsenter")] {
        if !needed
            .arg("true")
            .output()
            .is_ok_and(|out| out.status.success())
        {
            println!(
                "skipped: {test} needs root, for network and mount namespaces (unshare, nsenter)"
            );
            return false;
        }
    }
    if Command::new("ip").arg("link").output().is_err() {
        println!("skipped: {test} needs ip (iproute2)");
        return false;
    }
    let mut again = unshare();
    again.arg(env::current_exe().unwrap());
    again.args(["--exact", test, "--nocapture"]);
    let status = again.env(INSIDE, "yes").status().unwrap();
    assert!(status.success(), "{test} failed inside its namespaces");
    false
}

/// How the processes look names up.
#[derive(Clone, Copy)]
pub(crate) enum Servers {
    /// One name server, which answers at once.
    Good,
    /// A dead one before it.
    DeadFirst,
}

/// A bridge with a name server, and a machine for each node.
pub(crate) struct Testbed {
    pub(crate) server: NameServer,
    _dead: NameServer,
    folder: TempDir,
    nodes: usize,
    lease: Duration,
}

/// The usual lease.
pub(crate) const LEASE: Duration = Duration::from_millis(500);

/// One machine: the number is the last of its address.
pub(crate) fn address(machine: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 78, 0, u8::try_from(machine).unwrap())
}

impl Testbed {
    /// Machines 1 to `nodes`, and one more. The name server knows the first ones.
    pub(crate) fn set(nodes: usize, servers: Servers, lease: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        bridge::set_up(&[DEAD_SERVER, SERVER]);
        for machine in 1..=nodes + 1 {
            bridge::add_machine(machine, &namespace(machine), address(machine));
        }
        let dead = NameServer::start(DEAD_SERVER);
        dead.fall_silent();
        let server = NameServer::start(SERVER);
        for node in 1..=nodes {
            server.set(&name_of(node), address(node));
        }
        let first = match servers {
            Servers::Good => String::new(),
            Servers::DeadFirst => format!("nameserver {DEAD_SERVER}\n"),
        };
        let resolv = format!("{first}nameserver {SERVER}\n");
        cover(folder.path(), "/etc/resolv.conf", &resolv);
        cover(folder.path(), "/etc/nsswitch.conf", "hosts: files dns\n");
        cover(folder.path(), "/etc/hosts", "127.0.0.1 localhost\n");
        Self {
            server,
            _dead: dead,
            folder,
            nodes,
            lease,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a ring file in which these nodes have another ring port, at which nobody listens.
    pub(crate) fn write_ring(&self, name: &str, options: &str, wrong: &[usize]) {
        let lease = self.lease.as_millis();
        let mut text = format!("[ring]\nname = \"names\"\nlease = \"{lease}ms\"\n{options}\n");
        for node in 1..=self.nodes {
            let port = if wrong.contains(&node) { 7_799 } else { 7_700 };
            text += &format!(
                "\n[[node]]\nname = \"pi{node}\"\nhost = \"{}\"\nports = {{ ring = {port} }}\nled = {{ backend = \"none\" }}\n",
                name_of(node)
            );
        }
        text += "\n[[ball]]\nstart = \"pi1\"\nposition = [0, 300]\nvelocity = [240, 130]\ndwell = \"100ms\"\n";
        write(self.path(name), text).unwrap();
    }

    /// A node, on the machine of that number.
    pub(crate) fn start(&self, ring: &str, node: usize, machine: usize) -> Process {
        self.start_with(ring, node, machine, &[])
    }

    /// The same, started by these words.
    pub(crate) fn start_with(
        &self,
        ring: &str,
        node: usize,
        machine: usize,
        by: &[&str],
    ) -> Process {
        let wrapped = carom(&["run", "--node", &format!("pi{node}"), "--config"]);
        let mut command = bridge::inside(&namespace(machine), by, &wrapped);
        command.arg(self.path(ring));
        Process::spawn(command, &self.log_path(machine))
    }

    fn log_path(&self, machine: usize) -> PathBuf {
        self.path(&format!("machine{machine}.log"))
    }

    /// What the nodes on that machine have logged so far.
    pub(crate) fn log(&self, machine: usize) -> String {
        read_to_string(self.log_path(machine)).unwrap()
    }

    /// Waits until a node on that machine has logged this.
    pub(crate) fn wait_for_log(&self, machine: usize, words: &str, limit: Duration) {
        let what = format!("{words:?} in the log of machine {machine}");
        wait_for(limit, &what, || {
            self.log(machine).contains(words).then_some(())
        });
    }

    /// Whether the nodes on these machines all see these nodes up.
    pub(crate) fn are_linked(&self, machines: &[usize], nodes: &[usize]) -> bool {
        machines.iter().all(|&machine| {
            status(machine).is_some_and(|status| {
                let is_up = |&node: &usize| status["nodes"][node - 1]["state"] == "up";
                status["condition"] == "in-ring" && nodes.iter().all(is_up)
            })
        })
    }

    /// Waits until these nodes, each on its own machine, see each other.
    pub(crate) fn wait_until_linked(&self, nodes: &[usize], limit: Duration) {
        let what = format!("{nodes:?} to be linked");
        wait_for(limit, &what, || self.are_linked(nodes, nodes).then_some(()));
    }
}

impl Drop for Testbed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for machine in 1..=self.nodes + 1 {
                let log = read_to_string(self.log_path(machine)).unwrap_or_default();
                println!("--- log of machine {machine}\n{log}");
            }
        }
    }
}

/// The `/status` of the node on that machine, if it answers.
pub(crate) fn status(machine: usize) -> Option<Value> {
    let (code, body) = get_from(SocketAddr::from((address(machine), 8_080)), "/status").ok()?;
    (code == 200).then(|| serde_json::from_str(&body).unwrap())
}

/// The name of the host of that node.
pub(crate) fn name_of(node: usize) -> String {
    format!("pi{node}.carom.test")
}

fn namespace(machine: usize) -> String {
    format!("names{machine}")
}

/// Lets a file have another content for this test.
fn cover(folder: &Path, file: &str, text: &str) {
    let own = folder.join(file.replace('/', "-"));
    write(&own, text).unwrap();
    run(&format!("mount --bind {} {file}", own.display()));
}

impl Testbed {
    /// Kills a node and starts it again on its machine.
    pub(crate) fn start_again(&self, process: &mut Process, node: usize) -> Process {
        process.kill();
        self.start("ring.toml", node, node)
    }
}
