//! The memory of the lab under load.

use super::{connect, list_of, one_node};
use crate::harness::{exclusive, millis, now, run, text};

const MOST_GROWTH_KIB: u64 = 2 * 1024;

#[test]
fn ten_gibibytes_and_a_line_of_two_leave_no_trace_in_memory() {
    let _exclusive = exclusive();
    let ring = one_node();
    let before = ring.process(0).usage();
    for (arguments, port) in [
        (
            ["rate", "--bytes", "10GiB", "--chunk=128KiB"],
            ring.ports[0].rate,
        ),
        (
            ["send", "--bytes", "2GiB", "--json"],
            ring.ports[0].receiver,
        ),
    ] {
        let begun = now();
        let address = format!("127.0.0.1:{port}");
        let mut arguments = arguments.to_vec();
        arguments.push(&address);
        let done = run(&arguments);
        assert!(done.status.success(), "{}", text(&done.stderr));
        println!("{} took {:.1} s", arguments[0], millis(now() - begun) / 1e3);
    }
    let run = &list_of(&ring, "/rates", 1)["latest"][0];
    assert_eq!(run["bytes"], (10_u64 << 30) + 1);
    let line = &list_of(&ring, "/messages", 1)["latest"][0];
    assert_eq!(line["bytes"], 2_u64 << 30);
    let after = ring.process(0).usage();
    let growth = after.most_rss_kib.saturating_sub(before.rss_kib);
    println!(
        "RSS before {} KiB, most {} KiB",
        before.rss_kib, after.most_rss_kib
    );
    assert!(growth < MOST_GROWTH_KIB, "grew by {growth} KiB");
    drop(connect(ring.ports[0].rate));
}
