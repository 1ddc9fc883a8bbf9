//! The handshake of two nodes that have the same key. Lines in, lines out: it knows no socket.
//!
//! Noise NNpsk0 (Perrin, The Noise Protocol Framework, revision 34, sections 7 and 9). Both sides prove that
//! they have the key, without sending it, and agree on session keys that are worthless once the connection
//! is closed.
//!
//! A side that dials without the key costs the other one a few hashes: its first message must be
//! authenticated before anything is computed from it. What replays a recorded first message costs one exchange
//! of Curve25519 and gets no further, for it cannot read the answer.

use serde::{Deserialize, Serialize};
use snow::{Builder, HandshakeState};
use thiserror::Error;

use super::session::{Channel, TAG};
use crate::key::{Fingerprint, Key, Keys};

const PATTERN: &str = "Noise_NNpsk0_25519_ChaChaPoly_SHA256";

/// Both sides hash this first, so that a handshake of another protocol with the same key fails.
const PROLOGUE: &[u8] = b"carom ring link";

/// The version of this handshake.
const VERSION: u32 = 1;

/// An ephemeral Curve25519 key and a tag: each message of the handshake.
const HANDSHAKE_SIZE: usize = 32 + TAG;

/// The first line of each side, where a key is used.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub(super) enum Opening {
    /// A message of the handshake.
    #[serde(rename = "key")]
    Key(KeyLine),
    /// The peer has no key.
    #[serde(rename = "hello")]
    Hello,
    /// The peer refuses this node.
    #[serde(rename = "refused")]
    Refused {
        /// One sentence.
        reason: String,
    },
    /// Anything else.
    #[serde(other)]
    Unknown,
}

/// A message of the handshake as a line.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeyLine {
    /// [`VERSION`].
    pub(super) version: u32,
    /// The fingerprint of the key that is used.
    pub(super) key: String,
    /// The message of the Noise handshake, in hexadecimal digits.
    pub(super) noise: String,
}

/// Why there is no channel. The sentences name keys by their fingerprints, and nothing of the ring. The peer
/// is sent the same sentence, so none of them says "this node".
#[derive(Debug, Error)]
pub(super) enum HandshakeError {
    #[error(
        "the node that dials has the key {dials}, and the node that answers the key {answers}: give every node the same key file, then reload them all"
    )]
    OtherKey {
        dials: Fingerprint,
        answers: Fingerprint,
    },
    #[error(
        "the node that dials has no key, and the node that answers has the key {answers}: give every node the same key file, then restart them all"
    )]
    DialsWithout { answers: Fingerprint },
    #[error(
        "the node that dials has the key {dials}, and the node that answers has none: give every node the same key file, then restart them all"
    )]
    AnswersWithout { dials: Fingerprint },
    #[error("the other side names the key {key} and does not have it")]
    NotProven { key: Fingerprint },
    #[error(
        "one side speaks version {theirs} of the key handshake, and the other version {VERSION}: run the same carom on both"
    )]
    OtherVersion { theirs: u32 },
    #[error("the first line was no handshake: this port is for carom's peers only")]
    Malformed,
    /// The system gave no random bits.
    #[error("the handshake could not be made ({0})")]
    Failed(snow::Error),
}

/// The side that dials, while it waits for the answer.
pub(super) struct Dialling {
    state: HandshakeState,
    key: Fingerprint,
}

impl Dialling {
    /// Begins a handshake with the key that is used; also returns the line to send.
    ///
    /// # Errors
    /// When the system gives no random bits.
    pub(super) fn begin(keys: &Keys) -> Result<(Self, KeyLine), HandshakeError> {
        let mut state = builder(keys.used())?.build_initiator()?;
        let key = keys.used().fingerprint();
        let line = write(&mut state, key)?;
        Ok((Self { state, key }, line))
    }

    /// Ends the handshake with the peer's answer.
    ///
    /// # Errors
    /// When the answer does not come from a node that has the key.
    pub(super) fn finish(mut self, answer: &KeyLine) -> Result<Channel, HandshakeError> {
        check_version(answer)?;
        let theirs = named(answer)?;
        if theirs != self.key {
            return Err(HandshakeError::OtherKey {
                dials: self.key,
                answers: theirs,
            });
        }
        read(&mut self.state, answer, theirs)?;
        Ok(Channel::new(self.state, self.key)?)
    }
}

/// Answers a handshake; returns the channel and the line to send.
///
/// # Errors
/// When the line does not come from a node that has one of the keys.
pub(super) fn answer(keys: &Keys, line: &KeyLine) -> Result<(Channel, KeyLine), HandshakeError> {
    check_version(line)?;
    let theirs = named(line)?;
    let mut accepted = keys.accepted();
    let Some(key) = accepted.find(|key| key.fingerprint() == theirs) else {
        return Err(HandshakeError::OtherKey {
            dials: theirs,
            answers: keys.used().fingerprint(),
        });
    };
    let mut state = builder(key)?.build_responder()?;
    read(&mut state, line, theirs)?;
    let answer = write(&mut state, theirs)?;
    Ok((Channel::new(state, theirs)?, answer))
}

/// Both ends of a connection without a network: of the side that dials, and of the one that answers. For tests
/// and fuzz targets.
///
/// # Errors
/// When the two have no key in common that the side which dials uses.
pub(super) fn connect(dials: &Keys, answers: &Keys) -> Result<(Channel, Channel), HandshakeError> {
    let (dialling, line) = Dialling::begin(dials)?;
    let (channel, line) = answer(answers, &line)?;
    Ok((dialling.finish(&line)?, channel))
}

/// The refusal for a peer that has a key, where this node has none.
pub(super) fn refuse_key(line: &KeyLine) -> HandshakeError {
    match named(line) {
        Ok(dials) => HandshakeError::AnswersWithout { dials },
        Err(error) => error,
    }
}

impl From<snow::Error> for HandshakeError {
    fn from(error: snow::Error) -> Self {
        Self::Failed(error)
    }
}

fn builder(key: &Key) -> Result<Builder<'_>, snow::Error> {
    Builder::new(PATTERN.parse()?)
        .prologue(PROLOGUE)?
        .psk(0, key.bytes())
}

fn check_version(line: &KeyLine) -> Result<(), HandshakeError> {
    match line.version {
        VERSION => Ok(()),
        theirs => Err(HandshakeError::OtherVersion { theirs }),
    }
}

/// The key that the line names.
fn named(line: &KeyLine) -> Result<Fingerprint, HandshakeError> {
    line.key.parse().map_err(|_| HandshakeError::Malformed)
}

fn write(state: &mut HandshakeState, key: Fingerprint) -> Result<KeyLine, HandshakeError> {
    let mut message = [0; HANDSHAKE_SIZE];
    let size = state.write_message(&[], &mut message)?;
    let message = message.get(..size).unwrap_or_default();
    Ok(KeyLine {
        version: VERSION,
        key: key.to_string(),
        noise: base16ct::lower::encode_string(message),
    })
}

fn read(
    state: &mut HandshakeState,
    line: &KeyLine,
    key: Fingerprint,
) -> Result<(), HandshakeError> {
    let mut message = [0; HANDSHAKE_SIZE];
    let decoded = base16ct::lower::decode(&line.noise, &mut message);
    let message = decoded.map_err(|_| HandshakeError::Malformed)?;
    let not_proven = |_| HandshakeError::NotProven { key };
    state.read_message(message, &mut []).map_err(not_proven)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::test_keys::keys;

    #[test]
    fn a_refusal_names_both_keys_and_nothing_else() {
        let (ours, theirs) = (keys(&[1]), keys(&[2]));
        let error = connect(&theirs, &ours).err().unwrap().to_string();
        for keys in [&ours, &theirs] {
            assert!(
                error.contains(&keys.used().fingerprint().to_string()),
                "{error}"
            );
        }
        // The peer names the right key, but cannot prove it.
        let (_, mut line) = Dialling::begin(&theirs).unwrap();
        line.key = ours.used().fingerprint().to_string();
        let error = answer(&ours, &line).err().unwrap();
        assert!(matches!(error, HandshakeError::NotProven { .. }), "{error}");
        for (key, noise) in [
            ("x\u{1b}[31m", ""),
            ("", "00"),
            (&*line.key, "zz"),
            (&*line.key, ""),
        ] {
            let (key, noise) = (key.to_owned(), noise.to_owned());
            let line = KeyLine {
                version: 1,
                key,
                noise,
            };
            let error = answer(&ours, &line).err().unwrap();
            assert!(
                matches!(
                    error,
                    HandshakeError::Malformed | HandshakeError::NotProven { .. }
                ),
                "{error}"
            );
        }
        line.version = 2;
        assert!(
            answer(&ours, &line)
                .err()
                .unwrap()
                .to_string()
                .contains("version 2")
        );
    }

    #[test]
    fn a_side_without_the_key_cannot_answer() {
        let (ours, theirs) = (keys(&[1]), keys(&[2]));
        let (dialling, line) = Dialling::begin(&ours).unwrap();
        let (_, mut line) = {
            let (_, mut forged) = Dialling::begin(&theirs).unwrap();
            forged.key.clone_from(&line.key);
            (line, forged)
        };
        let error = dialling.finish(&line).err().unwrap();
        assert!(matches!(error, HandshakeError::NotProven { .. }), "{error}");
        // Its own message sent back is no answer, either.
        let (dialling, mine) = Dialling::begin(&ours).unwrap();
        line = mine;
        let error = dialling.finish(&line).err().unwrap();
        assert!(matches!(error, HandshakeError::NotProven { .. }), "{error}");
    }
}
