//! Names of nodes and windows: like host names, they are compared without regard to case.

use crate::ring::NodeId;

/// Whether both are the name of one node or window.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// The first node with that name among the names of all nodes, in ring order.
pub(super) fn find<'a>(names: impl IntoIterator<Item = &'a str>, name: &str) -> Option<NodeId> {
    let index = names.into_iter().position(|other| is_same(other, name))?;
    u16::try_from(index).ok().map(NodeId)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_found_without_regard_to_case() {
        let found = |name| find(["pi1", "Pi2"], name);
        assert_eq!(found("PI1"), Some(NodeId(0)));
        assert_eq!(found("pI2"), Some(NodeId(1)));
        assert_eq!(found("pi3"), None);
        assert_eq!(found("pi"), None);
    }
}
