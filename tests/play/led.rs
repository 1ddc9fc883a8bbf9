//! A node whose LED fails plays on and reports it once; `carom led` reports the same and fails.

use std::fmt::Write as _;
use std::fs::{read_to_string, write};
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Process, exclusive, free_ports, get, run, signal, text, wait_for};

/// Wrong LEDs, which exist on no machine, and the error for each.
const WRONG: [(&str, &str); 4] = [
    (
        r#"{ backend = "gpiochip", chip = "/dev/gpiochip250", pin = 17 }"#,
        "/dev/gpiochip250 does not exist",
    ),
    (
        r#"{ backend = "gpiochip", chip = "/dev/null", pin = 17 }"#,
        "/dev/null is no GPIO device: set chip to one that",
    ),
    (
        r#"{ backend = "sysfs", name = "carom-has-no-such-led" }"#,
        "there is no LED \"carom-has-no-such-led\" in /sys/class/leds",
    ),
    (
        r#"{ backend = "trace", path = "/proc/carom-has-no-such-folder/led" }"#,
        "choose a path in a folder that exists",
    ),
];

#[test]
fn a_ring_of_nodes_without_their_leds_plays_on_and_says_why_once() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring.toml");
    let ports: [u16; 20] = free_ports();
    let trace = folder.path().join("pi5.trace");
    let good = format!("{{ backend = \"trace\", path = {trace:?} }}");
    let mut leds: Vec<&str> = WRONG.iter().map(|(led, _)| *led).collect();
    leds.push(&good);
    write(&path, ring_file(&leds, &ports)).unwrap();

    refused_by_hand(&path);

    let log = |number: usize| folder.path().join(format!("pi{number}.log"));
    let _nodes: Vec<Process> = (1..=5)
        .map(|number| Process::start(&path, &format!("pi{number}"), &log(number)))
        .collect();
    // In each round, the ball was with all four of them.
    wait_for(Duration::from_secs(30), "the ball to go round", || {
        let lines = read_to_string(&trace).unwrap_or_default();
        (lines.matches(" on ").count() >= 8).then_some(())
    });
    for (index, (_, sentence)) in WRONG.iter().enumerate() {
        let (_, status) = get(ports[4 * index + 3], "/status").unwrap();
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        let fault = status["led"]["fault"].as_str().unwrap_or_default();
        assert!(fault.contains(sentence), "pi{}: {status}", index + 1);
        let log = wait_for(Duration::from_secs(2), "the log to tell it", || {
            let log = read_to_string(log(index + 1)).unwrap();
            log.contains("plays on without its LED").then_some(log)
        });
        let told = log.matches("plays on without its LED").count();
        assert_eq!(told, 1, "{log}");
        assert!(log.contains(sentence), "{log}");
    }
}

/// A ring with one node for each LED; the ball stays a tenth of a second with each node.
fn ring_file(leds: &[&str], ports: &[u16]) -> String {
    let mut text = format!("[ring]\nname = \"play-led-{}\"\n", std::process::id());
    for ((number, led), ports) in (1..).zip(leds).zip(ports.chunks(4)) {
        let [ring, receiver, rate, http] = ports else {
            continue;
        };
        write!(
            text,
            "\n[[node]]\nname = \"pi{number}\"\nhost = \"127.0.0.1\"\nled = {led}\n\
             ports = {{ ring = {ring}, receiver = {receiver}, rate = {rate}, http = {http} }}\n"
        )
        .unwrap();
    }
    text + "\n[[ball]]\nstart = \"pi1\"\nposition = [0, 300]\nvelocity = [240, 130]\ndwell = \"100ms\"\n"
}

fn refused_by_hand(path: &Path) {
    let path = path.to_str().unwrap();
    for (index, (_, sentence)) in WRONG.iter().enumerate().take(3) {
        for action in ["on", "off", "blink"] {
            let node = format!("pi{}", index + 1);
            let refused = run(&["led", action, "--config", path, "--node", &node]);
            assert_eq!(refused.status.code(), Some(1), "{action}");
            let told = text(&refused.stderr);
            assert!(
                told.starts_with("carom: ") && told.contains(sentence),
                "{told}"
            );
            assert_eq!(told.lines().count(), 1, "{told}");
        }
    }
    // A trace is no real LED: all that can be done by hand is to end what a dead process left on.
    let lit = run(&["led", "on", "--config", path, "--node", "pi5"]);
    assert_eq!(lit.status.code(), Some(1));
    let out = run(&["led", "off", "--config", path, "--node", "pi5"]);
    assert_eq!(out.status.code(), Some(0));
}

#[test]
fn a_node_killed_with_its_keeper_is_off_in_its_trace_once_the_stop_hook_ran_or_it_started_again() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring.toml");
    let trace = folder.path().join("pi1.trace");
    let led = format!("{{ backend = \"trace\", path = {trace:?} }}");
    let ports: [u16; 4] = free_ports();
    write(&path, ring_file(&[&led], &ports)).unwrap();
    let start = || Process::start(&path, "pi1", &folder.path().join("pi1.log"));
    let last = || {
        let text = read_to_string(&trace).unwrap_or_default();
        text.lines().last().map(str::to_owned).unwrap_or_default()
    };
    let kill_while_on = || {
        let mut node = start();
        wait_for(Duration::from_secs(10), "the ball", || {
            last().contains(" on ").then_some(())
        });
        // Nobody starts another keeper while the node is stopped.
        node.stop();
        signal(node.keeper().unwrap(), Signal::KILL);
        node.kill();
        let on = last();
        assert!(on.contains(" on "), "{on}");
        on
    };
    let is_its_end = |on: &str, off: &str| {
        let (_, on) = on.split_once(' ').unwrap();
        let (_, off) = off.split_once(' ').unwrap();
        assert_eq!(on.replace(" on ", " off "), off);
    };
    let on = kill_while_on();
    let hook = run(&[
        "led",
        "off",
        "--config",
        path.to_str().unwrap(),
        "--node",
        "pi1",
    ]);
    assert!(hook.status.success(), "{}", text(&hook.stderr));
    is_its_end(&on, &last());
    let on = kill_while_on();
    let mut node = start();
    let off = wait_for(
        Duration::from_secs(10),
        "the end of its earlier life",
        || {
            let text = read_to_string(&trace).unwrap();
            let mut later = text.lines().skip_while(|line| *line != on).skip(1);
            later.next().map(str::to_owned)
        },
    );
    is_its_end(&on, &off);
    node.kill();
}

#[test]
fn the_led_of_a_running_daemon_is_left_alone() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring.toml");
    let led = r#"{ backend = "gpiochip", chip = "/dev/gpiochip250", pin = 17 }"#;
    let ports: [u16; 4] = free_ports();
    write(&path, ring_file(&[led], &ports)).unwrap();
    let _node = Process::start(&path, "pi1", &folder.path().join("pi1.log"));
    wait_for(Duration::from_secs(10), "the daemon", || {
        get(ports[3], "/status").ok()
    });
    let path = path.to_str().unwrap();
    let refused = run(&["led", "off", "--config", path, "--node", "pi1"]);
    assert_eq!(refused.status.code(), Some(1));
    let told = text(&refused.stderr);
    assert!(
        told.contains("is already running on this machine"),
        "{told}"
    );
}
