//! SIGHUP: a running node reads its ring file again.

use std::time::Duration;

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
    assert!(ring.log(0).contains(&sentence), "{}", ring.log(0));
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
    wait_for(SOON, "pi1 to refuse", || {
        let refusal = "the new ring file was refused, nothing changes: it gives this node another \
                       host, listen or port, which needs new listeners: restart this node";
        ring.log(0).contains(refusal).then_some(())
    });
    assert_eq!(get(before, "/healthz").unwrap().0, 200);
    assert!(get(moved, "/healthz").is_err());
    ring.assert_one_ball();
}
