//! Lights: what a possession looks like from outside.
//!
//! A backend knows nothing of the ring. It is told of every change before anyone else is.

mod trace;

use std::fmt;
use std::path::PathBuf;

pub use trace::Trace;

/// One ball came or went.
#[derive(Clone, Copy)]
pub struct Change<'a> {
    /// The node whose LED it is.
    pub node: &'a str,
    /// Whether the ball came.
    pub on: bool,
    /// Which ball.
    pub ball: &'a dyn fmt::Display,
    /// The ball's generation.
    pub generation: &'a dyn fmt::Display,
    /// The ball's hop.
    pub hop: u64,
}

/// A light.
pub trait Led {
    /// Shows that one ball came or went; `lit` tells whether any ball is here now.
    ///
    /// # Errors
    /// When the light could not be set; the caller goes on without it and tries again at the next change.
    fn show(&mut self, change: &Change<'_>, lit: bool) -> Result<(), LedError>;
}

/// No light at all.
#[derive(Debug, Default)]
pub struct Nothing;

impl Led for Nothing {
    fn show(&mut self, _change: &Change<'_>, _lit: bool) -> Result<(), LedError> {
        Ok(())
    }
}

/// A light that this version of carom does not have: setting it fails, each time.
#[derive(Debug)]
pub struct Missing {
    /// Which backend.
    pub backend: &'static str,
}

impl Led for Missing {
    fn show(&mut self, _change: &Change<'_>, _lit: bool) -> Result<(), LedError> {
        Err(LedError::NotBuilt {
            backend: self.backend,
        })
    }
}

/// A light that could not be set: a sentence that says what to do.
#[derive(Debug)]
pub enum LedError {
    /// This version has no such backend.
    NotBuilt {
        /// Which backend.
        backend: &'static str,
    },
    /// The trace file cannot be opened or written.
    Trace {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl fmt::Display for LedError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBuilt { backend } => write!(
                formatter,
                "the LED backend {backend} is not part of this version of carom: use trace or none until it is"
            ),
            Self::Trace { path, source } => write!(
                formatter,
                "the trace file {} cannot be written ({source}): choose a path in a folder that exists, is writable and has space",
                path.display()
            ),
        }
    }
}

impl std::error::Error for LedError {}
