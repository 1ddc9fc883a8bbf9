//! A cable of its own between every two nodes.

use std::collections::BTreeMap;

use super::plan::Ports;
use super::proxy::{Proxy, Way};

/// All cables, by the pair of nodes that they join, the dialling one (listed first) first.
pub(crate) struct Mesh(BTreeMap<(usize, usize), Proxy>);

impl Mesh {
    pub(crate) fn lay(ports: &[Ports]) -> Self {
        let mut cables = BTreeMap::new();
        for (later, ports) in ports.iter().enumerate() {
            for earlier in 0..later {
                cables.insert((earlier, later), Proxy::open(ports.ring));
            }
        }
        Self(cables)
    }

    /// The port at which `viewer` finds `node`; none where the node dials instead, or is itself.
    pub(crate) fn port(&self, viewer: usize, node: usize) -> Option<u16> {
        self.0.get(&(viewer, node)).map(Proxy::port)
    }

    fn between<'a>(
        &'a self,
        some: &'a [usize],
        others: &'a [usize],
    ) -> impl Iterator<Item = (&'a Proxy, bool)> {
        self.0.iter().filter_map(|((first, second), cable)| {
            if some.contains(first) && others.contains(second) {
                return Some((cable, true));
            }
            (some.contains(second) && others.contains(first)).then_some((cable, false))
        })
    }

    /// Closes and refuses everything between the two groups.
    pub(crate) fn cut(&self, some: &[usize], others: &[usize]) {
        for (cable, _) in self.between(some, others) {
            cable.cut();
        }
    }

    /// From now on nothing that `speakers` say reaches `hearers`; nothing is closed.
    pub(crate) fn mute(&self, speakers: &[usize], hearers: &[usize]) {
        for (cable, speaker_dials) in self.between(speakers, hearers) {
            cable.hold(if speaker_dials { Way::Forth } else { Way::Back });
        }
    }

    pub(crate) fn heal(&self) {
        for cable in self.0.values() {
            cable.heal();
        }
    }
}
