//! The options that name a ring file and change its keys.

use std::path::{Path, PathBuf};

use clap::Args;

use super::failure::Failure;
use crate::config::{Config, Faults, Overrides};

/// The ring file, and the keys that are set over it for this run.
#[derive(Args, Clone)]
pub(super) struct RingFile {
    /// The ring file; - is standard input
    #[arg(long = "config", value_name = "FILE")]
    pub(super) path: PathBuf,
    /// Set one key, such as ring.lease=1s, instead of what the file and the environment say; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_and_value)]
    set: Vec<(String, String)>,
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text
        .split_once('=')
        .ok_or("expected KEY=VALUE, such as ring.lease=1s")?;
    Ok((key.to_owned(), value.to_owned()))
}

impl RingFile {
    /// The ring file as a command needs it.
    pub(super) fn load(&self) -> Result<Config, Failure> {
        self.read().map_err(Failure::RingFile)
    }

    /// The ring file, or all its faults.
    pub(super) fn read(&self) -> Result<Config, Faults> {
        let none = Overrides::default();
        let set = self.set.iter();
        let set = set.fold(none, |all, (key, value)| all.set(key, value));
        Config::load(&self.path, &set)
    }
}

/// The ring file at that path, with no key set over it.
pub(super) fn load(path: &Path) -> Result<Config, Failure> {
    Config::load(path, &Overrides::default()).map_err(Failure::RingFile)
}
