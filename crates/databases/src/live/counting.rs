//! Rows of several ranges, counted by one statement: each is a walk of its own along the index.

use crate::{DatabaseError, dump::Table};
use std::{collections::BTreeMap, fmt::Write};

/// The statement: a row for each range, with its place among them and its count. `from` and `column` are quoted.
pub(super) fn counting(from: &str, column: &str, ranges: &[(i64, i64)]) -> String {
    let mut statement = String::new();
    for (place, (first, last)) in ranges.iter().enumerate() {
        let union = if place == 0 { "" } else { " UNION ALL " };
        // Writing into a string cannot fail.
        let _ = write!(
            statement,
            "{union}SELECT {place}, count(*) FROM {from} WHERE {column} BETWEEN {first} AND {last}"
        );
    }
    statement
}

/// What it answered, in the order of the ranges.
pub(super) fn counted(
    table: &Table,
    ranges: &[(i64, i64)],
    counts: &BTreeMap<u64, u64>,
) -> Result<Vec<u64>, DatabaseError> {
    let missing = || DatabaseError::RowValue { table: table.label() };
    let of = |place: u64| counts.get(&place).copied().ok_or_else(missing);
    (0..ranges.len() as u64).map(of).collect()
}
