//! Tells the nodes that were linked to the daemon that it has ended: all at once, and for a bounded time.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recv, send, socket_with,
};

use crate::clock;
use crate::ring::Time;
use crate::timer::timespec;

/// An attempt to tell a node that is not answered is repeated after this time; each further one after twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// So many attempts for each node. A node that is flooded with connections closes some of them unread.
const MOST_ATTEMPTS: u32 = 5;

/// A node that is to be told.
struct Recipient {
    place: SocketAddr,
    attempts: u32,
    state: State,
}

enum State {
    /// The next attempt begins then.
    Waiting(Time),
    /// The line is to be sent as soon as the connection is open.
    Connecting(OwnedFd),
    /// The line is sent.
    Sent(OwnedFd),
    /// It has been told, or cannot be.
    Over,
}

/// Sends the line to all these places, until each has answered or the moment has come.
pub(super) fn tell(places: Vec<SocketAddr>, line: &[u8], limit: Time) {
    let begun = clock::now();
    let mut recipients: Vec<Recipient> = places
        .into_iter()
        .map(|place| Recipient {
            place,
            attempts: 0,
            state: State::Waiting(begun),
        })
        .collect();
    loop {
        let now = clock::now();
        for recipient in &mut recipients {
            recipient.begin_when_due(now);
        }
        recipients.retain(|recipient| !matches!(recipient.state, State::Over));
        if recipients.is_empty() || now >= limit {
            return;
        }
        let Ok(ready) = wait(&recipients, limit) else {
            // The kernel has no memory left.
            return;
        };
        for (recipient, is_ready) in recipients.iter_mut().zip(ready) {
            if is_ready {
                recipient.go_on(line);
            }
        }
    }
}

/// Waits until something happens on a connection or the next attempt is due. Returns whose connection is ready.
fn wait(recipients: &[Recipient], limit: Time) -> Result<Vec<bool>, Errno> {
    let mut until = limit;
    let mut watched = Vec::new();
    for recipient in recipients {
        match &recipient.state {
            State::Waiting(due) => until = until.min(*due),
            State::Connecting(socket) => watched.push(PollFd::new(socket, PollFlags::OUT)),
            State::Sent(socket) => watched.push(PollFd::new(socket, PollFlags::IN)),
            State::Over => {}
        }
    }
    let rest = timespec(until.since(clock::now()));
    match poll(&mut watched, Some(&rest)) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error),
    }
    let mut ready = watched.iter().map(|watched| !watched.revents().is_empty());
    let ready = recipients.iter().map(|recipient| match &recipient.state {
        State::Connecting(_) | State::Sent(_) => ready.next().unwrap_or_default(),
        State::Waiting(_) | State::Over => false,
    });
    Ok(ready.collect())
}

impl Recipient {
    /// Begins to connect, if it is time.
    fn begin_when_due(&mut self, now: Time) {
        if matches!(self.state, State::Waiting(due) if due <= now) {
            match open(self.place) {
                Ok(socket) => self.state = State::Connecting(socket),
                Err(error) => self.on_error(error),
            }
        }
    }

    /// Goes on with a connection that is ready.
    fn go_on(&mut self, line: &[u8]) {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Connecting(socket) => match send(&socket, line, SendFlags::NOSIGNAL) {
                Ok(count) if count == line.len() => self.state = State::Sent(socket),
                Ok(_) => self.on_error(Errno::MSGSIZE),
                Err(Errno::AGAIN | Errno::INTR) => self.state = State::Connecting(socket),
                Err(error) => self.on_error(error),
            },
            State::Sent(socket) => match recv(&socket, &mut [0_u8; 64], RecvFlags::empty()) {
                // Closed without an answer: it may not have read the line.
                Ok((_, 0)) => self.on_error(Errno::CONNRESET),
                Ok(_) => {}
                Err(Errno::AGAIN | Errno::INTR) => self.state = State::Sent(socket),
                Err(error) => self.on_error(error),
            },
            before @ (State::Waiting(_) | State::Over) => self.state = before,
        }
    }

    /// Tries again later, unless nobody listens there.
    fn on_error(&mut self, error: Errno) {
        let pause = FIRST_PAUSE * 2_u32.pow(self.attempts);
        self.attempts += 1;
        self.state = if error == Errno::CONNREFUSED || self.attempts >= MOST_ATTEMPTS {
            State::Over
        } else {
            State::Waiting(clock::now() + pause)
        };
    }
}

/// Begins to connect.
fn open(place: SocketAddr) -> Result<OwnedFd, Errno> {
    let family = match place {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    match connect(&socket, &place) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    const LINE: &[u8] = b"it has ended\n";
    const LIMIT: Duration = Duration::from_secs(5);

    /// Answers the connection of that number, and closes those before it unread. Returns the line.
    fn listen(answered: usize) -> (SocketAddr, thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = listener.local_addr().unwrap();
        let answering = thread::spawn(move || {
            for _ in 1..answered {
                drop(listener.accept().unwrap());
            }
            let (mut stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            reader.read_line(&mut line).unwrap();
            stream.write_all(b"noted\n").unwrap();
            line
        });
        (place, answering)
    }

    #[test]
    fn all_are_told_and_those_who_do_not_answer_several_times() {
        let listeners = [1, 2, 5].map(listen);
        let places = listeners.iter().map(|(place, _)| *place).collect();
        let begun = clock::now();
        tell(places, LINE, begun + LIMIT);
        assert!(clock::now() < begun + LIMIT);
        for (_, answering) in listeners {
            assert_eq!(answering.join().unwrap().as_bytes(), LINE);
        }
    }

    #[test]
    fn nobody_is_waited_for_who_does_not_listen_and_others_not_for_long() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let silent = listener.local_addr().unwrap();
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
        let begun = clock::now();
        tell(vec![nobody.unwrap()], LINE, begun + LIMIT);
        assert!(clock::now() < begun + LIMIT);
        tell(vec![silent], LINE, clock::now() + Duration::from_millis(50));
        assert!(clock::now() < begun + LIMIT);
    }
}
