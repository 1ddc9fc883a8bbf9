//! Addresses as people write them on the command line.

use super::failure::Failure;

/// Host and port of `HOST`, `HOST:PORT`, or an IPv6 address with or without brackets.
pub(super) fn parse(address: &str, default_port: u16) -> Result<(String, u16), Failure> {
    if let Ok(plain) = address.parse::<std::net::IpAddr>() {
        return Ok((plain.to_string(), default_port));
    }
    let Some((host, port)) = address.rsplit_once(':') else {
        return Ok((address.to_owned(), default_port));
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = port.parse().map_err(|_| {
        Failure::Usage(format!(
            "{address:?} is no address: write HOST or HOST:PORT"
        ))
    })?;
    Ok((host.to_owned(), port))
}
