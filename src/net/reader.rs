//! Reads lines off a socket.

use std::io::{self, Read as _};
use std::net::TcpStream;
use std::ops::Range;

use async_io::Async;

use super::frame::LONGEST_LINE;
use super::incoming::Incoming;
use super::lines::TooLong;
use super::session::{BadRecord, Opener};

/// Reads lines that end with a newline.
pub(super) struct LineReader {
    incoming: Incoming,
    /// The last read took all that had arrived: wait for more before the next one.
    drained: bool,
    /// A line that was looked at, and is still to be read.
    peeked: Option<Range<usize>>,
}

/// Why there is no further line.
#[derive(Debug)]
pub(super) enum ReadError {
    Closed,
    TooLong(usize),
    BadRecord,
    Io(io::Error),
}

impl LineReader {
    /// A reader that accepts lines of up to `longest` bytes.
    pub(super) fn new(longest: usize) -> Self {
        Self {
            incoming: Incoming::new(longest),
            drained: true,
            peeked: None,
        }
    }

    /// What has come after the last line, as the beginning of a link.
    pub(super) fn into_incoming(self) -> Incoming {
        let mut incoming = self.incoming;
        incoming.allow(LONGEST_LINE);
        incoming
    }

    /// From now on what comes in is encrypted.
    pub(super) fn decrypt(&mut self, opener: Opener) -> Result<(), ReadError> {
        Ok(self.incoming.decrypt(opener)?)
    }

    /// The next line without its newline.
    pub(super) async fn next(&mut self, stream: &Async<TcpStream>) -> Result<&[u8], ReadError> {
        let line = self.find(stream).await?;
        Ok(self.incoming.line(line))
    }

    /// The same, and [`Self::next`] returns it again.
    pub(super) async fn peek(&mut self, stream: &Async<TcpStream>) -> Result<&[u8], ReadError> {
        let line = self.find(stream).await?;
        self.peeked = Some(line.clone());
        Ok(self.incoming.line(line))
    }

    async fn find(&mut self, stream: &Async<TcpStream>) -> Result<Range<usize>, ReadError> {
        if let Some(peeked) = self.peeked.take() {
            return Ok(peeked);
        }
        loop {
            if let Some(line) = self.incoming.take_line()? {
                return Ok(line);
            }
            self.fill(stream).await?;
        }
    }

    async fn fill(&mut self, stream: &Async<TcpStream>) -> Result<(), ReadError> {
        loop {
            if self.drained {
                stream.readable().await.map_err(ReadError::Io)?;
            }
            let room = self.incoming.room();
            let size = room.len();
            match stream.get_ref().read(room) {
                Ok(0) => return Err(ReadError::Closed),
                Ok(count) => {
                    self.incoming.add(count)?;
                    self.drained = count < size;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.drained = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(ReadError::Io(error)),
            }
        }
    }
}

impl From<TooLong> for ReadError {
    fn from(TooLong(longest): TooLong) -> Self {
        Self::TooLong(longest)
    }
}

impl From<BadRecord> for ReadError {
    fn from(BadRecord: BadRecord) -> Self {
        Self::BadRecord
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::net::TcpListener;

    #[test]
    fn lines_come_whole_over_a_socket_and_its_end_is_noticed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut sender = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let stream = Async::new(listener.accept().unwrap().0).unwrap();
        let long = "x".repeat(30_000);
        let text = format!("one\n\ntwo\n{long}\nrest");
        let writer = std::thread::spawn(move || {
            for piece in text.as_bytes().chunks(777) {
                sender.write_all(piece).unwrap();
            }
        });
        async_io::block_on(async {
            let mut reader = LineReader::new(64 * 1024);
            for expected in ["one", "", "two", &long] {
                assert_eq!(reader.next(&stream).await.unwrap(), expected.as_bytes());
            }
            assert!(matches!(reader.next(&stream).await, Err(ReadError::Closed)));
        });
        writer.join().unwrap();
    }
}
