//! Names that are answered late or never, with threads that really wait.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;

use async_io::block_on;

use super::queue::{MOST_SLOW, MOST_THREADS};
use super::*;
use crate::ring::Time;

const HOUR: Duration = Duration::from_secs(3_600);

fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], 0))
}

/// Waits until something is true.
fn until(what: &str, is_true: impl Fn() -> bool) {
    let end = clock::now() + Duration::from_secs(10);
    while !is_true() {
        assert!(clock::now() < end, "waited in vain for {what}");
        sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_name_is_looked_up_once_at_a_time_and_its_answer_is_kept() {
    static LOOK_UPS: AtomicUsize = AtomicUsize::new(0);
    let resolver = Resolver::new(|_| {
        sleep(Duration::from_millis(300));
        match LOOK_UPS.fetch_add(1, Ordering::Relaxed) {
            0 => Ok(vec![address(1)]),
            1 => Ok(Vec::new()),
            _ => Err(io::ErrorKind::TimedOut.into()),
        }
    });
    for _ in 0..100 {
        resolver.refresh("pi1", Duration::ZERO);
    }
    let known = resolver.known("pi1");
    assert!(known.running_since.is_some() && known.addresses.is_none() && known.ended.is_none());
    block_on(resolver.finished("pi1"));
    assert_eq!(LOOK_UPS.load(Ordering::Relaxed), 1);
    let addresses = || resolver.known("pi1").addresses.unwrap().to_vec();
    assert_eq!(addresses(), [address(1)]);
    resolver.refresh("pi1", HOUR);
    assert!(resolver.known("pi1").running_since.is_none(), "it is fresh");
    for _ in 0..2 {
        resolver.refresh("pi1", Duration::ZERO);
        block_on(resolver.finished("pi1"));
        let known = resolver.known("pi1");
        assert!(matches!(known.ended, Some((_, Err(_)))));
        assert_eq!(addresses(), [address(1)], "a failure changes no answer");
    }
    assert_eq!(LOOK_UPS.load(Ordering::Relaxed), 3);
}

#[test]
fn an_address_is_no_name() {
    let resolver = Resolver::new(|host| panic!("{host} was looked up"));
    resolver.refresh("fd00::1", Duration::ZERO);
    block_on(resolver.finished("fd00::1"));
    let known = resolver.known("fd00::1").addresses.unwrap();
    assert_eq!(known.to_vec(), ["[fd00::1]:0".parse().unwrap()]);
}

#[test]
fn slow_names_take_few_threads_and_keep_no_quick_one_waiting() {
    static RUNNING: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    let resolver = Resolver::new(|host| {
        if host == "quick" {
            return Ok(vec![address(1)]);
        }
        MOST.fetch_max(RUNNING.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        sleep(Duration::from_millis(1_100));
        RUNNING.fetch_sub(1, Ordering::SeqCst);
        Err(io::ErrorKind::TimedOut.into())
    });
    let names: Vec<String> = (0..2 * MOST_THREADS)
        .map(|number| format!("dead{number}"))
        .collect();
    let all_again = || {
        names
            .iter()
            .for_each(|name| resolver.refresh(name, Duration::ZERO))
    };
    all_again();
    let ended = |name: &String| resolver.known(name).running_since.is_none();
    until("every name to be looked up", || names.iter().all(ended));
    assert_eq!(MOST.swap(0, Ordering::SeqCst), MOST_THREADS);
    // Now the resolver knows which are slow.
    all_again();
    let begun = clock::now();
    resolver.refresh("quick", Duration::ZERO);
    block_on(resolver.finished("quick"));
    assert!(resolver.known("quick").addresses.is_some());
    assert!(clock::now().since(begun) < Duration::from_millis(500));
    until("every name to be looked up again", || {
        names.iter().all(ended)
    });
    assert_eq!(MOST.load(Ordering::SeqCst), MOST_SLOW);
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let of_resolver = |task: &std::path::PathBuf| {
        std::fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim() == "look-up")
    };
    let left = threads.map(|task| task.unwrap().path()).filter(of_resolver);
    assert!(left.count() <= MOST_THREADS, "the threads of other tests");
}

#[test]
fn whoever_waits_is_told_and_names_are_forgotten_beyond_a_bound() {
    let resolver = Resolver::new(|_| Ok(vec![address(1)]));
    for number in 0..3_000 {
        resolver.refresh(&format!("host{number}"), Duration::ZERO);
        block_on(resolver.finished(&format!("host{number}")));
    }
    let known = |number| resolver.known(&format!("host{number}")).addresses.is_some();
    assert_eq!((0..3_000).filter(|&number| known(number)).count(), 1_024);
    assert!(known(2_999) && !known(0));
}

#[test]
fn without_a_thread_the_names_that_wait_fail_and_can_be_tried_again() {
    let mut queue = Queue::default();
    let now = Time::from_micros(1);
    assert!(queue.add("one", now, HOUR));
    let job = queue.take_for_new_thread().unwrap();
    assert!(queue.add("two", now, HOUR) && !queue.add("two", now, HOUR));
    let none = Failure::new(&io::ErrorKind::WouldBlock.into());
    queue.on_no_thread(&none, &job, now);
    for host in ["one", "two"] {
        let known = queue.known(host);
        assert!(matches!(known.ended, Some((_, Err(_)))) && known.running_since.is_none());
        assert!(queue.add(host, now, Duration::ZERO));
    }
    assert!(queue.take_for_new_thread().is_some());
}

#[test]
fn quick_names_do_not_keep_a_slow_one_waiting() {
    let mut queue = Queue::default();
    let (begun, now) = (Time::from_micros(1), Time::from_micros(2_000_000));
    let look_up_slowly = |queue: &mut Queue, host: &str| {
        assert!(queue.add(host, begun, HOUR));
        let job = queue.take_for_new_thread().unwrap();
        queue.on_ended(&job, begun, now, Ok(vec![address(1)]));
        assert!(queue.take_for_thread().is_none());
    };
    for host in ["slow1", "slow2"] {
        look_up_slowly(&mut queue, host);
    }
    // Every thread has a quick name, and more of them wait before the slow ones.
    let quick = |number: usize| format!("quick{number}");
    let mut jobs: Vec<_> = (0..MOST_THREADS)
        .map(|number| {
            assert!(queue.add(&quick(number), now, HOUR));
            queue.take_for_new_thread().unwrap()
        })
        .collect();
    for number in MOST_THREADS..2 * MOST_THREADS {
        assert!(queue.add(&quick(number), now, HOUR));
    }
    for host in ["slow1", "slow2"] {
        assert!(queue.add(host, now, Duration::ZERO));
    }
    let mut next = |queue: &mut Queue| {
        queue.on_ended(&jobs.remove(0), now, now, Ok(vec![address(2)]));
        jobs.push(queue.take_for_thread().unwrap());
        jobs.last().unwrap().host.clone()
    };
    assert_eq!(next(&mut queue), "slow1");
    // While one is looked up, the other one waits behind the quick ones.
    for number in MOST_THREADS..2 * MOST_THREADS - 1 {
        assert_eq!(next(&mut queue), quick(number));
    }
    // That of slow1 has ended.
    assert_eq!(next(&mut queue), "slow2");
    assert_eq!(next(&mut queue), quick(2 * MOST_THREADS - 1));
}
