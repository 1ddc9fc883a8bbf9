//! Which node of the ring file this is, and what its LED is in hardware.

use std::time::Duration;

use super::Failure;
use crate::clock;
use crate::config::{Config, LedConfig, NodeConfig};
use crate::daemon::lights::Lights;
use crate::led::{self, LedError, OpenDriver, SwitchedLed, Sysfs};
use crate::ring::NodeId;

/// The node that was named, or else the one that has this machine's name.
pub(super) fn find(config: &Config, named: Option<&str>) -> Result<NodeId, Failure> {
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

/// The node's LED, put out; one that fails is tried again and again, for the ball matters more.
pub(super) fn lights(node: &NodeConfig, lease: Duration) -> Lights {
    if let LedConfig::Trace { path } = &node.led {
        let (trace, fault) = led::Trace::open(path.clone(), clock::monotonic_nanos);
        return Lights::with_fault(&node.name, Box::new(trace), fault.as_ref());
    }
    // Kept lit every quarter of a lease, begun again every half. A node that hangs is dark before the
    // ring takes its ball back, which is no sooner than a lease after it last renewed.
    match opener(&node.led, lease * 3 / 4) {
        Some(open) => {
            let (switch, fault) = SwitchedLed::new(open);
            Lights::with_fault(&node.name, Box::new(switch), fault.as_ref())
        }
        None => Lights::new(&node.name, Box::new(led::NoLed)),
    }
}

/// What opens the node's LED, if it has one that shines; `expiry` as for [`Sysfs`].
pub(super) fn opener(led: &LedConfig, expiry: Duration) -> Option<OpenDriver> {
    fn boxed<L: led::LedDriver + 'static>(
        open: impl Fn() -> Result<L, LedError> + 'static,
    ) -> Option<OpenDriver> {
        Some(Box::new(move || Ok(Box::new(open()?))))
    }
    let sysfs = |name, active_low| {
        let settings = Sysfs {
            folder: led::sysfs::LEDS.into(),
            name,
            active_low,
            expiry,
        };
        boxed(move || led::sysfs::open(&settings))
    };
    match led.clone() {
        LedConfig::Gpio { pin, active_low } => boxed(move || led::gpio::open(pin, active_low)),
        LedConfig::GpioChip {
            chip,
            pin,
            active_low,
        } => boxed(move || led::gpiochip::open(&chip, pin, active_low)),
        LedConfig::Sysfs { name, active_low } => sysfs(Some(name), active_low),
        LedConfig::Act => sysfs(None, false),
        LedConfig::Trace { .. } | LedConfig::None => None,
    }
}
