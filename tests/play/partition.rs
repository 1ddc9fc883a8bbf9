//! Partitions: links are cut and healed again.

use std::thread::sleep;
use std::time::Duration;

use crate::harness::{Cluster, Mesh, Plan, exclusive, millis, nanos, now};

/// For how long the ring stays cut: five leases.
const APART: Duration = Duration::from_millis(2_500);

const REJOIN: Duration = Duration::from_secs(2);

fn ring() -> Cluster {
    Cluster::start_whole(Plan {
        meshed: true,
        ..Plan::five(Duration::from_millis(150))
    })
}

/// A way to cut a few nodes off from the rest.
struct Fault {
    name: &'static str,
    few: [usize; 2],
    pull: fn(&Mesh, &[usize], &[usize]),
    /// Whether the few know all the time that they are cut off. Who hears a peer that does not hear it takes that peer's
    /// attempts to connect for links, for a moment each.
    clear: bool,
}

/// Applies one fault while the ball is at `start`; afterwards the ring is whole again.
fn play(ring: &Cluster, fault: &Fault, start: usize) {
    let many: Vec<usize> = (0..5).filter(|node| !fault.few.contains(node)).collect();
    let bound = nanos(ring.plan.lease * 5 / 4 + Duration::from_millis(100));
    let holder = ring.wait_for_arrival(&[start]);
    let mesh = ring.mesh.as_ref().unwrap();
    let pulled = now();
    (fault.pull)(mesh, &fault.few, &many);
    sleep(APART);
    for node in fault.few {
        let status = ring.status(node).unwrap();
        assert_eq!(status["led"]["lit"], false, "pi{} is lit", node + 1);
        assert_eq!(status["balls"][0]["here"], false);
        if fault.clear {
            assert_eq!(status["condition"], "cut-off", "pi{}", node + 1);
        }
    }
    assert!(ring.linked(&many), "the many lost one another");
    if fault.clear {
        let status = ring.status(many[0]).unwrap();
        for node in fault.few {
            assert_eq!(status["nodes"][node]["state"], "down");
        }
    }
    let seen = ring.observe();
    let (few, played) = (
        seen.ons(&fault.few, pulled + bound, now()),
        seen.ons(&many, pulled + bound, now()),
    );
    let (dark, _) = seen.longest_gap(pulled, now());
    mesh.heal();
    let rejoined = ring.wait_until_whole(Duration::from_secs(6));
    println!(
        "{}, ball at pi{}: dark for {:.1} ms at most (bound {:.0} ms), then {played} LEDs on among the many, {few} among the few; whole again {:.1} ms after",
        fault.name,
        holder + 1,
        millis(dark),
        millis(bound),
        millis(rejoined),
    );
    assert_eq!(seen.overlaps(), Vec::<String>::new());
    assert!(dark <= bound, "dark for {:.1} ms", millis(dark));
    assert!(played >= 3, "the ball did not play on");
    assert_eq!(few, 0, "a minority played");
    assert!(
        rejoined <= nanos(REJOIN),
        "rejoined after {:.1} ms",
        millis(rejoined)
    );
    // The ball visits the nodes that were cut off, too.
    ring.wait_for_arrival(&fault.few);
}

fn play_both(fault: &Fault) {
    let _exclusive = exclusive();
    let ring = ring();
    let many = (0..5).find(|node| !fault.few.contains(node)).unwrap();
    play(&ring, fault, fault.few[1]);
    play(&ring, fault, many);
    sleep(Duration::from_millis(500));
    let seen = ring.assert_one_ball();
    println!("  {} LED changes, never two lit at once", seen.lines.len());
}

#[test]
fn with_connections_closed_two_of_five_stand_still_and_three_play_on() {
    play_both(&Fault {
        name: "pi1 and pi2 cut off, connections closed and refused",
        few: [0, 1],
        pull: Mesh::cut,
        clear: true,
    });
}

#[test]
fn with_packets_dropped_two_of_five_stand_still_and_three_play_on() {
    play_both(&Fault {
        name: "pi1 and pi2 in a black hole, nothing closed",
        few: [0, 1],
        pull: |mesh, few, many| {
            mesh.mute(few, many);
            mesh.mute(many, few);
        },
        clear: true,
    });
}

#[test]
fn two_that_receive_but_cannot_send_stand_still_and_three_play_on() {
    let pull: fn(&Mesh, &[usize], &[usize]) = |mesh, few, many| mesh.mute(few, many);
    play_both(&Fault {
        name: "pi1 and pi2 (who dial first) are not heard",
        few: [0, 1],
        pull,
        clear: false,
    });
    play_both(&Fault {
        name: "pi4 and pi5 (who dial later) are not heard",
        few: [3, 4],
        pull,
        clear: false,
    });
}

#[test]
fn two_that_send_but_cannot_receive_stand_still_and_three_play_on() {
    let pull: fn(&Mesh, &[usize], &[usize]) = |mesh, few, many| mesh.mute(many, few);
    play_both(&Fault {
        name: "pi1 and pi2 (who dial first) do not hear",
        few: [0, 1],
        pull,
        clear: false,
    });
    play_both(&Fault {
        name: "pi4 and pi5 (who dial later) do not hear",
        few: [3, 4],
        pull,
        clear: false,
    });
}
