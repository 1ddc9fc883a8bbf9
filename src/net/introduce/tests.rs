//! Who is told what before a connection is a link, over real sockets.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use async_io::block_on;
use smol::channel::unbounded;

use super::*;
use crate::endpoint::Endpoint;
use crate::net::Settings;
use crate::net::link_set::{LinkNews, LinkReport};
use crate::net::rivals::Duplicate;
use crate::net::table::Entry;
use crate::ring::Incarnation;
use crate::ring::test_topology::ring_of;

const LEASE: Duration = Duration::from_millis(500);

/// Where the others are by the ring file: nothing answers there, and it is no address of this machine.
const ELSEWHERE: &str = "192.0.2.1";

/// What a node of a ring without a key shares with its tasks.
fn hub(count: usize, me: NodeId, incarnation: u64) -> Hub {
    let mut topology = ring_of(count);
    topology.lease = LEASE;
    let endpoint = || Endpoint {
        host: ELSEWHERE.to_owned(),
        port: 9,
    };
    let settings = Settings {
        topology: Arc::new(topology),
        me,
        incarnation: Incarnation(incarnation),
        addresses: (0..count).map(|_| endpoint()).collect(),
        keys: None,
        commitment: None,
    };
    Hub::new(settings, unbounded().0)
}

/// Has a process of that peer connected.
fn connect(hub: &Hub, peer: NodeId) {
    let id = hub.table.borrow_mut().enter(Entry {
        peer,
        incarnation: Incarnation(7),
        key: None,
        address: ELSEWHERE.parse().unwrap(),
        place: SocketAddr::new(ELSEWHERE.parse().unwrap(), 9),
        dialled: false,
        ended: unbounded().0,
    });
    let news = LinkNews::Opened;
    hub.on_report(LinkReport { id, news });
}

/// A connection from this machine to itself: the end of the hub, and the peer's.
fn connection(origin: Origin) -> (PendingConnection, BufReader<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let theirs = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (ours, from) = listener.accept().unwrap();
    theirs.set_read_timeout(Some(HELLO_LIMIT)).unwrap();
    let connection = PendingConnection {
        stream: Async::new(ours).unwrap(),
        address: from.ip(),
        origin,
    };
    (connection, BufReader::new(theirs))
}

fn say_hello(stream: &mut BufReader<TcpStream>, as_node: &Hub) {
    let mut line = Vec::new();
    super::super::encode(&Message::Hello(as_node.hello(false)), &mut line);
    stream.get_mut().write_all(&line).unwrap();
}

fn next_line(stream: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    line
}

#[test]
fn a_duplicate_learns_and_changes_nothing_unless_its_address_is_believed() {
    let hub = hub(2, NodeId(0), 1);
    connect(&hub, NodeId(1));
    let other = self::hub(2, NodeId(1), 8);
    let refusal = || {
        let standing = Rc::new(Cell::new(Standing::Evictable));
        let (connection, mut theirs) = connection(Origin::Accepted(standing));
        say_hello(&mut theirs, &other);
        let error = block_on(introduce(&hub, connection)).err().unwrap();
        let LinkError::Duplicate { places, .. } = error else {
            panic!("{error}");
        };
        (next_line(&mut theirs), places.is_some())
    };
    let refusals = || {
        let first = refusal();
        // A duplicate counts once it has been refused for a lease.
        std::thread::sleep(LEASE);
        assert_eq!(refusal(), first);
        first
    };
    let (told, has_places) = refusals();
    assert!(told.contains("another process named pi2 is in the ring: stop"));
    assert!(told.contains(r#""duplicate":true"#), "{told}");
    assert!(!has_places);
    assert_eq!(hub.duplicate(NodeId(1)), None);
    hub.addresses.borrow_mut()[1].host = "127.0.0.1".to_owned();
    let (told, has_places) = refusals();
    assert!(
        told.contains("at 192.0.2.1, beside the one at 127.0.0.1"),
        "{told}"
    );
    assert!(told.contains(r#""duplicate":true"#) && has_places);
    let known = hub.duplicate(NodeId(1));
    assert!(
        matches!(known, Some(Duplicate::Refused { .. })),
        "{known:?}"
    );
}

#[test]
fn a_process_that_has_left_makes_no_link_by_a_dial_that_was_under_way() {
    let hub = hub(5, NodeId(0), 1);
    let peer = NodeId(2);
    let dial = || connection(Origin::Dialled(peer));
    // Without a link there is nothing to leave, so it stays for longer than it would otherwise.
    block_on(hub.on_told_duplicate("no"));
    std::thread::sleep(LEASE * 6);
    let (connection, mut theirs) = dial();
    let answer = async {
        connect(&hub, NodeId(1));
        hub.on_told_duplicate("no").await;
        assert!(hub.resigned_until().is_some());
        say_hello(&mut theirs, &self::hub(5, peer, 3));
        theirs
    };
    let both = future::zip(introduce(&hub, connection), answer);
    let (introduced, mut theirs) = block_on(both);
    let is_left = |error| matches!(error, Some(LinkError::Closed(CloseReason::Resigned)));
    assert!(is_left(introduced.err()));
    assert!(next_line(&mut theirs).starts_with(r#"{"type":"hello""#));
    // A later one says no hello: the peer would take it for a link.
    let (connection, mut theirs) = dial();
    assert!(is_left(block_on(introduce(&hub, connection)).err()));
    assert!(next_line(&mut theirs).starts_with(r#"{"type":"refused""#));
}
