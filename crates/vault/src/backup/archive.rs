//! Reads what is to be backed up, one folder after the other, and makes the trees of it.

use super::{
    Note, NoteKind, Stream, earlier_folder,
    excludes::Excludes,
    metadata::{self, Owners},
    pipeline::{Pipeline, Slot},
    source::{Branch, BranchKind},
};
use crate::{
    Id, Node, NodeKind, Reader, Summary, VaultError,
    chunker::{Cutter, Pieces},
    pack::BlobKind,
    progress::Meter,
    storage::MediaBucket,
    tree::Tree,
};
use rustix::fs::OFlags;
use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    fmt::Display,
    fs::{self, File, Metadata},
    io::{self, Read},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// Of notes so many are told; all are counted.
const NOTES: usize = 100;

/// What reading came to.
pub(super) struct Outcome {
    pub(super) tree: Id,
    pub(super) summary: Summary,
    pub(super) notes: Vec<Note>,
    pub(super) note_count: u64,
    /// How many, and the first with its reason.
    pub(super) unreadable: Option<(u64, String)>,
}

/// A node whose content is still under way.
pub(super) struct Draft {
    pub(super) node: Node,
    pub(super) content: Vec<Slot>,
}

pub(super) struct Archive<'a> {
    pipeline: &'a Pipeline<'a>,
    pub(super) reader: &'a Reader,
    cutter: &'a Cutter,
    pub(super) meter: &'a Meter<'a>,
    pub(super) excludes: Excludes,
    owners: Owners,
    streams: HashMap<PathBuf, Draft>,
    pub(super) buckets: &'a [MediaBucket],
    /// The repository's own folder, which is never in a backup.
    own: Option<PathBuf>,
    now_ms: i64,
    pub(super) summary: Summary,
    notes: Vec<Note>,
    note_count: u64,
    unreadable: Option<(u64, String)>,
}

impl From<Node> for Draft {
    fn from(node: Node) -> Self {
        Self { node, content: Vec::new() }
    }
}

impl<'a> Archive<'a> {
    pub(super) fn new(
        pipeline: &'a Pipeline<'a>,
        reader: &'a Reader,
        cutter: &'a Cutter,
        meter: &'a Meter<'a>,
        excludes: &[String],
        now_ms: i64,
    ) -> Result<Self, VaultError> {
        let own = reader.repository().storage().folder().and_then(|own| own.canonicalize().ok());
        Ok(Self {
            pipeline,
            reader,
            cutter,
            meter,
            excludes: Excludes::new(excludes)?,
            owners: Owners::of_this_machine(),
            streams: HashMap::new(),
            buckets: &[],
            own,
            now_ms,
            summary: Summary::default(),
            notes: Vec::new(),
            note_count: 0,
            unreadable: None,
        })
    }

    /// Reads every stream to its end; the first that is not whole ends the run.
    pub(super) fn streams(&mut self, streams: Vec<Stream>) -> Result<(), VaultError> {
        for Stream { path, content, is_whole } in streams {
            let failed = |why: String| VaultError::Stream { path: path.clone(), why };
            let name = path.file_name().unwrap_or_default();
            let mut node = metadata::invented(name, NodeKind::File, self.now_ms);
            let (content, bytes) = match self.content(content)? {
                Ok(read) => read,
                Err(error) => return Err(failed(error.to_string())),
            };
            is_whole(bytes).map_err(failed)?;
            node.size = bytes;
            node.content = Some(Vec::new());
            self.summary.files_new += 1;
            self.count(bytes);
            self.streams.insert(path, Draft { node, content });
        }
        Ok(())
    }

    /// Reads everything else, and makes the root's tree.
    pub(super) fn root(
        mut self,
        root: &Branch,
        earlier: Option<Id>,
    ) -> Result<Outcome, VaultError> {
        let drafts = self.way(Path::new("/"), root, earlier)?;
        let tree = self.plant(drafts)?;
        let Self { summary, notes, note_count, unreadable, .. } = self;
        Ok(Outcome { tree, summary, notes, note_count, unreadable })
    }

    /// What was named below a folder that itself was not, or all of the root.
    fn way(
        &mut self,
        path: &Path,
        branch: &Branch,
        earlier: Option<Id>,
    ) -> Result<Vec<Draft>, VaultError> {
        if branch.kind == BranchKind::Whole {
            return self
                .entries(path, earlier)?
                .ok_or_else(|| VaultError::NoSource(path.to_owned()));
        }
        let earlier = earlier_folder(self.reader, earlier);
        let mut drafts = Vec::new();
        for (name, below) in &branch.below {
            let path = path.join(name);
            let earlier = find(&earlier, name);
            match below.kind {
                BranchKind::Stream => drafts.extend(self.streams.remove(&path)),
                BranchKind::Whole => drafts.push(self.named(&path, name, earlier)?),
                BranchKind::Bucket(at) => {
                    drafts.push(self.bucket(&path, &self.buckets[at], earlier)?);
                }
                BranchKind::Way => {
                    let mut node = match fs::symlink_metadata(&path) {
                        Ok(metadata) if metadata.is_dir() => {
                            metadata::node(name, NodeKind::Dir, &metadata, &self.owners)
                        }
                        _ => metadata::invented(name, NodeKind::Dir, self.now_ms),
                    };
                    let drafts_below =
                        self.way(&path, below, earlier.and_then(|node| node.subtree))?;
                    node.subtree = Some(self.plant(drafts_below)?);
                    drafts.push(node.into());
                }
            }
        }
        Ok(drafts)
    }

    /// What was named itself must be there and readable: a backup of nothing is none.
    fn named(
        &mut self,
        path: &Path,
        name: &OsStr,
        earlier: Option<&Node>,
    ) -> Result<Draft, VaultError> {
        if let Some(draft) = self.entry(path, name, earlier)? {
            return Ok(draft);
        }
        Err(match self.unreadable.take() {
            Some((count, first)) => VaultError::Unreadable { count, first },
            None => VaultError::NoSource(path.to_owned()),
        })
    }

    /// Everything in a folder; `None` when it could not be read, which was noted.
    fn entries(
        &mut self,
        path: &Path,
        earlier: Option<Id>,
    ) -> Result<Option<Vec<Draft>>, VaultError> {
        let list = |path: &Path| -> io::Result<Vec<OsString>> {
            fs::read_dir(path)?.map(|entry| Ok(entry?.file_name())).collect()
        };
        let mut names = match list(path) {
            Ok(names) => names,
            Err(error) => {
                self.miss(path, &error);
                return Ok(None);
            }
        };
        names.sort_unstable();
        let earlier = earlier_folder(self.reader, earlier);
        let mut drafts = Vec::with_capacity(names.len());
        for name in names {
            drafts.extend(self.entry(&path.join(&name), &name, find(&earlier, &name))?);
        }
        Ok(Some(drafts))
    }

    fn entry(
        &mut self,
        path: &Path,
        name: &OsStr,
        earlier: Option<&Node>,
    ) -> Result<Option<Draft>, VaultError> {
        if self.excludes.contain(path) {
            return Ok(None);
        }
        let metadata = match fs::symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(error) => {
                self.miss(path, &error);
                return Ok(None);
            }
        };
        let kind = metadata.file_type();
        let draft = if kind.is_dir() {
            self.folder(path, name, &metadata, earlier)?
        } else if kind.is_file() {
            self.file(path, name, &metadata, earlier)?
        } else if kind.is_symlink() {
            self.link(path, name, &metadata)
        } else {
            self.note(path, NoteKind::Special);
            None
        };
        Ok(draft.map(|mut draft| {
            match metadata::attributes(path) {
                Ok(attributes) => draft.node.extended_attributes = attributes,
                Err(_) => self.note(path, NoteKind::Attributes),
            }
            draft
        }))
    }

    fn folder(
        &mut self,
        path: &Path,
        name: &OsStr,
        metadata: &Metadata,
        earlier: Option<&Node>,
    ) -> Result<Option<Draft>, VaultError> {
        // Reached by another name perhaps, but still the repository.
        let is_own = |own: &PathBuf| {
            own.file_name() == Some(name) && path.canonicalize().is_ok_and(|path| path == *own)
        };
        if self.own.as_ref().is_some_and(is_own) {
            self.note(path, NoteKind::Repository);
            return Ok(None);
        }
        let earlier = earlier.filter(|node| node.is_dir()).and_then(|node| node.subtree);
        let Some(drafts) = self.entries(path, earlier)? else { return Ok(None) };
        let tree = self.plant(drafts)?;
        let counter = match earlier {
            None => &mut self.summary.dirs_new,
            Some(earlier) if earlier == tree => &mut self.summary.dirs_unmodified,
            Some(_) => &mut self.summary.dirs_changed,
        };
        *counter += 1;
        let mut node = metadata::node(name, NodeKind::Dir, metadata, &self.owners);
        node.subtree = Some(tree);
        Ok(Some(node.into()))
    }

    fn link(&mut self, path: &Path, name: &OsStr, metadata: &Metadata) -> Option<Draft> {
        let mut node = metadata::node(name, NodeKind::Symlink, metadata, &self.owners);
        match fs::read_link(path) {
            Ok(target) => {
                metadata::set_link_target(&mut node, target.as_os_str());
                Some(node.into())
            }
            Err(error) => {
                self.miss(path, &error);
                None
            }
        }
    }

    fn file(
        &mut self,
        path: &Path,
        name: &OsStr,
        metadata: &Metadata,
        earlier: Option<&Node>,
    ) -> Result<Option<Draft>, VaultError> {
        let mut node = metadata::node(name, NodeKind::File, metadata, &self.owners);
        if let Some(earlier) = earlier.filter(|earlier| self.is_unchanged(&node, earlier)) {
            node.content.clone_from(&earlier.content);
            self.summary.files_unmodified += 1;
            self.meter.add(0, node.size);
            self.count(node.size);
            return Ok(Some(node.into()));
        }
        let (file, before) = match open(path) {
            Ok(opened) => opened,
            Err(error) => {
                self.miss(path, &error);
                return Ok(None);
            }
        };
        node = metadata::node(name, NodeKind::File, &before, &self.owners);
        let (content, bytes) = match self.content(&file)? {
            Ok(read) => read,
            Err(error) => {
                self.miss(path, &error);
                return Ok(None);
            }
        };
        // Changed only where it can be seen: the times of before make the next backup look again.
        let is_same = file.metadata().is_ok_and(|after| {
            let times = |of: &Metadata| (of.mtime(), of.mtime_nsec(), of.ctime(), of.ctime_nsec());
            after.len() == bytes && times(&after) == times(&before)
        });
        if !is_same {
            self.note(path, NoteKind::Changed);
        }
        node.size = bytes;
        node.content = Some(Vec::new());
        match earlier {
            Some(earlier) if earlier.is_file() => self.summary.files_changed += 1,
            _ => self.summary.files_new += 1,
        }
        self.count(bytes);
        Ok(Some(Draft { node, content }))
    }

    fn is_unchanged(&self, now: &Node, earlier: &Node) -> bool {
        is_unchanged(self.reader, now, earlier)
    }

    /// Sends a content on its way. The inner error is the content's own.
    pub(super) fn content(
        &self,
        content: impl Read,
    ) -> Result<io::Result<(Vec<Slot>, u64)>, VaultError> {
        let mut pieces = Pieces::new(self.cutter, content, self.pipeline.buffer());
        let mut slots = Vec::new();
        loop {
            match pieces.next(|| self.pipeline.buffer()) {
                Ok(Some(piece)) => {
                    self.meter.add(0, piece.piece().len() as u64);
                    slots.push(self.pipeline.piece(piece)?);
                }
                Ok(None) => {
                    let bytes = pieces.bytes;
                    self.pipeline.give_back(pieces.into_buffer());
                    return Ok(Ok((slots, bytes)));
                }
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// Waits for what is in a folder, and makes its tree.
    pub(super) fn plant(&self, drafts: Vec<Draft>) -> Result<Id, VaultError> {
        let mut tree = Tree { nodes: Vec::with_capacity(drafts.len()) };
        for Draft { mut node, content } in drafts {
            if !content.is_empty() {
                let ids = content.iter().map(|slot| self.pipeline.id(slot));
                node.content = Some(ids.collect::<Result<_, _>>()?);
            }
            tree.nodes.push(node);
        }
        let blob = tree.to_blob();
        let id = Id::of(&blob);
        if !self.reader.index().has(BlobKind::Tree, &id) {
            self.pipeline.tree(id, blob)?;
        }
        Ok(id)
    }

    pub(super) fn count(&mut self, bytes: u64) {
        self.summary.total_files_processed += 1;
        self.summary.total_bytes_processed += bytes;
        self.meter.add(1, 0);
    }

    pub(super) fn note(&mut self, path: &Path, kind: NoteKind) {
        self.note_count += 1;
        if self.notes.len() < NOTES {
            self.notes.push(Note { path: path.to_owned(), kind });
        }
    }

    /// A file that is gone was deleted, and that is no failure; any other reason is one.
    fn miss(&mut self, path: &Path, error: &io::Error) {
        if error.kind() == io::ErrorKind::NotFound {
            return self.note(path, NoteKind::Vanished);
        }
        self.refuse(path, error);
    }

    /// The run goes on, and fails in its end.
    pub(super) fn refuse(&mut self, path: &Path, error: &dyn Display) {
        let first = || (0, format!("{}: {error}", path.display()));
        self.unreadable.get_or_insert_with(first).0 += 1;
    }
}

/// As restic decides it, and only while the repository has all of the content.
pub(super) fn is_unchanged(reader: &Reader, now: &Node, earlier: &Node) -> bool {
    let looks = |node: &Node| (node.kind, node.mtime, node.ctime, node.size, node.inode);
    looks(now) == looks(earlier)
        && earlier
            .content
            .as_ref()
            .is_some_and(|content| content.iter().all(|id| reader.index().has(BlobKind::Data, id)))
}

pub(super) fn find<'a>(sorted: &'a [Node], name: &OsStr) -> Option<&'a Node> {
    let found = sorted.binary_search_by(|node| node.name.as_os_str().cmp(name)).ok()?;
    Some(&sorted[found])
}

/// Opens a file, and only if it is one: what lay there a moment ago may be a pipe by now.
fn open(path: &Path) -> io::Result<(File, Metadata)> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let flags = i32::try_from(flags).expect("invariant: flags of open(2) are an int");
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "it is no file any more"));
    }
    Ok((file, metadata))
}
