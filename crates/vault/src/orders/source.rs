//! Where rows are looked up: in a dump, or in the living database.

use super::OrderError;
use databases::{
    dump::{Column, Field, Files, Kind, Reader, Row, Table},
    live::Live,
};
use std::fmt::Write as _;

/// Of a UUID (RFC 9562).
const KEY_BYTES: usize = 16;

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

/// A text of a person as it may stand in this column, the likeliest first; bytes are `0x…`.
#[must_use]
pub fn written(kind: Kind, table: &Table, column: &str, text: &str) -> Vec<Vec<u8>> {
    let of = table.columns.iter().find(|known| known.name == column);
    let bytes = of.filter(|of| is_bytes(of)).and_then(|_| bytes(text.strip_prefix("0x")?));
    bytes.map_or_else(|| spellings(kind, text), |bytes| vec![bytes])
}

/// A value of this column as people read it, so that [`written`] finds it again; as text where there is no
/// such column.
#[must_use]
pub fn read(kind: Kind, table: &Table, column: &str, value: &[u8]) -> String {
    let of = table.column(column).map(|at| &table.columns[at]);
    of.map_or_else(|| shown(kind, value), |of| read_as(kind, of, value))
}

/// A value of this column as people read it, so that [`written`] finds it again.
pub(super) fn read_as(kind: Kind, column: &Column, value: &[u8]) -> String {
    if is_bytes(column) { hexadecimal(value) } else { shown(kind, value) }
}

/// Whether a column has bytes that are no text. PostgreSQL writes those of its own as text itself.
fn is_bytes(column: &Column) -> bool {
    let name = column.type_name.to_ascii_lowercase();
    name.starts_with("binary") || name.starts_with("varbinary")
}

fn hexadecimal(value: &[u8]) -> String {
    let mut text = "0x".to_owned();
    for byte in value {
        write!(text, "{byte:02x}").expect("invariant: a String takes all text");
    }
    text
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let byte = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    (0..text.len()).step_by(2).map(byte).collect()
}

/// A value as people read it.
pub(super) fn shown(kind: Kind, value: &[u8]) -> String {
    let value = match (kind, value.split_first()) {
        (Kind::Sqlite, Some((b'\'', text))) => text,
        _ => value,
    };
    // As long as the keys that some platforms keep as bytes, and no text: shown so that it can be named.
    if value.len() == KEY_BYTES && std::str::from_utf8(value).is_err() {
        return hexadecimal(value);
    }
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
