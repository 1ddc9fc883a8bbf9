//! The ring file: its meaning, the order of the layers, and the reported faults.

mod corpus;
mod hostile;
mod shipped;
mod voters;
mod window;

use std::path::{Path, PathBuf};
use std::time::Duration;

use carom::config::{Config, Faults, LedConfig, Overrides};
use carom::ring::{OnPartition, Shape};

const PLAIN: &str = r#"
[ring]
name = "classroom"
lease = "2s"

[[node]]
name = "pi1"
host = "pi1.local"

[[node]]
name = "pi2"
host = "pi2.local"
ssh = "pi@pi2.local"
ports = { http = 9090 }

[[node]]
name = "pi3"
host = "10.0.0.3"
listen = "10.0.0.3"
led = { backend = "gpio", pin = 17 }

[[ball]]
start = "pi2"
position = [100, 300]
velocity = [-240, 130]
"#;

fn parse(text: &str, environment: &[(&str, &str)], flags: &Overrides) -> Result<Config, Faults> {
    let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
    let environment: Vec<_> = environment.iter().map(owned).collect();
    Config::parse("ring.toml", text, &environment, flags)
}

fn plain(environment: &[(&str, &str)], flags: &Overrides) -> Result<Config, Faults> {
    parse(PLAIN, environment, flags)
}

fn report(result: Result<Config, Faults>) -> String {
    match result {
        Ok(_) => panic!("there is no fault"),
        Err(faults) => faults.to_string(),
    }
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn what_is_left_out_has_its_default() {
    let config = plain(&[], &Overrides::default()).unwrap();
    assert_eq!(config.ring.shape, Shape::Ring);
    assert_eq!(config.ring.on_partition, OnPartition::Freeze);
    assert_eq!(config.ring.lease, Duration::from_secs(2));
    assert_eq!((config.screen.width, config.screen.height), (800.0, 600.0));
    let [pi1, pi2, pi3] = config.nodes.as_slice() else {
        panic!()
    };
    assert_eq!(
        (pi1.ssh.as_str(), pi2.ssh.as_str()),
        ("pi1.local", "pi@pi2.local")
    );
    assert_eq!(
        (pi1.ports.http, pi2.ports.http, pi2.ports.ring),
        (8080, 9090, 7700)
    );
    assert_eq!(pi1.ports, config.ports);
    assert_eq!(pi3.listen, Some("10.0.0.3".parse().unwrap()));
    assert_eq!(
        (&pi1.led, &pi3.led),
        (
            &LedConfig::None,
            &LedConfig::Gpio {
                pin: 17,
                active_low: false
            }
        )
    );
    assert_eq!(
        (config.balls[0].radius, config.balls[0].color),
        (30.0, [255, 64, 0])
    );
}

#[test]
fn later_layers_win() {
    let environment = [
        ("CAROM_RING__LEASE", "1s"),
        ("CAROM_RING__ON_PARTITION", "play-on"),
        ("CAROM_PORTS__HTTP", "8000"),
    ];
    let none = Overrides::default();
    assert_eq!(
        plain(&[], &none).unwrap().ring.lease,
        Duration::from_secs(2)
    );
    let config = plain(&environment, &none).unwrap();
    assert_eq!(config.ring.lease, Duration::from_secs(1));
    assert_eq!(config.ring.on_partition, OnPartition::PlayOn);
    let https: Vec<_> = config.nodes.iter().map(|node| node.ports.http).collect();
    assert_eq!((config.ports.http, https), (8000, vec![8000, 9090, 8000]));
    let flags = Overrides::default()
        .set("ring.lease", "3s")
        .set("ring.lease", "4s");
    let config = plain(&environment, &flags).unwrap();
    assert_eq!(config.ring.lease, Duration::from_secs(4));
    assert_eq!(config.ports.http, 8000);
}

#[test]
fn names_for_http_clients_are_a_list_in_every_layer_and_no_part_of_the_topology() {
    let none = Overrides::default();
    let names = |config: &Config| config.ring.http_names.join(" ");
    let bare = plain(&[], &none).unwrap();
    assert_eq!(names(&bare), "");
    let text = PLAIN.replacen("[ring]", "[ring]\nhttp-names = [\"pi.lan\", \"::1\"]", 1);
    let file = parse(&text, &[], &none).unwrap();
    assert_eq!(names(&file), "pi.lan ::1");
    assert_eq!(file.topology(), bare.topology());
    let environment = [("CAROM_RING__HTTP_NAMES", "pi1.lan, pis.school.example")];
    let config = parse(&text, &environment, &none).unwrap();
    assert_eq!(names(&config), "pi1.lan pis.school.example");
    let config = parse(&text, &environment, &none.set("ring.http-names", "")).unwrap();
    assert_eq!(names(&config), "");
    let wrong = [("CAROM_RING__HTTP_NAMES", "pi1.lan,http://pi2.lan/")];
    let faults = report(plain(&wrong, &Overrides::default()));
    assert!(
        faults.starts_with("environment CAROM_RING__HTTP_NAMES: ring.http-names[2]: wants"),
        "{faults}"
    );
}

#[test]
fn the_key_file_is_beside_the_ring_file_and_no_part_of_the_topology() {
    let none = Overrides::default();
    let text = PLAIN.replacen("[ring]", "[ring]\nkey-file = \"ring.key\"", 1);
    let key_file = |file: &str, environment: &[(String, String)], flags: &Overrides| {
        let config = Config::parse(file, &text, environment, flags).unwrap();
        config.ring.key_file.unwrap()
    };
    for (file, expected) in [
        ("ring.toml", "ring.key"),
        ("/etc/carom/ring.toml", "/etc/carom/ring.key"),
        ("../ring.toml", "../ring.key"),
    ] {
        assert_eq!(key_file(file, &[], &none), Path::new(expected));
    }
    let file = "/etc/carom/ring.toml";
    let environment = [("CAROM_RING__KEY_FILE".to_owned(), "keys/a".to_owned())];
    let expected = Path::new("/etc/carom/keys/a");
    assert_eq!(key_file(file, &environment, &none), expected);
    let flags = none.clone().set("ring.key-file", "/run/b.key");
    assert_eq!(
        key_file(file, &environment, &flags),
        Path::new("/run/b.key")
    );
    let (with, without) = (parse(&text, &[], &none), plain(&[], &none));
    let (with, without) = (with.unwrap(), without.unwrap());
    assert_eq!(with.topology(), without.topology());
    assert_eq!(without.ring.key_file, None);
    let warned = |config: &Config| {
        let warnings = config.warnings();
        let mut sentences = warnings.iter().map(ToString::to_string);
        sentences.any(|sentence| sentence.starts_with("the ring has no key-file"))
    };
    assert!(warned(&without) && !warned(&with));
}

#[test]
fn the_environment_can_supply_what_the_file_lacks() {
    let text = PLAIN.replace("name = \"classroom\"\n", "");
    assert!(report(parse(&text, &[], &Overrides::default())).contains("ring.name: is missing"));
    let config = parse(&text, &[("CAROM_RING__NAME", "b")], &Overrides::default()).unwrap();
    assert_eq!(config.ring.name, "b");
    let without = text.replace("[ring]\nlease = \"2s\"\n", "");
    assert!(
        parse(
            &without,
            &[("CAROM_RING__NAME", "b")],
            &Overrides::default()
        )
        .is_ok()
    );
}

#[test]
fn a_value_that_a_later_layer_overrides_must_be_valid_too() {
    let text = PLAIN.replace("\"2s\"", "\"2 s\"");
    let flags = Overrides::default().set("ring.lease", "1s");
    assert_eq!(
        report(parse(&text, &[("CAROM_RING__LEASE", "1s")], &flags)),
        "ring.toml:4:9: ring.lease: wants a time in quotes, a whole number with ms, s or m \
         such as \"500ms\", not the text \"2 s\""
    );
}

#[test]
fn faults_of_environment_and_flags_name_their_place() {
    let environment = [
        ("CAROM_RING__LEASE", "1"),
        ("CAROM_RING__LEESE", "1s"),
        ("CAROM_PORTS__RING", "\x1b[2J"),
        ("CAROM_NODE__PI1__HOST", "x"),
        ("CAROM_SCREEN__WIDTH", ""),
        ("CAROM_A\x1b__B", "x"),
    ];
    let flags = Overrides::default()
        .set("ports.http", "0")
        .set("port.http", "8000")
        .set("lease", "1s");
    assert_eq!(
        report(plain(&environment, &flags)),
        r#"environment CAROM_A\u{1b}__B: sets no key that there is: only the keys of [ring], [screen] and [ports] can be set here
environment CAROM_NODE__PI1__HOST: sets no key that there is: nodes and balls can be set in the file only
environment CAROM_PORTS__RING: ports.ring: wants a whole number from 1 to 65535, not the text "\u{1b}[2J"
environment CAROM_RING__LEASE: ring.lease: wants a time in quotes, a whole number with ms, s or m such as "500ms", not the text "1"
environment CAROM_RING__LEESE: sets no key that there is: did you mean "CAROM_RING__LEASE"?
environment CAROM_SCREEN__WIDTH: screen.width: wants a number from 1 to 100000, not the text ""
flag lease: sets no key that there is: only the keys of [ring], [screen] and [ports] can be set here
flag port.http: sets no key that there is: did you mean "ports.http"?
flag ports.http: ports.http: wants a whole number from 1 to 65535, not 0"#
    );
}

#[test]
fn variables_that_are_no_keys_are_left_alone() {
    let environment = [
        ("CAROM_NODE", "pi1"),
        ("CAROM_LOG", "debug"),
        ("PATH", "/bin"),
        ("XCAROM_RING__LEASE", "1h"),
    ];
    assert_eq!(
        plain(&environment, &Overrides::default()),
        plain(&[], &Overrides::default())
    );
}

#[test]
fn nothing_is_turned_into_a_number_or_out_of_one() {
    for (text, wrong) in [
        ("[ports]\nring = \"7000\"\n", "ports.ring"),
        ("[ports]\nring = 7000.0\n", "ports.ring"),
        ("[ports]\nring = true\n", "ports.ring"),
        ("[screen]\nwidth = \"800\"\n", "screen.width"),
        ("[screen]\nwidth = true\n", "screen.width"),
    ] {
        let report = report(parse(
            &format!("{PLAIN}\n{text}"),
            &[],
            &Overrides::default(),
        ));
        assert_eq!(report.lines().count(), 1, "{report}");
        assert!(report.contains(wrong), "{report}");
    }
}

#[test]
fn the_topology_is_what_the_nodes_must_agree_on() {
    let config = plain(&[], &Overrides::default()).unwrap();
    let topology = config.topology();
    assert_eq!(topology.nodes, ["pi1", "pi2", "pi3"]);
    assert_eq!(
        (topology.balls[0].start.0, topology.balls[0].state.velocity),
        (1, [-240.0, 130.0])
    );
    let elsewhere = PLAIN
        .replace(".local", ".lan")
        .replace("9090", "9091")
        .replace("gpio\", pin = 17", "act\"");
    let elsewhere = parse(&elsewhere, &[], &Overrides::default()).unwrap();
    assert_ne!(config, elsewhere);
    assert_eq!(topology.fingerprint(), elsewhere.topology().fingerprint());
}

#[test]
fn dwell_replaces_the_speed_and_keeps_the_direction() {
    let across = |dwell: &str| {
        let text = format!("{PLAIN}dwell = \"{dwell}\"\n");
        let config = parse(&text, &[], &Overrides::default()).unwrap();
        config.topology().balls[0].state.velocity
    };
    assert_eq!(across("1s"), [-800.0, 130.0]);
    assert_eq!(across("100ms"), [-8000.0, 130.0]);
    let [fast, up] = across("0s");
    assert!((fast / -8e9 - 1.0).abs() < 1e-9 && up == 130.0, "{fast}");
}

#[test]
fn surprising_settings_are_warned_about_in_a_sentence_each() {
    let warnings = |text: &str| -> Vec<String> {
        let config =
            parse(text, &[], &Overrides::default()).unwrap_or_else(|faults| panic!("{faults}"));
        let warnings = config.warnings();
        let warnings = warnings.iter().map(ToString::to_string);
        warnings
            .filter(|warning| !warning.contains("no key-file"))
            .collect()
    };
    let ring = |count: usize, rest: &str| {
        let nodes =
            (1..=count).map(|n| format!("[[node]]\nname = \"pi{n}\"\nhost = \"pi{n}.local\"\n"));
        format!("[ring]\nname = \"r\"\n{rest}{}", nodes.collect::<String>())
    };
    let ball = "[[ball]]\nstart = \"pi1\"\nposition = [1, 1]\nvelocity = [1, 1]\n";
    let about = |count: usize, rest: &str| warnings(&(ring(count, rest) + ball));
    assert_eq!(about(3, ""), [""; 0]);
    assert!(about(1, "")[0].contains("one node"));
    assert!(about(2, "")[0].contains("a third node"));
    assert!(about(6, "")[0].contains("at most 2 of its nodes are down, no more than a ring of 5"));
    assert!(about(4, "on-partition = \"play-on\"\n")[0].contains("by design"));
    assert!(warnings(&ring(3, ""))[0].contains("no ball"));
    let mixed = (ring(3, "") + ball).replace("pi2.local", "127.0.0.1");
    assert!(warnings(&mixed)[0].contains("node pi2 is at 127.0.0.1"));
    let deaf = (ring(3, "") + ball).replace("host = \"pi2", "listen = \"127.0.0.1\"\nhost = \"pi2");
    assert!(warnings(&deaf)[0].contains("listens on 127.0.0.1 only"));
}
