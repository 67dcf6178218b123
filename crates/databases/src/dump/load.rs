//! Puts a dump into an empty database of its kind: what makes the tables, the rows, and what comes
//! after them.

pub(crate) mod mysql;
pub(crate) mod postgres;
mod sqlite;

use super::{Files, Kind, Reader, Table};
use crate::DatabaseError;
use kernel::config::{DatabaseKind, DatabaseUrl};
use std::cell::RefCell;

/// Where a load stands. Told after every piece of some hundred kilobytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoadProgress {
    /// The table that is being filled; `None`: the schema before it, or indexes and keys after.
    pub table: Option<String>,
    pub tables_done: usize,
    pub tables: usize,
    pub rows_done: u64,
    pub rows: u64,
    pub bytes_done: u64,
    pub bytes: u64,
}

/// A load that ended well: every row of the manifest is in the database.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoadReport {
    pub tables: usize,
    pub rows: u64,
    pub bytes: u64,
    /// What was not made, each with its reason: foreign keys when only some tables were asked for.
    pub left_out: Vec<String>,
}

/// Loads a dump into an empty database: all tables are made, and filled, or only the named ones
/// filled. A name is a table's own or with its schema. Blocks its thread; call it outside of
/// asynchronous code.
///
/// # Errors
/// When the database is of another kind or has tables already ([`DatabaseError::DumpRefused`]), the
/// dump is damaged, or the server refuses something: the error names the table. What was loaded
/// until then stays there.
pub fn load<F: Files>(
    reader: &Reader<F>,
    into: &DatabaseUrl,
    only_tables: Option<&[String]>,
    progress: &dyn Fn(LoadProgress),
) -> Result<LoadReport, DatabaseError> {
    let kind = match into.kind {
        DatabaseKind::Postgres => Kind::Postgres,
        DatabaseKind::MySql => Kind::MySql,
        DatabaseKind::Sqlite => Kind::Sqlite,
    };
    let manifest = reader.manifest();
    if kind != manifest.kind {
        return Err(refused(
            format!("a dump of {:?} into a database of another kind", manifest.kind),
            "name an empty database of the dump's kind",
        ));
    }
    let loading = Loading::new(reader, only_tables, progress)?;
    run(loading, kind, into)
}

/// What loads a database that was made for it, and goes on where it was ended.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    /// Stands in the database itself, so that nobody takes it for another's.
    pub(crate) mark: String,
    /// Whom everything in it belongs to; `None`: who loads it. PostgreSQL only.
    pub(crate) role: Option<String>,
}

/// Loads a dump into a database that carries the mark of this load: what is whole in it stays.
///
/// # Errors
/// As of [`load`].
pub(crate) fn go_on<F: Files>(
    reader: &Reader<F>,
    into: &DatabaseUrl,
    only_tables: Option<&[String]>,
    journal: Journal,
    progress: &dyn Fn(LoadProgress),
) -> Result<LoadReport, DatabaseError> {
    let loading = Loading::new(reader, only_tables, progress)?;
    run(Loading { journal: Some(journal), ..loading }, reader.manifest().kind, into)
}

fn run<F: Files>(
    loading: Loading<'_, F>,
    kind: Kind,
    into: &DatabaseUrl,
) -> Result<LoadReport, DatabaseError> {
    match kind {
        Kind::Postgres => postgres::load(&loading, into)?,
        Kind::MySql => mysql::load(&loading, into)?,
        Kind::Sqlite => sqlite::load(&loading, into)?,
    }
    let stands = loading.stands.into_inner();
    let left_out = loading.left_out.into_inner();
    Ok(LoadReport { tables: stands.tables, rows: stands.rows, bytes: stands.bytes, left_out })
}

/// What is to be loaded, and how far it is.
struct Loading<'a, F> {
    reader: &'a Reader<F>,
    tables: Vec<&'a Table>,
    is_partial: bool,
    journal: Option<Journal>,
    progress: &'a dyn Fn(LoadProgress),
    stands: RefCell<LoadProgress>,
    left_out: RefCell<Vec<String>>,
}

impl<'a, F: Files> Loading<'a, F> {
    fn new(
        reader: &'a Reader<F>,
        only_tables: Option<&[String]>,
        progress: &'a dyn Fn(LoadProgress),
    ) -> Result<Self, DatabaseError> {
        let tables: Vec<&Table> = match only_tables {
            None => reader.tables().iter().collect(),
            Some(names) => names
                .iter()
                .map(|name| {
                    reader.table(name).ok_or_else(|| {
                        refused(format!("table `{name}`"), "the dump has no table of this name")
                    })
                })
                .collect::<Result<_, _>>()?,
        };
        let stands = LoadProgress {
            tables: tables.len(),
            rows: tables.iter().map(|table| table.row_count).sum(),
            bytes: tables.iter().map(|table| table.rows.bytes).sum(),
            ..LoadProgress::default()
        };
        Ok(Self {
            reader,
            tables,
            is_partial: only_tables.is_some(),
            journal: None,
            progress,
            stands: RefCell::new(stands),
            left_out: RefCell::default(),
        })
    }

    /// One of the two files of the schema, as text.
    fn schema(&self, name: &str) -> Result<String, DatabaseError> {
        self.tell();
        let files = &self.reader.manifest().files;
        let entry = files.iter().find(|entry| entry.name == name);
        let broken = |reason: &str| super::reader::broken(name, reason.to_owned());
        let entry = entry.ok_or_else(|| broken("the manifest does not have it"))?;
        String::from_utf8(self.reader.file(entry)?).map_err(|_| broken("it is no text"))
    }

    fn begins(&self, table: &Table) {
        self.stands.borrow_mut().table = Some(table.label());
        self.tell();
    }

    /// The table is whole since an attempt before.
    fn keeps(&self, table: &Table) {
        let mut stands = self.stands.borrow_mut();
        stands.tables_done += 1;
        stands.rows_done += table.row_count;
        stands.bytes_done += table.rows.bytes;
        drop(stands);
        self.tell();
    }

    fn block_done(&self, block: &[u8]) {
        self.stands.borrow_mut().bytes_done += block.len() as u64;
        self.tell();
    }

    /// Holds what the database took against the manifest.
    fn ends(&self, table: &Table, rows: u64) -> Result<(), DatabaseError> {
        if rows != table.row_count {
            return Err(DatabaseError::DumpCut(format!(
                "`{}` took {rows} rows instead of {}",
                table.label(),
                table.row_count
            )));
        }
        let mut stands = self.stands.borrow_mut();
        stands.table = None;
        stands.tables_done += 1;
        stands.rows_done += rows;
        drop(stands);
        self.tell();
        Ok(())
    }

    fn leaves_out(&self, what: String) {
        self.left_out.borrow_mut().push(what);
    }

    fn tell(&self) {
        (self.progress)(self.stands.borrow().clone());
    }
}

pub(crate) fn refused(what: String, mend: &str) -> DatabaseError {
    DatabaseError::DumpRefused { what, mend: mend.to_owned() }
}

fn not_empty(place: &DatabaseUrl) -> DatabaseError {
    refused(
        format!("into {place}, which has tables"),
        "name an empty database; nothing is overwritten",
    )
}
