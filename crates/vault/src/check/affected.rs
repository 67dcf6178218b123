//! Which files need what is damaged. Looked for only when something is.

use super::{Damage, DamageKind};
use crate::{
    Id, Node, Reader, Snapshot, VaultError,
    id::{IdMap, IdSet},
    pack::BlobKind,
    storage::FileKind,
    walk::{Visitor, walk},
};
use std::path::{Path, PathBuf};

/// Of each damage so many files are named.
const FILES: usize = 20;

struct Finder<'a> {
    reader: &'a Reader,
    snapshot: Id,
    damage: &'a mut [Damage],
    /// The damage of a blob, and of a pack as a whole, by its number.
    blobs: IdMap<usize>,
    packs: IdMap<usize>,
}

pub(super) fn find(
    reader: &Reader,
    snapshots: &[Snapshot],
    damage: &mut [Damage],
) -> Result<(), VaultError> {
    let (mut blobs, mut packs) = (IdMap::default(), IdMap::default());
    for (number, found) in damage.iter().enumerate() {
        match found.kind {
            DamageKind::Blob { blob, .. } | DamageKind::MissingBlob(blob) => {
                blobs.insert(blob, number);
            }
            DamageKind::File(file) if file.kind() == FileKind::Pack => {
                packs.insert(file.id(), number);
            }
            DamageKind::File(_) => {}
        }
    }
    if blobs.is_empty() && packs.is_empty() {
        return Ok(());
    }
    let mut seen = IdSet::default();
    for snapshot in snapshots.iter().rev() {
        let mut finder = Finder {
            reader,
            snapshot: snapshot.id,
            damage: &mut *damage,
            blobs: blobs.clone(),
            packs: packs.clone(),
        };
        finder.tree(Path::new("/"), snapshot.tree);
        walk(reader, &[snapshot.tree], &mut seen, &mut finder)?;
    }
    Ok(())
}

impl Finder<'_> {
    fn tree(&mut self, path: &Path, tree: Id) {
        self.blob(BlobKind::Tree, path, &tree);
    }

    fn blob(&mut self, kind: BlobKind, path: &Path, id: &Id) {
        let index = self.reader.index();
        let pack = index.find(kind, id).map(|place| index.pack(place).id);
        let by_pack = pack.and_then(|pack| self.packs.get(&pack));
        for number in [self.blobs.get(id), by_pack].into_iter().flatten() {
            let affected = &mut self.damage[*number].affected;
            let file = (self.snapshot, PathBuf::from(path));
            if affected.len() < FILES && affected.last() != Some(&file) {
                affected.push(file);
            }
        }
    }
}

impl Visitor for Finder<'_> {
    fn node(&mut self, path: &Path, node: &Node) {
        for id in node.content.iter().flatten() {
            self.blob(BlobKind::Data, path, id);
        }
        if let Some(tree) = node.subtree {
            self.tree(path, tree);
        }
    }

    /// Told already.
    fn unreadable(&mut self, _: &Path, _: Id, _: VaultError) -> Result<(), VaultError> {
        Ok(())
    }
}
