//! Nobody reads the log of a node, or it cannot be written: the ball does not notice.

use std::fs::OpenOptions;
use std::io::{PipeReader, Read as _, pipe};
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use rustix::io::ioctl_fionbio;

use crate::harness::{Cluster, Plan, exclusive, full_pipe, millis, nanos, now, text, wait_for};

/// How long the ball is watched.
const SPAN: Duration = Duration::from_secs(4);

/// Reads until the log contains that.
fn read_until(reader: &mut PipeReader, wanted: &str) -> String {
    ioctl_fionbio(&*reader, true).unwrap();
    let mut read = Vec::new();
    wait_for(Duration::from_secs(5), wanted, || {
        // Ends with an error when the pipe is empty.
        let _ = reader.read_to_end(&mut read);
        text(&read).contains(wanted).then_some(())
    });
    text(&read).trim_start_matches('.').to_owned()
}

/// Plays with pi1 on that standard error, while pi1 has every reason to log; returns the ring.
fn play_logging_to(stderr: impl Into<Stdio>, what: &str) -> Cluster {
    let mut ring = Cluster::start_whole(Plan {
        absent: &[0],
        ..Plan::five(Duration::from_millis(100))
    });
    ring.spawn_logging_to(0, stderr.into());
    ring.wait_until_whole(Duration::from_secs(5));
    let begun = now();
    let mut returns = 0;
    while now() - begun < nanos(SPAN) {
        // A peer that ends and comes back makes lines at every other node, and so do elections.
        ring.kill(2);
        sleep(Duration::from_millis(300));
        ring.spawn(2);
        ring.wait_until_whole(Duration::from_secs(5));
        returns += 1;
    }
    let ended = now();
    assert!(ring.status(0).is_some(), "pi1 answers");
    let elections = ring.counter(&[0], "elections");
    let seen = ring.assert_one_ball();
    let visits = seen.lines.iter().filter(|line| line.node == 0 && line.on);
    let visits = visits.filter(|line| line.at > begun).count();
    println!(
        "{what}: pi1 had the ball {visits} times in {:.0} ms, won {elections} elections; pi3 came back {returns} times",
        millis(ended - begun)
    );
    assert!(visits >= 5, "pi1 had the ball only {visits} times");
    ring
}

#[test]
fn nobody_reads_the_log_of_a_node_and_the_ball_does_not_notice() {
    let _exclusive = exclusive();
    let (mut reader, writer) = full_pipe();
    let mut ring = play_logging_to(writer, "standard error is a full pipe");
    // Somebody reads again: every line is there.
    let log = read_until(&mut reader, "pi3");
    ring.terminate(0);
    let log = log + &read_until(&mut reader, "pi1 has left the ring");
    println!("{log}");
    assert!(!log.contains("lost"));
}

#[test]
fn the_log_of_a_node_cannot_be_written_and_the_ball_does_not_notice() {
    let _exclusive = exclusive();
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut ring = play_logging_to(full, "standard error is /dev/full");
    ring.terminate(0);
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let mut ring = play_logging_to(writer, "the reader of standard error is dead");
    ring.terminate(0);
}
