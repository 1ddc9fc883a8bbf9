//! `/events?lab`: what comes to the lab is told to those who watch it, and to nobody else.

use std::io::Write as _;
use std::time::Duration;

use serde_json::Value;

use super::{connect, list_of, one_node, say};
use crate::harness::{Listener, exclusive, nanos, now, wait_for};

const SOON: Duration = Duration::from_secs(5);

/// The first event `lab` for which `found` has an answer.
fn told<T>(listener: &mut Listener, found: impl Fn(&Value) -> Option<T>) -> T {
    let begun = now();
    loop {
        assert!(now() - begun < nanos(SOON), "not told in time");
        let event = listener.next().unwrap();
        if event.kind == "lab"
            && let Some(found) = found(&event.data)
        {
            return found;
        }
    }
}

fn texts(data: &Value) -> Vec<String> {
    let latest = data["messages"]["latest"].as_array().unwrap().iter();
    latest
        .map(|one| one["text"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn what_comes_to_the_lab_is_told_to_those_who_watch_it() {
    let _exclusive = exclusive();
    let ring = one_node();
    let ports = &ring.ports[0];
    say(ports.receiver, "before\n");
    list_of(&ring, "/messages", 1);
    let mut watcher = Listener::open_lab(ports.http).unwrap();
    let all = told(&mut watcher, |data| Some(texts(data)));
    assert_eq!(all, ["before"]);
    say(ports.receiver, "one\ntwo\n");
    let new = told(&mut watcher, |data| {
        Some(texts(data)).filter(|texts| !texts.is_empty())
    });
    assert_eq!(
        new,
        ["two", "one"],
        "the newest first, and what is known not again"
    );
    // A connection is listed while it is open, with what it has sent.
    let mut stream = connect(ports.rate);
    stream.write_all(b"XXXXXXXXXX").unwrap();
    let port = stream.local_addr().unwrap().port();
    let open = told(&mut watcher, |data| {
        let open = &data["rates"]["open"];
        (open["count"] == 1).then(|| open["listed"][0].clone())
    });
    assert_eq!(open["peer"], format!("127.0.0.1:{port}"));
    assert_eq!((&open["bytes"], &open["segments"]), (&10.into(), &1.into()));
    stream.write_all(b"\n").unwrap();
    drop(stream);
    let run = told(&mut watcher, |data| {
        (data["rates"]["open"]["count"] == 0).then(|| data["rates"]["latest"][0].clone())
    });
    assert_eq!(
        (&run["bytes"], &run["connect"]),
        (&11.into(), &"kept".into())
    );
}

/// The endpoints' threads sleep while nobody watches, and are asked four times a second while somebody does.
#[test]
fn the_lab_sleeps_while_nobody_watches() {
    let _exclusive = exclusive();
    let ring = one_node();
    let watcher = Listener::open_lab(ring.ports[0].http).unwrap();
    let wakes = || ring.process(0).thread_switches("rate");
    let in_a_second = || {
        let before = wakes();
        std::thread::sleep(Duration::from_secs(1));
        wakes() - before
    };
    let watched = in_a_second();
    assert!((3..=8).contains(&watched), "{watched} wake-ups");
    drop(watcher);
    // That a client has left is found when it is sent something.
    wait_for(SOON, "the lab to sleep", || {
        (in_a_second() == 0).then_some(())
    });
}
