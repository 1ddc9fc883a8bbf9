//! A proxy between every two nodes, so that each link can be cut by itself.

use std::collections::BTreeMap;

use super::plan::Ports;
use super::proxy::{Direction, Proxy};

/// All proxies, by the pair of nodes that they join: the node that dials, and the one that is dialled.
pub(crate) struct Mesh(BTreeMap<(usize, usize), Proxy>);

impl Mesh {
    pub(crate) fn connect(ports: &[Ports]) -> Self {
        let mut cables = BTreeMap::new();
        for (dialled, at) in ports.iter().enumerate() {
            for dialling in (0..ports.len()).filter(|&node| node != dialled) {
                cables.insert((dialling, dialled), Proxy::open(at.ring));
            }
        }
        Self(cables)
    }

    /// The port on which `viewer` reaches `node`; none if that is the viewer.
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

    /// From now on nothing that `senders` send reaches `receivers`; nothing is closed.
    pub(crate) fn mute(&self, senders: &[usize], receivers: &[usize]) {
        for (cable, sender_dials) in self.between(senders, receivers) {
            cable.hold(if sender_dials {
                Direction::Forth
            } else {
                Direction::Back
            });
        }
    }

    pub(crate) fn heal(&self) {
        for cable in self.0.values() {
            cable.heal();
        }
    }
}
