//! Orders that a backup has and the living database lacks, when nobody knows their numbers.
//!
//! Keys are compared, by ranges where they are whole numbers: one that had every number in it, and has
//! as many rows, is not read. Where numbers were missing, another order may have come for one that went:
//! there the sums of the keys' hashes are compared, which dumps have since 2026-11-23.
//! What one backup has shown is not looked at again in the next.

use super::{Found, OrderError, closure, is_order, source::table};
use databases::{
    dump::{Files, KeyOrder, Reader, Row, Span, Table, key_hash},
    live::Live,
};
use shops::OrderGraph;
use std::{collections::HashSet, ops::Range, time::Instant};

/// A range in which something is missing is looked at in so many parts: of a million orders nine that went are
/// found in three steps.
const PARTS: usize = 32;

/// Of a run of rows: another one hardly ever has the same.
type Likeness = (u64, u64, u32);

/// A search through several backups, the newest first.
#[derive(Debug, Default)]
pub struct Deleted {
    /// Runs of rows that were compared, or need not be.
    seen: HashSet<Likeness>,
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
        let wanted: Vec<&Span> = match spans.split_last() {
            // Keys that were given before the backup and kept after it lie in its last range.
            Some((last, rest)) if by_numbers => {
                let sums = then.key_sums(root)?;
                let comparison = Comparison {
                    living: &living,
                    key: &graph.key,
                    spans: rest,
                    sums: sums.as_deref(),
                };
                let places = comparison.differing(live, &self.seen)?;
                let wanted = places.iter().map(|place| &rest[*place]);
                let wanted = wanted.chain(std::iter::once(last)).collect();
                // What is not among them has all its rows still.
                let mut places = places.into_iter().peekable();
                let proven = (0..rest.len()).filter(|place| places.next_if_eq(place).is_none());
                self.seen.extend(proven.map(|place| rest[place].likeness()));
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

/// A table then and now, by its keys.
struct Comparison<'a> {
    living: &'a Table,
    key: &'a str,
    spans: &'a [Span],
    sums: Option<&'a [u64]>,
}

impl Comparison<'_> {
    /// Places of the runs that may have had what the living database lacks, ascending, but for those that were
    /// seen.
    fn differing(
        &self,
        live: &mut Live,
        seen: &HashSet<Likeness>,
    ) -> Result<Vec<usize>, OrderError> {
        let (mut found, mut open) = (Vec::new(), Vec::new());
        let is_new = |place: &usize| !seen.contains(&self.spans[*place].likeness());
        let mut places = (0..self.spans.len()).filter(is_new).peekable();
        while let Some(first) = places.next() {
            let mut end = first + 1;
            while places.next_if_eq(&end).is_some() {
                end += 1;
            }
            split(first..end, &mut open);
        }
        while !open.is_empty() {
            let mut next = Vec::new();
            let full: Vec<_> = open.iter().map(|range| self.full(range)).collect();
            let asked: Vec<_> = full.iter().flatten().map(|(range, _)| *range).collect();
            let mut counts = live.count_between(self.living, self.key, &asked)?.into_iter();
            for (range, full) in open.into_iter().zip(full) {
                // It had every number, and has as many rows: then it has every number still.
                let is_whole = full.is_some_and(|(_, rows)| counts.next() == Some(rows));
                match range.len() {
                    _ if is_whole => {}
                    length if full.is_none() && length <= PARTS && self.sums.is_some() => {
                        self.by_sums(live, range, &mut found)?;
                    }
                    1 => found.push(range.start),
                    _ => split(range, &mut next),
                }
            }
            open = next;
        }
        found.sort_unstable();
        Ok(found)
    }

    /// From which number to which these runs go, and how many rows that are, where they had every number of it.
    fn full(&self, places: &Range<usize>) -> Option<((i64, i64), u64)> {
        let spans = &self.spans[places.clone()];
        let (first, last) = (spans.first()?.numbers()?.0, spans.last()?.numbers()?.1);
        let rows: u64 = spans.iter().map(Span::rows).sum();
        (rows.checked_sub(1) == Some(last.abs_diff(first))).then_some(((first, last), rows))
    }

    /// Those of these runs whose keys are others than they were.
    fn by_sums(
        &self,
        live: &mut Live,
        places: Range<usize>,
        found: &mut Vec<usize>,
    ) -> Result<(), OrderError> {
        let numbers: Option<Vec<_>> = places.clone().map(|at| self.spans[at].numbers()).collect();
        let (Some(numbers), Some(sums)) = (numbers, self.sums) else {
            found.extend(places);
            return Ok(());
        };
        let (Some(first), Some(last)) = (numbers.first(), numbers.last()) else { return Ok(()) };
        let mut now = vec![(0_u64, 0_u64); numbers.len()];
        live.each_between(self.living, self.key, (first.0, last.1), &mut |text| {
            let Some(key) = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok())
            else {
                return;
            };
            let at = numbers.partition_point(|(_, last)| *last < key);
            // What lies between two runs came since, and is none of theirs.
            if numbers.get(at).is_some_and(|(first, _)| *first <= key) {
                let (rows, sum) = &mut now[at];
                (*rows, *sum) = (*rows + 1, sum.wrapping_add(key_hash(text)));
            }
        })?;
        let then = places.clone().map(|at| (self.spans[at].rows(), sums[at]));
        let differs = places.zip(then.zip(now)).filter(|(_, (then, now))| then != now);
        found.extend(differs.map(|(at, _)| at));
        Ok(())
    }
}

/// Parts of a range that are looked at beside one another.
fn split(range: Range<usize>, into: &mut Vec<Range<usize>>) {
    let step = range.len().div_ceil(PARTS);
    into.extend(range.clone().step_by(step).map(|begin| begin..range.end.min(begin + step)));
}
