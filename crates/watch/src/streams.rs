//! How far the changes of a shop's database are followed, as its own process says. One that says nothing
//! is unknown, whatever it said last.

use crate::backups::Trouble;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The stream of changes of one shop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StreamStanding {
    pub state: StreamState,
    /// Since when every change is in the journal.
    pub begun_ms: Option<i64>,
    /// All that was committed by then is in the journal, on disk; how long ago that is, is the lag.
    /// Null: it is not known of any time.
    pub current_ms: Option<i64>,
    /// The journal must not be further behind.
    pub behind_at_most_ms: u64,
    /// When the last change was committed.
    pub last_ms: Option<i64>,
    /// Of the server's log, still to come; null: the server does not say.
    pub behind_bytes: Option<u64>,
    /// What the journal takes on this machine.
    pub journal_bytes: u64,
    pub obstacles: Vec<StreamObstacle>,
    /// Why changes are not followed at the moment.
    pub trouble: Option<Trouble>,
    pub gap: Option<StreamGap>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StreamState {
    Starting,
    Following,
    /// The database does not answer; it is tried again.
    Away,
    /// The database does not allow it so far.
    Refused,
    /// Something came that is not understood.
    Stopped,
    /// Nobody follows it at the moment, or nobody says so.
    Unknown,
}

/// What stands in the way, or makes the stream tell less than it could.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StreamObstacle {
    /// `setting`, `rights`, `uncapped`, `no_identity`, `keys_only`, `not_followed` or `unreadable`.
    pub code: String,
    /// A table, a column or a setting.
    pub subject: String,
    /// What to do about it, as a statement or a sentence.
    pub mend: String,
    /// Whether nothing is begun before it is out of the way.
    pub refuses: bool,
}

/// Changes that are in no journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StreamGap {
    pub from_ms: Option<i64>,
    /// A backup that began later makes up for it.
    pub until_ms: i64,
    pub reason: String,
}
