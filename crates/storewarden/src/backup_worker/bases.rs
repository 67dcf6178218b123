//! Base backups of a PostgreSQL cluster whose log is kept: each a snapshot of its own beside the shop's, copied
//! and forgotten with them (docs/wal.md).

use super::{Database, Job, Place, Trouble, Voice, databases::of_restore, story};
use crate::control::now_ms;
use serde::{Deserialize, Serialize};
use vault::{
    Origin, Repository, Snapshot, backup, copy,
    wal::{self, BASE_TAG, Base, BaseNote, FROM_TAG},
};

/// When one is due.
#[derive(Serialize, Deserialize)]
pub(crate) struct Bases {
    /// By the account that replicates.
    pub(crate) database: Database,
    pub(crate) every_ms: u64,
    /// One that began before has not all of the log behind it. Unix milliseconds.
    pub(crate) since_ms: i64,
}

fn tag(job: &Job) -> String {
    format!("{BASE_TAG}{}", job.shop)
}

fn snapshots(
    job: &Job,
    repository: &Repository,
    place: &Place,
) -> Result<Vec<Snapshot>, Box<Trouble>> {
    let tag = tag(job);
    let mut snapshots = repository.snapshots().map_err(|error| place.trouble(error))?;
    snapshots.retain(|snapshot| snapshot.tags.contains(&tag));
    Ok(snapshots)
}

/// Those of the job's shop, the oldest first.
pub(super) fn list(job: &Job, repository: &Repository) -> Result<Vec<Base>, Box<Trouble>> {
    Ok(snapshots(job, repository, &job.at)?.iter().filter_map(Base::of).collect())
}

/// One of them, by its id.
pub(super) fn find(job: &Job, repository: &Repository, id: &str) -> Result<Snapshot, Box<Trouble>> {
    let mut all = snapshots(job, repository, &job.at)?.into_iter();
    let none = || job.at.trouble(vault::VaultError::NoSnapshot(id.to_owned()));
    all.find(|snapshot| snapshot.id.to_string() == id).ok_or_else(none)
}

/// Takes one where it is due. The backup that it comes with is whole without it: what went wrong is said, and
/// that there is none stays a finding until there is one.
pub(super) fn take(job: &Job, repository: &Repository, wanted: &Bases, voice: &Voice) {
    match take_if_due(job, repository, wanted, voice) {
        Ok(true) => voice.line("a base backup for the server's log is whole"),
        Ok(false) => {}
        Err(trouble) => {
            tracing::warn!(shop = %job.shop, error = trouble.message, "no base backup was taken");
            voice.line(format!("NO BASE BACKUP for the server's log: {}", trouble.message));
        }
    }
}

fn take_if_due(
    job: &Job,
    repository: &Repository,
    wanted: &Bases,
    voice: &Voice,
) -> Result<bool, Box<Trouble>> {
    let newest = list(job, repository)?.pop();
    let every_ms = i64::try_from(wanted.every_ms).unwrap_or(i64::MAX);
    let is_fresh = |base: &Base| {
        // One from when the clock was ahead tells nothing.
        let age_ms = now_ms() - base.begun_ms;
        base.begun_ms >= wanted.since_ms && (0..every_ms).contains(&age_ms)
    };
    if newest.as_ref().is_some_and(is_fresh) {
        return Ok(false);
    }
    let url = wanted.database.url();
    let failed = |error| of_restore(&error, &url);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        let said = [("error", error.to_string().into())];
        Trouble::new("backup_failed", said, format!("make a runtime: {}", story(&error)))
    })?;
    let note = runtime.block_on(BaseNote::of(&url)).map_err(failed)?;
    let request = backup::Request {
        paths: Vec::new(),
        streams: wal::stream(&note, &url, job.limits.bandwidth).map_err(failed)?,
        buckets: Vec::new(),
        excludes: Vec::new(),
        tags: vec!["storewarden".to_owned(), tag(job), format!("{FROM_TAG}{}", note.from)],
        origin: Origin::of_this_process(),
        // Not the job's: the backup that it comes with has taken its time.
        now_ms: now_ms(),
    };
    voice.line(format!("base backup of the cluster, the log from {} on", note.from));
    backup::run(repository, request, &voice.progress()).map_err(|error| job.at.trouble(error))?;
    Ok(true)
}

/// Those that the job's place lacks, out of another repository.
pub(super) fn copy_to(
    job: &Job,
    (source, from): (&Repository, &Place),
    target: &Repository,
    voice: &Voice,
) -> Result<(), Box<Trouble>> {
    let there = list(job, target)?;
    let has = |snapshot: &Snapshot| there.iter().any(|base| base.begun_ms == snapshot.time.ms());
    let mut missing = snapshots(job, source, from)?;
    missing.retain(|snapshot| !has(snapshot));
    // The newest alone where there is none yet: log from before it has no use there.
    if there.is_empty() {
        missing.drain(..missing.len().saturating_sub(1));
    }
    if missing.is_empty() {
        return Ok(());
    }
    let request = copy::Request {
        snapshots: missing.iter().map(|snapshot| snapshot.id).collect(),
        read_back: false,
        origin: Origin::of_this_process(),
    };
    let copied = copy::run(source, target, &request, &voice.progress());
    copied.map(|_| ()).map_err(|error| job.at.trouble(error))
}

/// Which of them nobody needs any more: every moment of the last `keep_ms` is reached without them.
pub(super) fn over(
    job: &Job,
    repository: &Repository,
    keep_ms: u64,
) -> Result<Vec<vault::Id>, Box<Trouble>> {
    let oldest_ms = job.now_ms.saturating_sub(i64::try_from(keep_ms).unwrap_or(i64::MAX));
    let mut all = snapshots(job, repository, &job.at)?;
    // The newest of those before is what the oldest moment goes on from.
    let kept = all.iter().rposition(|one| one.time.ms() <= oldest_ms).unwrap_or(0);
    Ok(all.drain(..kept).map(|one| one.id).collect())
}
