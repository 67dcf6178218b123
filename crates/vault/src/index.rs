//! Where every blob lies: in memory, and as the index files of the repository.
//!
//! A pack that is to be deleted stays known, marked with when that was decided: nothing new builds on
//! it, and what still does can be read until it is gone (docs/formats/repository.md).

use crate::{
    Id, Repository, Time, VaultError,
    id::IdMap,
    pack::{BlobKind, PackedBlob},
    storage::{Fault, FileKind, FileName, failed},
};
use serde::{Deserialize, Serialize};

/// Blobs of one index file at most, so that none grows beyond what is read at once with ease.
const BLOBS_PER_FILE: usize = 50_000;
/// Prune replaces all indexes at once; twice while we read would be odd.
const ATTEMPTS: u32 = 5;

/// One index file as it is written.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct IndexFile {
    #[serde(default)]
    pub(crate) packs: Vec<IndexPack>,
    /// Not restic's: it passes over them, and takes what is in them for not there. rustic's name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) packs_to_delete: Vec<IndexPack>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct IndexPack {
    pub(crate) id: Id,
    /// When it was marked; of a pack in use none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) time: Option<Time>,
    pub(crate) blobs: Vec<PackedBlob>,
}

/// Where a blob lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its number in [`Index::packs`].
    pack: u32,
    pub(crate) offset: u32,
    /// As stored: sealed, and perhaps compressed.
    pub(crate) length: u32,
    /// Of the compressed text without its seal; 0 when it is not compressed.
    uncompressed: u32,
}

#[derive(Debug, Clone)]
pub(crate) struct PackEntry {
    pub(crate) id: Id,
    pub(crate) marked: Option<Time>,
}

/// Every index file of a repository together.
#[derive(Debug, Default)]
pub(crate) struct Index {
    packs: Vec<PackEntry>,
    data: IdMap<Place>,
    trees: IdMap<Place>,
}

impl Place {
    /// How long the blob itself is.
    pub(crate) fn raw_length(&self) -> u32 {
        match self.uncompressed {
            0 => self.length.saturating_sub(crate::crypto::OVERHEAD as u32),
            uncompressed => uncompressed,
        }
    }

    pub(crate) fn is_compressed(&self) -> bool {
        self.uncompressed != 0
    }
}

impl Index {
    pub(crate) fn load(repository: &Repository) -> Result<Self, VaultError> {
        for _ in 0..ATTEMPTS {
            if let Some(index) = Self::load_once(repository)? {
                return Ok(index);
            }
        }
        let place = repository.storage().label();
        let why = "its list names files that are not there";
        Err(failed("read", "every index", &place, Fault::Other, why))
    }

    /// `None` when an index was replaced meanwhile: what replaced it is in a list made later.
    fn load_once(repository: &Repository) -> Result<Option<Self>, VaultError> {
        let mut index = Self::default();
        let mut marked = Vec::new();
        for (_, read) in repository.read_all::<IndexFile>(FileKind::Index)? {
            match read {
                Ok(IndexFile { packs, packs_to_delete }) => {
                    packs.iter().for_each(|pack| index.add(pack));
                    marked.extend(packs_to_delete);
                }
                Err(VaultError::Missing { .. }) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        // Last, so that a blob that lies elsewhere too is not looked for in a pack that goes.
        marked.iter().for_each(|pack| index.add(pack));
        Ok(Some(index))
    }

    /// A blob that is known already stays where it was.
    pub(crate) fn add(&mut self, pack: &IndexPack) {
        let number = u32::try_from(self.packs.len()).expect("invariant: fewer than 2³² packs");
        self.packs.push(PackEntry { id: pack.id, marked: pack.time });
        for blob in &pack.blobs {
            let place = Place {
                pack: number,
                offset: blob.offset,
                length: blob.length,
                uncompressed: blob.uncompressed_length,
            };
            self.map_mut(blob.kind).entry(blob.id).or_insert(place);
        }
    }

    pub(crate) fn find(&self, kind: BlobKind, id: &Id) -> Option<Place> {
        self.map(kind).get(id).copied()
    }

    pub(crate) fn place(&self, kind: BlobKind, id: &Id) -> Result<Place, VaultError> {
        self.find(kind, id).ok_or(VaultError::UnknownBlob(*id))
    }

    /// Whether something new may build on the blob: it lies in a pack that stays.
    pub(crate) fn has(&self, kind: BlobKind, id: &Id) -> bool {
        self.find(kind, id).is_some_and(|place| self.pack(place).marked.is_none())
    }

    pub(crate) fn pack(&self, place: Place) -> &PackEntry {
        &self.packs[place.pack as usize]
    }

    pub(crate) fn pack_file(&self, place: Place) -> FileName {
        FileName::new(FileKind::Pack, self.pack(place).id)
    }

    /// How many blobs are known, of both kinds.
    pub(crate) fn len(&self) -> usize {
        self.data.len() + self.trees.len()
    }

    fn map(&self, kind: BlobKind) -> &IdMap<Place> {
        match kind {
            BlobKind::Data => &self.data,
            BlobKind::Tree => &self.trees,
        }
    }

    fn map_mut(&mut self, kind: BlobKind) -> &mut IdMap<Place> {
        match kind {
            BlobKind::Data => &mut self.data,
            BlobKind::Tree => &mut self.trees,
        }
    }
}

/// Writes packs as index files, and gives their ids. A pack with a time is written as marked.
pub(crate) fn write_index(
    repository: &Repository,
    packs: Vec<IndexPack>,
) -> Result<Vec<Id>, VaultError> {
    let mut written = Vec::new();
    let mut file = IndexFile::default();
    let mut blobs = 0;
    let count = packs.len();
    for (number, pack) in packs.into_iter().enumerate() {
        blobs += pack.blobs.len() + 1;
        if pack.time.is_some() {
            file.packs_to_delete.push(pack);
        } else {
            file.packs.push(pack);
        }
        if blobs >= BLOBS_PER_FILE || number + 1 == count {
            written.push(repository.write_json(FileKind::Index, &std::mem::take(&mut file))?);
            blobs = 0;
        }
    }
    Ok(written)
}
