//! The lines of the wire, as types: one JSON object a line.
//!
//! Unknown fields are ignored and unknown types skipped, so the protocol can grow.
//! Spans and moments are whole microseconds.

use serde::{Deserialize, Serialize};

use super::cover::{Cover, CoverDigest};
use super::generation::{BallId, Generation, Record, Stamp};
pub use super::hello::Hello;
pub use super::incarnation::{Incarnation, Life};
use super::lineage::{Lineage, Renewal};
use super::motion::{BallState, Direction};
use super::window_ball::WindowBall;

/// The version of these messages. It is raised when nodes before and after a change must not play together.
/// Version 2: a ball carries its renewals, and voters judge by them.
pub const VERSION: u32 = 2;

/// One line from one node to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Message {
    /// The first line on a connection, both ways.
    Hello(Hello),
    /// Why the sender closes the connection.
    Refused {
        /// One sentence.
        reason: String,
        /// True where another process of the addressed node's name is already in the ring.
        #[serde(default)]
        duplicate: bool,
    },
    /// "I am well, and it is now `at` on my clock."
    Heartbeat {
        /// The sender's clock.
        at: u64,
        /// The latest `at` that the sender had heard from the addressed node.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        echo: Option<u64>,
        /// How long ago it heard it.
        #[serde(default)]
        since: u64,
        /// Whether the sender asks for heartbeats at the near pace.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        near: bool,
    },
    /// "The ball is yours."
    Pass(Pass),
    /// "I have it", or "I know of a newer state".
    #[serde(rename = "passed")]
    PassAck {
        /// The ball.
        ball: BallId,
        /// The generation of the acknowledged pass.
        generation: Generation,
        /// The hop of the acknowledged pass.
        hop: u64,
    },
    /// "Grant me the lease of these balls", from a holder or a candidate.
    Acquire {
        /// Repeated in the answers.
        seq: u64,
        /// The balls asked for.
        balls: Vec<LeaseRequest>,
    },
    /// "You have my grant for these."
    Granted {
        /// The number of the request.
        seq: u64,
        /// The granted balls.
        balls: Vec<Grant>,
    },
    /// "You do not have my grant for these."
    Denied {
        /// The number of the request.
        seq: u64,
        /// The denied balls.
        balls: Vec<Denial>,
    },
    /// "I will never hold this generation."
    Release {
        /// The ball.
        ball: BallId,
        /// The generation that is given up.
        generation: Generation,
    },
    /// "Pass me nothing more: I am about to leave."
    Leaving,
    /// "Every pass that I ever sent you came before this line", in answer to `leaving`.
    #[serde(rename = "farewell")]
    LeaveAck,
    /// "A window sent me this ball: did you lend it?" An ordinary pass answers yes.
    #[serde(rename = "found")]
    LoanQuery {
        /// Repeated in the answer.
        seq: u64,
        /// The edge of the addressed node's screen at which the windows stand.
        edge: Direction,
        /// The ball.
        ball: WindowBall,
    },
    /// "I have lent no such ball there."
    #[serde(rename = "unlent")]
    LoanUnknown {
        /// The number of the query.
        seq: u64,
    },
    /// "If you hold this guest, let it leave."
    Remove {
        /// The ball.
        ball: BallId,
        /// Its generation, as far as the sender knows.
        generation: Generation,
    },
    /// "Do you hold this ball in an older generation?", or "promise never to hold it in one" (rule 13).
    Fence {
        /// The ball.
        ball: BallId,
        /// The generation that the sender would begin.
        generation: Generation,
        /// Whether the sender asks for the promise, too.
        promise: bool,
    },
    /// "I hold no older one", or "I have promised so".
    Fenced {
        /// The ball.
        ball: BallId,
        /// The generation.
        generation: Generation,
        /// Whether the sender has promised.
        promise: bool,
        /// The newest state that the sender knows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        newest: Option<Record>,
        /// To whom it has passed the ball without an acknowledgement yet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        passing: Option<Life>,
    },
    /// A type of a later version.
    #[serde(other)]
    Unknown,
}

/// A ball on its way, with the rest of its lease.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "FlatPass", into = "FlatPass")]
pub struct Pass {
    /// The ball.
    pub ball: BallId,
    /// Its place in the ball's history, and how the ball left.
    pub record: Record,
    /// What was left of the sender's lease when it sent this, in microseconds.
    pub left: u64,
    /// The addressed node's latest heartbeat time that the sender had heard.
    pub echo: Option<u64>,
    /// The time between hearing that and sending this, in microseconds.
    pub since: u64,
    /// The renewals that the ball carries with it.
    pub lineage: Lineage,
    /// Who may come to have the ball with this lease; absent where that is not limited (rule 13).
    pub cover: Option<CoverDigest>,
}

/// A pass with the fields of its line; `flatten` of serde would copy every line into a tree first.
#[derive(Serialize, Deserialize)]
struct FlatPass {
    ball: BallId,
    generation: Generation,
    hop: u64,
    state: BallState,
    left: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    echo: Option<u64>,
    since: u64,
    #[serde(default, skip_serializing_if = "Lineage::is_empty")]
    lineage: Lineage,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cover: Option<CoverDigest>,
}

impl From<FlatPass> for Pass {
    fn from(flat: FlatPass) -> Self {
        let FlatPass {
            ball,
            generation,
            hop,
            state,
            left,
            echo,
            since,
            lineage,
            cover,
        } = flat;
        let stamp = Stamp { generation, hop };
        Self {
            ball,
            record: Record { stamp, state },
            left,
            echo,
            since,
            lineage,
            cover,
        }
    }
}

impl From<Pass> for FlatPass {
    fn from(pass: Pass) -> Self {
        let Pass {
            ball,
            record: Record { stamp, state },
            left,
            echo,
            since,
            lineage,
            cover,
        } = pass;
        let Stamp { generation, hop } = stamp;
        Self {
            ball,
            generation,
            hop,
            state,
            left,
            echo,
            since,
            lineage,
            cover,
        }
    }
}

/// One ball of an `acquire`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeaseRequest {
    /// The ball.
    pub ball: BallId,
    /// The generation asked for.
    pub generation: Generation,
    /// A holder's hop; absent from a candidate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hop: Option<u64>,
    /// A holder's state; absent from a candidate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<BallState>,
    /// The generation of the guest that a candidate would take back; absent if it brings a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Generation>,
    /// Whether the holder requests that the ring retire the guest.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leaves: bool,
    /// A holder's renewals in this generation, this one included; absent from a candidate.
    #[serde(default, skip_serializing_if = "Lineage::is_empty")]
    pub lineage: Lineage,
    /// Who may come to hold the ball with this lease; absent if that is not limited (rule 13).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cover: Option<Cover>,
    /// The processes that have promised this candidate to hold no older generation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fenced: Vec<Life>,
}

/// One ball of a `granted`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    /// The ball.
    pub ball: BallId,
    /// The newest state the voter knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<Record>,
}

/// One ball of a `denied`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Denial {
    /// The ball.
    pub ball: BallId,
    /// The generation whose lease runs at the voter; absent if the reason is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_generation: Option<Generation>,
    /// How long the voter will still deny, in microseconds.
    #[serde(default)]
    pub lease_left: u64,
    /// The newest state the voter knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<Record>,
    /// The voter's tombstone: guests of this number up to this generation have left the ring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<Generation>,
    /// The renewal that the voter granted instead, where another node holds the ball in the same generation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted: Option<Renewal>,
}

impl LeaseRequest {
    /// A holder's request to renew its lease.
    pub fn of_holder(ball: BallId, record: Record, lineage: Lineage) -> Self {
        let Record { stamp, state } = record;
        Self {
            hop: Some(stamp.hop),
            state: Some(state),
            lineage,
            ..Self::of_candidate(ball, stamp.generation)
        }
    }

    /// A candidate's request for a ball it does not have.
    pub fn of_candidate(ball: BallId, generation: Generation) -> Self {
        Self {
            ball,
            generation,
            hop: None,
            state: None,
            after: None,
            leaves: false,
            lineage: Lineage::default(),
            cover: None,
            fenced: Vec::new(),
        }
    }

    /// Whether a holder requests it, to renew its lease; a candidate does not have the ball.
    pub fn is_from_holder(&self) -> bool {
        self.hop.is_some()
    }

    /// What a holder reports of its ball; `None` from a candidate.
    pub fn record(&self) -> Option<Record> {
        let (hop, state) = self.hop.zip(self.state)?;
        Some(Record {
            stamp: Stamp {
                generation: self.generation,
                hop,
            },
            state,
        })
    }
}
