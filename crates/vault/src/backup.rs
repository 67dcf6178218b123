//! Makes a snapshot of files, folders and streams.
//!
//! Either everything that was asked for is in the repository and a snapshot says so, or there is no
//! snapshot and an error says why. What was packed until then is found again by the next run.

use crate::{
    Id, Origin, Reader, Repository, Snapshot, Summary, Time, VaultError,
    chunker::Cutter,
    lock::LockKind,
    packer::Packer,
    progress::{Meter, Watch},
    storage::{FileKind, MediaBucket},
};
use archive::{Archive, Outcome};
use pipeline::Pipeline;
use source::Branch;
use std::{
    fmt,
    io::Read,
    path::PathBuf,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Instant,
};

mod archive;
mod bucket;
mod excludes;
mod metadata;
mod pipeline;
mod source;

pub(crate) use bucket::etag_number;

/// What is to be backed up, and who asks.
#[derive(Debug)]
pub struct Request {
    /// Whole paths of folders and files. What lies within another one of them is in it already.
    pub paths: Vec<PathBuf>,
    /// Read before any file, in this order: databases come first, what they speak of after.
    pub streams: Vec<Stream>,
    /// Read with the files, each as the folder [`MediaBucket::path`].
    pub buckets: Vec<MediaBucket>,
    /// `*` is any part of a name, `?` one character, `**` any folders. With a slash at its beginning
    /// a pattern is a whole path, else a part of one: `cache`, `*.tmp`, `/srv/shop/var/**/*.log`.
    pub excludes: Vec<String>,
    pub tags: Vec<String>,
    pub origin: Origin,
    /// Unix milliseconds.
    pub now_ms: i64,
}

/// A content that is no file, such as a dump. Half of one is none.
pub struct Stream {
    /// The path it gets in the snapshot, whole: `/databases/shop/orders.sql`.
    pub path: PathBuf,
    pub content: Box<dyn Read + Send>,
    /// Asked at the end, with the bytes that came: whether that was all. A dump's program has ended
    /// well by then, or this says what it ended with.
    pub is_whole: Box<dyn FnOnce(u64) -> Result<(), String> + Send>,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("path", &self.path).finish_non_exhaustive()
    }
}

/// A backup that ended well.
#[derive(Debug)]
pub struct Report {
    pub snapshot: Snapshot,
    /// The first of what was odd and no reason to fail.
    pub notes: Vec<Note>,
    /// All of it, told or not.
    pub note_count: u64,
}

/// Something that a person may want to know of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub path: PathBuf,
    pub kind: NoteKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteKind {
    /// It was there when its folder was read, and not any more.
    Vanished,
    /// It was written to while it was read; what was read is kept, the next backup reads it again. An object
    /// of a bucket was read again at once.
    Changed,
    /// A socket, pipe or device: there is nothing in it to keep.
    Special,
    /// The repository itself.
    Repository,
    /// Its extended attributes could not be read; its content was.
    Attributes,
}

/// Backs up, under a shared lock of the repository. `watch` hears of progress.
///
/// # Errors
/// Whatever keeps the backup from being whole; there is no snapshot then.
/// [`VaultError::Unreadable`], [`VaultError::Stream`], [`VaultError::NoSource`],
/// [`VaultError::NoSources`], [`VaultError::Locked`], [`VaultError::Storage`].
pub fn run(
    repository: &Repository,
    request: Request,
    watch: Watch<'_>,
) -> Result<Report, VaultError> {
    let begun = Instant::now();
    let Request { paths, streams, buckets, excludes, tags, origin, now_ms } = request;
    let root = Branch::of(&paths, &streams, &buckets)?;
    let names = root.paths();
    let lock = repository.lock(LockKind::Shared, &origin)?;
    let reader = repository.reader()?.for_a_walk();
    let parent = parent(repository, &origin, &names)?;
    let summary = parent.as_ref().and_then(|parent| parent.summary.as_ref());
    let meter = Meter::new(watch, summary.map(|summary| summary.total_bytes_processed));
    let packer = Packer::new(repository.clone(), Arc::clone(reader.index()), true);
    let cutter = Cutter::new(repository.polynomial()?);
    let outcome = Pipeline::run(&packer, repository, |pipeline| {
        let mut archive = Archive::new(pipeline, &reader, &cutter, &meter, &excludes, now_ms)?;
        archive.buckets = &buckets;
        archive.streams(streams)?;
        archive.root(&root, parent.as_ref().map(|parent| parent.tree))
    });
    let Outcome { tree, summary, notes, note_count, unreadable } = outcome?;
    // Also where files are missing, so that the next run need not send the others again.
    packer.finish()?;
    if let Some((count, first)) = unreadable {
        return Err(VaultError::Unreadable { count, first });
    }
    let took_ms = i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX);
    let summary = with_counts(&summary, &packer, now_ms, took_ms);
    let mut snapshot = Snapshot {
        id: tree,
        time: Time::from_ms(now_ms),
        parent: parent.map(|parent| parent.id),
        tree,
        paths: names,
        hostname: origin.hostname,
        username: origin.username,
        uid: origin.uid,
        gid: origin.gid,
        excludes,
        tags,
        program_version: concat!("storewarden ", env!("CARGO_PKG_VERSION")).to_owned(),
        original: None,
        summary: Some(summary),
    };
    lock.check()?;
    snapshot.id = repository.write_json(FileKind::Snapshot, &snapshot)?;
    meter.tell();
    Ok(Report { snapshot, notes, note_count })
}

/// The newest snapshot of the same paths by the same machine: what it has need not be read again.
fn parent(
    repository: &Repository,
    origin: &Origin,
    paths: &[String],
) -> Result<Option<Snapshot>, VaultError> {
    let mut snapshots = repository.snapshots()?;
    snapshots.retain(|snapshot| snapshot.hostname == origin.hostname && snapshot.paths == paths);
    Ok(snapshots.pop())
}

fn with_counts(summary: &Summary, packer: &Packer, begin_ms: i64, took_ms: i64) -> Summary {
    let counts = &packer.counts;
    Summary {
        backup_start: Time::from_ms(begin_ms),
        backup_end: Time::from_ms(begin_ms.saturating_add(took_ms)),
        data_blobs: counts.data_blobs.load(Relaxed),
        tree_blobs: counts.tree_blobs.load(Relaxed),
        data_added: counts.added_bytes.load(Relaxed),
        data_added_packed: counts.added_packed_bytes.load(Relaxed),
        ..summary.clone()
    }
}

/// A folder of an earlier snapshot, sorted by name; nothing where it cannot be read, so that
/// everything is read anew.
fn earlier_folder(reader: &Reader, folder: Option<Id>) -> Vec<crate::Node> {
    let Some(folder) = folder else { return Vec::new() };
    match reader.folder(folder) {
        Ok(mut nodes) => {
            nodes.sort_unstable_by(|a, b| a.name.cmp(&b.name));
            nodes
        }
        Err(error) => {
            tracing::warn!(error = error.story(), "a folder of the last backup is read anew");
            Vec::new()
        }
    }
}
