//! A plain HTTP client: one request, one answer.

use std::io::{BufRead as _, BufReader, Error, ErrorKind, Read as _, Result, Write as _};
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

/// The status line and the headers that 127.0.0.1 answers to a request with these header lines; the
/// body is not read.
pub(crate) fn head_for(port: u16, path: &str, headers: &[&str]) -> Result<String> {
    let request = format!("GET {path} HTTP/1.1\r\n{}\r\n\r\n", headers.join("\r\n"));
    let stream = send(SocketAddr::from(([127, 0, 0, 1], port)), &request)?;
    let mut head = String::new();
    for line in BufReader::new(stream).lines() {
        match line?.as_str() {
            "" => break,
            line => head.push_str(&format!("{line}\n")),
        }
    }
    Ok(head)
}

/// The whole answer of 127.0.0.1 to a request, which must make it close the connection.
pub(crate) fn answer_to(port: u16, request: &str) -> Result<String> {
    let mut stream = send(SocketAddr::from(([127, 0, 0, 1], port)), request)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn send(address: SocketAddr, request: &str) -> Result<TcpStream> {
    let limit = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.write_all(request.as_bytes())?;
    Ok(stream)
}

fn ask(address: SocketAddr, path: &str) -> Result<(String, String)> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let mut stream = send(address, &request)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or(Error::from(ErrorKind::InvalidData))?;
    Ok((head.to_owned(), body.to_owned()))
}
