//! `/metrics`: what a node knows and has counted, for Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::status::{Condition, Status};

/// Upper bounds in seconds: with a lease of half a second, about 0.65 is usual; with a minute, 75.
const RELIT_BUCKETS: [f64; 11] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 15.0, 75.0];

type Labels = Vec<(&'static str, String)>;
type Fraction = Gauge<f64, AtomicU64>;

/// What is counted as it happens, from any thread. Everything else is taken from the status.
#[derive(Clone, Debug)]
pub struct Metrics {
    relit: Histogram,
    messages: Counter,
    runs: Counter,
    lab_bytes: Family<Labels, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            relit: Histogram::new(RELIT_BUCKETS),
            messages: Counter::default(),
            runs: Counter::default(),
            lab_bytes: Family::default(),
        };
        // Present from the start, as zeros: otherwise Prometheus would not see the first increase.
        metrics.count_bytes("receiver", 0);
        metrics.count_bytes("rate", 0);
        metrics
    }
}

impl Metrics {
    /// A ball was taken over this long after the last message of its old holder.
    pub fn observe_return(&self, away: Duration) {
        self.relit.observe(away.as_secs_f64());
    }

    /// The lab has received a message of that many bytes.
    pub fn count_message(&self, bytes: u64) {
        self.messages.inc();
        self.count_bytes("receiver", bytes);
    }

    /// A measured run of that many bytes has ended.
    pub fn count_run(&self, bytes: u64) {
        self.runs.inc();
        self.count_bytes("rate", bytes);
    }

    fn count_bytes(&self, endpoint: &str, bytes: u64) {
        let labels = vec![("endpoint", endpoint.to_owned())];
        self.lab_bytes.get_or_create(&labels).inc_by(bytes);
    }
}

/// All metrics in the OpenMetrics text format.
pub(super) fn text(status: &Status, metrics: &Metrics) -> String {
    let mut registry = Registry::with_prefix("carom");
    register_process(&mut registry, status);
    register_ring(&mut registry, status);
    registry.register_with_unit(
        "relit",
        "From the last that was heard of a ball's holder to the LED of the node that took it over",
        Unit::Seconds,
        metrics.relit.clone(),
    );
    registry.register(
        "lab_messages",
        "Messages that the receiver has got",
        metrics.messages.clone(),
    );
    registry.register(
        "lab_runs",
        "Measured runs that came to an end",
        metrics.runs.clone(),
    );
    registry.register_with_unit(
        "lab_received",
        "Bytes that the lab's endpoints have received, in finished messages and runs",
        Unit::Bytes,
        metrics.lab_bytes.clone(),
    );
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = encode(&mut text, &registry);
    text
}

fn register_process(registry: &mut Registry, status: &Status) {
    let build = vec![("version", status.carom.clone())];
    registry.register("build", "The version of carom", Info::new(build));
    let node = vec![
        ("ring", status.ring.clone()),
        ("node", status.node.clone()),
        ("incarnation", status.incarnation.clone()),
    ];
    registry.register("node", "Which node of which ring this is", Info::new(node));
    registry.register_with_unit(
        "uptime",
        "How long the process has been running",
        Unit::Seconds,
        fraction(status.uptime_seconds),
    );
    let counters = &status.counters;
    for (name, help, value) in [
        ("hops", "Passes taken", counters.hops),
        ("elections", "Elections won", counters.elections),
        ("loans", "Balls lent to windows", counters.loans),
        (
            "refused_balls",
            "Balls from windows and guests that were not taken",
            counters.refused_balls,
        ),
        (
            "refused_passes",
            "Passes that brought nothing new",
            counters.refused_passes,
        ),
        (
            "reconnects",
            "Links that took the place of an earlier one",
            counters.reconnects,
        ),
        (
            "bad_lines",
            "Lines from the network that were no message",
            counters.bad_lines,
        ),
        (
            "obituaries",
            "Processes of other nodes that have ended, by proof of their LED keepers",
            counters.obituaries,
        ),
        (
            "stalls",
            "How often the machine did not let the process run when it had something to do",
            counters.stalls,
        ),
    ] {
        let counter: Counter = Counter::default();
        counter.inc_by(value);
        registry.register(name, help, counter);
    }
    registry.register_with_unit(
        "longest_stall",
        "The longest time that the machine did not let the process run",
        Unit::Seconds,
        fraction(Duration::from_millis(counters.longest_stall_ms).as_secs_f64()),
    );
}

fn register_ring(registry: &mut Registry, status: &Status) {
    registry.register(
        "in_ring",
        "1 while the node votes and reaches a majority",
        flag(status.condition == Condition::InRing),
    );
    registry.register("led_lit", "1 while a ball is here", flag(status.led.lit));
    registry.register(
        "led_fault",
        "1 while the LED cannot be set",
        flag(status.led.fault.is_some()),
    );
    let (here, frozen) = (Flags::default(), Flags::default());
    for ball in &status.balls {
        let labels = vec![("ball", ball.ball.to_string())];
        here.get_or_create(&labels).set(i64::from(ball.here));
        frozen.get_or_create(&labels).set(i64::from(ball.frozen));
    }
    registry.register("ball_here", "1 while this node possesses the ball", here);
    registry.register(
        "ball_frozen",
        "1 while this node has a copy of the ball that stands still",
        frozen,
    );
    let (states, round_trips) = (Flags::default(), Family::<Labels, Fraction>::default());
    for peer in status.nodes.iter().filter(|peer| peer.name != status.node) {
        for state in ["up", "down", "unknown"] {
            let labels = vec![("peer", peer.name.clone()), ("state", state.to_owned())];
            let is_it = i64::from(peer.state == state);
            states.get_or_create(&labels).set(is_it);
        }
        if let Some(span) = peer.round_trip_ms {
            let labels = vec![("peer", peer.name.clone())];
            round_trips.get_or_create(&labels).set(span / 1e3);
        }
    }
    registry.register(
        "link_state",
        "1 for the state that the link to the peer is in",
        states,
    );
    registry.register_with_unit(
        "link_round_trip",
        "There and back on the link, by the latest heartbeat",
        Unit::Seconds,
        round_trips,
    );
}

type Flags = Family<Labels, Gauge>;

fn flag(value: bool) -> Gauge {
    let gauge: Gauge = Gauge::default();
    gauge.set(i64::from(value));
    gauge
}

fn fraction(value: f64) -> Fraction {
    let gauge = Fraction::default();
    gauge.set(value);
    gauge
}

/// The same in the older text format, which has no infos or units, and declares a counter under its
/// name with the suffix `_total`.
pub(super) fn plain(exposition: &str) -> String {
    let headed = |line: &str, head: &str| -> Option<(String, String)> {
        let (name, rest) = line.strip_prefix(head)?.split_once(' ')?;
        Some((name.to_owned(), rest.to_owned()))
    };
    let kinds: BTreeMap<String, String> = exposition
        .lines()
        .filter_map(|line| headed(line, "# TYPE "))
        .collect();
    let named = |name: String| match kinds.get(&name).map(String::as_str) {
        Some("counter") => (format!("{name}_total"), "counter".to_owned()),
        Some("info") => (format!("{name}_info"), "gauge".to_owned()),
        kind => (name, kind.unwrap_or("untyped").to_owned()),
    };
    let mut text = String::new();
    for line in exposition.lines() {
        // Writing to a string cannot fail.
        let _ = if let Some((name, help)) = headed(line, "# HELP ") {
            writeln!(text, "# HELP {} {help}", named(name).0)
        } else if let Some((name, _)) = headed(line, "# TYPE ") {
            let (name, kind) = named(name);
            writeln!(text, "# TYPE {name} {kind}")
        } else if line.starts_with('#') {
            Ok(())
        } else {
            writeln!(text, "{line}")
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_and_infos_get_the_names_of_the_older_format() {
        let new = "# HELP a_hops Passes.\n# TYPE a_hops counter\na_hops_total 3\n\
            # HELP a_up Up.\n# TYPE a_up gauge\n# UNIT a_up seconds\na_up 1.5\n\
            # HELP a_build It.\n# TYPE a_build info\na_build_info{v=\"1\"} 1\n# EOF\n";
        let old = "# HELP a_hops_total Passes.\n# TYPE a_hops_total counter\na_hops_total 3\n\
            # HELP a_up Up.\n# TYPE a_up gauge\na_up 1.5\n\
            # HELP a_build_info It.\n# TYPE a_build_info gauge\na_build_info{v=\"1\"} 1\n";
        assert_eq!(plain(new), old);
    }

    #[test]
    fn what_the_lab_and_the_ring_count_is_there() {
        let metrics = Metrics::default();
        metrics.count_message(600_000);
        metrics.count_run(5_000);
        metrics.count_run(5_000);
        metrics.observe_return(Duration::from_millis(620));
        let mut registry = Registry::default();
        registry.register("relit", "r", metrics.relit.clone());
        registry.register("bytes", "b", metrics.lab_bytes.clone());
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            "relit_bucket{le=\"0.5\"} 0",
            "relit_bucket{le=\"0.75\"} 1",
            "relit_sum 0.62",
            "bytes_total{endpoint=\"receiver\"} 600000",
            "bytes_total{endpoint=\"rate\"} 10000",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert_eq!((metrics.messages.get(), metrics.runs.get()), (1, 2));
    }
}
