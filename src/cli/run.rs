//! `carom run`: the daemon.

use std::rc::Rc;
use std::sync::Arc;

use clap::Args;
use smol::LocalExecutor;
use smol::channel::bounded;
use tracing::Level;

use super::{Failure, RingFile, block_on};
use crate::clock;
use crate::config::{self, Config};
use crate::daemon::lights::Lights;
use crate::daemon::{self, Daemon, Setup, listen, lock, log, signals};
use crate::led::{self, LedError};
use crate::ring::NodeId;

/// Plays one node of the ring, until SIGTERM or SIGINT
#[derive(Args)]
#[command(
    after_help = "Example: carom run --config /etc/carom/ring.toml --node pi1\n\
    The log goes to standard error; CAROM_LOG=debug says more."
)]
pub(super) struct Arguments {
    #[command(flatten)]
    file: RingFile,
    /// Which node of the file this is; else this machine's host name
    #[arg(long, env = "CAROM_NODE", value_name = "NAME")]
    node: Option<String>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = arguments.file.load()?;
    log::init(log::level(Level::INFO));
    let topology = Arc::new(config.topology());
    let me = find(&config, arguments.node.as_deref())?;
    let name = topology.name(me).to_owned();
    let _lock = lock::take(&topology.ring, &name).map_err(Failure::run)?;
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    block_on(async |executor: Rc<LocalExecutor<'static>>| {
        let node = config.nodes.get(me.index()).ok_or(Failure::Told)?;
        let (stop, stopped) = bounded(1);
        let setup = Setup {
            addresses: daemon::addresses(&config),
            doors: daemon::doors(&config),
            me,
            lights: lights(node),
            ring_listener: listen::listen(node, "ring", node.ports.ring).map_err(Failure::run)?,
            http_listener: Some(
                listen::listen(node, "http", node.ports.http).map_err(Failure::run)?,
            ),
            stop: stopped,
            topology,
        };
        let daemon = Daemon::start(&executor, setup).map_err(Failure::run)?;
        let watching = executor.spawn(signals::watch(stop));
        tracing::info!(
            "carom {} plays {name} of the ring {} on port {}, HTTP on port {}",
            env!("CARGO_PKG_VERSION"),
            config.ring.name,
            node.ports.ring,
            node.ports.http
        );
        executor.spawn(daemon.run()).await;
        tracing::info!("{name} has left the ring");
        drop(watching);
        Ok(())
    })
}

/// The node that was named, or else the one that has this machine's name.
fn find(config: &Config, named: Option<&str>) -> Result<NodeId, Failure> {
    let topology = config.topology();
    let names = topology.nodes.join(", ");
    if let Some(name) = named {
        return topology.find(name).ok_or_else(|| {
            Failure::Usage(format!(
                "no node of the ring file is named {name:?}: there are {names}"
            ))
        });
    }
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    let short = host.split('.').next().unwrap_or_default();
    topology.find(&host).or_else(|| topology.find(short)).ok_or_else(|| {
        Failure::Usage(format!(
            "this machine is called {host:?}, and no node of the ring file is: say --node with one of {names}"
        ))
    })
}

/// The node's LED; one that fails is tried again at every change, for the ball matters more.
fn lights(node: &config::Node) -> Lights {
    let backend = match &node.led {
        config::Led::None => return Lights::new(&node.name, Box::new(led::Nothing)),
        config::Led::Trace { path } => {
            let (trace, fault) = led::Trace::open(path.clone(), clock::monotonic_nanos);
            return Lights::with_fault(&node.name, Box::new(trace), fault.as_ref());
        }
        config::Led::Gpio { .. } => "gpio",
        config::Led::GpioChip { .. } => "gpiochip",
        config::Led::Sysfs { .. } => "sysfs",
        config::Led::Act => "act",
    };
    let fault = LedError::NotBuilt { backend };
    Lights::with_fault(&node.name, Box::new(led::Missing { backend }), Some(&fault))
}
