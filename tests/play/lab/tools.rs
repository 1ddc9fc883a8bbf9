//! `carom send`, `receive` and `rate` as their users type them.

use std::fs::read_to_string;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::Stdio;

use super::{list_of, one_node, rate_of_chunks};
use crate::harness::{carom, exclusive, free_ports, millis, now, run, text};

#[test]
fn a_receiver_alone_shows_what_send_sends_and_ends_after_one() {
    let _exclusive = exclusive();
    let [port] = free_ports();
    let address = format!("127.0.0.1:{port}");
    let mut receiver = carom(&["receive", "--once", "--listen", &address])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(receiver.stdout.take().unwrap()).lines();
    assert_eq!(
        lines.next().unwrap().unwrap(),
        format!("receiving messages on {address}")
    );

    let mut sender = carom(&["send", &address])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    sender
        .stdin
        .take()
        .unwrap()
        .write_all("h\u{f6}rt ihr\u{7}".as_bytes())
        .unwrap();
    let sent = sender.wait_with_output().unwrap();
    assert!(sent.status.success());
    let steps = text(&sent.stdout);
    for step in [
        "resolving",
        "set-up",
        "sending",
        "closing",
        "segments   1 with data",
    ] {
        assert!(steps.contains(step), "{steps}");
    }
    let shown = lines.next().unwrap().unwrap();
    assert!(shown.starts_with("Data from 127.0.0.1:"), "{shown}");
    assert!(shown.ends_with("--> 'h\u{f6}rt ihr\\u{7}'"), "{shown}");
    let figures = lines.next().unwrap().unwrap();
    assert!(
        figures.starts_with("    11 bytes in 1 read, SHA-256 "),
        "{figures}"
    );
    assert!(receiver.wait().unwrap().success());

    let refused = run(&["send", &address, "too late"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    assert!(
        said.contains(&address) && said.lines().count() == 1,
        "{said}"
    );
    let taken = TcpListener::bind(&address).unwrap();
    let refused = run(&["receive", "--listen", &address]);
    drop(taken);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains(&port.to_string()));
}

#[test]
fn a_run_shows_both_ends_side_by_side() {
    let _exclusive = exclusive();
    let ring = one_node();
    let address = format!("127.0.0.1:{}", ring.ports[0].rate);
    let done = rate_of_chunks(&address, "per-chunk");
    assert!(done.status.success(), "{}", text(&done.stderr));
    let shown = text(&done.stdout);
    println!("{shown}");
    let row = |name: &str| -> Vec<String> {
        let line = shown.lines().find(|line| line.starts_with(name)).unwrap();
        line[26..].split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(row("bytes"), ["5001", "5001"]);
    assert_eq!(row("connections"), ["50", "50"]);
    assert_eq!(row("segments with data"), ["50", "50"]);
    assert!(shown.contains("p99"), "{shown}");
    assert!(!shown.contains("overlapped"), "{shown}");

    let done = run(&[
        "rate", &address, "--bytes", "64KiB", "--chunk", "1", "--nagle", "on", "--json",
    ]);
    let told: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(
        (&told["sender"]["writes"], &told["sender"]["bytes"]),
        (&65_536.into(), &65_537.into())
    );
    assert_eq!(told["receiver"]["bytes"], 65_537);
    let segments = told["sender"]["segments"].as_u64().unwrap();
    assert!(segments < 65_536, "Nagle joins writes: {segments}");
    list_of(&ring, "/rates", 2);

    for wrong in [
        vec!["--bytes", "0", "--chunk", "1"],
        vec!["--bytes", "5"],
        vec!["--sweep", "--nagle", "on"],
    ] {
        let arguments = [&["rate", &address], &wrong[..]].concat();
        assert_eq!(run(&arguments).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn a_sweep_fills_a_table_a_file_and_a_picture_in_under_half_a_minute() {
    let _exclusive = exclusive();
    let ring = one_node();
    let address = format!("127.0.0.1:{}", ring.ports[0].rate);
    let folder = tempfile::tempdir().unwrap();
    let [csv, svg] = ["s.csv", "s.svg"].map(|name| folder.path().join(name));
    let begun = now();
    let done = run(&[
        "rate",
        &address,
        "--sweep",
        "--csv",
        csv.to_str().unwrap(),
        "--svg",
        svg.to_str().unwrap(),
    ]);
    let took = millis(now() - begun) / 1e3;
    assert!(done.status.success(), "{}", text(&done.stderr));
    println!("{}in {took:.1} s", text(&done.stdout));
    assert!(took < 30.0, "{took} s");
    assert!(
        done.stderr.is_empty(),
        "no progress bar where there is no terminal"
    );
    let csv = read_to_string(csv).unwrap();
    let columns = csv.lines().next().unwrap().split(',').count();
    assert_eq!(csv.lines().count(), 1 + 44);
    assert!(csv.lines().all(|line| line.split(',').count() == columns));
    assert!(
        csv.lines()
            .nth(44)
            .unwrap()
            .starts_with("1048576,reopened,on,")
    );
    let svg = read_to_string(svg).unwrap();
    for word in [
        "bytes in each write",
        "one connection, Nagle off",
        "reopened",
        "1 MiB",
    ] {
        assert!(svg.contains(word), "{word}");
    }
    assert!(
        svg.matches("<polyline").count() >= 4,
        "a line for each curve"
    );
}
