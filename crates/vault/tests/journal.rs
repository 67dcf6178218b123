//! Journals: against a plain list of what happened, killed, torn, flipped, and measured.

pub(crate) mod away;
mod damage;
mod kills;
mod model;
mod raw;
mod size;

use databases::{
    changes::{Change, Column, Event, Image, Position, RowChange, TableShape},
    dump::Field,
};
use std::sync::Arc;
use vault::journal::{JournalKey, Lookups, Options};

pub(crate) fn key() -> JournalKey {
    JournalKey::from_bytes(std::array::from_fn(|at| at as u8))
}

pub(crate) fn lookups() -> Lookups {
    Lookups([("public.lines".to_owned(), vec!["order_id".to_owned()])].into())
}

/// So small that a test has several of everything.
pub(crate) fn small() -> Options {
    Options { lookups: lookups(), log_bytes: 3000, block_bytes: 2000 }
}

pub(crate) fn table(name: &str, columns: &[&str], key: &[usize]) -> Arc<TableShape> {
    let columns = columns.iter().map(|name| (*name).to_owned());
    let columns = columns.map(|name| Column { name, type_name: "text".to_owned() }).collect();
    let schema = Some("public".to_owned());
    Arc::new(TableShape { schema, name: name.to_owned(), columns, key: key.to_vec() })
}

#[expect(clippy::needless_pass_by_value, reason = "numbers and texts, as they stand in a row")]
pub(crate) fn field(text: impl ToString) -> Field {
    Some(text.to_string().into_bytes())
}

pub(crate) fn whole(fields: Vec<Field>) -> Image {
    Image { fields, absent: Vec::new() }
}

pub(crate) fn row(table: &Arc<TableShape>, change: Change) -> Event {
    Event::Row(RowChange { table: Arc::clone(table), change })
}

pub(crate) fn at(number: u64) -> Position {
    Position::Lsn { lsn: format!("{:X}/{:X}", number >> 32, number & 0xffff_ffff) }
}

pub(crate) fn commit(number: u64, committed_ms: i64) -> Event {
    Event::Commit { position: at(number), committed_ms }
}
