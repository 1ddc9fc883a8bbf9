//! A plain HTTP client: one request, one answer.

use std::io::{Error, ErrorKind, Read as _, Result, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The status code and the body that 127.0.0.1 answers on that port.
pub(crate) fn get(port: u16, path: &str) -> Result<(u16, String)> {
    get_from(SocketAddr::from(([127, 0, 0, 1], port)), path)
}

/// The status code and the body that comes from that address.
pub(crate) fn get_from(address: SocketAddr, path: &str) -> Result<(u16, String)> {
    let (head, body) = ask(address, path)?;
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    let code = code.ok_or(Error::from(ErrorKind::InvalidData))?;
    Ok((code, body))
}

/// The status line and the headers that 127.0.0.1 answers on that port.
pub(crate) fn head(port: u16, path: &str) -> Result<String> {
    ask(SocketAddr::from(([127, 0, 0, 1], port)), path).map(|(head, _)| head)
}

fn ask(address: SocketAddr, path: &str) -> Result<(String, String)> {
    let limit = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_read_timeout(Some(limit))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or(Error::from(ErrorKind::InvalidData))?;
    Ok((head.to_owned(), body.to_owned()))
}
