//! The platform's map, held against a database: which of its graphs holds there, with the names that the
//! tables have there, and which rows are what it speaks of.

use super::{
    OrderError, Source,
    source::{read_as, table},
};
use databases::dump::{Kind, Row, Table};
use kernel::{Value, plan::Reason};
use shops::{Has, OrderGraph, Tried};

/// The first of a platform's graphs that holds in a database, with the names that its tables have there;
/// `None`: the platform has none.
///
/// # Errors
/// When the database cannot be read, has none of their tables, or has those of several shops.
pub fn fitting(
    graphs: &[OrderGraph],
    source: &mut dyn Source,
) -> Result<Option<OrderGraph>, OrderError> {
    let Some(last) = graphs.last() else { return Ok(None) };
    let names: Vec<String> = source.tables().iter().map(|table| table.name.clone()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for graph in graphs {
        let graph = match graph.prefixes(&names).as_slice() {
            [] => continue,
            [prefix] => graph.named(prefix),
            several => {
                let tables = several.iter().map(|prefix| format!("{prefix}{}", graph.root));
                return Err(OrderError::Several { tables: tables.collect::<Vec<_>>().join(", ") });
            }
        };
        if holds(&graph, source)? {
            return Ok(Some(graph));
        }
    }
    Err(OrderError::NotThere { what: last.root.clone() })
}

/// All graphs of a platform that the tables of a database allow, whatever their conditions say.
#[must_use]
pub fn allowed(graphs: &[OrderGraph], tables: &[Table]) -> Vec<OrderGraph> {
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    let with = |graph: &OrderGraph| -> Vec<OrderGraph> {
        graph.prefixes(&names).into_iter().map(|prefix| graph.named(prefix)).collect()
    };
    graphs.iter().flat_map(with).collect()
}

/// Says so of a map that was never tried on the platform itself, which is called `title`.
#[must_use]
pub fn untried(graph: &OrderGraph, title: &str) -> Option<Reason> {
    let said = [("platform", Value::from(title))];
    (graph.tried == Tried::Schema).then(|| Reason::new("order_platform_untried", said))
}

/// Whether the row is there that the graph's condition speaks of.
fn holds(graph: &OrderGraph, source: &mut dyn Source) -> Result<bool, OrderError> {
    let Some(when) = &graph.when else { return Ok(true) };
    let none = || OrderError::NotThere { what: when.table.clone() };
    let of = table(source.tables(), &when.table).cloned().ok_or_else(none)?;
    let Some(first) = when.has.first() else { return Ok(true) };
    let kind = source.kind();
    for text in &first.is {
        for value in super::source::written(kind, &of, &first.column, text) {
            let rows = source.lookup(&of, &[(&first.column, &value)])?;
            if rows.iter().any(|row| has_all(kind, &of, row, &when.has)) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Whether a row of the root is an order, and neither a cart nor something else that is kept there.
#[must_use]
pub fn is_order(graph: &OrderGraph, kind: Kind, root: &Table, row: &Row) -> bool {
    let placed = graph.placed.as_ref().and_then(|placed| root.column(placed));
    placed.is_none_or(|at| row.fields[at].is_some()) && has_all(kind, root, row, &graph.only)
}

/// Whether a row has a wanted value in each of these columns; not in one that is not there.
pub(super) fn has_all(kind: Kind, table: &Table, row: &Row, wanted: &[Has]) -> bool {
    wanted.iter().all(|has| {
        let Some(at) = table.column(&has.column) else { return false };
        let text = row.fields[at].as_ref().map(|value| read_as(kind, &table.columns[at], value));
        has.fits(text.as_deref())
    })
}
