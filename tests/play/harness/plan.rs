//! The plan of a ring to set up, and its ring file.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

/// The radius and color of the ball; a window knows only whole pixels.
pub(crate) const RADIUS: f64 = 29.7;
pub(crate) const COLOR: [u8; 3] = [255, 64, 0];

/// A ring to set up.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) nodes: usize,
    pub(crate) lease: Duration,
    /// How long a ball stays on each screen.
    pub(crate) dwell: Duration,
    /// Nodes that are in the ring file but not started.
    pub(crate) absent: &'static [usize],
    /// Whether every pair is connected through a proxy.
    pub(crate) meshed: bool,
    /// `ring` or `row`.
    pub(crate) shape: &'static str,
    /// The positions of the windows: how many nodes come before each.
    pub(crate) windows: &'static [usize],
    /// More lines for the `[ring]` section.
    pub(crate) ring_options: &'static str,
    /// Whether every node has a control socket.
    pub(crate) controlled: bool,
    /// The host of every node.
    pub(crate) host: &'static str,
}

impl Plan {
    /// Five nodes with the default lease of half a second.
    pub(crate) fn five(dwell: Duration) -> Self {
        Self {
            nodes: 5,
            lease: Duration::from_millis(500),
            dwell,
            absent: &[],
            meshed: false,
            shape: "ring",
            windows: &[],
            ring_options: "",
            controlled: false,
            host: "127.0.0.1",
        }
    }
}

/// The ports of one node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    pub(crate) ring: u16,
    pub(crate) receiver: u16,
    pub(crate) rate: u16,
    pub(crate) http: u16,
    pub(crate) window_left: u16,
    pub(crate) window_right: u16,
}

impl Ports {
    pub(crate) fn draw() -> Self {
        let [ring, receiver, rate, http, window_left, window_right] = free_ports();
        Self {
            ring,
            receiver,
            rate,
            http,
            window_left,
            window_right,
        }
    }
}

/// Ports that nobody listens on now.
///
/// They are below the ports that the system gives to outgoing connections, so that the port of a
/// node that is down for a while is still free when it comes back.
pub(crate) fn free_ports<const COUNT: usize>() -> [u16; COUNT] {
    const FIRST: u16 = 15_000;
    const COUNT_OF_ALL: u16 = 17_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() % u32::from(COUNT_OF_ALL)) as u16;
    let mut found = BTreeSet::new();
    while found.len() < COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        assert!(step < COUNT_OF_ALL, "no free port is left");
        let port = FIRST + (start.wrapping_add(step) % COUNT_OF_ALL);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            found.insert(port);
        }
    }
    let mut found = found.into_iter();
    [(); COUNT].map(|()| found.next().unwrap())
}

/// The ports on which a window takes balls from its left and from its right.
pub(crate) type WindowPorts = [u16; 2];

/// The ring file that has these ring ports.
pub(crate) fn ring_file(
    plan: &Plan,
    name: &str,
    folder: &Path,
    (ports, windows): (&[Ports], &[WindowPorts]),
    ring_ports: &[u16],
) -> String {
    let mut text = format!(
        "[ring]\nname = {name:?}\nshape = {:?}\nlease = \"{}ms\"\n{}\n",
        plan.shape,
        plan.lease.as_millis(),
        plan.ring_options,
    );
    for (index, (ports, ring)) in ports.iter().zip(ring_ports).enumerate() {
        let number = index + 1;
        write_windows(&mut text, plan, windows, index);
        let Ports {
            receiver,
            rate,
            http,
            window_left,
            window_right,
            ..
        } = ports;
        let (host, trace) = (plan.host, folder.join(format!("pi{number}.trace")));
        write!(
            text,
            "\n[[node]]\nname = \"pi{number}\"\nhost = {host:?}\n\
             ports = {{ ring = {ring}, receiver = {receiver}, rate = {rate}, http = {http}, \
             window-left = {window_left}, window-right = {window_right} }}\n\
             led = {{ backend = \"trace\", path = {trace:?} }}\n"
        )
        .unwrap();
    }
    write_windows(&mut text, plan, windows, ports.len());
    write!(
        text,
        "\n[[ball]]\nstart = \"pi1\"\nposition = [0, 300]\nvelocity = [240, 130]\nradius = {RADIUS}\n\
         color = {COLOR:?}\ndwell = \"{}ms\"\n",
        plan.dwell.as_millis()
    )
    .unwrap();
    text
}

/// Writes the windows that come after so many nodes.
fn write_windows(text: &mut String, plan: &Plan, windows: &[WindowPorts], after: usize) {
    let all = plan.windows.iter().zip(windows).enumerate();
    for (index, (_, [left, right])) in all.filter(|(_, (place, _))| **place == after) {
        let number = index + 1;
        write!(
            text,
            "\n[[node]]\nkind = \"window\"\nname = \"laptop{number}\"\n\
             listen-left = \"127.0.0.1:{left}\"\nlisten-right = \"127.0.0.1:{right}\"\n"
        )
        .unwrap();
    }
}
