//! The control socket: takes the requests of people on this machine and writes the replies.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::rc::{Rc, Weak};
use std::time::Duration;

use async_io::{Async, Timer};
use smol::channel::{Sender, bounded};
use smol::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use smol::{LocalExecutor, Task, future};

use super::external_input::{ControlRequest, ExternalInput};
use crate::control::{LONGEST_LINE, Reply, Request};

/// Connections at a time; one more closes the oldest.
const MOST_CONNECTIONS: usize = 4;

/// How long a client has for its next line, and the node for its answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The pause after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(250);

/// The socket, and the file that goes with it.
pub struct Listener {
    socket: Async<UnixListener>,
    path: PathBuf,
}

impl Drop for Listener {
    fn drop(&mut self) {
        // If this fails, the next process replaces the file.
        let _ = fs::remove_file(&self.path);
    }
}

impl Listener {
    /// Listens at `path`, for this user and this group; replaces the socket of a dead process.
    ///
    /// # Errors
    /// When another process listens there, or no socket can be made there.
    pub fn bind(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        if UnixStream::connect(path).is_ok() {
            return Err(format!(
                "another process listens on the control socket {shown}: say --control with another path"
            ));
        }
        let bound = || -> io::Result<Self> {
            match fs::symlink_metadata(path) {
                Ok(found) if found.file_type().is_socket() => fs::remove_file(path)?,
                Ok(_) => return Err(io::Error::other("what is there is no socket")),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            let socket = Async::<UnixListener>::bind(path)?;
            fs::set_permissions(path, Permissions::from_mode(0o660))?;
            let path = path.to_owned();
            Ok(Self { socket, path })
        };
        bound().map_err(|error| {
            format!("cannot listen on the control socket {shown} ({error}): say --control with a path in a folder that this user may write to")
        })
    }

    /// Serves clients from now on; their requests go to `inputs`.
    pub(super) fn spawn(
        self,
        executor: &Rc<LocalExecutor<'static>>,
        inputs: Sender<ExternalInput>,
    ) -> Task<()> {
        executor.spawn(serve(Rc::downgrade(executor), self, inputs))
    }
}

async fn serve(
    executor: Weak<LocalExecutor<'static>>,
    listener: Listener,
    inputs: Sender<ExternalInput>,
) {
    let mut connections: Vec<Task<()>> = Vec::new();
    loop {
        let Ok((stream, _)) = listener.socket.accept().await else {
            Timer::after(ACCEPT_PAUSE).await;
            continue;
        };
        let Some(executor) = executor.upgrade() else {
            return;
        };
        connections.retain(|connection| !connection.is_finished());
        if connections.len() >= MOST_CONNECTIONS {
            // Dropping its task closes the connection.
            drop(connections.remove(0));
        }
        let inputs = inputs.clone();
        connections.push(executor.spawn(async move {
            // Nothing to do: the client sees that its connection ended.
            let _ = serve_client(stream, &inputs).await;
        }));
    }
}

/// Answers line by line, until the client is silent, gone, or sends too long a line.
async fn serve_client(stream: Async<UnixStream>, inputs: &Sender<ExternalInput>) -> io::Result<()> {
    let (reading, mut writing) = smol::io::split(stream);
    let mut reading = BufReader::new(reading);
    loop {
        let mut line = Vec::new();
        let limit = u64::try_from(LONGEST_LINE).unwrap_or(u64::MAX);
        let mut limited = (&mut reading).take(limit);
        let read = in_time(limited.read_until(b'\n', &mut line)).await?;
        if read == 0 {
            return Ok(());
        }
        let reply = match serde_json::from_slice(&line) {
            Ok(request) => request_reply(request, inputs).await,
            Err(error) => Reply::Refused(format!("that is no request: {error}")),
        };
        let mut text = serde_json::to_vec(&reply).map_err(io::Error::from)?;
        text.push(b'\n');
        in_time(writing.write_all(&text)).await?;
    }
}

/// Hands the request to the services and waits for the reply.
async fn request_reply(request: Request, inputs: &Sender<ExternalInput>) -> Reply {
    let (reply, replies) = bounded(1);
    let replied = async {
        let input = ExternalInput::Control(ControlRequest { request, reply });
        let sent = inputs.send(input).await;
        // Both fail only when the node is about to end.
        sent.map_err(|_| io::ErrorKind::BrokenPipe)?;
        let reply = replies.recv().await;
        reply.map_err(|_| io::ErrorKind::BrokenPipe.into())
    };
    let replied = in_time(replied).await;
    replied
        .unwrap_or_else(|_| Reply::Refused("the node does not answer: look at its log".to_owned()))
}

async fn in_time<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    future::or(work, async {
        Timer::after(TIMEOUT).await;
        Err(io::ErrorKind::TimedOut.into())
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_of_a_dead_process_is_replaced_and_that_of_a_living_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        drop(UnixListener::bind(&path).unwrap());
        let listener = Listener::bind(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
        let refused = Listener::bind(&path).err().unwrap();
        assert!(refused.contains("another process listens"), "{refused}");
        drop(listener);
        assert!(!path.exists());
    }

    #[test]
    fn a_file_that_is_no_socket_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ring.toml");
        fs::write(&path, "a ring").unwrap();
        let refused = Listener::bind(&path).err().unwrap();
        assert!(refused.contains("no socket"), "{refused}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "a ring");
    }
}
