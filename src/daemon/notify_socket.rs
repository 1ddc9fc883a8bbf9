//! Sends states to the socket of the service manager, and never waits for it.
//!
//! `sd_notify::notify` waits when that socket is full, as it is when systemd hangs. The ring must not wait.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use sd_notify::NotifyState;

/// Sends the states as one datagram to the socket that `NOTIFY_SOCKET` names, if there is one.
///
/// # Errors
/// When the socket is not there, or has no room.
pub(super) fn notify(states: &[NotifyState<'_>]) -> io::Result<()> {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else {
        return Ok(());
    };
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        path => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(path))?,
    };
    send(&address, states)
}

fn send(address: &SocketAddr, states: &[NotifyState<'_>]) -> io::Result<()> {
    let lines: Vec<String> = states.iter().map(ToString::to_string).collect();
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.send_to_addr(lines.join("\n").as_bytes(), address)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    use sd_notify::NotifyState;

    use super::send;

    #[test]
    fn one_datagram_holds_all_states_and_a_manager_that_hangs_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let address = SocketAddr::from_pathname(&path).unwrap();
        let states = [NotifyState::Ready, NotifyState::Status("pi1 has ball 1")];
        send(&address, &states).unwrap();
        let mut datagram = [0; 100];
        let length = manager.recv(&mut datagram).unwrap();
        assert_eq!(&datagram[..length], b"READY=1\nSTATUS=pi1 has ball 1");
        // Nobody reads any more: the kernel queues some datagrams, and then has no room.
        let refused = (0..100_000).find_map(|_| send(&address, &states).err());
        assert_eq!(
            refused.map(|error| error.kind()),
            Some(ErrorKind::WouldBlock)
        );
    }
}
