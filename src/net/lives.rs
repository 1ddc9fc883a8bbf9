//! Which process of each peer has ended, by proof of its LED keeper.

use crate::obituary::{Commitment, Secret};
use crate::ring::{Incarnation, NodeId};

/// The latest process of each peer that has said a hello, in ring order. It is remembered after its link has ended.
pub(super) struct Lives(Vec<Option<Process>>);

/// One process of a peer.
#[derive(Clone, Copy)]
struct Process {
    incarnation: Incarnation,
    /// What proves its end; `None` if nothing does.
    commitment: Option<Commitment>,
    has_ended: bool,
}

/// What an obituary proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// That process has ended.
    Ended,
    /// The same, and it was known.
    KnownToHaveEnded,
    /// Nothing: why.
    False(&'static str),
}

impl Lives {
    pub(super) fn new(nodes: usize) -> Self {
        Self(vec![None; nodes])
    }

    /// A process of the peer has said a hello that fits this ring, and no other one is connected.
    ///
    /// The first hello of a process counts: it says the same all its life, and without a key others could say it, too.
    pub(super) fn on_hello(
        &mut self,
        peer: NodeId,
        incarnation: Incarnation,
        commitment: Option<Commitment>,
    ) {
        if let Some(process) = self.0.get_mut(peer.index())
            && process.is_none_or(|process| process.incarnation != incarnation)
        {
            *process = Some(Process {
                incarnation,
                commitment,
                has_ended: false,
            });
        }
    }

    /// Whether that process is known to have ended. A connection of it may still be on its way.
    pub(super) fn has_ended(&self, peer: NodeId, incarnation: Incarnation) -> bool {
        let process = self.0.get(peer.index()).copied().flatten();
        process.is_some_and(|process| process.has_ended && process.incarnation == incarnation)
    }

    /// Whoever has the secret of a process proves that it has ended.
    pub(super) fn on_secret(
        &mut self,
        peer: NodeId,
        incarnation: Incarnation,
        secret: &Secret,
    ) -> Judgement {
        let Some(Some(process)) = self.0.get_mut(peer.index()) else {
            return Judgement::False("of a node that was never linked");
        };
        if process.incarnation != incarnation {
            return Judgement::False("of another process than the one that was linked last");
        }
        if process.commitment != Some(secret.commitment()) {
            return Judgement::False("without the secret of that process");
        }
        if std::mem::replace(&mut process.has_ended, true) {
            Judgement::KnownToHaveEnded
        } else {
            Judgement::Ended
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: NodeId = NodeId(1);
    const LIFE: Incarnation = Incarnation(7);

    fn lives(secret: &Secret) -> Lives {
        let mut lives = Lives::new(2);
        lives.on_hello(PEER, LIFE, Some(secret.commitment()));
        lives
    }

    #[test]
    fn the_secret_of_a_process_proves_its_end_and_no_other_one() {
        let secret = Secret::draw().unwrap();
        let mut lives = lives(&secret);
        assert!(!lives.has_ended(PEER, LIFE));
        assert_eq!(lives.on_secret(PEER, LIFE, &secret), Judgement::Ended);
        assert!(lives.has_ended(PEER, LIFE));
        assert_eq!(
            lives.on_secret(PEER, LIFE, &secret),
            Judgement::KnownToHaveEnded
        );
        // Another process of the node lives.
        let other = Incarnation(8);
        lives.on_hello(PEER, other, Some(Secret::draw().unwrap().commitment()));
        assert!(!lives.has_ended(PEER, LIFE) && !lives.has_ended(PEER, other));
        assert!(matches!(
            lives.on_secret(PEER, LIFE, &secret),
            Judgement::False(_)
        ));
    }

    #[test]
    fn what_proves_nothing_changes_nothing() {
        let (secret, other) = (Secret::draw().unwrap(), Secret::draw().unwrap());
        let mut lives = lives(&secret);
        for (peer, incarnation, secret) in [
            (PEER, LIFE, &other),
            (PEER, Incarnation(8), &secret),
            (NodeId(0), LIFE, &secret),
            (NodeId(2), LIFE, &secret),
        ] {
            let judgement = lives.on_secret(peer, incarnation, secret);
            assert!(matches!(judgement, Judgement::False(_)));
        }
        assert!(!lives.has_ended(PEER, LIFE));
        // The first hello of a process counts.
        lives.on_hello(PEER, LIFE, Some(other.commitment()));
        lives.on_hello(PEER, LIFE, None);
        assert!(matches!(
            lives.on_secret(PEER, LIFE, &other),
            Judgement::False(_)
        ));
        assert_eq!(lives.on_secret(PEER, LIFE, &secret), Judgement::Ended);
        // A process that has no keeper cannot be proved to have ended.
        lives.on_hello(PEER, Incarnation(9), None);
        assert!(matches!(
            lives.on_secret(PEER, Incarnation(9), &secret),
            Judgement::False(_)
        ));
    }
}
