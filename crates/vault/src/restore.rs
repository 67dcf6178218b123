//! Writes what a snapshot holds into a folder: all of it, a folder, or a file.
//!
//! What is damaged is named and left out, and everything else goes on. A file appears under its name
//! only when it is whole and right; started again after whatever stopped it, a restore keeps what is
//! right already.

use crate::{
    Id, Node, NodeKind, Origin, Reader, Snapshot, VaultError,
    lock::LockKind,
    progress::{Meter, Watch},
};
use batch::Batch;
use rustix::io::Errno;
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};
use target::{Folder, is_name};

mod batch;
mod fetch;
pub mod objects;
mod target;

/// What is to be restored, and where.
#[derive(Debug)]
pub struct Request {
    pub snapshot: Snapshot,
    /// In the snapshot; `/` is all of it. What a folder holds goes into `target`, a file under its name.
    pub path: PathBuf,
    /// Made when it is missing. What lies there and is not in the snapshot stays.
    pub target: PathBuf,
    pub origin: Origin,
}

/// What became of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub files: u64,
    pub bytes: u64,
    /// Of these, what lay there whole and right already.
    pub kept_files: u64,
    /// Files that are not as they were backed up, each with its reason.
    pub failures: Vec<Failure>,
    /// Sockets, pipes and devices, which are not restored.
    pub special: Vec<PathBuf>,
    /// Files whose extended attributes this file system does not take.
    pub without_attributes: u64,
}

impl Report {
    /// Whether all of it is there.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.failures.is_empty()
    }
}

/// Something that could not be restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Below the target.
    pub path: PathBuf,
    pub kind: FailureKind,
    /// For people: what is wrong.
    pub why: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FailureKind {
    /// A piece of the file is damaged in the repository. What is left of the file lies beside its
    /// place, as `NAME.damaged`, with noughts for the piece.
    Damaged { blob: Id, pack: Id, offset: u32 },
    /// A piece or a folder that no index knows, or that the snapshot itself does not name.
    Missing { blob: Option<Id> },
    /// Its name would have led out of the target, or through a link in it.
    Unsafe,
    /// The target did not take it.
    Unwritten,
}

/// Restores under a shared lock of the repository. `watch` hears of progress.
///
/// # Errors
/// When nothing can go on: [`VaultError::NoSuchPath`], [`VaultError::Locked`], [`VaultError::File`] of
/// a target that cannot be made or is full, [`VaultError::Storage`]. Damage is no error but stands in
/// the report: see [`Report::is_whole`].
pub fn run(reader: &Reader, request: &Request, watch: Watch<'_>) -> Result<Report, VaultError> {
    let lock = reader.repository().lock(LockKind::Shared, &request.origin)?;
    let Request { snapshot, path, target, .. } = request;
    let is_all = path == Path::new("/");
    let wanted = if is_all { None } else { Some(reader.node(snapshot, path)?) };
    let total_bytes = match &wanted {
        None => snapshot.summary.as_ref().map(|summary| summary.total_bytes_processed),
        Some(node) => node.is_file().then_some(node.size),
    };
    let meter = Meter::new(watch, total_bytes);
    let root = Folder::target(target)?;
    let reader = &reader.for_a_walk();
    let mut restore = Restore {
        reader,
        meter: &meter,
        root: Arc::clone(&root),
        report: Mutex::default(),
        batch: Batch::default(),
        linked: HashMap::new(),
        may_own: host::users::is_root(),
    };
    match wanted {
        None => restore.folder(&root, snapshot.tree)?,
        Some(node) => match node.subtree {
            Some(tree) => restore.folder(&root, tree)?,
            None => restore.node(&root, node)?,
        },
    }
    restore.flush()?;
    root.sync()?;
    lock.check()?;
    meter.tell();
    Ok(restore.report.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
}

/// A run.
struct Restore<'a> {
    reader: &'a Reader,
    meter: &'a Meter<'a>,
    root: Arc<Folder>,
    report: Mutex<Report>,
    batch: Batch,
    /// Files of several names: the first of them, by device and inode of the machine that was backed
    /// up.
    linked: HashMap<(u64, u64), PathBuf>,
    /// Only root gives files to others.
    may_own: bool,
}

impl Restore<'_> {
    /// Everything in a folder of the snapshot.
    fn folder(&mut self, into: &Arc<Folder>, tree: Id) -> Result<(), VaultError> {
        let nodes = match self.reader.folder(tree) {
            Ok(nodes) => nodes,
            Err(error) => return self.fail_or_stop(into.path.clone(), error),
        };
        nodes.into_iter().try_for_each(|node| self.node(into, node))
    }

    fn node(&mut self, into: &Arc<Folder>, node: Node) -> Result<(), VaultError> {
        let path = into.path.join(&node.name);
        if !is_name(&node.name) {
            let why = "its name is no name".to_owned();
            self.fail(Failure { path, kind: FailureKind::Unsafe, why });
            return Ok(());
        }
        match node.kind {
            NodeKind::Dir => self.child_folder(into, node, path)?,
            NodeKind::File => {
                let first = self.first_of_links(&node, &path);
                self.batch.file(Arc::clone(into), node, path, first);
            }
            NodeKind::Symlink => {
                if let Err(error) = into.link(&node, self.may_own) {
                    self.unwritten(path, error)?;
                }
            }
            _ => self.report().special.push(path),
        }
        if self.batch.is_full() { self.flush() } else { Ok(()) }
    }

    fn child_folder(
        &mut self,
        into: &Arc<Folder>,
        node: Node,
        path: PathBuf,
    ) -> Result<(), VaultError> {
        let folder = match into.folder(&node.name) {
            Ok(folder) => Arc::new(folder),
            Err(error) => return self.unwritten(path, error),
        };
        match node.subtree {
            Some(tree) => self.folder(&folder, tree)?,
            None => {
                let why = "the snapshot does not say what is in it".to_owned();
                let kind = FailureKind::Missing { blob: None };
                self.fail(Failure { path, kind, why });
            }
        }
        self.batch.folder_end(folder, node);
        Ok(())
    }

    /// The name under which this file is restored already, where it has several.
    fn first_of_links(&mut self, node: &Node, path: &Path) -> Option<PathBuf> {
        if node.links < 2 || node.inode == 0 {
            return None;
        }
        let key = (node.device_id, node.inode);
        match self.linked.get(&key) {
            Some(first) => Some(first.clone()),
            None => {
                self.linked.insert(key, path.to_owned());
                None
            }
        }
    }

    /// Writes what has been gathered.
    fn flush(&mut self) -> Result<(), VaultError> {
        let batch = std::mem::take(&mut self.batch);
        batch.write(self)
    }

    fn report(&self) -> std::sync::MutexGuard<'_, Report> {
        crate::packer::locked(&self.report)
    }

    fn fail(&self, failure: Failure) {
        self.report().failures.push(failure);
    }

    /// Damage of the repository is noted; a storage that does not answer ends the run.
    fn fail_or_stop(&self, path: PathBuf, error: VaultError) -> Result<(), VaultError> {
        let why = error.to_string();
        let kind = match error {
            VaultError::DamagedBlob { blob, pack, offset, .. } => {
                FailureKind::Damaged { blob, pack: pack.id(), offset }
            }
            VaultError::UnknownBlob(blob) => FailureKind::Missing { blob: Some(blob) },
            other => return Err(other),
        };
        self.fail(Failure { path, kind, why });
        Ok(())
    }

    /// A disk that is full takes nothing more; everything else is one file's affair.
    fn unwritten(&self, path: PathBuf, source: std::io::Error) -> Result<(), VaultError> {
        use std::io::ErrorKind;
        if matches!(source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
            return Err(VaultError::File { operation: "restore", path, source });
        }
        let is_loop = source.raw_os_error() == Some(Errno::LOOP.raw_os_error());
        let leads_elsewhere = is_loop || source.kind() == ErrorKind::NotADirectory;
        let kind = if leads_elsewhere { FailureKind::Unsafe } else { FailureKind::Unwritten };
        self.fail(Failure { path, kind, why: source.to_string() });
        Ok(())
    }
}
