//! By which columns rows of the journal will be looked for: those that point to another table, and
//! those that people know an order by.

use super::{Settings, story};
use crate::{journal::Lookups, orders::allowed};
use databases::{dump::Table, live::Live};
use shops::OrderGraph;
use std::collections::BTreeSet;

/// Asks the schema. Without it rows are found as well, more slowly.
pub(super) async fn of(settings: &Settings) -> Lookups {
    let database = settings.database.clone();
    let looked = move || Live::connect(&database).map(|live| live.tables().to_vec());
    let looked = tokio::task::spawn_blocking(looked).await;
    match looked.expect("invariant: reading a schema does not panic") {
        Ok(tables) => lookups(&tables, &settings.graphs),
        Err(error) => {
            tracing::warn!(error = story(&error), "rows of the journal will be found slowly");
            Lookups::default()
        }
    }
}

/// The columns by which rows of these tables are found fast in a journal that was written with the same
/// graphs.
#[must_use]
pub fn lookups(tables: &[Table], graphs: &[OrderGraph]) -> Lookups {
    let graphs = allowed(graphs, tables);
    let mut lookups = Lookups::default();
    for table in tables {
        let mut columns: BTreeSet<&str> = BTreeSet::new();
        let single = table.references.iter().filter(|reference| reference.columns.len() == 1);
        columns.extend(single.map(|reference| reference.columns[0].as_str()));
        columns.extend(graphs.iter().flat_map(|graph| named(graph, &table.name)));
        // Its key has an entry anyway.
        columns.retain(|column| table.key != [*column]);
        let known =
            columns.into_iter().filter(|name| table.columns.iter().any(|one| one.name == *name));
        let columns: Vec<String> = known.map(str::to_owned).collect();
        if !columns.is_empty() {
            lookups.0.insert(table.label(), columns);
        }
    }
    lookups
}

/// The columns of a table that the platform's file names.
fn named<'a>(graph: &'a OrderGraph, table: &'a str) -> impl Iterator<Item = &'a str> {
    let of_root = graph.numbers.iter().filter(move |_| graph.root == table);
    let emails = graph.emails.iter().filter(move |email| {
        let at = email.table.as_ref().map_or(&graph.root, |through| &through.name);
        at == table
    });
    let children = graph.children.iter().filter(move |child| child.table == table);
    of_root
        .map(String::as_str)
        .chain(emails.map(|email| email.column.as_str()))
        .chain(children.flat_map(|child| child.columns.iter().map(String::as_str)))
}
