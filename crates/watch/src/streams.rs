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
    /// What of it the server's own log takes, as far as it is packed; null: it is not kept.
    pub raw_bytes: Option<u64>,
    pub obstacles: Vec<StreamObstacle>,
    /// Why changes are not followed at the moment.
    pub trouble: Option<Trouble>,
    pub gap: Option<StreamGap>,
    /// Of the journal elsewhere, as it grows; empty: it is on this machine alone.
    pub copies: Vec<StreamCopy>,
    /// PostgreSQL's write-ahead log as it is; null: it is not to be kept.
    pub log: Option<LogStanding>,
}

/// How it stands with a server's own log. Times are by the server's clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LogStanding {
    pub state: StreamState,
    /// Every moment from then to `current_ms` can be reached; null: no base backup goes on by it.
    pub reaches_from_ms: Option<i64>,
    /// All that was acknowledged by then is on this machine's disk.
    pub current_ms: Option<i64>,
    /// What the archive takes on this machine.
    pub bytes: u64,
    /// Why it is not received at the moment.
    pub trouble: Option<Trouble>,
    /// Log that nobody has.
    pub gap: Option<StreamGap>,
    /// Of its whole files elsewhere.
    pub copies: Vec<StreamCopy>,
}

/// A copy of a journal elsewhere. What it says holds only while the stream is known to be followed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StreamCopy {
    /// The place.
    pub to: String,
    /// How often it gets what came.
    pub every_ms: u64,
    /// Requests that a bucket counts where the database changes all the time; null: nobody counts.
    pub requests_a_month: Option<u64>,
    /// All that was committed by then is there; how long ago that is, is its lag. Null: it is not known
    /// of any time.
    pub current_ms: Option<i64>,
    /// When it got something last.
    pub sent_ms: Option<i64>,
    /// How long that took, from this machine's disk to there.
    pub delay_ms: Option<u64>,
    /// What the shop's journals take there.
    pub bytes: Option<u64>,
    /// It lets nothing go: what is too old, somebody else must remove.
    pub keeps_all: bool,
    /// Why it does not get what came, at the moment.
    pub trouble: Option<Trouble>,
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
