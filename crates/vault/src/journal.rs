//! The journal: every change of a shop's rows, kept so that a row can be seen as it was, and a deleted one
//! be found (docs/formats/journal.md).
//!
//! A [`Writer`] takes the events of a stream and makes them durable; a [`Reader`] looks into what was
//! written so far, while the writer goes on. Which rows belong to an order is not known here: rows are
//! found by their key, and by the columns that the caller names ([`Lookups`]).

pub mod away;
mod extent;
mod folder;
mod index;
mod log;
mod part;
mod place;
mod raw;
mod reader;
mod record;
mod retention;
pub(crate) mod seal;
mod segment;
mod span;
mod view;
mod writer;

use crate::{Id, Repository, VaultError, crypto::Key};
use databases::changes::{Image, Position, RowChange};
use ring::hmac;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
};

pub use place::Place;
pub use raw::RawSpan;
pub use reader::{Entry, Reader};
pub use retention::forget;
pub(crate) use span::Span;
pub use writer::{Options, Tail, Writer};

/// What a journal is sealed with.
#[derive(Clone)]
pub struct JournalKey(Key);

impl JournalKey {
    /// 64 random bytes that the caller keeps.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(Key::new(bytes))
    }

    /// That of a repository: whoever opens one opens the other.
    #[must_use]
    pub fn of(repository: &Repository) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA512, &repository.key().bytes());
        let tag = hmac::sign(&secret, b"storewarden journal 1");
        Self(Key::new(tag.as_ref().try_into().expect("invariant: SHA-512 has 64 bytes")))
    }
}

impl JournalKey {
    pub(crate) fn secret(&self) -> &Key {
        &self.0
    }

    /// A number that says which journal is meant, and nothing about the key.
    #[must_use]
    pub(crate) fn mark(&self) -> u32 {
        let secret = hmac::Key::new(hmac::HMAC_SHA512, &self.0.bytes());
        let tag = hmac::sign(&secret, b"storewarden journal's mark");
        let (first, _) = tag.as_ref().split_first_chunk().expect("invariant: SHA-512 has 64 bytes");
        u32::from_le_bytes(*first)
    }
}

impl fmt::Debug for JournalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JournalKey(•••)")
    }
}

/// The columns by which rows are looked for besides their key: by a table's label (`public.order_line`),
/// those that point to an order, or have a number or an address in them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lookups(pub BTreeMap<String, Vec<String>>);

/// A change of a row, and when it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Of its transaction, from 1; and which of its changes it is, from 0.
    pub sequence: u64,
    pub place: u64,
    /// Never before that of the version before, whatever the server's clock did.
    pub committed_ms: i64,
    /// Where the server's log goes on after its transaction.
    pub position: Position,
    pub row: RowChange,
}

/// Something that happened to a table, or to more than one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// As of a [`Version`].
    pub sequence: u64,
    pub place: u64,
    pub committed_ms: i64,
    /// As of a [`Version`]; `None` where an older program wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    pub kind: MarkKind,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MarkKind {
    /// All rows of the table were taken at once.
    Emptied {
        table: String,
    },
    Redefined {
        table: Option<String>,
        statement: Option<String>,
    },
}

/// How a row was at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Of an image that is not whole, the absent columns are not known.
    Row(Image),
    /// There was none.
    Absent,
    /// The journal has not seen it change: it was as in a dump.
    Unknown,
}

/// A segment as a file, which never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentFile {
    pub number: u64,
    pub path: PathBuf,
    pub bytes: u64,
    /// SHA-256 of its content, which is part of its name.
    pub id: Id,
}

/// Bytes of the server's log as it came in a segment.
///
/// # Errors
/// [`VaultError::DamagedJournal`]; [`VaultError::File`].
pub fn raw_bytes(segment: &SegmentFile, key: &JournalKey) -> Result<u64, VaultError> {
    let part = part::Part::open_segment(&key.0, &segment.path, segment.number)?;
    Ok(part.summary.raw.iter().map(|block| block.bytes).sum())
}

/// The segments of a journal, the oldest first.
///
/// # Errors
/// When the folder cannot be read.
pub fn segments(folder: &Path) -> Result<Vec<SegmentFile>, VaultError> {
    let segments = folder::list(folder)?.segments.into_iter();
    segments
        .map(|(number, (path, id))| {
            let bytes = fs::metadata(&path).map_err(seal::failed("look at", &path))?.len();
            Ok(SegmentFile { number, path, bytes, id })
        })
        .collect()
}
