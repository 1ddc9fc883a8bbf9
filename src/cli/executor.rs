//! Runs asynchronous commands on one thread.

use std::rc::Rc;

use smol::LocalExecutor;

/// Runs a future on this thread alone, with its I/O, its timers and all the tasks it spawns.
///
/// Long work belongs into a task. When one task wakes another, that one runs at once; but a wake-up
/// of `work` itself first makes the reactor poll for I/O, which is five system calls.
pub(super) fn block_on<T>(work: impl AsyncFnOnce(Rc<LocalExecutor<'static>>) -> T) -> T {
    let executor = Rc::new(LocalExecutor::new());
    async_io::block_on(executor.run(work(Rc::clone(&executor))))
}
