//! Which addresses the hosts of the ring file stand for: a hello is believed only from one of these.
//!
//! This is what a ring without a key has. Why each answer is as it is: decision 0023.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use async_io::Timer;
use smol::future;

use crate::clock;
use crate::connect;
use crate::endpoint::Endpoint;
use crate::resolve::Resolver;

/// How long the addresses of a name count without a new look-up.
const FRESH: Duration = Duration::from_secs(30);

/// The time between two look-ups of a name that cannot be looked up.
const RETRY: Duration = Duration::from_secs(5);

/// How long a hello waits for a look-up. The look-up goes on after that, for the next attempt.
const LOOK_UP_LIMIT: Duration = Duration::from_secs(1);

/// How long a hello waits for the node's ring port. With the look-up, it is less than the peer waits.
const ANSWER_LIMIT: Duration = Duration::from_millis(500);

/// Whether a connection comes from the node that its hello names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Belief {
    /// The node's host stands for the address.
    Yes,
    /// The name of the host could not be looked up here since this process began.
    Unknown,
    /// The node's host stands for other addresses.
    No,
}

/// The two addresses of an accepted connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    peer: IpAddr,
    local: IpAddr,
}

impl Source {
    pub(super) fn new(peer: IpAddr, local: IpAddr) -> Self {
        let (peer, local) = (peer.to_canonical(), local.to_canonical());
        Self { peer, local }
    }

    /// The address of the other end.
    pub(super) fn peer(self) -> IpAddr {
        self.peer
    }

    /// Whether the host with these addresses may connect from here.
    fn fits(self, addresses: &[IpAddr]) -> bool {
        addresses.contains(&self.peer)
            || self.is_this_machine() && addresses.iter().any(|&address| is_own(address))
    }

    /// Whether the connection came from this machine. The system then chose the address: the one
    /// that was dialled or, for any loopback address, the first one.
    fn is_this_machine(self) -> bool {
        let first = [
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ];
        self.peer == self.local || first.contains(&self.peer)
    }
}

/// Whether the address is one of this machine.
fn is_own(address: IpAddr) -> bool {
    address.is_loopback() || UdpSocket::bind((address, 0)).is_ok()
}

/// What the hosts of the ring file stand for, as far as they have been looked up.
pub(super) struct Hosts {
    resolver: Resolver,
}

impl Hosts {
    pub(super) fn new(resolver: Resolver) -> Self {
        Self { resolver }
    }

    /// Whether a connection from there comes from the node whose ring port is at `endpoint`.
    ///
    /// A host may have more addresses than the ring file or a look-up tells: a cable and Wi-Fi, IPv4 and
    /// IPv6. So another address is believed if the node's own ring port answers at its host. That is
    /// not so while the node is switched off.
    pub(super) async fn belief(&self, endpoint: &Endpoint, source: Source) -> Belief {
        let Some(addresses) = self.look_up(&endpoint.host).await else {
            return Belief::Unknown;
        };
        if source.fits(&addresses) || answers(&addresses, endpoint.port).await {
            Belief::Yes
        } else {
            Belief::No
        }
    }

    /// What the host stands for; `None` if it could never be looked up.
    async fn look_up(&self, host: &str) -> Option<Vec<IpAddr>> {
        let has_failed = matches!(self.resolver.known(host).ended, Some((_, Err(_))));
        let fresh = if has_failed { RETRY } else { FRESH };
        self.resolver.refresh(host, fresh);
        if let Some(begun) = self.resolver.known(host).running_since {
            // Wait only once for a slow look-up: many hellos must not queue up behind it.
            let rest = clock::now().until(begun + LOOK_UP_LIMIT);
            let late = async {
                Timer::after(rest).await;
            };
            future::or(self.resolver.finished(host), late).await;
        }
        self.known(host)
    }

    /// What the host is known to stand for; looks nothing up.
    fn known(&self, host: &str) -> Option<Vec<IpAddr>> {
        let addresses = self.resolver.known(host).addresses?;
        let address = |target: &SocketAddr| target.ip().to_canonical();
        Some(addresses.iter().map(address).collect())
    }

    /// Whether any of these hosts is known to stand for the address; looks nothing up.
    pub(super) fn any_fits(&self, endpoints: &[Endpoint], source: Source) -> bool {
        let mut known = endpoints.iter().filter_map(|it| self.known(&it.host));
        known.any(|addresses| source.fits(&addresses))
    }
}

/// Whether something accepts connections at one of these addresses of a node, at its ring port.
///
/// The host is not looked up again: the name of a node that is switched off may take seconds.
async fn answers(addresses: &[IpAddr], port: u16) -> bool {
    let targets: Vec<SocketAddr> = addresses
        .iter()
        .map(|&address| SocketAddr::new(address, port))
        .collect();
    let answer = connect::connect_to_first(&targets, ANSWER_LIMIT).await;
    answer.is_ok()
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_io::block_on;

    use super::*;

    fn source(peer: &str, local: &str) -> Source {
        Source::new(peer.parse().unwrap(), local.parse().unwrap())
    }

    fn at(host: &str, port: u16) -> Endpoint {
        let host = host.to_owned();
        Endpoint { host, port }
    }

    fn belief(hosts: &Hosts, host: &str, peer: &str) -> Belief {
        // The discard port: nothing answers there.
        let from = source(peer, "127.0.0.1");
        block_on(hosts.belief(&at(host, 9), from))
    }

    #[test]
    fn an_address_is_believed_in_every_spelling_and_no_other_is() {
        let hosts = Hosts::new(Resolver::of_process().clone());
        for (host, peer, believed) in [
            ("192.168.7.15", "192.168.7.15", Belief::Yes),
            ("192.168.7.15", "::ffff:192.168.7.15", Belief::Yes),
            ("::ffff:192.168.7.15", "192.168.7.15", Belief::Yes),
            ("fd00::15", "fd00:0::0015", Belief::Yes),
            ("127.0.0.1", "192.168.7.15", Belief::No),
            ("127.0.0.1", "fd00::15", Belief::No),
        ] {
            assert_eq!(belief(&hosts, host, peer), believed, "{host} from {peer}");
        }
    }

    #[test]
    fn a_node_of_this_machine_may_connect_from_the_address_that_the_system_chooses() {
        let own = |peer, local, host: &str| source(peer, local).fits(&[host.parse().unwrap()]);
        // Debian gives a machine's own name the address 127.0.1.1.
        assert!(own("127.0.0.1", "127.0.1.1", "127.0.1.1"));
        assert!(own("::1", "::1", "127.0.0.1"));
        assert!(own("192.168.7.11", "192.168.7.11", "127.0.0.1"));
        assert!(!own("127.0.0.9", "127.0.0.1", "127.0.0.1"));
        assert!(!own("127.0.0.1", "127.0.0.1", "192.0.2.1"));
        assert!(!own("192.168.7.12", "192.168.7.11", "127.0.0.1"));
        assert!(is_own("127.0.0.9".parse().unwrap()));
        assert!(!is_own("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn a_name_stands_for_what_the_last_successful_look_up_gave() {
        static LOOK_UPS: AtomicUsize = AtomicUsize::new(0);
        let resolver = Resolver::new(|_| {
            if LOOK_UPS.fetch_add(1, Ordering::Relaxed) == 0 {
                return Ok(vec![SocketAddr::from(([192, 0, 2, 3], 0))]);
            }
            Err(io::ErrorKind::NotFound.into())
        });
        let hosts = Hosts::new(resolver.clone());
        assert_eq!(belief(&hosts, "pi3.invalid", "192.0.2.3"), Belief::Yes);
        assert_eq!(belief(&hosts, "pi3.invalid", "192.0.2.4"), Belief::No);
        assert_eq!(LOOK_UPS.load(Ordering::Relaxed), 1, "the answer is fresh");
        // As whoever dials the node does.
        resolver.refresh("pi3.invalid", Duration::ZERO);
        block_on(resolver.finished("pi3.invalid"));
        assert_eq!(belief(&hosts, "pi3.invalid", "192.0.2.3"), Belief::Yes);
        assert_eq!(belief(&hosts, "pi3.invalid", "192.0.2.4"), Belief::No);
        assert_eq!(
            LOOK_UPS.load(Ordering::Relaxed),
            2,
            "it failed a moment ago"
        );
        // A reload has changed the host.
        assert_eq!(belief(&hosts, "pi4.invalid", "192.0.2.3"), Belief::Unknown);
    }

    #[test]
    fn a_slow_look_up_is_awaited_for_a_second_and_ends_in_the_background() {
        let hosts = Hosts::new(Resolver::new(|_| {
            std::thread::sleep(LOOK_UP_LIMIT * 3 / 2);
            Ok(vec![SocketAddr::from(([192, 0, 2, 3], 0))])
        }));
        let waited = |expected| {
            let begun = clock::now();
            assert_eq!(belief(&hosts, "pi3.invalid", "192.0.2.3"), expected);
            clock::now().since(begun)
        };
        assert!(waited(Belief::Unknown) >= LOOK_UP_LIMIT);
        assert!(waited(Belief::Unknown) < LOOK_UP_LIMIT / 2, "only once");
        std::thread::sleep(LOOK_UP_LIMIT);
        assert!(waited(Belief::Yes) < LOOK_UP_LIMIT / 2);
        let endpoints = [at("pi3.invalid", 9)];
        assert!(hosts.any_fits(&endpoints, source("192.0.2.3", "127.0.0.1")));
        assert!(!hosts.any_fits(&endpoints, source("192.0.2.4", "127.0.0.1")));
    }

    #[test]
    fn another_address_of_a_host_is_believed_while_the_ring_port_answers_there() {
        let hosts = Hosts::new(Resolver::of_process().clone());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let ask = |host| {
            let from = source("192.0.2.4", "192.0.2.1");
            block_on(hosts.belief(&at(host, port), from))
        };
        for host in ["localhost", "127.0.0.1"] {
            assert_eq!(ask(host), Belief::Yes, "{host}");
        }
        drop(listener);
        for host in ["localhost", "127.0.0.1"] {
            assert_eq!(ask(host), Belief::No, "{host}");
        }
    }
}
