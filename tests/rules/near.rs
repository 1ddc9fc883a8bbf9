//! Near and far: whom a node of a large ring asks to be heard often, and what it does until it knows who is there.

use carom::ring::view::Health;
use carom::ring::{Input, Message, NodeId, Output};

use crate::fixture::{
    HEARTBEAT, LEASE, TestNode, candidacy, generation, led_on, passed_to, renewed, sent_to,
    topology,
};

/// The number of nodes.
const NODES: u16 = 12;

/// Node 7, among others, does not vote, and is far from node 0.
const VOTERS: [u16; 7] = [0, 1, 3, 5, 6, 8, 10];

/// The heartbeats among these: recipient, and whether they ask for the near pace.
fn heartbeats(out: &[Output]) -> Vec<(u16, bool)> {
    let heartbeat = |output: &Output| match output {
        Output::Send {
            to,
            message: Message::Heartbeat { near, .. },
        } => Some((to.0, *near)),
        _ => None,
    };
    out.iter().filter_map(heartbeat).collect()
}

fn asked(out: &[Output]) -> Vec<u16> {
    let asking = heartbeats(out).into_iter().filter(|(_, near)| *near);
    let mut asked: Vec<u16> = asking.map(|(to, _)| to).collect();
    asked.sort_unstable();
    asked.dedup();
    asked
}

/// Node 2 of such a ring, which does not vote, some time after its start.
fn bystander() -> TestNode {
    bystander_among(NODES)
}

fn bystander_among(nodes: u16) -> TestNode {
    let mut node = TestNode::with_id(topology(nodes.into(), 1000 * LEASE), 2);
    let others = (0..nodes).filter(|&peer| peer != 2);
    others.for_each(|peer| drop(node.connect(peer)));
    drop(node.until(4 * LEASE));
    node
}

/// How many heartbeats at the far pace that node sends in so many leases.
fn far_heartbeats(node: &mut TestNode, leases: u64) -> usize {
    let sent = heartbeats(&node.until(node.now + leases * LEASE));
    sent.iter().filter(|(_, near)| !near).count()
}

/// Node 0, which holds the ball, and what it said when it won the election. The ball flies to node 1.
fn winner(crossing: u64) -> (TestNode, Vec<Output>) {
    let mut node = TestNode::connected(NODES, crossing);
    let seq = candidacy(&node.until(LEASE)).unwrap().0;
    let mut won = Vec::new();
    for &voter in &VOTERS[1..] {
        won.extend(node.grant(voter, seq, None));
    }
    assert!(led_on(&won));
    (node, won)
}

fn holder(crossing: u64) -> TestNode {
    winner(crossing).0
}

#[test]
fn all_peers_of_a_small_ring_are_near_and_need_not_be_asked() {
    let mut node = TestNode::connected(7, LEASE);
    let out = node.until(HEARTBEAT);
    let all: Vec<_> = (1..7).map(|peer| (peer, false)).collect();
    assert_eq!(heartbeats(&out), all);
}

#[test]
fn the_two_nearest_on_each_side_are_asked_and_the_others_hear_seldom() {
    let mut node = bystander();
    let often = heartbeats(&node.until(node.now + HEARTBEAT));
    let near: Vec<_> = often.iter().filter(|(_, near)| *near).collect();
    assert_eq!(
        near,
        [0, 1, 3, 4]
            .map(|peer| (peer, true))
            .iter()
            .collect::<Vec<_>>()
    );
    let mut heard = [0; NODES as usize];
    let (begin, leases) = (node.now, 320);
    while node.now < begin + leases * LEASE {
        let out = node.until(node.now + HEARTBEAT);
        let far: Vec<_> = heartbeats(&out)
            .into_iter()
            .filter(|(to, _)| *to > 4)
            .collect();
        assert!(
            far.len() < 4 && far.iter().all(|(_, near)| !near),
            "no burst: {far:?}"
        );
        far.iter().for_each(|(to, _)| heard[usize::from(*to)] += 1);
    }
    for far in 5..NODES.into() {
        assert!((8..=13).contains(&heard[far]), "{far}: {heard:?}");
    }
}

#[test]
fn a_peer_that_asks_is_answered_at_once_and_at_its_pace_until_it_asks_no_more() {
    let mut node = bystander();
    node.near.push(7);
    let out = node.until(node.now + HEARTBEAT / 2);
    assert!(heartbeats(&out).contains(&(7, false)));
    for _ in 0..4 {
        let out = node.until(node.now + HEARTBEAT);
        assert!(heartbeats(&out).contains(&(7, false)));
    }
    node.near.clear();
    drop(node.until(node.now + HEARTBEAT));
    let out = node.until(node.now + 2 * HEARTBEAT);
    assert!(!heartbeats(&out).iter().any(|(to, _)| *to == 7));
}

#[test]
fn a_heartbeat_that_was_overtaken_asks_for_nothing() {
    let mut node = bystander();
    let at = node.now;
    for (near, age, answers) in [(true, 1, false), (true, 0, true), (false, 1, true)] {
        let heartbeat = Message::Heartbeat {
            at: at + 2_000_000 - age,
            echo: None,
            since: 0,
            near,
        };
        if answers && near {
            drop(node.receive(7, heartbeat.clone()));
        }
        let latest = Message::Heartbeat {
            at: at + 2_000_000,
            echo: None,
            since: 0,
            near: answers,
        };
        drop(node.receive(7, latest));
        drop(node.receive(7, heartbeat));
        node.stop_heartbeats(7);
        let out = node.until(node.now + HEARTBEAT);
        assert_eq!(heartbeats(&out).contains(&(7, false)), answers);
    }
}

#[test]
fn when_two_neighbours_die_at_once_the_next_are_asked_at_once() {
    let mut node = bystander();
    assert_eq!(asked(&node.disconnect(3)), [5]);
    assert_eq!(asked(&node.disconnect(4)), [6]);
    assert_eq!(asked(&node.disconnect(8)), [0; 0]);
    // Those that fall silent are asked on, as they stay connected.
    node.stop_heartbeats(0);
    node.stop_heartbeats(1);
    let out = node.until(node.now + 5 * HEARTBEAT);
    assert_eq!(asked(&out), [0, 1, 5, 6, 10, 11]);
    // Whoever comes back is asked at once, and whoever is needed no longer is told so.
    assert!(asked(&node.connect(3)).contains(&3));
    let out = node.until(node.now + HEARTBEAT);
    assert!(heartbeats(&out).contains(&(6, false)));
}

/// Lets time pass while the far voters grant whatever the node requests.
fn granted_until(node: &mut TestNode, moment: u64) -> Vec<Output> {
    let mut all = Vec::new();
    while node.now < moment {
        let out = node.until(moment.min(node.now + HEARTBEAT / 8));
        if let Some((seq, _)) = renewed(&out) {
            for &voter in &VOTERS[3..] {
                all.extend(node.grant(voter, seq, None));
            }
        }
        all.extend(out);
    }
    all
}

/// The holder of a ball that reaches its edge in half a heartbeat interval, when nodes 1 and 2 have just died and node 3 has been
/// silent for a while.
fn beside_the_dead() -> TestNode {
    let mut node = holder(2 * LEASE);
    node.stop_heartbeats(3);
    let edge = node.now + 2 * LEASE;
    let out = granted_until(&mut node, edge - HEARTBEAT / 2);
    assert_eq!(passed_to(&out), None);
    drop(node.disconnect(1));
    assert_eq!(asked(&node.disconnect(2)), [4]);
    node
}

#[test]
fn a_ball_waits_at_its_edge_for_a_node_that_has_been_asked() {
    let mut node = beside_the_dead();
    let silent = node.now + 3 * HEARTBEAT;
    let out = granted_until(&mut node, silent - 1);
    assert_eq!(passed_to(&out), None, "it waits");
    let next = node.core.next_deadline().unwrap().as_micros();
    assert!(node.now < next && next <= silent);
    let out = granted_until(&mut node, silent);
    assert_eq!(passed_to(&out).unwrap().0, 4, "node 3 has not answered");
}

#[test]
fn a_ball_goes_on_as_soon_as_the_node_that_was_asked_answers() {
    let mut node = beside_the_dead();
    let now = node.now;
    let out = granted_until(&mut node, now + HEARTBEAT);
    assert_eq!(passed_to(&out), None);
    let mut out = node.connect(3);
    out.extend(node.until(now + HEARTBEAT));
    assert_eq!(passed_to(&out).unwrap().0, 3);
}

#[test]
fn renewals_go_to_voters_and_near_peers_and_to_those_who_ask() {
    let (mut node, first) = winner(1000 * LEASE);
    let told = |out: &[Output]| -> Vec<u16> {
        let told = |peer: &u16| sent_to(out, *peer).iter().any(is_acquire);
        (1..NODES).filter(told).collect()
    };
    let all: Vec<u16> = (1..NODES).collect();
    assert_eq!(told(&first), all, "the first one after an election");
    let out = node.until(node.now + HEARTBEAT);
    assert_eq!(told(&out), [1, 2, 3, 5, 6, 8, 10, 11]);
    node.near.push(7);
    let out = granted_until(&mut node, LEASE + 2 * HEARTBEAT);
    assert!(told(&out).contains(&7));
}

fn is_acquire(message: &Message) -> bool {
    matches!(message, Message::Acquire { .. })
}

#[test]
fn a_voter_that_owes_an_answer_is_asked_until_it_has_been_silent_for_too_long() {
    let mut node = holder(1000 * LEASE);
    node.stop_heartbeats(5);
    let out = node.until(node.now + HEARTBEAT);
    assert!(asked(&out).contains(&5));
    let voters = |node: &TestNode| {
        let view = node.core.view();
        view.nodes[5].health
    };
    assert_eq!(voters(&node), Health::Up);
    drop(node.until(node.now + 3 * HEARTBEAT));
    assert_eq!(voters(&node), Health::Down);
    drop(node.connect(5));
    assert_eq!(voters(&node), Health::Up);
}

#[test]
fn a_far_node_that_does_not_vote_stands_only_for_a_ball_that_was_lost_beside_it() {
    // Who holds the ball at node 2, and whether its death makes node 2 a candidate.
    for (holder, is_near) in [(3, true), (4, true), (1, true), (0, true), (7, false)] {
        let mut node = bystander();
        drop(node.renewal(holder, generation(3), 7));
        drop(node.disconnect(holder));
        let stands = candidacy(&node.until(7 * LEASE)).is_some();
        assert_eq!(stands, is_near, "{holder}");
    }
}

#[test]
fn it_does_not_stand_for_a_ball_that_was_passed_on_before_the_death() {
    let mut node = bystander();
    drop(node.renewal(3, generation(3), 7));
    drop(node.until(6 * LEASE));
    drop(node.disconnect(3));
    assert_eq!(candidacy(&node.until(10 * LEASE)), None);
}

#[test]
fn it_stands_once_for_a_ball_that_another_node_has_had_since() {
    let mut node = bystander();
    drop(node.renewal(3, generation(3), 7));
    drop(node.disconnect(3));
    let seq = crate::fixture::next_candidacy(&mut node).0;
    let newer = Some(crate::fixture::record(generation(3), 9));
    drop(node.deny(5, seq, Some(generation(3)), LEASE, newer));
    assert_eq!(candidacy(&node.until(node.now + 20 * LEASE)), None);
    drop(node.renewal(4, generation(3), 11));
    drop(node.disconnect(4));
    assert!(candidacy(&node.until(node.now + 3 * LEASE)).is_some());
}

#[test]
fn a_contested_link_is_asked_at_once() {
    let mut node = bystander();
    let peer = NodeId(6);
    let out = node.handle(Input::Contested { peer });
    assert_eq!(heartbeats(&out), [(6, true)]);
    node.stop_heartbeats(6);
    let out = node.until(node.now + 4 * HEARTBEAT);
    let asked = heartbeats(&out)
        .into_iter()
        .filter(|beat| *beat == (6, true));
    assert!(asked.count() >= 4, "so that the link counts as silent");
    let mut small = TestNode::connected(3, LEASE);
    assert_eq!(small.handle(Input::Contested { peer: NodeId(1) }), []);
}

#[test]
fn what_a_node_does_not_know_it_calls_unknown() {
    let mut node = bystander();
    (5..NODES).for_each(|peer| node.stop_heartbeats(peer));
    drop(node.renewal(7, generation(3), 7));
    assert_eq!(node.core.view().balls[0].holder, Some(NodeId(7)));
    drop(node.until(node.now + 5 * LEASE));
    let view = node.core.view();
    assert_eq!(view.nodes[1].health, Health::Up);
    assert_eq!(view.nodes[7].health, Health::Unknown);
    assert!(
        view.has_quorum,
        "voters that are far may be taken to be there"
    );
    assert_eq!(view.balls[0].holder, None);
    drop(node.disconnect(7));
    assert_eq!(node.core.view().nodes[7].health, Health::Down);
    // A voter hears every holder, so it knows the last one.
    let mut voter = TestNode::connected(NODES, LEASE);
    drop(voter.renewal(7, generation(3), 7));
    drop(voter.until(5 * LEASE));
    assert_eq!(voter.core.view().balls[0].holder, Some(NodeId(7)));
}

#[test]
fn all_far_peers_together_hear_once_in_a_lease_however_many_there_are() {
    for nodes in [40, 80] {
        let mut node = bystander_among(nodes);
        let leases = u64::from(nodes);
        let spans = [(); 4].map(|()| far_heartbeats(&mut node, leases / 4));
        let total: usize = spans.iter().sum();
        let usual = usize::from(nodes);
        assert!(
            (usual * 8 / 10..=usual * 14 / 10).contains(&total),
            "{nodes}: {spans:?}"
        );
        let least = usual / 16;
        assert!(
            spans.iter().all(|&span| span > least),
            "spread from the start: {nodes}: {spans:?}"
        );
    }
}
