//! `carom demo` in a pipe.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread::spawn;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{carom, children, exclusive, program, run, runs, signal, text, wait_for};

const SOON: Duration = Duration::from_secs(5);

/// The number after `label: ` in the summary.
fn figure(summary: &str, label: &str) -> Option<u64> {
    let line = summary.lines().find_map(|line| line.strip_prefix(label))?;
    let digits = line.trim_start_matches(": ");
    digits.split([' ', ',']).next()?.parse().ok()
}

fn demo(arguments: &[&str]) -> (i32, String, String) {
    let output = run(&[&["demo"], arguments].concat());
    let code = output.status.code().unwrap();
    (code, text(&output.stdout), text(&output.stderr))
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().rev().take(5).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n  ")
}

#[test]
fn five_seconds_of_demo_pass_a_ball_round_five_nodes_and_never_two() {
    let _exclusive = exclusive();
    let (code, out, errors) = demo(&["--for", "5s"]);
    println!("demo --for 5s\n  {}", last_lines(&out));
    assert_eq!((code, errors.as_str()), (0, ""), "{out}");
    assert_eq!(figure(&out, "nodes"), Some(5));
    for name in ["n1", "n2", "n3", "n4", "n5"] {
        assert!(
            out.lines()
                .any(|line| line.contains(&format!(" {name} on")))
        );
    }
    assert!(figure(&out, "passes").unwrap() >= 3);
    assert_eq!(figure(&out, "elections"), Some(1));
    assert_eq!(figure(&out, "possessions overlapping"), Some(0));
    assert!(!out.contains('\u{1b}'), "escape codes in a pipe");
}

#[test]
fn smaller_and_fuller_demos_play_too() {
    let _exclusive = exclusive();
    let cases = [("1", "1"), ("2", "3")];
    let played: Vec<_> = cases
        .iter()
        .map(|&(nodes, balls)| {
            spawn(move || demo(&["--nodes", nodes, "--balls", balls, "--for", "3s"]))
        })
        .collect();
    for ((nodes, balls), played) in cases.into_iter().zip(played) {
        let (code, out, errors) = played.join().unwrap();
        println!(
            "demo --nodes {nodes} --balls {balls}\n  {}",
            last_lines(&out)
        );
        assert_eq!((code, errors.as_str()), (0, ""), "{out}");
        assert_eq!(figure(&out, "nodes"), nodes.parse().ok());
        assert_eq!(figure(&out, "balls"), balls.parse().ok());
        assert_eq!(figure(&out, "possessions overlapping"), Some(0));
    }
}

/// With fewer open files than most systems allow.
#[test]
fn sixty_nodes_play_and_too_few_open_files_are_named() {
    let _exclusive = exclusive();
    let with = |limit: u32| {
        let carom = program();
        let command = format!("ulimit -n {limit}; exec {carom} demo --nodes 60 --for 8s");
        let output = Command::new("sh").args(["-c", &command]).output().unwrap();
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    };
    let (_, out, errors) = with(512);
    println!("demo --nodes 60 --for 8s\n  {}", last_lines(&out));
    assert_eq!(figure(&out, "nodes"), Some(60), "{errors}");
    assert!(figure(&out, "passes").unwrap() >= 1, "{out}{errors}");
    assert_eq!(figure(&out, "possessions overlapping"), Some(0));
    let (code, _, errors) = with(128);
    assert_eq!(code, Some(1), "{errors}");
    assert!(
        errors.contains("open files") && errors.contains("ulimit"),
        "{errors}"
    );
}

/// As `kill -9` in another terminal does. The LED keeper of the node switches its LED off, and others hear of it.
#[test]
fn the_process_of_a_node_is_killed_and_its_ball_comes_back() {
    let _exclusive = exclusive();
    let mut demo = carom(&["demo", "--for", "8s"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let mut next = |what: &str| {
        let mut lines = lines.by_ref().map(Result::unwrap);
        lines.find(|line| line.contains(what)).unwrap()
    };
    next(" on ");
    let processes = children(demo.id());
    assert_eq!(processes.len(), 5);
    // On a busy machine, the first may have passed the ball on before it is killed.
    let came_back = ["n3", "n5"].into_iter().any(|node| {
        next(&format!("s  {node} on "));
        let name = format!("carom-{node}");
        let (_, process) = processes.iter().find(|process| process.0 == name).unwrap();
        let keepers = children(*process);
        signal(*process, Signal::KILL);
        assert!(
            matches!(&keepers[..], [(name, _)] if name == "carom-keeper"),
            "{keepers:?}"
        );
        let off = next(&format!("s  {node} off  ball 1"));
        println!("{off}");
        off.ends_with("by its LED keeper")
    });
    assert!(came_back, "no node was killed while it had the ball");
    println!("{}", next("ball 1 came back on"));
    let summary = lines.map(Result::unwrap).collect::<Vec<_>>().join("\n");
    let ended = demo.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{summary}");
    let errors = text(&ended.stderr);
    assert!(errors.contains(" WARN n1: n3 at "), "{errors}");
    assert_eq!(figure(&summary, "possessions overlapping"), Some(0));
    assert!(figure(&summary, "elections") >= Some(2), "{summary}");
    assert_ended(&processes);
}

/// Nothing is left of a demo that was killed itself.
#[test]
fn the_nodes_end_with_the_demo() {
    let _exclusive = exclusive();
    let mut demo = carom(&["demo"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains(" on ")));
    let nodes = children(demo.id());
    let keepers = nodes.iter().flat_map(|(_, node)| children(*node));
    let all: Vec<_> = keepers.chain(nodes.iter().cloned()).collect();
    assert_eq!(all.len(), 10, "{all:?}");
    demo.kill().unwrap();
    demo.wait().unwrap();
    assert_ended(&all);
}

/// Waits until these processes have ended.
fn assert_ended(processes: &[(String, u32)]) {
    wait_for(SOON, "the processes of the demo to end", || {
        (!processes.iter().any(|&(_, id)| runs(id))).then_some(())
    });
}

/// A node whose number has two digits is killed and started from the keyboard.
#[test]
fn any_node_is_killed_and_started_by_its_number() {
    let _exclusive = exclusive();
    let typing = "sleep 2; printf k12; sleep 1; printf k4; sleep 0.5; printf '\\n'; sleep 1; printf k12; sleep 1; printf q";
    let frames = frames("--nodes 40 --for 30s", "", typing);
    if frames.is_empty() {
        return;
    }
    let killed = |name: &str| {
        let cell = format!("{name:>4} \u{1b}[31mx\u{1b}[0m |killed");
        frames
            .iter()
            .map(|frame| frame.contains(&cell))
            .collect::<Vec<_>>()
    };
    let (twelve, four) = (killed("n12"), killed("n4"));
    let count = |all: &[bool]| all.iter().filter(|&&killed| killed).count();
    println!(
        "of {} frames, n12 is killed in {} and n4 in {}",
        frames.len(),
        count(&twelve),
        count(&four)
    );
    assert!(count(&twelve) > 2 && count(&four) > 2);
    assert!(
        frames
            .iter()
            .any(|frame| frame.contains("kill or start node 4_"))
    );
    // n12 runs again at the end, n4 does not.
    assert_eq!((twelve.last(), four.last()), (Some(&false), Some(&true)));
}

/// The frames that a demo draws on a terminal of 24 by 80 while that is typed; nothing if there is no `script` here to
/// make a terminal. `beside` runs in the background.
fn frames(arguments: &str, beside: &str, typing: &str) -> Vec<String> {
    let carom = program();
    let command = format!("stty rows 24 cols 80; {beside} exec {carom} demo {arguments}");
    let line = format!("({typing}) | script -qfec '{command}' /dev/null");
    let shown = Command::new("sh")
        .args(["-c", &line])
        .env("TERM", "xterm")
        .output()
        .unwrap();
    if text(&shown.stderr).contains("not found") {
        println!("skipped: there is no `script` here to make a terminal");
        return Vec::new();
    }
    text(&shown.stdout)
        .split("\u{1b}[H")
        .map(str::to_owned)
        .collect()
}

/// The first press kills the node, and the second one comes before its process has ended.
#[test]
fn a_node_whose_keys_are_pressed_twice_at_once_is_killed_and_started() {
    let _exclusive = exclusive();
    let frames = frames(
        "--for 30s",
        "",
        "sleep 1.5; printf k2k2; sleep 1; printf k4; sleep 0.5; printf q",
    );
    let Some(last) = frames.last() else { return };
    println!("{last}");
    assert!(!last.contains("killed: k2 starts it"));
    assert!(last.contains("killed: k4 starts it"));
}

/// A shell sets the terminal as it needs it when the demo is stopped, and does not set it back when it runs on.
#[test]
fn keys_work_again_after_ctrl_z_and_fg() {
    let _exclusive = exclusive();
    let shell = "(sleep 1; stty icanon echo </dev/tty; kill -CONT $$) &";
    let frames = frames(
        "--for 30s",
        shell,
        "sleep 2; printf k2; sleep 0.7; printf q; sleep 0.3",
    );
    let Some(last) = frames.last() else { return };
    println!("{last}");
    assert!(last.contains("killed: k2 starts it"));
    assert!(
        frames.len() < 100,
        "q did not end it: {} frames",
        frames.len()
    );
}

/// The others play on, and the display says why it does not.
#[test]
fn a_node_whose_address_is_taken_does_not_start() {
    let _exclusive = exclusive();
    // The second node has the next port.
    let (first, second) = loop {
        let any = TcpListener::bind("127.0.0.1:0").unwrap();
        let first = any.local_addr().unwrap();
        let second = SocketAddr::new(first.ip(), first.port().saturating_add(1));
        if TcpListener::bind(second).is_ok() {
            break (first, second);
        }
    };
    let taking = spawn(move || {
        wait_for(SOON, "the page of n2", || TcpStream::connect(second).ok());
        wait_for(SOON, "the end of n2", || TcpListener::bind(second).ok())
    });
    let typing = "sleep 1.5; printf k2; sleep 1; printf k2; sleep 0.7; printf q";
    let frames = frames(&format!("--for 30s --http {first}"), "", typing);
    let Some(last) = frames.last() else { return };
    drop(taking.join());
    println!("{last}");
    assert!(last.contains(&format!(
        "n2 cannot be started: {second}: Address already in use"
    )));
    assert!(last.contains("killed: k2 starts it"));
    assert!(
        last.contains("possessions overlapping: 0"),
        "it ended with a summary"
    );
}

#[test]
fn a_time_in_which_nothing_can_move_is_named() {
    let (code, _, errors) = demo(&["--for", "1ms"]);
    assert_eq!(code, 1);
    assert!(errors.contains("choose a longer time"), "{errors}");
}

#[test]
fn a_taken_port_of_the_page_is_named_with_its_option() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, _, errors) = demo(&["--for", "1s", "--http", &address]);
    assert_eq!(code, 1);
    assert!(
        errors.contains(&address) && errors.contains("--http"),
        "{errors}"
    );
}

#[test]
fn bad_flags_are_wrong_usage() {
    for arguments in [
        &["--nodes", "0"][..],
        &["--nodes", "61"],
        &["--nodes", "many"],
        &["--balls", "0"],
        &["--for", "soon"],
        &["--for", "5"],
        &["--http", "8080"],
        &["--speed", "3"],
        &["now"],
    ] {
        let (code, out, errors) = demo(arguments);
        println!(
            "demo {}: {}",
            arguments.join(" "),
            errors.lines().next().unwrap_or("")
        );
        assert_eq!((code, out.as_str()), (2, ""), "{errors}");
        assert!(!errors.is_empty());
    }
}
