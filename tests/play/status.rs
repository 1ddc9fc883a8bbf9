//! `carom status` with nodes that answer, nodes that do not, and servers that are no nodes.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread::spawn;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Cluster, Plan, exclusive, free_ports, millis, now, run, text};

/// A server that answers every connection with these bytes.
fn server(answer: Vec<u8>) -> u16 {
    let [port] = free_ports();
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(&answer);
        }
    });
    port
}

/// The exit code and the whole output of `carom status` for that address.
fn ask(port: u16) -> (i32, String) {
    let begun = now();
    let output = run(&["status", &format!("127.0.0.1:{port}")]);
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    println!("{said}  after {:.0} ms", millis(now() - begun));
    (output.status.code().unwrap(), said)
}

#[test]
fn nobody_at_the_address_is_a_failure_with_a_sentence() {
    let _exclusive = exclusive();
    let [port] = free_ports();
    let (code, said) = ask(port);
    assert_eq!(code, 1);
    assert!(said.contains(&format!("127.0.0.1:{port}: no connection: ")));
    let [port] = free_ports();
    let silent = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let (code, said) = ask(port);
    drop(silent);
    assert_eq!(code, 1);
    assert!(said.contains("no answer within 2s"), "{said}");
}

#[test]
fn whoever_answers_nonsense_is_called_no_carom_node() {
    let _exclusive = exclusive();
    let json = |body: &str| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
        format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    };
    let mut endless = b"HTTP/1.1 200 OK\r\nContent-Length: 900000000\r\n\r\n".to_vec();
    endless.extend(vec![b'['; 3_000_000]);
    for (what, answer) in [
        ("garbage", b"\x1b[2Jgarbage\nmore\r\n\r\n".to_vec()),
        ("nothing", Vec::new()),
        ("other JSON", json("{\"status\":\"green\"}")),
        ("nested JSON", json(&"[".repeat(500_000))),
        ("an endless answer", endless),
    ] {
        println!("a server that answers {what}:");
        let (code, said) = ask(server(answer));
        assert_eq!(code, 1, "{what}");
        assert!(said.contains("no carom node"), "{what}: {said}");
        assert!(!said.contains('\u{1b}') && said.len() < 1_000, "{said}");
    }
    let (code, said) = ask(server(
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec(),
    ));
    assert_eq!(code, 1);
    assert!(said.contains("404"), "{said}");
}

#[test]
fn a_ring_with_one_node_down_is_one_table_and_one_json_document() {
    let _exclusive = exclusive();
    let ring = Cluster::start_whole(Plan {
        absent: &[3],
        ..Plan::five(Duration::from_millis(200))
    });
    let file = ring.ring_file();
    let output = run(&["status", "--config", file.to_str().unwrap()]);
    let table = text(&output.stdout);
    println!("{table}");
    assert!(output.status.success());
    let note = "\nthe ring has no key; anyone on the network can take the ball";
    assert!(table.contains(note), "{table}");
    let states: Vec<(&str, &str)> = table
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let name = words.next().filter(|name| name.starts_with("pi"))?;
            (name.len() == 3).then_some((name, words.next()?))
        })
        .collect();
    let expected = [
        ("pi1", "up"),
        ("pi2", "up"),
        ("pi3", "up"),
        ("pi4", "down"),
        ("pi5", "up"),
    ];
    assert_eq!(states, expected);
    let output = run(&["status", "--json", "--config", file.to_str().unwrap()]);
    assert!(output.status.success());
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let answers = json.as_array().unwrap();
    assert_eq!(answers.len(), 5);
    for (index, answer) in answers.iter().enumerate() {
        if index == 3 {
            assert!(answer["error"].is_string() && answer["status"].is_null());
        } else {
            assert_eq!(answer["status"]["node"], format!("pi{}", index + 1));
            assert_eq!(answer["status"]["version"], 1);
            assert_eq!(answer["status"].get("key"), Some(&Value::Null));
        }
    }
    let lit = answers
        .iter()
        .filter(|answer| answer["status"]["led"]["lit"] == true);
    assert!(lit.count() <= 1);
}
