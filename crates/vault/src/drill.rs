//! A drill: a snapshot is really restored, files and databases, into a place of its own, and looked
//! at. What it finds is evidence with a verdict; only what keeps it from looking is an error.
//!
//! Databases are loaded into a server that is started for it and that nobody else has the password
//! of. The living shop is read beside it, by its orders only. Nothing of the drill is left behind.

use crate::{
    Id, Origin, Reader, Snapshot, VaultError,
    progress::Progress,
    restore::{self, FailureKind},
};
use databases::{dump::LoadProgress, orders::OrderQuery};
use kernel::{Value, config::DatabaseUrl, plan::Reason};
pub(crate) use scratch::Scratch;
use serde::{Deserialize, Serialize};
use shops::OrderGraph;
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

mod boot;
mod changes;
mod database;
mod judgement;
mod order;
mod orders;
mod scratch;

pub use boot::Boot;
pub use changes::Changes;
pub use judgement::{Check, CheckKind, Outcome, Verdict, score, verdict};

/// Where the dumps of databases lie in a snapshot, a folder each.
pub const DATABASES: &str = "/databases";

/// What is to be tried.
#[derive(Debug)]
pub struct Request {
    pub snapshot: Snapshot,
    /// Where its dumps lie, when it has none of its own: an older one, and a journal stands for what came
    /// since.
    pub dump: Option<Snapshot>,
    /// The journal that the shop's database goes on by from its dump; `None`: it is tried as it was dumped.
    pub changes: Option<Changes>,
    /// A folder for this drill alone: made, emptied before, gone after. A database server runs in it
    /// as another user when we are root, who must be able to reach it.
    pub scratch: PathBuf,
    /// The shop has one, so that a snapshot without one is not whole; its orders are looked at.
    pub live: Option<DatabaseUrl>,
    /// How its platform's orders are read; `None`: nobody knows.
    pub orders: Option<OrderQuery>,
    /// What belongs to an order of its, as the platform's file has it; none: nobody knows.
    pub graphs: Vec<OrderGraph>,
    /// How the shop is started from it; `None`: nobody said.
    pub boot: Option<Boot>,
    pub objective: Objective,
    pub origin: Origin,
    /// Unix milliseconds.
    pub now_ms: i64,
}

/// What was agreed with the shop's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objective {
    /// How long the shop may be away until it is restored.
    pub back_within_ms: u64,
    /// Of how much time everything may be lost.
    pub lose_at_most_ms: u64,
}

/// What was found, and what it took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub snapshot: Id,
    /// When the snapshot was made, and when the drill began. Unix milliseconds.
    pub snapshot_ms: i64,
    pub begun_ms: i64,
    /// What a restore would take on this machine: the files, and the databases after them.
    pub files_ms: u64,
    pub database_ms: u64,
    /// The backup whose dump it was, where that is another, and when that began.
    #[serde(default)]
    pub dump: Option<(Id, i64)>,
    /// The moment that the database was brought to by the journal; `None`: it is as of its dump.
    #[serde(default)]
    pub until_ms: Option<i64>,
    /// Of the time for databases, what these changes took.
    #[serde(default)]
    pub replay_ms: u64,
    #[serde(default)]
    pub changes: u64,
    /// Until the shop answered; 0 where it was not started.
    #[serde(default)]
    pub boot_ms: u64,
    pub files: u64,
    pub bytes: u64,
    pub tables: u64,
    pub rows: u64,
    /// One of each kind, in their order.
    pub checks: Vec<Check>,
    pub verdict: Verdict,
    /// 0 to 100; `None`: there was nothing to look at.
    pub score: Option<u8>,
}

impl Report {
    /// How long a restore took.
    #[must_use]
    pub fn took_ms(&self) -> u64 {
        self.files_ms + self.database_ms + self.boot_ms
    }

    /// What would have been lost, had the machine ended when the drill began: of a database with a journal
    /// that was made once more, what came after it; else what came after the backup, or its dump.
    #[must_use]
    pub fn lost_ms(&self) -> u64 {
        let dump_ms = self.dump.map_or(self.snapshot_ms, |(_, at_ms)| at_ms);
        let known_ms = self.until_ms.unwrap_or(dump_ms);
        u64::try_from(self.begun_ms - known_ms).unwrap_or(0)
    }
}

/// Where a drill is.
#[derive(Debug)]
pub enum Stage<'a> {
    Files(&'a Progress),
    /// A server for databases is being started.
    Server,
    Database(&'a LoadProgress),
    /// So many changes of so many are made once more.
    Changes {
        done: u64,
        total: u64,
    },
    /// Orders are compared with the living shop's.
    Orders,
    /// The shop is being started.
    Boot,
}

/// Is told where a drill is.
pub type Watch<'a> = &'a (dyn Fn(&Stage<'_>) + Sync);

/// Drills one snapshot, under a shared lock of its repository while its files are read.
///
/// # Errors
/// When it cannot be tried: [`VaultError::NoRoom`], [`VaultError::File`] of a scratch folder that
/// cannot be made, [`VaultError::Locked`], [`VaultError::Storage`]. Whatever is wrong with the backup
/// stands in the report.
pub fn run(reader: &Reader, request: &Request, watch: Watch<'_>) -> Result<Report, VaultError> {
    let snapshot = &request.snapshot;
    boot::end_leftovers(&request.scratch);
    let needed = room(snapshot) + request.dump.as_ref().map_or(0, room);
    let scratch = Scratch::make(&request.scratch, needed)?;
    let mut report = Report {
        snapshot: snapshot.id,
        snapshot_ms: snapshot.time.ms(),
        begun_ms: request.now_ms,
        files_ms: 0,
        database_ms: 0,
        dump: request.dump.as_ref().map(|dump| (dump.id, dump.time.ms())),
        until_ms: None,
        replay_ms: 0,
        changes: 0,
        boot_ms: 0,
        files: 0,
        bytes: 0,
        tables: 0,
        rows: 0,
        checks: Vec::new(),
        verdict: Verdict::Unknown,
        score: None,
    };
    let begun = Instant::now();
    let mut restored = bring(reader, request, snapshot, ("/", scratch.files()), watch)?;
    if let Some(dump) = &request.dump {
        let folder = scratch.files().join(DATABASES.trim_start_matches('/'));
        let more = bring(reader, request, dump, (DATABASES, folder), watch)?;
        restored.files += more.files;
        restored.bytes += more.bytes;
        restored.failures.extend(more.failures);
    }
    report.files_ms = milliseconds(begun.elapsed());
    (report.files, report.bytes) = (restored.files, restored.bytes);
    report.checks.push(of_files(&restored));
    let found = database::drill(&scratch, request, watch);
    report.database_ms = milliseconds(found.took);
    (report.tables, report.rows) = (found.tables, found.rows);
    let database::Looked { replayed, orders, round_trip } = found.looked;
    report.until_ms = replayed.until_ms;
    report.replay_ms = milliseconds(replayed.took);
    report.changes = replayed.changes;
    report.boot_ms = milliseconds(found.boot.took);
    let of_database = [found.database, replayed.check, orders, round_trip, found.boot.check];
    report.checks.extend(of_database);
    report.checks.extend(of_objective(&report, request.objective));
    report.verdict = verdict(&report.checks);
    report.score = score(&report.checks);
    scratch.remove()?;
    Ok(report)
}

fn bring(
    reader: &Reader,
    request: &Request,
    snapshot: &Snapshot,
    (path, target): (&str, PathBuf),
    watch: Watch<'_>,
) -> Result<restore::Report, VaultError> {
    let wanted = restore::Request {
        snapshot: snapshot.clone(),
        path: PathBuf::from(path),
        target,
        origin: request.origin.clone(),
    };
    restore::run(reader, &wanted, &|progress| watch(&Stage::Files(progress)))
}

/// What a drill needs in its scratch folder: every file, and every database a second time with its
/// indexes and its server's own files.
fn room(snapshot: &Snapshot) -> u64 {
    const SERVER: u64 = 512 << 20;
    let bytes = snapshot.summary.as_ref().map_or(0, |summary| summary.total_bytes_processed);
    bytes * 2 + SERVER
}

fn of_files(restored: &restore::Report) -> Check {
    let figures = [("files", restored.files.into()), ("bytes", restored.bytes.into())];
    let Some(first) = restored.failures.first() else {
        return check(CheckKind::Files, Outcome::Passed, "files_whole", figures);
    };
    let ours = |kind: &FailureKind| matches!(kind, FailureKind::Unwritten);
    // What this disk did not take says nothing about the backup.
    let outcome = if restored.failures.iter().all(|failure| ours(&failure.kind)) {
        Outcome::Unknown
    } else {
        Outcome::Failed
    };
    let said = [
        ("count", Value::from(restored.failures.len() as u64)),
        ("file", format!("/{}", first.path.display()).into()),
        ("why", first.why.as_str().into()),
    ];
    check(CheckKind::Files, outcome, "files_damaged", said)
}

fn of_objective(report: &Report, objective: Objective) -> [Check; 2] {
    let within = |is: u64, at_most: u64| {
        if is <= at_most { Outcome::Passed } else { Outcome::Failed }
    };
    let figures = |is: u64, agreed: u64| [("is_ms", is.into()), ("agreed_ms", agreed.into())];
    let (took, lost) = (report.took_ms(), report.lost_ms());
    let (back, lose) = (objective.back_within_ms, objective.lose_at_most_ms);
    [
        check(CheckKind::RestoreTime, within(took, back), "restore_time", figures(took, back)),
        check(CheckKind::DataLoss, within(lost, lose), "data_loss", figures(lost, lose)),
    ]
}

fn check(
    kind: CheckKind,
    outcome: Outcome,
    code: &str,
    params: impl IntoIterator<Item = (&'static str, Value)>,
) -> Check {
    Check { kind, outcome, said: Reason::new(code, params) }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Where the restored dump of a database lies, by the name of its folder in the snapshot.
fn dumps(files: &Path) -> std::io::Result<Vec<PathBuf>> {
    let folder = files.join(DATABASES.trim_start_matches('/'));
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        found.push(entry?.path());
    }
    found.sort();
    Ok(found)
}
