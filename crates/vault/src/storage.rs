//! Where a repository's files lie: a folder, a bucket, or a folder of another machine. Knows names and bytes, not what is in them.
//!
//! What [`Storage::write`] has acknowledged is durable and whole; a name never shows half a file.
//! The conformance suite (`tests/it/storage.rs`) says the rest, and every storage passes it.

use crate::{Id, VaultError};
use bytes::Bytes;
use std::{fmt, path::Path};

mod fault;
mod folder;
mod objects;
mod sftp;
mod throttle;
mod write_only;

pub use fault::Fault;
pub use folder::Folder;
pub(crate) use objects::{Ended, Written, part_bytes};
pub use objects::{Lost, MediaBucket, MediaTarget, ObjectLock, Objects, Past};
pub use outbound::bucket::LockMode;
pub use sftp::{HostKey, Sftp, SftpSettings};
pub use throttle::Throttle;
pub use write_only::WriteOnly;

/// The kinds of files of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FileKind {
    Config,
    Key,
    Lock,
    Snapshot,
    Index,
    Pack,
    /// Of the copy of a journal, which restic knows nothing of (docs/formats/journal.md).
    JournalSegment,
    JournalPiece,
    /// Of the copy of a server's log (docs/formats/wal.md).
    WalFile,
}

/// One file of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileName {
    kind: FileKind,
    /// Of the configuration, which has no name of its own, all zeroes.
    id: Id,
}

impl FileKind {
    /// Those of a repository.
    pub const NAMED: [Self; 5] = [Self::Key, Self::Lock, Self::Snapshot, Self::Index, Self::Pack];
    pub const OF_JOURNALS: [Self; 3] = [Self::JournalSegment, Self::JournalPiece, Self::WalFile];

    /// The folder that restic gives it; of the others, ours.
    #[must_use]
    pub fn folder(self) -> &'static str {
        match self {
            Self::Config => "",
            Self::Key => "keys",
            Self::Lock => "locks",
            Self::Snapshot => "snapshots",
            Self::Index => "index",
            Self::Pack => "data",
            Self::JournalSegment => "journal/segments",
            Self::JournalPiece => "journal/pieces",
            Self::WalFile => "journal/wal",
        }
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Config => "the configuration",
            Self::Key => "key",
            Self::Lock => "lock",
            Self::Snapshot => "snapshot",
            Self::Index => "index",
            Self::Pack => "pack",
            Self::JournalSegment => "segment of a journal",
            Self::JournalPiece => "piece of a journal",
            Self::WalFile => "file of a server's log",
        })
    }
}

impl FileName {
    pub const CONFIG: Self = Self { kind: FileKind::Config, id: Id::from_bytes([0; 32]) };

    #[must_use]
    pub fn new(kind: FileKind, id: Id) -> Self {
        if kind == FileKind::Config { Self::CONFIG } else { Self { kind, id } }
    }

    #[must_use]
    pub fn kind(self) -> FileKind {
        self.kind
    }

    #[must_use]
    pub fn id(self) -> Id {
        self.id
    }

    /// Below the repository's root, as restic lays it out: `data/0a/0a1b…`, `config`.
    #[must_use]
    pub fn path(self) -> String {
        let id = self.id;
        match self.kind {
            FileKind::Config => "config".to_owned(),
            FileKind::Pack => {
                let id = id.to_string();
                format!("data/{}/{id}", &id[..2])
            }
            kind => format!("{}/{id}", kind.folder()),
        }
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            FileKind::Config => self.kind.fmt(f),
            kind => write!(f, "{kind} {}", self.id),
        }
    }
}

/// A file that is there, and how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    pub id: Id,
    pub size_bytes: u64,
}

/// A place that keeps files. Calls block, and come from several threads at once.
///
/// Every call ends: with what was asked for, or with an error after a limit of its own.
pub trait Storage: Send + Sync + fmt::Debug {
    /// Where it is, for people. Holds no secret.
    fn label(&self) -> String;

    /// # Errors
    /// [`VaultError::Missing`] when there is no such file; [`VaultError::Storage`] else.
    fn read(&self, file: FileName) -> Result<Bytes, VaultError>;

    /// Exactly so many bytes.
    ///
    /// # Errors
    /// As of [`Storage::read`]; [`VaultError::Damaged`] when the file ends before.
    fn read_range(&self, file: FileName, offset: u64, length: u32) -> Result<Bytes, VaultError>;

    /// Of a file that is not there `None`.
    ///
    /// # Errors
    /// [`VaultError::Storage`].
    fn size(&self, file: FileName) -> Result<Option<u64>, VaultError>;

    /// Every file of a kind, in no order. Files whose name is no id are not ours and left out.
    ///
    /// # Errors
    /// [`VaultError::Storage`]; a list is whole or an error.
    fn list(&self, kind: FileKind) -> Result<Vec<Listed>, VaultError>;

    /// Returns when the file is durable. The same file may be written twice with the same bytes.
    ///
    /// # Errors
    /// [`VaultError::Storage`]; the file is then whole or not there.
    fn write(&self, file: FileName, bytes: Bytes) -> Result<(), VaultError>;

    /// A file that is gone already is no error.
    ///
    /// # Errors
    /// [`VaultError::Storage`], also where nothing may be removed.
    fn remove(&self, file: FileName) -> Result<(), VaultError>;

    /// Removes what writes that were killed have left, while nobody else writes.
    ///
    /// # Errors
    /// [`VaultError::Storage`].
    fn remove_unfinished(&self) -> Result<(), VaultError> {
        Ok(())
    }

    /// Sees to it that nobody can remove a file before, where the storage has locks of that kind;
    /// `true` when something had to be done. Unix milliseconds.
    ///
    /// # Errors
    /// [`VaultError::Missing`], [`VaultError::Storage`].
    fn keep_until(&self, _file: FileName, _until_ms: i64) -> Result<bool, VaultError> {
        Ok(false)
    }

    /// Calls that may usefully run at the same time.
    fn parallel(&self) -> usize {
        2
    }

    /// The folder on this machine that holds it, so that it is never backed up into itself.
    fn folder(&self) -> Option<&Path> {
        None
    }
}

/// Of a file that ends too early.
pub(crate) fn too_short(file: FileName, offset: u64, length: u32) -> VaultError {
    VaultError::damaged(file, format!("it ends before byte {}", offset + u64::from(length)))
}

/// How a kind of storage makes its errors.
pub(crate) fn failed(
    operation: &'static str,
    file: impl fmt::Display,
    place: &str,
    fault: Fault,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> VaultError {
    VaultError::Storage {
        operation,
        file: file.to_string(),
        place: place.to_owned(),
        transient: false,
        fault,
        source: source.into(),
    }
}
