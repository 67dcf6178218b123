//! What came after the dump, made once more by the journal: so a drill goes to the newest moment that there
//! is, as somebody would who has lost the machine.

use super::{Check, CheckKind, Outcome, Request, Stage, Watch, check};
use crate::{
    VaultError,
    journal::Place,
    moment::{Journals, Obstacle},
};
use databases::{dump::Manifest, replay::Wanted, restore::Beside};
use kernel::Value;
use std::time::{Duration, Instant};

/// A journal, and up to when.
#[derive(Debug)]
pub struct Changes {
    pub place: Place,
    /// Unix milliseconds; `None`: everything that it has when it is looked at.
    pub until_ms: Option<i64>,
}

/// What became of them.
pub(super) struct Replayed {
    pub(super) check: Check,
    /// `None`: the database is as of its dump, or of nothing that can be told.
    pub(super) until_ms: Option<i64>,
    pub(super) changes: u64,
    pub(super) took: Duration,
}

impl Replayed {
    /// Nothing was made once more: there is nothing of the kind, or it should have been.
    pub(super) fn not(request: &Request, code: &str) -> Self {
        let check = match &request.changes {
            Some(_) => check(CheckKind::Changes, Outcome::Unknown, code, []),
            None => check(CheckKind::Changes, Outcome::Absent, "no_changes", []),
        };
        Self { check, until_ms: None, changes: 0, took: Duration::ZERO }
    }
}

pub(super) fn replay(
    manifest: &Manifest,
    beside: Beside,
    request: &Request,
    watch: Watch<'_>,
) -> Replayed {
    let not = Replayed::not(request, "changes_unknown");
    let Some(changes) = &request.changes else { return not };
    let begun = Instant::now();
    let made = make(manifest, beside, changes, watch);
    let took = begun.elapsed();
    match made {
        Ok(Ok((check, until_ms, changes))) => {
            Replayed { check, until_ms: Some(until_ms), changes, took }
        }
        Ok(Err(check)) => Replayed { check, took, ..not },
        Err(error) => Replayed { check: of_error(&error), took, ..not },
    }
}

type Made = (Check, i64, u64);

fn make(
    manifest: &Manifest,
    beside: Beside,
    changes: &Changes,
    watch: Watch<'_>,
) -> Result<Result<Made, Check>, VaultError> {
    let journals = Journals::of(&changes.place)?;
    // What lies before the dump is not needed today, and promised all the same.
    journals.check()?;
    let Some(until_ms) = changes.until_ms.or(journals.current_ms()) else {
        return Ok(Err(check(CheckKind::Changes, Outcome::Unknown, "changes_unknown", [])));
    };
    let (until_ms, found) = match journals.find(manifest, until_ms, &[])? {
        // Up to there it goes on; what is lost is counted from there, and the next backup dumps again.
        Err(Obstacle::Redefined { at_ms, .. }) => {
            (at_ms - 1, journals.find(manifest, at_ms - 1, &[])?)
        }
        found => (until_ms, found),
    };
    let path = match found {
        Ok(path) => path,
        Err(obstacle) => return Ok(Err(in_the_way(&obstacle))),
    };
    let total = path.forecast.changes;
    let told = |done: u64| watch(&Stage::Changes { done: done.min(total), total });
    let done = path.go(Wanted { beside, until_ms, tables: Vec::new() }, &told)?;
    let said = [
        ("changes", Value::from(done.changes)),
        ("transactions", done.transactions.into()),
        ("checked", done.checked.into()),
        ("until_ms", until_ms.into()),
    ];
    let passed = check(CheckKind::Changes, Outcome::Passed, "changes_made", said);
    Ok(Ok((passed, until_ms, done.changes)))
}

fn in_the_way(obstacle: &Obstacle) -> Check {
    let (outcome, code) = match obstacle {
        // The journal is behind the dump: a moment later it is not.
        Obstacle::TooNew | Obstacle::NotReached { .. } => (Outcome::Unknown, "changes_behind"),
        Obstacle::Redefined { .. } => (Outcome::Failed, "changes_redefined"),
        Obstacle::NotCovered | Obstacle::NoPlace | Obstacle::NoLog { .. } => {
            (Outcome::Failed, "changes_gap")
        }
    };
    check(CheckKind::Changes, outcome, code, [("error", obstacle.to_string().into())])
}

fn of_error(error: &VaultError) -> Check {
    let (outcome, code) = match error {
        VaultError::DamagedJournal { .. } => (Outcome::Failed, "changes_damaged"),
        VaultError::Replay(_) => (Outcome::Failed, "changes_unmade"),
        _ => (Outcome::Unknown, "changes_unread"),
    };
    check(CheckKind::Changes, outcome, code, [("error", error.story().into())])
}
