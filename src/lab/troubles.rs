//! Says at most once a minute what went wrong with connections, and how often.

use super::limits::Nanos;

/// At most one log line in this time.
const BETWEEN_COMPLAINTS: Nanos = 60_000_000_000;

/// When it was told last, and how often it happened since.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    told: Option<Nanos>,
    untold: u64,
}

impl Troubles {
    pub(super) fn tell(&mut self, now: Nanos, sentence: impl FnOnce() -> String) {
        let since = self.told.map(|told| now.saturating_sub(told));
        if since.is_some_and(|since| since < BETWEEN_COMPLAINTS) {
            self.untold += 1;
            return;
        }
        self.told = Some(now);
        let sentence = sentence();
        match std::mem::take(&mut self.untold) {
            0 => tracing::warn!("{sentence}"),
            count => tracing::warn!("{sentence} (and {count} such lines kept back)"),
        }
    }
}
