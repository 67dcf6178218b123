//! What can go wrong with the store, as one type.

use crate::damage;
use rusqlite::ErrorCode;
use std::{io, path::PathBuf, sync::Arc};

#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    #[error("open store `{path}`")]
    OpenFile { path: PathBuf, source: Arc<io::Error> },
    #[error("open store `{path}`")]
    Open { path: PathBuf, source: Arc<rusqlite::Error> },
    #[error(
        "open a store of format {found}: this program knows formats up to {known}; start the newer \
         program again"
    )]
    Newer { found: i64, known: i64 },
    /// Nothing of it was changed. `kept` says where the copy is, or why there is none.
    #[error(
        "open store `{path}`: it is damaged ({complaint}) and was left as it is; {kept}. Put a good copy in \
         its place, or move it and its `-wal` away to begin with empty records"
    )]
    Damaged { path: PathBuf, complaint: String, kept: String },
    #[error("bring the store from format {from} to {to}")]
    Migrate { from: i64, to: i64, source: Arc<rusqlite::Error> },
    #[error("keep a copy of the store of format {format} in `{}` before it is changed", folder.display())]
    Keep { folder: PathBuf, format: i64, source: Arc<io::Error> },
    #[error(
        "take the store back from format {found}: no copy of it lies in the state directory that a \
         program of format {known} understands"
    )]
    NoCopy { found: i64, known: i64 },
    #[error("take the store back to the copy `{}`", copy.display())]
    TakeBack { copy: PathBuf, source: Arc<io::Error> },
    #[error("take the store `{}` back: another process uses it", path.display())]
    InUse { path: PathBuf },
    /// Nothing of the write was kept. It succeeds again when there is room.
    #[error("write to the store: its disk is full or fails")]
    Full(#[source] Arc<rusqlite::Error>),
    /// Nothing of the write was kept, and nothing will be before the file is whole again.
    #[error("write to the store: its file is damaged")]
    Broken(#[source] Arc<rusqlite::Error>),
    #[error("read or make the key for secrets `{path}`")]
    KeyFile { path: PathBuf, source: Arc<io::Error> },
    #[error("understand the key for secrets `{path}`: expected lines of a number and a key")]
    Keys { path: PathBuf },
    #[error("seal the secret `{place}`")]
    Seal { place: String },
    /// Its key is not there, or it was not sealed for this place.
    #[error("open the sealed secret `{place}`: its key is missing, or it was changed")]
    Unseal { place: String },
    #[error("write to the store")]
    Write(#[source] Arc<rusqlite::Error>),
    #[error("read from the store")]
    Read(#[source] Arc<rusqlite::Error>),
    /// What is stored is not what this program wrote.
    #[error("understand what is stored: {0}")]
    Malformed(String),
    #[error("bring the store's log into its file: another process holds it")]
    Held,
    #[error("reach the store: it is closed")]
    Closed,
}

impl StoreError {
    pub(crate) fn write(source: rusqlite::Error) -> Self {
        match source.sqlite_error_code() {
            // A full disk shows as one or the other, by the file that could not grow.
            Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => Self::Full(source.into()),
            _ if damage::is_damage(&source) => Self::Broken(source.into()),
            _ => Self::Write(source.into()),
        }
    }

    pub(crate) fn read(source: rusqlite::Error) -> Self {
        Self::Read(source.into())
    }
}
