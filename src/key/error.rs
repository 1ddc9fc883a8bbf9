//! Why a key file could not be read or made, in one sentence that says what to do. None quotes a key.

use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::escape::EscapedBytes;

/// A key file could not be read or made.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file does not exist.
    #[error(
        "there is no key file {0}: copy the one of the other nodes to it, or make one with `carom key new {0}`",
        shown(path)
    )]
    Missing {
        /// The key file.
        path: PathBuf,
    },
    /// This user may not read the file.
    #[error(
        "no right to read the key file {0}: give it to this user's group with `chgrp GROUP {0}` and `chmod 640 {0}`",
        shown(path)
    )]
    Denied {
        /// The key file.
        path: PathBuf,
    },
    /// The file cannot be read for another reason.
    #[error(
        "the key file {} cannot be read ({source}): name another, or mend this one",
        shown(path)
    )]
    Unreadable {
        /// The key file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The path is a folder, a device or a pipe.
    #[error(
        "{} is no key file, as it is no regular file: name another",
        shown(path)
    )]
    NotRegular {
        /// The path.
        path: PathBuf,
    },
    /// Users other than the owner and the group have rights to the file.
    #[error(
        "every user of this machine has rights to the key file {0} (mode {mode:04o}): take them away with \
         `chmod o-rwx {0}`",
        shown(path)
    )]
    Exposed {
        /// The key file.
        path: PathBuf,
        /// The permission bits of the file.
        mode: u32,
    },
    /// The file is longer than any key file.
    #[error(
        "the key file {} is longer than {most} bytes: keep only lines that `carom key new` wrote",
        shown(path)
    )]
    TooLong {
        /// The key file.
        path: PathBuf,
        /// The largest number of bytes that a key file may have.
        most: usize,
    },
    /// The file has only comments, or nothing.
    #[error(
        "the key file {0} has no key: copy the one of the other nodes to it, or remove it and make one with \
         `carom key new {0}`",
        shown(path)
    )]
    Empty {
        /// The key file.
        path: PathBuf,
    },
    /// A line of the file is wrong.
    #[error("{}:{line}: {fault}", shown(path))]
    Line {
        /// The key file.
        path: PathBuf,
        /// The number of the line, counted from 1.
        line: usize,
        /// What is wrong with it.
        fault: LineFault,
    },
    /// A new key is not written over an existing file.
    #[error(
        "{} exists and may be a key that nodes use, so it is not overwritten: choose another name, or move it away",
        shown(path)
    )]
    Exists {
        /// The path.
        path: PathBuf,
    },
    /// The file cannot be made.
    #[error(
        "cannot write the key file {} ({source}): choose a path in a folder that exists, is writable and has space",
        shown(path)
    )]
    Unwritable {
        /// The path.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// What is wrong with a line of a key file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineFault {
    /// It does not begin as a key does.
    Prefix,
    /// The key has this many characters.
    Length(usize),
    /// The key has a character that is no digit.
    Digit,
    /// The key stands in this line, too.
    Repeats(usize),
    /// There are two keys before it.
    TooMany,
}

impl fmt::Display for LineFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix => formatter.write_str(
                "a line with a key begins with carom-key-1 and a space, a comment with #: copy the whole line that \
                 `carom key new` wrote",
            ),
            Self::Length(length) => write!(
                formatter,
                "the key has {length} characters and needs 64: copy the whole line that `carom key new` wrote"
            ),
            Self::Digit => formatter.write_str(
                "the key has other characters than 0 to 9 and a to f: copy the whole line that `carom key new` wrote",
            ),
            Self::Repeats(first) => write!(
                formatter,
                "this is the key of line {first} again: remove one of the two lines"
            ),
            Self::TooMany => formatter.write_str(
                "this is a third key, and a file has at most two: keep the one to use, and after it the one that is \
                 also accepted",
            ),
        }
    }
}

/// The path, safe for a terminal.
fn shown(path: &Path) -> EscapedBytes<'_> {
    EscapedBytes(path.as_os_str().as_bytes())
}
