//! Who has not the key gets no link, and hears nothing of the ring.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use carom::ring::Input;

use crate::node::{SOON, addresses, keys, listeners, pair, run, start};

#[test]
fn nodes_with_the_same_key_link_and_others_do_not() {
    run(async |executor| {
        let [left, right] = pair(&executor, keys(&[1]), keys(&[1]));
        left.up().await;
        right.up().await;
        left.send(7);
        right.receives(7).await;
        right.send(8);
        left.receives(8).await;
    });
    for (left, right) in [(&[1][..], &[2][..]), (&[], &[1]), (&[1], &[])] {
        run(async |executor| {
            let [left, right] = pair(&executor, keys(left), keys(right));
            left.nothing().await;
            right.nothing().await;
        });
    }
}

#[test]
fn the_first_key_of_one_may_be_the_second_of_the_other() {
    run(async |executor| {
        let [left, right] = pair(&executor, keys(&[2, 1]), keys(&[1, 2]));
        left.up().await;
        right.up().await;
        right.send(3);
        left.receives(3).await;
    });
}

/// What a node with a key answers to a client that sends `bytes`.
fn answer(bytes: &[u8], keyed: bool) -> String {
    let listeners = listeners();
    let addresses = addresses(&listeners);
    let [_, second] = listeners;
    let mut client = TcpStream::connect(addresses[1]).unwrap();
    client.set_read_timeout(Some(SOON)).unwrap();
    client.write_all(bytes).unwrap();
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        // A reset is an end, too: the node does not read what comes after the first line.
        let _ = client.read_to_string(&mut text);
        text
    });
    run(async |executor| {
        let keys = keyed.then(|| keys(&[1]).unwrap());
        let right = start(&executor, 1, second, addresses, keys);
        right.nothing().await;
    });
    reading.join().unwrap()
}

#[test]
fn a_stranger_hears_fingerprints_and_nothing_of_the_ring() {
    let hello = br#"{"type":"hello","version":2,"ring":"x","node":"left","incarnation":"1","topology":"0"}"#;
    let ours = keys(&[1]).unwrap().used().fingerprint().to_string();
    let other = keys(&[2]).unwrap().used().fingerprint().to_string();
    let key = |key: &str| {
        let noise = "00".repeat(48);
        format!(r#"{{"type":"key","version":1,"key":"{key}","noise":"{noise}"}}"#)
    };
    let cases = [
        (hello.to_vec(), "dials has no key"),
        (key(&other).into_bytes(), &*other),
        (key(&ours).into_bytes(), "does not have it"),
        (key("left").into_bytes(), "no handshake"),
        (b"GET / HTTP/1.1".to_vec(), "no handshake"),
        (br#"{"type":"pass"}"#.to_vec(), "no handshake"),
    ];
    for (mut line, expected) in cases {
        line.push(b'\n');
        let text = answer(&line, true);
        assert!(text.contains(expected), "{text:?} should say {expected:?}");
        assert!(text.starts_with(r#"{"type":"refused""#), "{text}");
        for secret in ["links", "left", "right", "topology"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    // A node without a key tells a peer with one what is wrong.
    let text = answer(format!("{}\n", key(&other)).as_bytes(), false);
    assert!(
        text.contains("the node that answers has none") && text.contains(&other),
        "{text}"
    );
}

#[test]
fn a_refusal_before_the_handshake_silences_nobody() {
    run(async |executor| {
        let listeners = listeners();
        let addresses = addresses(&listeners);
        let [first, second] = listeners;
        let left = start(&executor, 0, first, addresses, keys(&[1]));
        let answering = std::thread::spawn(move || {
            let (mut stream, _) = second.accept().unwrap();
            let mut line = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            reader.read_line(&mut line).unwrap();
            let lie = "{\"type\":\"refused\",\"reason\":\"taken\",\"duplicate\":true}\n";
            stream.write_all(lie.as_bytes()).unwrap();
            line
        });
        let event = left.next_or_nothing().await;
        assert_eq!(
            event, None::<Input>,
            "a liar without the key is not believed"
        );
        let line = answering.join().unwrap();
        assert!(
            line.starts_with(r#"{"type":"key""#) && !line.contains("left"),
            "{line}"
        );
    });
}
