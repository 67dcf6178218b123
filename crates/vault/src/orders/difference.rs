//! What an order was, held against what it is.

use super::{
    Closure, OrderError, Role, Source,
    closure::{Member, identity},
    source::shown,
};
use databases::{
    dump::{Field, Kind, Row, Table},
    live::Cell,
};
use serde::Serialize;
use shops::OrderGraph;

/// Every row of an order, then and now.
#[derive(Debug, Clone)]
pub struct Difference {
    /// The order's own, the root first; then what it needs and is gone; then what is only there now.
    pub rows: Vec<RowDifference>,
    pub(super) kind: Kind,
}

/// A row then and now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowDifference {
    pub table: String,
    pub role: Role,
    pub state: State,
    /// Of the key; of all columns where there is none.
    pub key: Vec<Cell>,
    /// All columns then; empty of what was not there then.
    pub then: Vec<Cell>,
    /// All columns now; empty of what is gone.
    pub now: Vec<Cell>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Same,
    /// There then, and gone now.
    Gone,
    /// Some values are others.
    Changed,
    /// There now, and not then.
    New,
}

impl Difference {
    /// Holds `then` against the living database. Of what an order only needs, rows that are there
    /// are not told: they live on by themselves.
    ///
    /// # Errors
    /// When one of the two cannot be read, or lacks a table that the other has rows in.
    pub fn between(
        past: &mut dyn Source,
        graph: &OrderGraph,
        then: &mut Closure,
        live: &mut dyn Source,
    ) -> Result<Self, OrderError> {
        let mut rows = Vec::new();
        let mut at = 0;
        while at < then.members.len() {
            let member = then.members[at].clone();
            let table = then.table(&member.table).clone();
            let difference = row(&table, &member, live)?;
            if member.role == Role::Needed && difference.state == State::Gone {
                then.climb(past, graph, at)?;
            }
            if member.role < Role::Needed || difference.state == State::Gone {
                rows.push(difference);
            }
            at += 1;
        }
        rows.extend(new_rows(graph, then, live)?);
        rows.sort_by_key(|row| (row.state == State::New, row.role));
        Ok(Self { rows, kind: then.kind })
    }

    /// Whether the order's own row is gone.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.rows.iter().any(|row| row.role == Role::Root && row.state == State::Gone)
    }

    /// Whether nothing is different.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.rows.iter().all(|row| row.state == State::Same)
    }

    /// A value as people read it; `None` is NULL.
    #[must_use]
    pub fn shown(&self, value: &Field) -> Option<String> {
        value.as_ref().map(|value| shown(self.kind, value))
    }
}

impl RowDifference {
    /// The columns whose values are others, with both; columns that only one side has are among them.
    pub fn changes(&self) -> impl Iterator<Item = (&str, Option<&Field>, Option<&Field>)> {
        let of = |cells: &'_ [Cell], name: &str| cells.iter().position(|cell| cell.column == name);
        let then = self.then.iter().filter_map(move |cell| {
            let now = of(&self.now, &cell.column).map(|at| &self.now[at].value);
            (now != Some(&cell.value)).then_some((cell.column.as_str(), Some(&cell.value), now))
        });
        let only_now = self.now.iter().filter(move |cell| of(&self.then, &cell.column).is_none());
        then.chain(only_now.map(|cell| (cell.column.as_str(), None, Some(&cell.value))))
    }
}

fn row(table: &Table, member: &Member, live: &mut dyn Source) -> Result<RowDifference, OrderError> {
    let living = counterpart(live.tables(), table)?;
    let then = cells(table, &member.row);
    let key = key(table, &member.row);
    let wanted: Option<Vec<(&str, &[u8])>> =
        key.iter().map(|cell| Some((cell.column.as_str(), cell.value.as_deref()?))).collect();
    // A row without a key that has a NULL is looked for by its other values.
    let wanted = wanted.unwrap_or_else(|| {
        key.iter().filter_map(|cell| Some((cell.column.as_str(), cell.value.as_deref()?))).collect()
    });
    let found = live.lookup(&living, &wanted)?;
    let (state, now) = match found.first() {
        None => (State::Gone, Vec::new()),
        Some(row) => {
            let now = cells(&living, row);
            let is_same = then.iter().all(|cell| now.contains(cell));
            (if is_same { State::Same } else { State::Changed }, now)
        }
    };
    Ok(RowDifference { table: living.label(), role: member.role, state, key, then, now })
}

/// Rows that belong to the order now and did not then.
fn new_rows(
    graph: &OrderGraph,
    then: &Closure,
    live: &mut dyn Source,
) -> Result<Vec<RowDifference>, OrderError> {
    let Some(root) = then.members.first() else { return Ok(Vec::new()) };
    let table = then.table(&root.table).clone();
    let living = counterpart(live.tables(), &table)?;
    let key = key(&table, &root.row);
    let wanted: Vec<(&str, &[u8])> = key
        .iter()
        .filter_map(|cell| Some((cell.column.as_str(), cell.value.as_deref()?)))
        .collect();
    let Some(row) = live.lookup(&living, &wanted)?.into_iter().next() else {
        return Ok(Vec::new());
    };
    let now = Closure::of(live, graph, &row)?;
    let was_there = |member: &Member| {
        let table = now.table(&member.table);
        then.members.iter().any(|old| {
            let old_table = then.table(&old.table);
            old_table.name == table.name
                && identity(old_table, &old.row) == identity(table, &member.row)
        })
    };
    let new = now.members.iter().filter(|member| member.role < Role::Needed && !was_there(member));
    let difference = |member: &Member| {
        let table = now.table(&member.table);
        RowDifference {
            table: member.table.clone(),
            role: member.role,
            state: State::New,
            key: self::key(table, &member.row),
            then: Vec::new(),
            now: cells(table, &member.row),
        }
    };
    Ok(new.map(difference).collect())
}

/// The living table of the same name, in the same schema where schemas have names.
pub(super) fn counterpart(living: &[Table], table: &Table) -> Result<Table, OrderError> {
    let same_schema = |other: &&Table| other.name == table.name && other.schema == table.schema;
    let found = living.iter().find(same_schema);
    found.cloned().ok_or_else(|| OrderError::NotThere { what: table.label() })
}

pub(super) fn cells(table: &Table, row: &Row) -> Vec<Cell> {
    let columns = table.columns.iter().zip(&row.fields);
    columns.map(|(column, value)| cell(&column.name, value)).collect()
}

fn key(table: &Table, row: &Row) -> Vec<Cell> {
    if table.key.is_empty() {
        return cells(table, row);
    }
    table.key.iter().zip(identity(table, row)).map(|(name, value)| cell(name, &value)).collect()
}

fn cell(column: &str, value: &Field) -> Cell {
    Cell { column: column.to_owned(), value: value.clone() }
}
