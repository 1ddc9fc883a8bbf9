//! The control socket: people on this machine list balls, add guests and let them leave.

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

use super::Daemon;
use super::external_input::{ControlRequest, ExternalInput};
use crate::control::{LONGEST_LINE, NewBall, Reply, Request};
use crate::ring::{
    BallId, BallState, GuestRejected, Input, Notification, Output, Screen, Time, WindowBall,
};

/// Connections at a time; one more waits.
const MOST_CONNECTIONS: usize = 4;

/// How long a client has for its next line, and the node for its answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// No guest is faster, in pixels a second: it would cross its screen unseen.
const FASTEST: f64 = 60_000.0;

/// The socket, and the file that goes with it.
pub struct Listener {
    socket: Async<UnixListener>,
    path: PathBuf,
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Who comes next replaces it anyway.
        let _ = fs::remove_file(&self.path);
    }
}

impl Listener {
    /// Listens at `path`, for this user and this group; replaces what a dead process has left there.
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

    /// Serves from now on; the questions go to `inputs`.
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
            Timer::after(TIMEOUT / 20).await;
            continue;
        };
        let Some(executor) = executor.upgrade() else {
            return;
        };
        connections.retain(|connection| !connection.is_finished());
        if connections.len() >= MOST_CONNECTIONS {
            // Dropping its task closes the oldest.
            drop(connections.remove(0));
        }
        let inputs = inputs.clone();
        connections.push(executor.spawn(async move {
            // A client that is cut off knows it.
            let _ = serve_client(stream, &inputs).await;
        }));
    }
}

/// Line by line, until the client is silent, gone, or says too much.
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
            Ok(request) => ask(request, inputs).await,
            Err(error) => Reply::Refused(format!("that is no request: {error}")),
        };
        let mut text = serde_json::to_vec(&reply).map_err(io::Error::from)?;
        text.push(b'\n');
        in_time(writing.write_all(&text)).await?;
    }
}

async fn ask(request: Request, inputs: &Sender<ExternalInput>) -> Reply {
    let (reply, replies) = bounded(1);
    let asked = async {
        let call = ExternalInput::Control(ControlRequest { request, reply });
        let sent = inputs.send(call).await;
        // Both fail only when the node is about to end.
        sent.map_err(|_| io::ErrorKind::BrokenPipe)?;
        replies
            .recv()
            .await
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    };
    in_time(asked)
        .await
        .unwrap_or_else(|_| Reply::Refused("the node does not answer: look at its log".to_owned()))
}

async fn in_time<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    future::or(work, async {
        Timer::after(TIMEOUT).await;
        Err(io::ErrorKind::TimedOut.into())
    })
    .await
}

/// What the core is to hear of a request, or why it hears nothing.
pub(super) fn input(daemon: &Daemon, request: &Request) -> Result<Input, String> {
    match request {
        Request::List => Ok(Input::Tick),
        Request::Add(ball) => {
            let state = state(ball, daemon.topology.screen)?;
            let alike = !daemon.topology.window_chains.is_empty();
            let mut known = daemon.node.ball_views();
            let twin = known.find(|view| {
                let looks = |known: &BallState| {
                    let edge = state.direction();
                    WindowBall::leaving(&state, edge, daemon.topology.screen).looks_like(known)
                };
                alike && view.state.as_ref().is_some_and(looks)
            });
            match twin {
                Some(twin) => Err(format!(
                    "ball {} looks like that, and windows tell balls apart by radius and color alone: choose another color",
                    twin.ball
                )),
                None => Ok(Input::AddGuest(state)),
            }
        }
        Request::Remove { ball } => {
            let mut views = daemon.node.ball_views();
            match views.find(|view| view.ball == BallId(*ball)) {
                Some(view) if view.guest => Ok(Input::RemoveGuest(view.ball)),
                Some(_) => Err(format!(
                    "ball {ball} is in the ring file, and only guests can be removed"
                )),
                None => Err(format!(
                    "there is no ball {ball}: `carom ball list` shows all"
                )),
            }
        }
    }
}

/// The new ball as the core knows balls, if it can be one.
fn state(ball: &NewBall, screen: Screen) -> Result<BallState, String> {
    let NewBall {
        position,
        velocity,
        radius,
        color,
    } = *ball;
    let numbers = position.into_iter().chain(velocity).chain([radius]);
    if !numbers.into_iter().all(f64::is_finite) {
        return Err("position, velocity and radius must be numbers".to_owned());
    }
    let ([x, y], [across, _]) = (position, velocity);
    if !(1.0..screen.width.min(screen.height) / 2.0).contains(&radius) {
        return Err(format!(
            "radius {radius} is not from 1 to under half of the screen's shorter side ({} x {})",
            screen.width, screen.height
        ));
    }
    if !(0.0..=screen.width).contains(&x) || !(radius..=screen.height - radius).contains(&y) {
        return Err(format!(
            "the ball would begin outside of the screen ({} x {})",
            screen.width, screen.height
        ));
    }
    if across == 0.0 || velocity.iter().any(|speed| speed.abs() > FASTEST) {
        return Err(format!(
            "its x velocity must not be 0, and no speed over {FASTEST} pixels a second"
        ));
    }
    Ok(BallState {
        position,
        velocity,
        radius,
        color,
    })
}

/// Answers a call after the core has heard of it, if it has.
pub(super) fn reply(
    daemon: &Daemon,
    now: Time,
    call: &ControlRequest,
    refused: Option<String>,
    outputs: &[Output],
) {
    let away = outputs.iter().find_map(|output| {
        if let Output::Notify(Notification::GuestRejected { why }) = output {
            Some(sentence(*why).to_owned())
        } else {
            None
        }
    });
    let reply = match (refused.or(away), &call.request) {
        (Some(why), _) => Reply::Refused(why),
        (None, Request::List) => Reply::Balls(daemon.status(now).balls),
        (None, Request::Add(_) | Request::Remove { .. }) => Reply::Asked,
    };
    // Fails only if the client has gone.
    let _ = call.reply.try_send(reply);
}

/// Why a guest was turned away, and what to do.
pub(super) fn sentence(why: GuestRejected) -> &'static str {
    match why {
        GuestRejected::Full => {
            "as many guests are there as the ring file allows (guests): remove one, or wait until one leaves"
        }
        GuestRejected::TooMany => "guests come faster than one a second: wait a little",
        GuestRejected::NotReady => {
            "this node has only just started, or is about to stop: wait a lease"
        }
        GuestRejected::NoMajority => "no majority of the nodes agreed in time: try again",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCREEN: Screen = Screen {
        width: 800.0,
        height: 600.0,
    };
    const BALL: NewBall = NewBall {
        position: [400.0, 300.0],
        velocity: [240.0, 130.0],
        radius: 20.0,
        color: [1, 2, 3],
    };

    #[test]
    fn a_ball_that_no_ring_file_could_have_is_refused_with_a_reason() {
        assert!(state(&BALL, SCREEN).is_ok());
        let cases = [
            (
                NewBall {
                    radius: f64::NAN,
                    ..BALL
                },
                "must be numbers",
            ),
            (
                NewBall {
                    radius: 0.5,
                    ..BALL
                },
                "radius 0.5",
            ),
            (
                NewBall {
                    radius: 300.0,
                    ..BALL
                },
                "radius 300",
            ),
            (
                NewBall {
                    position: [400.0, 595.0],
                    ..BALL
                },
                "outside",
            ),
            (
                NewBall {
                    position: [-1.0, 300.0],
                    ..BALL
                },
                "outside",
            ),
            (
                NewBall {
                    velocity: [0.0, 130.0],
                    ..BALL
                },
                "must not be 0",
            ),
            (
                NewBall {
                    velocity: [240.0, 1e9],
                    ..BALL
                },
                "no speed over",
            ),
        ];
        for (ball, why) in cases {
            let refused = state(&ball, SCREEN).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
    }

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
