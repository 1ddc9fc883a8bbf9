//! An answer of a node, for the tests of what is made of it.

use crate::http::Status;

/// What pi1 of three nodes answers; pi3 is down, and the ball is at pi2.
pub(in crate::cli) fn status() -> Status {
    serde_json::from_str(
        r#"{
            "version": 1, "carom": "0.1.0", "ring": "test", "node": "pi1", "incarnation": "1f",
            "uptime_seconds": 3.5, "condition": "in-ring", "shape": "ring", "lease_ms": 500,
            "on_partition": "freeze", "screen": [800.0, 600.0],
            "key": {"used": "one two", "also_accepted": "three four", "links": 1},
            "led": {"lit": false},
            "nodes": [
                {"name": "pi1", "state": "up", "since_seconds": 3.0},
                {"name": "pi2", "state": "up", "since_seconds": 2.0, "round_trip_ms": 0.4},
                {"name": "pi3", "state": "down", "since_seconds": 1.0}
            ],
            "balls": [{
                "ball": 1, "holder": "pi2", "here": false, "frozen": false, "generation": "1.2",
                "hop": 7, "position": [1.0, 2.0], "velocity": [-100.0, 5.0], "radius": 20.0,
                "color": [1, 2, 3], "age_seconds": 0.1
            }],
            "counters": {
                "hops": 0, "elections": 0, "refused_passes": 0, "reconnects": 0, "bad_lines": 0
            }
        }"#,
    )
    .unwrap()
}
