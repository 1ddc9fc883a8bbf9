//! Windows: where they are, where they listen, and how they appear in the topology.

use std::time::Duration;

use carom::config::{Config, Faults, Overrides};
use carom::ring::{Direction, LateCopy, NodeId, Topology};

use crate::{PLAIN, parse, report};

fn load(text: &str) -> Result<Config, Faults> {
    parse(text, &[], &Overrides::default())
}

fn window(name: &str, rest: &str) -> String {
    format!("[[node]]\nkind = \"window\"\nname = {name:?}\nhost = \"{name}.local\"\n{rest}\n")
}

/// A window in front of the first node, two behind the second.
fn with_windows(shape: &str) -> String {
    let parts: Vec<_> = PLAIN.split("[[node]]").collect();
    let [ring, one, two, rest] = parts.as_slice() else {
        panic!("{parts:?}")
    };
    let low = window("low", "screen = { height = 300 }");
    format!(
        "{ring}shape = {shape:?}\n{}[[node]]{one}[[node]]{two}{low}{}[[node]]{rest}",
        window("desk", "listen-right = \"[fd00::7]:900\""),
        window("high", ""),
    )
}

/// Every window chain: its left node, the names of its windows, its right node.
fn chains(topology: &Topology) -> Vec<(Option<u16>, Vec<&str>, Option<u16>)> {
    let id = |node: Option<NodeId>| node.map(|node| node.0);
    let chains = topology.window_chains.iter().map(|gap| {
        let names = gap.windows.iter().map(|window| window.name.as_str());
        (id(gap.left), names.collect(), id(gap.right))
    });
    chains.collect()
}

#[test]
fn the_topology_has_the_window_chains_and_no_window_is_a_node() {
    let ring = load(&with_windows("ring")).unwrap();
    let topology = ring.topology();
    assert_eq!(topology.nodes, ["pi1", "pi2", "pi3"]);
    assert_eq!(ring.nodes.len(), 3);
    assert_eq!(topology.balls[0].start, NodeId(1));
    assert_eq!(topology.quorum(), 2);
    assert_eq!(
        chains(&topology),
        [
            (Some(1), vec!["low", "high"], Some(2)),
            (Some(2), vec!["desk"], Some(0)),
        ]
    );
    let low = topology.window_chains[0].windows[0].screen;
    assert_eq!((low.width, low.height), (800.0, 300.0));
    let row = load(&with_windows("row")).unwrap().topology();
    assert_eq!(
        chains(&row),
        [
            (None, vec!["desk"], Some(0)),
            (Some(1), vec!["low", "high"], Some(2)),
        ]
    );
    assert_ne!(topology.fingerprint(), row.fingerprint());
}

#[test]
fn every_edge_leads_to_the_entrance_on_its_side() {
    let config = load(&with_windows("ring")).unwrap();
    let met = |node, direction| {
        let window = config.window(NodeId(node), direction)?;
        window.entrance(direction).map(ToString::to_string)
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(met(0, Direction::Left), text("[fd00::7]:900"));
    assert_eq!(met(0, Direction::Right), None);
    assert_eq!(met(1, Direction::Right), text("low.local:10001"));
    assert_eq!(met(2, Direction::Left), text("high.local:10002"));
    assert_eq!(met(2, Direction::Right), text("desk.local:10001"));
    let ports = config.nodes[0].ports;
    assert_eq!((ports.window_left, ports.window_right), (10001, 10002));
}

#[test]
fn addresses_of_windows_are_no_part_of_the_topology() {
    let here = load(&with_windows("ring")).unwrap();
    let moved = with_windows("ring").replace("high.local", "high.lan");
    let moved = load(&moved).unwrap();
    assert_ne!(here, moved);
    assert_eq!(here.topology(), moved.topology());
}

#[test]
fn loans_and_guests_have_defaults_and_layers() {
    let plain = load(PLAIN).unwrap().topology().external_balls;
    assert_eq!(plain.loan, Duration::from_secs(60));
    assert_eq!(plain.late_copy, LateCopy::Refuse);
    assert_eq!((plain.guests, plain.guest_life.as_secs()), (4, 300));
    let set = [
        ("CAROM_RING__LOAN", "2s"),
        ("CAROM_RING__LATE_COPY", "guest"),
        ("CAROM_RING__GUESTS", "0"),
        ("CAROM_RING__GUEST_LIFE", "1440m"),
        ("CAROM_PORTS__WINDOW_LEFT", "10021"),
    ];
    let config = parse(PLAIN, &set, &Overrides::default()).unwrap();
    let visits = config.topology().external_balls;
    assert_eq!(visits.loan, Duration::from_secs(2));
    assert_eq!(visits.late_copy, LateCopy::Guest);
    assert_eq!((visits.guests, visits.guest_life.as_secs()), (0, 86_400));
    assert_eq!(config.nodes[2].ports.window_left, 10021);
}

#[test]
fn a_loan_is_no_shorter_than_the_lease_whoever_sets_them() {
    let loan = [("CAROM_RING__LOAN", "1s")];
    let flags = Overrides::default();
    let told = report(parse(PLAIN, &loan, &flags));
    assert!(
        told.starts_with("environment CAROM_RING__LOAN: ring.loan: 1s is less than the lease"),
        "{told}"
    );
    let shorter = flags.set("ring.lease", "1s");
    parse(PLAIN, &loan, &shorter).unwrap();
}

/// Three nodes and a window, all on this machine.
fn loopback(node: &str, window: &str) -> String {
    let nodes = (1..=3).map(|n| {
        let extra = if n == 3 { node } else { "" };
        format!(
            "[[node]]\nname = \"n{n}\"\nhost = \"127.0.0.1\"\n\
             ports = {{ ring = 770{n}, receiver = 1001{n}, rate = 1011{n}, http = 808{n}{extra} }}\n"
        )
    });
    let nodes: String = nodes.collect();
    format!(
        "[ring]\nname = \"r\"\n{nodes}\n[[node]]\nname = \"w\"\nkind = \"window\"\n\
         host = \"127.0.0.1\"\n{window}\n"
    )
}

#[test]
fn window_ports_collide_only_where_there_is_a_window() {
    // n3 has the window on its right, n1 on its left; n2 uses neither of its window ports.
    load(&loopback(
        "",
        "listen-left = \"127.0.0.1:10031\"\nlisten-right = \"127.0.0.1:10032\"",
    ))
    .unwrap();
    let told = report(load(&loopback("", "")));
    assert_eq!(
        told.lines().collect::<Vec<_>>(),
        [
            "ring.toml:19:8: node[w].host: leads to 127.0.0.1:10001 for listen-left, but that is \
             the window-left port of node[n1]: write listen-left = \"HOST:PORT\" with another port",
            "ring.toml:19:8: node[w].host: leads to 127.0.0.1:10002 for listen-right, but that is \
             the window-right port of node[n3]: write listen-right = \"HOST:PORT\" with another port",
        ]
    );
    let own = "listen-left = \"127.0.0.1:10031\"\nlisten-right = \"127.0.0.1:10032\"";
    let told = report(load(&loopback(", window-right = 8083", own)));
    assert!(told.contains("node[n3].ports.window-right: 8083 is the http port too"));
    load(&loopback(", window-left = 8083", own)).unwrap();
}

#[test]
fn a_window_at_an_end_of_a_row_needs_its_inner_side_only() {
    // As the chapter has it: two windows on one machine, the left one listens on 10002, the right one on
    // 10001. Nothing listens on the other two ports.
    let row = |left: &str, right: &str, shape: &str| {
        format!(
            "[ring]\nname = \"r\"\nshape = {shape:?}\n\
             [[node]]\nkind = \"window\"\nname = \"left\"\n{left}\n\
             [[node]]\nname = \"pi1\"\nhost = \"192.168.7.11\"\n\
             [[node]]\nkind = \"window\"\nname = \"right\"\n{right}\n"
        )
    };
    let host = "host = \"192.168.7.20\"";
    let inner = [
        "right = \"192.168.7.20:10002\"",
        "left = \"192.168.7.20:10001\"",
    ];
    let [left, right] = inner.map(|side| format!("listen-{side}"));
    for text in [row(host, host, "row"), row(&left, &right, "row")] {
        let config = load(&text).unwrap_or_else(|faults| panic!("{faults}"));
        let entrance = |direction| config.window(NodeId(0), direction)?.entrance(direction);
        let shown =
            [Direction::Left, Direction::Right].map(|edge| entrance(edge).unwrap().to_string());
        assert_eq!(shown, ["192.168.7.20:10002", "192.168.7.20:10001"]);
        let [at_left, at_right] = config.window_chains.as_slice() else {
            panic!()
        };
        assert_eq!(at_left.windows[0].listen_left, None);
        assert_eq!(at_right.windows[0].listen_right, None);
    }
    // In a ring there is no end: the two windows are neighbours and need both sides.
    let told = report(load(&row(&left, &right, "ring")));
    let expected = ["left", "right"].map(|name| format!("node[{name}].host: is missing"));
    assert!(expected.iter().all(|fault| told.contains(fault)), "{told}");
    // The outer side of an end is not compared, but what is written there must be an address.
    let same = format!("{right}\nlisten-right = \"192.168.7.20:10002\"");
    load(&row(&left, &same, "row")).unwrap();
    let told = report(load(&row(&left, &same.replace(":10002", ""), "row")));
    assert!(
        told.contains("node[right].listen-right: wants an address and a port"),
        "{told}"
    );
    // Two windows side by side: only the outer one is an end.
    let two = format!("{left}\n[[node]]\nkind = \"window\"\nname = \"second\"\n{left}");
    let told = report(load(&row(&two, &right, "row")));
    assert!(told.contains("node[second].host: is missing"), "{told}");
    assert!(!told.contains("node[left].host"), "{told}");
}

#[test]
fn every_window_chain_has_a_warning_about_what_is_unsafe_there() {
    let warnings = |text: &str| -> Vec<String> {
        let mut config = load(text).unwrap();
        config.ring.key_file = Some("ring.key".into());
        config.warnings().iter().map(ToString::to_string).collect()
    };
    let told = warnings(&with_windows("ring"));
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(
        told[0],
        "low, high are between pi2 and pi3, where nobody acknowledges a ball: it can be lost there, \
         or be there twice; 60s (loan) after it left, the node that lent it brings it back; windows \
         have no vote"
    );
    assert!(told[1].starts_with("desk is between pi3 and pi1"));
    let row = warnings(&with_windows("row"));
    assert!(row[0].starts_with("desk is on the left of pi1"), "{row:?}");
    let far = with_windows("ring").replace("high.local", "127.0.0.1");
    assert!(
        warnings(&far)[0]
            .contains("window high is at 127.0.0.1:10002, which leads node pi3 to itself")
    );
    let one = format!(
        "[ring]\nname = \"r\"\n[[node]]\nname = \"a\"\nhost = \"a\"\n{}",
        window("w", "")
    ) + "[[ball]]\nstart = \"a\"\nposition = [1, 1]\nvelocity = [1, 1]\n";
    let told = warnings(&one);
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("w is on both sides of a,"), "{told:?}");
}
