//! A new ring file for a running node: it takes over all that has changed, or nothing.

use super::leds::Leds;
use super::windows::WindowEndpoints;
use crate::config::{Config, NodeConfig, WindowConfig};
use crate::endpoint::Endpoint;
use crate::key::Keys;
use crate::ring::{Direction, NodeId, Topology};

/// What the new file changes in a running node.
pub struct ReloadChanges {
    /// Where every node listens for its peers, in ring order.
    pub ring_endpoints: Vec<Endpoint>,
    /// Where every node answers HTTP, in ring order.
    pub http_endpoints: Vec<Endpoint>,
    /// Further names by which HTTP clients may ask for this node.
    pub http_names: Vec<String>,
    /// The keys of the key file, changed or not; `None` if the ring has no key.
    pub keys: Option<Keys>,
    /// Where the windows beside the node take balls.
    pub windows: WindowEndpoints,
    /// Opens the node's new LED, once the old one is off and released; `None` if it stays.
    pub leds: Option<Box<dyn FnOnce() -> Leds + Send>>,
}

/// One step of a reload, for the ring loop.
pub enum ReloadStep {
    /// The file is being read.
    Begun,
    /// The file is the same, as far as this node is concerned.
    Unchanged,
    /// These changes are to be made now.
    Apply(Box<ReloadChanges>),
    /// Nothing changes: the file was refused.
    Refused,
}

/// Why a running node refuses a ring file that has no faults.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReloadRefused {
    /// Other nodes, another order, lease, shape, screen or balls: nodes with different topologies
    /// never talk.
    #[error(
        "it describes another ring (topology {new}, this node runs {running}), and nodes with different files never talk: stop all nodes, change the file on all, start all, as deploy/rollout does"
    )]
    Topology {
        /// The fingerprint of the topology that this node runs with.
        running: String,
        /// The fingerprint of the new file's topology.
        new: String,
    },
    /// This node would have to listen somewhere else.
    #[error(
        "it gives this node another host, listen or port, which needs new listeners: restart this node"
    )]
    Listeners,
    /// The ring would get a key, or lose it.
    #[error(
        "{}, and nodes with a key and nodes without never talk: stop all nodes, change the file on all, start all, as deploy/rollout does",
        if *.on { "it names a key-file, and this node runs without a key" } else { "it names no key-file, and this node runs with a key" }
    )]
    Key {
        /// Whether the new file gives the ring a key.
        on: bool,
    },
}

/// What differs between two files, in sentences; empty if no difference concerns node `me`.
///
/// # Errors
/// When the difference is more than a running node can take over.
pub fn compare(old: &Config, new: &Config, me: NodeId) -> Result<Vec<String>, ReloadRefused> {
    let (running, wanted) = (old.topology(), new.topology());
    if running != wanted {
        return Err(ReloadRefused::Topology {
            running: running.fingerprint(),
            new: wanted.fingerprint(),
        });
    }
    let mut sentences = Vec::new();
    for (id, (old, new)) in running.node_ids().zip(old.nodes.iter().zip(&new.nodes)) {
        if id == me {
            if binds(old, &running, me) != binds(new, &wanted, me) {
                return Err(ReloadRefused::Listeners);
            }
            if old.led != new.led {
                sentences.push("this node has another LED".to_owned());
            }
            if old.host != new.host {
                sentences.push(format!("this node is at {} for the others", new.host));
            }
            continue;
        }
        if (&old.host, old.ports.ring) != (&new.host, new.ports.ring) {
            sentences.push(format!(
                "{} is at {} port {}",
                new.name, new.host, new.ports.ring
            ));
        }
        if old.ports.http != new.ports.http {
            sentences.push(format!(
                "{} has its page at port {}",
                new.name, new.ports.http
            ));
        }
    }
    sentences.extend(http_names(old, new));
    for direction in [Direction::Left, Direction::Right] {
        let (old, new) = (old.window(me, direction), new.window(me, direction));
        let entrance = |window: Option<&'_ WindowConfig>| window?.entrance(direction).cloned();
        if let (Some(window), Some(new)) = (new, entrance(new))
            && entrance(old).as_ref() != Some(&new)
        {
            sentences.push(format!("{} takes balls at {new}", window.name));
        }
    }
    Ok(sentences)
}

/// What differs between the keys of two key files, in a sentence; `None` if nothing does.
///
/// # Errors
/// When the ring would get a key, or lose it.
pub fn compare_keys(
    old: Option<&Keys>,
    new: Option<&Keys>,
) -> Result<Option<String>, ReloadRefused> {
    if old.is_some() != new.is_some() {
        return Err(ReloadRefused::Key { on: new.is_some() });
    }
    Ok(new
        .filter(|_| old != new)
        .map(crate::program::keys::in_words))
}

/// By which further names HTTP clients may ask for this node, if that has changed.
fn http_names(old: &Config, new: &Config) -> Option<String> {
    let names = &new.ring.http_names;
    (*names != old.ring.http_names).then(|| match names.as_slice() {
        [] => "HTTP clients may use no further names".to_owned(),
        some => format!("HTTP clients may use the further names {}", some.join(", ")),
    })
}

/// All settings that decide where node `me` listens.
fn binds<'node>(
    node: &'node NodeConfig,
    topology: &Topology,
    me: NodeId,
) -> impl PartialEq + use<'node> {
    let literal = node.host.parse::<std::net::IpAddr>().ok();
    let mut ports = node.ports;
    // Without a window there is no listener for it.
    if topology.window_chain(me, Direction::Left).is_none() {
        ports.window_left = 0;
    }
    if topology.window_chain(me, Direction::Right).is_none() {
        ports.window_right = 0;
    }
    (
        node.listen,
        literal.filter(|_| node.listen.is_none()),
        ports,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;
    use crate::key::Key;

    fn ring(changes: &[(&str, &str)]) -> Config {
        let text = include_str!("../../config/ring.toml").to_owned();
        let text = changes.iter().fold(text, |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        });
        Config::parse("ring.toml", &text, &[], &Overrides::default()).unwrap()
    }

    fn compared(me: u16, changes: &[(&str, &str)]) -> Result<Vec<String>, ReloadRefused> {
        compare(&ring(&[]), &ring(changes), NodeId(me))
    }

    #[test]
    fn the_same_file_changes_nothing() {
        assert_eq!(compared(0, &[]), Ok(Vec::new()));
        assert_eq!(
            compared(0, &[("ssh = \"pi@", "ssh = \"eva@")]),
            Ok(Vec::new())
        );
    }

    #[test]
    fn a_peer_moves_and_an_led_is_wired_elsewhere() {
        let moved = [("host = \"pi2.local\"", "host = \"192.168.7.2\"")];
        assert_eq!(
            compared(0, &moved),
            Ok(vec!["pi2 is at 192.168.7.2 port 7700".to_owned()])
        );
        let rewired = [("pin = 17", "pin = 18")];
        assert_eq!(
            compared(0, &rewired),
            Ok(vec!["this node has another LED".to_owned()])
        );
        assert_eq!(compared(1, &rewired), Ok(Vec::new()));
    }

    #[test]
    fn names_for_http_clients_are_taken_over() {
        let lists = [("http-names = []", "http-names = [\"pi.lan\", \"10.0.0.9\"]")];
        let sentence = "HTTP clients may use the further names pi.lan, 10.0.0.9";
        assert_eq!(compared(0, &lists), Ok(vec![sentence.to_owned()]));
        let (long, short) = (ring(&lists), ring(&[]));
        let sentence = "HTTP clients may use no further names";
        let compared_back = compare(&long, &short, NodeId(0));
        assert_eq!(compared_back, Ok(vec![sentence.to_owned()]));
        // Only a name: an address would need another listener.
        let host = [("host = \"pi2.local\"", "host = \"pi2.lan\"")];
        let sentence = "this node is at pi2.lan for the others";
        assert_eq!(compared(1, &host), Ok(vec![sentence.to_owned()]));
    }

    #[test]
    fn new_keys_are_taken_over_but_a_ring_keeps_its_key_or_keeps_having_none() {
        let key = |byte| Key::from_bytes([byte; 32]);
        let (one, two) = (Keys::new(key(1), None), Keys::new(key(1), Some(key(2))));
        let turned = Keys::new(key(2), Some(key(1)));
        assert_eq!(compare_keys(None, None), Ok(None));
        assert_eq!(compare_keys(Some(&two), Some(&two.clone())), Ok(None));
        let [first, second] = [1, 2].map(|byte| key(byte).fingerprint());
        for (old, new, sentence) in [
            (
                &one,
                &two,
                format!("links use the key {first}, and {second} is also accepted"),
            ),
            (
                &two,
                &turned,
                format!("links use the key {second}, and {first} is also accepted"),
            ),
            (
                &two,
                &one,
                format!("links use the key {first}, and no other is accepted"),
            ),
        ] {
            assert_eq!(compare_keys(Some(old), Some(new)), Ok(Some(sentence)));
        }
        let refused = compare_keys(None, Some(&one)).unwrap_err();
        assert_eq!(refused, ReloadRefused::Key { on: true });
        assert!(
            refused.to_string().starts_with("it names a key-file"),
            "{refused}"
        );
        let refused = compare_keys(Some(&one), None).unwrap_err().to_string();
        assert!(refused.contains("stop all nodes"), "{refused}");
    }

    #[test]
    fn another_ring_or_another_listener_is_refused() {
        for change in [
            ("lease = \"500ms\"", "lease = \"501ms\""),
            ("name = \"pi3\"", "name = \"pi33\""),
            ("position = [100, 300]", "position = [101, 300]"),
        ] {
            let refused = compared(0, &[change]).unwrap_err().to_string();
            assert!(refused.contains("stop all nodes"), "{refused}");
        }
        let port = [("ports = { http = 8081 }", "ports = { http = 8082 }")];
        assert_eq!(compared(4, &port), Err(ReloadRefused::Listeners));
        let page = Ok(vec!["pi5 has its page at port 8082".to_owned()]);
        assert_eq!(compared(0, &port), page);
        let host = [("192.168.7.15", "192.168.7.16")];
        assert_eq!(compared(4, &host), Err(ReloadRefused::Listeners));
    }

    #[test]
    fn a_window_moves_for_the_nodes_beside_it_only() {
        const WINDOW: &str =
            "\n[[node]]\nkind = \"window\"\nname = \"laptop\"\nhost = \"laptop.local\"\n\n[[ball]]";
        let old = ring(&[("\n[[ball]]", WINDOW)]);
        let new = |change| ring(&[("\n[[ball]]", WINDOW), change]);
        let moved = new(("laptop.local\"\n\n", "laptop.lan\"\n\n"));
        let sentence = |port: u16| Ok(vec![format!("laptop takes balls at laptop.lan:{port}")]);
        assert_eq!(compare(&old, &moved, NodeId(0)), sentence(10002));
        assert_eq!(compare(&old, &moved, NodeId(4)), sentence(10001));
        assert_eq!(compare(&old, &moved, NodeId(1)), Ok(Vec::new()));
        let window_endpoints = WindowEndpoints::of(&moved, NodeId(4));
        assert_eq!(window_endpoints.left, None);
        assert_eq!(
            window_endpoints.right.unwrap().to_string(),
            "laptop.lan:10001"
        );
        // Only the node that has the window on its left listens on that port.
        let port = new(("window-left = 10001", "window-left = 10021"));
        assert_eq!(
            compare(&old, &port, NodeId(0)),
            Err(ReloadRefused::Listeners)
        );
        assert_eq!(compare(&old, &port, NodeId(4)), Ok(Vec::new()));
        let screen = new((
            "laptop.local\"\n\n",
            "laptop.local\"\nscreen = { width = 801 }\n\n",
        ));
        assert!(matches!(
            compare(&old, &screen, NodeId(0)),
            Err(ReloadRefused::Topology { .. })
        ));
    }
}
