//! Orders that a backup has and the living database lacks, when nobody knows their numbers.
//!
//! Keys are compared, by ranges where they are whole numbers: a range with as many rows as it had is
//! not read. What one backup has shown is not looked at again in the next.

use super::{Found, OrderError, closure, is_order, source::table};
use databases::{
    dump::{Files, KeyOrder, Reader, Row, Span, Table},
    live::Live,
};
use shops::OrderGraph;
use std::collections::HashSet;

/// A search through several backups, the newest first.
#[derive(Debug, Default)]
pub struct Deleted {
    /// Runs of rows that were compared.
    seen: HashSet<(u64, u64, u32)>,
    /// Keys that were told.
    told: HashSet<Vec<u8>>,
}

impl Deleted {
    /// The orders of one more backup that the living database lacks and that were not told before, in
    /// the order of their keys.
    ///
    /// # Errors
    /// When one of the two cannot be read, or lacks what the graph names.
    pub fn of<F: Files>(
        &mut self,
        then: &Reader<F>,
        graph: &OrderGraph,
        live: &mut Live,
    ) -> Result<Vec<Found>, OrderError> {
        let none = || OrderError::NotThere { what: graph.root.clone() };
        let root = table(then.tables(), &graph.root).ok_or_else(none)?;
        let living = table(live.tables(), &graph.root).cloned().ok_or_else(none)?;
        let spans = then.spans(root)?;
        let by_numbers = root.key_order == KeyOrder::Number && root.key.first() == Some(&graph.key);
        let wanted = match spans.split_last() {
            // Keys that were given before the backup and kept after it lie in its last range.
            Some((last, rest)) if by_numbers => {
                let mut wanted = Vec::new();
                differing(live, &living, &graph.key, rest, &mut wanted)?;
                wanted.push(last);
                wanted
            }
            _ => spans.iter().collect(),
        };
        let mut found = Vec::new();
        for span in wanted {
            if self.seen.insert(span.likeness()) {
                let rows = then.rows_of(root, span)?;
                for row in self.gone(root, graph, rows, live, &living)? {
                    let kind = then.manifest().kind;
                    if is_order(graph, kind, root, &row) {
                        found.push(closure::found(root, graph, kind, row)?);
                    }
                }
            }
        }
        Ok(found)
    }

    fn gone(
        &mut self,
        root: &Table,
        graph: &OrderGraph,
        rows: Vec<Row>,
        live: &mut Live,
        living: &Table,
    ) -> Result<Vec<Row>, OrderError> {
        let none = || OrderError::NotThere { what: format!("{}.{}", graph.root, graph.key) };
        let at = root.column(&graph.key).ok_or_else(none)?;
        let keys: Vec<Vec<u8>> = rows.iter().filter_map(|row| row.fields[at].clone()).collect();
        let lacking: HashSet<Vec<u8>> =
            live.lacking(living, &graph.key, &keys)?.into_iter().collect();
        let is_new = |row: &Row| {
            let key = row.fields[at].as_ref().filter(|key| lacking.contains(*key));
            key.is_some_and(|key| self.told.insert(key.clone()))
        };
        Ok(rows.into_iter().filter(is_new).collect())
    }
}

/// The runs in whose range the living database has another number of rows, found by halves.
fn differing<'a>(
    live: &mut Live,
    living: &Table,
    key: &str,
    spans: &'a [Span],
    found: &mut Vec<&'a Span>,
) -> Result<(), OrderError> {
    let (Some(first), Some(last)) = (spans.first(), spans.last()) else { return Ok(()) };
    let range = first.numbers().zip(last.numbers()).map(|((first, _), (_, last))| (first, last));
    if let Some(range) = range {
        let rows: u64 = spans.iter().map(Span::rows).sum();
        if live.count_between(living, key, range)? == rows {
            return Ok(());
        }
    }
    if let [one] = spans {
        found.push(one);
        return Ok(());
    }
    let (left, right) = spans.split_at(spans.len() / 2);
    differing(live, living, key, left, found)?;
    differing(live, living, key, right, found)
}
