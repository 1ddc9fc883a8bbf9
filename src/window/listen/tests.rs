//! The port for windows, against correct, faulty and hostile programs on real sockets.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Shutdown};

use smol::channel::{Receiver, bounded};

use super::*;
use crate::ring::Time;
use crate::window::sliding_window::ALL_ADDRESSES_FACTOR;

const LONG: Duration = Duration::from_secs(3_600);
const MANY: Limits = Limits {
    connections: 16,
    timeout: LONG,
    balls_per_second: 1_000,
};

const SCREEN: crate::ring::Screen = crate::ring::Screen {
    width: 800.0,
    height: 600.0,
};

fn ball(x: i32) -> WindowBall {
    WindowBall {
        position: [x, 2],
        velocity: [3, -4],
        radius: 5,
        color: [6, 7, 8],
    }
}

/// Runs a test against a listener with those limits, and room for that many events.
fn with_listener<F: Future>(
    limits: Limits,
    room: usize,
    test: impl FnOnce(SocketAddr, Receiver<Event>) -> F,
) -> F::Output {
    let executor = Rc::new(LocalExecutor::new());
    let listener = Async::<TcpListener>::bind(([127, 0, 0, 1], 0)).unwrap();
    let address = listener.get_ref().local_addr().unwrap();
    let (sender, events) = bounded(room);
    let port = WindowPort::new(Direction::Left, SCREEN, sender, limits);
    let _accepting = executor.spawn(accept::run(Rc::downgrade(&executor), listener, port));
    let late = async {
        Timer::after(Duration::from_secs(60)).await;
        panic!("the test took too long");
    };
    async_io::block_on(executor.run(future::or(test(address, events), late)))
}

fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).unwrap()
}

/// Sends a ball as the textbook's programs do.
fn send(address: SocketAddr, bytes: &[u8]) -> SocketAddr {
    let mut stream = connect(address);
    stream.write_all(bytes).unwrap();
    stream.local_addr().unwrap()
}

/// Waits until the listener has closed; returns whether it reset the connection.
async fn ended(mut stream: TcpStream) -> bool {
    smol::unblock(move || match stream.read(&mut [0]) {
        Ok(count) => {
            assert_eq!(count, 0, "it was answered");
            false
        }
        Err(error) => {
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
            true
        }
    })
    .await
}

#[test]
fn a_ball_ends_with_its_connection_or_with_a_newline() {
    with_listener(MANY, 1, async |address, events| {
        let peer = send(address, b"1,2,3,-4,5,6,7,8");
        let expected = Event {
            edge: Direction::Left,
            peer,
            ball: ball(1),
        };
        assert_eq!(events.recv().await, Ok(expected));
        // This connection stays open. What comes after the newline is ignored.
        let mut stream = connect(address);
        stream.write_all(b"9,2,3,-4,5,6,7,8\r\n1,2,3").unwrap();
        assert_eq!(events.recv().await.unwrap().ball, ball(9));
        ended(stream).await;
    });
}

#[test]
fn a_ball_may_come_byte_by_byte() {
    with_listener(MANY, 1, async |address, events| {
        let mut stream = connect(address);
        stream.set_nodelay(true).unwrap();
        for byte in b"255,2,3,-4,5,6,7,8" {
            stream.write_all(&[*byte]).unwrap();
            Timer::after(Duration::from_millis(1)).await;
        }
        assert!(events.is_empty());
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(events.recv().await.unwrap().ball, ball(255));
        assert!(!ended(stream).await);
    });
}

#[test]
fn what_is_no_ball_is_closed_and_the_next_ball_comes_in() {
    with_listener(MANY, 1, async |address, events| {
        for bytes in [
            &b""[..],
            b"GET / HTTP/1.1\r\n\r\n",
            b"1,2,NaN,-4,5,6,7,8",
            b"\xff",
        ] {
            let mut stream = connect(address);
            stream.write_all(bytes).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            ended(stream).await;
        }
        send(address, b"7,2,3,-4,5,6,7,8");
        assert_eq!(events.recv().await.unwrap().ball, ball(7));
        assert!(events.is_empty());
    });
}

#[test]
fn ten_megabytes_of_digits_are_not_read() {
    with_listener(MANY, 1, async |address, events| {
        let mut stream = connect(address);
        let flood = smol::unblock(move || {
            let digits = [b'1'; 10_000];
            (0..1_000).position(|_| stream.write_all(&digits).is_err())
        });
        assert!(flood.await.is_some(), "10 MB were taken");
        assert!(events.is_empty());
    });
}

#[test]
fn a_connection_that_sends_nothing_is_closed_in_time() {
    let limits = Limits {
        timeout: Duration::from_millis(50),
        ..MANY
    };
    with_listener(limits, 1, async |address, events| {
        let mut stream = connect(address);
        // All of a ball but its end.
        stream.write_all(b"1,2,3,-4,5,6,7,8").unwrap();
        ended(stream).await;
        assert!(events.is_empty());
    });
}

#[test]
fn many_silent_connections_keep_no_ball_out() {
    let limits = Limits {
        connections: 3,
        ..MANY
    };
    with_listener(limits, 1, async |address, events| {
        let silent: Vec<_> = (0..9).map(|_| connect(address)).collect();
        send(address, b"1,2,3,-4,5,6,7,8");
        assert_eq!(events.recv().await.unwrap().ball, ball(1));
        let mut silent = silent.into_iter();
        // The tenth connection, which brings the ball, takes the place of the seventh.
        for stream in silent.by_ref().take(7) {
            ended(stream).await;
        }
        for stream in silent {
            stream.set_nonblocking(true).unwrap();
            let error = (&stream).read(&mut [0]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        }
    });
}

#[test]
fn while_nobody_listens_balls_wait_and_none_is_lost() {
    let limits = Limits {
        connections: 2,
        ..MANY
    };
    with_listener(limits, 1, async |address, events| {
        for x in 0..20 {
            send(address, format!("{x},2,3,-4,5,6,7,8").as_bytes());
        }
        Timer::after(Duration::from_millis(50)).await;
        for x in 0..20 {
            assert_eq!(events.recv().await.unwrap().ball, ball(x));
        }
    });
}

const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

#[test]
fn no_more_balls_a_second_than_may_come() {
    let mut rate = SlidingWindow::default();
    let at = |millis: u64| Time::from_micros(millis * 1_000);
    let admitted: Vec<u64> = (0..3_000)
        .filter(|&millis| rate.admit(at(millis), ADDRESS, 10))
        .collect();
    let expected: Vec<u64> = [0, 1_000, 2_000]
        .into_iter()
        .flat_map(|second| second..second + 10)
        .collect();
    assert_eq!(admitted, expected);
    assert!(rate.0.len() <= 10);
}

#[test]
fn an_address_that_sends_too_many_keeps_no_other_out() {
    let mut rate = SlidingWindow::default();
    let mut admit = |from| rate.admit(Time::default(), from, 10);
    assert_eq!((0..1_000).filter(|_| admit(ADDRESS)).count(), 10);
    assert!(admit(IpAddr::from([192, 168, 7, 2])));
    let many = (0..=255).filter(|&last| admit(IpAddr::from([10, 0, 0, last])));
    assert_eq!(many.count(), 10 * ALL_ADDRESSES_FACTOR - 11);
}

#[test]
fn a_flood_of_balls_is_cut_down_to_the_limit() {
    let limits = Limits {
        balls_per_second: 3,
        ..MANY
    };
    with_listener(limits, 100, async |address, events| {
        let started = clock::now();
        for _ in 0..50 {
            let mut stream = connect(address);
            stream.write_all(b"1,2,3,-4,5,6,7,8").unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            ended(stream).await;
        }
        // At most three in any second that this took, which usually is far less than one.
        let seconds = usize::try_from(clock::now().since(started).as_secs()).unwrap() + 1;
        assert!(
            (3..=3 * seconds).contains(&events.len()),
            "{}",
            events.len()
        );
    });
}

#[test]
fn refusals_are_sentences_without_raw_bytes() {
    let malformed = Rejection::Malformed {
        error: WireError::NotWhole { field: "dx" },
        bytes: b"1,2,\x1b[2J\xff".to_vec(),
    };
    let sentence = malformed.to_string();
    assert!(
        sentence.ends_with("it began '1,2,\\u{1b}[2J\\xff'"),
        "{sentence}"
    );
    assert!(
        sentence.starts_with("dx is no whole number: send"),
        "{sentence}"
    );
}
