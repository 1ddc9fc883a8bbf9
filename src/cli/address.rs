//! Addresses as people write them on the command line.

use std::net::Ipv6Addr;

use super::failure::Failure;
use crate::endpoint::{is_partial_address, without_zone};

/// Host and port of `HOST`, `HOST:PORT`, or an IPv6 address, with brackets or without, with a zone or
/// without.
pub(super) fn parse(address: &str, default_port: u16) -> Result<(String, u16), Failure> {
    let (host, port) = split(address).ok_or_else(|| {
        Failure::Usage(format!(
            "{address:?} is no address: write HOST, HOST:PORT, or an IPv6 address such as fe80::1%eth0 or [fd00::7]:10000"
        ))
    })?;
    if is_partial_address(host) {
        return Err(Failure::Usage(format!(
            "{address:?} is no IPv4 address in full: write four numbers from 0 to 255 without zeros in front, such as 192.168.7.11"
        )));
    }
    let Some(port) = port else {
        return Ok((host.to_owned(), default_port));
    };
    match port.parse() {
        Ok(port) if port > 0 => Ok((host.to_owned(), port)),
        _ => Err(Failure::Usage(format!(
            "{address:?} has no port from 1 to 65535 behind its last colon"
        ))),
    }
}

/// The host, and what stands behind its colon.
fn split(address: &str) -> Option<(&str, Option<&str>)> {
    let is_ipv6 = |host: &str| without_zone(host).parse::<Ipv6Addr>().is_ok();
    if is_ipv6(address) {
        return Some((address, None));
    }
    if let Some(rest) = address.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        let port = match rest {
            "" => None,
            _ => Some(rest.strip_prefix(':')?),
        };
        return is_ipv6(host).then_some((host, port));
    }
    let (host, port) = match address.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (address, None),
    };
    (!host.is_empty()).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_an_address_is_understood() {
        for (address, host, port) in [
            ("pi1.local", "pi1.local", 7),
            ("pi1.local:80", "pi1.local", 80),
            ("192.168.7.11:80", "192.168.7.11", 80),
            ("::1", "::1", 7),
            ("[::1]", "::1", 7),
            ("[::1]:80", "::1", 80),
            ("fe80::1%eth0", "fe80::1%eth0", 7),
            ("[fe80::1%eth0]:80", "fe80::1%eth0", 80),
        ] {
            let parsed = parse(address, 7).ok();
            assert_eq!(parsed, Some((host.to_owned(), port)), "{address}");
        }
        for address in [
            "",
            ":80",
            "[]:80",
            "[pi1.local]:80",
            "[::1",
            "[::1]80",
            "pi1:0",
            "pi1:x",
            "pi1:",
            "pi1:65536",
            "a:b:80",
            "192.168.7",
            "192.168.001.011",
            "192.168.7.256:80",
        ] {
            assert!(parse(address, 7).is_err(), "{address}");
        }
    }
}
