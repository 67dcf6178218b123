//! Looks inside snapshots: folders, files, and parts of files, without restoring anything.

use crate::{
    Id, Node, Repository, Snapshot, VaultError,
    index::{Index, Place},
    pack::{BlobKind, Codec},
    packer::locked,
    storage::FileName,
    tree::Tree,
};
use bytes::Bytes;
use std::{
    io::Write,
    path::{Component, Path, PathBuf},
    sync::{Arc, Mutex},
};

/// A pack and all of its bytes.
type LastPack = Option<(FileName, Bytes)>;

/// An open repository with its index in memory, as of when it was read.
#[derive(Debug, Clone)]
pub struct Reader {
    repository: Repository,
    index: Arc<Index>,
    /// The pack of trees that was read last, whole; for whoever goes through them all.
    trees: Option<Arc<Mutex<LastPack>>>,
}

impl Reader {
    pub(crate) fn new(repository: Repository, index: Arc<Index>) -> Self {
        Self { repository, index, trees: None }
    }

    /// The same for somebody who goes through whole trees: where each request is a way, packs of trees
    /// are read whole and once, and not a folder at a time.
    pub(crate) fn for_a_walk(&self) -> Self {
        let is_far = self.repository.storage().folder().is_none();
        Self { trees: is_far.then(Arc::default), ..self.clone() }
    }

    #[must_use]
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    pub(crate) fn index(&self) -> &Arc<Index> {
        &self.index
    }

    /// Blobs that the repository has.
    #[must_use]
    pub fn blobs(&self) -> usize {
        self.index.len()
    }

    /// What a folder holds, sorted by name; `folder` is [`Snapshot::tree`] or [`Node::subtree`].
    ///
    /// # Errors
    /// [`VaultError::DamagedBlob`], [`VaultError::UnknownBlob`], [`VaultError::Storage`].
    pub fn folder(&self, folder: Id) -> Result<Vec<Node>, VaultError> {
        let blob = self.blob(BlobKind::Tree, &folder, &mut Codec::new(false))?;
        let place = self.index.place(BlobKind::Tree, &folder)?;
        let tree: Tree =
            serde_json::from_slice(&blob).map_err(|error| VaultError::DamagedBlob {
                blob: folder,
                pack: self.index.pack_file(place),
                offset: place.offset,
                why: format!("it is no folder: {error}"),
            })?;
        Ok(tree.nodes)
    }

    /// What lies at a path of a snapshot; `/` is no node, but [`Snapshot::tree`].
    ///
    /// # Errors
    /// [`VaultError::NoSuchPath`], and as of [`Reader::folder`].
    pub fn node(&self, snapshot: &Snapshot, path: &Path) -> Result<Node, VaultError> {
        let missing = || VaultError::NoSuchPath { path: path.to_owned() };
        let mut folder = snapshot.tree;
        let mut found: Option<Node> = None;
        for part in path.components() {
            let name = match part {
                Component::RootDir | Component::CurDir => continue,
                Component::Normal(name) => name,
                Component::ParentDir | Component::Prefix(_) => return Err(missing()),
            };
            if let Some(node) = &found {
                folder = node.subtree.ok_or_else(missing)?;
            }
            let node = self.folder(folder)?.into_iter().find(|node| node.name == name);
            found = Some(node.ok_or_else(missing)?);
        }
        found.ok_or_else(missing)
    }

    /// Bytes of a file from `offset` on, at most `length`; fewer at its end.
    ///
    /// # Errors
    /// As of [`Reader::folder`].
    pub fn read_range(&self, file: &Node, offset: u64, length: u64) -> Result<Vec<u8>, VaultError> {
        let end = offset.saturating_add(length);
        let mut bytes = Vec::new();
        let mut codec = Codec::new(false);
        let mut at = 0;
        for id in file.content.iter().flatten() {
            let place = self.index.place(BlobKind::Data, id)?;
            let next = at + u64::from(place.raw_length());
            if next > offset && at < end {
                let blob = self.blob(BlobKind::Data, id, &mut codec)?;
                let inside = |position: u64| {
                    usize::try_from(position.saturating_sub(at))
                        .unwrap_or(usize::MAX)
                        .min(blob.len())
                };
                bytes.extend_from_slice(&blob[inside(offset)..inside(end)]);
            }
            if next >= end {
                break;
            }
            at = next;
        }
        Ok(bytes)
    }

    /// Writes a whole file somewhere, and gives its length.
    ///
    /// # Errors
    /// As of [`Reader::folder`]; [`VaultError::File`] when it cannot be written.
    pub fn copy_to(&self, file: &Node, to: &mut dyn Write) -> Result<u64, VaultError> {
        let mut codec = Codec::new(false);
        let mut length = 0;
        for id in file.content.iter().flatten() {
            let blob = self.blob(BlobKind::Data, id, &mut codec)?;
            to.write_all(&blob).map_err(|source| VaultError::File {
                operation: "write the content of",
                path: PathBuf::from(&file.name),
                source,
            })?;
            length += blob.len() as u64;
        }
        Ok(length)
    }

    /// A piece of a file, whole.
    pub(crate) fn piece(&self, id: &Id) -> Result<Vec<u8>, VaultError> {
        self.piece_by(id, &mut Codec::new(false))
    }

    /// As [`Reader::piece`], with memory that is used again.
    pub(crate) fn piece_by(&self, id: &Id, codec: &mut Codec) -> Result<Vec<u8>, VaultError> {
        self.blob(BlobKind::Data, id, codec)
    }

    /// How long a piece of a file is.
    pub(crate) fn length(&self, id: &Id) -> Result<u64, VaultError> {
        self.index.place(BlobKind::Data, id).map(|place| place.raw_length().into())
    }

    pub(crate) fn blob(
        &self,
        kind: BlobKind,
        id: &Id,
        codec: &mut Codec,
    ) -> Result<Vec<u8>, VaultError> {
        let place = self.index.place(kind, id)?;
        let pack = self.index.pack_file(place);
        let damaged = |why: String| {
            let offset = place.offset;
            VaultError::DamagedBlob { blob: *id, pack, offset, why }
        };
        let sealed = match kind {
            BlobKind::Tree => self.sealed_tree(pack, place),
            BlobKind::Data => self.sealed(pack, place),
        };
        let mut sealed = sealed.map_err(|error| match error {
            VaultError::Missing { .. } => damaged("its pack is not there".to_owned()),
            VaultError::Damaged { why, .. } => damaged(why),
            error => error,
        })?;
        let blob = codec.decode_at(self.repository.key(), &mut sealed, place, id);
        blob.map(<[u8]>::to_vec).map_err(|why| damaged(why.to_owned()))
    }

    fn sealed(&self, pack: FileName, place: Place) -> Result<Vec<u8>, VaultError> {
        let storage = self.repository.storage();
        storage.read_range(pack, place.offset.into(), place.length).map(Vec::from)
    }

    fn sealed_tree(&self, pack: FileName, place: Place) -> Result<Vec<u8>, VaultError> {
        let Some(trees) = &self.trees else { return self.sealed(pack, place) };
        let mut last = locked(trees);
        let bytes = match &*last {
            Some((name, bytes)) if *name == pack => bytes.clone(),
            _ => self.repository.storage().read(pack)?,
        };
        *last = Some((pack, bytes.clone()));
        let begin = place.offset as usize;
        match bytes.get(begin..begin + place.length as usize) {
            Some(sealed) => Ok(sealed.to_vec()),
            // It is too short; the storage says so in its own words.
            None => self.sealed(pack, place),
        }
    }
}
