//! The changes that bring an order back: what is gone is inserted, parents first, under its own keys;
//! what lost its link to the order is linked again; the rest only on request. No counter is touched.

use super::{
    Difference, OrderError, Role, RowDifference, State,
    erasing::Erasing,
    fitting::has_all,
    source::{shown, table},
};
use databases::{
    dump::{Field, Table},
    live::{Cell, Change, Live},
};
use kernel::{Value, plan::Reason};
use shops::OrderGraph;
use std::collections::BTreeSet;

/// How far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options<'a> {
    /// Rows of the order that were changed since are set back, too. Rows that came since stay.
    pub set_back: bool,
    /// The buyer had their data erased since: what tells of them does not come back. Names them in what
    /// must be there and different from others'.
    pub erased: Option<&'a str>,
}

/// What to do, in its order.
#[derive(Debug, Clone, PartialEq)]
pub struct Restoration {
    pub changes: Vec<Change>,
    /// What somebody should know before: rows that were not the order's own and come back with it, rows
    /// that the platform makes from the order and that come back as they were, what stays erased.
    pub notes: Vec<Reason>,
}

/// Why an order is not brought back.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal(pub Reason);

impl Restoration {
    /// What takes it back, in its order.
    #[must_use]
    pub fn undo(&self, tables: &[Table]) -> Vec<Change> {
        self.changes.iter().rev().map(|change| change.inverse(tables)).collect()
    }
}

/// Makes the changes, or says why there are none to make.
///
/// # Errors
/// When the living database cannot be read. Inside: a refusal, where the key or a number of the order
/// belongs to another one now, the schema has lost a column that has a value, a table cannot take part in
/// a transaction, or nobody knows what must stay erased.
pub fn restoration(
    graph: &OrderGraph,
    difference: &Difference,
    live: &mut Live,
    options: Options<'_>,
) -> Result<Result<Restoration, Refusal>, OrderError> {
    let refusal = reused(graph, difference, live)?;
    let refusal = refusal.or_else(|| not_in_one(difference, live));
    if let Some(refusal) = refusal {
        return Ok(Err(refusal));
    }
    let erasing = match options.erased.map(|named| Erasing::new(graph, named)).transpose() {
        Ok(erasing) => erasing,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let (mut inserts, mut updates, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    for row in &difference.rows {
        let living = living(live.tables(), row)?;
        match row.state {
            State::Gone => match insertable(&living, row) {
                Ok(cells) => {
                    if row.role == Role::Needed {
                        notes.push(needed(difference, row));
                    }
                    inserts.push(Insert { table: living, row: cells });
                }
                Err(refusal) => return Ok(Err(refusal)),
            },
            State::Changed => updates.extend(update(graph, &living, row, options)),
            State::Same | State::New => {}
        }
    }
    if let Some(erasing) = erasing {
        let kind = difference.kind;
        inserts.iter_mut().for_each(|insert| erasing.keep_out(kind, live, insert));
        updates.retain_mut(|update| erasing.leave(update));
        notes.push(erasing.note());
    }
    notes.extend(derived(graph, &inserts));
    let mut changes = in_order(live, &inserts);
    changes.extend(updates);
    Ok(Ok(Restoration { changes, notes }))
}

/// The order's key, or a number of it, is another order's now.
fn reused(
    graph: &OrderGraph,
    difference: &Difference,
    live: &mut Live,
) -> Result<Option<Refusal>, OrderError> {
    let Some(root) = difference.rows.iter().find(|row| row.role == Role::Root) else {
        return Ok(None);
    };
    let value = |cells: &[Cell], column: &str| {
        cells.iter().find(|cell| cell.column == column).and_then(|cell| cell.value.clone())
    };
    let text = |value: Option<Vec<u8>>| {
        value.map_or_else(String::new, |value| shown(difference.kind, &value))
    };
    let key = value(&root.then, &graph.key);
    for number in graph.numbers.iter().chain(&graph.made) {
        let then = value(&root.then, number);
        if root.state != State::Gone && value(&root.now, number) != then {
            let said = [
                ("key", Value::from(text(key.clone()))),
                ("was", text(then).into()),
                ("is", text(value(&root.now, number)).into()),
            ];
            return Ok(Some(Refusal(Reason::new("order_key_reused", said))));
        }
        let is_name = graph.made.as_ref() != Some(number) && !graph.shared.contains(number);
        let Some(then) = then.filter(|_| is_name) else { continue };
        let living = living(live.tables(), root)?;
        let mut others = live.lookup(&living, &[(number, &then)])?;
        others.retain(|row| has_all(difference.kind, &living, row, &graph.only));
        for row in others {
            let other = living.column(&graph.key).and_then(|at| row.fields[at].clone());
            if other != key {
                let said = [
                    ("number", Value::from(text(Some(then.clone())))),
                    ("key", text(other).into()),
                ];
                return Ok(Some(Refusal(Reason::new("order_number_reused", said))));
            }
        }
    }
    Ok(None)
}

/// A row that would not be taken back with the others if one of them cannot come.
fn not_in_one(difference: &Difference, live: &Live) -> Option<Refusal> {
    let row = difference.rows.iter().find(|row| {
        row.state != State::Same && row.state != State::New && !live.has_transactions(&row.table)
    })?;
    let said = [("table", Value::from(row.table.as_str()))];
    Some(Refusal(Reason::new("order_table_without_transactions", said)))
}

/// Tables whose rows the platform makes from an order, and that come back as they were.
fn derived(graph: &OrderGraph, inserts: &[Insert]) -> Option<Reason> {
    let is_it =
        |name: &String| graph.children.iter().any(|child| child.derived && child.table == *name);
    let names = inserts.iter().map(|insert| &insert.table.name).filter(|name| is_it(name));
    let names: BTreeSet<&str> = names.map(String::as_str).collect();
    let text = names.into_iter().collect::<Vec<_>>().join(", ");
    let said = [("tables", Value::from(text.as_str()))];
    (!text.is_empty()).then(|| Reason::new("order_lookups_as_they_were", said))
}

fn living(tables: &[Table], row: &RowDifference) -> Result<Table, OrderError> {
    let found = tables.iter().find(|table| table.label() == row.table);
    found.cloned().ok_or_else(|| OrderError::NotThere { what: row.table.clone() })
}

/// The row as the table takes it now: columns that came since take their defaults.
fn insertable(living: &Table, row: &RowDifference) -> Result<Vec<Cell>, Refusal> {
    let lost =
        row.then.iter().find(|cell| living.column(&cell.column).is_none() && cell.value.is_some());
    if let Some(cell) = lost {
        let said = [("table", row.table.as_str().into()), ("column", cell.column.as_str().into())];
        return Err(Refusal(Reason::new("order_column_gone", said)));
    }
    let fitting = row.then.iter().filter(|cell| living.column(&cell.column).is_some());
    Ok(fitting.cloned().collect())
}

fn needed(difference: &Difference, row: &RowDifference) -> Reason {
    let key: Vec<String> = row
        .key
        .iter()
        .map(|cell| difference.shown(&cell.value).unwrap_or_else(|| "NULL".to_owned()))
        .collect();
    let said = [("table", Value::from(row.table.as_str())), ("key", key.join(",").into())];
    Reason::new("order_needs_row", said)
}

/// Links that were cut are made again; all else is set back when that is wished for.
fn update(
    graph: &OrderGraph,
    living: &Table,
    row: &RowDifference,
    options: Options<'_>,
) -> Option<Change> {
    let mapped = graph.children.iter().filter(|child| child.table == living.name);
    let of_map: Vec<&String> = mapped.flat_map(|child| &child.columns).collect();
    let is_link = |column: &str| {
        let mut of_keys = living.references.iter().flat_map(|reference| &reference.columns);
        of_keys.any(|one| one == column) || of_map.iter().any(|one| *one == column)
    };
    let wanted = |column: &str, then: &Field, now: &Field| {
        let is_cut = is_link(column) && now.is_none() && then.is_some();
        let is_marked = graph.deleted.as_deref() == Some(column) && then.is_none();
        is_cut || is_marked || options.set_back
    };
    let (mut were, mut become_) = (Vec::new(), Vec::new());
    for (column, then, now) in row.changes() {
        let (Some(then), Some(now)) = (then, now) else { continue };
        if wanted(column, then, now) {
            were.push(Cell { column: column.to_owned(), value: now.clone() });
            become_.push(Cell { column: column.to_owned(), value: then.clone() });
        }
    }
    let is_some = !were.is_empty();
    let (table, key) = (row.table.clone(), row.key.clone());
    is_some.then_some(Change::Update { table, key, were, become_ })
}

pub(super) struct Insert {
    pub(super) table: Table,
    pub(super) row: Vec<Cell>,
}

impl Insert {
    fn value(&self, column: &str) -> Option<&[u8]> {
        self.row.iter().find(|cell| cell.column == column)?.value.as_deref()
    }

    /// The row with these columns empty, and what fills them later.
    fn without(&self, columns: &[&String]) -> (Change, Option<Change>) {
        let table = self.table.label();
        let (mut row, mut were, mut become_) = (Vec::new(), Vec::new(), Vec::new());
        for cell in &self.row {
            if columns.contains(&&cell.column) {
                let empty = Cell { column: cell.column.clone(), value: None };
                row.push(empty.clone());
                were.push(empty);
                become_.push(cell.clone());
            } else {
                row.push(cell.clone());
            }
        }
        let is_key = |cell: &&Cell| self.table.key.contains(&cell.column);
        let key = self.row.iter().filter(is_key).cloned().collect();
        let link = Change::Update { table: table.clone(), key, were, become_ };
        (Change::Insert { table, row }, Some(link).filter(|_| !columns.is_empty()))
    }
}

/// Whom a row waits for: another row of these, by which columns of its own.
struct Wait {
    whom: usize,
    columns: Vec<String>,
}

/// Parents first. Of rows that wait for each other in a circle, one comes without the link that
/// closes it, where that may be empty; the link is made when all of them are there.
fn in_order(live: &Live, inserts: &[Insert]) -> Vec<Change> {
    let waits: Vec<Vec<Wait>> =
        inserts.iter().map(|insert| waits(live.tables(), insert, inserts)).collect();
    let mut left: Vec<usize> = (0..inserts.len()).collect();
    let (mut changes, mut links) = (Vec::new(), Vec::new());
    while !left.is_empty() {
        let still = |at: usize| {
            let not_there = |wait: &&Wait| wait.whom != at && left.contains(&wait.whom);
            waits[at].iter().filter(not_there).collect::<Vec<_>>()
        };
        let cost = |at: usize| {
            let label = inserts[at].table.label();
            let columns = still(at).into_iter().flat_map(|wait| &wait.columns);
            let (required, free): (Vec<_>, Vec<_>) =
                columns.partition(|column| live.is_required(&label, column));
            (required.len(), free.len())
        };
        let next = left.iter().copied().min_by_key(|at| cost(*at));
        let next = next.expect("invariant: something is left");
        let without: Vec<&String> =
            still(next).into_iter().flat_map(|wait| &wait.columns).collect();
        let (change, link) = inserts[next].without(&without);
        changes.push(change);
        links.extend(link);
        left.retain(|at| *at != next);
    }
    changes.extend(links);
    changes
}

fn waits(tables: &[Table], insert: &Insert, all: &[Insert]) -> Vec<Wait> {
    let mut waits = Vec::new();
    for reference in &insert.table.references {
        let Some(target) = table(tables, &reference.table) else { continue };
        let to = if reference.to.is_empty() { &target.key } else { &reference.to };
        let is_it = |other: &Insert| {
            other.table.name == reference.table
                && reference.columns.iter().zip(to).all(|(column, to)| {
                    insert.value(column).is_some() && insert.value(column) == other.value(to)
                })
        };
        if let Some(whom) = all.iter().position(is_it) {
            waits.push(Wait { whom, columns: reference.columns.clone() });
        }
    }
    waits
}
