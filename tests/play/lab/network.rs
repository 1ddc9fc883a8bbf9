//! The lab's commands on networks and receivers that are not as one expects.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};

use super::{Running, connect, list_of, one_node};
use crate::harness::{carom, exclusive, free_ports, millis, now, program, run, text};

#[test]
fn a_receiver_that_never_reads_is_told_of_after_a_few_seconds_and_why() {
    let _exclusive = exclusive();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    for (arguments, why) in [
        (
            ["rate", &address, "--bytes=50000000", "--chunk=64KiB"],
            "its receive window is closed",
        ),
        (
            ["rate", &address, "--bytes=5000", "--chunk=10"],
            "it has neither answered nor ended its stream",
        ),
        (
            ["send", &address, "--bytes=50000000", "--json"],
            "its receive window is closed",
        ),
    ] {
        let begun = now();
        let sender = carom(&arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut sender = Running(sender.unwrap());
        let _held = listener.accept().unwrap();
        let line = BufReader::new(sender.0.stderr.take().unwrap())
            .lines()
            .next();
        let (line, took) = (line.unwrap().unwrap(), millis(now() - begun));
        println!("{line}");
        assert!(line.starts_with("carom: ") && line.contains(why), "{line}");
        assert!(line.contains(&address), "{line}");
        assert!(took < 6_000.0, "{took} ms");
    }
}

#[test]
fn an_ipv6_address_is_dialled_with_brackets_and_without() {
    let _exclusive = exclusive();
    let [port] = free_ports();
    let listener = TcpListener::bind(("::1", port));
    if listener.is_err() {
        println!("skipped: this machine has no IPv6");
        return;
    }
    drop(listener);
    let receiver = carom(&["receive", "--listen", &port.to_string()])
        .stdout(Stdio::piped())
        .spawn();
    let mut receiver = Running(receiver.unwrap());
    let mut lines = BufReader::new(receiver.0.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert_eq!(first, format!("receiving messages on [::]:{port}"));
    for host in ["[::1]", "[::1%1]", "127.0.0.1"] {
        let address = format!("{host}:{port}");
        let sent = run(&["send", &address, "hello"]);
        assert!(sent.status.success(), "{address}: {}", text(&sent.stderr));
        let shown = lines.next().unwrap().unwrap();
        assert!(shown.ends_with("--> 'hello'"), "{shown}");
        lines.next().unwrap().unwrap();
    }
    for address in ["192.168.7", "192.168.001.011", "127.0.0.1:0", "[pi1]"] {
        let refused = run(&["send", address, "hello"]);
        assert_eq!(refused.status.code(), Some(2), "{address}");
        let said = text(&refused.stderr);
        assert!(
            said.contains(address) && said.lines().count() == 1,
            "{said}"
        );
    }
}

#[test]
fn a_receiver_takes_ipv4_where_the_system_would_keep_it_apart() {
    let _exclusive = exclusive();
    let program = program();
    let script = format!(
        "ip link set lo up && echo 1 >/proc/sys/net/ipv6/bindv6only || exit 77
         {program} receive --once --listen 10000 & receiver=$!
         for try in 1 2 3 4 5 6 7 8 9 10; do {program} send 127.0.0.1 hello && sent=yes && break; sleep 0.2; done
         [ -n \"$sent\" ] || kill $receiver; wait $receiver"
    );
    // A network of its own: the setting is that of no other program.
    let done = Command::new("unshare")
        .args(["--net", "sh", "-c", &script])
        .output();
    let done = match done {
        Ok(done) if done.status.code() != Some(77) && !text(&done.stderr).contains("unshare") => {
            done
        }
        _ => {
            println!("skipped: this needs root, unshare and ip");
            return;
        }
    };
    let shown = text(&done.stdout);
    assert!(
        shown.contains("receiving messages on [::]:10000"),
        "{shown}"
    );
    assert!(
        shown.contains("--> 'hello'"),
        "{shown}{}",
        text(&done.stderr)
    );
}

#[test]
fn a_sender_that_ends_its_stream_without_a_newline_gets_its_answer() {
    let _exclusive = exclusive();
    let ring = one_node();
    let port = ring.ports[0].rate;
    let answer = |stream: TcpStream| {
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        serde_json::from_str::<serde_json::Value>(&line).unwrap()
    };
    let mut stream = connect(port);
    stream.write_all(b"no newline").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let told = answer(stream);
    assert_eq!(
        (&told["outcome"], &told["bytes"]),
        (&"broken-off".into(), &10.into())
    );

    // `println` on Windows, after the last chunk.
    connect(port).write_all(b"XXXXXXXXXY").unwrap();
    let mut stream = connect(port);
    stream.write_all(b"XXXXXXXXXY\r\n").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let told = answer(stream);
    assert_eq!(
        (&told["outcome"], &told["connect"]),
        (&"complete".into(), &"reopened".into())
    );
    assert_eq!(
        (&told["bytes"], &told["connections"]),
        (&22.into(), &2.into())
    );
    let list = list_of(&ring, "/rates", 2);
    assert_eq!(list["count"], 2, "{list}");
}
