//! The attack of a student with a laptop: somebody plays the node that is switched off, and passes every ball on twice.

use std::io::{BufRead as _, BufReader};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use carom::key::{self, Keys};
use serde_json::{Value, json};

use crate::harness::{
    ClaimedIdentity, Cluster, Plan, RawClient, exclusive, millis, nanos, now, wait_for,
};

/// The node that is switched off, and that the liar claims to be.
const ABSENT: usize = 4;

/// The addresses of every node of these rings, and of a computer that is not in the ring file.
const LISTED: [u8; 4] = [127, 0, 0, 1];
const UNLISTED: [u8; 4] = [127, 0, 0, 9];

/// So often the liar comes and leaves.
const ROUNDS: usize = 3;

/// The liar stays until it has doubled the ball so often and two LEDs were on at once.
const DOUBLED: usize = 5;

/// How long the ring is watched after it has healed.
const WATCHED: Duration = Duration::from_secs(3);

fn ring_of_four(host: &'static str) -> Cluster {
    Cluster::start_whole(Plan {
        host,
        absent: &[ABSENT],
        ..Plan::five(Duration::from_millis(100))
    })
}

/// The links of one liar to all nodes that run.
struct Liar {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    links: Vec<Link>,
    /// Passes that the liar has sent to two nodes.
    doubled: AtomicUsize,
    over: AtomicBool,
}

struct Link {
    client: Mutex<RawClient>,
    /// The node's latest heartbeat time, and when it came, in nanoseconds.
    heard: Mutex<Option<(u64, u64)>>,
}

impl Liar {
    /// Says hello as the absent node to every node that runs, from that address.
    fn connect(ring: &Cluster, from: [u8; 4]) -> Self {
        let hello = ClaimedIdentity::of(ring, "pi5").hello();
        let links = ring.running().into_iter().map(|node| {
            let mut client = RawClient::connect_from(from, ring.ports[node].ring).unwrap();
            client.say(&hello);
            Link {
                client: Mutex::new(client),
                heard: Mutex::default(),
            }
        });
        let shared = Arc::new(Shared {
            links: links.collect(),
            doubled: AtomicUsize::new(0),
            over: AtomicBool::new(false),
        });
        let mut threads: Vec<JoinHandle<()>> = (0..shared.links.len())
            .map(|index| {
                let shared = Arc::clone(&shared);
                spawn(move || shared.read(index))
            })
            .collect();
        let beating = Arc::clone(&shared);
        threads.push(spawn(move || beating.send_heartbeats()));
        Self { shared, threads }
    }

    fn doubled(&self) -> usize {
        self.shared.doubled.load(Ordering::Relaxed)
    }

    /// Closes all links; returns the moment after.
    fn leave(self) -> u64 {
        self.shared.over.store(true, Ordering::Relaxed);
        for link in &self.shared.links {
            // A node may have closed its link already.
            let _ = link.client.lock().unwrap().0.shutdown(Shutdown::Both);
        }
        for thread in self.threads {
            thread.join().unwrap();
        }
        now()
    }
}

impl Shared {
    fn say(&self, index: usize, message: &Value) {
        let line = format!("{message}\n");
        self.links[index]
            .client
            .lock()
            .unwrap()
            .say(line.as_bytes());
    }

    fn send_heartbeats(&self) {
        while !self.over.load(Ordering::Relaxed) {
            let at = now() / 1_000;
            for index in 0..self.links.len() {
                self.say(index, &json!({"type": "heartbeat", "at": at}));
            }
            sleep(Duration::from_millis(20));
        }
    }

    /// Answers what one node says, until the link is closed.
    fn read(&self, index: usize) {
        let link = &self.links[index];
        let stream: TcpStream = link.client.lock().unwrap().0.try_clone().unwrap();
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let Ok(message) = serde_json::from_str::<Value>(&line) else {
                continue;
            };
            match message["type"].as_str() {
                Some("heartbeat") => {
                    let at = message["at"].as_u64().unwrap();
                    *link.heard.lock().unwrap() = Some((at, now()));
                }
                Some("pass") => self.double(index, message),
                _ => {}
            }
        }
    }

    /// Acknowledges a pass, and sends it with the next hop to two other nodes.
    fn double(&self, from: usize, mut pass: Value) {
        let passed = json!({
            "type": "passed", "ball": pass["ball"], "generation": pass["generation"], "hop": pass["hop"],
        });
        self.say(from, &passed);
        pass["hop"] = (pass["hop"].as_u64().unwrap() + 1).into();
        let others = (0..self.links.len()).filter(|&other| other != from);
        for other in others.take(2) {
            let Some((at, then)) = *self.links[other].heard.lock().unwrap() else {
                return;
            };
            pass["echo"] = at.into();
            pass["since"] = ((now() - then) / 1_000).into();
            self.say(other, &pass);
        }
        self.doubled.fetch_add(1, Ordering::Relaxed);
    }
}

/// Waits for three leases and then watches the ring: one ball, and never two LEDs.
fn assert_healed(ring: &Cluster, left: u64) {
    let nodes = ring.running();
    let healed = left + nanos(ring.plan.lease * 3);
    sleep(Duration::from_nanos(healed.saturating_sub(now())) + WATCHED);
    let (seen, until) = (ring.observe(), now());
    let last = seen.last_overlap().map(|end| end.saturating_sub(left));
    let ons = seen.ons(&nodes, healed, until);
    let (dark, _) = seen.longest_gap(healed, until);
    let doubled = last.map_or_else(
        || "never two LEDs".to_owned(),
        |last| format!("two LEDs until {:.1} ms later", millis(last)),
    );
    println!(
        "  after it left: {doubled}, then {ons} LEDs on, longest dark {:.1} ms",
        millis(dark)
    );
    assert_eq!(
        seen.overlap_between(healed, until),
        0,
        "{:?}",
        seen.overlaps()
    );
    assert!(ons >= 10, "the ball does not go on");
    assert!(dark <= nanos(ring.plan.lease), "dark for {dark} ns");
    let generations = seen.generations(healed, until);
    assert_eq!(generations.len(), 1, "one ball: {generations:?}");
}

#[test]
fn without_a_key_two_leds_end_within_three_leases_after_the_liar_has_left() {
    let _exclusive = exclusive();
    let mut ring = ring_of_four("127.0.0.1");
    for round in 0..ROUNDS {
        let begun = now();
        let liar = Liar::connect(&ring, LISTED);
        wait_for(Duration::from_secs(30), "two LEDs on at once", || {
            let seen =
                liar.doubled() >= DOUBLED && ring.observe().overlap_between(begun, now()) > 0;
            seen.then_some(())
        });
        let doubled = liar.doubled();
        let left = liar.leave();
        println!(
            "round {round}: the ball was doubled {doubled} times; two LEDs on for {:.1} of {:.1} ms",
            millis(ring.observe().overlap_between(begun, left)),
            millis(left - begun)
        );
        assert_healed(&ring, left);
    }
    let returned = ring.spawn(ABSENT);
    ring.wait_until_whole(Duration::from_secs(3));
    ring.wait_for_arrival(&[ABSENT]);
    assert_healed(&ring, returned);
}

#[test]
fn an_address_that_is_not_in_the_ring_file_gets_nowhere_and_learns_nothing() {
    let _exclusive = exclusive();
    for host in ["127.0.0.1", "localhost"] {
        assert_refused(&ring_of_four(host));
    }
}

/// Plays the absent node, and others, from an address that no host of this ring stands for.
fn assert_refused(ring: &Cluster) {
    let nodes = ring.running();
    let elections = ring.counter(&nodes, "elections");
    let claim = ClaimedIdentity::of(ring, "pi5");
    let fingerprint = claim.topology.clone();
    let wrong = ClaimedIdentity {
        topology: "0123456789abcdef".to_owned(),
        ..ClaimedIdentity::of(ring, "pi5")
    };
    let foreign = ClaimedIdentity {
        ring: "classroom".to_owned(),
        ..ClaimedIdentity::of(ring, "pi9")
    };
    let (begun, mut tried) = (now(), 0);
    while now() - begun < nanos(WATCHED) {
        for hello in [
            claim.hello(),
            wrong.hello(),
            foreign.hello(),
            b"{}\n".to_vec(),
        ] {
            for &node in &nodes {
                let mut client = RawClient::connect_from(UNLISTED, ring.ports[node].ring).unwrap();
                client.say(&hello);
                let heard = client.read_to_close(Duration::from_secs(2)).unwrap();
                assert!(heard.contains("\"refused\""), "{heard}");
                let told = [&fingerprint, &ring.name, "pi1", "pi2", "pi3", "pi4", "pi5"];
                for secret in told {
                    assert!(!heard.contains(secret), "told {secret}: {heard}");
                }
                tried += 1;
            }
        }
        let liar = Liar::connect(ring, UNLISTED);
        sleep(Duration::from_millis(500));
        assert_eq!(liar.doubled(), 0, "no ball came to the liar");
        liar.leave();
    }
    for &node in &nodes {
        let sentence = "the host of pi5 in the ring file does not stand for 127.0.0.9";
        ring.assert_logged(&[node], sentence, 1);
    }
    println!("{tried} attempts from 127.0.0.9 were refused");
    assert_eq!(ring.counter(&nodes, "elections"), elections);
    assert!(ring.linked(&nodes));
    let seen = ring.assert_one_ball();
    assert!(seen.ons(&nodes, begun, now()) >= 10, "the ball goes on");
}

#[test]
fn with_a_key_the_liar_gets_nowhere_and_no_led_changes_for_it() {
    let _exclusive = exclusive();
    let (ring, path) = Cluster::start_keyed(Plan {
        absent: &[ABSENT],
        ..Plan::five(Duration::from_millis(100))
    });
    let ours = Keys::read(&path).unwrap().used().fingerprint().to_string();
    let other = path.with_file_name("other.key");
    let other = key::create(&other).unwrap().fingerprint().to_string();
    let nodes = ring.running();
    let elections = ring.counter(&nodes, "elections");
    let begun = now();
    let mut tried = 0;
    let noise = "00".repeat(48);
    let line = |key: &str| {
        format!(
            "{}\n",
            json!({"type": "key", "version": 1, "key": key, "noise": noise})
        )
    };
    let hello = ClaimedIdentity::of(&ring, "pi5").hello();
    while now() - begun < nanos(WATCHED) {
        for first in [
            hello.clone(),
            line(&ours).into_bytes(),
            line(&other).into_bytes(),
        ] {
            for &node in &nodes {
                let mut client = RawClient::connect_from(LISTED, ring.ports[node].ring).unwrap();
                client.say(&first);
                let heard = client.read_to_close(Duration::from_secs(2)).unwrap();
                assert!(heard.contains(&ours), "{heard}");
                for secret in [&*ring.name, "pi1", "pi2", "pi3", "pi4", "pi5", "topology"] {
                    assert!(!heard.contains(secret), "told {secret}: {heard}");
                }
                tried += 1;
            }
        }
        let liar = Liar::connect(&ring, LISTED);
        sleep(Duration::from_millis(500));
        assert_eq!(liar.doubled(), 0, "no ball came to the liar");
        liar.leave();
    }
    println!("{tried} attempts without the key were refused");
    for &node in &nodes {
        ring.assert_logged(&[node], "the node that dials has no key", 1);
    }
    assert_eq!(ring.counter(&nodes, "elections"), elections);
    assert!(ring.linked(&nodes));
    let seen = ring.assert_one_ball();
    let (ons, until) = (seen.ons(&nodes, begun, now()), now());
    assert_eq!(seen.overlap_between(begun, until), 0);
    // Every LED change is one of a ring that nobody disturbs: the hops follow each other in one generation.
    assert_eq!(seen.generations(begun, until).len(), 1);
    assert!(ons >= 10, "the ball goes on");
}
