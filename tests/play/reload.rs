//! SIGHUP: a running node reads its ring file again.

use std::fs::{read_to_string, write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use carom::key;
use serde_json::{Value, json};

use crate::harness::{Cluster, Listener, Plan, exclusive, free_ports, get, head, wait_for};

const SOON: Duration = Duration::from_secs(5);

/// The page of pi2 moves to another port. A browser that opens the page of pi1 afterwards must get
/// the new address and be allowed to use it, and one that has the page open must be told.
#[test]
fn a_page_that_moved_is_found_after_a_reload() {
    let _exclusive = exclusive();
    let mut ring = Cluster::start_whole(Plan::five(Duration::from_millis(300)));
    let (port, before) = (ring.ports[0].http, ring.ports[1].http);
    let [moved] = free_ports();
    let mut listener = Listener::open(port, None).unwrap();
    ring.terminate(1);
    ring.ports[1].http = moved;
    ring.write_files();
    ring.spawn(1);
    ring.wait_until_whole(SOON);
    let door = |ring: &Cluster| ring.status(0).unwrap()["nodes"][1]["http"].clone();
    assert_eq!(door(&ring), format!("127.0.0.1:{before}"));
    ring.process(0).hang_up();
    let door = wait_for(SOON, "pi1 to have read the file", || {
        let door = door(&ring);
        (door != format!("127.0.0.1:{before}")).then_some(door)
    });
    assert_eq!(door, format!("127.0.0.1:{moved}"));
    let policy = head(port, "/").unwrap();
    assert!(
        policy.contains(&format!("http://127.0.0.1:{moved}")),
        "{policy}"
    );
    assert!(
        !policy.contains(&format!("http://127.0.0.1:{before}")),
        "{policy}"
    );
    assert_eq!(get(moved, "/").unwrap().0, 200);
    let told = loop {
        let event = listener.next().unwrap();
        if event.kind == "node" && event.data["http"] == door {
            break event;
        }
    };
    assert_eq!(
        (&told.data["name"], &told.data["state"]),
        (&"pi2".into(), &"up".into())
    );
    let sentence = format!("the ring file was read again: pi2 has its page at port {moved}");
    ring.wait_for_log(0, &sentence, Duration::from_secs(2));
    // The links and the ball are not affected.
    assert!(ring.linked(&[0, 1, 2, 3, 4]));
    println!("{sentence}; told to who has the page open");
    ring.assert_one_ball();
}

/// A change of the node's own port needs a restart: nothing changes, and the log says what to do.
#[test]
fn a_node_refuses_to_move_itself() {
    let _exclusive = exclusive();
    let mut ring = Cluster::start_whole(Plan::five(Duration::from_millis(300)));
    let before = ring.ports[0].http;
    let [moved] = free_ports();
    ring.ports[0].http = moved;
    ring.write_files();
    ring.process(0).hang_up();
    let refusal = "the new ring file was refused, nothing changes: it gives this node another \
                   host, listen or port, which needs new listeners: restart this node";
    ring.wait_for_log(0, refusal, SOON);
    assert_eq!(get(before, "/healthz").unwrap().0, 200);
    assert!(get(moved, "/healthz").is_err());
    ring.assert_one_ball();
}

/// A ring of five with a key, and the path of its key file.
fn keyed_ring() -> (Cluster, PathBuf) {
    Cluster::start_keyed(Plan::five(Duration::from_millis(100)))
}

/// The key in a new file, and its fingerprint.
fn another_key(beside: &Path) -> (String, String) {
    let path = beside.with_file_name("another.key");
    let fingerprint = key::create(&path).unwrap().fingerprint();
    (read_to_string(path).unwrap(), fingerprint.to_string())
}

/// The key of the ring changes in three steps while the ball moves: every node learns the new key,
/// then uses it, then forgets the old one. No ball is lost and no link is missed.
#[test]
fn the_key_is_changed_under_play() {
    let _exclusive = exclusive();
    let (ring, path) = keyed_ring();
    let old = read_to_string(&path).unwrap();
    let (new, second) = another_key(&path);
    let key_of = |node: usize| ring.status(node).unwrap()["key"].clone();
    let first = key_of(0)["used"].as_str().unwrap().to_owned();
    let all_show = |shown: Value| {
        wait_for(SOON, &format!("all nodes to show {shown}"), || {
            (0..5).all(|node| key_of(node) == shown).then_some(())
        });
    };
    all_show(json!({ "used": first, "links": 4 }));
    let counted = |name| ring.counter(&ring.running(), name);
    let (elections, reconnects) = (counted("elections"), counted("reconnects"));
    for (text, shown) in [
        (
            format!("{old}{new}"),
            json!({ "used": first, "also_accepted": second, "links": 4 }),
        ),
        (
            format!("{new}{old}"),
            json!({ "used": second, "also_accepted": first, "links": 4 }),
        ),
        (new, json!({ "used": second, "links": 4 })),
    ] {
        write(&path, text).unwrap();
        for node in 0..5 {
            ring.process(node).hang_up();
        }
        all_show(shown);
        assert!(ring.linked(&[0, 1, 2, 3, 4]));
    }
    let sentence =
        format!("the ring file was read again: links use the key {second}, and no other is");
    ring.wait_for_log(0, &sentence, Duration::from_secs(2));
    assert_eq!(counted("elections"), elections, "a ball was lost");
    assert_eq!(counted("reconnects"), reconnects);
    ring.assert_one_ball();
}

/// A key file that cannot be used, or a ring file that turns the key off, changes nothing at all.
#[test]
fn a_bad_key_file_and_a_ring_without_its_key_are_refused() {
    let _exclusive = exclusive();
    let (mut ring, path) = keyed_ring();
    let good = read_to_string(&path).unwrap();
    let before = ring.status(0).unwrap()["key"].clone();
    write(&path, good.replacen("carom-key-1", "carom-key-7", 1)).unwrap();
    ring.process(0).hang_up();
    let refusal = format!(
        "the new key file was refused, nothing changes, the node plays on as before: {}:2: a line",
        path.display()
    );
    ring.wait_for_log(0, &refusal, SOON);
    write(&path, good).unwrap();
    ring.plan.ring_options = "";
    ring.write_files();
    ring.process(0).hang_up();
    let refusal = "the new ring file was refused, nothing changes: it names no key-file, and this \
                   node runs with a key";
    ring.wait_for_log(0, refusal, SOON);
    assert_eq!(ring.status(0).unwrap()["key"], before);
    assert!(ring.linked(&[0, 1, 2, 3, 4]));
    ring.assert_one_ball();
}
