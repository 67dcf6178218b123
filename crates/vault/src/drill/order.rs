//! One order of a dump with all that belongs to it, and whether every row of such tables is in the
//! database that it was loaded into as it is in the dump.

use super::{Check, CheckKind, Outcome, check};
use databases::{
    DatabaseError,
    dump::{self, Folder, Kind, Reader, Row, Side, Table},
};
use kernel::{Value, config::DatabaseUrl};
use shops::OrderGraph;
use std::collections::BTreeSet;

/// An order that has more is followed so far.
const ROWS: usize = 10_000;

/// What belongs to one order.
#[derive(Debug, PartialEq, Eq)]
struct Whole {
    /// What people call it by.
    number: String,
    rows: u64,
    /// By their labels.
    tables: Vec<String>,
}

/// Follows the newest order of a dump, and holds the tables that it is made of against those that were
/// loaded.
pub(super) fn round_trip(
    reader: &Reader<Folder>,
    graph: &OrderGraph,
    loaded: &DatabaseUrl,
) -> Result<Check, DatabaseError> {
    let Some(order) = newest(reader, graph)? else {
        return Ok(check(CheckKind::RoundTrip, Outcome::Absent, "no_order_yet", []));
    };
    let loaded = Side::<Folder>::Live(loaded);
    let found = dump::compare(&Side::Dump(reader), &loaded, Some(&order.tables))?;
    let said = match found.first() {
        None => {
            let said = [
                ("order", Value::from(order.number)),
                ("rows", order.rows.into()),
                ("tables", (order.tables.len() as u64).into()),
            ];
            return Ok(check(CheckKind::RoundTrip, Outcome::Passed, "order_whole", said));
        }
        Some(table) => [
            ("table", Value::from(table.table.as_str())),
            ("count", (table.missing + table.extra + table.different).into()),
            ("first", table.keys.first().cloned().unwrap_or_default().into()),
            ("why", table.not_compared.clone().unwrap_or_default().into()),
        ],
    };
    Ok(check(CheckKind::RoundTrip, Outcome::Failed, "order_differs", said))
}

/// The last order by its key, with its rows: those that point to it, those that point to them, and so
/// on; and rows that one of them points to, where the platform says that they belong to it.
fn newest(reader: &Reader<Folder>, graph: &OrderGraph) -> Result<Option<Whole>, DatabaseError> {
    let Some(root) = reader.tables().iter().find(|table| table.name == graph.root) else {
        return Ok(None);
    };
    let Some(order) = reader.rows(root)?.last().transpose()? else { return Ok(None) };
    let number = graph.numbers.first().and_then(|column| value(root, &order, column));
    let number = number.map(|number| String::from_utf8_lossy(number).into_owned());
    // Of SQLite a dump marks what is text (docs/formats/dump.md).
    let number = match reader.manifest().kind {
        Kind::Sqlite => number.map(|number| number.trim_start_matches('\'').to_owned()),
        _ => number,
    };
    let mut seen: BTreeSet<(String, Vec<Option<Vec<u8>>>)> = BTreeSet::new();
    let mut waiting: Vec<(&Table, Row)> = vec![(root, order)];
    while let Some((table, row)) = waiting.pop() {
        if seen.len() >= ROWS || !seen.insert((table.label(), row.fields.clone())) {
            continue;
        }
        for (other, column, from) in links(reader.tables(), graph, table) {
            // NULL points to nothing.
            let Some(value) = value(table, &row, from) else { continue };
            for found in reader.lookup(other, column, value)? {
                waiting.push((other, found));
            }
        }
    }
    let tables: BTreeSet<String> = seen.iter().map(|(table, _)| table.clone()).collect();
    Ok(Some(Whole {
        number: number.unwrap_or_default(),
        rows: seen.len() as u64,
        tables: tables.into_iter().collect(),
    }))
}

/// Where rows of an order lie beside one of this table: the other table, its column, and the column of
/// this one with the same value.
fn links<'a>(
    tables: &'a [Table],
    graph: &'a OrderGraph,
    table: &'a Table,
) -> Vec<(&'a Table, &'a str, &'a str)> {
    let mut links = Vec::new();
    for other in tables.iter().filter(|other| !graph.beside.contains(&other.name)) {
        for reference in &other.references {
            if let ([column], [to]) = (&reference.columns[..], &reference.to[..])
                && reference.table == table.name
                && reference.schema == table.schema
            {
                links.push((other, column.as_str(), to.as_str()));
            }
        }
        for child in graph.children.iter().filter(|child| child.of == table.name) {
            if child.table == other.name {
                links.push((other, child.column.as_str(), child.to.as_str()));
            }
        }
        for reference in table.references.iter().filter(|_| graph.with.contains(&other.name)) {
            if let ([from], [column]) = (&reference.columns[..], &reference.to[..])
                && reference.table == other.name
                && reference.schema == other.schema
            {
                links.push((other, column.as_str(), from.as_str()));
            }
        }
    }
    links
}

fn value<'a>(table: &Table, row: &'a Row, column: &str) -> Option<&'a [u8]> {
    row.fields.get(table.column(column)?)?.as_deref()
}
