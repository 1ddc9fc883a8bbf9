//! Connects to a host by name or address.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use async_io::{Async, Timer};
use smol::future;

use crate::escape::Escaped;

/// Connects to the first of the host's addresses that answers, and returns that address, too.
///
/// Each address gets an equal share of `limit`, so that a dead one does not use up the time of the
/// others. A name is looked up again each time, on a thread of its own: a resolver may take seconds.
///
/// # Errors
/// When the name has no address, or none answers; the error names the last address tried.
pub async fn connect(
    host: &str,
    port: u16,
    limit: Duration,
) -> io::Result<(Async<TcpStream>, IpAddr)> {
    let unknown = || {
        io::Error::new(
            io::ErrorKind::NotFound,
            format!("the name {} has no address", Escaped(host)),
        )
    };
    let targets = resolve(host, port).await?;
    connect_to_first(&targets, limit)
        .await
        .unwrap_or_else(|| Err(unknown()))
}

/// Connects to the first of these addresses that answers; `None` if there are no addresses.
///
/// Each address gets an equal share of `limit`.
pub async fn connect_to_first(
    targets: &[SocketAddr],
    limit: Duration,
) -> Option<io::Result<(Async<TcpStream>, IpAddr)>> {
    let mut last = None;
    let share = limit / u32::try_from(targets.len()).unwrap_or(u32::MAX).max(1);
    for &target in targets {
        let late = async {
            Timer::after(share).await;
            Err(io::Error::new(io::ErrorKind::TimedOut, "no answer"))
        };
        match future::or(Async::<TcpStream>::connect(target), late).await {
            Ok(stream) => return Some(Ok((stream, target.ip()))),
            Err(error) => last = Some((target, error)),
        }
    }
    let (target, error) = last?;
    let sentence = format!("{target}: {error}");
    Some(Err(io::Error::new(error.kind(), sentence)))
}

/// Looks up the addresses of a host; waits for the resolver.
///
/// # Errors
/// When the name cannot be looked up.
pub fn look_up(host: &str) -> io::Result<Vec<IpAddr>> {
    let found = (host, 0).to_socket_addrs()?;
    Ok(found.map(|target| target.ip().to_canonical()).collect())
}

async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let name = host.to_owned();
    let looked_up = smol::unblock(move || {
        (name.as_str(), port)
            .to_socket_addrs()
            .map(Iterator::collect)
    })
    .await;
    looked_up.map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("the name {} cannot be resolved ({error})", Escaped(host)),
        )
    })
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
            unknown.to_string().contains("no-such-host.invalid"),
            "{unknown}"
        );
    }
}
