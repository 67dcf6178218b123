//! Brings a database of a backup back, and puts it in the place of the shop's own.

use super::{
    Database, Done, Event, Job, LogMoment, Moment, Taken, Trouble, Voice, clusters, moments,
    streams::DATABASES, work,
};
use databases::{
    DatabaseError,
    dump::{LoadReport, Reader},
    restore::{self, Beside, Obstacle, RowsBack, Stage, Standing},
};
use kernel::config::DatabaseUrl;
use serde::{Deserialize, Serialize};
use std::path::Path;
use vault::{DumpFiles, Origin, lock::LockKind};

/// What is to be done with a restored database.
#[derive(Serialize, Deserialize)]
pub(crate) struct Restoring {
    /// The shop's own, by the account that restores.
    pub(crate) live: Database,
    pub(crate) deed: Deed,
}

#[derive(Serialize, Deserialize)]
pub(crate) enum Deed {
    /// See what is there, and what the account lacks.
    Look {
        name: String,
        mark: String,
    },
    Restore {
        snapshot: String,
        /// What it is called in the snapshot.
        database: String,
        tables: Vec<String>,
        name: String,
        mark: String,
        by_log: Option<LogMoment>,
        /// The snapshot is a base backup, then.
        by_wal: Option<LogMoment>,
    },
    /// See which of these backups, the newest first, a moment is reached from, and what that takes.
    FindMoment {
        moment: Moment,
        snapshots: Vec<Taken>,
    },
    /// What was changed since the backup is made once more in the database that was restored from it.
    Replay {
        moment: Moment,
        snapshot: String,
        database: String,
        name: String,
        mark: String,
    },
    LookForReplay {
        name: String,
        mark: String,
        until_ms: i64,
    },
    Discard {
        name: String,
        mark: String,
    },
    Swap {
        with: String,
        aside: String,
    },
    /// See whether that is done.
    LookForSwap {
        with: String,
        aside: String,
    },
    /// See whether rows of these tables may come back, and how many that would be where they are
    /// `counted`.
    CountRows {
        snapshot: String,
        database: String,
        tables: Vec<String>,
        counted: bool,
    },
    /// From a restored database into the live one.
    PutRows {
        tables: Vec<String>,
        with: String,
        exact: bool,
        kept: String,
        mark: String,
    },
    ReturnRows {
        kept: String,
        mark: String,
    },
    LookForRows {
        kept: String,
        mark: String,
    },
    /// See what restores have put aside.
    Aside,
    /// It goes for good.
    RemoveAside {
        name: String,
    },
}

/// What is there under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Found {
    Nothing,
    Begun,
    Whole,
    Foreign,
}

/// # Errors
/// What kept it from being done. What the shop has is as it was.
pub(super) fn run(job: &Job, wanted: &Restoring, voice: &Voice) -> Result<Done, Box<Trouble>> {
    let live = wanted.live.url();
    let beside = |name: &str, mark: &str| Beside {
        live: live.clone(),
        name: name.to_owned(),
        mark: mark.to_owned(),
    };
    let rows = |kept: &str, mark: &str| RowsBack {
        live: live.clone(),
        kept: kept.to_owned(),
        mark: mark.to_owned(),
    };
    let trouble = |error: DatabaseError| of_restore(&error, &live);
    match &wanted.deed {
        Deed::Look { name, mark } => {
            let lacking = restore::lacking(&live).map_err(trouble)?;
            let found = match beside(name, mark).standing().map_err(trouble)? {
                // An empty one is taken, and nobody loses anything by it.
                Standing::Absent | Standing::Empty => Found::Nothing,
                Standing::Begun => Found::Begun,
                Standing::Whole => Found::Whole,
                Standing::Foreign => Found::Foreign,
            };
            Ok(Done::DatabaseFound { found, lacking, account: live.to_string() })
        }
        Deed::Restore { snapshot, database, tables, name, mark, by_wal: Some(moment), .. } => {
            clusters::go(job, moment, &beside(name, mark), (snapshot, database, tables), voice)
        }
        Deed::Restore { snapshot, database, name, mark, by_log: Some(moment), .. } => {
            moments::go_by_log(job, moment, &beside(name, mark), (snapshot, database), voice)
        }
        Deed::Restore { snapshot, database, tables, name, mark, .. } => {
            bring_back(job, &beside(name, mark), (snapshot, database, tables), voice)
        }
        Deed::FindMoment { moment, snapshots } => moments::find(job, moment, snapshots),
        Deed::Replay { moment, snapshot, database, name, mark } => {
            moments::go(job, moment, beside(name, mark), (snapshot, database), voice)
        }
        Deed::LookForReplay { name, mark, until_ms } => {
            moments::look(&beside(name, mark), *until_ms)
        }
        Deed::Discard { name, mark } => {
            beside(name, mark).discard().map_err(trouble)?;
            Ok(Done::DatabaseSwapped { is_done: true })
        }
        Deed::Swap { with, aside } => {
            restore::swap(&live, with, aside).map_err(trouble)?;
            Ok(Done::DatabaseSwapped { is_done: true })
        }
        Deed::LookForSwap { with, aside } => {
            let is_done = restore::is_swapped(&live, with, aside).map_err(trouble)?;
            Ok(Done::DatabaseSwapped { is_done })
        }
        Deed::CountRows { snapshot, database, tables, counted } => {
            count(job, &live, (snapshot, database, tables), *counted)
        }
        Deed::PutRows { tables, with, exact, kept, mark } => {
            let counts = rows(kept, mark).put(with, tables, *exact).map_err(trouble)?;
            for of in &counts {
                voice.line(format!(
                    "{}: {} rows added, {} changed, {} only in the live table {}",
                    of.table,
                    of.added,
                    of.changed,
                    of.only_live,
                    if *exact { "deleted" } else { "kept" }
                ));
            }
            Ok(Done::Rows(Some(counts)))
        }
        Deed::ReturnRows { kept, mark } => {
            rows(kept, mark).take_back().map_err(trouble)?;
            Ok(Done::Rows(None))
        }
        Deed::RemoveAside { name } => {
            restore::remove_aside(&live, name).map_err(|error| of_removal(&error, name, &live))?;
            voice.line(format!("{name} is gone"));
            restore::aside(&live).map(Done::Aside).map_err(trouble)
        }
        Deed::Aside => restore::aside(&live).map(Done::Aside).map_err(trouble),
        Deed::LookForRows { kept, mark } => {
            Ok(Done::Rows(rows(kept, mark).look().map_err(trouble)?))
        }
    }
}

/// Does something with a database's dump in a snapshot, while nobody may take that away.
pub(super) fn with_dump<T>(
    job: &Job,
    live: &DatabaseUrl,
    (snapshot, database): (&str, &str),
    work: impl FnOnce(&Reader<DumpFiles<'_>>) -> Result<T, DatabaseError>,
) -> Result<T, Box<Trouble>> {
    let trouble = |error| job.at.trouble(error);
    let repository = job.at.open(job.limits)?;
    let snapshot = work::find(job, &repository, snapshot)?;
    let _lock = repository.lock(LockKind::Shared, &Origin::of_this_process()).map_err(trouble)?;
    let reader = repository.reader().map_err(trouble)?;
    let folder = Path::new(DATABASES).join(database);
    let files = DumpFiles::open(&reader, &snapshot, &folder).map_err(trouble)?;
    Reader::open(files).and_then(|dump| work(&dump)).map_err(|error| of_restore(&error, live))
}

fn count(
    job: &Job,
    live: &DatabaseUrl,
    (snapshot, database, tables): (&str, &str, &[String]),
    counted: bool,
) -> Result<Done, Box<Trouble>> {
    let counts = with_dump(job, live, (snapshot, database), |dump| {
        restore::may_come_back(dump, live, tables)?;
        counted.then(|| restore::count(dump, live, tables)).transpose()
    })?;
    Ok(Done::Rows(counts))
}

fn bring_back(
    job: &Job,
    beside: &Beside,
    (snapshot, database, tables): (&str, &str, &[String]),
    voice: &Voice,
) -> Result<Done, Box<Trouble>> {
    let only = (!tables.is_empty()).then_some(tables);
    let watch = |stage: &Stage<'_>| {
        // It is read once to be loaded, and once to be held against what was loaded.
        let (bytes, total) = match stage {
            Stage::Loading(progress) => (progress.bytes_done, progress.bytes),
            Stage::Comparing { bytes_done, bytes } => (bytes + bytes_done, *bytes),
        };
        voice.say(&Event::Progress { bytes, total_bytes: Some(2 * total) });
    };
    let report = with_dump(job, &beside.live, (snapshot, database), |dump| {
        beside.restore(dump, only, &watch)
    })?;
    Ok(restored(&report, voice))
}

pub(super) fn restored(report: &LoadReport, voice: &Voice) -> Done {
    for what in &report.left_out {
        voice.line(format!("left out: {what}"));
    }
    Done::DatabaseRestored { tables: report.tables as u64, rows: report.rows, bytes: report.bytes }
}

fn of_removal(error: &DatabaseError, name: &str, live: &DatabaseUrl) -> Box<Trouble> {
    let trouble = of_restore(error, live);
    if trouble.code == "database_unreachable" {
        return trouble;
    }
    let said = [("name", name.into()), ("error", trouble.message.as_str().into())];
    Box::new(Trouble::new("aside_not_removed", said, trouble.message.clone()))
}

pub(super) fn of_restore(error: &DatabaseError, live: &DatabaseUrl) -> Box<Trouble> {
    let message = super::story(error);
    let about = |code: &str, params: Vec<(&'static str, kernel::Value)>| {
        Box::new(Trouble::new(code, params, message.clone()))
    };
    match error {
        DatabaseError::NameTaken(name) => {
            about("restore_name_taken", vec![("name", name.as_str().into())])
        }
        DatabaseError::Differs { table, what } => about(
            "restore_differs",
            vec![("table", table.as_str().into()), ("what", what.as_str().into())],
        ),
        DatabaseError::NotReplayed { table, why } => about(
            "changes_not_replayed",
            vec![("table", table.as_str().into()), ("why", why.as_str().into())],
        ),
        DatabaseError::NotSwapped { why, .. } => {
            about("database_not_swapped", vec![("why", why.as_str().into())])
        }
        DatabaseError::RowsRefused { table, obstacle, what } => {
            let said = vec![("table", table.as_str().into()), ("what", what.as_str().into())];
            let refused = about(obstacle.code(), said);
            if *obstacle == Obstacle::Busy { Box::new(refused.for_now()) } else { refused }
        }
        DatabaseError::DumpDamaged { file, reason } => about(
            "dump_damaged",
            vec![("file", file.as_str().into()), ("why", reason.as_str().into())],
        ),
        DatabaseError::ConnectPostgres { .. }
        | DatabaseError::ConnectMySql { .. }
        | DatabaseError::TimedOut(_) => Box::new(
            Trouble::new(
                "database_unreachable",
                [("database", live.to_string().into()), ("error", message.as_str().into())],
                message.clone(),
            )
            .for_now(),
        ),
        _ => about("database_not_restored", vec![("error", message.as_str().into())]),
    }
}
