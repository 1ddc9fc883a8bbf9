//! The first line of a connection: only another node of the same ring is introduced, and a sentence says why.

#![no_main]

mod common;

use std::sync::LazyLock;

use carom::config::{Config, Overrides};
use carom::net::encode;
use carom::net::fuzzing::{Lines, message_in, peer_in};
use carom::ring::message::VERSION;
use carom::ring::{Hello, Incarnation, Message, NodeId, Topology};
use libfuzzer_sys::fuzz_target;

static TOPOLOGY: LazyLock<Topology> = LazyLock::new(|| {
    let ring = include_str!("../../config/ring.toml");
    let config = Config::parse("ring.toml", ring, &[], &Overrides::default());
    config.expect("the shipped file is right").topology()
});

const ME: NodeId = NodeId(0);

/// The fuzzer cannot guess a fingerprint: this text in a hello stands for the right one.
const FINGERPRINT: &str = "FINGERPRINT";

fuzz_target!(|data: &[u8]| {
    let Some((piece, mut rest)) = common::cut(data) else {
        return;
    };
    let mut lines = Lines::before_hello();
    let mut first = None;
    while !rest.is_empty() && first.is_none() {
        let read = lines.read(&mut rest, piece, |line| {
            first.get_or_insert_with(|| line.to_vec());
        });
        assert!(lines.memory() <= lines.longest());
        if let Err(sentence) = read {
            return common::assert_one_safe_line(&sentence);
        }
    }
    let Some(line) = first else { return };
    let line = String::from_utf8_lossy(&line).replace(FINGERPRINT, &TOPOLOGY.fingerprint());
    check_hello(line.as_bytes());
});

fn check_hello(line: &[u8]) {
    let introduced = peer_in(line, &TOPOLOGY, ME);
    let Ok(Message::Hello(hello)) = message_in(line) else {
        common::assert_one_safe_line(&introduced.expect_err("no hello"));
        return;
    };
    let fits = hello.version == VERSION
        && hello.ring == TOPOLOGY.ring
        && hello.topology == TOPOLOGY.fingerprint();
    match introduced {
        Ok(peer) => {
            assert!(fits && peer != ME);
            assert_eq!(TOPOLOGY.name(peer), hello.node);
            let mut said = Vec::new();
            let hello = Hello {
                incarnation: Incarnation(hello.incarnation.0),
                ..hello
            };
            encode(&Message::Hello(hello), &mut said);
            assert_eq!(peer_in(said.trim_ascii_end(), &TOPOLOGY, ME), Ok(peer));
        }
        Err(sentence) => {
            let is_other = TOPOLOGY.find(&hello.node).is_some_and(|node| node != ME);
            assert!(!fits || !is_other, "{sentence}");
            common::assert_one_safe_line(&sentence);
        }
    }
}
