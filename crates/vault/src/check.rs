//! Looks through a repository and names everything that is damaged: its structure always, and what is
//! in its packs, all of it or a share.
//!
//! It goes on behind everything it finds, and says of each which files of which snapshots need it.

use crate::{
    Id, Origin, Reader, Repository, Snapshot, VaultError,
    index::{Index, IndexFile, IndexPack},
    lock::{Holder, LockKind},
    pack::file_bytes,
    progress::{Meter, Watch},
    storage::{FileKind, FileName},
};
use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex},
};

mod affected;
mod packs;
mod trees;

/// Which packs are read whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    /// None: damage inside of packs is not found.
    None,
    /// Those of one part of so many, as restic's `--read-data-subset=PART/OF`: with each part once,
    /// every pack is read once.
    Share {
        part: u8,
        of: u8,
    },
    All,
}

impl Data {
    fn includes(self, pack: Id) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Share { part, of } => pack.as_bytes()[0] % of.max(1) + 1 == part,
        }
    }
}

/// What was looked at, and what was found.
#[derive(Debug, Default)]
pub struct Report {
    pub snapshots: u64,
    pub packs: u64,
    pub blobs: u64,
    /// Packs that were read whole, and their bytes.
    pub packs_read: u64,
    pub bytes_read: u64,
    /// Packs that no index knows, such as a killed run leaves: no damage, prune removes them.
    pub orphans: u64,
    /// Packs that prune will delete when their grace is over.
    pub marked: u64,
    pub damage: Vec<Damage>,
}

impl Report {
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.damage.is_empty()
    }
}

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    pub kind: DamageKind,
    /// For people, in one line.
    pub why: String,
    /// Some of the files that need it, by snapshot and path.
    pub affected: Vec<(Id, PathBuf)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DamageKind {
    /// A file of the repository as a whole.
    File(FileName),
    /// A blob in a pack.
    Blob { blob: Id, pack: Id, offset: u32 },
    /// A blob that is needed, and in no pack.
    MissingBlob(Id),
}

/// Checks, under a shared lock of the repository.
///
/// # Errors
/// When it cannot be checked: [`VaultError::Locked`], [`VaultError::Storage`]. What is damaged is no
/// error but stands in the report.
pub fn run(
    repository: &Repository,
    data: Data,
    origin: &Origin,
    watch: Watch<'_>,
) -> Result<Report, VaultError> {
    let lock = repository.lock(LockKind::Shared, origin)?;
    let check = Check { repository, report: Mutex::default() };
    check.named_files()?;
    let (index, listed) = check.indexes()?;
    check.sizes(&listed)?;
    let reader = Reader::new(repository.clone(), Arc::new(index)).for_a_walk();
    let snapshots = check.snapshots()?;
    trees::check(&check, &reader, &snapshots)?;
    let chosen: Vec<&IndexPack> = listed.values().filter(|pack| data.includes(pack.id)).collect();
    let total_bytes = chosen.iter().map(|pack| pack_bytes(pack)).sum();
    let meter = Meter::new(watch, Some(total_bytes));
    packs::check(&check, &chosen, &meter)?;
    check.report().blobs = reader.blobs() as u64;
    let mut report = check.report.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    affected::find(&reader, &snapshots, &mut report.damage)?;
    lock.check()?;
    meter.tell();
    Ok(report)
}

/// A run.
struct Check<'a> {
    repository: &'a Repository,
    report: Mutex<Report>,
}

impl Check<'_> {
    fn report(&self) -> std::sync::MutexGuard<'_, Report> {
        crate::packer::locked(&self.report)
    }

    fn damaged(&self, kind: DamageKind, why: impl Into<String>) {
        self.report().damage.push(Damage { kind, why: why.into(), affected: Vec::new() });
    }

    /// Notes damage; every other error ends the check.
    fn note<T>(&self, outcome: Result<T, VaultError>) -> Result<Option<T>, VaultError> {
        let error = match outcome {
            Ok(value) => return Ok(Some(value)),
            Err(error) => error,
        };
        let story = error.story();
        match error {
            VaultError::Damaged { file, .. } | VaultError::Missing { file, .. } => {
                self.damaged(DamageKind::File(file), story);
            }
            VaultError::DamagedBlob { blob, pack, offset, .. } => {
                self.damaged(DamageKind::Blob { blob, pack: pack.id(), offset }, story);
            }
            VaultError::UnknownBlob(blob) => self.damaged(DamageKind::MissingBlob(blob), story),
            other => return Err(other),
        }
        Ok(None)
    }

    /// Configuration, keys and locks: small, and each read whole.
    fn named_files(&self) -> Result<(), VaultError> {
        let storage = self.repository.storage();
        let config = storage.read(FileName::CONFIG).and_then(|sealed| {
            self.repository.key().open(&mut Vec::from(sealed)).map(drop).map_err(|_| {
                VaultError::damaged(FileName::CONFIG, "its bytes were changed since it was written")
            })
        });
        self.note(config)?;
        for listed in storage.list(FileKind::Key)? {
            let key = self.repository.read_named(FileName::new(FileKind::Key, listed.id));
            self.note(key)?;
        }
        for listed in storage.list(FileKind::Lock)? {
            match self.repository.read_json::<Holder>(FileName::new(FileKind::Lock, listed.id)) {
                // Released since.
                Err(VaultError::Missing { .. }) => {}
                other => drop(self.note(other)?),
            }
        }
        Ok(())
    }

    /// Every index that can be read, together, and the packs they list.
    fn indexes(&self) -> Result<(Index, HashMap<Id, IndexPack>), VaultError> {
        let mut index = Index::default();
        let mut packs = HashMap::new();
        let mut marked = Vec::new();
        for listed in self.repository.storage().list(FileKind::Index)? {
            let file = FileName::new(FileKind::Index, listed.id);
            let Some(read) = self.note(self.repository.read_json::<IndexFile>(file))? else {
                continue;
            };
            for pack in read.packs {
                index.add(&pack);
                packs.insert(pack.id, pack);
            }
            marked.extend(read.packs_to_delete);
        }
        for pack in marked {
            index.add(&pack);
            // Those that were never in use have no list: they are nobody's.
            if !pack.blobs.is_empty() {
                packs.entry(pack.id).or_insert(pack);
            }
            self.report().marked += 1;
        }
        Ok((index, packs))
    }

    /// Every pack is there and as long as it must be.
    fn sizes(&self, packs: &HashMap<Id, IndexPack>) -> Result<(), VaultError> {
        let there: HashMap<Id, u64> = self
            .repository
            .storage()
            .list(FileKind::Pack)?
            .into_iter()
            .map(|listed| (listed.id, listed.size_bytes))
            .collect();
        for pack in packs.values() {
            let file = FileName::new(FileKind::Pack, pack.id);
            let why = match there.get(&pack.id) {
                // Deleted by prune, which was killed before it could say so.
                None if pack.time.is_some() => continue,
                None => format!("find {file}: it is not there"),
                Some(size) if *size != pack_bytes(pack) => {
                    format!("{file} has {size} bytes instead of {}", pack_bytes(pack))
                }
                Some(_) => continue,
            };
            self.damaged(DamageKind::File(file), why);
        }
        let mut report = self.report();
        report.packs = there.len() as u64;
        report.orphans = there.keys().filter(|id| !packs.contains_key(id)).count() as u64;
        Ok(())
    }

    fn snapshots(&self) -> Result<Vec<Snapshot>, VaultError> {
        let mut snapshots = Vec::new();
        for listed in self.repository.storage().list(FileKind::Snapshot)? {
            match self.repository.read_snapshot(listed.id) {
                // Forgotten since.
                Err(VaultError::Missing { .. }) => {}
                other => snapshots.extend(self.note(other)?),
            }
        }
        self.report().snapshots = snapshots.len() as u64;
        Ok(snapshots)
    }
}

fn pack_bytes(pack: &IndexPack) -> u64 {
    file_bytes(&pack.blobs)
}
