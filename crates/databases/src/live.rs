//! Single rows of a living database: looked up by their values, and changed, all of them or none.
//!
//! Values are written as in a [`dump`](crate::dump), byte for byte, so that a row of a backup and one
//! of today can be held against each other. A row that is to be changed is locked and held against
//! what it was expected to be: whoever changed it meanwhile keeps what they wrote, and nothing
//! happens.

mod counters;
mod counting;
pub(crate) mod mysql;
mod postgres;
mod sqlite;
mod standing;

pub use counters::Counter;
pub use standing::Standing;

use crate::{
    DatabaseError,
    dump::{Field, Kind, Row, Table},
};
use kernel::config::{DatabaseKind, DatabaseUrl};
use serde::{Deserialize, Serialize};
use std::{collections::HashSet, time::Duration};

/// A statement that takes longer is ended by the database itself.
const STATEMENT_LIMIT: Duration = Duration::from_secs(10);
/// A row that somebody else holds is waited for that long.
const LOCK_LIMIT: Duration = Duration::from_secs(5);
/// More rows with one value are not asked for.
pub const MOST_ROWS: usize = 10_000;
/// So many values stand in one statement.
const VALUES_AT_ONCE: usize = 500;
const RANGES_AT_ONCE: usize = 64;

/// A connection to a database, and what its schema says. Blocks its thread; use it outside of
/// asynchronous code.
#[derive(Debug)]
pub struct Live {
    tables: Vec<Table>,
    required: Required,
    /// Labels of tables that take no part in transactions.
    apart: HashSet<String>,
    database: Database,
}

/// Columns that may not be NULL, by their table's label.
type Required = HashSet<(String, String)>;

#[derive(Debug)]
enum Database {
    Postgres(postgres::Rows),
    MySql(mysql::Rows),
    Sqlite(sqlite::Rows),
}

/// A value with its column's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    pub column: String,
    pub value: Field,
}

/// What becomes different in one row. The table is named as [`Table::label`] does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// A row that must not be there. Columns that are not named take their defaults.
    Insert { table: String, row: Vec<Cell> },
    /// The row with this key, whose columns must be as they `were`.
    Update { table: String, key: Vec<Cell>, were: Vec<Cell>, become_: Vec<Cell> },
    /// The row with this key, whose columns must be as they `were`.
    Delete { table: String, key: Vec<Cell>, were: Vec<Cell> },
}

impl Live {
    /// Connects and reads the schema.
    ///
    /// # Errors
    /// When the address is malformed, the database does not let us in, or its schema cannot be read.
    pub fn connect(url: &DatabaseUrl) -> Result<Self, DatabaseError> {
        let mut apart = HashSet::new();
        let (tables, required, database) = match url.kind {
            DatabaseKind::Postgres => {
                let (tables, required, rows) = postgres::Rows::connect(url)?;
                (tables, required, Database::Postgres(rows))
            }
            DatabaseKind::MySql => {
                let (tables, required, mut rows) = mysql::Rows::connect(url)?;
                apart = rows.apart()?;
                (tables, required, Database::MySql(rows))
            }
            DatabaseKind::Sqlite => {
                let (tables, required, rows) = sqlite::Rows::open(url)?;
                (tables, required, Database::Sqlite(rows))
            }
        };
        Ok(Self { tables, required, apart, database })
    }

    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.database {
            Database::Postgres(_) => Kind::Postgres,
            Database::MySql(_) => Kind::MySql,
            Database::Sqlite(_) => Kind::Sqlite,
        }
    }

    /// Those that the role may read, in the order of their names.
    #[must_use]
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// The table of this name or label; of several schemas' the first.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name || table.label() == name)
    }

    /// Whether a column of a table, by its label, takes no NULL.
    #[must_use]
    pub fn is_required(&self, table: &str, column: &str) -> bool {
        self.required.contains(&(table.to_owned(), column.to_owned()))
    }

    /// Whether changes of a table, by its label, are taken back with a transaction: not in MyISAM's.
    #[must_use]
    pub fn has_transactions(&self, table: &str) -> bool {
        !self.apart.contains(table)
    }

    /// The rows with these values, in no order. A value is compared as the database compares it and
    /// then byte for byte.
    ///
    /// # Errors
    /// [`DatabaseError::TooManyRows`] beyond [`MOST_ROWS`]; when the database ends the statement for
    /// its time or refuses it.
    pub fn lookup(
        &mut self,
        table: &Table,
        wanted: &[(&str, &[u8])],
    ) -> Result<Vec<Row>, DatabaseError> {
        let mut rows = match &mut self.database {
            Database::Postgres(database) => database.lookup(table, wanted, false)?,
            Database::MySql(database) => database.lookup(table, wanted, false)?,
            Database::Sqlite(database) => database.lookup(table, wanted)?,
        };
        if rows.len() > MOST_ROWS {
            return Err(DatabaseError::TooManyRows { table: table.label(), most: MOST_ROWS });
        }
        rows.retain(|row| has(table, row, wanted));
        Ok(rows)
    }

    /// How many rows have a value of this column between two whole numbers, both included: of each of these
    /// ranges. For columns with an index that knows their order.
    ///
    /// # Errors
    /// When the database ends the statement for its time or refuses it.
    pub fn count_between(
        &mut self,
        table: &Table,
        column: &str,
        ranges: &[(i64, i64)],
    ) -> Result<Vec<u64>, DatabaseError> {
        let mut counts = Vec::with_capacity(ranges.len());
        for some in ranges.chunks(RANGES_AT_ONCE) {
            counts.extend(match &mut self.database {
                Database::Postgres(database) => database.count_between(table, column, some)?,
                Database::MySql(database) => database.count_between(table, column, some)?,
                Database::Sqlite(database) => database.count_between(table, column, some)?,
            });
        }
        Ok(counts)
    }

    /// Gives every value of a column with whole numbers between two of them, both included, to `take`: as the database
    /// writes it, ascending. For columns with an index that knows their order.
    ///
    /// # Errors
    /// When the database ends the statement for its time or refuses it.
    pub fn each_between(
        &mut self,
        table: &Table,
        column: &str,
        range: (i64, i64),
        take: &mut dyn FnMut(&[u8]),
    ) -> Result<(), DatabaseError> {
        match &mut self.database {
            Database::Postgres(database) => database.each_between(table, column, range, take),
            Database::MySql(database) => database.each_between(table, column, range, take),
            Database::Sqlite(database) => database.each_between(table, column, range, take),
        }
    }

    /// Those of these values of a column that no row has. For columns with an index.
    ///
    /// # Errors
    /// As of [`Live::lookup`].
    pub fn lacking(
        &mut self,
        table: &Table,
        column: &str,
        values: &[Vec<u8>],
    ) -> Result<Vec<Vec<u8>>, DatabaseError> {
        let mut lacking = Vec::new();
        for some in values.chunks(VALUES_AT_ONCE) {
            let there: HashSet<Vec<u8>> = match &mut self.database {
                Database::Postgres(database) => database.among(table, column, some)?,
                Database::MySql(database) => database.among(table, column, some)?,
                Database::Sqlite(database) => database.among(table, column, some)?,
            }
            .into_iter()
            .collect();
            lacking.extend(some.iter().filter(|value| !there.contains(*value)).cloned());
        }
        Ok(lacking)
    }

    /// The next rows by this column, in its order: behind the value `after`, or from the beginning, so
    /// many at most. For columns with an index; rows without a value in it are left out.
    ///
    /// # Errors
    /// When the database ends the statement for its time or refuses it.
    pub fn page(
        &mut self,
        table: &Table,
        column: &str,
        after: Option<&[u8]>,
        most: usize,
    ) -> Result<Vec<Row>, DatabaseError> {
        match &mut self.database {
            Database::Postgres(database) => database.page(table, column, after, most),
            Database::MySql(database) => database.page(table, column, after, most),
            Database::Sqlite(database) => database.page(table, column, after, most),
        }
    }

    /// The rows that have one of these values in a column, in no order. For columns with an index.
    ///
    /// # Errors
    /// As of [`Live::page`].
    pub fn rows_with(
        &mut self,
        table: &Table,
        column: &str,
        values: &[Vec<u8>],
    ) -> Result<Vec<Row>, DatabaseError> {
        let mut found = Vec::new();
        for some in values.chunks(VALUES_AT_ONCE) {
            found.extend(match &mut self.database {
                Database::Postgres(database) => database.rows_among(table, column, some)?,
                Database::MySql(database) => database.rows_among(table, column, some)?,
                Database::Sqlite(database) => database.rows_among(table, column, some)?,
            });
        }
        Ok(found)
    }

    /// Makes all changes in one transaction, in their order.
    ///
    /// # Errors
    /// The first one that does not fit: [`DatabaseError::RowChanged`] when the row is gone or another
    /// than it was, [`DatabaseError::NoTable`], or what the database says. Nothing is changed then.
    pub fn apply(&mut self, changes: &[Change]) -> Result<(), DatabaseError> {
        let Self { tables, database, .. } = self;
        match database {
            Database::Postgres(database) => database.apply(tables, changes),
            Database::MySql(database) => database.apply(tables, changes),
            Database::Sqlite(database) => database.apply(tables, changes),
        }
    }
}

impl Change {
    /// What takes it back.
    #[must_use]
    pub fn inverse(&self, tables: &[Table]) -> Self {
        match self.clone() {
            Self::Insert { table, row } => {
                let key = key_of(tables, &table, &row);
                Self::Delete { table, key, were: row }
            }
            Self::Update { table, key, were, become_ } => {
                Self::Update { table, key, were: become_, become_: were }
            }
            Self::Delete { table, were, .. } => Self::Insert { table, row: were },
        }
    }

    /// The label of the table.
    #[must_use]
    pub fn table(&self) -> &str {
        let (Self::Insert { table, .. } | Self::Update { table, .. } | Self::Delete { table, .. }) =
            self;
        table
    }
}

/// A connection to a server that changes rows one by one.
trait Changing {
    fn run(&mut self, what: &str, statement: &str) -> Result<(), DatabaseError>;

    /// In a transaction that has begun.
    fn change(&mut self, tables: &[Table], change: &Change) -> Result<(), DatabaseError>;

    /// All of them in their order, or none.
    fn apply(&mut self, tables: &[Table], changes: &[Change]) -> Result<(), DatabaseError> {
        self.run("begin to change rows", "START TRANSACTION")?;
        let done = changes.iter().try_for_each(|change| self.change(tables, change));
        match done {
            Ok(()) => self.run("keep the changes", "COMMIT"),
            Err(error) => {
                self.run("take the changes back", "ROLLBACK")?;
                Err(error)
            }
        }
    }
}

/// The cells of the table's key; all of them where it has none.
fn key_of(tables: &[Table], label: &str, row: &[Cell]) -> Vec<Cell> {
    let key = tables.iter().find(|table| table.label() == label).map(|table| table.key.as_slice());
    let is_key = |cell: &&Cell| match key {
        Some(key) if !key.is_empty() => key.contains(&cell.column),
        _ => true,
    };
    row.iter().filter(is_key).cloned().collect()
}

fn has(table: &Table, row: &Row, wanted: &[(&str, &[u8])]) -> bool {
    wanted.iter().all(|(column, value)| {
        let at = table.column(column);
        at.is_some_and(|at| row.fields[at].as_deref() == Some(*value))
    })
}

fn find<'a>(tables: &'a [Table], label: &str) -> Result<&'a Table, DatabaseError> {
    let found = tables.iter().find(|table| table.label() == label);
    found.ok_or_else(|| DatabaseError::NoTable(label.to_owned()))
}

/// The one row of these that is as it was.
fn expected(table: &Table, key: &[Cell], were: &[Cell], rows: &[Row]) -> Result<(), DatabaseError> {
    let is = |row: &Row, cell: &Cell| {
        table.column(&cell.column).is_some_and(|at| row.fields[at] == cell.value)
    };
    let fits = |row: &&Row| key.iter().chain(were).all(|cell| is(row, cell));
    if rows.iter().filter(fits).count() == 1 && rows.len() == 1 {
        return Ok(());
    }
    Err(DatabaseError::RowChanged { table: table.label(), key: said(key) })
}

/// A key for people: `7`, `7,de`.
fn said(key: &[Cell]) -> String {
    let text = |cell: &Cell| match &cell.value {
        Some(value) => String::from_utf8_lossy(value).into_owned(),
        None => "NULL".to_owned(),
    };
    key.iter().map(text).collect::<Vec<_>>().join(",")
}

/// The values of a key to look it up by. In a table without one they are all of a row's, and those that are
/// not NULL must name one row alone.
fn wanted<'a>(table: &Table, key: &'a [Cell]) -> Result<Vec<(&'a str, &'a [u8])>, DatabaseError> {
    let pair = |cell: &'a Cell| Some((cell.column.as_str(), cell.value.as_deref()?));
    let pairs: Vec<_> = key.iter().filter_map(pair).collect();
    let is_whole = pairs.len() == key.len() || table.key.is_empty();
    let none = || DatabaseError::RowChanged { table: table.label(), key: said(key) };
    Some(pairs).filter(|pairs| !pairs.is_empty() && is_whole).ok_or_else(none)
}

/// Those cells of a key that a row is named by.
fn naming(key: &[Cell]) -> Vec<Cell> {
    key.iter().filter(|cell| cell.value.is_some()).cloned().collect()
}
