//! `voters` of `[ring]`: how many nodes vote, or which ones.

use std::collections::BTreeSet;

use ::config::{Value, ValueKind};

use super::fault::quoted;
use super::name;
use super::report::Report;
use super::span::{Span, Spanned};
use super::suggest::did_you_mean;
use super::value::{self, InvalidValue};
use crate::ring::{MOST_NODES, Voters};

/// The voters as the file has them; names are not compared with those of the nodes yet.
#[derive(Clone, Debug)]
pub(super) enum WrittenVoters {
    Number(usize),
    /// Each with the number of its place in the list, from 1.
    Names(Vec<Spanned<String>>),
}

/// Reads a number of voters or a list of their names.
pub(super) fn read(value: &Value) -> Result<WrittenVoters, InvalidValue> {
    const WANTED: &str = "a number of nodes such as 7, or a list of their names such as \
                          [\"pi1\", \"pi4\", \"pi8\"]";
    match &value.kind {
        ValueKind::I64(_) | ValueKind::I128(_) | ValueKind::U64(_) | ValueKind::U128(_) => {
            value::whole(value, 1..=most()).map(|number| WrittenVoters::Number(number.into()))
        }
        ValueKind::Array(elements) if !elements.is_empty() => {
            if let Some(beyond) = elements.get(MOST_NODES) {
                return Err(InvalidValue {
                    sentence: format!(
                        "is one of {} names: {MOST_NODES} are the most",
                        elements.len()
                    ),
                    element: Some((Span::of(beyond), format!("[{}]", MOST_NODES + 1))),
                });
            }
            let mut names = Vec::with_capacity(elements.len());
            for (element, number) in elements.iter().zip(1..) {
                let key = format!("[{number}]");
                let span = Span::of(element);
                let name = value::string(element, "the name of a node").map_err(|invalid| {
                    InvalidValue {
                        element: Some((span, key.clone())),
                        ..invalid
                    }
                })?;
                names.push(Spanned {
                    value: name.to_owned(),
                    span,
                    key,
                });
            }
            Ok(WrittenVoters::Names(names))
        }
        ValueKind::Nil
        | ValueKind::Boolean(_)
        | ValueKind::Float(_)
        | ValueKind::String(_)
        | ValueKind::Table(_)
        | ValueKind::Array(_) => Err(value::wants(WANTED, value)),
    }
}

/// The most voters there can be.
fn most() -> u16 {
    u16::try_from(MOST_NODES).unwrap_or(u16::MAX)
}

/// Reports every voter that is no node, and every one that is named twice. Names are compared without case.
///
/// `nodes` and `windows` are the names as they are written, valid or not.
pub(super) fn check(
    voters: &Spanned<WrittenVoters>,
    nodes: &[&str],
    windows: &[&str],
    report: &mut Report<'_>,
) {
    let WrittenVoters::Names(names) = &voters.value else {
        return;
    };
    if nodes.is_empty() {
        return;
    }
    let mut seen = BTreeSet::new();
    for voter in names {
        let (text, at) = (voter.value.as_str(), format!("{}{}", voters.key, voter.key));
        let is_among = |known: &[&str]| known.iter().any(|known| name::is_same(known, text));
        if is_among(windows) {
            let sentence = format!("{} is a window, and windows have no vote", quoted(text));
            report.fault(voter.span, &at, sentence);
        } else if !is_among(nodes) {
            let hint = did_you_mean(text, nodes.iter().copied())
                .unwrap_or_else(|| "write the names of [[node]]s".to_owned());
            let sentence = format!("no node is called {}: {hint}", quoted(text));
            report.fault(voter.span, &at, sentence);
        } else if !seen.insert(text.to_ascii_lowercase()) {
            let sentence = format!("{} comes twice: a node has one vote", quoted(text));
            report.fault(voter.span, &at, sentence);
        }
    }
}

impl WrittenVoters {
    /// The same with the numbers of the nodes, whose names are given in ring order.
    pub(super) fn complete(self, nodes: &[&str]) -> Option<Voters> {
        match self {
            Self::Number(number) => Some(Voters::Number(number)),
            Self::Names(names) => {
                let id = |voter: &Spanned<String>| name::find(nodes.iter().copied(), &voter.value);
                names
                    .iter()
                    .map(id)
                    .collect::<Option<_>>()
                    .map(Voters::Nodes)
            }
        }
    }
}
