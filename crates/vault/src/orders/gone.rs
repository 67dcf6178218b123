//! Orders whose own rows a journal has seen go, when nobody knows their numbers.

use super::{
    OrderError,
    moment::key_names,
    source::{read_as, table, written},
};
use crate::journal::{MarkKind, Reader, Version};
use databases::{
    changes::{Change, TableShape},
    dump::{Field, Kind},
    live::Live,
};
use shops::{Has, OrderGraph};
use std::{collections::BTreeMap, ops::RangeInclusive};

/// An order that went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// As people read them; empty where the journal knows no number.
    pub numbers: Vec<String>,
    pub key: String,
    /// The key as the database writes it.
    pub raw_key: Vec<u8>,
    pub gone_ms: i64,
}

/// Orders of the table with this label that went in a time (Unix ms), the newest first; each as it went
/// last. Of a table that was emptied those are told that the journal has seen before. What was never
/// placed (a cart in the same table) is none.
///
/// # Errors
/// When the journal cannot be read, or does not tell the column that the graph names.
pub fn gone(
    journal: &Reader,
    label: &str,
    graph: &OrderGraph,
    kind: Kind,
    when: &RangeInclusive<i64>,
) -> Result<Vec<Gone>, OrderError> {
    let mut found: BTreeMap<Vec<u8>, Gone> = BTreeMap::new();
    for version in journal.deleted(label, when.clone())? {
        let at_ms = version.committed_ms;
        let Some(key) = value(&version, &graph.key).flatten() else { continue };
        if let Some(gone) = told(journal, label, graph, kind, (key, at_ms))? {
            found.insert(gone.raw_key.clone(), gone);
        }
    }
    for at_ms in emptied(journal, label).filter(|at_ms| when.contains(at_ms)) {
        for key in seen_until(journal, label, graph, at_ms)? {
            let is_later = found.get(&key).is_some_and(|one| one.gone_ms >= at_ms);
            if !is_later && let Some(gone) = told(journal, label, graph, kind, (key, at_ms))? {
                found.insert(gone.raw_key.clone(), gone);
            }
        }
    }
    let mut found: Vec<Gone> = found.into_values().collect();
    found.sort_by_key(|gone| std::cmp::Reverse(gone.gone_ms));
    Ok(found)
}

/// Whether all rows of the table with this label were taken at once in a time.
#[must_use]
pub fn was_emptied(journal: &Reader, label: &str, when: &RangeInclusive<i64>) -> bool {
    emptied(journal, label).any(|at_ms| when.contains(&at_ms))
}

/// Those of these keys (as people read them) whose orders the living database lacks.
///
/// # Errors
/// When it cannot be read, or lacks what the graph names.
pub fn lacking(
    live: &mut Live,
    graph: &OrderGraph,
    keys: &[String],
) -> Result<Vec<String>, OrderError> {
    let kind = live.kind();
    let none = || OrderError::NotThere { what: graph.root.clone() };
    let root = table(live.tables(), &graph.root).cloned().ok_or_else(none)?;
    let spellings = |key: &String| written(kind, &root, &graph.key, key);
    let raw: Vec<Vec<u8>> = keys.iter().flat_map(spellings).collect();
    let gone = live.lacking(&root, &graph.key, &raw)?;
    let is_gone = |key: &&String| spellings(key).iter().all(|one| gone.contains(one));
    Ok(keys.iter().filter(is_gone).cloned().collect())
}

fn emptied<'a>(journal: &'a Reader, label: &'a str) -> impl Iterator<Item = i64> + 'a {
    let is_it =
        move |kind: &MarkKind| matches!(kind, MarkKind::Emptied { table } if table == label);
    journal.marks().filter(move |mark| is_it(&mark.kind)).map(|mark| mark.committed_ms)
}

/// Keys of orders that were changed and not deleted before a time.
fn seen_until(
    journal: &Reader,
    label: &str,
    graph: &OrderGraph,
    at_ms: i64,
) -> Result<Vec<Vec<u8>>, OrderError> {
    let mut keys: BTreeMap<Vec<u8>, bool> = BTreeMap::new();
    journal.scan(None, |entry| {
        let crate::journal::Entry::Version(version) = entry else { return Ok(()) };
        if version.row.table.label() == label
            && version.committed_ms <= at_ms
            && let Some(key) = value(&version, &graph.key).flatten()
        {
            keys.insert(key, version.row.after().is_some());
        }
        Ok(())
    })?;
    Ok(keys.into_iter().filter(|(_, is_there)| *is_there).map(|(key, _)| key).collect())
}

/// What an order was called, by its row as it was seen last.
fn told(
    journal: &Reader,
    label: &str,
    graph: &OrderGraph,
    kind: Kind,
    (key, gone_ms): (Vec<u8>, i64),
) -> Result<Option<Gone>, OrderError> {
    let history = journal.find(label, &graph.key, &key)?;
    let until = history.partition_point(|version| version.committed_ms <= gone_ms);
    let last =
        |column: &String| history[..until].iter().rev().find_map(|version| value(version, column));
    if let Some(placed) = &graph.placed
        && last(placed) == Some(None)
    {
        return Ok(None);
    }
    let Some(shape) = history[..until].last().map(|version| &version.row.table) else {
        return Ok(None);
    };
    let read = |column: &String, value: &[u8]| {
        shape.column(column).map(|at| read_as(kind, &shape.columns[at], value))
    };
    let text = |column| last(column).flatten().and_then(|value| read(column, &value));
    let is_other = |has: &Has| match last(&has.column) {
        Some(value) => {
            let text = value.and_then(|value| read(&has.column, &value));
            !has.fits(text.as_deref())
        }
        None => false,
    };
    if graph.only.iter().any(is_other) {
        return Ok(None);
    }
    let numbers = graph.numbers.iter().filter_map(text).collect();
    let called = read(&graph.key, &key).unwrap_or_default();
    Ok(Some(Gone { numbers, key: called, raw_key: key, gone_ms }))
}

/// What a version knows of a column: afterwards, or else before. The outer `None`: nothing.
fn value(version: &Version, column: &str) -> Option<Field> {
    let shape: &TableShape = &version.row.table;
    let place = shape.column(column)?;
    let images = version.row.after().into_iter().chain(version.row.before());
    let is_key_only = matches!(&version.row.change, Change::Deleted(image) if !image.is_whole());
    if is_key_only && !key_names(shape).iter().any(|name| name == column) {
        return None;
    }
    images.filter_map(|image| image.field(place)).next().cloned()
}
