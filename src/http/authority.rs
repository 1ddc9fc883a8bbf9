//! The host and port of a `Host` header or of an origin, in one spelling for each.

use std::net::IpAddr;

use crate::endpoint::{Endpoint, without_zone};

/// The port of a URL that gives none.
pub(super) const DEFAULT_PORT: u16 = 80;

/// A host: equal for two spellings of one name or address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// An address; never an IPv4 address in the form of an IPv6 address.
    Address(IpAddr),
    /// A name in lower case, without a dot at its end.
    Name(String),
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Authority {
    pub(super) host: Host,
    pub(super) port: u16,
}

impl Host {
    /// A host as the ring file or the system writes it: an IPv6 address has no brackets. Any text
    /// that is no address is a name.
    pub(super) fn new(text: &str) -> Self {
        match without_zone(text).parse::<IpAddr>() {
            Ok(address) => Self::Address(address.to_canonical()),
            Err(_) => Self::Name(text.trim_end_matches('.').to_ascii_lowercase()),
        }
    }

    /// The host and a port, as a URL has them.
    pub(super) fn endpoint(&self, port: u16) -> Endpoint {
        let host = match self {
            Self::Address(address) => address.to_string(),
            Self::Name(name) => name.clone(),
        };
        Endpoint { host, port }
    }

    /// Whether this is the machine itself for whoever connects to it.
    pub(super) fn is_loopback(&self) -> bool {
        match self {
            Self::Address(address) => address.is_loopback(),
            Self::Name(name) => name == "localhost",
        }
    }
}

impl Authority {
    /// Parses `HOST` or `HOST:PORT`; an IPv6 address has brackets. `None` if the text is neither.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']')?;
                let host = Host::new(address);
                let is_address = matches!(host, Host::Address(IpAddr::V6(_))) || is_mapped(address);
                (is_address.then_some(host)?, port)
            }
            None => {
                let end = text.find(':').unwrap_or(text.len());
                let (host, port) = text.split_at(end);
                let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
                let is_host = !host.is_empty() && host.chars().all(plain);
                (is_host.then(|| Host::new(host))?, port)
            }
        };
        let port = match port.strip_prefix(':') {
            Some("") => DEFAULT_PORT,
            Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                digits.parse().ok()?
            }
            None if port.is_empty() => DEFAULT_PORT,
            Some(_) | None => return None,
        };
        Some(Self { host, port })
    }

    /// Parses an origin such as `http://pi1.local:8080`. `None` for any other scheme: no node serves
    /// its page over TLS.
    pub(super) fn of_origin(text: &str) -> Option<Self> {
        Self::parse(text.strip_prefix("http://")?)
    }
}

/// Whether this is an IPv4 address in the form of an IPv6 address.
fn is_mapped(address: &str) -> bool {
    let address = address.parse::<std::net::Ipv6Addr>();
    address.is_ok_and(|address| address.to_ipv4_mapped().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<(Host, u16)> {
        Authority::parse(text).map(|Authority { host, port }| (host, port))
    }

    fn name(text: &str) -> Host {
        Host::Name(text.to_owned())
    }

    fn address(text: &str) -> Host {
        Host::Address(text.parse().unwrap())
    }

    #[test]
    fn two_spellings_of_one_host_are_equal() {
        for (text, host, port) in [
            ("pi1.local:8080", name("pi1.local"), 8080),
            ("PI1.Local.:8080", name("pi1.local"), 8080),
            ("pi1", name("pi1"), 80),
            ("pi1:", name("pi1"), 80),
            ("192.168.7.11:8081", address("192.168.7.11"), 8081),
            ("[::ffff:192.168.7.11]:8081", address("192.168.7.11"), 8081),
            ("[FD00:0::1]", address("fd00::1"), 80),
            ("[fe80::1%eth0]:8080", address("fe80::1"), 8080),
        ] {
            assert_eq!(parsed(text), Some((host, port)), "{text}");
        }
        assert_eq!(Host::new("fe80::1%eth0"), address("fe80::1"));
    }

    #[test]
    fn what_is_no_host_is_no_authority() {
        for text in [
            "",
            ":8080",
            "pi1:x",
            "pi1:+80",
            "pi1:65536",
            "pi1:80:80",
            "::1",
            "[::1",
            "[::1]80",
            "[192.168.7.11]",
            "[pi1]",
            "pi@pi1",
            "pi1/",
            "pi 1",
            "pi1\u{e9}",
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }

    #[test]
    fn an_origin_has_the_scheme_of_the_page_and_no_path() {
        let origin = Authority::of_origin("http://pi1.local:8080");
        assert_eq!(origin, Authority::parse("pi1.local:8080"));
        for text in [
            "null",
            "",
            "https://pi1.local:8080",
            "http://pi1.local:8080/",
            "http://",
            "//pi1",
        ] {
            assert_eq!(Authority::of_origin(text), None, "{text}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for text in ["localhost", "LOCALHOST.", "127.0.0.9", "::1"] {
            assert!(Host::new(text).is_loopback(), "{text}");
        }
        for text in ["localhost.example", "pi1", "192.168.7.11"] {
            assert!(!Host::new(text).is_loopback(), "{text}");
        }
    }
}
