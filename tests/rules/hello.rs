//! The first message of a connection: which peers are accepted, and the format of the line.

use carom::ring::message::VERSION;
use carom::ring::{Hello, Incarnation, Message, NodeId, Topology};

use crate::fixture::{LEASE, topology};

fn hello(topology: &Topology) -> Hello {
    Hello {
        version: VERSION,
        ring: "rules".to_owned(),
        node: "pi2".to_owned(),
        incarnation: Incarnation(0x2a),
        topology: topology.fingerprint(),
        continues: false,
        obituary: None,
    }
}

/// What pi1 says.
fn own(topology: &Topology) -> Hello {
    Hello {
        node: "pi1".to_owned(),
        ..hello(topology)
    }
}

#[test]
fn the_format_is_what_the_protocol_says() {
    let text = serde_json::to_string(&Message::Hello(hello(&topology(3, LEASE)))).unwrap();
    assert!(
        text.starts_with(r#"{"type":"hello","version":2,"ring":"rules","node":"pi2""#),
        "{text}"
    );
    assert!(
        text.contains(r#""incarnation":"000000000000002a""#),
        "{text}"
    );
}

#[test]
fn a_peer_of_the_same_ring_file_is_known_by_its_name() {
    let topology = topology(3, LEASE);
    assert_eq!(
        hello(&topology).introduce(&own(&topology), &topology),
        Ok(NodeId(1))
    );
}

#[test]
fn every_mismatch_is_named() {
    let ours = topology(3, LEASE);
    let theirs = topology(3, LEASE + 1);
    let good = || hello(&ours);
    for (wrong, named) in [
        (
            Hello {
                version: VERSION + 1,
                ..good()
            },
            "version",
        ),
        (
            Hello {
                ring: "other".to_owned(),
                ..good()
            },
            "\"other\"",
        ),
        (
            Hello {
                topology: theirs.fingerprint(),
                continues: false,
                ..good()
            },
            "differs",
        ),
        (
            Hello {
                node: "pi9".to_owned(),
                ..good()
            },
            "\"pi9\" is no node",
        ),
        (
            Hello {
                node: "pi1".to_owned(),
                ..good()
            },
            "calls itself pi1",
        ),
    ] {
        let sentence = wrong.introduce(&own(&ours), &ours).unwrap_err();
        assert!(sentence.contains(named), "{sentence}");
    }
}
