//! `/events`: followers get every event in order, slow ones are cut off, and twenty cost little.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use crate::harness::{
    Cluster, Event, Listener, Plan, exclusive, get, millis, nanos, now, wait_for,
};

const FOLLOWERS: usize = 20;
/// In percent of one core, compared with no followers.
const MOST_CPU: f64 = 2.0;
const MOST_OWN_KIB: u64 = 3 * 1024;

fn number(event: &Event) -> Option<u64> {
    let (_, number) = event.id.as_deref()?.split_once('-')?;
    number.parse().ok()
}

/// Events until `enough` of them have a number.
fn numbered(listener: &mut Listener, enough: usize) -> Vec<Event> {
    let mut found = Vec::new();
    while found.len() < enough {
        let event = listener.next().unwrap();
        if event.id.is_some() {
            found.push(event);
        }
    }
    found
}

#[test]
fn every_possession_is_reported_in_order_and_a_broken_stream_is_resumed() {
    let _exclusive = exclusive();
    let ring = Cluster::start_whole(Plan::five(Duration::from_millis(300)));
    let port = ring.ports[0].http;
    let mut listener = Listener::open(port, None).unwrap();
    let first = listener.next().unwrap();
    assert_eq!(first.kind, "state");
    assert_eq!(first.data["nodes"].as_array().unwrap().len(), 5);
    let events = numbered(&mut listener, 24);
    let numbers: Vec<u64> = [&first]
        .into_iter()
        .chain(&events)
        .filter_map(number)
        .collect();
    assert!(
        numbers.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{numbers:?}"
    );
    let here = events.iter().filter(|event| event.data["here"] == true);
    for event in here.clone() {
        assert_eq!(event.data["holder"], "pi1");
        // Told when it came in: it has not flown for longer than that.
        let [x, speed] = ["position", "velocity"].map(|name| event.data[name][0].as_f64().unwrap());
        assert!((0.0..speed * 0.1).contains(&x), "{event:?}");
        assert!(event.data["age_seconds"].as_f64().unwrap() < 0.1);
    }
    assert!(
        here.count() >= 2,
        "in 24 events the ball comes round: {events:?}"
    );
    let last = events.last().and_then(|event| event.id.clone()).unwrap();
    drop(listener);
    sleep(Duration::from_millis(900));
    let mut again = Listener::open(port, Some(&last)).unwrap();
    let missed = numbered(&mut again, 4);
    assert!(
        missed.iter().all(|event| event.kind != "state"),
        "{missed:?}"
    );
    let expected = number(events.last().unwrap()).unwrap() + 1;
    let numbers: Vec<u64> = missed.iter().filter_map(number).collect();
    assert_eq!(numbers, (expected..expected + 4).collect::<Vec<_>>());
    println!("24 events in order, then 4 more on a new connection from {last} on");
    ring.assert_one_ball();
}

#[test]
fn a_killed_holder_is_reported_by_the_others_and_the_ball_comes_back() {
    let _exclusive = exclusive();
    let mut ring = Cluster::start_whole(Plan::five(Duration::from_secs(2)));
    let holder = ring.wait_for_arrival(&[1, 2, 3, 4]);
    let name = format!("pi{}", holder + 1);
    let mut listener = Listener::open(ring.ports[0].http, None).unwrap();
    // Wait until the others know that it has the ball.
    sleep(Duration::from_millis(500));
    let killed = ring.kill(holder);
    let (mut down, mut moved) = (None, None);
    while down.is_none() || moved.is_none() {
        let event = listener.next().unwrap();
        if event.kind == "node" && event.data["name"] == name && event.data["state"] == "down" {
            down = Some(now());
        }
        if event.kind == "ball" && event.data["holder"] != name && down.is_some() {
            moved = Some(now());
        }
        assert!(
            now() - killed < nanos(Duration::from_secs(10)),
            "{down:?} {moved:?}"
        );
    }
    println!(
        "{name} told to be down after {:.0} ms, the ball elsewhere after {:.0} ms",
        millis(down.unwrap() - killed),
        millis(moved.unwrap() - killed)
    );
    let (taker, back) = wait_for(Duration::from_secs(5), "who took it back", || {
        ring.running().into_iter().find_map(|node| {
            let status = ring.status(node)?;
            let back = status["last_return"].clone();
            (back["from"] == name).then_some((node, back))
        })
    });
    assert_eq!(back["to"], format!("pi{}", taker + 1));
    let away = back["away_ms"].as_f64().unwrap();
    println!("by pi{} it was away for {away:.0} ms", taker + 1);
    assert!(away > 0.0 && away < 5_000.0);
    let (_, metrics) = get(ring.ports[taker].http, "/metrics").unwrap();
    assert!(metrics.contains("carom_relit_seconds_count 1"), "{metrics}");
}

#[test]
fn a_follower_that_does_not_read_is_cut_off_and_others_are_not() {
    let _exclusive = exclusive();
    // The ball leaves at once, so there are events twenty times a second.
    let ring = Cluster::start_whole(Plan::five(Duration::ZERO));
    let port = ring.ports[0].http;
    let idle = Listener::open_narrow(port).unwrap();
    let mut busy = Listener::open(port, None).unwrap();
    let until = now() + nanos(Duration::from_secs(30));
    let mut told = 0;
    while now() < until {
        busy.next().unwrap();
        told += 1;
    }
    // What it was sent before it was cut off, then the end.
    let bytes = idle.drain(1_000_000);
    let bytes = bytes.expect("the stream of who did not read has an end");
    println!("{told} events read by one; the other was cut off after {bytes} bytes");
    assert!(told > 60);
    let usage = ring.process(0).usage();
    assert!(usage.most_own_kib < MOST_OWN_KIB, "{usage:?}");
}

#[test]
fn silent_connections_evict_one_another_but_no_follower() {
    let _exclusive = exclusive();
    let ring = Cluster::start_whole(Plan::five(Duration::from_millis(200)));
    let port = ring.ports[0].http;
    let mut listener = Listener::open(port, None).unwrap();
    let clients: Vec<TcpStream> = (0..100)
        .map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap())
        .collect();
    let (code, _) = get(port, "/status").unwrap();
    assert_eq!(code, 200);
    let events = numbered(&mut listener, 12);
    println!(
        "{} events told beside {} silent connections",
        events.len(),
        clients.len()
    );
    // As many as are allowed, and one more.
    let followers: Vec<_> = (0..70).map(|_| Listener::open(port, None)).collect();
    let refused = followers.iter().filter(|follower| follower.is_err());
    assert_eq!(refused.count(), 70 - 63);
    drop(followers);
    numbered(&mut listener, 12);
    wait_for(Duration::from_secs(10), "a place to be free again", || {
        Listener::open(port, None).ok()
    });
}

/// Followers that read every event, and fetch the lab's lists as the page does.
struct Followers {
    ends: Arc<AtomicBool>,
    told: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<()>>,
}

impl Followers {
    fn gather(port: u16) -> Self {
        let (ends, told) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicUsize::new(0)),
        );
        for path in [
            "/",
            "/page/page.css",
            "/page/page.js",
            "/page/ring.js",
            "/page/panels.js",
            "/page/lab.js",
        ] {
            assert_eq!(get(port, path).unwrap().0, 200, "{path}");
        }
        let threads = (0..FOLLOWERS).map(|_| {
            let (ends, told) = (Arc::clone(&ends), Arc::clone(&told));
            spawn(move || {
                let mut listener = Listener::open(port, None).unwrap();
                let mut next_lists = now();
                while !ends.load(Ordering::Relaxed) {
                    listener.next().unwrap();
                    told.fetch_add(1, Ordering::Relaxed);
                    if now() >= next_lists {
                        next_lists = now() + nanos(Duration::from_secs(4));
                        let _ = (get(port, "/messages"), get(port, "/rates"));
                    }
                }
            })
        });
        let threads = threads.collect();
        let crowd = Self {
            ends,
            told,
            threads,
        };
        wait_for(
            Duration::from_secs(20),
            "everyone to be told something",
            || (crowd.told.load(Ordering::Relaxed) >= FOLLOWERS).then_some(()),
        );
        crowd
    }

    fn leave(self) -> usize {
        self.ends.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        self.told.load(Ordering::Relaxed)
    }
}

#[test]
fn twenty_pages_on_one_node_cost_it_little() {
    let _exclusive = exclusive();
    let ring = Cluster::start_whole(Plan::five(Duration::from_secs(1)));
    let spent = || {
        let (begun, before) = (now(), ring.process(0).usage());
        sleep(Duration::from_secs(10));
        let (ended, after) = (now(), ring.process(0).usage());
        (after.all_nanos - before.all_nanos) as f64 * 100.0 / (ended - begun) as f64
    };
    let mut more = f64::MAX;
    // On a busy machine every wake costs more: measure once more before this fails.
    for _ in 0..2 {
        let without = spent();
        let crowd = Followers::gather(ring.ports[0].http);
        let with = spent();
        let usage = ring.process(0).usage();
        let told = crowd.leave();
        more = more.min(with - without);
        println!(
            "CPU {without:.2} % of a core alone, {with:.2} % with {FOLLOWERS} followers ({told} events told); memory of its own {:.2} MiB, at most {:.2}",
            usage.own_kib as f64 / 1024.0,
            usage.most_own_kib as f64 / 1024.0
        );
        assert!(usage.most_own_kib < MOST_OWN_KIB);
        if more < MOST_CPU {
            break;
        }
    }
    assert!(more < MOST_CPU, "{more:.2} % of a core more than without");
    ring.assert_one_ball();
}

/// How long a hop takes with followers and without: for people, who know how busy the machine was.
#[test]
fn hops_take_as_long_with_twenty_pages_as_without() {
    let _exclusive = exclusive();
    let ring = Cluster::start_whole(Plan::five(Duration::ZERO));
    let nodes = ring.running();
    let micros = || {
        let (begun, before) = (now(), ring.counter(&nodes, "hops"));
        sleep(Duration::from_secs(1));
        let (ended, after) = (now(), ring.counter(&nodes, "hops"));
        (ended - begun) as f64 / 1e3 / (after - before).max(1) as f64
    };
    let mut ratios: Vec<f64> = Vec::new();
    for _ in 0..5 {
        let without = micros();
        let crowd = Followers::gather(ring.ports[0].http);
        let with = micros();
        crowd.leave();
        println!("{without:.1} us a hop without followers, {with:.1} us with {FOLLOWERS}");
        ratios.push(with / without);
    }
    ratios.sort_by(f64::total_cmp);
    println!(
        "ratios of five pairs: {ratios:.2?}; median {:.2}",
        ratios[2]
    );
    ring.assert_one_ball();
}
