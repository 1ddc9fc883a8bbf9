//! The table of `carom status`: a line for each node, then a line for each ball.

use std::collections::BTreeMap;
use std::io;

use super::answer::Answer;
use super::balls::ball_lines;
use super::fold::{Fold, print_folded};
use super::state::state;
use crate::escape::Escaped;
use crate::http::{BallStatus, NodeStatus, ReturnedBy, Status};
use crate::ring::Shape;

/// Up to this many links are shown one by one.
const MOST_LINKS: usize = 6;

/// In a ring of more nodes, those of which there is nothing to tell share a line.
const MOST_LINES: usize = 16;

/// Peers that are not up and are named; more are counted.
const MOST_NAMED: usize = 3;

/// Prints the nodes in ring order: by their own reports where they answered, else by those of the
/// others.
pub(super) fn print(answers: &[Answer], out: &mut impl io::Write) -> io::Result<()> {
    let statuses = answers.iter().filter_map(|answer| answer.status.as_ref());
    let statuses: Vec<&Status> = statuses.collect();
    let Some(first) = statuses.first() else {
        return print_unreached(answers, out);
    };
    let shape = match first.shape {
        Shape::Ring => "a ring",
        Shape::Row => "a row",
    };
    let states: Vec<(&str, &str)> = first
        .nodes
        .iter()
        .map(|node| (node.name.as_str(), state(&node.name, &statuses)))
        .collect();
    let up = states.iter().filter(|(_, state)| *state == "up").count();
    writeln!(
        out,
        "{}: {shape} of {} nodes, {up} up, lease {} ms",
        Escaped(&first.ring),
        states.len(),
        first.lease_ms
    )?;
    print_voters(first, &states, out)?;
    let width = first
        .nodes
        .iter()
        .map(|node| node.name.len())
        .max()
        .unwrap_or(0)
        .max(4);
    writeln!(
        out,
        "\n{:width$}  STATE     LED  BALL  GENERATION             HOP       LINKS (round trip)",
        "NODE"
    )?;
    let reports: Vec<_> = states
        .into_iter()
        .map(|(name, state)| {
            let own = statuses.iter().find(|status| status.node == name);
            (name, state, own.copied())
        })
        .collect();
    let is_large = reports.len() > MOST_LINES;
    let fold = |own, state| Fold::of(own, state).filter(|_| is_large);
    for &(name, state, own) in &reports {
        let name = Escaped(name).to_string();
        match own {
            own if fold(own, state).is_some() => {}
            Some(own) => print_node(&name, state, width, own, out)?,
            None => writeln!(out, "{name:width$}  {state:8}  ?")?,
        }
    }
    let folded: Vec<_> = reports
        .iter()
        .map(|&(name, state, own)| (name, fold(own, state)))
        .collect();
    print_folded(&folded, out)?;
    writeln!(out)?;
    for ball in ball_lines(&statuses) {
        writeln!(out, "{ball}")?;
    }
    print_last_return(&statuses, out)?;
    print_duplicates(&statuses, out)?;
    print_different_keys(&statuses, out)?;
    print_without_key(&statuses, out)?;
    print_unreached(answers, out)
}

/// Prints who votes and how many of them are up, unless all nodes vote.
fn print_voters(
    first: &Status,
    states: &[(&str, &str)],
    out: &mut impl io::Write,
) -> io::Result<()> {
    let nodes = first.nodes.iter().zip(states);
    let voters: Vec<_> = nodes.filter(|(node, _)| node.voter).collect();
    if voters.len() == first.nodes.len() {
        return Ok(());
    }
    let up = voters
        .iter()
        .filter(|(_, (_, state))| *state == "up")
        .count();
    let names: Vec<_> = voters
        .iter()
        .map(|(node, _)| Escaped(&node.name).to_string())
        .collect();
    let (count, quorum) = (voters.len(), voters.len() / 2 + 1);
    writeln!(
        out,
        "{count} of them vote, {up} up, and {quorum} have to be: {}",
        names.join(", ")
    )
}

/// Prints a node that answered: one line, and one more for each further ball it has.
fn print_node(
    name: &str,
    state: &str,
    width: usize,
    own: &Status,
    out: &mut impl io::Write,
) -> io::Result<()> {
    let links = links(own);
    let mut balls = own.balls.iter().filter(|ball| ball.here || ball.frozen);
    let led = match (&own.led.fault, own.led.lit) {
        // It cannot be set, so its state is not known.
        (Some(_), _) => "?",
        (None, true) => "ON",
        (None, false) => "off",
    };
    let (number, generation, hop) = balls.next().map(ball_columns).unwrap_or_default();
    writeln!(
        out,
        "{name:width$}  {state:8}  {led:3}  {number:4}  {generation:21}  {hop:8}  {links}"
    )?;
    for ball in balls {
        let (number, generation, hop) = ball_columns(ball);
        writeln!(
            out,
            "{:width$}  {:8}  {:3}  {number:4}  {generation:21}  {hop:8}",
            "", "", ""
        )?;
    }
    if let Some(fault) = &own.led.fault {
        writeln!(out, "{:width$}  LED: {}", "", Escaped(fault))?;
    }
    Ok(())
}

fn ball_columns(ball: &BallStatus) -> (String, String, String) {
    let frozen = if ball.frozen { "*" } else { "" };
    (
        format!("{}{frozen}", ball.ball),
        Escaped(ball.generation.as_deref().unwrap_or("-")).to_string(),
        ball.hop_text(),
    )
}

/// Every link if they fit a line; else how many are up, the slowest one, and those that are not up.
fn links(own: &Status) -> String {
    let others = || own.nodes.iter().filter(|node| node.name != own.node);
    if others().count() <= MOST_LINKS {
        return others().map(link).collect::<Vec<_>>().join(" ");
    }
    let count = |state| others().filter(|node| node.state == state).count();
    let mut text = format!("{} of {} up", count("up"), others().count());
    let spans = others().filter_map(|node| Some((node.round_trip_ms?, &node.name)));
    if let Some((span, name)) = spans.max_by(|one, other| one.0.total_cmp(&other.0)) {
        text.push_str(&format!(", slowest {} {span:.1}ms", Escaped(name)));
    }
    for node in others()
        .filter(|node| node.state == "down")
        .take(MOST_NAMED)
    {
        text.push_str(&format!(", {}", link(node)));
    }
    let more = count("down").saturating_sub(MOST_NAMED);
    for (count, state) in [(more, "more down"), (count("unknown"), "unknown")] {
        if count > 0 {
            text.push_str(&format!(", {count} {state}"));
        }
    }
    text
}

fn link(node: &NodeStatus) -> String {
    let name = Escaped(&node.name);
    match (node.state.as_str(), node.round_trip_ms) {
        ("up", Some(span)) => format!("{name} {span:.1}ms"),
        ("up", None) => format!("{name} ok"),
        (state, _) => format!("{name} {}", Escaped(state)),
    }
}

/// Prints the latest return of a ball that any node has seen.
fn print_last_return(statuses: &[&Status], out: &mut impl io::Write) -> io::Result<()> {
    let returns = statuses
        .iter()
        .filter_map(|status| status.last_return.as_ref());
    let last = returns.min_by(|one, other| one.age_seconds.total_cmp(&other.age_seconds));
    let Some(last) = last else { return Ok(()) };
    let (to, from) = (Escaped(&last.to), Escaped(&last.from));
    let (ball, age, gone) = (last.ball, last.age_seconds, last.gone_ms());
    write!(
        out,
        "last unplugging: {to} took ball {ball} back {age:.0} s ago; "
    )?;
    match last.by {
        ReturnedBy::Lease => writeln!(out, "it was last heard of on {from}, {gone:.0} ms before"),
        ReturnedBy::Obituary => {
            writeln!(
                out,
                "the proof that the process of {from} had ended came {gone:.1} ms before"
            )
        }
    }
}

/// Says which nodes two processes play, as any node has noticed, and where both are.
fn print_duplicates(statuses: &[&Status], out: &mut impl io::Write) -> io::Result<()> {
    let mut places: BTreeMap<&str, String> = BTreeMap::new();
    for node in statuses.iter().flat_map(|status| &status.nodes) {
        let Some(duplicate) = &node.duplicate else {
            continue;
        };
        let known = match (&duplicate.connected, &duplicate.refused) {
            (Some(one), Some(other)) => format!(", at {} and at {}", Escaped(one), Escaped(other)),
            _ => String::new(),
        };
        let all = places.entry(&node.name).or_default();
        if all.is_empty() {
            *all = known;
        }
    }
    for (name, places) in places {
        writeln!(
            out,
            "two processes play {}{places}: stop one of the two, or name them differently",
            Escaped(name)
        )?;
    }
    Ok(())
}

/// Says which nodes run without a key: anyone on their network can pretend to be a node.
fn print_without_key(statuses: &[&Status], out: &mut impl io::Write) -> io::Result<()> {
    let without = statuses.iter().filter(|status| status.key.is_none());
    let names: Vec<_> = without
        .map(|status| Escaped(&status.node).to_string())
        .collect();
    let who = match names.len() {
        0 => return Ok(()),
        all if all == statuses.len() => "the ring has no key".to_owned(),
        _ => format!("without a key: {}", names.join(", ")),
    };
    writeln!(
        out,
        "{who}; anyone on the network can take the ball (docs/SECURITY.md)"
    )
}

/// Says which node uses which key, where they differ: nodes without a key in common are not linked.
fn print_different_keys(statuses: &[&Status], out: &mut impl io::Write) -> io::Result<()> {
    let mut users: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for status in statuses {
        if let Some(key) = &status.key {
            let name = Escaped(&status.node).to_string();
            users.entry(&key.used).or_default().push(name);
        }
    }
    if users.len() < 2 {
        return Ok(());
    }
    writeln!(
        out,
        "the nodes use different keys; nodes without a key in common are not linked"
    )?;
    for (key, nodes) in users {
        writeln!(out, "  {}: {}", Escaped(key), nodes.join(", "))?;
    }
    Ok(())
}

fn print_unreached(answers: &[Answer], out: &mut impl io::Write) -> io::Result<()> {
    for answer in answers {
        if let Some(error) = &answer.error {
            let name = answer.node.as_ref().unwrap_or(&answer.address);
            writeln!(out, "{}: {error}", Escaped(name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::status::tests::status;

    /// The table of a ring in which n3 is down and n6 has the ball, by the answers of the first `asked` nodes.
    fn table(nodes: usize, asked: usize) -> String {
        let names: Vec<String> = (1..=nodes).map(|number| format!("n{number}")).collect();
        let model = status();
        let answer = |me: usize| {
            let mut status = model.clone();
            status.node = names[me].clone();
            status.balls[0].here = me == 5;
            status.led.lit = me == 5;
            let node = |(other, name): (usize, &String)| NodeStatus {
                name: name.clone(),
                state: match other.abs_diff(me) {
                    3.. => "unknown",
                    _ if other == 2 => "down",
                    _ => "up",
                }
                .to_owned(),
                ..model.nodes[0].clone()
            };
            status.nodes = names.iter().enumerate().map(node).collect();
            Answer {
                node: Some(names[me].clone()),
                address: String::new(),
                status: (me != 2).then_some(status),
                error: None,
            }
        };
        let answers: Vec<Answer> = (0..asked).map(answer).collect();
        let mut out = Vec::new();
        print(&answers, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn in_a_large_ring_the_usual_nodes_share_a_line() {
        let table = table(40, 40);
        println!("{table}");
        let folded = "34 are up without a ball, LED off: n7 to n40\n";
        assert!(table.contains(folded) && table.lines().count() < 16);
        for part in [
            "n3    down      ?",
            "n6    up        ON   1",
            ", n3 down, 35 unknown",
        ] {
            assert!(table.contains(part), "{part:?}");
        }
    }

    #[test]
    fn so_do_those_that_were_not_asked() {
        let table = table(40, 8);
        println!("{table}");
        for part in [
            "2 are up without a ball, LED off: n7 to n8\n",
            "2 gave no answer, and are up by the word of others: n9 to n10\n",
            "30 gave no answer, and those that did do not know them: n11 to n40\n",
            "n3    down      ?",
        ] {
            assert!(table.contains(part), "{part:?}");
        }
    }

    #[test]
    fn in_a_smaller_one_every_node_has_a_line() {
        let table = table(16, 16);
        for number in 1..=16 {
            let start = format!("n{number} ");
            assert!(
                table.lines().any(|line| line.starts_with(&start)),
                "{table}"
            );
        }
        assert!(!table.contains("share") && !table.contains("are up without"));
    }
}
