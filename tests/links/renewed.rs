//! The key changes while the nodes are linked: learn, use, forget. No link ends, and no line is lost.

use std::time::Duration;

use async_io::Timer;
use carom::ring::Input;

use crate::node::{Node, keys, pair, run};

/// Sends lines both ways for a moment and checks that all arrive in their order.
async fn talk(nodes: &[Node; 2], counter: &mut u64) {
    let begin = *counter;
    for _ in 0..20 {
        nodes[0].send(*counter);
        nodes[1].send(*counter);
        *counter += 1;
        Timer::after(Duration::from_millis(2)).await;
    }
    for at in begin..*counter {
        nodes[0].receives(at).await;
        nodes[1].receives(at).await;
    }
}

#[test]
fn links_are_made_anew_and_neither_node_notices() {
    run(async |executor| {
        let nodes = pair(&executor, keys(&[1]), keys(&[1]));
        nodes[0].up().await;
        nodes[1].up().await;
        let mut counter = 0;
        talk(&nodes, &mut counter).await;
        // In whichever order the two hear of it.
        for (step, order) in [(&[1, 2], [0, 1]), (&[2, 1], [1, 0]), (&[2, 2], [0, 1])] {
            for node in order {
                let bytes = if step[0] == step[1] {
                    &step[..1]
                } else {
                    &step[..]
                };
                nodes[node].links.set_keys(keys(bytes).unwrap());
                talk(&nodes, &mut counter).await;
            }
            let used = keys(&step[..1]).unwrap().used().fingerprint();
            for node in &nodes {
                assert_eq!(node.links.count_with(used), 1, "after {step:?}");
            }
        }
        nodes[0].nothing().await;
        nodes[1].nothing().await;
    });
}

#[test]
fn a_link_with_a_forgotten_key_is_closed() {
    run(async |executor| {
        let [left, right] = pair(&executor, keys(&[1]), keys(&[1]));
        left.up().await;
        right.up().await;
        right.links.set_keys(keys(&[2]).unwrap());
        let down = |event| matches!(event, Input::LinkDown { .. });
        assert!(down(right.next().await) && down(left.next().await));
        left.nothing().await;
        // It links again once it has the key.
        left.links.set_keys(keys(&[2]).unwrap());
        left.up().await;
        right.up().await;
    });
}

#[test]
fn a_peer_that_has_not_learned_the_new_key_keeps_its_link() {
    run(async |executor| {
        let nodes = pair(&executor, keys(&[1]), keys(&[1]));
        nodes[0].up().await;
        nodes[1].up().await;
        nodes[0].links.set_keys(keys(&[2, 1]).unwrap());
        let mut counter = 0;
        for _ in 0..10 {
            talk(&nodes, &mut counter).await;
        }
        let (old, new) = (keys(&[1]).unwrap(), keys(&[2]).unwrap());
        assert_eq!(nodes[0].links.count_with(old.used().fingerprint()), 1);
        nodes[1].links.set_keys(keys(&[1, 2]).unwrap());
        for _ in 0..100 {
            talk(&nodes, &mut counter).await;
            if nodes[1].links.count_with(new.used().fingerprint()) == 1 {
                return;
            }
        }
        panic!("the link was not made anew");
    });
}
