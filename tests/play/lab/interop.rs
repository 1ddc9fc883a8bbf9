//! Programs as in the textbook chapter, in Python and Java, against Carom's, in both roles.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread::scope;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::{list, list_of, one_node, program, rate_of_chunks};
use crate::harness::{Cluster, exclusive, free_ports, run, text};

/// Starts programs of one language.
struct Language {
    name: &'static str,
    classes: Option<TempDir>,
}

/// Python, and Java if there is a compiler.
fn languages() -> Vec<Language> {
    let there = |name: &str| Command::new(name).arg("--version").output().is_ok();
    let mut found = Vec::new();
    if there("python3") {
        found.push(Language {
            name: "python",
            classes: None,
        });
    } else {
        println!("skipped: python3 is not installed");
    }
    if there("javac") {
        let classes = tempfile::tempdir().unwrap();
        let names = ["SimpleSender", "RateSender", "Receiver", "RateReceiver"];
        let sources = names.map(|name| program(&format!("{name}.java")));
        let compiled = Command::new("javac")
            .arg("-d")
            .arg(classes.path())
            .args(sources)
            .status();
        assert!(compiled.unwrap().success());
        found.push(Language {
            name: "java",
            classes: Some(classes),
        });
    } else {
        println!("skipped: javac is not installed");
    }
    found
}

impl Language {
    fn command(&self, python: &str, java: &str) -> Command {
        match &self.classes {
            None => {
                let mut command = Command::new("python3");
                command.arg(program(python));
                command
            }
            Some(classes) => {
                let mut command = Command::new("java");
                command.args(["-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp"]);
                command.arg(classes.path()).arg(java);
                command
            }
        }
    }

    fn send(&self, port: u16, message: &str) {
        let mut sender = self.command("simple_sender.py", "SimpleSender");
        let done = sender
            .args(["127.0.0.1", &port.to_string(), message])
            .status();
        assert!(done.unwrap().success(), "{}", self.name);
    }

    /// Makes a run; returns its seconds by the sender's own clock.
    fn rate(&self, port: u16, arguments: &[&str]) -> f64 {
        let mut sender = self.command("rate_sender.py", "RateSender");
        sender
            .args(["127.0.0.1", &port.to_string()])
            .args(arguments);
        let done = sender.output().unwrap();
        assert!(done.status.success(), "{}", text(&done.stderr));
        text(&done.stdout).trim().parse().unwrap()
    }

    /// Starts a receiver and waits until it listens.
    fn receiver(
        &self,
        python: &str,
        java: &str,
        port: u16,
    ) -> (Child, impl Iterator<Item = String>) {
        let mut command = self.command(python, java);
        let mut child = command
            .arg(port.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "ready");
        (child, lines.map(Result::unwrap))
    }
}

fn newest(ring: &Cluster, path: &str, count: u64) -> Value {
    list_of(ring, path, count)["latest"][0].clone()
}

#[test]
fn senders_of_messages_are_shown_whole_and_unmixed() {
    let _exclusive = exclusive();
    let ring = one_node();
    let port = ring.ports[0].receiver;
    let mut count = 0;
    for language in languages() {
        language.send(port, "Hello, World!");
        count += 1;
        let hello = newest(&ring, "/messages", count);
        assert_eq!(hello["text"], "Hello, World!");
        assert_eq!(
            (&hello["bytes"], &hello["end"]),
            (&13.into(), &"end-of-stream".into())
        );
        let shown = format!(
            "Data from {} --> 'Hello, World!'",
            hello["peer"].as_str().unwrap()
        );
        ring.wait_for_log(0, &format!("{shown}\n"), Duration::from_secs(2));

        language.send(port, "bytes:600000");
        count += 1;
        let big = newest(&ring, "/messages", count);
        assert_eq!(
            (&big["bytes"], &big["end"]),
            (&600_000.into(), &"newline".into())
        );
        assert_eq!(big["text"], "X".repeat(200));
        // `(head -c 599999 /dev/zero | tr '\0' X; echo) | sha256sum`
        assert_eq!(
            big["sha256"],
            "d89877162570c5dac72cc7a04ff76233a74bdeb4ddae841225a8ad216d7976a0"
        );
        println!("{}: 600,000 bytes in {} reads", language.name, big["reads"]);

        scope(|scope| {
            for number in 0..10 {
                let language = &language;
                scope.spawn(move || language.send(port, &format!("I am {number} of ten")));
            }
        });
        count += 10;
        let ten = list_of(&ring, "/messages", count);
        let ten = ten["latest"].as_array().unwrap()[..10].iter();
        let mut texts: Vec<_> = ten
            .map(|message| message["text"].as_str().unwrap())
            .collect();
        texts.sort_unstable();
        let expected: Vec<_> = (0..10)
            .map(|number| format!("I am {number} of ten"))
            .collect();
        assert_eq!(texts, expected);
    }
    assert_eq!(list(&ring, "/messages")["count"], count);
}

#[test]
fn senders_of_rates_are_counted_kept_and_reopened() {
    let _exclusive = exclusive();
    let ring = one_node();
    let port = ring.ports[0].rate;
    let mut count = 0;
    for language in languages() {
        let kept_bytes = if language.name == "python" {
            4_501
        } else {
            5_001
        };
        let kept_took = language.rate(port, &["5000", "10", "kept"]);
        count += 1;
        let kept = newest(&ring, "/rates", count);
        assert_eq!(
            (&kept["bytes"], &kept["connections"]),
            (&kept_bytes.into(), &1.into())
        );
        assert_eq!(
            (&kept["connect"], &kept["outcome"]),
            (&"kept".into(), &"complete".into())
        );
        let reads = kept["reads"].as_u64().unwrap();
        let segments = kept["segments"].as_u64().unwrap();
        assert!(
            (1..=501).contains(&reads) && (1..=501).contains(&segments),
            "{kept}"
        );

        let reopened_took = language.rate(port, &["5000", "100", "reopened"]);
        count += 1;
        let reopened = newest(&ring, "/rates", count);
        assert_eq!(
            (&reopened["bytes"], &reopened["connections"]),
            (&5_001.into(), &50.into())
        );
        assert_eq!(reopened["outcome"], "complete");
        assert_eq!(reopened["overlapped"], false, "{reopened}");
        let reads = reopened["reads"].as_u64().unwrap();
        assert!((50..=51).contains(&reads), "{reopened}");
        let seconds = |run: &Value| run["seconds"].as_f64().unwrap();
        println!(
            "{}: 5,000 bytes kept in {:.6} s ({kept_took:.6} s by the sender), reopened in {:.6} s ({reopened_took:.6} s): {:.1} times as long",
            language.name,
            seconds(&kept),
            seconds(&reopened),
            seconds(&reopened) / seconds(&kept)
        );
        assert!(seconds(&kept) > 0.0 && seconds(&reopened) > 0.0);
    }
}

#[test]
fn two_hundred_reopened_runs_in_a_row_and_none_is_lost() {
    let _exclusive = exclusive();
    let ring = one_node();
    let port = ring.ports[0].rate;
    let Some(python) = languages().into_iter().find(|it| it.name == "python") else {
        return;
    };
    let mut count = 0;
    for (ending, runs) in [("together", 97), ("apart", 97), ("late", 6)] {
        python.rate(port, &["500", "50", "reopened", ending, &runs.to_string()]);
        count += runs;
        let rates = list_of(&ring, "/rates", count);
        assert_eq!(rates["count"], count, "{ending}");
        let latest = rates["latest"].as_array().unwrap().iter();
        for run in latest.take(usize::try_from(runs).unwrap()) {
            let told = (&run["bytes"], &run["connections"], &run["outcome"]);
            assert_eq!(
                told,
                (&501.into(), &10.into(), &"complete".into()),
                "{ending}: {run}"
            );
            assert_eq!(run["overlapped"], false, "{ending}: {run}");
        }
    }
    assert_eq!(count, 200);
}

#[test]
fn runs_of_different_clients_at_the_same_time_are_kept_apart() {
    let _exclusive = exclusive();
    let ring = one_node();
    let port = ring.ports[0].rate;
    // One reopens, and four keep; all from one address.
    let Some(python) = languages().into_iter().find(|it| it.name == "python") else {
        return;
    };
    scope(|scope| {
        scope.spawn(|| python.rate(port, &["20000", "100", "reopened"]));
        for size in ["5", "10", "20", "50"] {
            let python = &python;
            scope.spawn(move || python.rate(port, &["50000", size, "kept"]));
        }
    });
    let rates = list_of(&ring, "/rates", 5);
    let told = rates["latest"].as_array().unwrap().iter();
    let mut told: Vec<_> = told
        .map(|run| {
            (
                run["bytes"].as_u64().unwrap(),
                run["connections"].as_u64().unwrap(),
            )
        })
        .collect();
    told.sort_unstable();
    let expected = [
        (20_001, 200),
        (40_001, 1),
        (45_001, 1),
        (47_501, 1),
        (49_001, 1),
    ];
    assert_eq!(told, expected);
}

#[test]
fn our_senders_satisfy_their_receivers() {
    let _exclusive = exclusive();
    for language in languages() {
        let [port] = free_ports();
        let (mut child, mut said) = language.receiver("receiver.py", "Receiver", port);
        let address = format!("127.0.0.1:{port}");
        let sent = run(&["send", &address, "Hello from Carom"]);
        assert!(sent.status.success(), "{}", text(&sent.stderr));
        assert_eq!(said.next().unwrap(), "17 Hello from Carom");
        assert!(child.wait().unwrap().success());

        for (connect, connections) in [("once", 1), ("per-chunk", 50)] {
            let [port] = free_ports();
            let (mut child, mut said) = language.receiver("rate_receiver.py", "RateReceiver", port);
            let address = format!("127.0.0.1:{port}");
            let done = rate_of_chunks(&address, connect);
            assert!(done.status.success(), "{}", text(&done.stderr));
            let shown = text(&done.stdout);
            assert!(
                shown.contains("The receiver gave no answer line"),
                "{shown}"
            );
            let counted = said.next().unwrap();
            let counted: Vec<&str> = counted.split(' ').collect();
            assert_eq!(
                (counted[0], counted[2]),
                ("5001", &*connections.to_string())
            );
            assert!(child.wait().unwrap().success());
        }
    }
}
