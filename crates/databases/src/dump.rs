//! Dumps of a shop's database that one order can be read from.
//!
//! A dump is a handful of named files (docs/formats/dump.md): what makes the schema, one file of rows
//! a table in the order of its key, an index beside it, and a manifest. All of it is of one moment.
//! It is made as streams, so that it needs no room of its own; it is read through [`Files`], by
//! ranges. What the tables mean is the caller's business.

mod block;
mod compare;
mod files;
pub(crate) mod line;
pub(crate) mod load;
mod manifest;
pub(crate) mod reader;
mod slowly;
mod summary;
mod writing;

pub(crate) mod mysql;
pub(crate) mod postgres;
pub(crate) mod sqlite;

use crate::DatabaseError;
use kernel::config::{DatabaseKind, DatabaseUrl};
use slowly::Slowly;
use std::{fmt, io::Read, time::Duration};

pub use compare::{Side, TableDifference, compare};
pub(crate) use compare::{compare_of, compare_told};
pub use files::{Files, Folder};
pub use line::{Field, push_value, value};
pub use load::{LoadProgress, LoadReport, load};
pub use manifest::{
    Column, FileEntry, KeyOrder, Kind, Manifest, Position, Reference, Sequence, Table,
};
pub use reader::{Reader, Row, Rows, Span, key_hash};

pub(crate) use postgres::MANNERS as POSTGRES_MANNERS;

/// What to dump, and how gently.
#[derive(Debug, Clone)]
pub struct Options {
    /// 1 or 2. The second reads the next table while the first one's rows are taken. MariaDB and
    /// SQLite have one snapshot a connection and always use one; of PostgreSQL, one more looks every
    /// two seconds whether the dump holds somebody up.
    pub connections: usize,
    /// The database itself ends a statement that takes longer, the reader's own slowness included.
    pub statement_limit: Duration,
    /// Tables without transactions (MyISAM, Aria) are locked against writing while they are read
    /// into memory, when all of them together are no larger; else the dump is refused.
    pub lock_nontransactional_up_to_bytes: u64,
    /// Only the rows of these, to look at them: what is to be restored from has all.
    pub only_tables: Option<Vec<String>>,
    /// Unix milliseconds.
    pub now_ms: i64,
}

impl Options {
    /// Two connections, six hours a statement, up to 64 MiB of tables without transactions, all
    /// tables.
    #[must_use]
    pub fn new(now_ms: i64) -> Self {
        Self {
            connections: 2,
            statement_limit: Duration::from_secs(6 * 3_600),
            lock_nontransactional_up_to_bytes: 64 << 20,
            only_tables: None,
            now_ms,
        }
    }

    fn wants(&self, table: &Table) -> bool {
        let is = |name: &String| *name == table.name || *name == table.label();
        self.only_tables.as_ref().is_none_or(|only| only.iter().any(is))
    }
}

/// A dump under way: one consistent snapshot is held until the last stream was read, or until this
/// and its files are dropped.
pub struct Dump {
    tables: Vec<Table>,
    files: Vec<DumpFile>,
    approximate_bytes: Option<u64>,
}

/// One file of a dump, as a stream.
pub struct DumpFile {
    /// Relative: `schema-pre.sql`, `tables/public.orders/rows`.
    pub name: String,
    /// Ends with an error when the dump failed, never with a clean end.
    pub content: Box<dyn Read + Send>,
    /// Asked at the end, with the bytes that came: whether that was all.
    pub is_whole: Box<dyn FnOnce(u64) -> Result<(), String> + Send>,
}

impl Dump {
    /// Connects, looks at rights, opens the snapshot and reads the schema. Blocks its thread, and
    /// owns the thread that reads the rows: call it outside of asynchronous code.
    ///
    /// # Errors
    /// When the database does not let us in or not see everything, when there is something in it
    /// that a dump would miss ([`DatabaseError::DumpRefused`], with what to do), or when the program
    /// that writes the schema is missing.
    pub fn begin(url: &DatabaseUrl, options: Options) -> Result<Self, DatabaseError> {
        match url.kind {
            DatabaseKind::Postgres => postgres::begin(url, options),
            DatabaseKind::MySql => mysql::begin(url, options),
            DatabaseKind::Sqlite => sqlite::begin(url, options),
        }
    }

    /// The files, in the order in which they must be read, one after another and each to its end;
    /// the manifest is the last. One that is dropped before its end fails all after it.
    #[must_use]
    pub fn into_files(self) -> Vec<DumpFile> {
        self.files
    }

    /// The same, with each file read no faster than so many bytes a second.
    #[must_use]
    pub fn slowed(mut self, bytes_a_second: u64) -> Self {
        let slowed = |file: DumpFile| DumpFile {
            content: Box::new(Slowly::new(file.content, bytes_a_second)),
            ..file
        };
        self.files = self.files.into_iter().map(slowed).collect();
        self
    }

    /// The tables, as yet without what their rows will be.
    #[must_use]
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// What the rows take in the database, indexes not counted; `None` when it does not say.
    #[must_use]
    pub fn approximate_bytes(&self) -> Option<u64> {
        self.approximate_bytes
    }
}

impl fmt::Debug for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dump").field("files", &self.files).finish_non_exhaustive()
    }
}

impl fmt::Debug for DumpFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DumpFile").field("name", &self.name).finish_non_exhaustive()
    }
}
