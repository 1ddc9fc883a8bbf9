//! The ring: pi1 and pi2 are processes of this machine, pi3 is the emulated Pi.
//!
//! All three have one file, and every host in it is called "localhost". Here that is the loopback, where
//! QEMU listens for pi3; in the emulated Pi, /etc/hosts says that it is this machine.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::harness::{LedChange, Process, free_ports, merged};

/// The node that is the emulated Pi.
pub(crate) const PI: usize = 3;
/// Ample, for an emulated processor on a busy machine.
pub(crate) const LEASE: Duration = Duration::from_secs(2);
/// How long the ball stays with each node.
pub(crate) const DWELL: Duration = Duration::from_millis(300);

/// The two nodes of this machine.
pub(crate) struct Ring {
    folder: PathBuf,
    ports: [u16; 4 * PI],
    nodes: Vec<Process>,
}

impl Ring {
    pub(crate) fn set(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            ports: free_ports(),
            nodes: Vec::new(),
        }
    }

    /// The ports of the emulated Pi that this machine uses: ring and HTTP.
    pub(crate) fn ports_of_pi(&self) -> [u16; 2] {
        let [.., ring, _, _, http] = self.ports;
        [ring, http]
    }

    /// The ring file, with that LED for the emulated Pi, which is no part of the topology.
    pub(crate) fn file(&self, led: &str) -> String {
        let mut text = format!(
            "[ring]\nname = \"tests-pi-{}\"\nlease = \"{}ms\"\n",
            std::process::id(),
            LEASE.as_millis()
        );
        for (number, ports) in (1..).zip(self.ports.chunks(4)) {
            let [ring, receiver, rate, http] = ports else {
                continue;
            };
            let (listen, led) = if number == PI {
                ("0.0.0.0", led.to_owned())
            } else {
                let trace = self.folder.join(format!("pi{number}.trace"));
                (
                    "127.0.0.1",
                    format!("{{ backend = \"trace\", path = {trace:?} }}"),
                )
            };
            let _ = write!(
                text,
                "\n[[node]]\nname = \"pi{number}\"\nhost = \"localhost\"\nlisten = \"{listen}\"\nled = {led}\n\
                 ports = {{ ring = {ring}, receiver = {receiver}, rate = {rate}, http = {http} }}\n"
            );
        }
        let _ = write!(
            text,
            "\n[[ball]]\nstart = \"pi1\"\nposition = [0, 300]\nvelocity = [800, 130]\ndwell = \"{}ms\"\n",
            DWELL.as_millis()
        );
        text
    }

    /// Starts pi1 and pi2.
    pub(crate) fn start(&mut self) {
        let path = self.folder.join("ring.toml");
        fs::write(&path, self.file("{ backend = \"none\" }")).unwrap();
        for number in 1..PI {
            let log = self.folder.join(format!("pi{number}.log"));
            self.nodes
                .push(Process::start(&path, &format!("pi{number}"), &log));
        }
    }

    /// The LED changes of both so far.
    pub(crate) fn lines(&self) -> Vec<LedChange> {
        merged(&self.folder, PI - 1)
    }

    /// How many hops the ball has made, as far as they know.
    pub(crate) fn hops(&self) -> usize {
        self.lines().iter().filter(|line| line.on).count()
    }
}
