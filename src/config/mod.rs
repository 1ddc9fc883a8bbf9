//! The ring file: reads it, and reports everything that is wrong with it.
//!
//! A key is set by the defaults, the file, the environment (`CAROM_RING__LEASE=1s`) or a flag; the
//! later one wins. No value is converted to another type: a port in quotes is refused. All faults
//! are reported in one run, each with its location and with what to do.
//!
//! | file | holds |
//! |---|---|
//! | `types.rs` | the result: [`Config`] and its parts |
//! | `defaults.rs` | every default |
//! | `schema.rs` | every section and its keys: what is no key, and where it belongs |
//! | `layers.rs`, `syntax.rs` | the file, the environment and the flags, merged; what is no TOML |
//! | `read.rs`, `led.rs`, `window/read.rs` | read the keys, into the types of `partial.rs` |
//! | `table.rs`, `value.rs`, `duration.rs`, `host.rs`, `voters.rs` | read one key; read one value |
//! | `check.rs`, `window/check.rs` | the rules between keys |
//! | `warn.rs`, `warn_voters.rs` | what is allowed but may surprise |
//! | `topology.rs` | what of it the nodes must agree on |
//! | `name.rs` | finds a node by its name |
//! | `fault.rs`, `report.rs`, `span.rs`, `suggest.rs` | what is wrong, where, and what was meant |
//!
//! A new key has a line in `schema.rs`, a field in `types.rs` and `partial.rs`, a default in
//! `defaults.rs`, is read in `read.rs` and explained in `config/ring.toml`.
//!
//! Architecture invariant: once the file and the environment are read, nothing here does I/O.

mod check;
pub mod defaults;
mod duration;
mod fault;
mod host;
mod layers;
mod led;
mod name;
mod partial;
mod read;
mod report;
mod schema;
mod span;
mod suggest;
mod syntax;
mod table;
mod topology;
mod types;
mod value;
mod voters;
mod warn;
mod warn_voters;
mod window;

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

pub use crate::led::LedConfig;
pub use duration::parse_duration;
pub use fault::{Fault, Faults, Location, MOST_FAULTS};
pub use layers::Overrides;
pub use types::{
    BallConfig, Config, NodeConfig, Ports, RingConfig, WindowChainConfig, WindowConfig,
};
pub use warn::Warning;

/// The longest ring file, in bytes.
pub const LONGEST_FILE: u64 = 1024 * 1024;

impl Config {
    /// Reads the file, merges the environment and the flags into it, and checks the result. The path
    /// `-` is standard input.
    ///
    /// # Errors
    ///
    /// All faults at once. Only if the file cannot be read, is no UTF-8 text, is longer than
    /// [`LONGEST_FILE`] or is no TOML, that fault is the only one.
    pub fn load(path: &Path, overrides: &Overrides) -> Result<Self, Faults> {
        let (file, text): (Cow<'_, str>, _) = if path == Path::new("-") {
            ("standard input".into(), read_text(io::stdin().lock()))
        } else {
            let text = File::open(path).map_err(unreadable).and_then(read_text);
            (path.to_string_lossy(), text)
        };
        let text = text.map_err(|sentence| Faults::of_file(&file, sentence))?;
        // A variable that is no UTF-8 is converted with loss; its value is then refused like any other.
        let environment: Vec<_> = std::env::vars_os()
            .map(|(name, value)| (lossy(&name), lossy(&value)))
            .collect();
        Self::parse(&file, &text, &environment, overrides)
    }

    /// Does what [`Config::load`] does, without I/O. `file` is the name to show in faults.
    ///
    /// # Errors
    ///
    /// All faults at once.
    pub fn parse(
        file: &str,
        text: &str,
        environment: &[(String, String)],
        overrides: &Overrides,
    ) -> Result<Self, Faults> {
        // Editors on some systems begin a file with a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut report = report::Report::new(span::SourceMap::new(file, text));
        let Some(values) = layers::from_file(text, &mut report) else {
            return Err(report.into_faults());
        };
        // Check the file alone first: a value must be valid even if a later layer overrides it.
        report.lenient = true;
        read::refuse_unknown_sections(&values, &mut report);
        read::read(&values, &mut report);
        report.lenient = false;

        let environment = layers::from_environment(environment, &mut report);
        let flags = layers::from_flags(overrides, &mut report);
        let values = layers::merge(&values, environment, flags).map_err(|error| {
            Faults::of_file(file, format!("the layers do not fit together: {error}"))
        })?;
        let partial = read::read(&values, &mut report);
        check::check(&partial, &mut report);
        if !report.is_clean() {
            return Err(report.into_faults());
        }
        let unread = || Faults::of_file(file, "cannot be read, and nobody said why".to_owned());
        let mut config = partial.complete().ok_or_else(unread)?;
        if let (Some(key_file), Some(folder)) =
            (&mut config.ring.key_file, Path::new(file).parent())
        {
            *key_file = folder.join(&key_file);
        }
        Ok(config)
    }

    /// What is allowed but may surprise, one sentence each.
    pub fn warnings(&self) -> Vec<Warning> {
        warn::warnings(self)
    }
}

fn lossy(text: &std::ffi::OsStr) -> String {
    text.to_string_lossy().into_owned()
}

fn unreadable(error: io::Error) -> String {
    format!("cannot be read: {error}")
}

/// The file's text, or why it cannot be used.
fn read_text(file: impl Read) -> Result<String, String> {
    let mut bytes = Vec::new();
    let read = file.take(LONGEST_FILE + 1).read_to_end(&mut bytes);
    read.map_err(unreadable)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > LONGEST_FILE) {
        return Err("is longer than 1 MiB, so it is no ring file: check the path".to_owned());
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = error.as_bytes().get(..valid).unwrap_or_default();
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        format!("is not UTF-8 text, first in line {line}: save it as UTF-8")
    })
}
