//! Waits for sockets and for one moment: an epoll and a timer.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;

use crate::ring::Time;
use crate::timer::Timer;

/// Says which descriptor is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token(pub u64);

/// The timer has fired.
pub const TIMER: Token = Token(u64::MAX);

/// Descriptors that are reported by one wait.
const MOST_READY: usize = 64;

/// What one thread waits for.
pub struct Poller {
    epoll: OwnedFd,
    timer: Timer,
    /// When the timer fires, if it is set.
    armed: Option<Time>,
    ready: Vec<Ready>,
}

impl Poller {
    /// Nothing to wait for yet.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn new() -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let timer = Timer::new()?;
        // Edge-triggered, so that nobody has to read it: that would be a system call for each time it fires.
        let flags = EventFlags::IN | EventFlags::ET;
        epoll::add(&epoll, &timer, EventData::new_u64(TIMER.0), flags)?;
        Ok(Self {
            epoll,
            timer,
            armed: None,
            ready: Vec::with_capacity(MOST_READY),
        })
    }

    /// Watches a socket for what comes in, until it is closed.
    ///
    /// It is reported once for what has come. A reader that leaves some of it asks for another report with
    /// [`Self::watch_room`]. (Reported for as long as there is something to read, the kernel would look at it
    /// twice for each message: that costs 3 percent of a hop.)
    ///
    /// # Errors
    /// When the kernel has no memory for it.
    pub fn watch(&self, socket: impl AsFd, token: Token) -> io::Result<()> {
        Ok(epoll::add(
            &self.epoll,
            socket,
            EventData::new_u64(token.0),
            EventFlags::IN | EventFlags::ET,
        )?)
    }

    /// Watches an eventfd that nobody reads: each write to it is reported once.
    ///
    /// # Errors
    /// When the kernel has no memory for it.
    pub fn watch_signals(&self, eventfd: impl AsFd, token: Token) -> io::Result<()> {
        Ok(epoll::add(
            &self.epoll,
            eventfd,
            EventData::new_u64(token.0),
            EventFlags::IN | EventFlags::ET,
        )?)
    }

    /// From now on watches a socket for room to write, too, or no longer. If there is something to read, or room,
    /// the socket is reported again.
    ///
    /// # Errors
    /// When the socket is not watched.
    pub fn watch_room(&self, socket: impl AsFd, token: Token, on: bool) -> io::Result<()> {
        let mut flags = EventFlags::IN | EventFlags::ET;
        flags.set(EventFlags::OUT, on);
        Ok(epoll::modify(
            &self.epoll,
            socket,
            EventData::new_u64(token.0),
            flags,
        )?)
    }

    /// Waits until a descriptor is ready, or for `deadline`: perhaps a little longer by the clock, never less, unless
    /// an earlier deadline was given before. See [`Self::ready`].
    ///
    /// # Errors
    /// When the kernel refuses to wait, which it has no reason to.
    pub fn wait(&mut self, deadline: Option<Time>) -> io::Result<()> {
        self.arm(deadline)?;
        self.ready.clear();
        let mut events = [const { MaybeUninit::uninit() }; MOST_READY];
        let events = match epoll::wait(&self.epoll, &mut events, None) {
            Ok((events, _)) => events,
            Err(Errno::INTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        for &mut epoll::Event { flags, data } in events {
            let token = Token(data.u64());
            if token == TIMER {
                self.armed = None;
            }
            let has_room = flags.contains(EventFlags::OUT);
            self.ready.push(Ready { token, has_room });
        }
        Ok(())
    }

    /// How many descriptors the last wait found ready.
    pub fn ready_count(&self) -> usize {
        self.ready.len()
    }

    /// One of the descriptors that the last wait found ready.
    pub fn ready(&self, index: usize) -> Option<Ready> {
        self.ready.get(index).copied()
    }

    /// Sets the timer, unless it fires early enough already.
    ///
    /// Setting it costs a system call, and a fast ball moves its deadline with every hop. One
    /// early wake-up costs less.
    fn arm(&mut self, deadline: Option<Time>) -> io::Result<()> {
        let Some(deadline) = deadline else {
            return Ok(());
        };
        if self.armed.is_some_and(|armed| armed <= deadline) {
            return Ok(());
        }
        self.timer.set(deadline)?;
        self.armed = Some(deadline);
        Ok(())
    }
}

/// A descriptor that is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// Which one.
    pub token: Token,
    /// Whether it has room to write.
    pub has_room: bool,
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    use rustix::event::{EventfdFlags, eventfd};

    use super::*;
    use crate::clock;

    fn tokens(poller: &Poller) -> Vec<Ready> {
        let ready = (0..poller.ready_count()).map(|index| poller.ready(index));
        ready.map(Option::unwrap).collect()
    }

    fn only_read(token: Token) -> Ready {
        let has_room = false;
        Ready { token, has_room }
    }

    #[test]
    fn the_timer_is_never_early_and_fires_once() {
        let mut poller = Poller::new().unwrap();
        let deadline = clock::now() + Duration::from_millis(20);
        poller.wait(Some(deadline)).unwrap();
        assert_eq!(tokens(&poller), [only_read(TIMER)]);
        assert!(clock::now() >= deadline);
        // The past is due at once.
        poller.wait(Some(Time::from_micros(0))).unwrap();
        assert_eq!(tokens(&poller), [only_read(TIMER)]);
        // A later deadline does not move an earlier one.
        let sooner = clock::now() + Duration::from_millis(10);
        poller.arm(Some(sooner)).unwrap();
        let later = sooner + Duration::from_secs(60);
        poller.wait(Some(later)).unwrap();
        assert!(clock::now() < later && poller.armed.is_none());
    }

    #[test]
    fn a_socket_is_reported_once_for_what_came_and_a_signal_once() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let other = listener.accept().unwrap().0;
        let signal = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).unwrap();
        let mut poller = Poller::new().unwrap();
        poller.watch(&other, Token(7)).unwrap();
        poller.watch_signals(&signal, Token(8)).unwrap();
        for _ in 0..2 {
            rustix::io::write(&signal, &1_u64.to_ne_bytes()).unwrap();
            poller.wait(None).unwrap();
            assert_eq!(tokens(&poller), [only_read(Token(8))]);
        }
        let assert_quiet = |poller: &mut Poller| {
            let soon = clock::now() + Duration::from_millis(5);
            poller.wait(Some(soon)).unwrap();
            assert_eq!(tokens(poller), [only_read(TIMER)]);
        };
        for _ in 0..2 {
            one.write_all(b"x").unwrap();
            poller.wait(None).unwrap();
            assert_eq!(tokens(&poller), [only_read(Token(7))]);
            assert_quiet(&mut poller);
        }
        poller.watch_room(&other, Token(7), false).unwrap();
        poller.wait(None).unwrap();
        assert_eq!(tokens(&poller), [only_read(Token(7))], "nobody has read it");
        poller.watch_room(&other, Token(7), true).unwrap();
        poller.wait(None).unwrap();
        assert!(tokens(&poller)[0].has_room);
        drop(other);
        assert_quiet(&mut poller);
    }
}
