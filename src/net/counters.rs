//! What the links have counted since the start.

/// What the links have counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Links to a peer that had been connected before.
    pub reconnects: u64,
    /// Lines that were no message of the protocol.
    pub bad_lines: u64,
    /// Processes of peers that have ended, by proof of their LED keepers.
    pub obituaries: u64,
}
