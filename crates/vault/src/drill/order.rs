//! One order of a dump with all that belongs to it, and whether every row of such tables is in the
//! database that it was loaded into as it is in the dump.

use super::{Check, CheckKind, Outcome, check};
use crate::orders::{Closure, OrderError, Past, fitting, found, is_order};
use databases::{
    DatabaseError,
    dump::{self, Folder, Reader, Row, Side},
};
use kernel::{Value, config::DatabaseUrl};
use shops::OrderGraph;

/// Follows the newest order of a dump, and holds the tables that it is made of against those that were
/// loaded.
pub(super) fn round_trip(
    reader: &Reader<Folder>,
    graphs: &[OrderGraph],
    loaded: &DatabaseUrl,
) -> Result<Check, OrderError> {
    let Some((number, order)) = newest(reader, graphs)? else {
        return Ok(check(CheckKind::RoundTrip, Outcome::Absent, "no_order_yet", []));
    };
    let tables = order.own_tables();
    let loaded = Side::<Folder>::Live(loaded);
    let found = dump::compare(&Side::Dump(reader), &loaded, Some(&tables))?;
    let said = match found.first() {
        None => {
            let said = [
                ("order", Value::from(number)),
                ("rows", (order.own_rows() as u64).into()),
                ("tables", (tables.len() as u64).into()),
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

/// The last order by its key: what people call it by, and all that is its own.
fn newest(
    reader: &Reader<Folder>,
    graphs: &[OrderGraph],
) -> Result<Option<(String, Closure)>, OrderError> {
    let Some(graph) = fitting(graphs, &mut Past(reader))? else { return Ok(None) };
    let Some(root) = reader.tables().iter().find(|table| table.name == graph.root) else {
        return Ok(None);
    };
    let kind = reader.manifest().kind;
    let is_one = |row: &Result<Row, DatabaseError>| {
        row.as_ref().is_ok_and(|row| is_order(&graph, kind, root, row)) || row.is_err()
    };
    let Some(order) = reader.rows(root)?.filter(is_one).last().transpose()? else {
        return Ok(None);
    };
    let closure = Closure::of(&mut Past(reader), &graph, &order)?;
    let called = found(root, &graph, kind, order)?;
    let number = called.numbers.into_iter().next().unwrap_or(called.key);
    Ok(Some((number, closure)))
}
