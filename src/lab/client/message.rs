//! Sends one message and times every step.

use std::io::Read;
use std::net::{Shutdown, SocketAddr};

use serde::Serialize;

use super::connection::{
    connect, milliseconds, read_answer, refusal, resolve, seconds_since, write_all,
};
use super::delay::Delay;
use super::error::ClientError;
use crate::clock;
use crate::lab::tcp_info;

/// Bytes read and written at once.
const PIECE: usize = 128 * 1024;

/// What to send. A missing newline at the end is added.
pub enum Content<'a> {
    /// This text.
    Text(&'a str),
    /// Everything that this reader yields.
    From(&'a mut dyn Read),
    /// This many bytes in all: `X` repeated, and the newline.
    Bytes(u64),
}

/// What was sent, and how long each step took, in seconds.
#[derive(Clone, Debug, Serialize)]
pub struct Sent {
    /// The receiver's end of the connection.
    pub peer: SocketAddr,
    /// Our end of the connection.
    pub from: SocketAddr,
    /// Bytes sent, the newline included.
    pub bytes: u64,
    /// The number of writes.
    pub writes: u64,
    /// Until the name was resolved.
    pub resolving: f64,
    /// Until the connection was open: from the SYN to its answer.
    pub setting_up: f64,
    /// Until the kernel had taken all bytes.
    pub sending: f64,
    /// Until the receiver had ended its stream too, which says that it has read all.
    pub closing: f64,
    /// Whether the receiver ended its stream in time.
    pub closed: bool,
    /// Segments sent that carried data.
    pub segments: Option<u64>,
    /// All segments sent, those for set-up and closing included.
    pub all_segments: Option<u64>,
    /// Segments sent again.
    pub retransmitted: Option<u64>,
    /// The round trip as the kernel measured it.
    pub round_trip_ms: Option<f64>,
    /// The receiver's answer; empty if it sent none.
    pub answer: String,
}

/// Sends one message to the first address of `host` that answers. Calls `on_delay` when the receiver keeps
/// it waiting.
///
/// # Errors
/// When the name has no address, no address answers, the connection breaks, or the receiver refuses.
pub fn send(
    host: &str,
    port: u16,
    content: Content<'_>,
    mut on_delay: impl FnMut(Delay),
) -> Result<Sent, ClientError> {
    let start = clock::monotonic_nanos();
    let addresses = resolve(host, port)?;
    let resolving = seconds_since(start);

    let start = clock::monotonic_nanos();
    let (stream, peer) = connect(&addresses)?;
    let setting_up = seconds_since(start);
    let from = stream
        .local_addr()
        .map_err(|error| ClientError::Broken(peer, error))?;

    let mut count = Count::default();
    let start = clock::monotonic_nanos();
    let mut out = |piece: &[u8]| {
        count.bytes += piece.len() as u64;
        count.writes += 1;
        write_all(&stream, peer, piece, &mut on_delay)
    };
    match content {
        Content::Text(text) if text.ends_with('\n') => out(text.as_bytes())?,
        Content::Text(text) => out(format!("{text}\n").as_bytes())?,
        Content::From(reader) => copy(reader, &mut out)?,
        Content::Bytes(bytes) => fill(bytes, &mut out)?,
    }
    let sending = seconds_since(start);

    let start = clock::monotonic_nanos();
    // Fails only if the receiver has closed already.
    let _ = stream.shutdown(Shutdown::Write);
    let (answer, closed) = read_answer(&stream, peer, &mut on_delay);
    let closing = seconds_since(start);
    if let Some(reason) = refusal(&answer) {
        return Err(ClientError::Refused { peer, reason });
    }
    let info = tcp_info::of(&stream);
    Ok(Sent {
        peer,
        from,
        bytes: count.bytes,
        writes: count.writes,
        resolving,
        setting_up,
        sending,
        closing,
        closed,
        segments: info.and_then(|info| info.data_segments_out),
        all_segments: info.and_then(|info| info.segments_out),
        retransmitted: info.map(|info| info.retransmitted),
        round_trip_ms: info.map(|info| milliseconds(info.round_trip_micros)),
        answer,
    })
}

#[derive(Default)]
struct Count {
    bytes: u64,
    writes: u64,
}

fn copy(
    mut reader: &mut dyn Read,
    out: &mut impl FnMut(&[u8]) -> Result<(), ClientError>,
) -> Result<(), ClientError> {
    let mut buffer = Vec::with_capacity(PIECE + 1);
    let mut ends_in_newline = false;
    loop {
        buffer.clear();
        // A whole piece at once, so that the newline needs no write and no segment of its own.
        let room = PIECE as u64;
        let read = Read::by_ref(&mut reader)
            .take(room)
            .read_to_end(&mut buffer);
        let length = read.map_err(ClientError::Input)?;
        ends_in_newline = buffer.last().map_or(ends_in_newline, |last| *last == b'\n');
        let over = length < PIECE;
        if over && !ends_in_newline {
            buffer.push(b'\n');
        }
        if !buffer.is_empty() {
            out(&buffer)?;
        }
        if over {
            return Ok(());
        }
    }
}

fn fill(
    bytes: u64,
    out: &mut impl FnMut(&[u8]) -> Result<(), ClientError>,
) -> Result<(), ClientError> {
    let mut buffer = vec![b'X'; PIECE];
    let mut left = bytes;
    while left > 0 {
        let length = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        left -= length as u64;
        let piece = buffer.get_mut(..length).unwrap_or_default();
        if left == 0
            && let Some(last) = piece.last_mut()
        {
            *last = b'\n';
        }
        out(piece)?;
    }
    Ok(())
}
