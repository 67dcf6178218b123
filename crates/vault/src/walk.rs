//! Goes through every folder that snapshots lead to, each once.

use crate::{Id, Node, Reader, VaultError, id::IdSet, pack::BlobKind};
use std::path::{Path, PathBuf};

/// What is found on the way.
pub(crate) trait Visitor {
    /// A node, and its path; folders before what is in them.
    fn node(&mut self, path: &Path, node: &Node);

    /// A folder that cannot be read; an error ends the walk.
    fn unreadable(&mut self, path: &Path, tree: Id, error: VaultError) -> Result<(), VaultError>;
}

/// Walks down from these trees. `seen` are trees that were walked already, and grows.
pub(crate) fn walk(
    reader: &Reader,
    roots: &[Id],
    seen: &mut IdSet,
    visitor: &mut dyn Visitor,
) -> Result<(), VaultError> {
    let mut waiting: Vec<(Id, PathBuf)> = Vec::new();
    for root in roots {
        waiting.push((*root, PathBuf::from("/")));
        while let Some((tree, path)) = waiting.pop() {
            if !seen.insert(tree) {
                continue;
            }
            let nodes = match reader.folder(tree) {
                Ok(nodes) => nodes,
                Err(error) => {
                    visitor.unreadable(&path, tree, error)?;
                    continue;
                }
            };
            for node in nodes {
                let path = path.join(&node.name);
                visitor.node(&path, &node);
                if let Some(subtree) = node.subtree {
                    waiting.push((subtree, path));
                }
            }
        }
    }
    Ok(())
}

/// Every blob that snapshots lead to.
#[derive(Debug, Default)]
pub(crate) struct Used {
    pub(crate) data: IdSet,
    pub(crate) trees: IdSet,
}

impl Used {
    /// # Errors
    /// When a folder cannot be read: what it uses would be missing here.
    pub(crate) fn by(reader: &Reader, roots: &[Id]) -> Result<Self, VaultError> {
        struct Data(IdSet);
        impl Visitor for Data {
            fn node(&mut self, _: &Path, node: &Node) {
                self.0.extend(node.content.iter().flatten());
            }

            fn unreadable(&mut self, _: &Path, _: Id, error: VaultError) -> Result<(), VaultError> {
                Err(error)
            }
        }
        let mut data = Data(IdSet::default());
        let mut trees = IdSet::default();
        walk(reader, roots, &mut trees, &mut data)?;
        Ok(Self { data: data.0, trees })
    }

    pub(crate) fn has(&self, kind: BlobKind, id: &Id) -> bool {
        match kind {
            BlobKind::Data => self.data.contains(id),
            BlobKind::Tree => self.trees.contains(id),
        }
    }
}
