//! What can go wrong with a repository, as one type.
//!
//! Three things are never mixed up: a wrong password, a repository that is not there, and one that is
//! damaged.

use crate::{
    Id,
    storage::{Fault, FileName},
};
use std::{io, path::PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// Of somebody else's machine or disk; `transient` when trying later may help.
    #[error("{operation} {file} at {place}")]
    Storage {
        operation: &'static str,
        file: String,
        place: String,
        transient: bool,
        fault: Fault,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("find {file} at {place}: it is not there")]
    Missing { file: FileName, place: String },
    #[error("open a repository at {0}: there is none")]
    NoRepository(String),
    #[error("make a repository at {0}: there is one already")]
    Exists(String),
    #[error("open the repository at {0}: no key opens with this password")]
    WrongPassword(String),
    #[error("use a repository of version {0}: only versions 1 and 2 of restic's format are known")]
    Version(u32),
    #[error("read {file}: {why}; it is damaged")]
    Damaged { file: FileName, why: String },
    #[error("read blob {blob} in {pack} at byte {offset}: {why}; it is damaged")]
    DamagedBlob { blob: Id, pack: FileName, offset: u32, why: String },
    #[error("find blob {0}: no index knows it")]
    UnknownBlob(Id),
    #[error("lock the repository: {0}")]
    Locked(Box<crate::lock::Holder>),
    #[error("hold on to the lock of the repository: it could not be renewed for too long")]
    LockLost,
    #[error("find the snapshot `{0}`")]
    NoSnapshot(String),
    #[error("find the snapshot `{0}`: several begin like that")]
    AmbiguousSnapshot(String),
    #[error("find `{path}` in the snapshot")]
    NoSuchPath { path: PathBuf },
    #[error("remove the only key of the repository")]
    LastKey,
    #[error("{operation} `{path}`")]
    File { operation: &'static str, path: PathBuf, source: io::Error },
    /// Nothing that looks like a good backup was left behind.
    #[error("back up: {count} files could not be read, the first of them: {first}")]
    Unreadable { count: u64, first: String },
    #[error(
        "find room for {needed_bytes} bytes in `{path}`: {free_bytes} are free; make room, or choose \
         another folder"
    )]
    NoRoom { path: PathBuf, needed_bytes: u64, free_bytes: u64 },
    #[error("back up the stream `{path}`: {why}")]
    Stream { path: PathBuf, why: String },
    #[error("back up `{0}`: it is not there")]
    NoSource(PathBuf),
    /// What went wrong with a bucket of media.
    #[error("back up {place}")]
    Bucket { place: String, source: Box<VaultError> },
    /// A disk that is not mounted, or another bucket, sooner than a shop without pictures.
    #[error("back up `{path}`: it is empty, and the newest backup has {count} entries of it")]
    Emptied { path: PathBuf, count: u64 },
    #[error("back up nothing: no folder, file or stream was named")]
    NoSources,
    #[error("understand the {what} `{text}`")]
    Malformed { what: &'static str, text: String },
    #[error("put the name `{name}` into `{parent}`: it would lead elsewhere")]
    UnsafeName { parent: PathBuf, name: String },
    #[error("read the journal `{path}` at byte {offset}: {why}; it is damaged")]
    DamagedJournal { path: PathBuf, offset: u64, why: String },
    #[error("go on in the journal `{path}`: {holder} writes to it already")]
    JournalHeld { path: PathBuf, holder: &'static str },
    /// The stream is of a server with another history: it wants a journal of its own.
    #[error("go on in the journal after {last}: {next} is no place in the same log")]
    OtherHistory { last: String, next: String },
    /// The server's log as it came has a hole, or does not reach so far.
    #[error("follow the server's log: it was kept up to {last}, and then {next}")]
    RawGap { last: String, next: String },
    /// A server's log ends before the moment that was asked for (Unix ms), or nobody knows that it does not.
    #[error("replay a server's log up to {until_ms} ms after 1970: it does not reach so far")]
    WalEnds { until_ms: i64 },
    /// Segments of a server's log are missing between two.
    #[error("the server's log between {after} and {before} is missing")]
    WalMissing { after: String, before: String },
    /// What a cluster says that is brought back from a base backup, or could not be asked for one.
    #[error("bring a cluster back from its base backup")]
    Cluster(#[source] Box<databases::DatabaseError>),
    /// What the database says of the changes that are made once more.
    #[error("make the changes of a journal once more")]
    Replay(#[source] Box<databases::DatabaseError>),
    /// A thread of the run has failed; the first failure is told instead wherever it is known.
    #[error("go on: another part of the run has failed")]
    Aborted,
}

impl VaultError {
    pub(crate) fn damaged(file: FileName, why: impl Into<String>) -> Self {
        Self::Damaged { file, why: why.into() }
    }

    /// The whole story in one line: the error and what lies behind it.
    #[must_use]
    pub fn story(&self) -> String {
        let mut text = self.to_string();
        let mut behind = std::error::Error::source(self);
        while let Some(error) = behind {
            text.push_str(": ");
            text.push_str(&error.to_string());
            behind = error.source();
        }
        text
    }
}
