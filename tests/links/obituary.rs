//! What proves that a process of a peer has ended, and what does not.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use async_io::Timer;
use carom::obituary::{NOTED, Obituary, Secret};
use carom::ring::{Incarnation, Input, NodeId};

use crate::node::{Node, SOON, addresses, keys, listeners, run, start};

/// Says a line to a ring port, and returns the answer.
async fn say(to: SocketAddr, line: Vec<u8>) -> Vec<u8> {
    smol::unblock(move || {
        let mut stream = TcpStream::connect(to).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let mut answer = Vec::new();
        // A connection that is closed unread may be reset while it is written to or read from.
        let _ = stream.write_all(&line);
        let _ = stream.read_to_end(&mut answer);
        answer
    })
    .await
}

/// What the keeper of that node says at its end.
fn obituary_of(node: &Node) -> Obituary {
    let name = ["left", "right"][node.id.index()];
    Obituary {
        node: name.to_owned(),
        incarnation: Incarnation(u64::from(node.id.0) + 1),
        secret: node.secret.clone(),
    }
}

/// The end of that node, as its peer is told.
fn died(node: &Node) -> Input {
    Input::Died {
        peer: node.id,
        incarnation: obituary_of(node).incarnation,
    }
}

#[test]
fn only_the_secret_of_a_process_proves_its_end_and_does_so_once() {
    for keys in [None, keys(&[1])] {
        run(async |executor| {
            let listeners = listeners();
            let addresses = addresses(&listeners);
            let [first, second] = listeners;
            let left = start(&executor, 0, first, addresses, keys.clone());
            let good = obituary_of(&left);
            // Nobody has said a hello yet.
            let right = start(&executor, 1, second, addresses, keys.clone());
            let strange = Obituary {
                secret: Secret::draw().unwrap(),
                ..good.clone()
            };
            assert!(say(addresses[1], strange.line()).await.is_empty());
            left.up().await;
            right.up().await;
            let line = String::from_utf8(good.line()).unwrap();
            let wrong = [
                strange,
                Obituary {
                    secret: right.secret.clone(),
                    ..good.clone()
                },
                Obituary {
                    incarnation: Incarnation(3),
                    ..good.clone()
                },
                Obituary {
                    node: "right".to_owned(),
                    ..good.clone()
                },
                Obituary {
                    node: "nobody".to_owned(),
                    ..good.clone()
                },
            ];
            for wrong in wrong {
                let answer = say(addresses[1], wrong.line()).await;
                assert!(answer.is_empty(), "{wrong:?}");
            }
            // What is none at all is refused as before.
            for garbage in [
                line.replacen("secret", "x", 1),
                line.replacen("obituary", "obituaries", 1),
                format!(" {line}"),
            ] {
                let answer = say(addresses[1], garbage.into_bytes()).await;
                assert!(answer.starts_with(br#"{"type":"refused""#));
            }
            right.nothing().await;
            assert_eq!(right.links.counters().obituaries, 0);
            // The link is still open.
            assert_eq!(say(addresses[1], good.line()).await, NOTED);
            assert_eq!(right.next().await, died(&left));
            assert_eq!(say(addresses[1], good.line()).await, NOTED);
            right.nothing().await;
            assert_eq!(right.links.counters().obituaries, 1);
        });
    }
}

#[test]
fn it_is_believed_after_the_end_of_the_link_too_and_not_for_the_next_process() {
    run(async |executor| {
        let listeners = listeners();
        let addresses = addresses(&listeners);
        let [first, second] = listeners;
        let left = start(&executor, 0, first, addresses, None);
        let right = start(&executor, 1, second, addresses, None);
        left.up().await;
        let (good, end) = (obituary_of(&right), died(&right));
        drop(right);
        let event = left.next().await;
        assert_eq!(event, Input::LinkDown { peer: NodeId(1) });
        assert_eq!(say(addresses[0], good.line()).await, NOTED);
        assert_eq!(left.next().await, end);
    });
}

#[test]
fn after_a_flood_of_false_ones_from_the_same_address_a_true_one_comes_through() {
    run(async |executor| {
        let listeners = listeners();
        let addresses = addresses(&listeners);
        let [first, second] = listeners;
        let left = start(&executor, 0, first, addresses, keys(&[1]));
        let right = start(&executor, 1, second, addresses, keys(&[1]));
        left.up().await;
        right.up().await;
        let good = obituary_of(&left);
        for _ in 0..1_000 {
            let strange = Obituary {
                secret: Secret::draw().unwrap(),
                ..good.clone()
            };
            assert!(say(addresses[1], strange.line()).await.is_empty());
        }
        // As the keeper does it.
        let mut pause = Duration::from_millis(10);
        let mut attempts = 1;
        while say(addresses[1], good.line()).await != NOTED {
            Timer::after(pause).await;
            pause *= 2;
            attempts += 1;
        }
        assert!(attempts <= 5, "{attempts} attempts");
        assert_eq!(right.next().await, died(&left));
        assert_eq!(right.links.counters().obituaries, 1);
    });
}
