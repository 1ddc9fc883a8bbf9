//! The key of a ring: 32 secret bytes that every node has in a file. Who has them is a node.
//!
//! A key is named by its [`Fingerprint`], six words that tell nothing about the key. The links between
//! nodes prove that both ends have the key; nothing else of a node uses it.

mod error;
mod file;
mod fingerprint;
mod keys;
mod secret;
mod words;

pub use error::{KeyFileError, LineFault};
pub use file::create;
pub use fingerprint::{Fingerprint, NotAFingerprint};
pub use keys::Keys;
pub use secret::Key;
