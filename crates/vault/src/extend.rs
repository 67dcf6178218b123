//! Keeps the locks of a bucket's objects from ending while what they protect is still needed.
//!
//! A pack is locked for some time from when it was written, and snapshots made later build upon it.
//! Whoever runs this has credentials of their own, off the host that backs up: a right to lock for
//! longer can fill a bucket for ever.

use crate::{
    Id, Origin, Reader, Repository, VaultError,
    lock::LockKind,
    pack::BlobKind,
    packer::locked,
    progress::{Meter, Watch},
    storage::{FileKind, FileName},
    walk::Used,
};
use std::{
    collections::BTreeSet,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

/// Each file is a request or two, and none of them long.
const AT_ONCE: usize = 16;

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Files that snapshots need: packs, indexes, keys, the snapshots, the configuration.
    pub files: u64,
    /// Of them those that are locked for longer now.
    pub extended: u64,
}

/// Locks whatever is needed until this time at least (unix milliseconds), where the storage has locks
/// of that kind. Under a shared lock of the repository.
///
/// # Errors
/// [`VaultError::Locked`]; [`VaultError::Damaged`] and its like when what is needed cannot be told;
/// [`VaultError::Storage`], at the first file that cannot be locked.
pub fn run(
    repository: &Repository,
    until_ms: i64,
    origin: &Origin,
    watch: Watch<'_>,
) -> Result<Report, VaultError> {
    let lock = repository.lock(LockKind::Shared, origin)?;
    let files: Vec<FileName> = needed(repository)?.into_iter().collect();
    let meter = Meter::new(watch, None);
    let next = AtomicUsize::new(0);
    let extended = AtomicU64::new(0);
    let failure = Mutex::new(None);
    let work = || {
        while let Some(file) = files.get(next.fetch_add(1, Relaxed)) {
            match repository.storage().keep_until(*file, until_ms) {
                Ok(was_due) => drop(extended.fetch_add(u64::from(was_due), Relaxed)),
                // Forgotten, or replaced by prune, since.
                Err(VaultError::Missing { .. }) if file.kind() != FileKind::Pack => {}
                Err(error) => {
                    locked(&failure).get_or_insert(error);
                    next.store(files.len(), Relaxed);
                }
            }
            meter.add(1, 0);
        }
    };
    thread::scope(|scope| {
        for _ in 1..AT_ONCE.min(files.len()) {
            scope.spawn(work);
        }
        work();
    });
    if let Some(error) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    lock.check()?;
    meter.tell();
    Ok(Report { files: files.len() as u64, extended: extended.into_inner() })
}

fn needed(repository: &Repository) -> Result<BTreeSet<FileName>, VaultError> {
    let reader: Reader = repository.reader()?.for_a_walk();
    let snapshots = repository.snapshots()?;
    let roots: Vec<Id> = snapshots.iter().map(|snapshot| snapshot.tree).collect();
    let used = Used::by(&reader, &roots)?;
    let mut files = BTreeSet::from([FileName::CONFIG]);
    files.extend(snapshots.iter().map(|snapshot| FileName::new(FileKind::Snapshot, snapshot.id)));
    for kind in [FileKind::Key, FileKind::Index] {
        files.extend(repository.ids(kind)?.into_iter().map(|id| FileName::new(kind, id)));
    }
    let index = reader.index();
    for (kind, ids) in [(BlobKind::Data, &used.data), (BlobKind::Tree, &used.trees)] {
        for id in ids {
            files.insert(index.pack_file(index.place(kind, id)?));
        }
    }
    Ok(files)
}
