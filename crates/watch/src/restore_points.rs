//! Moments that a shop's database can go back to between its dumps, and how long that would take by what
//! drills have measured. What was never measured is unknown.

use crate::backups::{DrillRow, Trouble};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Fewer changes than these were made once more too fast to tell anything.
const LEAST_CHANGES: u64 = 100;

/// Where a dump and the journal of changes reach. Any moment of a span is a restore point; those at full
/// steps of the clock are listed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Moments {
    /// By dump, the newest first; what lies between two spans cannot be reached.
    pub spans: Vec<MomentSpan>,
    /// The newest first; the first is the newest moment that there is.
    pub points: Vec<RestorePoint>,
    /// How far apart they are listed.
    pub step_ms: u64,
    /// As of when; null: not looked yet.
    pub looked_ms: Option<i64>,
    /// Why it is not known.
    pub trouble: Option<Trouble>,
}

/// Every moment between two, reached from one dump.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MomentSpan {
    /// The backup that the dump is in.
    pub snapshot: String,
    pub from_ms: i64,
    pub until_ms: i64,
    /// What was redefined then, so that it ends there; null: it goes on, or another dump does.
    pub redefined: Option<String>,
}

/// A moment that is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RestorePoint {
    pub at_ms: i64,
    /// The backup with the dump that it goes on from, and when that began.
    pub snapshot: String,
    pub dump_ms: i64,
    /// That are made once more.
    pub changes: u64,
    pub transactions: u64,
    /// How long it takes, with every row held against the dump; null: nobody has measured it yet.
    pub expected_ms: Option<u64>,
}

/// How fast a database came back, by the newest drills that tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rates {
    /// So many rows of a dump in so many milliseconds.
    loaded: Option<(u64, u64)>,
    /// So many changes.
    made: Option<(u64, u64)>,
}

impl Rates {
    /// Of drills, the newest first.
    #[must_use]
    pub fn of(drills: &[DrillRow]) -> Self {
        let loaded = |drill: &DrillRow| {
            (drill.rows > 0 && drill.load_ms > 0).then_some((drill.rows, drill.load_ms))
        };
        let made = |drill: &DrillRow| {
            let is_enough = drill.changes >= LEAST_CHANGES && drill.replay_ms > 0;
            is_enough.then_some((drill.changes, drill.replay_ms))
        };
        Self { loaded: drills.iter().find_map(loaded), made: drills.iter().find_map(made) }
    }

    /// `None`: not measured.
    #[must_use]
    pub fn changes_a_second(&self) -> Option<u64> {
        self.made.map(|(changes, took_ms)| (changes.saturating_mul(1_000) / took_ms).max(1))
    }

    /// How long so many rows and changes take; `None`: nobody knows.
    #[must_use]
    pub fn expected_ms(&self, rows: u64, changes: u64) -> Option<u64> {
        let of = |count: u64, rate: Option<(u64, u64)>| match count {
            0 => Some(0),
            count => rate.map(|(number, took_ms)| {
                let took = u128::from(count) * u128::from(took_ms) / u128::from(number);
                u64::try_from(took).unwrap_or(u64::MAX)
            }),
        };
        Some(of(rows, self.loaded)?.saturating_add(of(changes, self.made)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drill(rows: u64, load_ms: u64, changes: u64, replay_ms: u64) -> DrillRow {
        serde_json::from_value(serde_json::json!({
            "run": "1", "at_ms": 1, "place": "/b", "snapshot": "0a", "snapshot_ms": 1,
            "verdict": "good", "score": 100, "took_ms": load_ms + replay_ms, "lost_ms": 0,
            "bytes": 1, "rows": rows, "load_ms": load_ms, "changes": changes,
            "replay_ms": replay_ms, "checks": [],
        }))
        .unwrap()
    }

    #[test]
    fn a_time_is_expected_by_what_was_measured_and_else_unknown() {
        let check = |drills: &[DrillRow], rows, changes, expect: Option<u64>| {
            assert_eq!(Rates::of(drills).expected_ms(rows, changes), expect, "{rows} {changes}");
        };
        check(&[], 10, 0, None);
        check(&[], 0, 0, Some(0));
        let measured = [drill(1_000, 500, 2_000, 400)];
        check(&measured, 3_000, 0, Some(1_500));
        check(&measured, 3_000, 1_000, Some(1_700));
        // Too few to tell how fast more of them are.
        let few = [drill(1_000, 500, 99, 1)];
        check(&few, 1_000, 0, Some(500));
        check(&few, 1_000, 1, None);
        // The newest that tells.
        check(&[few[0].clone(), measured[0].clone()], 1_000, 1_000, Some(700));
        check(&[drill(1_000, 500_000, 2_000, 400)], u64::MAX, 0, Some(u64::MAX));
        assert_eq!(Rates::of(&measured).changes_a_second(), Some(5_000));
        assert_eq!(Rates::of(&few).changes_a_second(), None);
    }
}
