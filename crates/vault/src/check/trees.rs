//! Every folder of every snapshot can be read, and every piece of every file is known.

use super::{Check, DamageKind};
use crate::{
    Id, Node, Reader, Snapshot, VaultError,
    id::IdSet,
    pack::BlobKind,
    walk::{Visitor, walk},
};
use std::path::Path;

struct Structure<'a> {
    check: &'a Check<'a>,
    reader: &'a Reader,
    /// Pieces that were told as missing.
    missing: IdSet,
}

pub(super) fn check(
    check: &Check<'_>,
    reader: &Reader,
    snapshots: &[Snapshot],
) -> Result<(), VaultError> {
    let roots: Vec<Id> = snapshots.iter().map(|snapshot| snapshot.tree).collect();
    let mut structure = Structure { check, reader, missing: IdSet::default() };
    walk(reader, &roots, &mut IdSet::default(), &mut structure)
}

impl Visitor for Structure<'_> {
    fn node(&mut self, path: &Path, node: &Node) {
        let index = self.reader.index();
        let mut length = 0;
        let mut is_known = true;
        for id in node.content.iter().flatten() {
            match index.find(BlobKind::Data, id) {
                Some(place) => length += u64::from(place.raw_length()),
                None => {
                    is_known = false;
                    if self.missing.insert(*id) {
                        let why = format!("no index knows blob {id}, of `{}`", path.display());
                        self.check.damaged(DamageKind::MissingBlob(*id), why);
                    }
                }
            }
        }
        if node.is_file() && is_known && length != node.size {
            let why =
                format!("`{}` has {} bytes, and its pieces {length}", path.display(), node.size);
            let first = node.content.iter().flatten().next().copied();
            let blob = first.unwrap_or_else(|| Id::of(b""));
            self.check.damaged(DamageKind::MissingBlob(blob), why);
        }
    }

    fn unreadable(&mut self, path: &Path, _: Id, error: VaultError) -> Result<(), VaultError> {
        tracing::debug!(path = %path.display(), "a folder cannot be read");
        self.check.note::<()>(Err(error)).map(drop)
    }
}
