//! Takes in connections: few strangers at a time, peers for as long as they stay.

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
/// A peer says hello at once, so a crowd of silent strangers cannot keep it out.
const MOST_STRANGERS: usize = 64;

/// The wait when the system has no connection left to give, such as out of file descriptors.
const OUT_OF_RESOURCES_WAIT: Duration = Duration::from_millis(200);

struct Guest {
    task: Task<()>,
    introduced: Rc<Cell<bool>>,
}

/// Accepts for ever.
pub(super) async fn accept(
    hub: Rc<Hub>,
    listener: Async<TcpListener>,
    executor: Weak<LocalExecutor<'static>>,
) {
    let mut guests: VecDeque<Guest> = VecDeque::new();
    loop {
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                hub.stranger_log.warn(&format!(
                    "a connection to the ring port could not be accepted: {error}"
                ));
                Timer::after(OUT_OF_RESOURCES_WAIT).await;
                continue;
            }
        };
        let Some(executor) = executor.upgrade() else {
            return;
        };
        guests.retain(|guest| !guest.task.is_finished());
        let strangers = guests
            .iter()
            .filter(|guest| !guest.introduced.get())
            .count();
        if strangers >= MOST_STRANGERS
            && let Some(oldest) = guests.iter().position(|guest| !guest.introduced.get())
        {
            // Dropping its task closes its connection.
            guests.remove(oldest);
            hub.stranger_log.warn(&format!("more than {MOST_STRANGERS} connections to the ring port say no hello: the oldest are closed"));
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
        guests.push_back(Guest { task, introduced });
    }
}
