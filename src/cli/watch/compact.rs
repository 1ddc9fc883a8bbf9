//! How many nodes are shown in few lines: in columns, or as one sign each.

/// How the nodes are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A line for each, with its screen, state and round trip.
    Lines,
    /// Name and LED of each, in so many columns of so many lines.
    Columns { columns: usize, lines: usize },
    /// A sign for each: so many on a line, which begins with the name of the first.
    Signs { columns: usize },
}

/// Columns beside the name of a node: the LED, and spaces.
const BESIDE_NAME: usize = 6;

/// Signs of a line come in groups of so many, so that people can count them.
pub(super) const GROUP: usize = 10;

impl Form {
    /// The first form in which `nodes` with names of `name_width` fit.
    pub(super) fn new(nodes: usize, name_width: usize, (wide, high): (usize, usize)) -> Self {
        if nodes <= high {
            return Self::Lines;
        }
        let columns = nodes.div_ceil(high.max(1));
        if columns * (name_width + BESIDE_NAME) <= wide {
            let lines = nodes.div_ceil(columns);
            return Self::Columns { columns, lines };
        }
        let groups = wide.saturating_sub(name_width + 1) / (GROUP + 1);
        Self::Signs {
            columns: groups.max(1) * GROUP,
        }
    }

    /// How many lines it takes.
    pub(super) fn height(self, nodes: usize) -> usize {
        match self {
            Self::Lines => nodes,
            Self::Columns { lines, .. } => lines,
            Self::Signs { columns } => nodes.div_ceil(columns),
        }
    }
}

/// The state of a node as one sign. `lit`: its LED is on.
pub(super) fn sign(state: &str, lit: bool) -> &'static str {
    match (state, lit) {
        (_, true) => "*",
        ("up", false) => ".",
        ("down", false) => "x",
        ("unknown", false) => "?",
        (_, false) => "!",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ring_fits_a_small_terminal() {
        let size = (80, 14);
        for nodes in 1..=255 {
            let form = Form::new(nodes, 12, size);
            assert!(form.height(nodes) <= 14, "{nodes}: {form:?}");
        }
        assert_eq!(Form::new(14, 12, size), Form::Lines);
        let (columns, lines) = (3, 14);
        assert_eq!(Form::new(40, 4, size), Form::Columns { columns, lines });
        assert_eq!(Form::new(250, 4, size), Form::Signs { columns: 60 });
        // In a large one there is more room.
        let (columns, lines) = (6, 42);
        assert_eq!(
            Form::new(250, 4, (180, 45)),
            Form::Columns { columns, lines }
        );
    }
}
