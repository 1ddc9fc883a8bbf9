//! The records of an encrypted connection. Bytes in, bytes out: it knows no socket.
//!
//! Each record is authenticated with its number in its direction, by a key of this connection alone: it
//! cannot be forged, replayed, reordered, sent back, or moved to another connection (Perrin, The Noise Protocol
//! Framework, revision 34, section 5.1).

use std::sync::Arc;

use snow::{HandshakeState, StatelessTransportState};
use thiserror::Error;

use crate::key::Fingerprint;

/// The longest record, without the two bytes that give its length (Noise, section 3).
pub(super) const LONGEST_RECORD: usize = 65_535;

/// The authentication tag at the end of every record.
pub(super) const TAG: usize = 16;

/// A record is damaged, forged, or not the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a record was damaged or forged")]
pub(super) struct BadRecord;

/// An established channel.
pub(super) struct Channel {
    pub(super) sealer: Sealer,
    pub(super) opener: Opener,
    /// The key that both sides have proven to have.
    pub(super) key: Fingerprint,
}

/// Encrypts what this side sends.
pub(super) struct Sealer {
    session: Arc<StatelessTransportState>,
    next: u64,
}

/// Decrypts what the peer sent.
pub(super) struct Opener {
    session: Arc<StatelessTransportState>,
    next: u64,
}

impl Channel {
    /// The channel that a finished handshake leads to.
    ///
    /// # Errors
    /// When the handshake is not finished.
    pub(super) fn new(state: HandshakeState, key: Fingerprint) -> Result<Self, snow::Error> {
        let session = Arc::new(state.into_stateless_transport_mode()?);
        Ok(Self {
            sealer: Sealer {
                session: Arc::clone(&session),
                next: 0,
            },
            opener: Opener { session, next: 0 },
            key,
        })
    }
}

impl Sealer {
    /// Appends the records that carry `plain` to `records`.
    ///
    /// # Errors
    /// After 2^64 - 1 records.
    pub(super) fn seal(&mut self, plain: &[u8], records: &mut Vec<u8>) -> Result<(), BadRecord> {
        for part in plain.chunks(LONGEST_RECORD - TAG) {
            let size = part.len() + TAG;
            let length = u16::try_from(size).map_err(|_| BadRecord)?;
            records.extend_from_slice(&length.to_be_bytes());
            let begin = records.len();
            records.resize(begin + size, 0);
            let record = records.get_mut(begin..).unwrap_or_default();
            self.session
                .write_message(self.next, part, record)
                .map_err(|_| BadRecord)?;
            self.next += 1;
        }
        Ok(())
    }
}

impl Opener {
    /// Decrypts the next record into `plain`, which has room for it, and returns how long it is.
    ///
    /// # Errors
    /// When the record is not the next one that the peer sent on this connection.
    pub(super) fn open(&mut self, record: &[u8], plain: &mut [u8]) -> Result<usize, BadRecord> {
        let opened = self.session.read_message(self.next, record, plain);
        self.next += 1;
        // An empty record says nothing, and is never sent.
        opened.ok().filter(|&length| length > 0).ok_or(BadRecord)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::handshake::connect;
    use crate::net::test_keys::keys;

    fn sealed(channel: &mut Channel, plain: &[u8]) -> Vec<u8> {
        let mut records = Vec::new();
        channel.sealer.seal(plain, &mut records).unwrap();
        records
    }

    /// Opens the first record; its length is checked.
    fn opened(channel: &mut Channel, records: &[u8]) -> Result<Vec<u8>, BadRecord> {
        let size = usize::from(u16::from_be_bytes([records[0], records[1]]));
        let mut plain = vec![0; size];
        let length = channel.opener.open(&records[2..2 + size], &mut plain)?;
        plain.truncate(length);
        Ok(plain)
    }

    #[test]
    fn lines_go_both_ways_and_the_second_key_is_accepted() {
        let (mut left, mut right) = connect(&keys(&[2]), &keys(&[1, 2])).unwrap();
        assert_eq!(left.key, keys(&[2]).used().fingerprint());
        assert_eq!(right.key, left.key);
        for text in [&b"one\n"[..], b"two\n", b"three\n"] {
            let records = sealed(&mut left, text);
            assert!(!records.windows(3).any(|part| part == &text[..3]));
            assert_eq!(opened(&mut right, &records).unwrap(), text);
            let records = sealed(&mut right, text);
            assert_eq!(opened(&mut left, &records).unwrap(), text);
        }
    }

    #[test]
    fn a_record_counts_once_in_its_place_in_its_direction_on_its_connection() {
        let ours = keys(&[1]);
        let (mut left, mut right) = connect(&ours, &ours).unwrap();
        let (one, two) = (sealed(&mut left, b"one"), sealed(&mut left, b"two"));
        // Reordered.
        assert_eq!(opened(&mut right, &two), Err(BadRecord));
        let (mut left, mut right) = connect(&ours, &ours).unwrap();
        // From an earlier connection.
        assert_eq!(opened(&mut right, &one), Err(BadRecord));
        let (mut other, mut reader) = connect(&ours, &ours).unwrap();
        let one = sealed(&mut left, b"one");
        // On another connection.
        assert_eq!(opened(&mut reader, &one), Err(BadRecord));
        // Reflected.
        assert_eq!(opened(&mut left, &one), Err(BadRecord));
        // Replayed.
        let one = sealed(&mut other, b"one");
        let (mut left, mut right) = connect(&ours, &ours).unwrap();
        let first = sealed(&mut left, b"one");
        assert!(opened(&mut right, &first).is_ok());
        assert_eq!(opened(&mut right, &first), Err(BadRecord));
        assert_eq!(opened(&mut right, &one), Err(BadRecord));
    }

    #[test]
    fn a_changed_bit_is_noticed_wherever_it_is() {
        let ours = keys(&[1]);
        for bit in (0..(3 + TAG) * 8).step_by(11) {
            let (mut left, mut right) = connect(&ours, &ours).unwrap();
            let mut record = sealed(&mut left, b"one");
            record[2 + bit / 8] ^= 1 << (bit % 8);
            assert_eq!(opened(&mut right, &record), Err(BadRecord));
        }
    }

    #[test]
    fn long_texts_take_several_records() {
        let ours = keys(&[1]);
        let (mut left, mut right) = connect(&ours, &ours).unwrap();
        let text = vec![b'x'; 100_000];
        let records = sealed(&mut left, &text);
        let mut rest = &records[..];
        let mut read = Vec::new();
        while !rest.is_empty() {
            read.extend(opened(&mut right, rest).unwrap());
            let size = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
            rest = &rest[2 + size..];
        }
        assert_eq!(read, text);
    }
}
