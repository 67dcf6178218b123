//! A base backup: the cluster's files as they were while it ran, which its log makes whole. One archive out of
//! `pg_basebackup`, and a note of what it takes to bring it back, in a snapshot of their own.

use crate::{Id, Reader, Snapshot, VaultError, backup::Stream};
use databases::{
    DatabaseError,
    wal::{Programs, SegmentName, Server},
};
use host::process::start_piped;
use kernel::config::DatabaseUrl;
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io::{self, Cursor, Read},
    path::Path,
    thread,
    vec::IntoIter,
};

/// Where its files lie in a snapshot.
const NOTE: &str = "/wal/base.json";
const ARCHIVE: &str = "/wal/base.tar";
/// What a snapshot of one is marked by, the shop behind it.
pub const BASE_TAG: &str = "base:";
/// The segment from which on it wants the log.
pub const FROM_TAG: &str = "wal:";

/// What must be known of a cluster to bring it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseNote {
    /// The server's major version.
    pub version: u32,
    pub segment_bytes: u64,
    /// The segment from which on it wants the log.
    pub from: String,
    /// By the server's clock, before it began. Unix ms.
    pub begun_ms: i64,
    /// Who may do everything in it.
    pub superuser: String,
}

/// A base backup, as a repository lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// The snapshot's whole id.
    pub snapshot: String,
    /// It began then, and had ended. Every moment from its end on can be reached. Unix ms.
    pub begun_ms: i64,
    pub ended_ms: i64,
    /// Of the cluster.
    pub bytes: u64,
    /// The segment from which on it wants the log.
    pub from: String,
}

impl Base {
    /// Of a snapshot that is one.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Option<Self> {
        let from = snapshot.tags.iter().find_map(|tag| tag.strip_prefix(FROM_TAG))?;
        let summary = snapshot.summary.as_ref();
        Some(Self {
            snapshot: snapshot.id.to_string(),
            begun_ms: snapshot.time.ms(),
            ended_ms: summary.map_or(snapshot.time, |summary| summary.backup_end).ms(),
            bytes: summary.map_or(0, |summary| summary.total_bytes_processed),
            from: from.to_owned(),
        })
    }

    /// # Errors
    /// When a tag of the snapshot is none of ours.
    pub fn segment(&self) -> Result<SegmentName, VaultError> {
        let odd =
            |_| VaultError::Malformed { what: "tag of a base backup", text: self.from.clone() };
        self.from.parse().map_err(odd)
    }
}

impl BaseNote {
    /// Asks a server, just before its base backup begins.
    ///
    /// # Errors
    /// When it does not answer, or nobody may sign in who may do everything.
    pub async fn of(url: &DatabaseUrl) -> Result<Self, DatabaseError> {
        let server = Server::connect(url).await?;
        // There is none of this name; asked is how far the log is.
        let glance = server.glance("storewarden_none").await?;
        let superuser = server.superuser().await?.ok_or_else(|| DatabaseError::ChangesRefused {
            what: format!("the cluster of {url}"),
            mend: "there is no superuser who may sign in: CREATE ROLE name SUPERUSER LOGIN"
                .to_owned(),
        })?;
        Ok(Self {
            version: glance.version,
            segment_bytes: glance.segment_bytes,
            from: glance.segment.to_string(),
            begun_ms: glance.at_ms,
            superuser,
        })
    }

    /// What the snapshot of a base backup says of it.
    ///
    /// # Errors
    /// When it is not in it, or is not understood.
    pub fn read(reader: &Reader, snapshot: &Snapshot) -> Result<Self, VaultError> {
        let mut text = Vec::new();
        let operation = "read";
        let failed = |source| VaultError::File { operation, path: NOTE.into(), source };
        Content::open(reader, snapshot, Path::new(NOTE))?.read_to_end(&mut text).map_err(failed)?;
        serde_json::from_slice(&text).map_err(|error| failed(error.into()))
    }

    /// # Errors
    /// When it names none.
    pub fn segment(&self) -> Result<SegmentName, VaultError> {
        let odd =
            |_| VaultError::Malformed { what: "note of a base backup", text: self.from.clone() };
        self.from.parse().map_err(odd)
    }
}

/// Begins a base backup: what its snapshot is made of.
///
/// # Errors
/// When its program is missing.
pub fn stream(
    note: &BaseNote,
    url: &DatabaseUrl,
    bandwidth: Option<u64>,
) -> Result<Vec<Stream>, DatabaseError> {
    let spawn = Programs::find(note.version)?.copy(url, bandwidth)?;
    let failed = |source| DatabaseError::Run { what: "pg_basebackup", source };
    let (mut program, ends) = start_piped(spawn).map_err(failed)?;
    drop(ends.input);
    let mut errors = File::from(ends.errors);
    // Read all the while, so that it never waits for whoever listens.
    let said = thread::spawn(move || {
        let mut said = String::new();
        errors.read_to_string(&mut said).map(|_| said)
    });
    let is_whole = move |_bytes: u64| {
        let status = program.wait().map_err(|error| error.to_string())?;
        let said = said.join().map_err(|_| "whoever listened has panicked".to_owned())?;
        let said = said.map_err(|error| error.to_string())?;
        match status.success() {
            true => Ok(()),
            false => Err(format!("pg_basebackup ended with {status}: {}", said.trim())),
        }
    };
    let text = serde_json::to_vec(note).expect("invariant: our own types are JSON");
    Ok(vec![
        Stream {
            path: NOTE.into(),
            content: Box::new(Cursor::new(text)),
            is_whole: Box::new(|_| Ok(())),
        },
        Stream {
            path: ARCHIVE.into(),
            content: Box::new(File::from(ends.output)),
            is_whole: Box::new(is_whole),
        },
    ])
}

/// A file of a snapshot from its beginning to its end.
pub(super) struct Content<'a> {
    reader: &'a Reader,
    pieces: IntoIter<Id>,
    piece: Cursor<Vec<u8>>,
}

impl<'a> Content<'a> {
    /// The archive of a base backup.
    pub(super) fn of_base(reader: &'a Reader, snapshot: &Snapshot) -> Result<Self, VaultError> {
        Self::open(reader, snapshot, Path::new(ARCHIVE))
    }

    fn open(reader: &'a Reader, snapshot: &Snapshot, path: &Path) -> Result<Self, VaultError> {
        let node = reader.node(snapshot, path)?;
        let pieces = node.content.unwrap_or_default().into_iter();
        Ok(Self { reader, pieces, piece: Cursor::default() })
    }
}

impl Read for Content<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        loop {
            match (self.piece.read(to)?, to.is_empty()) {
                (0, false) => {}
                (read, _) => return Ok(read),
            }
            let Some(next) = self.pieces.next() else { return Ok(0) };
            self.piece = Cursor::new(self.reader.piece(&next).map_err(io::Error::other)?);
        }
    }
}
