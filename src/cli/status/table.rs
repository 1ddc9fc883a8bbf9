//! The table, to be read at a glance.

use std::collections::BTreeSet;
use std::io;

use super::Asked;
use crate::escape::Escaped;
use crate::http::{BallStatus, NodeStatus, Status};
use crate::ring::Shape;

/// Links that are told one by one.
const MOST_LINKS: usize = 6;

/// The nodes in ring order, each by its own word where it answered, else by the others'.
pub(super) fn print(asked: &[Asked], out: &mut impl io::Write) -> io::Result<()> {
    let answers: Vec<&Status> = asked
        .iter()
        .filter_map(|asked| asked.status.as_ref())
        .collect();
    let Some(first) = answers.first() else {
        return unreached(asked, out);
    };
    let shape = match first.shape {
        Shape::Ring => "a ring",
        Shape::Row => "a row",
    };
    let states: Vec<(&str, &str)> = first
        .nodes
        .iter()
        .map(|node| (node.name.as_str(), state(&node.name, &answers)))
        .collect();
    let well = states.iter().filter(|(_, state)| *state == "up").count();
    writeln!(
        out,
        "{}: {shape} of {} nodes, {well} up, lease {} ms",
        Escaped(&first.ring),
        states.len(),
        first.lease_ms
    )?;
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
    for (name, state) in states {
        let own = answers.iter().find(|answer| answer.node == name);
        let name = Escaped(name).to_string();
        match own {
            Some(own) => speaking(&name, state, width, own, out)?,
            None => writeln!(out, "{name:width$}  {state:8}  ?")?,
        }
    }
    writeln!(out)?;
    for ball in newest_words(&answers) {
        writeln!(out, "{ball}")?;
    }
    last_return(&answers, out)?;
    unreached(asked, out)
}

/// The lines of a node that answered: one, and one more for every further ball it has.
fn speaking(
    name: &str,
    state: &str,
    width: usize,
    own: &Status,
    out: &mut impl io::Write,
) -> io::Result<()> {
    let links = links(own);
    let mut balls = own.balls.iter().filter(|ball| ball.here || ball.frozen);
    let lit = match (&own.led.fault, own.led.lit) {
        // It cannot be set, so how it is nobody knows.
        (Some(_), _) => "?",
        (None, true) => "ON",
        (None, false) => "off",
    };
    let (number, generation, hop) = balls.next().map(ball_columns).unwrap_or_default();
    writeln!(
        out,
        "{name:width$}  {state:8}  {lit:3}  {number:4}  {generation:21}  {hop:8}  {links}"
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
        ball.hop.unwrap_or(0).to_string(),
    )
}

/// Each link where they fit a line; else how many are up, the slowest, and every one that is not.
fn links(own: &Status) -> String {
    let others = || own.nodes.iter().filter(|node| node.name != own.node);
    if others().count() <= MOST_LINKS {
        return others().map(link).collect::<Vec<_>>().join(" ");
    }
    let up = others().filter(|node| node.state == "up").count();
    let mut text = format!("{up} of {} up", others().count());
    let spans = others().filter_map(|node| Some((node.round_trip_ms?, &node.name)));
    if let Some((span, name)) = spans.max_by(|one, other| one.0.total_cmp(&other.0)) {
        text.push_str(&format!(", slowest {} {span:.1}ms", Escaped(name)));
    }
    for node in others().filter(|node| node.state != "up") {
        text.push_str(&format!(", {}", link(node)));
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

/// By its own word where it answered. Else `down` if anyone who can tell says so, `up` if it is
/// linked but did not answer us, else `unknown`.
fn state(name: &str, answers: &[&Status]) -> &'static str {
    if let Some(own) = answers.iter().find(|answer| answer.node == name) {
        return own.condition.label();
    }
    let words = || {
        answers
            .iter()
            .flat_map(|answer| &answer.nodes)
            .filter(|node| node.name == name)
    };
    if words().any(|node| node.state == "up") {
        "up"
    } else if words().any(|node| node.state == "down") {
        "down"
    } else {
        "unknown"
    }
}

/// A line for every ball: where it is.
fn newest_words(answers: &[&Status]) -> Vec<String> {
    let known = answers.iter().flat_map(|answer| &answer.balls);
    let numbers: BTreeSet<u32> = known.map(|ball| ball.ball).collect();
    let mut lines = Vec::new();
    for ball in numbers {
        let words = || {
            answers
                .iter()
                .flat_map(|answer| &answer.balls)
                .filter(|word| word.ball == ball)
        };
        let here = words().filter(|word| word.here).max_by_key(|word| word.hop);
        if let Some(here) = here {
            let holder = Escaped(here.holder.as_deref().unwrap_or("?")).to_string();
            let hop = here.hop.unwrap_or(0);
            lines.push(format!("ball {ball} is on {holder} (hop {hop})"));
            continue;
        }
        let lent = words().filter_map(|word| Some((word, word.loan.as_ref()?)));
        if let Some((word, loan)) = lent.max_by_key(|(word, _)| word.hop) {
            let (window, lender) = (Escaped(&loan.window), word.holder.as_deref().unwrap_or("?"));
            lines.push(format!(
                "ball {ball} is on loan to {window} for {:.1} s, by {} (hop {})",
                loan.since_seconds,
                Escaped(lender),
                word.hop.unwrap_or(0)
            ));
            continue;
        }
        let frozen = words().any(|word| word.frozen);
        let last = words().max_by_key(|word| word.hop);
        let heard = last.and_then(|word| Some((word, word.holder.as_deref()?)));
        let elsewhere = heard.filter(|(_, holder)| {
            answers.iter().all(|answer| answer.node != *holder) && state(holder, answers) == "up"
        });
        if let Some((word, holder)) = elsewhere {
            let (holder, hop) = (Escaped(holder), word.hop.unwrap_or(0));
            lines.push(format!(
                "ball {ball} is on {holder} (hop {hop}), by the word of the others {:.1} s ago",
                word.age_seconds
            ));
            continue;
        }
        let holder = last
            .and_then(|word| word.holder.as_deref())
            .unwrap_or("nobody yet, as nodes wait one lease after their start");
        let holder = Escaped(holder);
        lines.push(if frozen {
            format!("ball {ball} stands still (*): no majority renews its lease")
        } else {
            format!(
                "ball {ball} is with none of the nodes that answered; last known holder: {holder}"
            )
        });
    }
    lines
}

/// The latest that any of them has seen.
fn last_return(answers: &[&Status], out: &mut impl io::Write) -> io::Result<()> {
    let backs = answers
        .iter()
        .filter_map(|answer| answer.last_return.as_ref());
    let last = backs.min_by(|one, other| one.age_seconds.total_cmp(&other.age_seconds));
    let Some(back) = last else { return Ok(()) };
    writeln!(
        out,
        "last unplugging: {} took ball {} back {:.0} s ago; it was last heard of on {}, {:.0} ms before",
        Escaped(&back.to),
        back.ball,
        back.age_seconds,
        Escaped(&back.from),
        back.away_ms
    )
}

fn unreached(asked: &[Asked], out: &mut impl io::Write) -> io::Result<()> {
    for asked in asked {
        if let Some(error) = &asked.error {
            let who = asked.node.as_ref().unwrap_or(&asked.address);
            writeln!(out, "{}: {error}", Escaped(who))?;
        }
    }
    Ok(())
}
