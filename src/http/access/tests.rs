//! Who may read over HTTP: every way to ask for a node, and every origin.

use super::*;

/// pi1, pi2 and pi3, seen from pi2 on the machine `bench.school.example`.
fn access(endpoints: [(&str, u16); 3], names: &[&str]) -> Access {
    let topology = Topology {
        nodes: ["pi1", "pi2", "pi3"].map(str::to_owned).to_vec(),
        ..Topology::default()
    };
    let mut access = Access::new(&topology, NodeId(1), "bench.school.example");
    let endpoints = endpoints.map(|(host, port)| Endpoint {
        host: host.to_owned(),
        port,
    });
    let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
    access.set(&endpoints, &names);
    access
}

/// Three Pis: two names, one address.
fn classroom() -> Access {
    let endpoints = [("pi1.lan", 8080), ("pi2.lan", 8080), ("192.168.7.13", 8081)];
    access(endpoints, &["pis.school.example", "10.9.9.9"])
}

fn request(headers: &[(&str, &str)]) -> Request<()> {
    let builder = Request::get("/status");
    let builder = headers.iter().fold(builder, |builder, (name, value)| {
        builder.header(*name, *value)
    });
    builder.body(()).unwrap()
}

fn admits(access: &Access, host: &str) -> bool {
    match access.check(&request(&[("host", host)]), None) {
        Ok(admitted) => {
            assert_eq!(admitted.origin, None);
            true
        }
        Err(Refusal::UnknownName(name)) => {
            assert_eq!(name, host);
            false
        }
        Err(Refusal::NoHost) => panic!("{host}"),
    }
}

/// Whether a page of that origin may read what it asks for by `host`; it came in at 192.168.7.12.
fn may_read(access: &Access, origin: &str, host: &str) -> bool {
    let request = request(&[("host", host), ("origin", origin)]);
    let local = Some("::ffff:192.168.7.12".parse().unwrap());
    let mut response = Response::new(());
    access.check(&request, local).unwrap().grant(&mut response);
    let header = |name| Some(response.headers().get(name)?.to_str().unwrap());
    let allowed = header(ACCESS_CONTROL_ALLOW_ORIGIN);
    assert_eq!(header(VARY), allowed.map(|_| "Origin"));
    assert!(allowed.is_none_or(|allowed| allowed == origin));
    allowed.is_some()
}

#[test]
fn a_node_answers_to_its_own_names_those_of_the_ring_file_and_every_address() {
    let access = classroom();
    for host in [
        "pi2",
        "pi2.local:8080",
        "PI2.Local.:8080",
        "pi2.lan:8080",
        "bench",
        "bench.local",
        "bench.school.example:8080",
        "localhost:9000",
        // The other nodes' hosts: a proxy or a machine with several nodes.
        "pi1.lan:8080",
        "192.168.7.12:8080",
        "203.0.113.5",
        "[fd00::1]:8080",
        "pis.school.example",
        "10.9.9.9",
    ] {
        assert!(admits(&access, host), "{host}");
    }
}

#[test]
fn a_foreign_name_is_refused_with_the_key_to_add() {
    let access = classroom();
    for host in [
        "evil.example",
        "evil.example:8080",
        "pi2.evil.example",
        "localhost.evil.example",
        "192.168.7.12.evil.example",
        "school.example",
        "",
        "pi2@evil.example",
        "[pi2]",
    ] {
        assert!(!admits(&access, host), "{host}");
    }
    let refusal = access.check(&request(&[("host", "evil.example\u{e9}")]), None);
    let refusal = refusal.unwrap_err();
    assert_eq!(refusal.code(), StatusCode::MISDIRECTED_REQUEST);
    assert_eq!(
        refusal.to_string(),
        "this node does not answer to the name \"evil.example\u{e9}\": if the name is right, \
         add it to http-names in [ring] of the ring file"
    );
}

#[test]
fn a_request_has_one_host_and_only_an_old_one_may_have_none() {
    let access = classroom();
    let none = access.check(&request(&[]), None);
    assert_eq!(none, Err(Refusal::NoHost));
    let two = request(&[("host", "pi2"), ("host", "evil.example")]);
    assert_eq!(access.check(&two, None), Err(Refusal::NoHost));
    let mut old = request(&[]);
    *old.version_mut() = Version::HTTP_10;
    assert_eq!(access.check(&old, None), Ok(Admitted { origin: None }));
    old.headers_mut()
        .insert(HOST, HeaderValue::from_static("evil.example"));
    assert!(access.check(&old, None).is_err());
    // The target's own host counts, as in HTTP for proxies.
    let mut absolute = request(&[("host", "pi2")]);
    *absolute.uri_mut() = "http://evil.example/status".parse().unwrap();
    assert!(access.check(&absolute, None).is_err());
}

#[test]
fn the_pages_of_the_ring_may_read_however_they_were_opened() {
    let mut access = classroom();
    access.set_address(NodeId(0), "::ffff:192.168.7.11".parse().unwrap());
    for origin in [
        // By a host of the ring file, and by a node's name.
        "http://pi1.lan:8080",
        "http://PI1.lan:8080",
        "http://192.168.7.13:8081",
        "http://pi1:8080",
        "http://pi3.local:8081",
        // By the address that a node has on its link.
        "http://192.168.7.11:8080",
        // This machine's own page.
        "http://bench.local:8080",
        "http://192.168.7.12:8080",
        "http://pi2.lan:8080",
        // The screen of a Pi, opened on that Pi.
        "http://localhost:8080",
        "http://127.0.0.1:8081",
        "http://[::1]:8080",
        // What the ring file adds.
        "http://pis.school.example",
        "http://pis.school.example:8081",
        "http://10.9.9.9:8080",
    ] {
        assert!(may_read(&access, origin, "pi2.lan:8080"), "{origin}");
    }
    // Through a tunnel, with a port that is none of the ring's.
    assert!(may_read(&access, "http://localhost:9000", "localhost:9000"));
}

#[test]
fn no_other_page_may_read() {
    let access = classroom();
    for origin in [
        "http://evil.example",
        "http://evil.example:8080",
        "http://pi1.lan.evil.example:8080",
        "https://pi1.lan:8080",
        "null",
        "http://pi1.lan",
        "http://pi1.lan:8081",
        "http://192.168.7.13:8080",
        // No link has this address now.
        "http://192.168.7.11:8080",
        "http://192.168.7.12:8081",
        "http://bench.local:8081",
        "http://localhost:3000",
        "http://localhost",
        "http://pis.school.example:3000",
        "http://pi1.lan:8080/",
        "",
    ] {
        assert!(!may_read(&access, origin, "pi2.lan:8080"), "{origin}");
    }
    // An address in the Host header does not make another port of it a page of the ring.
    assert!(!may_read(
        &access,
        "http://192.168.7.12:3000",
        "192.168.7.12:8080"
    ));
}

#[test]
fn several_nodes_on_one_machine_read_from_each_other() {
    let ring = access(
        [
            ("127.0.0.1", 8080),
            ("127.0.0.1", 8081),
            ("127.0.0.1", 8082),
        ],
        &[],
    );
    assert!(may_read(&ring, "http://127.0.0.1:8080", "127.0.0.1:8081"));
    assert!(may_read(&ring, "http://localhost:8082", "127.0.0.1:8081"));
    assert!(!may_read(&ring, "http://localhost:8083", "127.0.0.1:8081"));
    // The demo on all interfaces: the page asks every port of the host that it was opened by.
    let demo = access([("", 8080), ("", 8081), ("", 8082)], &[]);
    assert!(may_read(
        &demo,
        "http://192.168.7.12:8080",
        "192.168.7.12:8081"
    ));
    assert!(may_read(
        &demo,
        "http://bench.local:8082",
        "bench.local:8081"
    ));
    assert!(!may_read(
        &demo,
        "http://evil.example:8080",
        "192.168.7.12:8081"
    ));
    // One host with a name, opened by its address.
    let bench = access(
        [("bench.lan", 8080), ("bench.lan", 8081), ("pi3.lan", 8082)],
        &[],
    );
    assert!(may_read(
        &bench,
        "http://192.168.7.12:8080",
        "bench.lan:8081"
    ));
    assert!(!may_read(
        &bench,
        "http://192.168.7.12:8082",
        "bench.lan:8081"
    ));
}

#[test]
fn the_page_has_the_name_that_was_asked_for_or_else_its_host_for_other_machines() {
    let pis = classroom();
    let url = |host| pis.page_url(&request(&[("host", host)]));
    for (host, expected) in [
        ("PI1.local:8080", "http://pi1.local:8080/"),
        ("[FD00::1]:80", "http://[fd00::1]:80/"),
        ("localhost:8080", "http://pi2.lan:8080/"),
        ("127.0.0.1:8080", "http://pi2.lan:8080/"),
    ] {
        assert_eq!(url(host).as_deref(), Some(expected), "{host}");
    }
    let demo = access([("", 8080), ("", 8081), ("", 8082)], &[]);
    let localhost = request(&[("host", "localhost:8080")]);
    assert_eq!(demo.page_url(&localhost), None);
}
