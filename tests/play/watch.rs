//! `carom watch`: in a pipe, and on a terminal of 80 by 24 without colours.

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{
    Cluster, Plan, carom, exclusive, free_ports, get, program, run, text, wait_for,
};

#[test]
fn in_a_pipe_every_pass_is_a_line() {
    let _exclusive = exclusive();
    let ring = Cluster::start_whole(Plan::five(Duration::from_millis(300)));
    let one = format!("127.0.0.1:{}", ring.ports[1].http);
    // As one node reports it, and as all nodes do.
    for arguments in [
        vec!["watch", one.as_str(), "--for", "4s"],
        vec![
            "watch",
            "--config",
            ring.ring_file().to_str().unwrap(),
            "--for",
            "4s",
        ],
    ] {
        let output = run(&arguments);
        let lines = text(&output.stdout);
        println!("{}\n{lines}", arguments.join(" "));
        assert!(output.status.success());
        assert!(lines.contains(&format!("listening to the ring {}", ring.name)));
        let passes = |from: usize| {
            let (from, to) = (from + 1, (from + 1) % 5 + 1);
            lines.contains(&format!("ball 1: pi{from} to pi{to}, hop "))
        };
        assert!((0..5).filter(|&from| passes(from)).count() >= 4, "{lines}");
        assert!(
            !lines.contains('\u{1b}') && !lines.contains("away"),
            "{lines}"
        );
    }
}

/// A node that reaches no majority is cut off, and the nodes it knows nothing of are unknown, as in
/// `carom status`.
#[test]
fn without_a_majority_nobody_is_called_up() {
    let _exclusive = exclusive();
    let mut ring = Cluster::start_whole(Plan::five(Duration::from_millis(300)));
    let file = ring.ring_file();
    let mut watching = carom(&["watch", "--config", file.to_str().unwrap(), "--for", "5s"]);
    let watching = watching.stdout(Stdio::piped()).spawn().unwrap();
    sleep(Duration::from_secs(2));
    for node in [2, 3, 4] {
        ring.kill(node);
    }
    let lines = text(&watching.wait_with_output().unwrap().stdout);
    println!("{lines}");
    for (node, state) in [
        (1, "cut off"),
        (2, "cut off"),
        (3, "unknown"),
        (4, "unknown"),
        (5, "unknown"),
    ] {
        let last = lines
            .lines()
            .rfind(|line| line.contains(&format!("  pi{node} is ")));
        assert!(
            last.is_some_and(|line| line.ends_with(state)),
            "pi{node}: {last:?}"
        );
    }
}

#[test]
fn a_small_terminal_without_colours_shows_it_all() {
    let _exclusive = exclusive();
    let mut ring = Cluster::start_whole(Plan::five(Duration::from_millis(800)));
    ring.kill(4);
    let file = ring.ring_file();
    let command = format!(
        "stty rows 24 cols 80; exec {} watch --config {} --for 5s",
        program(),
        file.to_str().unwrap()
    );
    let shown = Command::new("script")
        .args(["-qfec", &command, "/dev/null"])
        .env("TERM", "xterm")
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output();
    let Ok(shown) = shown else {
        println!("skipped: there is no `script` here to make a terminal");
        return;
    };
    let picture = text(&shown.stdout);
    assert!(shown.status.success(), "{picture}");
    for part in [
        "pi1",
        "pi5",
        "down",
        "(*)",
        "nodes",
        "hop",
        "O",
        "q ends it",
    ] {
        assert!(picture.contains(part), "{part:?} is not in {picture:?}");
    }
    // Escapes that set a colour: 30 to 38, 40 to 48.
    let codes = picture
        .split("\u{1b}[")
        .skip(1)
        .filter_map(|rest| rest.split_once('m'));
    let is_colour = |code: &str| {
        let number = code
            .split(';')
            .next()
            .and_then(|number| number.parse::<u8>().ok());
        number.is_some_and(|number| (30..=38).contains(&number) || (40..=48).contains(&number))
    };
    let coloured: Vec<&str> = codes
        .map(|(code, _)| code)
        .filter(|code| is_colour(code))
        .collect();
    assert_eq!(coloured, Vec::<&str>::new());
    println!("{} bytes for five seconds at 80x24", picture.len());
}

/// After Ctrl-Z and `fg` the whole picture is drawn again, although nothing of most lines has changed.
#[test]
fn when_it_runs_on_everything_is_drawn_again() {
    let _exclusive = exclusive();
    let [port] = free_ports();
    let first = format!("127.0.0.1:{port}");
    let demo = ["demo", "--nodes", "3", "--http", &first, "--for", "5s"];
    let mut demo = carom(&demo).stdout(Stdio::null()).spawn().unwrap();
    wait_for(Duration::from_secs(5), "the page", || {
        get(port, "/status").ok()
    });
    let command = format!(
        "stty rows 24 cols 80; (sleep 1; kill -CONT $$) & exec {} watch {first} --for 2s",
        program()
    );
    let line = format!("sleep 3 | script -qfec '{command}' /dev/null");
    let shown = Command::new("sh")
        .args(["-c", &line])
        .env("TERM", "xterm")
        .output()
        .unwrap();
    demo.wait().unwrap();
    if text(&shown.stderr).contains("not found") {
        println!("skipped: there is no `script` here to make a terminal");
        return;
    }
    let picture = text(&shown.stdout);
    assert_eq!(picture.matches("q ends it").count(), 2, "{picture:?}");
}

/// Of a ring of twelve, eight streams at most are open at a time, and the picture is of all.
#[test]
fn of_a_large_ring_a_few_nodes_are_followed() {
    let _exclusive = exclusive();
    let [port] = free_ports();
    let first = format!("127.0.0.1:{port}");
    let demo = ["demo", "--nodes", "12", "--http", &first, "--for", "12s"];
    let mut demo = carom(&demo).stdout(Stdio::null()).spawn().unwrap();
    let nodes = wait_for(Duration::from_secs(8), "all nodes up", || {
        let (_, body) = get(port, "/status").ok()?;
        let status: Value = serde_json::from_str(&body).ok()?;
        let nodes = status["nodes"].as_array()?.clone();
        nodes
            .iter()
            .all(|node| node["state"] == "up")
            .then_some(nodes)
    });
    let watching = ["watch", &first, "--for", "4s"];
    let mut watching = carom(&watching).stdout(Stdio::piped()).spawn().unwrap();
    let mut most = 0;
    while watching.try_wait().unwrap().is_none() {
        most = most.max(connections(watching.id(), &nodes));
        sleep(Duration::from_millis(100));
    }
    let lines = text(&watching.wait_with_output().unwrap().stdout);
    println!("{most} connections at most\n{lines}");
    // Eight streams, and one question at a time.
    assert!((5..=9).contains(&most), "{most} connections");
    assert!(
        lines.contains("listening to the ring demo by n1"),
        "{lines}"
    );
    assert!(lines.matches("ball 1: n").count() >= 3, "{lines}");
    for word in ["unknown", "down", "away"] {
        assert!(!lines.contains(word), "{word}: {lines}");
    }
    demo.wait().unwrap();
}

/// How many connections a process has to the pages of these nodes.
fn connections(process: u32, nodes: &[Value]) -> usize {
    let ports: Vec<String> = nodes
        .iter()
        .filter_map(|node| {
            node["http"]
                .as_str()?
                .rsplit(':')
                .next()?
                .parse::<u16>()
                .ok()
        })
        .map(|port| format!("0100007F:{port:04X}"))
        .collect();
    let own: Vec<String> = std::fs::read_dir(format!("/proc/{process}/fd"))
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            std::fs::read_link(entry.ok()?.path())
                .ok()?
                .to_str()
                .map(str::to_owned)
        })
        .collect();
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let is_one = |line: &&str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        // The address of the peer, the state "established", and the inode of the socket.
        ports.iter().any(|port| port == words[2])
            && words[3] == "01"
            && own.contains(&format!("socket:[{}]", words[9]))
    };
    table.lines().skip(1).filter(is_one).count()
}

#[test]
fn nobody_there_is_a_failure_with_a_sentence() {
    let _exclusive = exclusive();
    let output = run(&["watch", "127.0.0.1:1", "--for", "1s"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no node answered"));
}
