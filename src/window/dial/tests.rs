//! The client against windows on real sockets: which balls arrive, and which certainly did not.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use super::*;

const BALL: WindowBall = WindowBall {
    position: [0, 300],
    velocity: [7, -2],
    radius: 30,
    color: [255, 64, 0],
};
const TEXT: &str = "0,300,7,-2,30,255,64,0";

fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// Runs a test with an executor and a window at that port of this machine.
fn with_window<F: Future>(port: u16, test: impl FnOnce(Rc<WindowClient>) -> F) -> F::Output {
    let executor = Rc::new(LocalExecutor::new());
    let window = WindowClient::new(&executor, "laptop".to_owned(), "127.0.0.1".to_owned(), port);
    async_io::block_on(executor.run(test(window)))
}

/// What the other end reads until the end of the stream.
async fn read(listener: TcpListener) -> io::Result<String> {
    smol::unblock(move || {
        let (mut stream, _) = listener.accept()?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    })
    .await
}

#[test]
fn a_window_gets_the_eight_numbers_and_the_end_of_the_stream() {
    let (listener, port) = listener();
    let text = with_window(port, async |window| {
        window.open().await.unwrap().send(&BALL).unwrap();
        read(listener).await
    });
    assert_eq!(text.unwrap(), TEXT);
}

#[test]
fn a_window_that_sends_something_still_gets_its_ball() {
    let (listener, port) = listener();
    let text = with_window(port, async |window| {
        let open = window.open().await.unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"hello, who is there?\n").unwrap();
        open.send(&BALL).unwrap();
        // It reads only after our side has seen its bytes: closing would have reset the connection.
        Timer::after(Duration::from_millis(20)).await;
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    });
    assert_eq!(text, TEXT);
}

#[test]
fn our_side_stays_until_the_window_has_closed_and_no_longer() {
    let (listener, port) = listener();
    with_window(port, async |window| {
        window.open().await.unwrap().send(&BALL).unwrap();
        let closing = async || {
            Timer::after(Duration::from_millis(5)).await;
            let closing = window.closing.borrow();
            closing.iter().filter(|task| !task.is_finished()).count()
        };
        assert_eq!(closing().await, 1);
        drop(listener.accept().unwrap());
        while closing().await > 0 {}
    });
}

#[test]
fn a_window_that_sends_without_end_is_cut_off() {
    let (listener, port) = listener();
    with_window(port, async |window| {
        window.open().await.unwrap().send(&BALL).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        let talk = smol::unblock(move || {
            let bytes = [b'x'; 65_536];
            (0..1_000).find_map(|_| stream.write_all(&bytes).err())
        });
        let error = talk.await.expect("65 MB were read");
        let cut = [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe];
        assert!(cut.contains(&error.kind()), "{error}");
    });
}

#[test]
fn a_closed_port_is_an_error_and_then_backed_off() {
    let (listener, port) = listener();
    drop(listener);
    with_window(port, async |window| {
        let started = clock::now();
        let error = window.open().await.err().expect("nobody listens");
        assert!(matches!(error, OpenError::Unreachable(_)));
        let sentence = error.to_string();
        assert!(
            sentence.contains(&format!("127.0.0.1:{port}")),
            "{sentence}"
        );
        assert!(window.retry_at.get() >= started + BACKOFF);
        // However slow this machine is.
        window
            .retry_at
            .set(clock::now() + Duration::from_secs(3_600));
        let error = window.open().await.err().expect("it backs off");
        assert!(matches!(error, OpenError::BackingOff), "{error}");
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        window.retry_at.set(clock::now());
        window.open().await.unwrap().send(&BALL).unwrap();
        assert_eq!(read(listener).await.unwrap(), TEXT);
    });
}

#[test]
fn a_ball_is_certainly_not_sent_when_the_connection_closed_before() {
    for (reset, word) in [(false, "ended"), (true, "reset")] {
        let (listener, port) = listener();
        with_window(port, async |window| {
            let open = window.open().await.unwrap();
            let (stream, _) = listener.accept().unwrap();
            if reset {
                let socket = SockRef::from(&stream);
                socket.set_linger(Some(Duration::ZERO)).unwrap();
            }
            drop(stream);
            open.stream.readable().await.unwrap();
            let error = open.send(&BALL).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
            assert!(window.retry_at.get() > Time::default());
            assert!(window.closing.borrow().is_empty());
        });
    }
}

#[test]
fn a_connection_that_the_window_never_accepted_goes_down_with_it() {
    let (listener, port) = listener();
    with_window(port, async |window| {
        let open = window.open().await.unwrap();
        drop(listener);
        open.stream.readable().await.unwrap();
        assert!(open.send(&BALL).is_err());
    });
}
