//! False hellos, garbage and silence on the ring port: each costs its own connection and one log line.

use std::thread::sleep;
use std::time::Duration;

use crate::harness::{ClaimedIdentity, Cluster, Plan, RawClient, exclusive, millis, nanos, now};

/// The shortest time for which the ball is watched: twenty screens.
const PLAYED: Duration = Duration::from_secs(2);

/// One attack on pi1.
struct Attack {
    name: &'static str,
    says: Vec<u8>,
    /// Must be contained in the answer; empty if no answer is needed.
    answer: &'static str,
    /// Must be contained in the log of pi1.
    log: &'static str,
}

fn ring_of_four() -> Cluster {
    Cluster::start_whole(Plan {
        absent: &[4],
        ..Plan::five(Duration::from_millis(100))
    })
}

fn changed(ring: &Cluster, change: impl FnOnce(&mut ClaimedIdentity)) -> Vec<u8> {
    let mut claim = ClaimedIdentity::of(ring, "pi5");
    change(&mut claim);
    claim.hello()
}

/// A hello that is accepted, because pi5 does not run, and then more.
fn accepted_hello(ring: &Cluster, more: &[u8]) -> Vec<u8> {
    [&ClaimedIdentity::of(ring, "pi5").hello(), more].concat()
}

fn nested(open: &str, depth: usize, close: &str) -> Vec<u8> {
    format!("{}{}\n", open.repeat(depth), close.repeat(depth)).into_bytes()
}

fn false_hellos(ring: &Cluster) -> Vec<Attack> {
    let attack = |name, says, answer, log| Attack {
        name,
        says,
        answer,
        log,
    };
    vec![
        attack(
            "another ring",
            changed(ring, |claim| claim.ring = "classroom".to_owned()),
            "\"refused\"",
            "the peer in \"classroom\"",
        ),
        attack(
            "another topology",
            changed(ring, |claim| claim.topology = "0123456789abcdef".to_owned()),
            "\"refused\"",
            "differs from the peer's (topology 0123456789abcdef)",
        ),
        attack(
            "another version",
            changed(ring, |claim| claim.version = 1),
            "\"refused\"",
            "the peer version 1",
        ),
        attack(
            "an unknown node",
            changed(ring, |claim| claim.node = "pi9".to_owned()),
            "\"refused\"",
            "\"pi9\" is no node of the ring file",
        ),
        attack(
            "escape codes for a name",
            changed(ring, |claim| claim.node = "\u{1b}[2J\n\u{202e}".to_owned()),
            "\"refused\"",
            "is no node of the ring file",
        ),
        attack(
            "its own name",
            changed(ring, |claim| claim.node = "pi1".to_owned()),
            "\"refused\"",
            "the peer calls itself pi1",
        ),
        attack(
            "the name of a node that is linked",
            changed(ring, |claim| claim.node = "pi2".to_owned()),
            "\"duplicate\":true",
            "another process named pi2 is in the ring",
        ),
        attack(
            "a refusal out of the blue",
            b"{\"type\":\"refused\",\"reason\":\"go away\",\"duplicate\":true}\n".to_vec(),
            "",
            "the peer refused: go away",
        ),
    ]
}

fn garbage(ring: &Cluster) -> Vec<Attack> {
    let attack = |name, says, answer, log| Attack {
        name,
        says,
        answer,
        log,
    };
    vec![
        attack(
            "garbage",
            b"garbage\n".to_vec(),
            "\"refused\"",
            "the first line was no hello",
        ),
        attack(
            "a browser",
            b"GET / HTTP/1.1\r\nHost: pi1\r\n\r\n".to_vec(),
            "\"refused\"",
            "the first line was no hello",
        ),
        attack(
            "a heartbeat before its hello",
            b"{\"type\":\"heartbeat\",\"at\":1}\n".to_vec(),
            "\"refused\"",
            "the first line was no hello",
        ),
        attack(
            "a depth bomb",
            nested("[", 2_000, "]"),
            "\"refused\"",
            "the first line was no hello",
        ),
        attack(
            "a depth bomb from a peer",
            accepted_hello(ring, &nested("[", 30_000, "]")),
            "no message of the ring protocol",
            "pi5 at 127.0.0.1 is no longer connected: a line was no message",
        ),
        attack(
            "a depth bomb inside a message",
            accepted_hello(
                ring,
                &[
                    br#"{"type":"acquire","seq":1,"balls":"#.as_slice(),
                    &nested("[{\"x\":", 7_000, "}]"),
                ]
                .concat(),
            ),
            "no message of the ring protocol",
            "pi5 at 127.0.0.1 is no longer connected: a line was no message",
        ),
        attack(
            "a line without end from a peer",
            accepted_hello(ring, &[b'0'; 80 * 1024]),
            "",
            "pi5 at 127.0.0.1 is no longer connected: a line was longer than 65536 bytes",
        ),
        attack(
            "a hello and then silence",
            accepted_hello(ring, b""),
            "\"hello\"",
            "pi5 at 127.0.0.1 is no longer connected: nothing was heard for three heartbeats",
        ),
        attack("silence", Vec::new(), "", "no hello came within 2s"),
    ]
}

fn attack_all(ring: &Cluster, attacks: Vec<Attack>) {
    let nodes = ring.running();
    let (elections, hops) = (
        ring.counter(&nodes, "elections"),
        ring.counter(&nodes, "hops"),
    );
    let begun = now();
    for attack in attacks {
        let logged = ring.log(0).lines().count();
        let mut client = RawClient::connect(ring.ports[0].ring).unwrap();
        let begun = now();
        client.say(&attack.says);
        let heard = client.read_to_close(Duration::from_secs(4));
        let lasted = now() - begun;
        let heard = heard.unwrap_or_else(|| panic!("{}: not closed", attack.name));
        assert!(heard.contains(attack.answer), "{}: {heard}", attack.name);
        // A sentence that was logged a moment ago is not logged again.
        let lines = ring.wait_for_log(0, attack.log, Duration::from_secs(1));
        let new: Vec<&str> = lines.lines().skip(logged).collect();
        println!(
            "{}: closed after {:.1} ms; logged:",
            attack.name,
            millis(lasted)
        );
        for line in &new {
            println!("  {line}");
            assert!(!line.contains(|character: char| character.is_control()));
        }
        assert!(new.len() <= 2, "one sentence each");
        let condition = ring.status(0).map(|status| status["condition"].clone());
        assert_eq!(condition, Some("in-ring".into()), "{}", attack.name);
        assert!(
            ring.linked(&nodes),
            "{}: the ring was disturbed",
            attack.name
        );
    }
    let left = nanos(PLAYED).saturating_sub(now() - begun);
    sleep(Duration::from_nanos(left));
    assert_eq!(ring.counter(&nodes, "elections"), elections, "no election");
    let flown = ring.counter(&nodes, "hops") - hops;
    println!("meanwhile {flown} hops, no election");
    assert!(flown > 10);
    ring.assert_one_ball();
}

#[test]
fn a_wrong_hello_is_refused_with_a_reason_and_disturbs_nobody() {
    let _exclusive = exclusive();
    let ring = ring_of_four();
    attack_all(&ring, false_hellos(&ring));
}

#[test]
fn garbage_depth_bombs_and_silence_cost_only_their_own_connection() {
    let _exclusive = exclusive();
    let ring = ring_of_four();
    attack_all(&ring, garbage(&ring));
}
