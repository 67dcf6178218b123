//! Copies snapshots into another repository, so that there are several, each whole by itself.
//!
//! What is read is held against its name before it is sealed anew; what was written is held against
//! the other repository's own lists before a snapshot says that it is there. Ended by whatever, a copy
//! goes on where it was: what an index lists is not sent again.

use crate::{
    Id, Origin, Repository, Snapshot, VaultError,
    id::IdSet,
    index::{Index, IndexFile},
    lock::{Lock, LockKind},
    pack::{BlobKind, Codec, file_bytes},
    packer::Packer,
    progress::{Meter, Watch},
    storage::{FileKind, FileName},
    walk::Used,
};
use readings::Blob;
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

mod readings;

/// What is to be copied, and by whom.
#[derive(Debug, Clone)]
pub struct Request {
    pub snapshots: Vec<Id>,
    /// Whether every blob of the copies is read and opened on the other side, those that were there
    /// before as well; else it is in the other side's lists, in a pack that is as long as they say.
    pub read_back: bool,
    pub origin: Origin,
}

/// What a copy that ended well has done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    pub copies: Vec<Copied>,
    /// Blobs that were sent, and their bytes as they are stored.
    pub sent_blobs: u64,
    pub sent_bytes: u64,
    /// Whether both cut contents into the same pieces, so that backups into both share them; see
    /// [`crate::InitOptions::like`].
    pub is_cut_alike: bool,
}

/// A snapshot, and what it is on the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    pub from: Id,
    pub to: Id,
    /// It was there before this run.
    pub was_there: bool,
}

/// Copies snapshots that the other repository does not have yet, under shared locks of both.
///
/// # Errors
/// There is no copy of any of them then that was not there before. [`VaultError::DamagedBlob`],
/// [`VaultError::UnknownBlob`] and their like, of either side; [`VaultError::NoSnapshot`],
/// [`VaultError::Locked`], [`VaultError::Storage`].
pub fn run(
    from: &Repository,
    to: &Repository,
    request: &Request,
    watch: Watch<'_>,
) -> Result<Report, VaultError> {
    let locks = [
        from.lock(LockKind::Shared, &request.origin)?,
        to.lock(LockKind::Shared, &request.origin)?,
    ];
    let there = to.snapshots()?;
    let mut report =
        Report { is_cut_alike: from.polynomial()? == to.polynomial()?, ..Report::default() };
    let mut missing = Vec::new();
    for id in &request.snapshots {
        let snapshot = read(from, *id)?;
        match there.iter().find(|one| is_copy(one, &snapshot)) {
            Some(one) => report.copies.push(Copied { from: *id, to: one.id, was_there: true }),
            None => missing.push(snapshot),
        }
    }
    if missing.is_empty() {
        return Ok(report);
    }
    missing.sort_by_key(|snapshot| (snapshot.time, snapshot.id));
    let needed = blobs(from, &missing)?;
    (report.sent_blobs, report.sent_bytes) = send(from, to, &needed, watch)?;
    verify(to, &needed, request.read_back)?;
    for snapshot in missing {
        locks.iter().try_for_each(Lock::check)?;
        let original = Some(snapshot.original.unwrap_or(snapshot.id));
        let copy = Snapshot { parent: None, original, ..snapshot };
        let id = to.write_json(FileKind::Snapshot, &copy)?;
        report.copies.push(Copied { from: copy.id, to: id, was_there: false });
    }
    Ok(report)
}

fn read(from: &Repository, id: Id) -> Result<Snapshot, VaultError> {
    from.read_snapshot(id).map_err(|error| match error {
        VaultError::Missing { .. } => VaultError::NoSnapshot(id.to_string()),
        error => error,
    })
}

/// By restic's rule: a copy says what it is of, and is of the same tree and time.
fn is_copy(there: &Snapshot, snapshot: &Snapshot) -> bool {
    let first = snapshot.original.unwrap_or(snapshot.id);
    (there.original == Some(first) || there.id == first)
        && there.tree == snapshot.tree
        && there.time == snapshot.time
}

/// Every blob that these snapshots lead to.
fn blobs(from: &Repository, snapshots: &[Snapshot]) -> Result<Needed, VaultError> {
    let reader = from.reader()?.for_a_walk();
    let roots: Vec<Id> = snapshots.iter().map(|snapshot| snapshot.tree).collect();
    let used = Used::by(&reader, &roots)?;
    Ok(Needed { used, index: Arc::clone(reader.index()) })
}

struct Needed {
    used: Used,
    /// Where they lie, in the repository that they come from.
    index: Arc<Index>,
}

impl Needed {
    /// Those that are not excepted, each with where it lies by an index.
    fn placed(
        &self,
        by: &Index,
        except: impl Fn(BlobKind, &Id) -> bool,
    ) -> Result<Vec<Blob>, VaultError> {
        let both: [(BlobKind, &IdSet); 2] =
            [(BlobKind::Data, &self.used.data), (BlobKind::Tree, &self.used.trees)];
        let mut placed = Vec::new();
        for (kind, ids) in both {
            for id in ids.iter().filter(|id| !except(kind, id)) {
                let place = by.place(kind, id)?;
                placed.push(Blob { kind, id: *id, place, pack: by.pack_file(place) });
            }
        }
        Ok(placed)
    }
}

/// Sends what the other side does not have, and gives how many and how long they were.
fn send(
    from: &Repository,
    to: &Repository,
    needed: &Needed,
    watch: Watch<'_>,
) -> Result<(u64, u64), VaultError> {
    let known = Arc::new(Index::load(to)?);
    let wanted = needed.placed(&needed.index, |kind, id| known.has(kind, id))?;
    let count = wanted.len() as u64;
    let meter = Meter::new(watch, Some(readings::bytes(&wanted)));
    let packer = Packer::new(to.clone(), known, true);
    let sent_bytes = AtomicU64::new(0);
    readings::each(from, wanted, |blob, sealed, codec| {
        let Blob { kind, id, place, .. } = *blob;
        if place.is_compressed() && !to.compresses() {
            let plain = codec.decode_at(from.key(), sealed, place, &id);
            let plain = plain.map_err(|why| blob.damaged(why))?;
            packer.add(kind, id, plain, &mut Codec::new(false))?;
        } else {
            let encoded = codec.reseal(from.key(), to.key(), sealed, place, &id);
            let encoded = encoded.map_err(|why| blob.damaged(why))?;
            packer.add_sealed(kind, id, encoded.sealed, encoded.uncompressed_length)?;
        }
        sent_bytes.fetch_add(place.length.into(), Relaxed);
        meter.add(0, place.length.into());
        Ok(())
    })?;
    packer.finish()?;
    meter.tell();
    Ok((count, sent_bytes.into_inner()))
}

/// Every blob is in the other side's lists as they are now, in a pack that is there and as long as they
/// say.
fn verify(to: &Repository, needed: &Needed, read_back: bool) -> Result<(), VaultError> {
    let mut index = Index::default();
    let mut lengths: HashMap<Id, u64> = HashMap::new();
    for (_, file) in to.read_all::<IndexFile>(FileKind::Index)? {
        for pack in file?.packs {
            index.add(&pack);
            lengths.insert(pack.id, file_bytes(&pack.blobs));
        }
    }
    let there: HashMap<Id, u64> =
        to.storage().list(FileKind::Pack)?.iter().map(|one| (one.id, one.size_bytes)).collect();
    let placed = needed.placed(&index, |_, _| false)?;
    let mut packs: Vec<FileName> = placed.iter().map(|blob| blob.pack).collect();
    packs.sort_unstable();
    packs.dedup();
    for file in packs {
        match there.get(&file.id()) {
            Some(length) if lengths.get(&file.id()) == Some(length) => {}
            Some(length) => {
                return Err(VaultError::damaged(file, format!("it has {length} bytes")));
            }
            None => return Err(VaultError::Missing { file, place: to.storage().label() }),
        }
    }
    if !read_back {
        return Ok(());
    }
    readings::each(to, placed, |blob, sealed, codec| {
        let opened = codec.decode_at(to.key(), sealed, blob.place, &blob.id);
        opened.map(drop).map_err(|why| blob.damaged(why))
    })
}
