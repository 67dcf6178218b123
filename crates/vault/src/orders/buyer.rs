//! Who bought: the addresses that an order tells, and what became since of the rows that tell them.

use super::{
    OrderError, Source,
    closure::identity,
    difference::counterpart,
    fitting::has_all,
    source::{read_as, table},
};
use databases::dump::{Row, Table};
use kernel::plan::Reason;
use shops::{EmailPath, OrderGraph};

/// The e-mail addresses of the buyer of an order, as people read them.
///
/// # Errors
/// When the source cannot be read, or lacks what the graph names.
pub fn addresses(
    source: &mut dyn Source,
    graph: &OrderGraph,
    order: &Row,
) -> Result<Vec<String>, OrderError> {
    let mut found = Vec::new();
    for path in &graph.emails {
        for (of, row) in rows(source, graph, path, order)? {
            found.extend(address(source, path, &of, &row));
        }
    }
    Ok(found)
}

/// What became of the buyer since, where the shop keeps them in rows of their own: they are gone, or told
/// otherwise. Somebody may have erased them on purpose.
///
/// # Errors
/// As of [`addresses`], of either source.
pub fn since(
    past: &mut dyn Source,
    graph: &OrderGraph,
    order: &Row,
    live: &mut dyn Source,
) -> Result<Vec<Reason>, OrderError> {
    let mut notes = Vec::new();
    // A row that points to the order goes and comes back with it.
    let is_above = |path: &&EmailPath| path.table.as_ref().is_some_and(|of| of.from != graph.key);
    for path in graph.emails.iter().filter(is_above) {
        for (of, row) in rows(past, graph, path, order)? {
            // Of a table that the role may not see nothing can be said.
            let Ok(living) = counterpart(live.tables(), &of) else { continue };
            let key = identity(&of, &row);
            let named = of.key.iter().zip(&key);
            let wanted: Option<Vec<(&str, &[u8])>> =
                named.map(|(name, value)| Some((name.as_str(), value.as_deref()?))).collect();
            let Some(wanted) = wanted.filter(|_| !of.key.is_empty()) else { continue };
            let now = live.lookup(&living, &wanted)?.into_iter().next();
            let now = now.map(|now| address(live, path, &living, &now));
            let code = match now {
                None => "order_buyer_gone",
                Some(now) if now != address(past, path, &of, &row) => "order_buyer_other",
                Some(_) => continue,
            };
            notes.push(Reason::new(code, [("table", of.name.as_str().into())]));
        }
    }
    Ok(notes)
}

/// The rows that tell an address of an order's buyer, with their table.
fn rows(
    source: &mut dyn Source,
    graph: &OrderGraph,
    path: &EmailPath,
    order: &Row,
) -> Result<Vec<(Table, Row)>, OrderError> {
    let none = |what: &String| OrderError::NotThere { what: what.clone() };
    let root = table(source.tables(), &graph.root).cloned().ok_or_else(|| none(&graph.root))?;
    let Some(through) = &path.table else { return Ok(vec![(root, order.clone())]) };
    let Some(of) = table(source.tables(), &through.name).cloned() else { return Ok(Vec::new()) };
    let at = root.column(&through.from).ok_or_else(|| none(&through.from))?;
    let Some(value) = &order.fields[at] else { return Ok(Vec::new()) };
    let mut rows = source.lookup(&of, &[(&through.to, value)])?;
    rows.retain(|row| has_all(source.kind(), &of, row, &through.only));
    Ok(rows.into_iter().map(|row| (of.clone(), row)).collect())
}

fn address(source: &dyn Source, path: &EmailPath, of: &Table, row: &Row) -> Option<String> {
    let at = of.column(&path.column)?;
    let value = row.fields[at].as_ref()?;
    Some(read_as(source.kind(), &of.columns[at], value))
}
