//! Plans as servers explain them, as JSON: which tables are read whole, and whether an index serves.

use super::Query;
use serde_json::Value;

/// A statement with the tables that all of it reads.
pub(super) struct Explained {
    pub(super) query: Query,
    pub(super) scans: Vec<Scan>,
}

/// All of a table is read, for rows with these columns equal to something.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scan {
    /// `None` where a server has no schemas within a database.
    pub(super) schema: Option<String>,
    pub(super) table: String,
    /// At least one.
    pub(super) columns: Vec<String>,
}

/// What `look` finds in the nodes of a plan, the outer ones first.
pub(super) fn found<T>(plan: &Value, look: &impl Fn(&Value) -> Option<T>) -> Vec<T> {
    let mut all = Vec::new();
    collect(plan, look, &mut all);
    all
}

fn collect<T>(node: &Value, look: &impl Fn(&Value) -> Option<T>, all: &mut Vec<T>) {
    match node {
        Value::Array(nodes) => nodes.iter().for_each(|node| collect(node, look, all)),
        Value::Object(fields) => {
            all.extend(look(node));
            fields.values().for_each(|field| collect(field, look, all));
        }
        _ => {}
    }
}

/// Whether any node of a plan goes by this index; `field` is where the server names it.
pub(super) fn goes_by(plan: &Value, field: &str, index: &str) -> bool {
    let named = |node: &Value| (node.get(field)?.as_str()? == index).then_some(());
    !found(plan, &named).is_empty()
}
