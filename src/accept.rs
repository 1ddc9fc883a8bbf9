//! The accept loop of every server on the reactor: a bounded number of connections, a task for each.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::{Rc, Weak};
use std::time::Duration;

use async_io::{Async, Timer};
use smol::{LocalExecutor, Task, future};

/// The wait after a failure to accept, such as when the process is out of file descriptors.
const RETRY_DELAY: Duration = Duration::from_millis(200);

/// How a connection counts against the limit. Its own task may change this at any time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It counts. When the limit is reached, the oldest of these is closed for a new connection.
    #[default]
    Evictable,
    /// It counts, but is not closed. When all are like this, a new connection waits for the oldest.
    Protected,
    /// It does not count and is not closed.
    Exempt,
}

/// What a server does with its connections.
pub(crate) trait Service: 'static {
    /// So many connections that are not [`Standing::Exempt`] may be open at a time.
    fn limit(&self) -> usize;

    /// Whether a connection from that address is served; otherwise it is closed at once, and no other
    /// connection is closed for it.
    fn admits(&self, _peer: SocketAddr) -> bool {
        true
    }

    /// A connection could not be accepted; the loop tries again after a short wait.
    fn on_accept_error(&self, error: &io::Error);

    /// The limit was reached: the oldest evictable connection has been closed.
    fn on_evicted(&self);

    /// Serves one connection until it ends. Dropping the future closes it.
    fn serve(
        self: Rc<Self>,
        stream: Async<TcpStream>,
        peer: SocketAddr,
        standing: Rc<Cell<Standing>>,
    ) -> impl Future<Output = ()> + 'static;
}

struct Connection {
    task: Task<()>,
    standing: Rc<Cell<Standing>>,
}

/// Accepts until the executor is gone. The executor owns this task, so the reference to it is weak: a
/// strong one would keep both alive for ever.
pub(crate) async fn run<S: Service>(
    executor: Weak<LocalExecutor<'static>>,
    listener: Async<TcpListener>,
    service: Rc<S>,
) {
    let mut connections: VecDeque<Connection> = VecDeque::new();
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                service.on_accept_error(&error);
                Timer::after(RETRY_DELAY).await;
                continue;
            }
        };
        let Some(executor) = executor.upgrade() else {
            return;
        };
        if !service.admits(peer) {
            drop(stream);
            // A flood of such connections must not take the thread from the rest.
            future::yield_now().await;
            continue;
        }
        connections.retain(|connection| !connection.task.is_finished());
        make_room(&*service, &mut connections).await;
        let standing = Rc::default();
        let served = Rc::clone(&service).serve(stream, peer, Rc::clone(&standing));
        let task = executor.spawn(served);
        connections.push_back(Connection { task, standing });
        // It reads what has already arrived before a newer connection can evict it.
        future::yield_now().await;
    }
}

/// Closes or awaits the oldest connection, if as many are open as may be.
async fn make_room<S: Service>(service: &S, connections: &mut VecDeque<Connection>) {
    let is = |connection: &Connection, standing| connection.standing.get() == standing;
    let counted = connections.iter().filter(|one| !is(one, Standing::Exempt));
    if counted.count() < service.limit() {
        return;
    }
    let oldest = |standing| connections.iter().position(|one| is(one, standing));
    if let Some(evictable) = oldest(Standing::Evictable) {
        // Dropping its task closes the connection.
        connections.remove(evictable);
        service.on_evicted();
    } else if let Some(protected) = oldest(Standing::Protected)
        && let Some(connection) = connections.remove(protected)
    {
        connection.task.await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sets every connection to a fixed standing and keeps it open until the client closes it.
    struct Fixed {
        standing: Standing,
        /// So many connections are admitted.
        admitted: Cell<usize>,
        served: Cell<usize>,
        evicted: Cell<usize>,
    }

    impl Service for Fixed {
        fn limit(&self) -> usize {
            2
        }

        fn admits(&self, _peer: SocketAddr) -> bool {
            let left = self.admitted.get();
            self.admitted.set(left.saturating_sub(1));
            left > 0
        }

        fn on_accept_error(&self, error: &io::Error) {
            panic!("{error}");
        }

        fn on_evicted(&self) {
            self.evicted.set(self.evicted.get() + 1);
        }

        async fn serve(
            self: Rc<Self>,
            stream: Async<TcpStream>,
            _peer: SocketAddr,
            standing: Rc<Cell<Standing>>,
        ) {
            standing.set(self.standing);
            self.served.set(self.served.get() + 1);
            stream.readable().await.unwrap();
        }
    }

    /// Opens four connections and waits until `served` of them are served.
    fn with_four(standing: Standing, served: usize) -> (Rc<Fixed>, Vec<TcpStream>) {
        with_four_of_which(4, standing, served)
    }

    /// The same with a service that admits only the first so many.
    fn with_four_of_which(
        admitted: usize,
        standing: Standing,
        served: usize,
    ) -> (Rc<Fixed>, Vec<TcpStream>) {
        let executor = Rc::new(LocalExecutor::new());
        let listener = Async::<TcpListener>::bind(([127, 0, 0, 1], 0)).unwrap();
        let address = listener.get_ref().local_addr().unwrap();
        let service = Rc::new(Fixed {
            standing,
            admitted: Cell::new(admitted),
            served: Cell::new(0),
            evicted: Cell::new(0),
        });
        let _task = executor.spawn(run(Rc::downgrade(&executor), listener, Rc::clone(&service)));
        let streams: Vec<_> = (0..4)
            .map(|_| TcpStream::connect(address).unwrap())
            .collect();
        let settled = async {
            while service.served.get() < served {
                Timer::after(Duration::from_millis(1)).await;
            }
            Timer::after(Duration::from_millis(20)).await;
        };
        async_io::block_on(executor.run(settled));
        assert_eq!(service.served.get(), served);
        (service, streams)
    }

    #[test]
    fn the_oldest_evictable_connections_are_closed() {
        let (service, _streams) = with_four(Standing::Evictable, 4);
        assert_eq!(service.evicted.get(), 2);
    }

    #[test]
    fn protected_connections_stay_and_newer_ones_wait() {
        let (service, _streams) = with_four(Standing::Protected, 2);
        assert_eq!(service.evicted.get(), 0);
    }

    #[test]
    fn exempt_connections_do_not_count() {
        let (service, _streams) = with_four(Standing::Exempt, 4);
        assert_eq!(service.evicted.get(), 0);
    }

    #[test]
    fn connections_that_are_not_admitted_evict_none() {
        let (service, streams) = with_four_of_which(2, Standing::Evictable, 2);
        assert_eq!(service.evicted.get(), 0);
        let [.., refused] = streams.as_slice() else {
            panic!("no streams")
        };
        assert_eq!(refused.peek(&mut [0]).unwrap(), 0, "closed");
    }
}
