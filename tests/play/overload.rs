//! Overload on the ring port: too many bytes, messages and connections.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::Duration;

use crate::harness::{ClaimedIdentity, Cluster, Plan, RawClient, exclusive, millis, nanos, now};

const FLOOD: usize = 200_000_000;
const CROWD: usize = 500;
const MOST_RSS_KIB: u64 = 20 * 1024;
const MOST_LOG_LINES: usize = 99;

/// pi1 does not run at first; later it has to connect to pi2 among the many connections there.
fn ring_of_four() -> Cluster {
    Cluster::start_whole(Plan {
        absent: &[0],
        ..Plan::five(Duration::from_millis(100))
    })
}

/// Hops and elections so far.
fn hops_and_elections(ring: &Cluster, nodes: &[usize]) -> (u64, u64) {
    (
        ring.counter(nodes, "hops"),
        ring.counter(nodes, "elections"),
    )
}

fn assert_small_and_quiet(ring: &Cluster, what: &str) {
    for node in ring.running() {
        let usage = ring.process(node).usage();
        let lines = ring.log(node).lines().count();
        println!(
            "{what}: pi{} used {:.1} MiB at most, {lines} log lines, {} ms CPU",
            node + 1,
            usage.most_rss_kib as f64 / 1024.0,
            usage.cpu_millis,
        );
        assert!(usage.most_rss_kib < MOST_RSS_KIB);
        assert!(lines <= MOST_LOG_LINES, "{}", ring.log(node));
    }
}

/// Sends that many zeros to pi2, on a new connection whenever one is closed; returns how many
/// connections that took.
fn flood(ring: &Cluster, hello: &[u8], bytes: usize) -> usize {
    let zeros = vec![0; 1 << 20];
    let (mut sent, mut connections) = (0, 0);
    while sent < bytes {
        let mut client = RawClient::connect(ring.ports[1].ring).unwrap();
        connections += 1;
        client.say(hello);
        while let Ok(count) = client.0.write(&zeros) {
            sent += count;
        }
    }
    connections
}

#[test]
fn two_hundred_megabytes_without_a_newline_cost_no_memory_and_no_hop() {
    let _exclusive = exclusive();
    let ring = ring_of_four();
    let nodes = ring.running();
    let (hops, elections) = hops_and_elections(&ring, &nodes);
    let begun = now();
    let clients = flood(&ring, b"", FLOOD);
    println!(
        "200 MB of zeros from strangers: {clients} connections, {:.0} ms",
        millis(now() - begun)
    );
    let hello = ClaimedIdentity::of(&ring, "pi1").hello();
    let begun = now();
    let peers = flood(&ring, &hello, FLOOD / 10);
    println!(
        "20 MB of zeros from a peer: {peers} connections, {:.0} ms",
        millis(now() - begun)
    );
    sleep(Duration::from_millis(500));
    let (hops_after, elections_after) = hops_and_elections(&ring, &nodes);
    println!("meanwhile {} hops", hops_after - hops);
    assert_small_and_quiet(&ring, "zeros");
    assert!(ring.linked(&nodes));
    assert_eq!(elections_after, elections, "no election");
    assert!(hops_after > hops);
    let seen = ring.assert_one_ball();
    let (dark, _) = seen.longest_gap(begun, now());
    println!("longest dark {:.1} ms", millis(dark));
}

#[test]
fn a_peer_that_never_stops_talking_takes_nothing_from_the_others() {
    let _exclusive = exclusive();
    let ring = ring_of_four();
    let nodes = ring.running();
    let (hops, elections) = hops_and_elections(&ring, &nodes);
    let begun = now();
    let mut client = RawClient::connect(ring.ports[1].ring).unwrap();
    client.say(&ClaimedIdentity::of(&ring, "pi1").hello());
    let lines = b"{\"type\":\"later\",\"than\":[1,2,3]}\n".repeat(1_000);
    let mut said = 0;
    while now() - begun < nanos(Duration::from_secs(3)) {
        client
            .0
            .write_all(&lines)
            .expect("what is unknown is skipped");
        said += 1_000;
    }
    let (hops_after, elections_after) = hops_and_elections(&ring, &nodes);
    let (dark, _) = ring.assert_one_ball().longest_gap(begun, now());
    println!(
        "{said} lines from a peer in 3 s: {} hops, longest dark {:.1} ms",
        hops_after - hops,
        millis(dark)
    );
    assert_small_and_quiet(&ring, "chatter");
    assert_eq!(elections_after, elections, "no election");
    assert!(ring.linked(&nodes));
    assert!(hops_after - hops >= 15);
}

#[test]
fn five_hundred_idle_connections_keep_no_peer_out_and_no_ball_waiting() {
    let _exclusive = exclusive();
    let mut ring = ring_of_four();
    let nodes = ring.running();
    let (hops, elections) = hops_and_elections(&ring, &nodes);
    let port = ring.ports[1].ring;
    let begun = now();
    let over = AtomicBool::new(false);
    let (opened, linked) = scope(|scope| {
        // Evicted connections are opened again at once, so that there are always five hundred.
        let crowd = scope.spawn(|| {
            let mut crowd = std::collections::VecDeque::new();
            let mut opened = 0_usize;
            while !over.load(Ordering::Relaxed) {
                // From many computers: the limit for one address must not help.
                let [.., high, low] = (opened % 10_000).to_be_bytes();
                let source = [127, 1, high, low];
                crowd.push_back(RawClient::connect_from(source, port).unwrap());
                opened += 1;
                if crowd.len() > CROWD {
                    crowd.pop_front();
                    sleep(Duration::from_millis(1));
                }
            }
            opened
        });
        sleep(Duration::from_secs(2));
        let (hops_after, _) = hops_and_elections(&ring, &nodes);
        println!("2 s of a crowd: {} hops", hops_after - hops);
        assert!(hops_after - hops >= 10);
        ring.spawn(0);
        let linked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            ring.wait_until_whole(Duration::from_secs(5))
        }));
        over.store(true, Ordering::Relaxed);
        (crowd.join().unwrap(), linked.unwrap())
    });
    println!(
        "{opened} connections in {:.0} ms, {CROWD} open at a time; pi1 was in the ring {:.0} ms after its start",
        millis(now() - begun),
        millis(linked)
    );
    assert!(linked <= nanos(Duration::from_secs(2)));
    let (_, elections_after) = hops_and_elections(&ring, &nodes);
    assert_eq!(elections_after, elections, "no election");
    assert_small_and_quiet(&ring, "crowd");
    ring.assert_one_ball();
}

#[test]
fn a_flood_from_one_address_keeps_no_peer_at_another_out() {
    let _exclusive = exclusive();
    let mut ring = ring_of_four();
    let nodes = ring.running();
    let (hops, elections) = hops_and_elections(&ring, &nodes);
    let port = ring.ports[1].ring;
    let over = AtomicBool::new(false);
    let begun = now();
    let (opened, linked) = scope(|scope| {
        let flood = scope.spawn(|| {
            let mut opened = 0;
            while !over.load(Ordering::Relaxed) {
                // The answer does not matter; dropping the client closes the connection.
                if let Ok(mut client) = RawClient::connect_from([127, 0, 0, 2], port) {
                    client.say(b"garbage\n");
                    opened += 1;
                }
            }
            opened
        });
        sleep(Duration::from_secs(2));
        ring.spawn(0);
        let linked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            ring.wait_until_whole(Duration::from_secs(5))
        }));
        over.store(true, Ordering::Relaxed);
        (flood.join().unwrap(), linked.unwrap())
    });
    println!(
        "{opened} connections from 127.0.0.2 in {:.0} ms; pi1 was in the ring {:.0} ms after its start",
        millis(now() - begun),
        millis(linked)
    );
    assert!(linked <= nanos(Duration::from_secs(2)));
    let sentence = "127.0.0.2 opens connections to the ring port too fast: some are closed unread";
    ring.assert_logged(&[1], sentence, 1);
    // At the other address, the limit has not even been reached.
    ring.assert_logged(&[1], "127.0.0.1 opens connections", 0);
    let (hops_after, elections_after) = hops_and_elections(&ring, &nodes);
    assert_eq!(elections_after, elections, "no election");
    assert!(hops_after - hops >= 10);
    assert_small_and_quiet(&ring, "flood");
    ring.assert_one_ball();
}
