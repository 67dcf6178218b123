//! Goes back to a moment by PostgreSQL's write-ahead log: a cluster of its own, out of a base backup, replays it,
//! and the shop's database is taken from there beside the living one.

use super::{
    Done, Event, Job, LogMoment, Trouble, Voice, bases,
    databases::{of_restore, restored},
    moments::of_journal,
};
use databases::{
    dump::{Dump, Folder, Options, Reader},
    restore::{Beside, Stage},
};
use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};
use vault::{
    Origin, VaultError,
    journal::Place,
    lock::LockKind,
    wal::{self, Archive, Request, Running, Standing},
};

/// The folder of it all: there only meanwhile.
struct Scratch(PathBuf);

impl Scratch {
    /// Empties it of what one that was killed has left.
    fn make(path: &Path) -> Result<Self, VaultError> {
        clear(path)?;
        let failed = |source| VaultError::File { operation: "make", path: path.to_owned(), source };
        fs::create_dir_all(path).map_err(failed)?;
        // A server that runs as another user passes through; nobody reads what is in it.
        fs::set_permissions(path, fs::Permissions::from_mode(0o711)).map_err(failed)?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = clear(&self.0) {
            tracing::warn!(error = error.story(), "a cluster's folder is left; the next clears it");
        }
    }
}

fn clear(path: &Path) -> Result<(), VaultError> {
    match fs::remove_dir_all(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(VaultError::File { operation: "clear", path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Restores the database as it was at a moment.
///
/// # Errors
/// What kept it from being done; the same again begins anew, or finds it done.
pub(super) fn go(
    job: &Job,
    of: &LogMoment,
    beside: &Beside,
    (base, database, tables): (&str, &str, &[String]),
    voice: &Voice,
) -> Result<Done, Box<Trouble>> {
    let scratch = Scratch::make(&of.scratch).map_err(|error| job.at.trouble(error))?;
    let running = recover(job, of, base, &scratch.0.join("cluster"), voice)?;
    voice.line("the cluster is as it was; the database is taken from it");
    let dump = scratch.0.join("dump");
    let failed = |error| of_restore(&error, &beside.live);
    let taken = Dump::begin(&running.url(database), Options::new(job.now_ms));
    taken.and_then(|taken| Folder::at(dump.clone()).take(taken)).map_err(failed)?;
    running.stop().map_err(|error| of_cluster(job, error))?;
    let reader = Reader::open(Folder::at(dump)).map_err(failed)?;
    let watch = |stage: &Stage<'_>| {
        // It is read once to be loaded, and once to be held against what was loaded.
        let (bytes, total) = match stage {
            Stage::Loading(progress) => (progress.bytes_done, progress.bytes),
            Stage::Comparing { bytes_done, bytes } => (bytes + bytes_done, *bytes),
        };
        voice.say(&Event::Progress { bytes, total_bytes: Some(2 * total) });
    };
    let only = (!tables.is_empty()).then_some(tables);
    let report = beside.restore(&reader, only, &watch).map_err(failed)?;
    Ok(restored(&report, voice))
}

fn recover(
    job: &Job,
    of: &LogMoment,
    base: &str,
    folder: &Path,
    voice: &Voice,
) -> Result<Running, Box<Trouble>> {
    let trouble = |error| job.at.trouble(error);
    let place = Place::of(&of.state, &job.shop);
    let (key, standing) = match (place.key(), Standing::read(&place)) {
        (Ok(Some(key)), Ok(Some(standing))) => (key, standing),
        (Err(error), _) | (_, Err(error)) => return Err(of_journal(&error)),
        _ => return Err(Box::new(nothing_kept())),
    };
    let repository = job.at.open(job.limits)?;
    let _lock = repository.lock(LockKind::Shared, &Origin::of_this_process()).map_err(trouble)?;
    let request = Request {
        reader: &repository.reader().map_err(trouble)?,
        snapshot: &bases::find(job, &repository, base)?,
        archive: &Archive::of(&place, &key),
        standing: &standing,
        until_ms: of.until_ms,
        folder: folder.to_owned(),
        is_passing: true,
    };
    let told = |stage: wal::Stage| {
        voice.line(match stage {
            wal::Stage::Unpacking => {
                "the base backup is unpacked, and every file held against it".to_owned()
            }
            wal::Stage::Replaying { segments } => format!("{segments} segments are replayed"),
        });
    };
    wal::recover(&request, &told).map_err(|error| of_cluster(job, error))
}

fn nothing_kept() -> Trouble {
    let message = "the write-ahead log of this shop's server is not kept here";
    Trouble::new("wal_not_kept", [], message)
}

fn of_cluster(job: &Job, error: VaultError) -> Box<Trouble> {
    let message = error.story();
    match error {
        VaultError::Cluster(_) | VaultError::WalEnds { .. } | VaultError::WalMissing { .. } => {
            let said = [("error", message.as_str().into())];
            Box::new(Trouble::new("wal_not_replayed", said, message.clone()))
        }
        error => job.at.trouble(error),
    }
}
