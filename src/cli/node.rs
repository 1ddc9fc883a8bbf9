//! Which node of the ring file this is, and its LED.

use std::time::Duration;

use super::failure::Failure;
use crate::clock;
use crate::config::{Config, NodeConfig};
use crate::daemon::host_name;
use crate::daemon::leds::Leds;
use crate::ring::NodeId;

/// The node that was named, or else the one that has this machine's name.
pub(super) fn find(config: &Config, named: Option<&str>) -> Result<NodeId, Failure> {
    let names = config.nodes.iter().map(|node| node.name.as_str());
    let names = names.collect::<Vec<_>>().join(", ");
    if let Some(name) = named {
        return config.find(name).ok_or_else(|| {
            Failure::Usage(format!(
                "no node of the ring file is named {name:?}: there are {names}"
            ))
        });
    }
    let host = host_name();
    let short = host.split('.').next().unwrap_or_default();
    let found = config.find(&host).or_else(|| config.find(short));
    found.ok_or_else(|| {
        Failure::Usage(format!(
            "this machine is called {host:?}, and no node of the ring file is: say --node with one of {names}"
        ))
    })
}

/// The node's LED, switched off. An LED that fails is tried again and again: the node plays on without it.
pub(super) fn leds(node: &NodeConfig, lease: Duration) -> Leds {
    // The kernel's LEDs are refreshed every quarter of a lease and switched on anew every half. The LED
    // of a node that hangs is off before the ring takes its ball back, which happens a lease after its
    // last renewal at the earliest.
    let expiry = lease * 3 / 4;
    let (led, error) = node.led.open(expiry, clock::monotonic_nanos);
    Leds::with_fault(&node.name, led, error.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;

    #[test]
    fn a_node_is_found_by_its_name_without_regard_to_case() {
        let text = "[ring]\nname = \"r\"\n[[node]]\nname = \"a\"\nhost = \"a\"\n[[node]]\nname = \"Pi2\"\nhost = \"b\"\n";
        let config = Config::parse("ring.toml", text, &[], &Overrides::default()).unwrap();
        let found = |name| find(&config, Some(name)).ok();
        assert_eq!(found("A"), Some(NodeId(0)));
        assert_eq!(found("pI2"), Some(NodeId(1)));
        assert_eq!(found("pi3"), None);
    }
}
