//! Holds every row of two sides against each other: databases, dumps, or one of each.

use super::{Files, Reader};
use crate::DatabaseError;
use kernel::config::DatabaseUrl;

/// One side of a comparison.
#[derive(Debug)]
pub enum Side<'a, F> {
    /// A database as it is at this moment, read in one snapshot.
    Live(&'a DatabaseUrl),
    Dump(&'a Reader<F>),
}

/// How a table's rows differ. Tables without a difference are not told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableDifference {
    /// `public.orders`, `orders`.
    pub table: String,
    /// Rows of the left side that the right one has none for.
    pub missing: u64,
    /// Rows of the right side only.
    pub extra: u64,
    /// Rows with the same key and other values.
    pub different: u64,
    /// Keys of the first of them, ten at most; composite ones with a comma.
    pub keys: Vec<String>,
    /// The table is not on both sides, or has other columns; its rows are not compared then.
    pub schema: Option<String>,
}

/// Compares all tables, or only the named ones. Blocks its thread; memory is bounded, whatever the
/// size of the tables.
///
/// # Errors
/// When a side cannot be read, or they are of two kinds.
pub fn compare<L: Files, R: Files>(
    left: &Side<'_, L>,
    right: &Side<'_, R>,
    only_tables: Option<&[String]>,
) -> Result<Vec<TableDifference>, DatabaseError> {
    let _ = (left, right, only_tables);
    Err(DatabaseError::DumpRefused {
        what: "a comparison".into(),
        mend: "wait for the next version".into(),
    })
}
