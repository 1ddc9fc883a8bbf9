//! A host and a TCP port: where a node or a window accepts connections.

use std::fmt;

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

#[cfg(test)]
mod tests {
    use super::*;

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
