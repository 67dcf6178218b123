//! The replica that Storewarden itself keeps of a shop's database, as it was last looked at.

use databases::replica::Standing;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Its server follows.
const FOLLOWS: &str = "follows";
/// It takes writes.
const PROMOTED: &str = "promoted";

/// A second server of Storewarden's that follows a shop's database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwnReplica {
    /// What the database knows it by.
    pub name: String,
    pub folder: String,
    /// Where it listens.
    pub listen: String,
    /// `absent`, `begun`, `silent`, `follows`, `broken` or `promoted`.
    pub state: String,
    /// Of the database's log; null: not known.
    pub behind_bytes: Option<u64>,
    /// Null: not known, as of one that does not follow.
    pub behind_ms: Option<u64>,
    pub behind_at_most_ms: u64,
    /// What its server says where it does not follow.
    pub said: Option<String>,
    pub seen_ms: i64,
    /// Looks at which it did not follow, one after the other, until now.
    pub failed: u32,
    /// It is to follow nobody any more: it is the shop's database.
    #[serde(default)]
    pub is_promoted: bool,
}

impl OwnReplica {
    #[must_use]
    pub fn follows(&self) -> bool {
        self.state == FOLLOWS
    }

    /// Whether it stands as it is to.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.state == self.wanted()
    }

    fn wanted(&self) -> &'static str {
        if self.is_promoted { PROMOTED } else { FOLLOWS }
    }

    /// As it stands now; `before` is how it stood at the last look.
    #[must_use]
    pub fn seen(self, standing: Standing, before: Option<&Self>, now_ms: i64) -> Self {
        let state = standing.state.code();
        let failed = match state == self.wanted() {
            true => 0,
            false => before.map_or(0, |before| before.failed).saturating_add(1),
        };
        Self {
            state: state.to_owned(),
            behind_bytes: standing.behind_bytes,
            behind_ms: standing.behind_ms,
            said: standing.said,
            seen_ms: now_ms,
            failed,
            ..self
        }
    }
}
