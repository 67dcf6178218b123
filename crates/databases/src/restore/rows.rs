//! Rows of a restored database put back into the live one's own tables, in one transaction, and out of
//! them again.
//!
//! The restored database lies beside the live one ([`super::Beside`]) and is only read. What the
//! changed rows were, and what they became, is kept in tables of ours: in PostgreSQL and SQLite in the
//! live database, for there nothing else is of one transaction with it; in MariaDB in a database of
//! their own. Their note is written with the change itself, so whoever was killed sees what became of
//! it. What the rows mean is the caller's business.

mod job;
mod mysql;
mod postgres;
mod sqlite;
mod transaction;

use crate::{
    DatabaseError,
    dump::{Files, Options, Reader, Side, Table, TableDifference, compare_of},
};
use kernel::config::{DatabaseKind, DatabaseUrl};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How tables and schemas begin that keep rows in the live database; dumps leave them out.
pub(crate) const KEPT: &str = "storewarden_before_";
/// The table that notes what was done.
const NOTE: &str = "note";

/// Tables of the live database that get the rows of a restored one.
#[derive(Debug, Clone)]
pub struct RowsBack {
    /// The shop's own database, by an account that may write there.
    pub live: DatabaseUrl,
    /// Ends the name of what keeps the rows that there were: a date, in digits and `_`.
    pub kept: String,
    /// Stands in the note, so that another attempt finds its own.
    pub mark: String,
}

/// What becomes of one table's rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowCounts {
    /// As [`Table::label`] says.
    pub table: String,
    /// Rows that the live table lacked.
    pub added: u64,
    pub changed: u64,
    /// Rows of the live table only: they stay, or are deleted where the table shall be exactly so.
    pub only_live: u64,
}

/// Why rows are not put back. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    NoTable,
    NoKey,
    /// The table has other columns now, or another key.
    OtherColumns,
    /// MariaDB and MySQL fire every trigger for everybody.
    Triggers,
    NoTransactions,
    /// A row refers to one that is not there.
    Refers,
    /// Rows of another table refer to a row that would go.
    ReferredTo,
    /// What the database itself says, such as the name of a constraint.
    Constraint,
    Busy,
    /// A trigger or the column's type made something else of a row.
    NotAsWritten,
}

impl Obstacle {
    /// Names its message, snake_case.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NoTable => "rows_no_table",
            Self::NoKey => "rows_no_key",
            Self::OtherColumns => "rows_other_columns",
            Self::Triggers => "rows_triggers",
            Self::NoTransactions => "rows_no_transactions",
            Self::Refers => "rows_refer",
            Self::ReferredTo => "rows_referred_to",
            Self::Constraint => "rows_constraint",
            Self::Busy => "rows_busy",
            Self::NotAsWritten => "rows_not_as_written",
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoTable => "it is not on both sides; restore it beside the database",
            Self::NoKey => {
                "no key tells its rows apart; give it a primary key, or restore it beside the database"
            }
            Self::OtherColumns => {
                "its columns or its key are others now; restore it beside the database"
            }
            Self::Triggers => {
                "its triggers would fire; drop them for the time, or restore it beside the database"
            }
            Self::NoTransactions => "it knows no transactions; ALTER TABLE … ENGINE=InnoDB",
            Self::Refers => "a row refers to one that is not there; restore that table with it",
            Self::ReferredTo => {
                "other rows refer to one that would go; restore their table with it, or keep rows that \
                 are in the live one only"
            }
            Self::Constraint => {
                "a row that is in the live database only has the same value, or one that it refers to is \
                 missing; change it, restore the other table with it, or make the table exactly as it was"
            }
            Self::Busy => "others are at work in it; try again when it is quieter",
            Self::NotAsWritten => {
                "the database makes something else of a row; restore it beside the database"
            }
        })
    }
}

impl RowsBack {
    /// What was done, by its note; `None`: nothing was, or it was taken back.
    ///
    /// # Errors
    /// [`DatabaseError::NameTaken`] when something of that name is somebody else's; when the server
    /// does not let us look.
    pub fn look(&self) -> Result<Option<Vec<RowCounts>>, DatabaseError> {
        match self.live.kind {
            DatabaseKind::Postgres => postgres::look(self),
            DatabaseKind::MySql => mysql::look(self),
            DatabaseKind::Sqlite => sqlite::look(self),
        }
    }

    /// Puts the rows of these tables back, from the restored database `with`: all of it or nothing.
    /// Done already, nothing happens. With `exact`, rows that are in the live tables only are deleted.
    ///
    /// Triggers are not fired: PostgreSQL's are off for the transaction, SQLite's for the connection,
    /// MariaDB's are refused. Sequences and counters are only ever set forward. Whoever writes into
    /// the tables waits meanwhile.
    ///
    /// # Errors
    /// [`DatabaseError::RowsRefused`] names the table; else as of [`RowsBack::look`].
    pub fn put(
        &self,
        with: &str,
        tables: &[String],
        exact: bool,
    ) -> Result<Vec<RowCounts>, DatabaseError> {
        match self.live.kind {
            DatabaseKind::Postgres => postgres::put(self, with, tables, exact),
            DatabaseKind::MySql => mysql::put(self, with, tables, exact),
            DatabaseKind::Sqlite => sqlite::put(self, with, tables, exact),
        }
    }

    /// Puts the rows that there were back, and forgets them. A row that somebody has changed since
    /// stays as it is. Where nothing was done, only what was left of an attempt goes.
    ///
    /// # Errors
    /// As of [`RowsBack::put`].
    pub fn take_back(&self) -> Result<(), DatabaseError> {
        match self.live.kind {
            DatabaseKind::Postgres => postgres::take_back(self),
            DatabaseKind::MySql => mysql::take_back(self),
            DatabaseKind::Sqlite => sqlite::take_back(self),
        }
    }
}

/// Sees whether nothing is in the way of rows of these tables, and that they are in the dump.
///
/// # Errors
/// [`DatabaseError::RowsRefused`] for the first table that has something.
pub fn may_come_back<F: Files>(
    reader: &Reader<F>,
    live: &DatabaseUrl,
    tables: &[String],
) -> Result<(), DatabaseError> {
    match live.kind {
        DatabaseKind::Postgres => postgres::check(live, reader.tables(), tables),
        DatabaseKind::MySql => mysql::check(live, reader.tables(), tables),
        DatabaseKind::Sqlite => sqlite::check(live, reader.tables(), tables),
    }
}

/// How many rows would be added, changed and so on; nothing is written. Reads all of these tables on
/// both sides, in bounded memory.
///
/// # Errors
/// [`DatabaseError::RowsRefused`] where rows cannot be compared; when a side cannot be read.
pub fn count<F: Files>(
    reader: &Reader<F>,
    live: &DatabaseUrl,
    tables: &[String],
) -> Result<Vec<RowCounts>, DatabaseError> {
    let options = Options { only_tables: Some(tables.to_vec()), ..Options::new(0) };
    let found = compare_of(&Side::Dump(reader), &Side::<F>::Live(live), &options, &|_| {})?;
    let mut counts = Vec::new();
    for name in tables {
        let table = reader.table(name).ok_or_else(|| refused(name, Obstacle::NoTable, ""))?;
        let label = table.label();
        let difference = found.iter().find(|one| one.table == label);
        counts.push(match difference {
            None => RowCounts { table: label, ..RowCounts::default() },
            Some(TableDifference { not_compared: Some(why), .. }) => {
                return Err(refused(&label, Obstacle::OtherColumns, why));
            }
            Some(TableDifference { missing, different, extra, .. }) => {
                RowCounts { table: label, added: *missing, changed: *different, only_live: *extra }
            }
        });
    }
    Ok(counts)
}

fn refused(table: &str, obstacle: Obstacle, what: &str) -> DatabaseError {
    DatabaseError::RowsRefused { table: table.to_owned(), obstacle, what: what.to_owned() }
}

/// The tables of these names on both sides: the restored one's and the live one's.
fn pairs<'a>(
    restored: &'a [Table],
    live: &'a [Table],
    names: &[String],
) -> Result<Vec<(&'a Table, &'a Table)>, DatabaseError> {
    let mut pairs: Vec<(&Table, &Table)> = Vec::new();
    for name in names {
        let none = || refused(name, Obstacle::NoTable, "");
        let fits = |table: &&Table| table.name == *name || table.label() == *name;
        let from = restored.iter().find(fits).ok_or_else(none)?;
        let into = live.iter().find(|table| table.label() == from.label()).ok_or_else(none)?;
        if into.key.is_empty() {
            return Err(refused(name, Obstacle::NoKey, ""));
        }
        let is_live = |column: &String| into.column(column).is_some();
        let gone = from.columns.iter().map(|column| &column.name).find(|name| !is_live(name));
        if let Some(column) = gone {
            return Err(refused(name, Obstacle::OtherColumns, column));
        }
        if from.key != into.key {
            return Err(refused(name, Obstacle::OtherColumns, &from.key.join(", ")));
        }
        if !pairs.iter().any(|(known, _)| known.label() == from.label()) {
            pairs.push((from, into));
        }
    }
    Ok(pairs)
}

/// A table as it was kept: its columns of then, which must be there now.
fn only_columns(live: &Table, names: &[String]) -> Result<Table, DatabaseError> {
    let mut table = live.clone();
    table.columns.retain(|column| names.contains(&column.name));
    match table.columns.len() == names.len() {
        true => Ok(table),
        false => Err(refused(&live.label(), Obstacle::OtherColumns, &names.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dump::{Column, FileEntry, KeyOrder};

    fn table(name: &str, columns: &[&str], key: &[&str]) -> Table {
        let file = || FileEntry { name: String::new(), bytes: 0, sha256: String::new() };
        let column =
            |name: &&str| Column { name: (*name).to_owned(), type_name: "text".to_owned() };
        Table {
            schema: Some("public".to_owned()),
            name: name.to_owned(),
            columns: columns.iter().map(column).collect(),
            key: key.iter().map(|name| (*name).to_owned()).collect(),
            key_order: KeyOrder::Unknown,
            summaries: Vec::new(),
            references: Vec::new(),
            row_count: 0,
            rows: file(),
            index: file(),
        }
    }

    #[test]
    fn tables_that_do_not_fit_are_refused_by_name() {
        let restored = [
            table("a", &["id", "x"], &["id"]),
            table("b", &["x"], &[]),
            table("c", &["id"], &["id"]),
        ];
        let live = [
            table("a", &["id", "x", "new"], &["id"]),
            table("b", &["x"], &[]),
            table("c", &[], &["id"]),
        ];
        let check = |names: &[&str], expect: Result<usize, Obstacle>| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let found = pairs(&restored, &live, &names).map(|pairs| pairs.len());
            let found = found.map_err(|error| match error {
                DatabaseError::RowsRefused { obstacle, .. } => obstacle,
                other => panic!("{other}"),
            });
            assert_eq!(found, expect, "{names:?}");
        };
        check(&["a", "public.a"], Ok(1));
        check(&["b"], Err(Obstacle::NoKey));
        check(&["a", "c"], Err(Obstacle::OtherColumns));
        check(&["d"], Err(Obstacle::NoTable));
    }
}
