//! The nodes of a new ring, as a person lists them: `pi1..pi8`, `pi01..pi40`, `pi1,pi2=192.168.7.12`.

use std::collections::BTreeSet;

use crate::endpoint::is_partial_address;
use crate::ring::MOST_NODES;

/// The longest name of a node.
const LONGEST_NAME: usize = 63;

/// A node as it was listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListedNode {
    /// The node's name, which is the host name of its machine.
    pub(super) name: String,
    /// The host, if the list gives one.
    pub(super) host: Option<String>,
}

/// The nodes of a list with commas or spaces between its entries, or a sentence that says what is wrong with it.
pub(super) fn parse(list: &str) -> Result<Vec<ListedNode>, String> {
    let mut nodes: Vec<ListedNode> = Vec::new();
    let mut names = BTreeSet::new();
    let entries = list.split([',', ' ', '\t']);
    for entry in entries.filter(|entry| !entry.is_empty()) {
        for node in parse_entry(entry)? {
            if nodes.len() == MOST_NODES {
                return Err(format!(
                    "{list:?} has more than {MOST_NODES} nodes: a ring has {MOST_NODES} at most"
                ));
            }
            if !names.insert(node.name.to_ascii_lowercase()) {
                return Err(format!(
                    "{list:?} has the node {} twice: give every node a name of its own",
                    node.name
                ));
            }
            nodes.push(node);
        }
    }
    if nodes.is_empty() {
        return Err("no node is listed: write their host names, such as pi1..pi8".to_owned());
    }
    Ok(nodes)
}

fn parse_entry(entry: &str) -> Result<Vec<ListedNode>, String> {
    if let Some((name, host)) = entry.split_once('=') {
        if name.contains("..") {
            return Err(format!(
                "{entry:?} gives one address to several nodes: write each with its own, such as pi1=192.168.7.11"
            ));
        }
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-:%".contains(letter);
        if host.is_empty() || !host.chars().all(plain) {
            return Err(format!(
                "{host:?} is no host: write a host name or an address, such as pi1=192.168.7.11"
            ));
        }
        return Ok(vec![named(name, Some(host.to_owned()))?]);
    }
    match entry.split_once("..") {
        Some((first, last)) => range(entry, first, last),
        None => Ok(vec![single(entry)?]),
    }
}

/// A node that is listed by its host name alone, with a domain or without.
fn single(entry: &str) -> Result<ListedNode, String> {
    if is_partial_address(entry) || entry.parse::<std::net::IpAddr>().is_ok() {
        return Err(format!(
            "{entry:?} is an address, and a node needs a name: write NAME={entry}, with the host name of the machine as NAME"
        ));
    }
    match entry.split_once('.') {
        Some((name, _)) => named(name, Some(entry.to_owned())),
        None => named(entry, None),
    }
}

fn named(name: &str, host: Option<String>) -> Result<ListedNode, String> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
    let begins_well = name.starts_with(|first: char| first.is_ascii_alphanumeric());
    if !begins_well || name.len() > LONGEST_NAME || !name.chars().all(plain) {
        return Err(format!(
            "{name:?} is no host name: write letters without accents, digits and dashes, {LONGEST_NAME} at most"
        ));
    }
    let name = name.to_owned();
    Ok(ListedNode { name, host })
}

/// The nodes from `pi1` to `pi8`, or from `pi1.lan` to `pi8.lan`.
fn range(entry: &str, first: &str, last: &str) -> Result<Vec<ListedNode>, String> {
    let (first, first_domain) = split_domain(first);
    let (last, last_domain) = split_domain(last);
    let (prefix, from) = split_number(first);
    let (last_prefix, to) = split_number(last);
    // pi1..8 is as clear as pi1..pi8.
    let same_words = (prefix == last_prefix || last_prefix.is_empty())
        && (first_domain == last_domain || last_domain.is_empty());
    let numbers = from.parse::<u32>().ok().zip(to.parse::<u32>().ok());
    let Some((low, high)) = numbers.filter(|_| same_words) else {
        return Err(format!(
            "{entry:?} is no range: write two names that differ in the number at their end, such as pi1..pi8"
        ));
    };
    if low > high {
        return Err(format!(
            "{entry:?} runs backwards: write the lower number first"
        ));
    }
    let is_padded = |digits: &str| digits.len() > 1 && digits.starts_with('0');
    if (is_padded(from) || is_padded(to)) && from.len() != to.len() {
        return Err(format!(
            "{entry:?} has numbers of different lengths: write both with as many digits, such as pi01..pi40"
        ));
    }
    // Checked before the nodes are made: the numbers may be far apart.
    if usize::try_from(high - low).is_ok_and(|steps| steps >= MOST_NODES) {
        return Err(format!(
            "{entry:?} has more than {MOST_NODES} nodes: a ring has {MOST_NODES} at most"
        ));
    }
    let width = if is_padded(from) { from.len() } else { 1 };
    let numbers = low..=high;
    let names = numbers.map(|number| format!("{prefix}{number:0width$}"));
    names
        .map(|name| {
            let host = (!first_domain.is_empty()).then(|| format!("{name}{first_domain}"));
            named(&name, host)
        })
        .collect()
}

/// The name, and its domain with the dot before it.
fn split_domain(text: &str) -> (&str, &str) {
    text.split_at(text.find('.').unwrap_or(text.len()))
}

/// What comes before the digits at the end, and these.
fn split_number(text: &str) -> (&str, &str) {
    let prefix = text.trim_end_matches(|letter: char| letter.is_ascii_digit());
    text.split_at(prefix.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(list: &str) -> Vec<String> {
        let shown = |node: ListedNode| match node.host {
            Some(host) => format!("{}={host}", node.name),
            None => node.name,
        };
        parse(list).unwrap().into_iter().map(shown).collect()
    }

    #[test]
    fn ranges_lists_and_addresses_are_understood() {
        assert_eq!(listed("pi1..pi3"), ["pi1", "pi2", "pi3"]);
        assert_eq!(listed("pi1..3"), ["pi1", "pi2", "pi3"]);
        assert_eq!(listed("pi9..pi11"), ["pi9", "pi10", "pi11"]);
        assert_eq!(listed("pi08..pi10"), ["pi08", "pi09", "pi10"]);
        assert_eq!(listed("a, b c"), ["a", "b", "c"]);
        assert_eq!(listed("pi4..pi4,x"), ["pi4", "x"]);
        assert_eq!(
            listed("pi1=192.168.7.11,pi2=fe80::2%eth0,pi3"),
            ["pi1=192.168.7.11", "pi2=fe80::2%eth0", "pi3"]
        );
        assert_eq!(
            listed("pi1.lan..pi2.lan,gate.school.example"),
            ["pi1=pi1.lan", "pi2=pi2.lan", "gate=gate.school.example"]
        );
        assert_eq!(listed("pi01..pi40").len(), 40);
        assert_eq!(listed("n1..n255").len(), MOST_NODES);
    }

    #[test]
    fn what_is_no_list_of_nodes_is_refused_in_one_sentence() {
        for (list, words) in [
            ("", "no node is listed"),
            (" , ", "no node is listed"),
            ("pi8..pi1", "runs backwards"),
            ("pi1..pie", "is no range"),
            ("pi1..px8", "is no range"),
            ("pi..pi8", "is no range"),
            ("..", "is no range"),
            ("pi1.lan..pi8.net", "is no range"),
            ("pi1..pi4..pi8", "is no range"),
            ("pi1..pi99999999999", "is no range"),
            ("pi01..pi100", "different lengths"),
            ("pi1..pi08", "different lengths"),
            ("pi0..pi4294967295", "more than 255 nodes"),
            ("a1..a200,b1..b100", "more than 255 nodes"),
            ("pi1,PI1", "twice"),
            ("pi1..pi4,pi3", "twice"),
            ("192.168.7.11", "is an address"),
            ("192.168.7", "is an address"),
            ("fd00::7", "is an address"),
            ("pi1..pi8=192.168.7.11", "one address to several"),
            ("=192.168.7.11", "is no host name"),
            ("pi1=", "is no host:"),
            ("pi1=a=b", "is no host:"),
            ("pi1=\"", "is no host:"),
            ("-pi", "is no host name"),
            ("pi\u{e9}", "is no host name"),
            ("pi;reboot", "is no host name"),
        ] {
            let sentence = parse(list).unwrap_err();
            assert!(sentence.contains(words), "{list:?}: {sentence}");
            assert!(!sentence.contains('\n'), "{sentence:?}");
        }
        let long = "a".repeat(LONGEST_NAME + 1);
        assert!(parse(&long).unwrap_err().contains("is no host name"));
    }
}
