//! Looks inside snapshots: folders, files, and parts of files, without restoring anything.

use crate::{
    Id, Node, Repository, Snapshot, VaultError,
    index::Index,
    pack::{BlobKind, Codec},
    tree::Tree,
};
use std::{io::Write, path::Component, path::Path, path::PathBuf, sync::Arc};

/// An open repository with its index in memory, as of when it was read.
#[derive(Debug, Clone)]
pub struct Reader {
    repository: Repository,
    index: Arc<Index>,
}

impl Reader {
    pub(crate) fn new(repository: Repository, index: Arc<Index>) -> Self {
        Self { repository, index }
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

    pub(crate) fn blob(
        &self,
        kind: BlobKind,
        id: &Id,
        codec: &mut Codec,
    ) -> Result<Vec<u8>, VaultError> {
        let place = self.index.place(kind, id)?;
        let pack = self.index.pack_file(place);
        let storage = self.repository.storage();
        let mut sealed =
            Vec::from(storage.read_range(pack, u64::from(place.offset), place.length)?);
        let blob = codec.decode_at(self.repository.key(), &mut sealed, place, id);
        blob.map(<[u8]>::to_vec).map_err(|why| VaultError::DamagedBlob {
            blob: *id,
            pack,
            offset: place.offset,
            why: why.to_owned(),
        })
    }
}
