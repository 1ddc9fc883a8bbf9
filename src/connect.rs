//! Connects to a host by name or address.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use async_io::{Async, Timer};
use smol::future;

use crate::escape::Escaped;
use crate::resolve::Resolver;

/// How long the look-up of a name may take. A resolver asks up to three name servers twice, five seconds each, so one
/// that works may answer after 25 s.
const LOOK_UP_LIMIT: Duration = Duration::from_secs(30);

/// An answer that is older is used, too, and asked for again for the next attempt.
const FRESH: Duration = Duration::from_secs(2);

/// Connects to the first of the host's addresses that answers, and returns that address, too.
///
/// Each address gets an equal share of `limit`, so that a dead one does not use up the time of the
/// others. The look-up of a name has a limit of its own.
///
/// # Errors
/// When the name has no address, or none answers; the error says which of the two.
pub async fn connect(
    host: &str,
    port: u16,
    limit: Duration,
) -> io::Result<(Async<TcpStream>, IpAddr)> {
    connect_to_first(&addresses(host, port).await?, limit).await
}

/// Connects to the first of these addresses that answers.
///
/// Each address gets an equal share of `limit`.
///
/// # Errors
/// When none answers, or there is none; the error names the last one.
pub async fn connect_to_first(
    targets: &[SocketAddr],
    limit: Duration,
) -> io::Result<(Async<TcpStream>, IpAddr)> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "it has no address");
    let share = limit / u32::try_from(targets.len()).unwrap_or(u32::MAX).max(1);
    for &target in targets {
        let late = async {
            Timer::after(share).await;
            Err(io::Error::new(io::ErrorKind::TimedOut, "no answer"))
        };
        match future::or(Async::<TcpStream>::connect(target), late).await {
            Ok(stream) => return Ok((stream, target.ip())),
            Err(error) => last = io::Error::new(error.kind(), format!("{target}: {error}")),
        }
    }
    Err(last)
}

/// The addresses of a host. If it was looked up before, the last answer counts, and the host is looked up again for the
/// next attempt; otherwise this waits for the look-up.
///
/// # Errors
/// When the name cannot be looked up.
pub async fn addresses(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let resolver = Resolver::of_process();
    resolver.refresh(host, FRESH);
    if resolver.known(host).addresses.is_none() {
        let late = async {
            Timer::after(LOOK_UP_LIMIT).await;
        };
        future::or(resolver.finished(host), late).await;
    }
    let known = resolver.known(host);
    if let Some(addresses) = known.addresses {
        let target = |&address: &SocketAddr| {
            let mut target = address;
            target.set_port(port);
            target
        };
        return Ok(addresses.iter().map(target).collect());
    }
    match known.ended {
        Some((_, Err(failure))) if known.running_since.is_none() => {
            Err(failure.to_error(&format!("the name {} cannot be looked up", Escaped(host))))
        }
        _ => Err(late(host, port)),
    }
}

/// What has not answered an attempt to connect that took too long: the name servers, or the host.
pub fn late(host: &str, port: u16) -> io::Error {
    let known = Resolver::of_process().known(host);
    let sentence = if known.addresses.is_none() {
        format!(
            "the name {} is still being looked up: no name server has answered yet",
            Escaped(host)
        )
    } else {
        format!("no answer from {} port {port}", Escaped(host))
    };
    io::Error::new(io::ErrorKind::TimedOut, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(2);

    #[test]
    fn a_name_is_looked_up_and_a_closed_port_is_named() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (_, address) = async_io::block_on(connect("localhost", port, SOON)).unwrap();
        assert!(address.is_loopback());
        drop(listener);
        let refused = async_io::block_on(connect("127.0.0.1", port, SOON)).unwrap_err();
        assert!(
            refused.to_string().contains(&format!("127.0.0.1:{port}")),
            "{refused}"
        );
    }

    #[test]
    fn an_unknown_name_is_named_in_the_error() {
        let unknown = async_io::block_on(connect("no-such-host.invalid", 1, SOON)).unwrap_err();
        assert!(
            unknown
                .to_string()
                .starts_with("the name no-such-host.invalid cannot be looked up"),
            "{unknown}"
        );
    }
}
