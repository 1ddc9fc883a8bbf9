//! `carom find`: the rings and nodes on this network, by mDNS. Each node that is announced is asked over HTTP, as an announcement
//! says only where a node is.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use mdns_sd::{ResolvedService, ScopedIp, ServiceDaemon, ServiceEvent};
use smol::{LocalExecutor, Task};

use super::executor::block_on;
use super::failure::Failure;
use crate::clock;
use crate::config::parse_duration;
use crate::endpoint::Endpoint;
use crate::escape::Escaped;
use crate::http::{Status, fetch_status};

/// What nodes announce themselves as: systemd/carom.avahi.
const SERVICE: &str = "_carom._tcp.local.";

/// Announcements beyond these are not looked at: anyone on the network can send some.
const MOST_ANNOUNCED: usize = 1000;

/// Nodes that are asked at the same time.
const MOST_REQUESTS: usize = 32;

/// Lists the rings and nodes on this network, with their versions and the addresses of their pages
#[derive(Args)]
#[command(after_help = "Examples:\n  carom find\n  carom find --for 10s\n\
    It finds nodes on machines with avahi, in the same network segment. Exit code 1 if it finds none.")]
pub(super) struct Arguments {
    /// How long to listen for announcements
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration, default_value = "3s")]
    time: Duration,
}

pub(super) fn find(arguments: &Arguments) -> Result<(), Failure> {
    let announced = listen(arguments.time)?;
    if announced.is_empty() {
        return Err(Failure::Run(format!(
            "no node announced itself within {:?}: nodes do so where avahi-daemon runs, and only machines of the same network \
            segment get that; otherwise ask with carom status ADDR",
            arguments.time
        )));
    }
    let mut found = block_on(async |executor: Rc<LocalExecutor<'static>>| {
        let mut found = Vec::new();
        let mut announced = announced.into_iter();
        loop {
            let asked = announced.by_ref().take(MOST_REQUESTS);
            let asked: Vec<Task<Found>> = asked
                .map(|(name, addresses)| executor.spawn(ask(name, addresses)))
                .collect();
            if asked.is_empty() {
                break found;
            }
            for answer in asked {
                found.push(answer.await);
            }
        }
    });
    found.sort_by_key(Found::order);
    let mut out = io::stdout().lock();
    print(&found, &mut out)?;
    if found.iter().all(|found| found.status.is_err()) {
        return Err(Failure::Run(
            "no node that announced itself answers: check that carom runs there".to_owned(),
        ));
    }
    Ok(())
}

/// The endpoints of every node that announces itself within `time`, by the name of the announcement.
fn listen(time: Duration) -> Result<BTreeMap<String, Vec<Endpoint>>, Failure> {
    let failed = |error: mdns_sd::Error| {
        Failure::Run(format!("this machine cannot listen for mDNS: {error}"))
    };
    let daemon = ServiceDaemon::new().map_err(failed)?;
    let events = daemon.browse(SERVICE).map_err(failed)?;
    let until = clock::now() + time;
    let mut announced = BTreeMap::new();
    loop {
        let left = until.since(clock::now());
        if left.is_zero() {
            break;
        }
        let Ok(event) = events.recv_timeout(left) else {
            break;
        };
        if let ServiceEvent::ServiceRemoved(_, name) = event {
            announced.remove(&name);
        } else if let ServiceEvent::ServiceResolved(service) = event
            && announced.len() < MOST_ANNOUNCED
        {
            announced.insert(service.fullname.clone(), endpoints(&service));
        }
    }
    // The process ends soon, and takes the daemon's thread with it.
    let _ = daemon.shutdown();
    Ok(announced)
}

/// Where the service may be reached, the best address first.
fn endpoints(service: &ResolvedService) -> Vec<Endpoint> {
    let mut addresses: Vec<_> = service.addresses.iter().map(host).collect();
    addresses.sort();
    let endpoint = |(_, host)| Endpoint {
        host,
        port: service.port,
    };
    addresses.into_iter().map(endpoint).collect()
}

/// The address as text, behind its rank: IPv4, then IPv6, then addresses that need the name of an interface.
fn host(address: &ScopedIp) -> (u8, String) {
    match address.to_ip_addr() {
        IpAddr::V4(v4) => (0, v4.to_string()),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => (2, address.to_string()),
        IpAddr::V6(v6) => (1, v6.to_string()),
    }
}

/// A node that announced itself.
struct Found {
    /// The name of the announcement, which says the host.
    name: String,
    /// Where it answered, or where it should have.
    endpoint: Option<Endpoint>,
    /// What it answered, or why it did not.
    status: Result<Status, String>,
}

impl Found {
    /// By ring, then as in the ring; those that do not answer come last.
    fn order(&self) -> (bool, String, usize, String) {
        let (ring, place) = match &self.status {
            Ok(status) => {
                let named = |name: &str| name == status.node;
                let place = status.nodes.iter().position(|node| named(&node.name));
                (status.ring.clone(), place.unwrap_or(usize::MAX))
            }
            Err(_) => (String::new(), usize::MAX),
        };
        (self.status.is_err(), ring, place, self.name.clone())
    }

    fn page(&self) -> String {
        let url = |endpoint: &Endpoint| format!("http://{endpoint}/");
        self.endpoint.as_ref().map(url).unwrap_or_default()
    }
}

/// Asks a node at one of its addresses after the other.
async fn ask(name: String, endpoints: Vec<Endpoint>) -> Found {
    let mut last = (None, Err("it announced no address".to_owned()));
    for endpoint in endpoints {
        let answer = fetch_status(&endpoint.host, endpoint.port).await;
        let answered = answer.is_ok();
        last = (Some(endpoint), answer.map_err(|error| error.to_string()));
        if answered {
            break;
        }
    }
    let (endpoint, status) = last;
    let name = name.strip_suffix(SERVICE).unwrap_or(&name);
    Found {
        name: name.trim_end_matches('.').to_owned(),
        endpoint,
        status,
    }
}

/// A line for each node, in columns.
fn print(found: &[Found], out: &mut impl io::Write) -> io::Result<()> {
    let rows: Vec<[String; 4]> = found.iter().map(row).collect();
    let titles = ["RING", "NODE", "VERSION", "PAGE"].map(str::to_owned);
    let mut widths = titles.clone().map(|title| title.len());
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for [ring, node, version, page] in [&titles].into_iter().chain(&rows) {
        let [rings, nodes, versions, _] = widths;
        writeln!(
            out,
            "{ring:rings$}  {node:nodes$}  {version:versions$}  {page}"
        )?;
    }
    for found in found {
        if let Err(why) = &found.status {
            let at: &dyn fmt::Display = match &found.endpoint {
                Some(endpoint) => endpoint,
                None => &"no address",
            };
            writeln!(
                out,
                "{} at {at} does not answer: {why}",
                Escaped(&found.name)
            )?;
        }
    }
    Ok(())
}

fn row(found: &Found) -> [String; 4] {
    match &found.status {
        Ok(status) => [
            Escaped(&status.ring).to_string(),
            Escaped(&status.node).to_string(),
            Escaped(&status.carom).to_string(),
            found.page(),
        ],
        Err(_) => [
            "?".to_owned(),
            Escaped(&found.name).to_string(),
            "?".to_owned(),
            found.page(),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::status::tests::status;

    fn found(name: &str, address: &str, status: Result<Status, String>) -> Found {
        let host = address.to_owned();
        Found {
            name: name.to_owned(),
            endpoint: Some(Endpoint { host, port: 8080 }),
            status,
        }
    }

    #[test]
    fn a_line_a_node_in_the_order_of_the_ring_and_those_without_an_answer_last() {
        let pi1 = status();
        let pi2 = Status {
            node: "pi2".to_owned(),
            ..status()
        };
        let mut all = [
            found("carom on pi9", "192.0.2.9", Err("no connection".to_owned())),
            found("carom on b", "fd00::2", Ok(pi2)),
            found("carom on pi1", "192.0.2.1", Ok(pi1)),
        ];
        all.sort_by_key(Found::order);
        let mut out = Vec::new();
        print(&all, &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "RING  NODE          VERSION  PAGE\n\
             test  pi1           0.1.0    http://192.0.2.1:8080/\n\
             test  pi2           0.1.0    http://[fd00::2]:8080/\n\
             ?     carom on pi9  ?        http://192.0.2.9:8080/\n\
             carom on pi9 at 192.0.2.9:8080 does not answer: no connection\n"
        );
    }
}
