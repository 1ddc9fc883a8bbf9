//! What the keeper does for the daemon, on a thread of this process.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

use super::super::ending::Parent;
use super::super::process::Process;
use super::*;
use crate::led::OffWay;

const LEASE: Duration = Duration::from_millis(40);

/// A keeper on a thread of this process, which ends with the daemon's side.
pub(super) fn keeper(lease: Duration) -> (Keeper, JoinHandle<()>) {
    let (channel, end) = ProcessChannel::pair().unwrap();
    let shared = Arc::new(Shared::new(channel).unwrap());
    let process = thread::spawn(move || Process::new(end, no_parent()).run());
    (Keeper::running(shared, None, lease), process)
}

/// The end of this process is not noticed on a thread of it.
fn no_parent() -> io::Result<Parent> {
    Err(io::ErrorKind::Unsupported.into())
}

fn file(path: &Path) -> Option<OffSwitch> {
    let (path, value) = (path.to_owned(), "0".to_owned());
    let how = OffWay::File { path, value };
    Some(OffSwitch { how, line: None })
}

fn lit(folder: &tempfile::TempDir, name: &str) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, "1").unwrap();
    path
}

fn is_lit(path: &Path) -> bool {
    fs::read_to_string(path).unwrap() == "1"
}

#[test]
fn it_switches_the_led_off_at_the_latest_deadline_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let led = lit(&folder, "led");
    let (mut keeper, _process) = keeper(LEASE);
    keeper.keep(file(&led));
    let extended = loop {
        let begun = clock::now();
        keeper.set_deadline(begun + LEASE, begun);
        keeper.set_deadline(begun + LEASE * 2, clock::now());
        // On a busy machine the first deadline may pass between the two.
        if clock::now() < begun + LEASE {
            break begun + LEASE * 2;
        }
        lit(&folder, "led");
        keeper.has_put_out(clock::now());
    };
    while is_lit(&led) {
        let late = clock::now().since(extended);
        assert!(late < Duration::from_secs(5), "it is not put out");
        thread::sleep(Duration::from_micros(200));
    }
    assert!(clock::now() >= extended, "it was put out too soon");
    assert!(keeper.has_put_out(clock::now()));
    assert!(!keeper.has_put_out(clock::now()), "only once");
    assert_eq!(keeper.take_failure(), None);
}

#[test]
fn what_the_daemon_takes_first_the_keeper_leaves_alone() {
    let folder = tempfile::tempdir().unwrap();
    let led = lit(&folder, "led");
    let (channel, end) = ProcessChannel::pair().unwrap();
    let shared = Arc::new(Shared::new(channel).unwrap());
    shared.give(|current| current.led = file(&led)).unwrap();
    let mut keeper = Keeper::running(Arc::clone(&shared), None, LEASE);
    let now = clock::now();
    keeper.set_deadline(now, now);
    thread::sleep(Duration::from_millis(1));
    assert!(!keeper.has_put_out(clock::now()), "it does not run yet");
    let process = thread::spawn(move || Process::new(end, no_parent()).run());
    while keeper.0.as_mut().unwrap().read_answers() == 0 {
        shared.channel.wait(LEASE);
    }
    assert!(is_lit(&led));
    // Otherwise it is the end of the daemon that puts it out.
    keeper.keep(None);
    drop((keeper, shared));
    process.join().unwrap();
    assert!(is_lit(&led));
}

#[test]
fn a_deadline_is_set_for_a_fast_ball_only_when_none_is_far_enough_away() {
    let (mut keeper, _process) = keeper(LEASE);
    let now = clock::now();
    keeper.set_some_deadline(now);
    let armed = |keeper: &Keeper| keeper.0.as_ref().unwrap().armed.unwrap();
    let first = armed(&keeper);
    assert_eq!(first, now + LEASE);
    keeper.set_some_deadline(now + LEASE / 2);
    assert_eq!(armed(&keeper), first);
    keeper.set_some_deadline(now + LEASE * 15 / 16);
    assert!(armed(&keeper) > first);
}

#[test]
fn it_lets_go_of_one_led_for_another_and_puts_that_out_when_the_daemon_ends() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (lit(&folder, "old"), lit(&folder, "new"));
    let (mut daemon, process) = keeper(LEASE);
    daemon.keep(file(&old));
    daemon.keep(file(&new));
    drop(daemon);
    process.join().unwrap();
    assert!(is_lit(&old) && !is_lit(&new));
    let (mut daemon, process) = keeper(LEASE);
    daemon.keep(file(&old));
    daemon.keep(None);
    drop(daemon);
    process.join().unwrap();
    assert!(is_lit(&old));
}

#[test]
fn an_led_that_it_cannot_switch_off_is_told_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let (mut keeper, _process) = keeper(LEASE);
    keeper.keep(file(&folder.path().join("none/led")));
    let why = loop {
        let now = clock::now();
        keeper.set_deadline(now, now);
        thread::sleep(Duration::from_millis(1));
        assert!(!keeper.has_put_out(clock::now()), "it could not");
        // On a busy machine the daemon may come first.
        if let Some(why) = keeper.take_failure() {
            break why;
        }
    };
    assert!(why.contains("none/led"), "{why}");
}

#[test]
fn a_keeper_that_has_ended_keeps_nobody_waiting_for_long() {
    let (channel, end) = ProcessChannel::pair().unwrap();
    drop(end);
    let shared = Arc::new(Shared::new(channel).unwrap());
    let mut keeper = Keeper::running(shared, None, LEASE);
    // On a busy machine some attempts take long for other reasons.
    let quickest = (0..10).map(|_| {
        let begun = clock::now();
        keeper.keep(file(Path::new("/nowhere")));
        assert!(keeper.take_failure().is_some());
        keeper.set_deadline(begun, begun);
        thread::sleep(Duration::from_millis(1));
        assert!(!keeper.has_put_out(clock::now()), "nobody has");
        clock::now().since(begun)
    });
    assert!(quickest.min().unwrap() < ACT_LIMIT);
}

#[test]
fn a_keeper_that_cannot_tell_when_this_process_ends_is_not_charged_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let led = lit(&folder, "led");
    let (mut daemon, process) = keeper(LEASE);
    daemon.keep(file(&led));
    let refused = daemon.tell_end(NodeId(2), "pi3", Incarnation(7));
    let why = refused.unwrap_err();
    assert!(why.contains("cannot tell when this process ends"), "{why}");
    assert_eq!(daemon.take_failure(), None, "the LED is kept all the same");
    drop(daemon);
    process.join().unwrap();
    assert!(!is_lit(&led));
    let none = Keeper::none().tell_end(NodeId(2), "pi3", Incarnation(7));
    assert!(none.unwrap().is_none());
}
