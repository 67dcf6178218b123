//! Removes what no snapshot uses any more, in two steps that lie apart: packs are marked first, and
//! deleted by a later run, when their grace is over and still nobody uses them.
//!
//! Whatever ends it in between leaves a repository that is whole: what is new is listed before what is
//! old is taken off the lists, and a pack is off every list before it goes.

use crate::{
    Id, Origin, Reader, Repository, Time, VaultError,
    index::{Index, IndexFile, IndexPack, write_index},
    lock::LockKind,
    pack::{Codec, PackedBlob, file_bytes},
    packer::Packer,
    storage::{FileKind, FileName},
    walk::Used,
};
use std::{collections::HashMap, sync::Arc};

mod sorting;

use sorting::{Fate, Sorted, sort};

/// How prune decides.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long a marked pack stays; two days unless told. Longer than any backup takes, and than two
    /// clocks differ.
    pub grace_ms: i64,
    /// A pack is packed anew when more than this share of it, in hundredths, is used by nobody.
    pub most_waste: u8,
    pub origin: Origin,
    /// Unix milliseconds.
    pub now_ms: i64,
}

impl Options {
    #[must_use]
    pub fn new(origin: Origin, now_ms: i64) -> Self {
        Self { grace_ms: 2 * 24 * 60 * 60 * 1000, most_waste: 20, origin, now_ms }
    }
}

/// What a run does, or would do.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    pub kept_packs: u64,
    /// Used by nobody, and marked now: bytes that a later run frees.
    pub marked_packs: u64,
    pub marked_bytes: u64,
    /// Packed anew because too little of them is used; marked as well.
    pub repacked_packs: u64,
    /// Marked before, and waiting for the end of their grace.
    pub waiting_packs: u64,
    /// Marked before, and used again.
    pub recovered_packs: u64,
    pub deleted_packs: u64,
    pub deleted_bytes: u64,
}

/// What [`run`] would do now. Changes nothing.
///
/// # Errors
/// As of [`run`].
pub fn plan(repository: &Repository, options: &Options) -> Result<Figures, VaultError> {
    let lock = repository.lock(LockKind::Shared, &options.origin)?;
    let found = Found::look(repository)?;
    let sorted = sort(&found, options)?;
    lock.check()?;
    Ok(figures(&sorted.packs))
}

/// Prunes, under an exclusive lock of the repository.
///
/// # Errors
/// [`VaultError::Locked`] while anybody works on it. [`VaultError::Damaged`] and its like when
/// something that snapshots use cannot be read: nothing is removed then. [`VaultError::Storage`], also
/// where nothing may be removed.
pub fn run(repository: &Repository, options: &Options) -> Result<Figures, VaultError> {
    let lock = repository.lock(LockKind::Exclusive, &options.origin)?;
    let found = Found::look(repository)?;
    let sorted = sort(&found, options)?;
    let figures = figures(&sorted.packs);
    let mut packs = repack(&found, &sorted)?;
    let now = Time::from_ms(options.now_ms);
    let mut deleted = Vec::new();
    let mut changes = !packs.is_empty();
    for (pack, fate) in sorted.packs {
        changes |= !matches!(fate, Fate::Keep | Fate::Wait);
        let time = match fate {
            Fate::Keep | Fate::Recover => None,
            Fate::Mark | Fate::Repack => Some(now),
            Fate::Wait => pack.time,
            Fate::Delete | Fate::Gone => {
                deleted.push(pack.id);
                continue;
            }
        };
        packs.push(IndexPack { time, ..pack });
    }
    if changes {
        lock.check()?;
        write_index(repository, packs)?;
        lock.check()?;
        for file in &found.index_files {
            repository.storage().remove(FileName::new(FileKind::Index, *file))?;
        }
        for pack in deleted {
            lock.check()?;
            repository.storage().remove(FileName::new(FileKind::Pack, pack))?;
        }
    }
    repository.storage().remove_unfinished()?;
    Ok(figures)
}

/// Everything that the decision is made from.
struct Found {
    reader: Reader,
    used: Used,
    /// By index files; one that is in use and marked is in use.
    packs: HashMap<Id, IndexPack>,
    index_files: Vec<Id>,
    /// In the storage, and how long.
    there: HashMap<Id, u64>,
}

impl Found {
    fn look(repository: &Repository) -> Result<Self, VaultError> {
        let mut index = Index::default();
        let mut packs: HashMap<Id, IndexPack> = HashMap::new();
        let mut index_files = Vec::new();
        for id in repository.ids(FileKind::Index)? {
            let file: IndexFile = repository.read_json(FileName::new(FileKind::Index, id))?;
            index_files.push(id);
            for pack in file.packs.into_iter().chain(file.packs_to_delete) {
                let known = packs.entry(pack.id).or_insert_with(|| pack.clone());
                if pack.time.is_none() && known.time.is_some() {
                    *known = pack;
                }
            }
        }
        let mut in_order: Vec<&IndexPack> = packs.values().collect();
        in_order.sort_by_key(|pack| (pack.time.is_some(), pack.id));
        in_order.iter().for_each(|pack| index.add(pack));
        let reader = Reader::new(repository.clone(), Arc::new(index)).for_a_walk();
        let roots: Vec<Id> =
            repository.snapshots()?.into_iter().map(|snapshot| snapshot.tree).collect();
        let used = Used::by(&reader, &roots)?;
        let there = repository.storage().list(FileKind::Pack)?;
        let there = there.into_iter().map(|listed| (listed.id, listed.size_bytes)).collect();
        Ok(Self { reader, used, packs, index_files, there })
    }
}

/// Copies what is used of packs that go, and gives the new packs, which no index lists yet.
fn repack(found: &Found, sorted: &Sorted) -> Result<Vec<IndexPack>, VaultError> {
    let repository = found.reader.repository();
    let nothing = Arc::new(Index::default());
    let packer = Packer::new(repository.clone(), nothing, false);
    let mut codec = Codec::new(false);
    for (pack, fate) in &sorted.packs {
        if *fate != Fate::Repack {
            continue;
        }
        for blob in &pack.blobs {
            let PackedBlob { id, kind, offset, length, uncompressed_length } = *blob;
            if sorted.homes[kind as usize].get(&id) != Some(&pack.id) {
                continue;
            }
            let file = FileName::new(FileKind::Pack, pack.id);
            let sealed = repository.storage().read_range(file, offset.into(), length)?;
            let mut opened = sealed.to_vec();
            codec.decode(repository.key(), &mut opened, uncompressed_length, &id).map_err(
                |why| VaultError::DamagedBlob { blob: id, pack: file, offset, why: why.to_owned() },
            )?;
            packer.add_sealed(kind, id, &sealed, uncompressed_length)?;
        }
    }
    packer.finish()
}

fn figures(sorted: &[(IndexPack, Fate)]) -> Figures {
    let mut figures = Figures::default();
    for (pack, fate) in sorted {
        let bytes = file_bytes(&pack.blobs);
        match fate {
            Fate::Keep => figures.kept_packs += 1,
            Fate::Mark => {
                figures.marked_packs += 1;
                figures.marked_bytes += bytes;
            }
            Fate::Repack => figures.repacked_packs += 1,
            Fate::Wait => figures.waiting_packs += 1,
            Fate::Recover => figures.recovered_packs += 1,
            Fate::Delete => {
                figures.deleted_packs += 1;
                figures.deleted_bytes += bytes;
            }
            Fate::Gone => {}
        }
    }
    figures
}
