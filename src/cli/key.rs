//! `carom key`: makes the key of a ring, and shows what it is called. Never prints the key itself.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::failure::Failure;
use super::ring_file;
use crate::escape::EscapedBytes;
use crate::key::{self, Keys};
use crate::program::keys;

/// Makes the key of a ring, or shows its fingerprint: six words that people can compare aloud
#[derive(Args)]
#[command(
    after_help = "Examples:\n  carom key new ring.key\n  carom key show ring.key\n\
    The key itself is never printed. Copy the file to every node of the ring, and to no one else: docs/SECURITY.md."
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Write a new key to a new file, which only its owner may read, and print its fingerprint
    #[command(
        after_help = "Example: carom key new ring.key\nA file that exists is not overwritten."
    )]
    New {
        /// The file to make
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Print the fingerprint of every key in a key file: of the one that is used, then of the one that is also accepted
    #[command(
        after_help = "Examples:\n  carom key show ring.key\n  carom key show --config /etc/carom/ring.toml"
    )]
    Show {
        /// The key file
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// The ring file that names the key file
        #[arg(
            long,
            value_name = "RING",
            conflicts_with = "file",
            required_unless_present = "file"
        )]
        config: Option<PathBuf>,
    },
}

pub(super) fn key(arguments: &Arguments) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match &arguments.action {
        Action::New { file } => {
            let key = key::create(file).map_err(Failure::KeyFile)?;
            writeln!(out, "{}", key.fingerprint())?;
        }
        Action::Show { file, config } => {
            let keys = match (file, config) {
                (Some(file), _) => Keys::read(file).map_err(Failure::KeyFile)?,
                (None, Some(config)) => of_ring(config)?,
                // Refused with the arguments.
                (None, None) => return Err(Failure::Silent),
            };
            writeln!(out, "used {}", keys.used().fingerprint())?;
            if let Some(other) = keys.other() {
                writeln!(out, "also accepted {}", other.fingerprint())?;
            }
        }
    }
    Ok(())
}

/// The keys of the key file that a ring file names.
fn of_ring(path: &Path) -> Result<Keys, Failure> {
    let keys = keys::read(&ring_file::load(path)?).map_err(Failure::KeyFile)?;
    keys.ok_or_else(|| {
        Failure::Run(format!(
            "{} has no key-file, so this ring has no key: make one with `carom key new ring.key`, and add \
             key-file = \"ring.key\" to [ring]",
            EscapedBytes(path.as_os_str().as_encoded_bytes())
        ))
    })
}
