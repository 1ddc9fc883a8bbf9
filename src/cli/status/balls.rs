//! The lines of `carom status` about the balls.

use std::collections::BTreeSet;

use super::state::state;
use crate::escape::Escaped;
use crate::http::Status;

/// A line for every ball: which node has it.
pub(super) fn ball_lines(statuses: &[&Status]) -> Vec<String> {
    let known = statuses.iter().flat_map(|status| &status.balls);
    let numbers: BTreeSet<u32> = known.map(|ball| ball.ball).collect();
    let mut lines = Vec::new();
    for ball in numbers {
        let reports = || {
            statuses
                .iter()
                .flat_map(|status| &status.balls)
                .filter(|report| report.ball == ball)
        };
        let here = reports()
            .filter(|report| report.here)
            .max_by_key(|report| report.hop);
        if let Some(here) = here {
            let holder = Escaped(here.holder.as_deref().unwrap_or("?")).to_string();
            let hop = here.hop_text();
            lines.push(format!("ball {ball} is on {holder} (hop {hop})"));
            continue;
        }
        let lent = reports().filter_map(|report| Some((report, report.loan.as_ref()?)));
        if let Some((report, loan)) = lent.max_by_key(|(report, _)| report.hop) {
            let (window, lender) = (
                Escaped(&loan.window),
                report.holder.as_deref().unwrap_or("?"),
            );
            lines.push(format!(
                "ball {ball} is on loan to {window} for {:.1} s, by {} (hop {})",
                loan.since_seconds,
                Escaped(lender),
                report.hop_text()
            ));
            continue;
        }
        let frozen = reports().any(|report| report.frozen);
        let last = reports().max_by_key(|report| (report.hop, report.holder.is_some()));
        let reported = last.and_then(|report| Some((report, report.holder.as_deref()?)));
        let elsewhere = reported.filter(|(_, holder)| {
            statuses.iter().all(|status| status.node != *holder) && state(holder, statuses) == "up"
        });
        if let Some((report, holder)) = elsewhere {
            let (holder, hop) = (Escaped(holder), report.hop_text());
            lines.push(format!(
                "ball {ball} is on {holder} (hop {hop}), by the word of the others {:.1} s ago",
                report.age_seconds
            ));
            continue;
        }
        let holder = last
            .and_then(|report| report.holder.as_deref())
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
