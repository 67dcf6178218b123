//! Rows then and now as people read them.

use ::watch::time_machine::{FieldThenNow, RowThenNow};
use databases::live::Cell;
use vault::orders::{Difference, Role, RowDifference, State};

/// More rows of one order nobody reads on a page.
const MOST_ROWS: usize = 300;
/// Of a longer value the beginning tells enough.
const MOST_SIGNS: usize = 600;

/// The rows of a difference, and how many more there are.
pub(super) fn rows(between: &Difference) -> (Vec<RowThenNow>, u64) {
    let rows = between.rows.iter().take(MOST_ROWS).map(|row| shown(between, row)).collect();
    (rows, between.rows.len().saturating_sub(MOST_ROWS) as u64)
}

fn shown(between: &Difference, row: &RowDifference) -> RowThenNow {
    let role = match row.role {
        Role::Root => "root",
        Role::Own => "own",
        Role::Needed => "needed",
    };
    let state = match row.state {
        State::Same => "same",
        State::Gone => "gone",
        State::Changed => "changed",
        State::New => "new",
    };
    let of = |cells: &[Cell], column: &str| {
        let cell = cells.iter().find(|cell| cell.column == column);
        cell.and_then(|cell| between.shown(&cell.value)).map(|text| short(&text))
    };
    let others: Vec<&str> = row.changes().map(|(column, ..)| column).collect();
    let only_now =
        row.now.iter().filter(|cell| row.then.iter().all(|one| one.column != cell.column));
    let columns = row.then.iter().chain(only_now).map(|cell| cell.column.as_str());
    let field = |column: &str| FieldThenNow {
        column: column.to_owned(),
        then: of(&row.then, column),
        now: of(&row.now, column),
        is_other: others.contains(&column),
    };
    let key = row.key.iter().map(|cell| between.shown(&cell.value).unwrap_or_default());
    RowThenNow {
        table: row.table.clone(),
        key: short(&key.collect::<Vec<_>>().join(",")),
        role: role.to_owned(),
        state: state.to_owned(),
        fields: columns.map(field).collect(),
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(MOST_SIGNS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
