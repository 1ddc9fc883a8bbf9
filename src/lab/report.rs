//! One run as the receiver saw it: what the endpoint answers, logs and lists.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::count::Count;

/// How the sender used connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// One connection for all chunks.
    Kept,
    /// A new connection for every chunk.
    Reopened,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// With its newline.
    Complete,
    /// The stream ended before the newline.
    BrokenOff,
    /// The connection was reset before the newline.
    Reset,
    /// This end closed the connection, at one of its limits or because it stopped.
    CutOff,
    /// The last connection ended in `Y`, and no other came.
    NeverEnded,
}

/// One run, as the receiver saw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The sender's address.
    pub peer: IpAddr,
    /// How it ended.
    pub outcome: Outcome,
    /// How the sender used connections.
    pub connect: Mode,
    /// All bytes received, the `Y`s and the newline included.
    pub bytes: u64,
    /// Reads that brought bytes: the chapter's chunks.
    pub reads: u64,
    /// The number of connections.
    pub connections: u64,
    /// From the first accept to the newline, or to the end of an incomplete run.
    pub seconds: f64,
    /// `bytes` divided by `seconds`; absent if no time was measured.
    pub bytes_per_second: Option<f64>,
    /// Segments received that carried data; absent if the kernel does not count them.
    pub segments: Option<u64>,
    /// Segments that arrived before one that was sent earlier.
    pub out_of_order: Option<u64>,
    /// The receiver's estimate of the round trip; absent if it has none.
    pub round_trip_ms: Option<f64>,
    /// Two connections of this address were in use at once: one may be of another program.
    pub overlapped: bool,
    /// The connection was still open: a second of silence after a newline was taken for the end.
    #[serde(default)]
    pub after_silence: bool,
    /// The sender cannot have got this report: the endpoint had ended its stream, as the sender had
    /// paused after a `Y`.
    #[serde(default)]
    pub unanswered: bool,
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "Run from {} --> {} in {} on {}",
            self.peer,
            Count(self.bytes, "byte"),
            Count(self.reads, "read"),
            Count(self.connections, "connection"),
        )?;
        // What has come all at once has taken no time that can be measured.
        if self.seconds > 0.0 {
            write!(formatter, ", {:.6} s", self.seconds)?;
        }
        if let Some(rate) = self.bytes_per_second {
            write!(formatter, ", {rate:.0} bytes/s")?;
        }
        if let Some(segments) = self.segments {
            write!(formatter, "; {}", Count(segments, "segment"))?;
        }
        if let Some(late) = self.out_of_order {
            write!(formatter, ", {late} out of order")?;
        }
        if let Some(span) = self.round_trip_ms {
            write!(formatter, ", round trip {span:.3} ms")?;
        }
        if self.overlapped {
            formatter.write_str("; connections overlapped: programs of one address that reopen at the same time cannot be told apart")?;
        }
        if self.after_silence {
            formatter.write_str("; its connection was still open: a second of silence after a newline was taken for the end")?;
        }
        if self.unanswered {
            formatter.write_str(
                "; its sender got no answer: it paused after a Y, where this end ends its stream",
            )?;
        }
        formatter.write_str(match self.outcome {
            Outcome::Complete => "",
            Outcome::BrokenOff => "; broken off: the stream ended without a newline",
            Outcome::Reset => "; broken off: the connection was reset",
            Outcome::CutOff => "; cut off by a limit of this end",
            Outcome::NeverEnded => "; never ended: no newline came after the last Y",
        })
    }
}
