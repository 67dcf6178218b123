//! Orders that a backup has and the living database lacks, when nobody knows their numbers.
//!
//! Keys are compared, by ranges where they are whole numbers: one that had every number in it, and has
//! as many rows, is not read. Where numbers were missing, another order may have come for one that went.
//! What one backup has shown is not looked at again in the next.

use super::{Found, OrderError, closure, is_order, source::table};
use databases::{
    dump::{Files, KeyOrder, Reader, Row, Span, Table},
    live::Live,
};
use shops::OrderGraph;
use std::{collections::HashSet, time::Instant};

/// A search through several backups, the newest first.
#[derive(Debug, Default)]
pub struct Deleted {
    /// Runs of rows that were compared.
    seen: HashSet<(u64, u64, u32)>,
    /// Keys that were told.
    told: HashSet<Vec<u8>>,
    /// No further run is read after it.
    until: Option<Instant>,
    is_cut: bool,
}

impl Deleted {
    /// One that ends by then, whatever is left.
    #[must_use]
    pub fn until(until: Instant) -> Self {
        Self { until: Some(until), ..Self::default() }
    }

    /// Whether the time was over before all was looked at. The newest orders are looked at first.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

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
        // A key of several columns may have a number twice.
        let is_key = |key: &[String]| matches!(key, [one] if *one == graph.key);
        let by_numbers =
            root.key_order == KeyOrder::Number && is_key(&root.key) && is_key(&living.key);
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
        let (mut runs, kind) = (Vec::new(), then.manifest().kind);
        for span in wanted.into_iter().rev() {
            if self.seen.contains(&span.likeness()) {
                continue;
            }
            if self.until.is_some_and(|until| Instant::now() > until) {
                self.is_cut = true;
                break;
            }
            self.seen.insert(span.likeness());
            let rows = self.gone(root, graph, then.rows_of(root, span)?, live, &living)?;
            let orders = rows.into_iter().filter(|row| is_order(graph, kind, root, row));
            let found = orders.map(|row| closure::found(root, graph, kind, row));
            runs.push(found.collect::<Result<Vec<_>, _>>()?);
        }
        Ok(runs.into_iter().rev().flatten().collect())
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

/// The runs that may have had what the living database lacks, found by halves. Those of a range are none
/// when it had every number and has as many rows: then it has every number still.
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
        let is_full = rows.checked_sub(1) == Some(range.1.abs_diff(range.0));
        if is_full && live.count_between(living, key, range)? == rows {
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
