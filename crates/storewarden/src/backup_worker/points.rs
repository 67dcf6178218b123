//! Which moments a shop's database goes back to, by its dumps and the journal of changes; and whether the
//! journal stands for a dump that a backup leaves out.

use super::{
    Job, Taken, Trouble, Voice,
    job::Database,
    moments::{manifest_of, of_journal},
    streams::DATABASES,
    work,
};
use crate::stream::SILENT_MS;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use vault::{
    Origin, Repository, Snapshot, VaultError,
    journal::Place,
    lock::LockKind,
    moment::{Journals, Obstacle, Point, StandIn, Terms, Why, stand_in},
    stream::Standing,
};

/// A step that no moment is listed for.
const NO_STEP_MS: i64 = i64::MAX;

/// What is to be looked at.
#[derive(Serialize, Deserialize)]
pub(crate) struct Points {
    /// The state directory, where the journals are.
    pub(crate) state: PathBuf,
    pub(crate) step_ms: i64,
    /// The newest first, each with when the next newer one was taken: later moments are that one's.
    pub(crate) dumps: Vec<(Taken, i64)>,
}

/// Every moment between two that one dump is gone on from. Unix milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reached {
    pub(crate) snapshot: String,
    pub(crate) dump_ms: i64,
    /// In the dump.
    pub(crate) rows: u64,
    pub(crate) from_ms: i64,
    pub(crate) until_ms: i64,
    /// What was redefined then.
    pub(crate) redefined: Option<String>,
    /// Moment, changes and transactions, the oldest first; the last moment is the last of them.
    pub(crate) points: Vec<(i64, u64, u64)>,
}

/// The journal that a backup may leave the dump out for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Stream {
    pub(crate) state: PathBuf,
    pub(crate) every_ms: i64,
    pub(crate) behind_at_most_ms: i64,
    pub(crate) back_within_ms: u64,
    pub(crate) changes_a_second: Option<u64>,
}

/// Looks at each dump; those that no moment is reached from are left out.
///
/// # Errors
/// When the repository or a journal cannot be read.
pub(super) fn look(job: &Job, wanted: &Points) -> Result<Vec<Reached>, Box<Trouble>> {
    let trouble = |error| job.at.trouble(error);
    let journals = journals(&wanted.state, job).map_err(|error| of_journal(&error))?;
    let repository = job.at.open(job.limits)?;
    let _lock = repository.lock(LockKind::Shared, &Origin::of_this_process()).map_err(trouble)?;
    let reader = repository.reader().map_err(trouble)?;
    let mut all = Vec::new();
    for (taken, before_ms) in &wanted.dumps {
        let snapshot = work::find(job, &repository, &taken.id)?;
        let manifest = manifest_of(job, &reader, &snapshot, &taken.database)?;
        let found = journals.reach(&manifest, *before_ms, wanted.step_ms);
        let Ok(reach) = found.map_err(|error| of_journal(&error))? else { continue };
        let numbers = |point: &Point| (point.at_ms, point.changes, point.transactions);
        let mut points: Vec<_> = reach.points.iter().map(numbers).collect();
        if points.last().is_none_or(|(at_ms, ..)| *at_ms < reach.until_ms) {
            points.push(numbers(&reach.last));
        }
        all.push(Reached {
            snapshot: taken.id.clone(),
            dump_ms: manifest.taken_ms,
            rows: manifest.tables.iter().map(|table| table.row_count).sum(),
            from_ms: reach.from_ms,
            until_ms: reach.until_ms,
            redefined: reach.ends.as_ref().map(named),
            points,
        });
    }
    Ok(all)
}

/// What was redefined, by its name or the statement.
fn named(obstacle: &Obstacle) -> String {
    match obstacle {
        Obstacle::Redefined { table, statement, .. } => {
            statement.clone().or_else(|| table.clone()).unwrap_or_default()
        }
        other => other.to_string(),
    }
}

/// Whether the journal stands for the database this time; why it does or does not, is said.
pub(super) fn stands_in(
    job: &Job,
    (stream, database): (&Stream, &Database),
    (repository, before): (&Repository, &[Snapshot]),
    voice: &Voice,
) -> Option<StandIn> {
    let place = Place::of(&stream.state, &job.shop);
    let standing = Standing::read(&place).unwrap_or_default();
    let standing = standing.filter(|told| (job.now_ms - told.at_ms).abs() < SILENT_MS);
    let has_it = |snapshot: &&Snapshot| work::has_dump(snapshot, &database.name);
    let newest = before.iter().rev().find(has_it);
    let terms = Terms {
        every_ms: stream.every_ms,
        behind_at_most_ms: stream.behind_at_most_ms,
        back_within_ms: stream.back_within_ms,
        changes_a_second: stream.changes_a_second,
    };
    let times = (newest.map(|snapshot| snapshot.time.ms()), job.now_ms);
    let reach = || {
        let newest = newest.expect("invariant: looked for only when there is a dump");
        let reader = repository.reader()?;
        let manifest = manifest_of(job, &reader, newest, &database.name);
        let unread = |trouble: Box<Trouble>| VaultError::Stream {
            path: Path::new(DATABASES).join(&database.name),
            why: trouble.message,
        };
        let manifest = manifest.map_err(unread)?;
        Journals::of(&place)?.reach(&manifest, i64::MAX, NO_STEP_MS)
    };
    match stand_in(&terms, standing.as_ref(), times, reach) {
        Ok(stands) => {
            voice.line(format!(
                "database {} is not dumped: the journal of changes stands for it up to {}, {} changes \
                 after the dump of {}",
                database.name,
                moment(stands.until_ms),
                stands.changes,
                moment(stands.dump_ms)
            ));
            Some(stands)
        }
        Err(why) => {
            if !matches!(why, Why::NoDump) {
                voice.line(format!("database {} is dumped: {why}", database.name));
            }
            None
        }
    }
}

fn journals(state: &Path, job: &Job) -> Result<Journals, VaultError> {
    Journals::of(&Place::of(state, &job.shop))
}

fn moment(at_ms: i64) -> String {
    Timestamp::from_millisecond(at_ms).map_or_else(|_| at_ms.to_string(), |at| at.to_string())
}
