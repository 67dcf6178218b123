//! Brings a database of a backup back, and puts it in the place of the shop's own.

use super::{Database, Done, Event, Job, Trouble, Voice, streams::DATABASES, work};
use databases::{
    DatabaseError,
    dump::Reader,
    restore::{self, Beside, Stage, Standing},
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
        Deed::Restore { snapshot, database, tables, name, mark } => {
            bring_back(job, &beside(name, mark), (snapshot, database, tables), voice)
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
    }
}

fn bring_back(
    job: &Job,
    beside: &Beside,
    (snapshot, database, tables): (&str, &str, &[String]),
    voice: &Voice,
) -> Result<Done, Box<Trouble>> {
    let trouble = |error| job.at.trouble(error);
    let repository = job.at.open(job.limits)?;
    let snapshot = work::find(job, &repository, snapshot)?;
    let _lock = repository.lock(LockKind::Shared, &Origin::of_this_process()).map_err(trouble)?;
    let reader = repository.reader().map_err(trouble)?;
    let folder = Path::new(DATABASES).join(database);
    let files = DumpFiles::open(&reader, &snapshot, &folder).map_err(trouble)?;
    let failed = |error: DatabaseError| of_restore(&error, &beside.live);
    let dump = Reader::open(files).map_err(failed)?;
    let only = (!tables.is_empty()).then_some(tables);
    let watch = |stage: &Stage<'_>| {
        // It is read once to be loaded, and once to be held against what was loaded.
        let (bytes, total) = match stage {
            Stage::Loading(progress) => (progress.bytes_done, progress.bytes),
            Stage::Comparing { bytes_done, bytes } => (bytes + bytes_done, *bytes),
        };
        voice.say(&Event::Progress { bytes, total_bytes: Some(2 * total) });
    };
    let report = beside.restore(&dump, only, &watch).map_err(failed)?;
    for what in &report.left_out {
        voice.line(format!("left out: {what}"));
    }
    Ok(Done::DatabaseRestored {
        tables: report.tables as u64,
        rows: report.rows,
        bytes: report.bytes,
    })
}

fn of_restore(error: &DatabaseError, live: &DatabaseUrl) -> Box<Trouble> {
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
        DatabaseError::NotSwapped { why, .. } => {
            about("database_not_swapped", vec![("why", why.as_str().into())])
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
