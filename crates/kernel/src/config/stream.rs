//! Whether every change of a shop's database is followed, and what becomes of what was followed.

use super::DatabaseUrl;

/// `[shop.ID.stream]`.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamSettings {
    /// The same database by an account that may replicate; `None`: by the one that reads it.
    pub follow_as: Option<DatabaseUrl>,
    /// Labels of tables that are not followed: `public.django_session`, or `sessions` where tables
    /// have no schema. None twice.
    pub leave_out: Vec<String>,
    /// What was committed longer ago than this is to be in the journal.
    pub behind_at_most_ms: u64,
    /// How long the journal is kept.
    pub keep_ms: u64,
}
