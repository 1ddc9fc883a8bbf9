//! The last ball that a node took over, in the answer to `/status` and in the events.

use serde::{Deserialize, Serialize};

/// A ball that was taken over from a silent holder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReturnStatus {
    /// 1 for the first of the ring file.
    pub ball: u32,
    /// The last known holder. If a ball is lost with a node that had just received it, that is the
    /// node before: the new holder had no time to announce itself.
    pub from: String,
    /// The node that took it over.
    pub to: String,
    /// From the last message of the old holder until the LED of the new one: at most a quarter of a
    /// lease longer than no node had the ball.
    pub away_ms: f64,
    /// How long ago it was taken over.
    pub age_seconds: f64,
    /// What freed the ball.
    #[serde(default)]
    pub by: ReturnedBy,
    /// How long that took: since the end of the old holder's process was known, or since its last message.
    #[serde(default)]
    pub after_ms: f64,
}

impl ReturnStatus {
    /// For how long the ball was gone, in milliseconds, as far as it is known: since the proof that its holder's process had ended, if there
    /// is one, or else since the holder's last message.
    pub fn gone_ms(&self) -> f64 {
        match self.by {
            ReturnedBy::Obituary => self.after_ms,
            ReturnedBy::Lease => self.away_ms,
        }
    }
}

/// What frees a ball whose holder is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReturnedBy {
    /// The proof that the holder's process has ended.
    Obituary,
    /// The end of its lease.
    #[default]
    Lease,
}
