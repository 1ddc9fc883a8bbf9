//! A recording of the wire holds neither the key nor a line that works when it is played back.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_io::Timer;
use carom::ring::Input;

use crate::node::{Node, addresses, keys, listeners, run, start};

/// Bytes in both directions of every connection.
type Recording = Arc<Mutex<[Vec<u8>; 2]>>;

/// Forwards one connection to `target`, and records it.
fn forward(listener: TcpListener, target: SocketAddr, recording: Recording) {
    std::thread::spawn(move || {
        let (client, _) = listener.accept().unwrap();
        let server = TcpStream::connect(target).unwrap();
        for (direction, (from, to)) in [(&client, &server), (&server, &client)]
            .into_iter()
            .enumerate()
        {
            let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
            let recording = Arc::clone(&recording);
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = from.read(&mut buffer) {
                    recording.lock().unwrap()[direction].extend_from_slice(&buffer[..count]);
                    if to.write_all(&buffer[..count]).is_err() {
                        break;
                    }
                }
                let _ = to.shutdown(Shutdown::Write);
            });
        }
    });
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Says all of `bytes` to the node at `target`, and returns its answer.
fn play_back(bytes: &[u8], target: SocketAddr) -> Vec<u8> {
    let mut client = TcpStream::connect(target).unwrap();
    client
        .set_read_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    let _ = client.write_all(bytes);
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = client.read(&mut buffer) {
        answer.extend_from_slice(&buffer[..count]);
    }
    answer
}

#[test]
fn nothing_in_a_recording_is_the_key_or_works_again() {
    run(async |executor| {
        let recording = Recording::default();
        let listeners = listeners();
        let real = addresses(&listeners);
        let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxied = [real[0], proxy.local_addr().unwrap()];
        forward(proxy, real[1], Arc::clone(&recording));
        let [first, second] = listeners;
        let left: Node = start(&executor, 0, first, proxied, keys(&[0x5a]));
        let right = start(&executor, 1, second, real, keys(&[0x5a]));
        left.up().await;
        right.up().await;
        for at in 0..50 {
            left.send(at);
            right.receives(at).await;
        }
        drop(left);
        let down = right.next().await;
        assert!(matches!(down, Input::LinkDown { .. }), "{down:?}");
        let [sent, received] = recording.lock().unwrap().clone();
        assert!(sent.len() > 1_000 && received.len() > 100);
        for side in [&sent, &received] {
            for secret in [
                &[0x5a; 8][..],
                b"5a5a5a5a",
                b"links",
                b"left",
                b"right",
                b"heartbeat",
            ] {
                assert!(!contains(side, secret), "{secret:?} is in the recording");
            }
        }
        // As a whole, and without the handshake, to the node that took it before.
        let handshake = sent.iter().position(|&byte| byte == b'\n').unwrap() + 1;
        for bytes in [sent.clone(), sent[handshake..].to_vec(), received.clone()] {
            let playing = smol::unblock(move || play_back(&bytes, real[1]));
            let answer = playing.await;
            for secret in [&b"links"[..], b"left", b"topology"] {
                assert!(!contains(&answer, secret));
            }
        }
        Timer::after(Duration::from_millis(200)).await;
        assert!(
            right.events.try_recv().is_err(),
            "a recording was taken for a peer"
        );
    });
}
