//! A node's process, seen from the demo.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::process::{Child, ExitStatus};

use async_io::Async;
use smol::channel::Sender;
use smol::{LocalExecutor, Task};
use tracing::Level;

use super::node::COMMAND;
use super::start::Start;
use crate::process_channel::ProcessChannel;
use crate::ring::NodeId;

/// A process that plays a node, or that has ended and is not waited for yet.
pub(super) struct NodeProcess {
    child: Child,
    /// Says when it has ended.
    _watching: Task<()>,
}

impl NodeProcess {
    /// Starts a process that logs at `level`. `ended` gets the number of its node when it has ended.
    ///
    /// # Errors
    /// When the system has no process, descriptor or memory left.
    pub(super) fn spawn(
        executor: &LocalExecutor<'static>,
        start: &Start,
        listeners: &[Async<TcpListener>],
        level: Level,
        ended: Sender<NodeId>,
    ) -> io::Result<Self> {
        let (channel, end) = ProcessChannel::pair()?;
        let descriptors: Vec<BorrowedFd<'_>> =
            listeners.iter().map(|listener| listener.as_fd()).collect();
        channel.send(start, &descriptors)?;
        let channel = Async::new_nonblocking(channel)?;
        let mut command = end.command(COMMAND)?;
        let child = command.env("CAROM_LOG", level.as_str()).spawn()?;
        let node = NodeId(start.me);
        let watching = executor.spawn(async move {
            // It sends nothing, so this is its end. An error comes of the end, too.
            let _ = channel.readable().await;
            // Fails only if the demo is about to end.
            let _ = ended.send(node).await;
        });
        Ok(Self {
            child,
            _watching: watching,
        })
    }

    /// Kills it without warning, as `kill -9` does.
    pub(super) fn kill(&mut self) {
        // Fails only if it has ended.
        let _ = self.child.kill();
    }

    /// Waits until it has ended, which it does at once if it was killed. Returns how.
    pub(super) fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait()
    }
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        self.kill();
        // Nobody wants to know how.
        let _ = self.wait();
    }
}
