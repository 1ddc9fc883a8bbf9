//! Which connection of two is kept, at both ends of a pair that both have dialled.

use std::net::{TcpListener, TcpStream};

use super::*;
use crate::net::LONGEST_LINE;
use crate::net::incoming::Incoming;
use crate::ring::peers::SILENT_HEARTBEATS;
use crate::ring::test_topology::ring_of;

/// The two nodes, in ring order.
const NODES: [NodeId; 2] = [NodeId(0), NodeId(1)];

/// A connection that the node with that index has dialled.
struct Dialled {
    by: usize,
    /// Its two ends, by node.
    ends: [TcpStream; 2],
}

fn dial(by: usize) -> Dialled {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (other, _) = listener.accept().unwrap();
    for end in [&one, &other] {
        end.set_nonblocking(true).unwrap();
    }
    let ends = if by == 0 { [one, other] } else { [other, one] };
    Dialled { by, ends }
}

impl Dialled {
    /// This connection for one of the nodes, as that number.
    fn at(&self, node: usize, id: u32) -> NewLink {
        NewLink {
            id,
            peer: NODES[1 - node],
            incarnation: Incarnation(7),
            key: None,
            continues: false,
            dialled: self.by == node,
            hello: None,
            stream: self.ends[node].try_clone().unwrap(),
            incoming: Incoming::new(LONGEST_LINE),
            sealer: None,
        }
    }
}

fn links(node: usize) -> LinkSet {
    LinkSet::new(Arc::new(ring_of(2)), NODES[node])
}

/// The same in a ring that has far peers.
fn links_with_far(node: usize) -> LinkSet {
    LinkSet::new(Arc::new(ring_of(20)), NODES[node])
}

/// An interval in which the other node is sent a heartbeat, and nothing comes from it.
fn beat(links: &mut LinkSet, other: usize) {
    let heartbeat = Message::Heartbeat {
        at: 1,
        echo: None,
        since: 0,
        near: false,
    };
    links.queue(NODES[other], Incarnation(7), &heartbeat);
    links.on_heartbeat();
}

/// The numbers of the connections that were opened and have not ended.
fn kept(links: &mut LinkSet) -> Vec<u32> {
    let mut open = Vec::new();
    while let Some(LinkReport { id, news }) = links.next_report() {
        match news {
            LinkNews::Opened | LinkNews::Continues => open.push(id),
            LinkNews::Ended(_) => open.retain(|&opened| opened != id),
        }
    }
    open
}

#[test]
fn both_ends_keep_the_connection_that_the_first_node_has_dialled() {
    let poller = Poller::new().unwrap();
    for node in [0, 1] {
        for order in [[0, 1], [1, 0]] {
            let mut links = links(node);
            let dialled = [dial(0), dial(1)];
            for by in order {
                links.add(&poller, dialled[by].at(node, 10 + by as u32));
            }
            assert_eq!(kept(&mut links), [10], "at {node}, in the order {order:?}");
            assert_eq!(links.next_down(), None, "the peer stays connected");
        }
    }
}

#[test]
fn of_two_connections_of_one_side_the_newer_one_is_kept() {
    let poller = Poller::new().unwrap();
    for (node, by) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let mut links = links(node);
        for id in [1, 2, 3] {
            links.add(&poller, dial(by).at(node, id));
        }
        assert_eq!(kept(&mut links), [3], "at {node}, dialled by {by}");
    }
}

#[test]
fn a_silent_link_keeps_no_other_connection_out() {
    let poller = Poller::new().unwrap();
    for (node, has_far) in [(0, false), (1, false), (0, true), (1, true)] {
        let mut links = if has_far {
            links_with_far(node)
        } else {
            links(node)
        };
        let first = dial(0);
        links.add(&poller, first.at(node, 1));
        for beats in 1..=SILENT_HEARTBEATS {
            if has_far {
                // A far peer that was sent nothing may be silent.
                (0..9).for_each(|_| links.on_heartbeat());
                beat(&mut links, 1 - node);
            } else {
                links.on_heartbeat();
            }
            let later = dial(1).at(node, 1 + beats);
            let told = links.add(&poller, later);
            let is_taken = matches!(told, Some(Input::LinkUp { .. }));
            assert_eq!(is_taken, beats == SILENT_HEARTBEATS);
            assert!(is_taken || matches!(told, Some(Input::Contested { .. })));
        }
        assert_eq!(kept(&mut links), [1 + SILENT_HEARTBEATS], "at {node}");
    }
}

#[test]
fn a_connection_that_began_with_a_forgotten_key_is_not_taken() {
    use crate::net::test_keys::keys;
    let [old, used] = [1, 2].map(|seed| keys(&[seed]).used().fingerprint());
    let poller = Poller::new().unwrap();
    let mut links = links(0);
    links.close_other_keys(&[used]);
    for (id, key) in [(1, Some(used)), (2, Some(old)), (3, None)] {
        let late = NewLink {
            key,
            ..dial(0).at(0, id)
        };
        links.add(&poller, late);
    }
    assert_eq!(kept(&mut links), [1]);
}

#[test]
fn a_peer_cannot_continue_its_link_without_end() {
    let poller = Poller::new().unwrap();
    let mut links = links(1);
    links.add(&poller, dial(0).at(1, 1));
    for id in 2..100 {
        let continues = true;
        let next = NewLink {
            continues,
            ..dial(0).at(1, id)
        };
        links.add(&poller, next);
    }
    assert_eq!(kept(&mut links), [1, 2, 3]);
}

#[test]
fn a_burst_that_is_longer_than_the_room_for_it_is_read_to_its_end() {
    let mut poller = Poller::new().unwrap();
    let mut links = links(0);
    let dialled = dial(0);
    links.add(&poller, dialled.at(0, 1));
    while let Some(connection) = links.next_resumed(&poller) {
        assert_eq!(links.next_input(connection), None);
    }
    let line = b"{\"type\":\"heartbeat\",\"at\":5}\n";
    let (burst, count) = (line.repeat(500), 500);
    let sent = std::io::Write::write(&mut &dialled.ends[1], &burst).unwrap();
    assert_eq!(sent, burst.len());
    let mut read = 0;
    while read < count {
        let soon = crate::clock::now() + std::time::Duration::from_secs(5);
        poller.wait(Some(soon)).unwrap();
        let ready = poller.ready(0).unwrap();
        assert_ne!(ready.token, crate::poller::TIMER, "{read} lines of {count}");
        links.on_ready(&poller, ready);
        while links.next_input(ready.token).is_some() {
            read += 1;
        }
    }
    assert_eq!(read, count);
}
