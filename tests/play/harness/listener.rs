//! A client of `/events`.

use std::io::{BufRead as _, BufReader, Error, ErrorKind, Read as _, Result, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// One open stream of events.
pub(crate) struct Listener {
    lines: BufReader<TcpStream>,
}

/// One event.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) id: Option<String>,
    pub(crate) kind: String,
    pub(crate) data: serde_json::Value,
}

impl Listener {
    /// Follows the node of that HTTP port on 127.0.0.1, from after the event `last` if that is known.
    pub(crate) fn open(port: u16, last: Option<&str>) -> Result<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
        Self::ask(stream, "/events", last)
    }

    /// Follows the node and its lab.
    pub(crate) fn open_lab(port: u16) -> Result<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
        Self::ask(stream, "/events?lab", None)
    }

    /// The same with a very small receive buffer.
    pub(crate) fn open_narrow(port: u16) -> Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_recv_buffer_size(4 * 1024)?;
        socket.connect(&SocketAddr::from(([127, 0, 0, 1], port)).into())?;
        Self::ask(socket.into(), "/events", None)
    }

    fn ask(mut stream: TcpStream, path: &str, last: Option<&str>) -> Result<Self> {
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let last = last.map_or_else(String::new, |last| format!("Last-Event-ID: {last}\r\n"));
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: localhost\r\n{last}\r\n"
        )?;
        let mut lines = BufReader::new(stream);
        let mut line = String::new();
        lines.read_line(&mut line)?;
        if !line.contains(" 200 ") {
            return Err(Error::new(ErrorKind::ConnectionRefused, line));
        }
        while line != "\r\n" {
            line.clear();
            lines.read_line(&mut line)?;
        }
        Ok(Self { lines })
    }

    /// The next event.
    pub(crate) fn next(&mut self) -> Result<Event> {
        let (mut id, mut kind) = (None, String::new());
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            // The chunk sizes come in between, on lines of their own.
            if let Some(text) = line.strip_prefix("id: ") {
                id = Some(text.trim().to_owned());
            } else if let Some(text) = line.strip_prefix("event: ") {
                text.trim().clone_into(&mut kind);
            } else if let Some(text) = line.strip_prefix("data: ") {
                let data = serde_json::from_str(text)?;
                return Ok(Event { id, kind, data });
            }
        }
    }

    /// Reads a line and forgets it.
    pub(crate) fn skip(&mut self) -> Result<()> {
        self.lines.skip_until(b'\n').map(|_| ())
    }

    /// Reads until the stream ends; returns the number of bytes, or an error above `most`.
    pub(crate) fn drain(mut self, most: usize) -> Result<usize> {
        let mut read = 0;
        let mut piece = [0; 4096];
        loop {
            match self.lines.read(&mut piece) {
                Ok(0) => return Ok(read),
                Ok(length) => read += length,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(read),
                Err(error) => return Err(error),
            }
            if read > most {
                return Err(ErrorKind::FileTooLarge.into());
            }
        }
    }
}
