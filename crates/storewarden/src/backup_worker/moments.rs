//! Goes on from a restored database to a moment, by the journal of changes.

use super::{
    Done, Event, Job, Taken, Trouble, Voice, databases::of_restore, streams::DATABASES, work,
};
use databases::{
    dump::{LoadProgress, LoadReport, Manifest, Reader},
    replay::{self, Wanted},
    restore::{Beside, Stage, Standing},
};
use jiff::Timestamp;
use kernel::{
    Value,
    config::DatabaseUrl,
    plan::{ByLog, ByWal, Way},
};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use vault::{
    DumpFiles, Origin, Snapshot, VaultError,
    journal::Place,
    lock::LockKind,
    moment::{Forecast, Journals, LogPath, LogStage, Obstacle},
};

/// Older dumps than so many are not looked into: they lie before the same gap.
const MOST_DUMPS: usize = 8;

/// Which moment, and what it may be reached from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Moment {
    /// The state directory, where the journals are.
    pub(crate) state: PathBuf,
    /// Unix milliseconds.
    pub(crate) until_ms: i64,
    /// As people name them; none: all.
    pub(crate) tables: Vec<String>,
    /// By what it is to be gone there; `None`: by what goes.
    pub(crate) by: Option<Way>,
}

/// Which moment, by the server's own log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LogMoment {
    /// The state directory, where the journals are.
    pub(crate) state: PathBuf,
    /// Unix milliseconds.
    pub(crate) until_ms: i64,
    /// Where a server is started for it; there only meanwhile.
    pub(crate) scratch: PathBuf,
}

/// What going there takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reached {
    /// The backup's whole id.
    pub(crate) snapshot: String,
    pub(crate) database: String,
    /// The moment, unix milliseconds.
    pub(crate) until_ms: i64,
    /// Of its dump, by the database's own clock.
    pub(crate) from_ms: i64,
    pub(crate) transactions: u64,
    pub(crate) changes: u64,
    /// When the last of them was committed.
    pub(crate) last_ms: Option<i64>,
    /// Where the journal alone does not go there: by the server's own log.
    pub(crate) by_log: Option<ByLog>,
    /// The same of PostgreSQL's, from a base backup on.
    pub(crate) by_wal: Option<ByWal>,
}

/// How far changes are that are made once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Replayed {
    NotBegun,
    Begun,
    Done,
}

impl Moment {
    fn journals(&self, job: &Job) -> Result<Journals, Box<Trouble>> {
        Journals::of(&Place::of(&self.state, &job.shop)).map_err(|error| of_journal(&error))
    }
}

/// Looks which backup the moment is reached from: the newest before it whose changes are all known.
/// `snapshots` are the newest first, those after the moment among them.
///
/// # Errors
/// Why it cannot be reached, with the next that can.
pub(super) fn find(job: &Job, of: &Moment, snapshots: &[Taken]) -> Result<Done, Box<Trouble>> {
    let trouble = |error| job.at.trouble(error);
    let journals = of.journals(job)?;
    let repository = job.at.open(job.limits)?;
    let _lock = repository.lock(LockKind::Shared, &Origin::of_this_process()).map_err(trouble)?;
    let reader = repository.reader().map_err(trouble)?;
    let manifest = |taken: &Taken| {
        let snapshot = work::find(job, &repository, &taken.id)?;
        manifest_of(job, &reader, &snapshot, &taken.database)
    };
    let mut told = None;
    let before = snapshots.iter().filter(|taken| taken.at_ms <= of.until_ms);
    for taken in before.take(MOST_DUMPS) {
        let manifest = manifest(taken)?;
        let labels = labels(&manifest, &of.tables)?;
        if of.by == Some(Way::Log) {
            let found = journals.by_log(&manifest, of.until_ms);
            match found.map_err(|error| of_journal(&error))? {
                Ok(path) => return Ok(Done::Moment(by_the_log(taken, &path))),
                Err(Obstacle::TooNew) => {}
                Err(obstacle) => told = told.or(Some(obstacle)),
            }
            continue;
        }
        let found = journals.find(&manifest, of.until_ms, &labels);
        match found.map_err(|error| of_journal(&error))? {
            Ok(path) => {
                let forecast = path.forecast;
                return Ok(Done::Moment(Reached {
                    snapshot: taken.id.clone(),
                    database: taken.database.clone(),
                    until_ms: of.until_ms,
                    from_ms: forecast.from_ms,
                    transactions: forecast.transactions,
                    changes: forecast.changes,
                    last_ms: forecast.last_ms,
                    by_log: None,
                    by_wal: None,
                }));
            }
            Err(obstacle @ Obstacle::Redefined { .. }) if of.by.is_none() => {
                let found = journals.by_log(&manifest, of.until_ms);
                return match found.map_err(|error| of_journal(&error))? {
                    Ok(path) => Ok(Done::Moment(by_the_log(taken, &path))),
                    Err(why) => Err(neither(&obstacle, &why, of.until_ms)),
                };
            }
            Err(Obstacle::TooNew) => {}
            // Every older dump has the same before it.
            Err(obstacle @ (Obstacle::Redefined { .. } | Obstacle::NotReached { .. })) => {
                return Err(stands_in_the_way(&obstacle, of.until_ms, None));
            }
            Err(obstacle) => told = told.or(Some(obstacle)),
        }
    }
    let mut first_ms = None;
    let after = snapshots.iter().rev().filter(|taken| taken.at_ms > of.until_ms);
    for taken in after.take(MOST_DUMPS) {
        let manifest = manifest(taken)?;
        let found = journals.find(&manifest, manifest.taken_ms, &[]);
        let found = found.map_err(|error| of_journal(&error))?;
        if !matches!(found, Err(Obstacle::NotCovered | Obstacle::NoPlace)) {
            first_ms = Some(manifest.taken_ms);
            break;
        }
    }
    Err(stands_in_the_way(&told.unwrap_or(Obstacle::NotCovered), of.until_ms, first_ms))
}

/// Makes the changes.
///
/// # Errors
/// What kept them from being made; the same again goes on.
pub(super) fn go(
    job: &Job,
    of: &Moment,
    beside: Beside,
    (snapshot, database): (&str, &str),
    voice: &Voice,
) -> Result<Done, Box<Trouble>> {
    let live = beside.live.clone();
    let dump = (snapshot, database);
    let manifest =
        super::databases::with_dump(job, &live, dump, |dump| Ok(dump.manifest().clone()))?;
    let labels = labels(&manifest, &of.tables)?;
    let found = of.journals(job)?.find(&manifest, of.until_ms, &labels);
    let path = found.map_err(|error| of_journal(&error))?;
    let path = path.map_err(|obstacle| stands_in_the_way(&obstacle, of.until_ms, None))?;
    let total = path.forecast.changes;
    let told = |done: u64| voice.say(&Event::Changes { done: done.min(total), total });
    let wanted = Wanted { beside, until_ms: of.until_ms, tables: labels };
    let done = path.go(wanted, &told).map_err(|error| of_replay(&error, &live))?;
    let replay::Progress { transactions, changes, checked, .. } = done;
    Ok(Done::Replayed { transactions, changes, checked })
}

fn by_the_log(taken: &Taken, path: &LogPath) -> Reached {
    let Forecast { transactions, changes, from_ms, last_ms } = path.forecast;
    Reached {
        snapshot: taken.id.clone(),
        database: taken.database.clone(),
        until_ms: path.until_ms,
        from_ms,
        transactions,
        changes,
        last_ms,
        by_log: Some(ByLog {
            until_ms: path.until_ms,
            from_ms,
            transactions,
            changes,
            last_ms,
            what: path.what.clone(),
            redefined_ms: path.redefined_ms,
        }),
        by_wal: None,
    }
}

/// Restores the database as it was at a moment, by the server's own log.
///
/// # Errors
/// What kept it from being done; the same again begins anew, or finds it done.
pub(super) fn go_by_log(
    job: &Job,
    of: &LogMoment,
    beside: &Beside,
    dump: (&str, &str),
    voice: &Voice,
) -> Result<Done, Box<Trouble>> {
    let live = &beside.live;
    if beside.standing().map_err(|error| of_restore(&error, live))? == Standing::Whole {
        return Ok(super::databases::restored(&LoadReport::default(), voice));
    }
    let journals = Journals::of(&Place::of(&of.state, &job.shop));
    let journals = journals.map_err(|error| of_journal(&error))?;
    let watch = |stage: &LogStage<'_>| match stage {
        LogStage::Loading(LoadProgress { bytes_done, bytes, .. }) => {
            voice.say(&Event::Progress { bytes: *bytes_done, total_bytes: Some(*bytes) });
        }
        LogStage::Playing { bytes } => {
            voice.line(format!("{bytes} bytes of the server's log are played once more"));
        }
        LogStage::Compared { rows } => {
            voice.line(format!("{rows} rows that were changed are as the journal has them"));
        }
        LogStage::Restoring(Stage::Loading(progress)) => {
            let (bytes, total) = (progress.bytes_done, progress.bytes);
            voice.say(&Event::Progress { bytes, total_bytes: Some(2 * total) });
        }
        LogStage::Restoring(Stage::Comparing { bytes_done, bytes }) => {
            let total_bytes = Some(2 * bytes);
            voice.say(&Event::Progress { bytes: bytes + bytes_done, total_bytes });
        }
    };
    let done = super::databases::with_dump(job, live, dump, |dump| {
        let path = match journals.by_log(dump.manifest(), of.until_ms) {
            Ok(Ok(path)) => path,
            Ok(Err(why)) => return Ok(Err(stands_in_the_way(&why, of.until_ms, None))),
            Err(error) => return Ok(Err(of_journal(&error))),
        };
        let went = path.go(dump, beside, &of.scratch, job.now_ms, &watch);
        Ok(went.map_err(|error| of_replay(&error, live)))
    })?;
    Ok(super::databases::restored(&done?, voice))
}

/// # Errors
/// When the server does not let us look.
pub(super) fn look(beside: &Beside, until_ms: i64) -> Result<Done, Box<Trouble>> {
    let stage = replay::stage(beside, until_ms);
    Ok(Done::ReplayStands(match stage.map_err(|error| of_restore(&error, &beside.live))? {
        replay::Stage::NotBegun => Replayed::NotBegun,
        replay::Stage::Begun => Replayed::Begun,
        replay::Stage::Done => Replayed::Done,
    }))
}

/// What a dump in a backup says of itself.
pub(super) fn manifest_of(
    job: &Job,
    reader: &vault::Reader,
    snapshot: &Snapshot,
    database: &str,
) -> Result<Manifest, Box<Trouble>> {
    let folder = Path::new(DATABASES).join(database);
    let files = DumpFiles::open(reader, snapshot, &folder);
    let files = files.map_err(|error| job.at.trouble(error))?;
    let opened = Reader::open(files).map(|dump| dump.manifest().clone());
    opened.map_err(|error| Trouble::of_database(&error, database))
}

/// The tables by their labels.
fn labels(manifest: &Manifest, tables: &[String]) -> Result<Vec<String>, Box<Trouble>> {
    let label = |name: &String| {
        let is =
            |label: &String, table: &databases::dump::Table| label == name || table.name == *name;
        let found = manifest.tables.iter().map(|table| (table.label(), table));
        let found = found.into_iter().find(|(label, table)| is(label, table));
        found.map(|(label, _)| label).ok_or_else(|| {
            let said = [("table", name.as_str().into()), ("what", "".into())];
            let message = format!("there is no table `{name}` in the backup");
            Box::new(Trouble::new("rows_no_table", said, message))
        })
    };
    tables.iter().map(label).collect()
}

pub(super) fn of_journal(error: &VaultError) -> Box<Trouble> {
    let message = error.story();
    let said = [("error", message.as_str().into())];
    Box::new(Trouble::new("journal_unreadable", said, message.clone()))
}

fn of_replay(error: &VaultError, live: &DatabaseUrl) -> Box<Trouble> {
    match error {
        VaultError::Replay(source) => of_restore(source, live),
        error => of_journal(error),
    }
}

/// Neither the journal nor the server's own log goes there.
fn neither(obstacle: &Obstacle, why: &Obstacle, until_ms: i64) -> Box<Trouble> {
    let trouble = stands_in_the_way(obstacle, until_ms, None);
    let message = format!("{}; by the server's own log neither: {why}", trouble.message);
    let why = ("why".to_owned(), why.to_string().into());
    let params = trouble.params.clone().into_iter().chain([why]).collect();
    Box::new(Trouble { message, params, ..*trouble })
}

fn stands_in_the_way(obstacle: &Obstacle, until_ms: i64, first_ms: Option<i64>) -> Box<Trouble> {
    let moment = |at_ms: i64| {
        Timestamp::from_millisecond(at_ms).map_or_else(|_| at_ms.to_string(), |at| at.to_string())
    };
    let about = |code: &str, said: Vec<(&'static str, Value)>, message: String| {
        Box::new(Trouble::new(code, said, message))
    };
    match obstacle {
        Obstacle::NotReached { until_ms: last_ms } => {
            let message =
                format!("the journal is not so far: it has everything up to {}", moment(*last_ms));
            let said = [("until_ms", (*last_ms).into())];
            Box::new(Trouble::new("moment_not_reached", said, message).for_now())
        }
        Obstacle::Redefined { table, statement, at_ms } => {
            let what = statement.clone().or_else(|| table.clone()).unwrap_or_default();
            let message = format!(
                "a table was redefined or is new at {}: {what}; every moment before that can be reached, and \
                 every one after the next backup",
                moment(*at_ms)
            );
            about(
                "moment_redefined",
                vec![("what", what.as_str().into()), ("at_ms", (*at_ms).into())],
                message,
            )
        }
        Obstacle::NoLog { why } => {
            let message = format!("{} cannot be reached: {why}", moment(until_ms));
            about("moment_not_covered", Vec::new(), message)
        }
        Obstacle::NotCovered | Obstacle::TooNew | Obstacle::NoPlace => {
            let said = first_ms.map(|first_ms| ("first_ms", first_ms.into()));
            let mut message = format!(
                "{} cannot be reached: no backup before it has all of its changes in the journal",
                moment(until_ms)
            );
            if let Some(first_ms) = first_ms {
                message.push_str(&format!("; the first moment that can is {}", moment(first_ms)));
            }
            about("moment_not_covered", said.into_iter().collect(), message)
        }
    }
}
