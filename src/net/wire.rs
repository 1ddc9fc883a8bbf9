//! A connection before it is a link: plain or encrypted, one message at a time.

use std::net::TcpStream;

use async_io::Async;
use smol::io::AsyncWriteExt as _;

use super::frame::{encode, parse};
use super::handshake::{self, Dialling, HandshakeError, KeyLine, Opening};
use super::link_error::LinkError;
use super::reader::LineReader;
use super::session::{Channel, Sealer};
use crate::key::{Fingerprint, Keys};
use crate::obituary::Obituary;
use crate::ring::Message;

/// The longest line before the peer is known, in bytes: nobody is trusted with more memory before.
pub(super) const LONGEST_HELLO: usize = 4 * 1024;

/// A connection whose peer is not known yet.
pub(super) struct Wire {
    pub(super) stream: Async<TcpStream>,
    pub(super) reader: LineReader,
    /// Encrypts what is sent, once there is a channel.
    pub(super) sealer: Option<Sealer>,
    /// The key that the channel was made with.
    pub(super) key: Option<Fingerprint>,
}

impl Wire {
    pub(super) fn new(stream: Async<TcpStream>) -> Self {
        Self {
            stream,
            reader: LineReader::new(LONGEST_HELLO),
            sealer: None,
            key: None,
        }
    }

    /// The obituary that comes first on the connection, if one does. The line of a peer is still to be read.
    pub(super) async fn obituary(&mut self) -> Result<Option<Obituary>, LinkError> {
        let line = self.reader.peek(&self.stream).await?;
        Ok(Obituary::parse(line))
    }

    /// Makes the connection an encrypted one. The side that dials begins.
    pub(super) async fn secure(&mut self, keys: &Keys, dials: bool) -> Result<(), LinkError> {
        let channel = if dials {
            let (dialling, line) = Dialling::begin(keys)?;
            self.send_line(&Opening::Key(line)).await?;
            let answer = self.handshake_line(None).await?;
            dialling.finish(&answer)?
        } else {
            let line = self.handshake_line(Some(keys)).await?;
            let (channel, answer) = handshake::answer(keys, &line)?;
            self.send_line(&Opening::Key(answer)).await?;
            channel
        };
        let Channel {
            sealer,
            opener,
            key,
        } = channel;
        self.reader.decrypt(opener)?;
        self.sealer = Some(sealer);
        self.key = Some(key);
        Ok(())
    }

    /// The peer's message of the handshake; `keys` are those of a node that answers.
    async fn handshake_line(&mut self, keys: Option<&Keys>) -> Result<KeyLine, LinkError> {
        let line = self.reader.next(&self.stream).await?;
        let malformed = || LinkError::Handshake(HandshakeError::Malformed);
        match serde_json::from_slice(line).map_err(|_| malformed())? {
            Opening::Key(line) => Ok(line),
            Opening::Hello => Err(keys.map_or_else(malformed, |keys| {
                let answers = keys.used().fingerprint();
                HandshakeError::DialsWithout { answers }.into()
            })),
            // Whoever says this has not proven to have the key: it may not say who is in the ring.
            Opening::Refused { reason } => Err(LinkError::Refused {
                reason,
                duplicate: false,
            }),
            Opening::Unknown => Err(malformed()),
        }
    }

    /// The peer's first message, or why it is none. A peer that begins a handshake is told that this node
    /// has no key.
    pub(super) async fn first_message(
        &mut self,
    ) -> Result<Result<Message, serde_json::Error>, LinkError> {
        let line = self.reader.next(&self.stream).await?;
        let message = parse(line);
        if self.key.is_none()
            && let Ok(Message::Unknown) = message
            && let Ok(Opening::Key(line)) = serde_json::from_slice(line)
        {
            return Err(handshake::refuse_key(&line).into());
        }
        Ok(message)
    }

    pub(super) async fn send(&mut self, message: &Message) -> Result<(), LinkError> {
        let mut line = Vec::new();
        encode(message, &mut line);
        if let Some(sealer) = &mut self.sealer {
            let mut records = Vec::new();
            sealer
                .seal(&line, &mut records)
                .map_err(|_| LinkError::BadRecord)?;
            line = records;
        }
        self.write(&line).await
    }

    async fn send_line(&mut self, opening: &Opening) -> Result<(), LinkError> {
        let mut line = serde_json::to_vec(opening).map_err(LinkError::NotMessage)?;
        line.push(b'\n');
        self.write(&line).await
    }

    async fn write(&self, bytes: &[u8]) -> Result<(), LinkError> {
        (&self.stream).write_all(bytes).await.map_err(LinkError::Io)
    }
}
