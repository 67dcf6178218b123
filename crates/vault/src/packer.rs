//! Puts new blobs into packs, packs into the storage, and lists of both into index files, always in
//! this order: whatever ends us, an index knows nothing that is not there.

use crate::{
    Id, Repository, VaultError,
    id::IdSet,
    index::{Index, IndexPack, write_index},
    pack::{BlobKind, Codec, Encoded, PackBuilder},
    storage::{FileKind, FileName},
};
use bytes::Bytes;
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// As restic's own packs. Their blobs are no longer, so that a run's memory is known beforehand.
const PACK_BYTES: usize = 16 << 20;
/// Of most packs with their header.
const ROOM: usize = PACK_BYTES + (1 << 20);
/// Packs that wait for an index file, at most: what a killed run need not send again.
const UNLISTED_PACKS: usize = 64;
const UNLISTED_BLOBS: usize = 20_000;

/// What became of the blobs of a run.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) data_blobs: AtomicU64,
    pub(crate) tree_blobs: AtomicU64,
    pub(crate) added_bytes: AtomicU64,
    pub(crate) added_packed_bytes: AtomicU64,
}

/// Shared by the threads of a run.
#[derive(Debug)]
pub(crate) struct Packer {
    repository: Repository,
    index: Arc<Index>,
    /// Blobs of this run that the index does not have.
    claimed: [Mutex<IdSet>; 2],
    open: [Mutex<PackBuilder>; 2],
    /// Memory of packs that were written.
    spare: Mutex<Vec<Vec<u8>>>,
    unlisted: Mutex<Unlisted>,
    /// Whether index files are written as the run goes on; prune writes its own.
    lists: bool,
    pub(crate) counts: Counts,
}

#[derive(Debug, Default)]
struct Unlisted {
    packs: Vec<IndexPack>,
    blobs: usize,
}

impl Packer {
    pub(crate) fn new(repository: Repository, index: Arc<Index>, lists: bool) -> Self {
        Self {
            repository,
            index,
            claimed: Default::default(),
            open: Default::default(),
            spare: Mutex::default(),
            unlisted: Mutex::default(),
            lists,
            counts: Counts::default(),
        }
    }

    /// Adds a blob unless it is there already.
    pub(crate) fn add(
        &self,
        kind: BlobKind,
        id: Id,
        blob: &[u8],
        codec: &mut Codec,
    ) -> Result<(), VaultError> {
        if !self.claim(kind, id) {
            return Ok(());
        }
        let Encoded { sealed, uncompressed_length } = codec.encode(self.repository.key(), blob);
        let counter = match kind {
            BlobKind::Data => &self.counts.data_blobs,
            BlobKind::Tree => &self.counts.tree_blobs,
        };
        counter.fetch_add(1, Relaxed);
        self.counts.added_bytes.fetch_add(blob.len() as u64, Relaxed);
        self.put(kind, id, sealed, uncompressed_length)
    }

    /// Adds a blob as another pack of this repository had it.
    pub(crate) fn add_sealed(
        &self,
        kind: BlobKind,
        id: Id,
        sealed: &[u8],
        uncompressed_length: u32,
    ) -> Result<(), VaultError> {
        self.put(kind, id, sealed, uncompressed_length)
    }

    /// Finishes what is open. Gives the packs that no index file lists yet: none, where it writes them.
    pub(crate) fn finish(&self) -> Result<Vec<IndexPack>, VaultError> {
        for open in &self.open {
            let pack = std::mem::take(&mut *locked(open));
            self.save(pack)?;
        }
        let packs = std::mem::take(&mut *locked(&self.unlisted)).packs;
        if !self.lists {
            return Ok(packs);
        }
        write_index(&self.repository, packs)?;
        Ok(Vec::new())
    }

    /// Whether it is up to the caller to add this blob.
    fn claim(&self, kind: BlobKind, id: Id) -> bool {
        !self.index.has(kind, &id) && locked(&self.claimed[kind as usize]).insert(id)
    }

    fn put(
        &self,
        kind: BlobKind,
        id: Id,
        sealed: &[u8],
        uncompressed_length: u32,
    ) -> Result<(), VaultError> {
        self.counts.added_packed_bytes.fetch_add(sealed.len() as u64, Relaxed);
        let full = {
            let mut open = locked(&self.open[kind as usize]);
            let fits = open.is_empty() || open.len() + sealed.len() <= PACK_BYTES;
            let full = (!fits).then(|| std::mem::take(&mut *open));
            if open.is_empty() && kind == BlobKind::Data {
                let memory = locked(&self.spare).pop();
                *open = PackBuilder::within(memory.unwrap_or_else(|| Vec::with_capacity(ROOM)));
            }
            open.add(kind, id, sealed, uncompressed_length);
            full
        };
        full.map_or(Ok(()), |pack| self.save(pack))
    }

    fn save(&self, pack: PackBuilder) -> Result<(), VaultError> {
        if pack.is_empty() {
            return Ok(());
        }
        let (bytes, blobs) = pack.finish(self.repository.key());
        let id = Id::of(&bytes);
        let bytes = Bytes::from(bytes);
        self.repository.storage().write(FileName::new(FileKind::Pack, id), bytes.clone())?;
        // Fresh memory for every pack costs more than hashing it does. Packs of folders are few, and most
        // of them small: they grow.
        if blobs.iter().any(|blob| blob.kind == BlobKind::Data) {
            locked(&self.spare).push(bytes.into());
        }
        let due = {
            let mut unlisted = locked(&self.unlisted);
            unlisted.blobs += blobs.len();
            unlisted.packs.push(IndexPack { id, time: None, blobs });
            let many = unlisted.packs.len() >= UNLISTED_PACKS || unlisted.blobs >= UNLISTED_BLOBS;
            (self.lists && many).then(|| std::mem::take(&mut *unlisted))
        };
        if let Some(Unlisted { packs, .. }) = due {
            write_index(&self.repository, packs)?;
        }
        Ok(())
    }
}

/// A thread that panicked takes the whole run with it; what it left in a set is of no matter then.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{InitOptions, Origin, storage::Folder};
    use kernel::config::Secret;

    #[test]
    fn no_pack_is_longer_than_packs_are() {
        let folder = testkit::folder();
        let storage = Arc::new(Folder::new(folder.path().join("repository")));
        let password = Secret::new("a password".into());
        let options = InitOptions { cost_log: 4, ..InitOptions::default() };
        let origin = Origin::of_this_process();
        let repository = Repository::init(storage, &password, &origin, &options, 0).unwrap();
        let packer = Packer::new(repository.clone(), Arc::default(), true);
        let mut codec = Codec::new(false);
        for number in 0..5_u8 {
            let blob = vec![number; 7 << 20];
            packer.add(BlobKind::Data, Id::of(&blob), &blob, &mut codec).unwrap();
        }
        packer.finish().unwrap();
        let packs = repository.storage().list(FileKind::Pack).unwrap();
        assert_eq!(packs.len(), 3, "two and two and one");
        assert!(packs.iter().all(|pack| pack.size_bytes <= PACK_BYTES as u64));
    }
}
