//! The process of one node of the demo: the daemon that `carom run` runs, with an LED keeper of its own.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;

use async_io::Async;
use smol::channel::bounded;
use smol::{LocalExecutor, future};
use tracing::Level;

use super::start::Start;
use super::topology::topology;
use crate::cli::executor::block_on;
use crate::cli::failure::Failure;
use crate::clock;
use crate::daemon::leds::Leds;
use crate::daemon::service::ServiceManager;
use crate::daemon::windows::{WindowEndpoints, WindowListeners};
use crate::daemon::{Daemon, ReservedThread, Setup};
use crate::endpoint::Endpoint;
use crate::keeper::Keeper;
use crate::led::LedConfig;
use crate::process_channel::{ProcessChannel, Received, name_process};
use crate::program::{log, signals};
use crate::ring::NodeId;

/// The only argument of the process. No person types it, so it is not among the commands.
pub(in crate::cli) const COMMAND: &str = "demo-node";

/// Plays the node that the demo has described on standard input, until the demo has ended or a signal comes.
pub(in crate::cli) fn main() -> ExitCode {
    match play() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn play() -> Result<(), Failure> {
    let by_hand =
        || Failure::Usage("carom demo-node is started by carom demo, not by hand".to_owned());
    let channel = ProcessChannel::of_stdin().ok_or_else(by_hand)?;
    let Received::Message(start, descriptors) = channel.receive::<Start>() else {
        return Err(by_hand());
    };
    let topology = Arc::new(topology(start.nodes, start.balls));
    let me = NodeId(start.me);
    let name = topology.name(me);
    name_process(&format!("carom-{name}"));
    // As for `carom run`: before any thread.
    let keeper = Keeper::start(topology.lease)?;
    let thread = ReservedThread::new()?;
    let _log = log::init_named(log::level(Level::WARN), Some(name.to_owned()))?;
    let (led, fault) =
        LedConfig::Trace { path: start.trace }.open(topology.lease, clock::monotonic_nanos);
    let leds = Leds::with_fault(name, led, fault.as_ref()).kept_by(keeper);
    let mut listeners = descriptors.into_iter().map(listener);
    let ring_listener = listeners.next().ok_or_else(by_hand)??;
    let http_listeners = listeners.collect::<io::Result<_>>()?;
    block_on(async |executor: Rc<LocalExecutor<'static>>| {
        let (stop, stopped) = bounded(1);
        let setup = Setup {
            me,
            ring_endpoints: start.ring.iter().map(endpoint).collect(),
            http_endpoints: start.http.iter().map(endpoint).collect(),
            http_names: Vec::new(),
            keys: None,
            window_endpoints: WindowEndpoints::default(),
            ring_listener,
            http_listeners,
            lab: None,
            window_listeners: WindowListeners::default(),
            control: None,
            leds,
            stop: stopped,
            reloads: None,
            service: ServiceManager::none(clock::now()),
            topology,
        };
        let daemon = Daemon::start(&executor, thread, setup)?;
        let _signals = executor.spawn(signals::watch(stop));
        let playing = executor.spawn(daemon.run());
        future::or(playing, end_of_demo(channel)).await?;
        Ok(())
    })
}

/// Waits for the end of the demo's process.
async fn end_of_demo(channel: ProcessChannel) -> io::Result<()> {
    // After its first message, the demo only closes it.
    Async::new_nonblocking(channel)?.readable().await
}

fn listener(descriptor: OwnedFd) -> io::Result<Async<TcpListener>> {
    Async::new(TcpListener::from(descriptor))
}

/// The endpoint of an address. The host is empty if the node listens on all interfaces: then the
/// client uses the host that it already uses.
fn endpoint(address: &SocketAddr) -> Endpoint {
    let ip = address.ip();
    Endpoint {
        host: if ip.is_unspecified() {
            String::new()
        } else {
            ip.to_string()
        },
        port: address.port(),
    }
}
