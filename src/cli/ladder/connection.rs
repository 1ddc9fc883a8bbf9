//! The segments of a capture as connections: who is the client, relative numbers, and what was sent again.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::segment::Segment;

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    /// Who opened it; without a SYN in the capture, the end with the higher port.
    pub(super) client: SocketAddr,
    pub(super) server: SocketAddr,
    /// In the order of the capture.
    pub(super) rows: Vec<Row>,
    /// Both directions: what the client sends, what the server sends.
    ends: [End; 2],
}

/// One segment of a connection.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) segment: Segment,
    /// Whether the client sent it.
    pub(super) from_client: bool,
    /// The number of its first byte; the SYN has 0, so that data begins with 1.
    pub(super) sequence: i64,
    /// The byte that its sender expects next, counted in the same way.
    pub(super) acknowledged: Option<i64>,
    /// The window in bytes; none if the capture lacks the SYN, which says how windows are scaled.
    pub(super) window: Option<u32>,
    /// The block behind a gap, as the numbers of its first byte and of the one after its last.
    pub(super) behind_gap: Option<(i64, i64)>,
    pub(super) note: Option<Note>,
}

/// What is unusual about a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// All that it carries was seen before.
    SentAgain,
    /// Bytes before it were not seen.
    AfterGap,
    /// It brings bytes that were missing.
    FillsGap,
    /// It carries nothing new, so that the other end must answer.
    Probe,
    /// Its sender takes no more bytes for now.
    WindowClosed,
    /// Its sender takes bytes again.
    WindowOpens,
    /// The same acknowledgement again, while data is on its way.
    AcknowledgedAgain,
    /// Longer than a packet may be: the network card makes this many of it, or has put them together.
    Packets(u32),
}

/// What one end has sent so far.
#[derive(Debug, Default)]
struct End {
    /// The sequence number of its SYN.
    initial: Option<u32>,
    /// The number after the highest that it has sent.
    next: i64,
    /// What was sent above `contiguous`, as non-overlapping blocks: begin to end.
    pieces: BTreeMap<i64, i64>,
    /// All before this was seen.
    contiguous: i64,
    /// Its latest acknowledgement.
    acknowledged: Option<i64>,
    /// Its latest window, not scaled.
    window: Option<u16>,
    /// From its SYN: by how much its windows are shifted; the largest segment that it takes.
    window_shift: Option<u8>,
    largest: Option<u16>,
    saw_syn: bool,
    ended: bool,
}

/// Blocks of one direction that are kept behind gaps; beyond it, the lowest is forgotten.
const MOST_PIECES: usize = 1_000;

/// The connections of a capture, in the order of their first segments.
pub(super) fn connections(segments: Vec<Segment>) -> Vec<Connection> {
    let mut found: Vec<Connection> = Vec::new();
    let mut current: BTreeMap<BTreeSet<SocketAddr>, usize> = BTreeMap::new();
    for segment in segments {
        let pair = BTreeSet::from([segment.from, segment.to]);
        let known = current.get(&pair).copied();
        let is_new = known
            .and_then(|index| found.get(index))
            .is_none_or(|connection| connection.is_followed_by(&segment));
        let index = if is_new {
            found.push(Connection::new(&segment));
            found.len() - 1
        } else {
            known.unwrap_or_default()
        };
        current.insert(pair, index);
        if let Some(connection) = found.get_mut(index) {
            connection.push(segment);
        }
    }
    found
}

impl Connection {
    fn new(first: &Segment) -> Self {
        let client_sent = if first.syn {
            first.acknowledged.is_none()
        } else {
            first.from.port() >= first.to.port()
        };
        let (client, server) = if client_sent {
            (first.from, first.to)
        } else {
            (first.to, first.from)
        };
        Self {
            client,
            server,
            rows: Vec::new(),
            ends: [End::default(), End::default()],
        }
    }

    /// Whether this segment of the same two ends opens another connection.
    fn is_followed_by(&self, segment: &Segment) -> bool {
        let opens = segment.syn && segment.acknowledged.is_none();
        let [client, server] = &self.ends;
        let sender = if segment.from == self.client {
            client
        } else {
            server
        };
        opens && (client.ended || server.ended || sender.initial != Some(segment.sequence))
    }

    fn push(&mut self, segment: Segment) {
        let from_client = segment.from == self.client;
        let [client, server] = &mut self.ends;
        let (sender, receiver) = if from_client {
            (client, server)
        } else {
            (server, client)
        };
        let sequence = sender.relative(segment.sequence, segment.syn);
        let acknowledged = segment.acknowledged.map(|number| {
            // A reset may acknowledge nothing that was sent.
            let initial = *receiver.initial.get_or_insert(number.wrapping_sub(1));
            unwrapped(number, initial, receiver.next)
        });
        if segment.syn {
            sender.saw_syn = true;
            sender.window_shift = segment.window_shift;
            sender.largest = segment.largest;
        }
        let both_scale = sender.window_shift.is_some() && receiver.window_shift.is_some();
        let shift = if both_scale && !segment.syn {
            sender.window_shift.unwrap_or(0)
        } else {
            0
        };
        let is_scale_known = segment.syn || sender.saw_syn && receiver.saw_syn;
        let window = is_scale_known.then(|| u32::from(segment.window) << shift);
        let behind_gap = segment.behind_gap.and_then(|(begin, end)| {
            let initial = receiver.initial?;
            let relative = |number| unwrapped(number, initial, receiver.next);
            Some((relative(begin), relative(end)))
        });
        let note = note(&segment, sequence, acknowledged, sender, receiver);
        sender.on_sent(&segment, sequence, acknowledged);
        self.rows.push(Row {
            segment,
            from_client,
            sequence,
            acknowledged,
            window,
            behind_gap,
            note,
        });
    }
}

impl Row {
    /// The number after its last byte; SYN and FIN count as one each.
    pub(super) fn end(&self) -> i64 {
        end(&self.segment, self.sequence)
    }
}

fn end(segment: &Segment, sequence: i64) -> i64 {
    sequence + i64::from(segment.length) + i64::from(segment.syn) + i64::from(segment.fin)
}

/// What is unusual about a segment, from what its sender and its receiver had sent before.
fn note(
    segment: &Segment,
    sequence: i64,
    acknowledged: Option<i64>,
    sender: &End,
    receiver: &End,
) -> Option<Note> {
    let end = end(segment, sequence);
    if segment.rst {
        return None;
    }
    if end > sequence {
        let is_first = sender.next == 0 && !sender.saw_syn;
        if sender.has_seen(sequence, end) {
            let is_probe = segment.length == 1 && receiver.window == Some(0);
            return Some(if is_probe {
                Note::Probe
            } else {
                Note::SentAgain
            });
        }
        if sequence < sender.next {
            return Some(Note::FillsGap);
        }
        if sequence > sender.next && !is_first {
            return Some(Note::AfterGap);
        }
        let largest = u32::from(receiver.largest?).saturating_sub(segment.options);
        let largest = Some(largest).filter(|most| *most > 0)?;
        return (segment.length > largest).then(|| Note::Packets(segment.length.div_ceil(largest)));
    }
    if sequence + 1 == sender.next && segment.acknowledged.is_some() {
        return Some(Note::Probe);
    }
    if segment.window == 0 {
        return Some(Note::WindowClosed);
    }
    if sender.window == Some(0) {
        return Some(Note::WindowOpens);
    }
    let repeats = acknowledged.is_some() && acknowledged == sender.acknowledged;
    let is_waited_for = acknowledged.is_some_and(|number| number < receiver.next);
    let same_window = sender.window == Some(segment.window) || segment.behind_gap.is_some();
    (repeats && is_waited_for && same_window).then_some(Note::AcknowledgedAgain)
}

impl End {
    /// The relative number of a byte that this end sends.
    fn relative(&mut self, sequence: u32, is_syn: bool) -> i64 {
        if self.initial.is_none() {
            // Without the SYN, the first byte seen has the number 1.
            let initial = if is_syn {
                sequence
            } else {
                sequence.wrapping_sub(1)
            };
            self.initial = Some(initial);
        }
        unwrapped(sequence, self.initial.unwrap_or_default(), self.next)
    }

    fn has_seen(&self, begin: i64, end: i64) -> bool {
        let before = self.pieces.range(..=begin).next_back();
        end <= self.contiguous || before.is_some_and(|(_, until)| end <= *until)
    }

    fn on_sent(&mut self, segment: &Segment, sequence: i64, acknowledged: Option<i64>) {
        let end = end(segment, sequence);
        if self.next == 0 && !self.saw_syn {
            self.contiguous = sequence;
        }
        self.next = self.next.max(end);
        if end > sequence {
            let until = self.pieces.entry(sequence).or_default();
            *until = (*until).max(end);
        }
        while let Some((&begin, &until)) = self.pieces.first_key_value() {
            let too_many = self.pieces.len() > MOST_PIECES;
            if begin > self.contiguous && !too_many {
                break;
            }
            self.contiguous = self.contiguous.max(until);
            self.pieces.pop_first();
        }
        self.acknowledged = acknowledged.or(self.acknowledged);
        self.window = Some(segment.window);
        self.ended |= segment.fin || segment.rst;
    }
}

/// A sequence number relative to the initial one: the value nearest to `near` among those that are the same on the wire.
fn unwrapped(number: u32, initial: u32, near: i64) -> i64 {
    let relative = number.wrapping_sub(initial);
    let difference = relative.wrapping_sub(near as u32).cast_signed();
    near + i64::from(difference)
}

#[cfg(test)]
mod tests;
