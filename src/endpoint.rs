//! A host and a TCP port: where a node or a window accepts connections.

use std::fmt;
use std::net::Ipv4Addr;

/// A host and a TCP port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// A name, which is looked up at every attempt to connect, or an IP address without brackets;
    /// empty where it is the host that the reader has connected to.
    pub host: String,
    /// The TCP port; never 0.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') {
            write!(formatter, "[{host}]:{port}")
        } else {
            write!(formatter, "{host}:{port}")
        }
    }
}

/// A host without the zone of an IPv6 address, which means something on one machine only.
pub fn without_zone(host: &str) -> &str {
    host.split_once('%').map_or(host, |(address, _)| address)
}

/// Whether a host is meant as an IPv4 address but is not written in full. The system looks such a text up
/// as another address than people read: `192.168.7` is 192.168.0.7, and `011` is 9.
pub fn is_partial_address(host: &str) -> bool {
    let last = host.trim_end_matches('.').rsplit('.').next();
    let last = last.unwrap_or_default().to_ascii_lowercase();
    let is_hexadecimal = last
        .strip_prefix("0x")
        .is_some_and(|digits| digits.chars().all(|digit| digit.is_ascii_hexdigit()));
    let is_number = !last.is_empty() && last.chars().all(|digit| digit.is_ascii_digit());
    (is_number || is_hexadecimal) && host.parse::<Ipv4Addr>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_in_a_number_is_an_address_in_full_or_none() {
        for host in [
            "192.168.7.11",
            "pi1",
            "pi1.local",
            "1.pi",
            "0x7g",
            "fd00::1",
            "",
        ] {
            assert!(!is_partial_address(host), "{host}");
        }
        for host in [
            "192.168.001.011",
            "192.168.7",
            "192.168.7.256",
            "10",
            "0x7f.1",
            "1.2.3.4.5",
            "0xA",
            "192.168.7.11.",
            "pi.7",
        ] {
            assert!(is_partial_address(host), "{host}");
        }
    }

    #[test]
    fn only_an_ipv6_address_has_brackets() {
        let shown = |host: &str| {
            let host = host.to_owned();
            Endpoint { host, port: 10001 }.to_string()
        };
        assert_eq!(shown("fe80::1%eth0"), "[fe80::1%eth0]:10001");
        assert_eq!(shown("laptop.local"), "laptop.local:10001");
    }
}
