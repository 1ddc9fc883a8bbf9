//! One of two nodes cannot reach the other: the link is made from the other side, and lasts.

use std::rc::Rc;
use std::time::Duration;

use async_io::Timer;
use carom::endpoint::Endpoint;
use carom::ring::Input;
use smol::LocalExecutor;

use crate::node::{Node, SOON, addresses, dead, keys, listeners, run, start};

/// A pair of nodes of which the node `lame` does not know where the other one is.
fn pair(executor: &Rc<LocalExecutor<'static>>, lame: usize, bytes: &[u8]) -> [Node; 2] {
    let listeners = listeners();
    let real = addresses(&listeners);
    let mut id = 0;
    listeners.map(|listener| {
        let mut seen = real;
        if id == lame {
            seen[1 - lame] = dead();
        }
        let node = start(executor, id as u16, listener, seen, keys(bytes));
        id += 1;
        node
    })
}

#[test]
fn the_link_is_made_by_the_side_that_can() {
    for (lame, bytes) in [(0, &[][..]), (1, &[]), (0, &[1]), (1, &[1])] {
        run(async |executor| {
            let nodes = pair(&executor, lame, bytes);
            for node in &nodes {
                node.up().await;
            }
            nodes[0].send(7);
            nodes[1].receives(7).await;
            nodes[1].send(8);
            nodes[0].receives(8).await;
            nodes[0].nothing().await;
            nodes[1].nothing().await;
        });
    }
}

#[test]
fn the_side_that_has_dialled_makes_the_link_anew_when_the_key_changes() {
    run(async |executor| {
        let nodes = pair(&executor, 0, &[1]);
        for node in &nodes {
            node.up().await;
        }
        let mut counter = 0;
        for step in [&[1, 2][..], &[2, 1], &[2]] {
            for node in &nodes {
                node.links.set_keys(keys(step).unwrap());
            }
            let used = keys(&step[..1]).unwrap().used().fingerprint();
            let begun = carom::clock::now();
            while nodes.iter().any(|node| node.links.count_with(used) != 1) {
                assert!(carom::clock::now().since(begun) < SOON, "after {step:?}");
                // Every line arrives, and no other event comes.
                nodes[0].send(counter);
                nodes[1].receives(counter).await;
                nodes[1].send(counter);
                nodes[0].receives(counter).await;
                counter += 1;
                Timer::after(Duration::from_millis(10)).await;
            }
        }
    });
}

#[test]
fn a_link_to_a_node_that_has_moved_is_closed_whichever_side_has_dialled() {
    // A link that one side has dialled because the other cannot is closed by either of the two.
    for (lame, moves) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        run(async |executor| {
            let nodes = pair(&executor, lame, &[]);
            for node in &nodes {
                node.up().await;
            }
            let moved = [dead(), dead()].map(|address| Endpoint {
                host: address.ip().to_string(),
                port: address.port(),
            });
            nodes[moves].links.move_to(moved.to_vec());
            // Later it would end in any case, as nothing is heard on it.
            for node in &nodes {
                let event = node.next_or_nothing().await;
                assert!(matches!(event, Some(Input::LinkDown { .. })), "{event:?}");
            }
        });
    }
}
