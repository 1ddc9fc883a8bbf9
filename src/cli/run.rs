//! `carom run`: plays one node of the ring.

mod reload;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use async_io::Async;
use clap::Args;
use smol::LocalExecutor;
use smol::channel::bounded;
use tracing::Level;

use super::executor::block_on;
use super::failure::Failure;
use super::node;
use super::ring_file::RingFile;
use crate::clock;
use crate::config;
use crate::control;
use crate::daemon::control::Listener;
use crate::daemon::inherit::InheritedListeners;
use crate::daemon::lab::LabListeners;
use crate::daemon::service::ServiceManager;
use crate::daemon::windows::{WindowEndpoints, WindowListeners};
use crate::daemon::{self, Daemon, ReservedThread, Setup, listen, lock};
use crate::keeper::Keeper;
use crate::key::Keys;
use crate::priority;
use crate::program::{keys, log, signals};
use crate::ring::{Direction, NodeId, Topology};
use reload::Running;

/// Plays one node of the ring, until SIGTERM or SIGINT; SIGHUP makes it read the ring file again
#[derive(Args)]
#[command(
    after_help = "Example: carom run --config /etc/carom/ring.toml --node pi1\n\
    The log goes to standard error; CAROM_LOG=debug logs more."
)]
pub(super) struct Arguments {
    #[command(flatten)]
    file: RingFile,
    /// The node of the file to play; the one with this machine's host name unless given
    #[arg(long, env = "CAROM_NODE", value_name = "NAME")]
    node: Option<String>,
    /// Where to open the control socket for `carom ball`; unless given, in the unit's runtime directory under systemd, and nowhere otherwise
    #[arg(long, value_name = "PATH")]
    control: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.file.path == Path::new("-") {
        return Err(Failure::Usage(
            "a node reads its ring file again at SIGHUP, and standard input can be read only once: write the path of a file".to_owned(),
        ));
    }
    let config = arguments.file.load()?;
    let keys = keys::read(&config).map_err(Failure::KeyFile)?;
    // Nothing that the process will start later shall hold these.
    let mut inherited = InheritedListeners::from_environment();
    // Both keep the real-time priority that the unit gives to this process; everything after them does without.
    let keeper = Keeper::start(config.ring.lease);
    let ring_thread = ReservedThread::new()?;
    priority::give_up_real_time();
    let _log = log::init(log::level(Level::INFO)).map_err(Failure::run)?;
    let topology = Arc::new(config.topology());
    let me = node::find(&config, arguments.node.as_deref())?;
    let name = topology.name(me).to_owned();
    let _lock = lock::take(&topology.ring, &name).map_err(Failure::run)?;
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let keeper = keeper.unwrap_or_else(no_keeper);
    block_on(async |executor: Rc<LocalExecutor<'static>>| {
        let node = config.nodes.get(me.index()).ok_or(Failure::Silent)?;
        let (stop, stopped) = bounded(1);
        let (reload_sender, reloads) = bounded(1);
        let setup = Setup {
            ring_endpoints: daemon::ring_endpoints(&config),
            http_endpoints: daemon::http_endpoints(&config),
            http_names: config.ring.http_names.clone(),
            keys: keys.clone(),
            me,
            leds: node::leds(node, config.ring.lease).kept_by(keeper),
            ring_listener: listen::listen(node, "ring", node.ports.ring, &mut inherited)
                .map_err(Failure::run)?,
            http_listeners: http_listeners(node, &mut inherited)?,
            lab: Some(lab(node, &mut inherited)?),
            window_listeners: window_listeners(&topology, me, node, &mut inherited)?,
            window_endpoints: WindowEndpoints::of(&config, me),
            control: arguments
                .control
                .clone()
                .or_else(control::path_from_environment)
                .map(|path| Listener::bind(&path))
                .transpose()
                .map_err(Failure::Run)?,
            stop: stopped,
            reloads: Some(reloads),
            service: ServiceManager::from_environment(clock::now(), topology.lease),
            topology,
        };
        inherited.warn();
        let daemon = Daemon::start(&executor, ring_thread, setup).map_err(Failure::run)?;
        let watching = executor.spawn(signals::watch(stop));
        let reloading = executor.spawn(reload::watch(
            arguments.file.clone(),
            Running {
                config: config.clone(),
                keys: keys.clone(),
            },
            me,
            reload_sender,
        ));
        log_start(&config.ring.name, node, keys.as_ref());
        executor.spawn(daemon.run()).await?;
        tracing::info!("{name} has left the ring");
        drop((watching, reloading));
        Ok(())
    })
}

/// The node plays without a keeper of its LED, and says so.
fn no_keeper(error: std::io::Error) -> Keeper {
    tracing::warn!(
        "the LED keeper cannot be started ({error}): if this process is stopped or killed, its LED stays on"
    );
    Keeper::none()
}

/// Says what runs here, where it listens, and which keys its links use.
fn log_start(ring: &str, node: &config::NodeConfig, keys: Option<&Keys>) {
    tracing::info!(
        "carom {} plays {} of the ring {ring} on port {}, HTTP on port {}, messages on {}, rates on {}",
        env!("CARGO_PKG_VERSION"),
        node.name,
        node.ports.ring,
        node.ports.http,
        node.ports.receiver,
        node.ports.rate
    );
    if let Some(keys) = keys {
        tracing::info!("{}", keys::in_words(keys));
    }
}

/// Where the node answers HTTP.
fn http_listeners(
    node: &config::NodeConfig,
    inherited: &mut InheritedListeners,
) -> Result<Vec<Async<TcpListener>>, Failure> {
    let port = node.ports.http;
    let listener = listen::listen(node, "http", port, inherited).map_err(Failure::run)?;
    let loopback = listen::listen_on_loopback(&listener, port, inherited);
    Ok([listener].into_iter().chain(loopback).collect())
}

/// The listeners for the windows beside the node, if there are any.
fn window_listeners(
    topology: &Topology,
    me: NodeId,
    node: &config::NodeConfig,
    inherited: &mut InheritedListeners,
) -> Result<WindowListeners, Failure> {
    let mut listen = |edge, endpoint, port| {
        let chain = topology.window_chain(me, edge);
        chain
            .map(|_| listen::listen(node, endpoint, port, inherited))
            .transpose()
            .map_err(Failure::run)
    };
    Ok(WindowListeners {
        left: listen(Direction::Left, "window-left", node.ports.window_left)?,
        right: listen(Direction::Right, "window-right", node.ports.window_right)?,
    })
}

/// The lab's listeners: its threads use them, not the executor.
fn lab(
    node: &config::NodeConfig,
    inherited: &mut InheritedListeners,
) -> Result<LabListeners, Failure> {
    let mut listen = |endpoint, port| {
        let listener = listen::listen(node, endpoint, port, inherited).map_err(Failure::run)?;
        listener.into_inner().map_err(Failure::run)
    };
    Ok(LabListeners {
        receiver: listen("receiver", node.ports.receiver)?,
        rate: listen("rate", node.ports.rate)?,
    })
}
