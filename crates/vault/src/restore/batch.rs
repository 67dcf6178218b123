//! A few hundred files at a time: enough that one reading from the storage serves many small ones,
//! few enough to have them open all at once.

use super::{
    Failure, FailureKind, Restore,
    fetch::{self, Wanted},
    target::{Folder, set_metadata},
};
use crate::{Id, Node, VaultError, index::Index, pack::BlobKind};
use std::{
    ffi::OsString,
    fs::File,
    io,
    os::{fd::OwnedFd, unix::fs::FileExt as _},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

const FILES: usize = 256;
const FOLDERS: usize = 128;

/// What is written together: files first, then further names of files, then folders' own metadata.
#[derive(Debug, Default)]
pub(super) struct Batch {
    files: Vec<PlannedFile>,
    hard_links: Vec<(PlannedFile, PathBuf)>,
    folder_ends: Vec<(Arc<Folder>, Node)>,
}

#[derive(Debug)]
struct PlannedFile {
    folder: Arc<Folder>,
    node: Node,
    path: PathBuf,
}

/// A file that is being written.
#[derive(Debug)]
pub(super) struct OpenFile {
    planned: PlannedFile,
    pub(super) file: File,
    /// Made by this run: what was not written is nought.
    pub(super) is_new: bool,
    pub(super) is_damaged: AtomicBool,
}

impl OpenFile {
    pub(super) fn path(&self) -> &PathBuf {
        &self.planned.path
    }
}

impl Batch {
    pub(super) fn file(
        &mut self,
        folder: Arc<Folder>,
        node: Node,
        path: PathBuf,
        first: Option<PathBuf>,
    ) {
        let planned = PlannedFile { folder, node, path };
        match first {
            Some(first) => self.hard_links.push((planned, first)),
            None => self.files.push(planned),
        }
    }

    pub(super) fn folder_end(&mut self, folder: Arc<Folder>, node: Node) {
        self.folder_ends.push((folder, node));
    }

    pub(super) fn is_full(&self) -> bool {
        self.files.len() + self.hard_links.len() >= FILES || self.folder_ends.len() >= FOLDERS
    }

    pub(super) fn write(self, restore: &Restore<'_>) -> Result<(), VaultError> {
        let mut open = Vec::with_capacity(self.files.len());
        let mut wanted = Wanted::default();
        for planned in self.files {
            let path = planned.path.clone();
            match prepare(restore, planned, open.len(), &mut wanted) {
                Ok(Some(file)) => open.push(file),
                Ok(None) => {}
                Err(error) => restore.unwritten(path, error)?,
            }
        }
        fetch::run(restore, &wanted, &open)?;
        for file in open {
            let path = file.planned.path.clone();
            if let Err(error) = finish(restore, file) {
                restore.unwritten(path, error)?;
            }
        }
        for (PlannedFile { folder, node, path }, first) in self.hard_links {
            match folder.hard_link(&restore.root, &first, &node.name) {
                Ok(()) => restore.report().files += 1,
                Err(error) => restore.unwritten(path, error)?,
            }
        }
        for (folder, node) in self.folder_ends {
            match folder.end(&node, restore.may_own) {
                Ok(took_attributes) => {
                    restore.report().without_attributes += u64::from(!took_attributes);
                }
                Err(error) => restore.unwritten(folder.path.clone(), error)?,
            }
        }
        Ok(())
    }
}

/// Opens a file, and adds the pieces that it lacks. `None` when it is right already.
fn prepare(
    restore: &Restore<'_>,
    planned: PlannedFile,
    number: usize,
    wanted: &mut Wanted,
) -> io::Result<Option<OpenFile>> {
    let index = restore.reader.index();
    let PlannedFile { folder, node, path } = &planned;
    let content = node.content.as_deref().unwrap_or_default();
    if let Some(file) = folder.existing(&node.name, node.size)
        && lacking(&file, content, index)?.is_empty()
    {
        let took_attributes = set_metadata(&OwnedFd::from(file), node, restore.may_own)?;
        let mut report = restore.report();
        report.files += 1;
        report.kept_files += 1;
        report.bytes += node.size;
        report.without_attributes += u64::from(!took_attributes);
        drop(report);
        restore.meter.add(1, node.size);
        return Ok(None);
    }
    let (file, is_new) = folder.unfinished(&node.name)?;
    let lacking =
        if is_new { places(content, index).collect() } else { lacking(&file, content, index)? };
    if !is_new || content.len() != 1 {
        file.set_len(node.size)?;
    }
    let is_damaged = AtomicBool::new(false);
    for (id, offset, length) in lacking {
        if length.is_none() {
            is_damaged.store(true, Relaxed);
            let why = format!("no index knows the piece at byte {offset}");
            let kind = FailureKind::Missing { blob: Some(id) };
            restore.fail(Failure { path: path.clone(), kind, why });
        } else {
            wanted.add(id, number, offset);
        }
    }
    Ok(Some(OpenFile { planned, file, is_new, is_damaged }))
}

/// Every piece of a content: where it begins, and how long it is where that is known.
fn places<'a>(
    content: &'a [Id],
    index: &'a Index,
) -> impl Iterator<Item = (Id, u64, Option<u32>)> + 'a {
    content.iter().scan(0, |offset, id| {
        let length = index.find(BlobKind::Data, id).map(|place| place.raw_length());
        let begin = *offset;
        *offset += u64::from(length.unwrap_or(0));
        Some((*id, begin, length))
    })
}

/// The pieces that a file does not hold yet where they belong.
fn lacking(file: &File, content: &[Id], index: &Index) -> io::Result<Vec<(Id, u64, Option<u32>)>> {
    let file_length = file.metadata()?.len();
    let mut buffer = Vec::new();
    let mut lacking = Vec::new();
    for (id, offset, length) in places(content, index) {
        let is_there = match length {
            Some(length) if offset + u64::from(length) <= file_length => {
                buffer.resize(length as usize, 0);
                file.read_exact_at(&mut buffer, offset)?;
                Id::of(&buffer) == id
            }
            _ => false,
        };
        if !is_there {
            lacking.push((id, offset, length));
        }
    }
    Ok(lacking)
}

/// Gives a written file its metadata and its name; what is damaged lies beside it.
fn finish(restore: &Restore<'_>, open: OpenFile) -> io::Result<()> {
    let OpenFile { planned: PlannedFile { folder, node, .. }, file, is_damaged, .. } = open;
    let took_attributes = set_metadata(&OwnedFd::from(file), &node, restore.may_own)?;
    restore.report().without_attributes += u64::from(!took_attributes);
    if is_damaged.into_inner() {
        let mut beside = OsString::from(&node.name);
        beside.push(".damaged");
        return folder.finish(&node.name, &beside);
    }
    folder.finish(&node.name, &node.name)?;
    let mut report = restore.report();
    report.files += 1;
    report.bytes += node.size;
    drop(report);
    restore.meter.add(1, 0);
    Ok(())
}
