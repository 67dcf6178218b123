//! Where rows are looked up: in a dump, or in the living database.

use super::OrderError;
use databases::{
    dump::{Field, Files, Kind, Reader, Row, Table},
    live::Live,
};

/// Rows as of one moment, by their values.
pub trait Source {
    fn tables(&self) -> &[Table];

    /// How values are written here.
    fn kind(&self) -> Kind;

    /// The rows that have all of these values, byte for byte, in no order.
    ///
    /// # Errors
    /// When they cannot be read.
    fn lookup(&mut self, table: &Table, wanted: &[(&str, &[u8])]) -> Result<Vec<Row>, OrderError>;
}

/// A dump as it lies in a backup.
#[derive(Debug)]
pub struct Past<'a, F>(pub &'a Reader<F>);

impl<F: Files> Source for Past<'_, F> {
    fn tables(&self) -> &[Table] {
        self.0.tables()
    }

    fn kind(&self) -> Kind {
        self.0.manifest().kind
    }

    fn lookup(&mut self, table: &Table, wanted: &[(&str, &[u8])]) -> Result<Vec<Row>, OrderError> {
        // The column that the index knows best: few blocks are read then.
        let is_key = |column: &str| table.key.first().is_some_and(|key| key == column);
        let is_known = |column: &str| table.summaries.iter().any(|summary| summary == column);
        let best = wanted.iter().find(|(column, _)| is_key(column) || is_known(column));
        let Some((column, value)) = best.or(wanted.first()) else { return Ok(Vec::new()) };
        let mut rows = self.0.lookup(table, column, value)?;
        rows.retain(|row| {
            wanted.iter().all(|(column, value)| {
                table.column(column).is_some_and(|at| row.fields[at].as_deref() == Some(*value))
            })
        });
        Ok(rows)
    }
}

impl Source for Live {
    fn tables(&self) -> &[Table] {
        self.tables()
    }

    fn kind(&self) -> Kind {
        self.kind()
    }

    fn lookup(&mut self, table: &Table, wanted: &[(&str, &[u8])]) -> Result<Vec<Row>, OrderError> {
        Ok(Self::lookup(self, table, wanted)?)
    }
}

/// A text of a person as it may stand in a column, the likeliest first.
pub(super) fn spellings(kind: Kind, text: &str) -> Vec<Vec<u8>> {
    if kind != Kind::Sqlite {
        return vec![text.as_bytes().to_vec()];
    }
    // Of its own types, a number may be a number or a text.
    let mut spellings = vec![format!("'{text}").into_bytes()];
    if text.parse::<i64>().is_ok() {
        spellings.push(text.as_bytes().to_vec());
    }
    spellings
}

/// A value as people read it.
pub(super) fn shown(kind: Kind, value: &[u8]) -> String {
    let value = match (kind, value.split_first()) {
        (Kind::Sqlite, Some((b'\'', text))) => text,
        _ => value,
    };
    String::from_utf8_lossy(value).into_owned()
}

/// The table of this name in any schema.
pub(super) fn table<'a>(tables: &'a [Table], name: &str) -> Option<&'a Table> {
    tables.iter().find(|table| table.name == name)
}

/// A key for people.
pub(super) fn named(names: &[String], key: &[Field]) -> String {
    let value = |value: &Field| {
        value
            .as_ref()
            .map_or_else(|| "NULL".to_owned(), |value| String::from_utf8_lossy(value).into_owned())
    };
    let parts = names.iter().zip(key).map(|(name, one)| format!("{name} {}", value(one)));
    parts.collect::<Vec<_>>().join(", ")
}
