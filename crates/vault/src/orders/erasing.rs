//! What tells of a person who had it erased stays out of an order that comes back.

use super::{
    fitting::has_all,
    restoration::{Insert, Refusal},
};
use databases::{
    dump::{Column, Kind, Row, Table},
    live::{Cell, Change, Live},
};
use kernel::{Value, plan::Reason};
use shops::OrderGraph;
use std::collections::BTreeMap;

/// Which columns stay empty.
pub(super) struct Erasing<'a> {
    graph: &'a OrderGraph,
    /// Stands for the person where something must.
    named: &'a str,
}

impl<'a> Erasing<'a> {
    /// # Errors
    /// When nobody knows which columns tell of a person.
    pub(super) fn new(graph: &'a OrderGraph, named: &'a str) -> Result<Self, Refusal> {
        if graph.personal.is_empty() {
            return Err(Refusal(Reason::new("order_erased", [])));
        }
        Ok(Self::of(graph, named))
    }

    /// Without columns that tell of a person, nothing is emptied.
    pub(super) fn of(graph: &'a OrderGraph, named: &'a str) -> Self {
        Self { graph, named }
    }

    /// Empties what tells of the person: NULL where the column takes it, else nothing of its type.
    pub(super) fn keep_out(&self, kind: Kind, live: &Live, insert: &mut Insert) {
        let value = |column: &Column| {
            let cell = insert.row.iter().find(|cell| cell.column == column.name);
            cell.and_then(|cell| cell.value.clone())
        };
        let row = Row { fields: insert.table.columns.iter().map(value).collect() };
        for emptied in self.emptied(kind, live, &insert.table, &row) {
            let cell = insert.row.iter_mut().find(|cell| cell.column == emptied.column);
            cell.expect("invariant: it has a value").value = emptied.value;
        }
    }

    /// What stands in the columns of a row that tell of the person, where they are not empty already.
    pub(super) fn emptied(&self, kind: Kind, live: &Live, table: &Table, row: &Row) -> Vec<Cell> {
        let label = table.label();
        let personal = self.graph.personal.iter().filter(|personal| {
            personal.table == table.name && has_all(kind, table, row, &personal.only)
        });
        let columns: BTreeMap<&String, Option<&str>> = personal
            .flat_map(|one| one.columns.iter().map(|column| (column, one.instead.as_deref())))
            .collect();
        let cell = |(column, instead): (&String, Option<&str>)| {
            let at = table.column(column)?;
            row.fields[at].as_ref()?;
            let stand_in = || match instead {
                Some(instead) => written(kind, instead),
                None => self.stand_in(kind, &table.columns[at]),
            };
            let value = live.is_required(&label, column).then(stand_in);
            Some(Cell { column: column.clone(), value })
        };
        columns.into_iter().filter_map(cell).collect()
    }

    /// What is there stays as it is. Whether anything of the change is left.
    pub(super) fn leave(&self, change: &mut Change) -> bool {
        let Change::Update { table, were, become_, .. } = change else { return true };
        let name = table.rsplit('.').next().unwrap_or(table);
        let personal = self.graph.personal.iter().filter(|personal| personal.table == name);
        let columns: Vec<&String> = personal.flat_map(|personal| &personal.columns).collect();
        were.retain(|cell| !columns.contains(&&cell.column));
        become_.retain(|cell| !columns.contains(&&cell.column));
        !become_.is_empty()
    }

    fn stand_in(&self, kind: Kind, column: &Column) -> Vec<u8> {
        let name = column.type_name.to_ascii_lowercase();
        let is = |words: &[&str]| words.iter().any(|word| name.starts_with(word));
        if is(&["date", "timestamp"]) {
            return b"1970-01-01".to_vec();
        }
        if is(&["json", "longtext json"]) {
            return b"{}".to_vec();
        }
        if is(&["int", "bigint", "smallint", "tinyint", "decimal", "numeric", "bool"]) {
            return b"0".to_vec();
        }
        let text: String = self.named.chars().take(room(&name)).collect();
        written(kind, &text)
    }

    pub(super) fn note(&self) -> Reason {
        let mut tables: Vec<&str> =
            self.graph.personal.iter().map(|personal| personal.table.as_str()).collect();
        tables.sort_unstable();
        tables.dedup();
        Reason::new("order_stays_erased", [("tables", Value::from(tables.join(", ")))])
    }
}

fn written(kind: Kind, text: &str) -> Vec<u8> {
    match kind {
        Kind::Sqlite => format!("'{text}").into_bytes(),
        _ => text.as_bytes().to_vec(),
    }
}

/// How many characters a column of this type takes: 4 of `character varying(4)`.
fn room(type_name: &str) -> usize {
    let within = type_name.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
    within.and_then(|(count, _)| count.parse().ok()).unwrap_or(usize::MAX)
}
