//! Who may read over HTTP: the pages of the ring's own nodes, and only under the nodes' own names.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{
    Cluster, Plan, answer_to, carom, exclusive, free_ports, get, head_for, run, text, wait_for,
};

const SOON: Duration = Duration::from_secs(5);

/// Everything that a node serves, and what it does not serve.
const PATHS: [&str; 11] = [
    "/",
    "/lab",
    "/screen",
    "/status",
    "/events",
    "/events?lab",
    "/messages",
    "/rates",
    "/metrics",
    "/healthz",
    "/nowhere",
];

fn ring_of_three() -> Cluster {
    Cluster::start_whole(Plan {
        nodes: 3,
        ..Plan::five(Duration::from_millis(300))
    })
}

/// The origin that may read what that port answers to a page from `origin`.
fn allowed(port: u16, path: &str, host: &str, origin: &str) -> Option<String> {
    let headers = [&*format!("Host: {host}"), &*format!("Origin: {origin}")];
    let head = head_for(port, path, &headers).unwrap();
    let header = |name: &str| {
        let mut lines = head.lines();
        lines.find_map(|line| Some(line.strip_prefix(name)?.to_owned()))
    };
    let allowed = header("access-control-allow-origin: ");
    let varies = header("vary: ").map(|varies| varies.to_lowercase());
    assert_eq!(
        varies.as_deref(),
        allowed.as_ref().map(|_| "origin"),
        "{head}"
    );
    assert!(!head.contains(" 421 "), "{head}");
    allowed
}

#[test]
fn every_path_that_a_node_lists_answers_head_as_well() {
    let _exclusive = exclusive();
    let ring = ring_of_three();
    let port = ring.ports[0].http;
    let (code, listed) = get(port, "/nowhere").unwrap();
    assert_eq!(code, 404);
    let listed = listed.trim().strip_prefix("there are ").unwrap();
    let paths: Vec<&str> = listed.split(", ").collect();
    assert!(paths.len() >= 9, "{paths:?}");
    for path in paths.into_iter().chain(["/favicon.ico"]) {
        // A code with the address localhost would lead a phone to itself, so there is none.
        let host = match path {
            "/qr.svg" => "192.0.2.7",
            _ => "localhost",
        };
        let request = format!("HEAD {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = answer_to(port, &request).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
        assert!(answer.ends_with("\r\n\r\n"), "no body: {answer}");
    }
}

#[test]
fn the_ring_s_own_pages_read_from_every_node_and_no_other_page_does() {
    let _exclusive = exclusive();
    let ring = ring_of_three();
    let (page, asked) = (ring.ports[0].http, ring.ports[1].http);
    let host = format!("127.0.0.1:{asked}");
    let own = [
        format!("http://127.0.0.1:{page}"),
        format!("http://localhost:{page}"),
        format!("http://pi1.local:{page}"),
        format!("http://127.0.0.1:{asked}"),
    ];
    let foreign = [
        "http://evil.example".to_owned(),
        format!("http://evil.example:{page}"),
        format!("https://127.0.0.1:{page}"),
        format!("http://127.0.0.1:{}", ring.ports[0].ring),
        "null".to_owned(),
    ];
    for path in PATHS {
        for origin in &own {
            let echoed = allowed(asked, path, &host, origin);
            assert_eq!(echoed.as_ref(), Some(origin), "{path}");
        }
        for origin in &foreign {
            assert_eq!(allowed(asked, path, &host, origin), None, "{path} {origin}");
        }
    }
    println!(
        "{} paths: {own:?} may read, {foreign:?} may not",
        PATHS.len()
    );
}

#[test]
fn a_node_answers_only_to_names_that_are_its_own_or_listed() {
    let _exclusive = exclusive();
    let mut ring = ring_of_three();
    let port = ring.ports[0].http;
    let code = |host: &str| {
        let host = format!("Host: {host}");
        let head = head_for(port, "/messages", &[&host, "Connection: close"]).unwrap();
        head.split(' ').nth(1).unwrap().parse::<u16>().unwrap()
    };
    let machine = rustix::system::uname();
    let machine = machine.nodename().to_str().unwrap();
    for host in [
        "127.0.0.1",
        "192.168.7.11:80",
        "[::1]",
        "localhost:9",
        "pi1",
        "pi1.local",
        machine,
    ] {
        assert_eq!(code(host), 200, "{host}");
    }
    let foreign = "pis.school.example";
    for path in PATHS {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {foreign}\r\nConnection: close\r\n\r\n");
        let answer = answer_to(port, &request).unwrap();
        assert!(answer.starts_with("HTTP/1.1 421 "), "{path}: {answer}");
        let sentence = "this node does not answer to the name \"pis.school.example\": if the name is \
                        right, add it to http-names in [ring] of the ring file\n";
        assert!(answer.ends_with(&format!("\r\n\r\n{sentence}")), "{answer}");
    }
    // No browser sends a request without a host.
    let old = answer_to(port, "GET /healthz HTTP/1.0\r\n\r\n").unwrap();
    assert!(old.starts_with("HTTP/1.0 200 "), "{old}");
    let new = answer_to(port, "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n").unwrap();
    assert!(new.starts_with("HTTP/1.1 400 "), "{new}");
    // The name is added, and the page that is served under it may read.
    ring.plan.ring_options = "http-names = [\"pis.school.example\"]";
    ring.write_files();
    ring.process(0).hang_up();
    wait_for(SOON, "pi1 to answer to the new name", || {
        (code(foreign) == 200).then_some(())
    });
    let origin = "http://pis.school.example";
    let echoed = allowed(port, "/status", &format!("127.0.0.1:{port}"), origin);
    assert_eq!(echoed.as_deref(), Some(origin));
    let sentence =
        "the ring file was read again: HTTP clients may use the further names pis.school.example";
    ring.wait_for_log(0, sentence, Duration::from_secs(2));
    println!("{sentence}");
    assert!(ring.linked(&[0, 1, 2]));
}

#[test]
fn our_own_clients_ask_by_a_name_and_by_an_address() {
    let _exclusive = exclusive();
    let ring = ring_of_three();
    let port = ring.ports[2].http;
    for host in ["127.0.0.1", "localhost"] {
        let output = run(&["status", &format!("{host}:{port}")]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(
            text(&output.stdout).contains("pi3"),
            "{}",
            text(&output.stdout)
        );
    }
}

#[test]
fn the_pages_of_the_demo_read_from_each_other_however_they_are_opened() {
    let _exclusive = exclusive();
    let [first] = free_ports();
    let address = format!("127.0.0.1:{first}");
    let mut demo = carom(&["demo", "--nodes", "3", "--http", &address])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let second = wait_for(SOON, "the demo to answer", || {
        let (_, body) = get(first, "/status").ok()?;
        let status: Value = serde_json::from_str(&body).ok()?;
        Some(status["nodes"][1]["http"].as_str()?.to_owned())
    });
    let port = second.rsplit(':').next().unwrap().parse().unwrap();
    for host in ["127.0.0.1", "localhost"] {
        let origin = format!("http://{host}:{first}");
        let echoed = allowed(port, "/events", &second, &origin);
        assert_eq!(echoed, Some(origin));
    }
    assert_eq!(
        allowed(port, "/events", &second, "http://evil.example"),
        None
    );
    demo.kill().unwrap();
    demo.wait().unwrap();
}
