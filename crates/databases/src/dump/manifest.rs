//! What a dump says of itself: its last file, `manifest.json`.

use super::reader::broken;
use crate::DatabaseError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The name of the manifest's file.
pub(super) const NAME: &str = "manifest.json";
/// What is run before the rows, and what after them.
pub(super) const SCHEMA_PRE: &str = "schema-pre.sql";
pub(super) const SCHEMA_POST: &str = "schema-post.sql";
/// A dump of a higher format is refused.
pub(super) const FORMAT: u32 = 1;

/// Everything about a dump but its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    pub kind: Kind,
    /// As the server names itself: `15.14 (Debian 15.14-0+deb12u1)`, `10.11.14-MariaDB`.
    pub server: String,
    pub database: String,
    /// Unix milliseconds, as the caller gave it.
    pub taken_ms: i64,
    /// Where the snapshot lies in the server's log of changes; `None` when that cannot be told.
    pub position: Option<Position>,
    /// Settings of the server that the rows were made under, such as `sql_mode`.
    pub settings: BTreeMap<String, String>,
    /// In the order of the dump.
    pub tables: Vec<Table>,
    pub sequences: Vec<Sequence>,
    /// The files that are no table's.
    pub files: Vec<FileEntry>,
    /// Whom things belong to and who may what, in the server's own words. Not restored.
    pub rights: Vec<String>,
    /// What is in the database and not in the dump, each with its reason.
    pub left_out: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Postgres,
    MySql,
    Sqlite,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Position {
    /// PostgreSQL's write-ahead log, at or before the snapshot: `0/1A2B3C8`.
    Lsn { lsn: String },
    /// MariaDB's binary log, exactly at the snapshot.
    Binlog { file: String, offset: u64, gtid: Option<String> },
}

/// A file and what it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    pub name: String,
    pub bytes: u64,
    /// Lower-case hexadecimal.
    pub sha256: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// `None` where tables have none (MariaDB, SQLite).
    pub schema: Option<String>,
    pub name: String,
    /// The columns in the rows, in their order; generated ones are not among them.
    pub columns: Vec<Column>,
    /// The primary key's columns; else those of a unique key without NULL; empty: there is none, and
    /// rows come as the database has them.
    pub key: Vec<String>,
    pub key_order: KeyOrder,
    /// The columns that the index has summaries of, in their order there.
    pub summaries: Vec<String>,
    pub references: Vec<Reference>,
    pub row_count: u64,
    pub rows: FileEntry,
    pub index: FileEntry,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    pub name: String,
    /// In the server's words: `numeric(12,2)`, `varchar(255)`.
    #[serde(rename = "type")]
    pub type_name: String,
}

/// How the values of the key's first column grow from row to row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyOrder {
    /// As whole numbers.
    Number,
    /// As bytes.
    Bytes,
    #[default]
    /// By the rules of some language; the index has a summary of the column instead.
    Unknown,
}

/// A foreign key: these columns point to those of another table.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reference {
    pub columns: Vec<String>,
    pub schema: Option<String>,
    pub table: String,
    pub to: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    pub schema: Option<String>,
    pub name: String,
    pub value: i64,
    /// Whether `value` was given out already.
    pub is_called: bool,
}

/// What a database says that a sequence is at.
///
/// # Errors
/// When it is no number: a sequence that began again would give out numbers a second time.
pub(super) fn sequence_value(name: &str, value: Option<&str>) -> Result<i64, DatabaseError> {
    let said = value.unwrap_or("nothing");
    let odd = || DatabaseError::DumpCut(format!("sequence `{name}` is at {said}, no number"));
    said.parse().map_err(|_| odd())
}

impl Manifest {
    /// # Errors
    /// [`DatabaseError::DumpDamaged`] for anything but a manifest of this format.
    pub(super) fn from_json(bytes: &[u8]) -> Result<Self, DatabaseError> {
        let manifest: Self =
            serde_json::from_slice(bytes).map_err(|error| broken(NAME, error.to_string()))?;
        if manifest.format != FORMAT {
            let reason = format!("format {} is not known here, only {FORMAT}", manifest.format);
            return Err(broken(NAME, reason));
        }
        Ok(manifest)
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self)
            .expect("invariant: a manifest is strings, numbers and lists");
        json.push(b'\n');
        json
    }
}

impl Table {
    /// Its name as a person would write it: `public.orders`, `orders`.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{schema}.{}", self.name),
            None => self.name.clone(),
        }
    }

    /// Where a column stands in the rows.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

/// The folder of a table: `tables/public.orders`. Names are kept but for what paths cannot hold.
pub(super) fn folder(schema: Option<&str>, name: &str, number: usize) -> String {
    /// A path's part may have 255 bytes.
    const MAX_BYTES: usize = 200;
    let mut folder = schema.map(|schema| escaped(schema) + ".").unwrap_or_default();
    folder.push_str(&escaped(name));
    if folder.len() > MAX_BYTES {
        folder = format!("%{number}");
    }
    format!("tables/{folder}")
}

fn escaped(name: &str) -> String {
    let mut text = String::new();
    for character in name.chars() {
        match character {
            '%' | '/' | '.' | '\\' => text.push_str(&format!("%{:02x}", character as u32)),
            character if character.is_control() => {
                text.push_str(&format!("%{:02x}", character as u32));
            }
            character => text.push(character),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_is_at_a_number_or_the_dump_fails() {
        let check = |value: Option<&str>, expect: Option<i64>| {
            assert_eq!(sequence_value("orders", value).ok(), expect);
        };
        check(Some("-9223372036854775808"), Some(i64::MIN));
        check(Some("17"), Some(17));
        check(Some("9223372036854775808"), None);
        check(Some(""), None);
        check(None, None);
    }

    #[test]
    fn folders_keep_names_and_stay_within_their_place() {
        let check = |schema: Option<&str>, name: &str, expect: &str| {
            assert_eq!(folder(schema, name, 7), format!("tables/{expect}"));
        };
        check(None, "orders", "orders");
        check(Some("public"), "Bestellung Größe", "public.Bestellung Größe");
        check(Some("a.b"), "c", "a%2eb.c");
        check(Some("a"), "b.c", "a.b%2ec");
        check(None, "../x%\n\\", "%2e%2e%2fx%25%0a%5c");
        check(None, &"ä".repeat(101), "%7");
    }
}
