//! Rules 4 and 5: a pass takes its lease along, and what was passed never comes back.

use carom::ring::{Message, NodeId, Notification, Output, Shape};

use crate::solo::{
    BALL, BEAT, LEASE, Solo, WORTH, acknowledges, candidate, dark, generation, lit, notes,
    passed_to, record, renewed, state, topology,
};

/// From edge to edge.
const CROSSING: u64 = 150_000;

fn taken(solo: &mut Solo, hop: u64) -> Vec<Output> {
    let stamp = solo.stamp().unwrap();
    solo.hear(
        1,
        Message::PassAck {
            ball: BALL,
            generation: stamp.generation,
            hop,
        },
    )
}

#[test]
fn the_led_goes_off_and_then_the_ball_goes_with_what_is_left() {
    let mut solo = Solo::holder(3, CROSSING);
    assert_eq!(passed_to(&solo.until(LEASE + CROSSING - 1)), None);
    let out = solo.until(LEASE + CROSSING);
    let (to, pass) = passed_to(&out).unwrap();
    let off = out
        .iter()
        .position(|output| matches!(output, Output::LedOff(_)));
    let send = |output: &Output| {
        matches!(
            output,
            Output::Send {
                message: Message::Pass(_),
                ..
            }
        )
    };
    assert!(off < out.iter().position(send), "{out:?}");
    assert_eq!(to, 1);
    assert_eq!(pass.record.stamp.hop, 1);
    assert_eq!(pass.record.state.position, [800.0, 300.0]);
    assert_eq!(pass.left, WORTH - CROSSING);
    // The peer's last heartbeat, by its own clock: half a heartbeat before.
    let heard = (LEASE + CROSSING) / (BEAT / 2) * (BEAT / 2);
    assert_eq!(pass.echo, Some(heard + 1_000_000));
    assert_eq!(pass.since, LEASE + CROSSING - heard);
    assert!(!solo.here());
}

#[test]
fn a_pass_is_worth_its_echo_and_what_was_left_less_a_hundredth() {
    let mut solo = Solo::among(3, CROSSING);
    solo.until(LEASE / 2);
    let echo = solo.now - 30_000;
    let (left, since) = (300_000, 20_000);
    let slow = record(generation(1), 4);
    assert!(lit(&solo.pass_with(1, slow, left, Some(echo), since)));
    let end = echo + (left + since) - (left + since) / 100;
    assert!(!dark(&solo.until(end - 1)));
    let out = solo.until(end);
    assert_eq!(notes(&out), [Notification::Frozen { ball: BALL }]);
}

#[test]
fn no_pass_is_worth_more_than_a_lease_from_now() {
    let mut solo = Solo::among(3, CROSSING);
    solo.until(LEASE / 2);
    assert!(lit(&solo.pass(1, generation(1), 4, 100 * LEASE)));
    assert!(!dark(&solo.until(LEASE / 2 + WORTH - 1)));
    assert!(dark(&solo.until(LEASE / 2 + WORTH)));
}

#[test]
fn a_pass_without_an_echo_or_without_lease_arrives_frozen_and_is_taken_all_the_same() {
    for (echo, left) in [(None, LEASE), (Some(LEASE / 2 + 1), LEASE), (Some(0), 10)] {
        let mut solo = Solo::among(3, CROSSING);
        solo.until(LEASE / 2);
        let out = solo.pass_with(1, record(generation(1), 4), left, echo, 0);
        assert!(!lit(&out) && acknowledges(&out, 1, 4), "{echo:?}");
        assert!(solo.node.ball_views().next().unwrap().frozen);
        let (seq, claim) = renewed(&out).unwrap();
        assert_eq!(claim.hop, Some(4), "it asks at once");
        assert!(lit(&solo.grant(1, seq, None)) || lit(&solo.grant(2, seq, None)));
    }
}

#[test]
fn the_ball_comes_in_at_the_edge() {
    let mut solo = Solo::among(3, CROSSING);
    solo.until(LEASE / 2);
    solo.pass(1, generation(1), 4, LEASE);
    let view = solo.node.ball_views().next().unwrap();
    assert_eq!(view.state.unwrap().position, [0.0, 123.0]);
}

#[test]
fn a_pass_that_brings_nothing_new_is_acknowledged_and_no_more() {
    let mut solo = Solo::among(3, CROSSING);
    solo.until(LEASE / 2);
    solo.renewal(2, generation(2), 10);
    for stamp in [(2, 10), (2, 9), (1, 99)] {
        let out = solo.pass(1, generation(stamp.0), stamp.1, LEASE);
        assert!(acknowledges(&out, 1, stamp.1), "{out:?}");
        assert!(!lit(&out) && !solo.here());
    }
    assert_eq!(solo.node.view().counters.refused_passes, 3);
    assert!(lit(&solo.pass(1, generation(2), 11, LEASE)));
    assert_eq!(solo.node.view().counters.hops, 1);
}

#[test]
fn who_elects_a_higher_generation_ignores_a_pass_and_any_other_candidate_takes_it() {
    let electing = || {
        let mut solo = Solo::among(3, 1000 * LEASE);
        let round = candidate(&solo.until(LEASE)).unwrap().1.generation.round;
        assert_eq!(round, 1);
        solo
    };
    let mut solo = electing();
    let out = solo.pass(1, generation(0), 4, LEASE);
    assert!(!lit(&out) && !acknowledges(&out, 1, 4), "{out:?}");
    let mut solo = electing();
    let out = solo.pass(1, generation(2), 4, LEASE);
    assert!(lit(&out) && acknowledges(&out, 1, 4), "{out:?}");
    let release = Message::Release {
        ball: BALL,
        generation: generation(0),
    };
    let is_release =
        |line: &Message| std::mem::discriminant(line) == std::mem::discriminant(&release);
    assert!(crate::solo::said(&out, 2).iter().any(is_release), "{out:?}");
}

#[test]
fn what_was_passed_is_never_held_again() {
    let mut solo = Solo::holder(3, CROSSING);
    let (seq, _) = renewed(&solo.until(LEASE + CROSSING / 2)).unwrap_or((2, claim()));
    passed_to(&solo.until(LEASE + CROSSING)).unwrap();
    assert!(!lit(&solo.grant(1, seq, None)), "a grant that comes late");
    assert!(!lit(&solo.grant(2, seq, None)));
    let stamp = solo.stamp().unwrap();
    let out = solo.pass(2, stamp.generation, stamp.hop, LEASE);
    assert!(!lit(&out), "nor by a pass of the same hop");
}

fn claim() -> carom::ring::message::LeaseRequest {
    carom::ring::message::LeaseRequest::of_candidate(BALL, generation(1))
}

#[test]
fn an_acknowledgement_ends_the_passing_and_one_of_another_hop_does_not() {
    let mut solo = Solo::holder(3, CROSSING);
    solo.until(LEASE + CROSSING);
    taken(&mut solo, 2);
    let again = solo.meet(1);
    assert!(passed_to(&again).is_some(), "not acknowledged: sent again");
    taken(&mut solo, 1);
    assert!(passed_to(&solo.meet(1)).is_none());
}

#[test]
fn an_unacknowledged_pass_is_sent_again_to_the_same_life_only() {
    let mut solo = Solo::holder(3, CROSSING);
    let (_, first) = passed_to(&solo.until(LEASE + CROSSING)).unwrap();
    solo.part(1);
    solo.until(LEASE + CROSSING + 40_000);
    assert!(passed_to(&solo.meet(2)).is_none(), "not to another");
    let (to, again) = passed_to(&solo.meet(1)).unwrap();
    assert_eq!((to, again.record), (1, first.record));
    assert_eq!(again.left, first.left - 40_000);
    solo.part(1);
    let out = solo.meet_life(1, 999);
    assert!(passed_to(&out).is_none(), "{out:?}");
    let to = NodeId(1);
    assert_eq!(
        notes(&out),
        [Notification::PassUnacknowledged { ball: BALL, to }]
    );
}

#[test]
fn a_pass_that_nobody_acknowledged_is_let_go_at_the_deadline_and_never_renewed() {
    let mut solo = Solo::holder(3, CROSSING);
    assert!(passed_to(&solo.until(LEASE + CROSSING)).is_some());
    let out = solo.until(LEASE + WORTH - 1);
    assert_eq!((renewed(&out), notes(&out)), (None, vec![]));
    let out = solo.until(LEASE + WORTH);
    let to = NodeId(1);
    assert_eq!(
        notes(&out),
        [Notification::PassUnacknowledged { ball: BALL, to }]
    );
}

#[test]
fn a_ball_with_less_than_half_a_lease_waits_at_its_edge_for_one_renewal() {
    let late = LEASE / 2 + 50_000;
    let mut solo = Solo::holder(3, late);
    assert_eq!(passed_to(&solo.until(LEASE + late + 1_000)), None);
    let (seq, _) = renewed(&solo.until(LEASE + 3 * BEAT)).unwrap();
    let out = solo.grant(1, seq, None);
    let (_, pass) = passed_to(&out).unwrap();
    assert_eq!(pass.left, WORTH);
    // Half a lease exactly is enough.
    let half = WORTH - LEASE / 2;
    let mut solo = Solo::holder(3, half);
    assert!(passed_to(&solo.until(LEASE + half)).is_some());
    let mut solo = Solo::holder(3, half + 1);
    assert_eq!(passed_to(&solo.until(LEASE + half + 1)), None);
}

#[test]
fn the_silent_the_gone_and_the_leaving_are_skipped() {
    let mut solo = Solo::holder(5, CROSSING);
    solo.part(1);
    solo.hear(2, Message::Leaving);
    let (to, _) = passed_to(&solo.until(LEASE + CROSSING)).unwrap();
    assert_eq!(to, 3);
    // Three heartbeats of silence, and not one microsecond less.
    for (silent, next) in [(3 * BEAT, 1), (3 * BEAT + 1, 2)] {
        let mut solo = Solo::among(3, CROSSING);
        solo.until(LEASE / 2);
        solo.silence(1);
        let heard = solo.now;
        let mut fast = record(generation(1), 4);
        fast.state.velocity = state(silent - 1_000).velocity;
        solo.until(heard + 1_000);
        assert!(lit(&solo.pass_with(2, fast, LEASE, Some(solo.now), 0)));
        let (to, _) = until_passed(&mut solo, heard + silent);
        assert_eq!(to, next, "{silent}");
    }
}

/// Grants every renewal until the ball goes.
fn until_passed(solo: &mut Solo, at: u64) -> (u8, u64) {
    loop {
        let moment = (solo.now / BEAT + 1) * BEAT;
        let out = solo.until(moment.min(at));
        if let Some((to, pass)) = passed_to(&out) {
            return (to, pass.left);
        }
        assert!(solo.now < at, "no pass by {at}");
        if let Some((seq, _)) = renewed(&out) {
            solo.grant(2, seq, None);
        }
    }
}

#[test]
fn where_nobody_takes_it_the_ball_bounces() {
    let mut file = topology(3, CROSSING);
    file.shape = Shape::Row;
    let mut solo = Solo::which(file, 2);
    drop(solo.meet(0));
    drop(solo.meet(1));
    solo.until(LEASE / 2);
    let mut fast = record(generation(1), 4);
    fast.state.velocity = state(CROSSING).velocity;
    assert!(lit(&solo.pass_with(1, fast, LEASE, Some(solo.now), 0)));
    let begun = solo.now;
    let out = solo.until(begun + CROSSING);
    assert!(passed_to(&out).is_none() && !dark(&out));
    let view = solo.node.ball_views().next().unwrap();
    assert!(view.here && view.state.unwrap().velocity[0] < 0.0);
    let (to, _) = passed_to(&solo.until(begun + 2 * CROSSING)).unwrap();
    assert_eq!(to, 1);
}

#[test]
fn a_ball_that_flies_on_in_the_same_breath_is_acknowledged_with_the_heartbeat() {
    let mut solo = Solo::among(3, CROSSING);
    solo.until(LEASE / 2 + 10_000);
    let mut bolt = record(generation(1), 4);
    bolt.state.velocity = [1e12, 0.0];
    let out = solo.pass_with(2, bolt, LEASE, Some(solo.now), 0);
    assert_eq!(passed_to(&out).unwrap().0, 1);
    assert!(!acknowledges(&out, 2, 4), "{out:?}");
    assert!(!acknowledges(&solo.until(LEASE / 2 + BEAT - 1), 2, 4));
    assert!(acknowledges(&solo.until(LEASE / 2 + BEAT), 2, 4));
    assert!(
        !acknowledges(&solo.until(LEASE / 2 + 2 * BEAT), 2, 4),
        "once"
    );
}
