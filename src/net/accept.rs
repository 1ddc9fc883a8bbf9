//! Takes in connections: few pending at a time, peers for as long as they stay.

use std::cell::Cell;
use std::collections::VecDeque;
use std::net::TcpListener;
use std::rc::{Rc, Weak};
use std::time::Duration;

use async_io::{Async, Timer};
use smol::{LocalExecutor, Task};

use super::Hub;
use super::link::{Connection, serve};

/// Connections that have not introduced themselves; one more pushes out the oldest.
///
/// A peer says hello at once, so a crowd of silent pending cannot keep it out.
const MOST_PENDING: usize = 64;

/// The wait when the system has no connection left to give, such as out of file descriptors.
const OUT_OF_RESOURCES_WAIT: Duration = Duration::from_millis(200);

struct PendingConnection {
    task: Task<()>,
    introduced: Rc<Cell<bool>>,
}

/// Accepts for ever.
pub(super) async fn accept(
    hub: Rc<Hub>,
    listener: Async<TcpListener>,
    executor: Weak<LocalExecutor<'static>>,
) {
    let mut connections: VecDeque<PendingConnection> = VecDeque::new();
    loop {
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                hub.unknown_log.warn(&format!(
                    "a connection to the ring port could not be accepted: {error}"
                ));
                Timer::after(OUT_OF_RESOURCES_WAIT).await;
                continue;
            }
        };
        let Some(executor) = executor.upgrade() else {
            return;
        };
        connections.retain(|connection| !connection.task.is_finished());
        let pending = connections
            .iter()
            .filter(|connection| !connection.introduced.get())
            .count();
        if pending >= MOST_PENDING
            && let Some(oldest) = connections
                .iter()
                .position(|connection| !connection.introduced.get())
        {
            // Dropping its task closes its connection.
            connections.remove(oldest);
            hub.unknown_log.warn(&format!("more than {MOST_PENDING} connections to the ring port say no hello: the oldest are closed"));
        }
        let introduced = Rc::new(Cell::new(false));
        let connection = Connection {
            stream,
            address: address.ip(),
            dialled: None,
            introduced: Rc::clone(&introduced),
        };
        let hub = Rc::clone(&hub);
        let task = executor.spawn(async move { drop(serve(&hub, connection).await) });
        connections.push_back(PendingConnection { task, introduced });
    }
}
