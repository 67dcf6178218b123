//! Rows of one series out of everything that may hold some, later written ones first in right.

use crate::{
    block::Row,
    error::{SeriesError, Unreadable},
    part::{Pages, Part},
};
use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Counts what could not be read, and says so once for each part.
#[derive(Debug, Default)]
pub(crate) struct DamageCount(AtomicU64);

impl DamageCount {
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, damaged: u64) {
        self.0.fetch_add(damaged, Ordering::Relaxed);
    }

    /// What was read; `None` when it is damaged, which is counted.
    ///
    /// # Errors
    /// When the disk failed.
    pub(crate) fn sift<T>(
        &self,
        part: &Part,
        read: Result<T, Unreadable>,
    ) -> Result<Option<T>, SeriesError> {
        match read {
            Ok(read) => Ok(Some(read)),
            Err(Unreadable::Damaged(damage)) => {
                self.add(1);
                if part.note_damage() {
                    tracing::error!(part = %part.path.display(), %damage, "a part of the metrics store is damaged: the rest of it is served");
                }
                Ok(None)
            }
            Err(Unreadable::Failed(error)) => {
                Err(SeriesError::file("read part", &part.path)(error))
            }
        }
    }
}

/// Rows as they are gathered, from old sources to new ones.
#[derive(Debug)]
pub(crate) struct Gathered<R> {
    rows: Vec<R>,
    /// Whether each is later than the one before.
    is_in_order: bool,
    limit: usize,
}

impl<R: Row> Gathered<R> {
    pub(crate) fn new(limit: usize) -> Self {
        Self { rows: Vec::new(), is_in_order: true, limit }
    }

    pub(crate) fn add(
        &mut self,
        rows: impl IntoIterator<Item = R>,
        range: &Range<i64>,
    ) -> Result<(), SeriesError> {
        let mut last_ms = self.rows.last().map(Row::at_ms);
        for row in rows.into_iter().filter(|row| range.contains(&row.at_ms())) {
            self.is_in_order &= last_ms.is_none_or(|last_ms| last_ms < row.at_ms());
            last_ms = Some(row.at_ms());
            self.rows.push(row);
        }
        // A row may come several times before they are put in order, but not often.
        if self.rows.len() > self.limit.saturating_mul(2) {
            return Err(SeriesError::ReadTooLarge { limit: self.limit });
        }
        Ok(())
    }

    /// As [`Gathered::add`]; the first rows are taken as they are, cut to the range, where they are in order of time.
    pub(crate) fn add_all(
        &mut self,
        mut rows: Vec<R>,
        range: &Range<i64>,
    ) -> Result<(), SeriesError> {
        if !self.rows.is_empty() || !is_in_order(&rows) {
            return self.add(rows, range);
        }
        rows.truncate(rows.partition_point(|row| row.at_ms() < range.end));
        rows.drain(..rows.partition_point(|row| row.at_ms() < range.start));
        self.rows = rows;
        Ok(())
    }

    pub(crate) fn add_part(
        &mut self,
        part: &Arc<Part>,
        (id, pages): (u32, &mut Pages),
        range: &Range<i64>,
        damage: &DamageCount,
    ) -> Result<(), SeriesError> {
        if part.footer.until_ms < range.start || part.footer.from_ms >= range.end {
            return Ok(());
        }
        for entry in damage.sift(part, part.entries(id, pages))?.unwrap_or_default() {
            if entry.span.until_ms < range.start || entry.span.from_ms >= range.end {
                continue;
            }
            if let Some(rows) = damage.sift(part, part.rows::<R>(&entry))? {
                self.add_all(rows, range)?;
            }
        }
        Ok(())
    }

    /// In order of time; of several rows at one time, the one that came last.
    pub(crate) fn in_order(self) -> Result<Vec<R>, SeriesError> {
        let rows = if self.is_in_order { self.rows } else { in_order(self.rows) };
        if rows.len() > self.limit {
            return Err(SeriesError::ReadTooLarge { limit: self.limit });
        }
        Ok(rows)
    }
}

/// Whether each row is later than the one before.
fn is_in_order<R: Row>(rows: &[R]) -> bool {
    rows.is_sorted_by(|one, next| one.at_ms() < next.at_ms())
}

/// Sorts rows by time; of several at one time, the last one stays.
pub(crate) fn in_order<R: Row>(mut rows: Vec<R>) -> Vec<R> {
    if is_in_order(&rows) {
        return rows;
    }
    rows.sort_by_key(Row::at_ms);
    let mut kept: Vec<R> = Vec::with_capacity(rows.len());
    for row in rows {
        match kept.last_mut() {
            Some(last) if last.at_ms() == row.at_ms() => *last = row,
            _ => kept.push(row),
        }
    }
    kept
}
