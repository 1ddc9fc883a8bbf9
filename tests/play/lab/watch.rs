//! `carom rate --watch` on a network that loses segments, against the kernel's own counters.

use std::process::Command;

use serde_json::Value;

use crate::harness::{exclusive, program, text};

/// In a network namespace of its own: a slow link, Reno, and one segment in a hundred is lost.
const SCRIPT: &str = r#"
set -eu
ip link set lo mtu 1500 up
tc qdisc replace dev lo root tbf rate 40mbit burst 30kb latency 60ms
sysctl -qw net.ipv4.tcp_congestion_control=reno net.ipv4.tcp_no_metrics_save=1
nft 'add table t; add chain t c { type filter hook input priority 0 ; };
     add rule t c tcp dport 10100 numgen random mod 100 < 1 drop'
"$CAROM" receive --listen 127.0.0.1:10000 --rate 127.0.0.1:10100 >/dev/null &
receiver=$!
trap 'kill $receiver' EXIT
sleep 0.5
"$CAROM" rate 127.0.0.1 --bytes 6MiB --chunk 16KiB --watch --json --csv "$OUT/w.csv" --svg "$OUT/w.svg"
sed -n 's/^Tcp: //p' /proc/net/snmp
"#;

/// The value of that name in the kernel's two lines of names and values.
fn counter(lines: &[&str], name: &str) -> u64 {
    let [names, values] = lines else {
        panic!("{lines:?}");
    };
    let mut pairs = names.split(' ').zip(values.split(' '));
    let (_, value) = pairs.find(|(its, _)| *its == name).unwrap();
    value.parse().unwrap()
}

#[test]
fn what_is_sent_again_is_what_the_kernel_counts_and_the_window_halves() {
    let _exclusive = exclusive();
    let probe =
        "tc qdisc replace dev lo root tbf rate 40mbit burst 30kb latency 60ms && nft add table t";
    let able = Command::new("unshare")
        .args(["-n", "sh", "-c", probe])
        .output();
    if !able.is_ok_and(|able| able.status.success()) {
        println!("skipped: it needs root, unshare, tc with tbf, and nft");
        return;
    }
    let folder = std::env::temp_dir().join(format!("carom-watch-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let run = Command::new("unshare")
        .args(["-n", "sh", "-c", SCRIPT])
        .env("CAROM", program())
        .env("OUT", &folder)
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", text(&run.stderr));
    let [csv, svg] = ["w.csv", "w.svg"].map(|name| std::fs::read_to_string(folder.join(name)));
    std::fs::remove_dir_all(&folder).unwrap();
    let shown = text(&run.stdout);
    let lines: Vec<&str> = shown.lines().collect();
    let figures: Value = serde_json::from_str(lines[0]).unwrap();
    let samples = figures["samples"].as_array().unwrap();
    let (seen, counted) = (
        samples.last().unwrap()["retransmitted"].as_u64().unwrap(),
        counter(&lines[1..], "RetransSegs"),
    );
    assert!(seen > 0 && seen == counted, "{seen} of {counted}");
    assert_eq!(figures["sender"]["retransmitted"], seen);
    let windows: Vec<u64> = samples
        .iter()
        .map(|sample| sample["congestion_window"].as_u64().unwrap())
        .collect();
    let most = windows.iter().max().unwrap();
    let halved = windows.iter().skip_while(|window| window != &most);
    assert!(halved.min().unwrap() * 2 <= *most, "{windows:?}");
    assert_eq!(csv.unwrap().lines().count(), samples.len() + 1);
    assert!(svg.unwrap().contains("segments sent again"));
    println!(
        "{} samples, {seen} segments sent again, as the kernel counts",
        samples.len()
    );
}

/// It has as many connections as chunks.
#[test]
fn a_run_that_reopens_cannot_be_watched() {
    let arguments = ["rate", "127.0.0.1:1", "--bytes=10", "--chunk=5", "--watch"];
    let refused = crate::harness::run(&[&arguments[..], &["--connect=per-chunk"]].concat());
    assert_eq!(refused.status.code(), Some(2));
    let sentence =
        "carom: --watch follows one connection: leave out --watch or --connect per-chunk\n";
    assert_eq!(text(&refused.stderr), sentence);
    let alone = crate::harness::run(&["rate", "127.0.0.1:1", "--bytes=10", "--chunk=5", "--csv=x"]);
    assert_eq!(alone.status.code(), Some(2), "{}", text(&alone.stderr));
}
