//! One end of a connection between two processes of this machine: messages, and descriptors with them.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, Shutdown, SocketFlags, SocketType, recvmsg, sendmsg, shutdown,
    socketpair, sockopt,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::timer::timespec;

/// Longer messages are cut off, and then they are not understood. A path is at most 4 KiB long.
const LONGEST_MESSAGE: usize = 16 << 10;

/// Descriptors that come with one message.
const MOST_DESCRIPTORS: usize = 3;

/// One end of the connection. Its other end notices when all descriptors of this end are closed.
#[derive(Debug)]
pub(crate) struct ProcessChannel(OwnedFd);

/// What was received.
#[derive(Debug)]
pub(crate) enum Received<M> {
    /// A message, and the descriptors that came with it.
    Message(M, Vec<OwnedFd>),
    /// Nothing has come.
    Nothing,
    /// The other end is closed.
    Closed,
}

impl ProcessChannel {
    /// Both ends of a new connection.
    pub(crate) fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        Ok((Self(one), Self(other)))
    }

    /// The end that [`Self::command`] has given to this process; `None` if it was started in another way.
    pub(crate) fn of_stdin() -> Option<Self> {
        let descriptor = rustix::stdio::stdin().try_clone_to_owned().ok()?;
        let kind = sockopt::socket_type(&descriptor).ok()?;
        (kind == SocketType::SEQPACKET).then_some(Self(descriptor))
    }

    /// Starts this very program, even if its file was replaced or removed since, with `role` as its only argument, without
    /// an environment, and with this end as its standard input.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub(crate) fn command(&self, role: &str) -> io::Result<Command> {
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0("carom")
            .arg(role)
            .env_clear()
            .stdin(Stdio::from(self.0.try_clone()?))
            .stdout(Stdio::null());
        Ok(command)
    }

    /// Sends a message, unless the other end has left so many unread that there is no room.
    pub(crate) fn send(
        &self,
        message: &impl Serialize,
        descriptors: &[BorrowedFd<'_>],
    ) -> io::Result<()> {
        let text = serde_json::to_vec(message)?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        sendmsg(&self.0, &[IoSlice::new(&text)], &mut control, flags)?;
        Ok(())
    }

    /// The next message, without waiting for it. One that is not understood is left out.
    pub(crate) fn receive<M: DeserializeOwned>(&self) -> Received<M> {
        let mut text = [0; LONGEST_MESSAGE];
        loop {
            let mut space =
                [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
            let mut buffer = [IoSliceMut::new(&mut text)];
            let bytes = match recvmsg(&self.0, &mut buffer, &mut control, flags) {
                Ok(received) => received.bytes,
                Err(Errno::AGAIN) => return Received::Nothing,
                // Told once, if the other end has closed without having read all: what it has sent is still to be received.
                Err(Errno::INTR | Errno::CONNRESET) => continue,
                Err(_) => return Received::Closed,
            };
            // No message is empty.
            if bytes == 0 {
                return Received::Closed;
            }
            let mut descriptors = Vec::new();
            for part in control.drain() {
                if let RecvAncillaryMessage::ScmRights(received) = part {
                    descriptors.extend(received);
                }
            }
            let message = text.get(..bytes).unwrap_or_default();
            if let Ok(message) = serde_json::from_slice(message) {
                return Received::Message(message, descriptors);
            }
        }
    }

    /// Waits until there is something to receive, or for so long.
    pub(crate) fn wait(&self, limit: Duration) {
        // Woken by a signal, it waits for less, which its callers allow for.
        let _ = poll(
            &mut [PollFd::new(&self.0, PollFlags::IN)],
            Some(&timespec(limit)),
        );
    }

    /// Tells the other end that nothing more comes, though this end may have other descriptors.
    pub(crate) fn close(&self) {
        // Fails only if the other end is gone.
        let _ = shutdown(&self.0, Shutdown::Both);
    }
}

/// What `ps -e` and `top` show of a process that [`ProcessChannel::command`] has started: the kernel would call it `exe`.
pub(crate) fn name_process(name: &str) {
    // For people only.
    let _ = std::fs::write("/proc/self/comm", name);
}

impl AsFd for ProcessChannel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_with_their_descriptors_and_the_end_is_noticed() {
        let (one, other) = ProcessChannel::pair().unwrap();
        assert!(matches!(other.receive::<String>(), Received::Nothing));
        let file = tempfile::tempfile().unwrap();
        one.send(&17, &[]).unwrap();
        one.send(&"hello", &[file.as_fd(), one.as_fd()]).unwrap();
        let Received::Message(message, descriptors) = other.receive::<String>() else {
            panic!("the number is no text and is left out");
        };
        assert_eq!((message.as_str(), descriptors.len()), ("hello", 2));
        drop(descriptors);
        // It ends without having read this, and what it has sent last is received all the same.
        other.send(&"unread", &[]).unwrap();
        one.send(&"last", &[]).unwrap();
        drop(one);
        assert!(matches!(
            other.receive::<String>(),
            Received::Message(last, _) if last == "last"
        ));
        assert!(matches!(other.receive::<String>(), Received::Closed));
    }

    #[test]
    fn a_message_that_nobody_reads_is_refused_sooner_or_later_and_nobody_waits() {
        let (one, _other) = ProcessChannel::pair().unwrap();
        assert!((0..100_000).any(|_| one.send(&0, &[]).is_err()));
    }
}
