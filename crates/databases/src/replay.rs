//! Changes that were followed made once more, in a database that was restored beside the shop's own
//! ([`Beside`]): so it becomes what the shop's was at a later moment.
//!
//! Whoever has the changes gives them in their order, transaction after transaction. They are written in
//! larger transactions, each of which also notes how far it is, in the database itself: whoever is
//! killed goes on exactly there. Before such a transaction ends, every row that it touched is read
//! back and held against its last image. Foreign keys hold afterwards; triggers are not fired.
//! Where the changes come from, and which of them are wanted, is the caller's business.

mod held;
mod mysql;
mod postgres;

use crate::{
    DatabaseError,
    changes::{Change, Image, RowChange, TableShape},
    dump::{Field, Table},
    restore::Beside,
};
pub use held::{Held, LastImage};
use kernel::config::DatabaseKind;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// A transaction of ours ends when it has so much, at the next end of one of theirs.
const BATCH_CHANGES: usize = 2_000;
const BATCH_BYTES: usize = 4 << 20;
/// One of theirs that is longer is written in parts, all of them in one of ours.
const PART_BYTES: usize = 64 << 20;

/// Where changes are made once more, and up to when.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The database; it was restored whole.
    pub beside: Beside,
    /// Of the last moment that is made once more, unix milliseconds. Stands in the database, so that nobody
    /// takes it for another's.
    pub until_ms: i64,
    /// Only these, by their labels; none: all.
    pub tables: Vec<String>,
}

/// How far it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Of the last transaction that is in it; 0: none.
    pub sequence: u64,
    pub transactions: u64,
    /// Changes that were made, and rows that were read back.
    pub changes: u64,
    pub checked: u64,
}

/// What became of it, told by the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    NotBegun,
    Begun,
    Done,
}

/// A row in the order of its table's columns.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    fields: Vec<Field>,
    /// Places that are not known, ascending.
    absent: Vec<usize>,
}

/// One change, of the table with this place.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Insert(usize, Row),
    /// Without a row before, its key is that of the row after.
    Update(usize, Option<Row>, Row),
    Delete(usize, Row),
    Empty(usize),
}

/// A connection that makes changes.
trait Engine {
    /// Makes them, in a transaction that is begun where there is none, and reads the rows back; gives
    /// how many those were.
    fn apply(&mut self, steps: Vec<Step>) -> Result<u64, DatabaseError>;
    /// Notes how far it is, and ends the transaction.
    fn keep(&mut self, progress: &Progress) -> Result<(), DatabaseError>;
    /// Everything that was out of the way is in its place again, and holds.
    fn finish(&mut self, wanted: &Wanted, progress: &Progress) -> Result<(), DatabaseError>;
}

/// A replay under way. Blocks its thread; use it outside of asynchronous code.
pub struct Replay {
    wanted: Wanted,
    tables: Tables,
    engine: Box<dyn Engine>,
    progress: Progress,
    steps: Vec<Step>,
    bytes: usize,
    /// Since the last end of a transaction of ours.
    changes: usize,
    is_over: bool,
}

impl std::fmt::Debug for Replay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replay").field("progress", &self.progress).finish_non_exhaustive()
    }
}

/// Looks how far it is.
///
/// # Errors
/// When the server does not let us look.
pub fn stage(beside: &Beside, until_ms: i64) -> Result<Stage, DatabaseError> {
    match beside.live.kind {
        DatabaseKind::Postgres => postgres::stage(beside, until_ms),
        DatabaseKind::MySql => mysql::stage(beside, until_ms),
        DatabaseKind::Sqlite => Ok(Stage::NotBegun),
    }
}

impl Replay {
    /// Connects, and puts out of the way what would act by itself: triggers, and in PostgreSQL foreign
    /// keys, whose doings are among the changes there.
    ///
    /// # Errors
    /// [`DatabaseError::NotReplayed`] for SQLite, and for a database that somebody else begins; when the server
    /// does not let us.
    pub fn begin(wanted: Wanted) -> Result<Self, DatabaseError> {
        let Opened { tables, engine, progress, is_over } = match wanted.beside.live.kind {
            DatabaseKind::Postgres => postgres::open(&wanted)?,
            DatabaseKind::MySql => mysql::open(&wanted)?,
            DatabaseKind::Sqlite => {
                return Err(not_replayed("", "SQLite has no stream of changes"));
            }
        };
        let tables = Tables::new(tables);
        Ok(Self { wanted, tables, engine, progress, steps: vec![], bytes: 0, changes: 0, is_over })
    }

    /// How far it is on disk.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// All of it is done, since an attempt before.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Takes a change. One that is not `certain` may be in the restored database already, as PostgreSQL's
    /// are that were committed around the moment of the dump: of tables with a key it is made
    /// nevertheless, since what comes after it sets the row right; of others it is left out.
    ///
    /// # Errors
    /// [`DatabaseError::NotReplayed`] when it does not fit the table.
    pub fn change(&mut self, row: &RowChange, certain: bool) -> Result<(), DatabaseError> {
        let label = row.table.label();
        if !self.is_wanted(&label) {
            return Ok(());
        }
        let at = self.tables.find(&label)?;
        if !certain && self.tables.all[at].key.is_empty() {
            return Ok(());
        }
        let places = self.tables.places(at, &row.table)?;
        let ordered = |image: &Image| ordered(image, &places);
        let step = match &row.change {
            Change::Inserted(after) => Step::Insert(at, ordered(after)),
            Change::Updated { before, after } => {
                Step::Update(at, before.as_ref().map(ordered), ordered(after))
            }
            Change::Deleted(before) => Step::Delete(at, ordered(before)),
        };
        self.bytes += step.bytes();
        self.steps.push(step);
        Ok(())
    }

    /// Every row of a table is gone at once.
    ///
    /// # Errors
    /// As of [`Replay::change`].
    pub fn emptied(&mut self, label: &str, certain: bool) -> Result<(), DatabaseError> {
        if self.is_wanted(label) {
            let at = self.tables.find(label)?;
            if certain || !self.tables.all[at].key.is_empty() {
                self.steps.push(Step::Empty(at));
            }
        }
        Ok(())
    }

    /// A transaction of theirs has ended. Where the rows `may_rest` as they are now, ours may end too.
    ///
    /// # Errors
    /// [`DatabaseError::NotReplayed`] names the first row that is not as it should be; what the database
    /// says.
    pub fn commit(&mut self, sequence: u64, may_rest: bool) -> Result<(), DatabaseError> {
        self.progress.sequence = sequence;
        self.progress.transactions += 1;
        if !may_rest {
            return Ok(());
        }
        if self.changes + self.steps.len() >= BATCH_CHANGES || self.bytes >= BATCH_BYTES {
            self.keep()?;
        }
        Ok(())
    }

    /// Writes what has come of a transaction that is very long; not within what must be written at once.
    ///
    /// # Errors
    /// As of [`Replay::commit`].
    pub fn relieve(&mut self) -> Result<(), DatabaseError> {
        if self.bytes >= PART_BYTES { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), DatabaseError> {
        let steps = std::mem::take(&mut self.steps);
        self.changes += steps.len();
        self.progress.changes += steps.len() as u64;
        self.bytes = 0;
        self.progress.checked += self.engine.apply(steps)?;
        Ok(())
    }

    fn keep(&mut self) -> Result<(), DatabaseError> {
        self.write()?;
        self.changes = 0;
        self.engine.keep(&self.progress)
    }

    /// All changes were given: writes the last of them, and puts back what was out of the way.
    ///
    /// # Errors
    /// As of [`Replay::commit`]; [`DatabaseError::NotReplayed`] when a foreign key does not hold.
    pub fn finish(mut self) -> Result<Progress, DatabaseError> {
        if !self.is_over {
            self.keep()?;
            self.engine.finish(&self.wanted, &self.progress)?;
        }
        Ok(self.progress)
    }

    fn is_wanted(&self, label: &str) -> bool {
        let only = &self.wanted.tables;
        only.is_empty() || only.iter().any(|one| one == label)
    }
}

/// What a database of either kind begins with.
struct Opened {
    tables: Vec<Table>,
    engine: Box<dyn Engine>,
    progress: Progress,
    is_over: bool,
}

/// The restored database's tables, and how the columns of what comes stand in them.
struct Tables {
    all: Vec<Table>,
    by_label: HashMap<String, usize>,
    /// The shape that came last of each, and where its columns go.
    known: HashMap<usize, (std::sync::Arc<TableShape>, Vec<usize>)>,
}

impl Tables {
    fn new(all: Vec<Table>) -> Self {
        let by_label = all.iter().enumerate().map(|(at, table)| (table.label(), at)).collect();
        Self { all, by_label, known: HashMap::new() }
    }

    fn find(&self, label: &str) -> Result<usize, DatabaseError> {
        let none = || not_replayed(label, "there is no such table in the restored database");
        self.by_label.get(label).copied().ok_or_else(none)
    }

    /// Where each column of the table stands in an image.
    fn places(
        &mut self,
        at: usize,
        shape: &std::sync::Arc<TableShape>,
    ) -> Result<Vec<usize>, DatabaseError> {
        if let Some((known, places)) = self.known.get(&at)
            && known == shape
        {
            return Ok(places.clone());
        }
        let table = &self.all[at];
        let place = |name: &String| shape.column(name);
        let places: Option<Vec<usize>> =
            table.columns.iter().map(|column| place(&column.name)).collect();
        let places = places.filter(|places| places.len() == shape.columns.len());
        let other = || not_replayed(&table.label(), "it has other columns than the restored one");
        let places = places.ok_or_else(other)?;
        self.known.insert(at, (std::sync::Arc::clone(shape), places.clone()));
        Ok(places)
    }
}

impl Step {
    fn inserted(&self) -> Option<(usize, &Row)> {
        match self {
            Self::Insert(at, row) => Some((*at, row)),
            _ => None,
        }
    }

    fn bytes(&self) -> usize {
        let of = |row: &Row| -> usize {
            row.fields.iter().map(|field| 32 + field.as_ref().map_or(0, Vec::len)).sum()
        };
        match self {
            Self::Insert(_, row) | Self::Delete(_, row) => of(row),
            Self::Update(_, before, after) => before.as_ref().map_or(0, of) + of(after),
            Self::Empty(_) => 0,
        }
    }
}

fn ordered(image: &Image, places: &[usize]) -> Row {
    let mut row = Row { fields: Vec::with_capacity(places.len()), absent: Vec::new() };
    for (at, place) in places.iter().enumerate() {
        match image.field(*place) {
            Some(field) => row.fields.push(field.clone()),
            None => {
                row.fields.push(None);
                row.absent.push(at);
            }
        }
    }
    row
}

/// The key's values of a row.
fn key_of(table: &Table, row: &Row) -> Result<Vec<Field>, DatabaseError> {
    let places = table.key.iter().map(|name| table.column(name));
    let value = |place: Option<usize>| {
        let place = place.filter(|place| !row.absent.contains(place))?;
        Some(row.fields[place].clone())
    };
    let key: Option<Vec<Field>> = places.map(value).collect();
    key.ok_or_else(|| {
        let why = "a row came without its key: its replica identity is another index";
        not_replayed(&table.label(), why)
    })
}

/// A key for people.
fn said(key: &[Field]) -> String {
    let text = |field: &Field| match field {
        Some(value) => String::from_utf8_lossy(value).into_owned(),
        None => "NULL".to_owned(),
    };
    key.iter().map(text).collect::<Vec<_>>().join(",")
}

fn not_replayed(table: &str, why: &str) -> DatabaseError {
    DatabaseError::NotReplayed { table: table.to_owned(), why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dump::{Column, FileEntry, KeyOrder};
    use std::sync::Arc;

    fn columns(names: &[&str]) -> Vec<Column> {
        let column = |name: &&str| Column { name: (*name).into(), type_name: "text".into() };
        names.iter().map(column).collect()
    }

    fn tables() -> Tables {
        let file = || FileEntry { name: String::new(), bytes: 0, sha256: String::new() };
        Tables::new(vec![Table {
            schema: None,
            name: "orders".to_owned(),
            columns: columns(&["id", "total"]),
            key: vec!["id".to_owned()],
            key_order: KeyOrder::Unknown,
            summaries: Vec::new(),
            references: Vec::new(),
            row_count: 0,
            rows: file(),
            index: file(),
        }])
    }

    #[test]
    fn columns_go_where_the_restored_table_has_them_or_nothing_goes() {
        let check = |names: &[&str], expect: Option<&[usize]>| {
            let columns = columns(names);
            let shape = TableShape { schema: None, name: "orders".into(), columns, key: vec![0] };
            let found = tables().places(0, &Arc::new(shape)).ok();
            assert_eq!(found.as_deref(), expect, "{names:?}");
        };
        check(&["id", "total"], Some(&[0, 1]));
        check(&["total", "id"], Some(&[1, 0]));
        check(&["id"], None);
        check(&["id", "total", "new"], None);
        check(&["id", "sum"], None);
        assert!(tables().find("carts").is_err());
    }

    #[test]
    fn a_row_that_came_without_its_key_is_refused() {
        let table = &tables().all[0];
        let image = Image { fields: vec![None, Some(b"5".to_vec())], absent: vec![0] };
        let row = ordered(&image, &[0, 1]);
        assert_eq!(row.absent, [0]);
        assert!(key_of(table, &row).is_err());
        let image = Image { fields: vec![Some(b"7".to_vec()), None], absent: vec![1] };
        assert_eq!(said(&key_of(table, &ordered(&image, &[0, 1])).unwrap()), "7");
    }
}
