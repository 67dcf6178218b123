//! Looking into a journal, as far as it was written when it was opened.

use super::{
    JournalKey, Lookups, Mark, MarkKind, State, Version, folder, index,
    part::{Part, key_places, values_at},
    view::{RowView, lines_of},
};
use crate::{Id, VaultError, crypto::Key};
use databases::{
    changes::{Change, Image, Position, TableShape},
    dump::Field,
};
use std::{cmp::Ordering, collections::BTreeSet, io, ops::RangeInclusive, path::Path, sync::Arc};

/// Logs become segments while their list is read; so often at once would be odd.
const ATTEMPTS: u32 = 5;

/// What comes out of a scan, in the order in which it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    Version(Version),
    Mark(Mark),
}

/// A journal that is looked into. What is appended later is seen by a reader that is opened later.
#[derive(Debug)]
pub struct Reader {
    pub(super) key: Key,
    /// The oldest first; with the hash of its content where it has one.
    parts: Vec<(Part, Option<Id>)>,
}

impl Reader {
    /// `lookups` should be the writer's: by other columns rows are found as well, more slowly.
    ///
    /// # Errors
    /// [`VaultError::DamagedJournal`]; [`VaultError::File`].
    pub fn open(path: &Path, key: &JournalKey, lookups: &Lookups) -> Result<Self, VaultError> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            match Self::open_once(path, &key.0, lookups) {
                // What was there is a segment now, or its log is gone.
                Err(VaultError::File { source, .. })
                    if source.kind() == io::ErrorKind::NotFound && attempts < ATTEMPTS => {}
                other => return other,
            }
        }
    }

    fn open_once(path: &Path, key: &Key, lookups: &Lookups) -> Result<Self, VaultError> {
        let listing = folder::list(path)?;
        let mut parts = Vec::new();
        for (number, (path, id)) in &listing.segments {
            parts.push((*number, Part::open_segment(key, path, *number)?, Some(*id)));
        }
        for (number, path) in &listing.logs {
            parts.push((*number, Part::open_log(key, path, *number, lookups)?, None));
        }
        parts.sort_by_key(|(number, ..)| *number);
        let parts = parts.into_iter().map(|(_, part, id)| (part, id)).collect();
        Ok(Self { key: key.clone(), parts })
    }

    pub(super) fn parts(&self) -> impl DoubleEndedIterator<Item = &Part> {
        self.parts.iter().map(|(part, _)| part)
    }

    /// Where the journal ends.
    #[must_use]
    pub fn position(&self) -> Option<&Position> {
        self.parts().rev().find_map(|part| part.summary.position.as_ref())
    }

    /// When the first of its transactions was committed, in Unix ms; `None` without one.
    #[must_use]
    pub fn begins_ms(&self) -> Option<i64> {
        self.parts().find_map(|part| part.summary.first_ms)
    }

    /// Transactions in it, and bytes of row images as they came and as they lie there, index included.
    #[must_use]
    pub fn size(&self) -> (u64, u64, u64) {
        self.parts().fold((0, 0, 0), |(transactions, raw, stored), part| {
            let summary = &part.summary;
            (transactions + summary.transactions, raw + summary.raw_bytes, stored + part.bytes)
        })
    }

    /// Every shape that a table had, the oldest first.
    #[must_use]
    pub fn shapes(&self, label: &str) -> Vec<Arc<TableShape>> {
        let mut shapes: Vec<Arc<TableShape>> = Vec::new();
        for table in self.parts().flat_map(|part| &part.tables) {
            if table.label() == label && shapes.last() != Some(table) {
                shapes.push(Arc::clone(table));
            }
        }
        shapes
    }

    /// What was emptied or redefined, the oldest first.
    pub fn marks(&self) -> impl Iterator<Item = &Mark> {
        self.parts().flat_map(|part| &part.summary.marks)
    }

    /// How the row with this key was at a moment (Unix ms): after the last transaction that was committed then or before.
    ///
    /// # Errors
    /// [`VaultError::DamagedJournal`]; [`VaultError::File`].
    pub fn state(&self, label: &str, key: &[Field], at_ms: i64) -> Result<State, VaultError> {
        let history = self.history(label, key)?;
        Ok(self.state_of(&history, label, key, at_ms))
    }

    /// As [`Reader::state`], out of a history that is at hand.
    #[must_use]
    pub fn state_of(&self, history: &[Version], label: &str, key: &[Field], at_ms: i64) -> State {
        let order = |version: &Version| (version.sequence, version.place);
        let emptied =
            |mark: &&Mark| matches!(&mark.kind, MarkKind::Emptied { table } if table == label);
        let last_emptied = self.marks().filter(|mark| mark.committed_ms <= at_ms);
        let last_emptied = last_emptied.filter(emptied).last();
        let split = history.partition_point(|version| version.committed_ms <= at_ms);
        let (until, later) = history.split_at(split);
        let has_key = |table: &TableShape, image: &Image| has_key(table, image, key);
        if let Some(last) = until.last() {
            let is_gone =
                last_emptied.is_some_and(|mark| (mark.sequence, mark.place) > order(last));
            let after = last.row.after().filter(|after| has_key(&last.row.table, after));
            return match after.filter(|_| !is_gone) {
                Some(after) => State::Row(after.clone()),
                None => State::Absent,
            };
        }
        if last_emptied.is_some() {
            return State::Absent;
        }
        if self.begins_ms().is_none_or(|begins| at_ms < begins) {
            return State::Unknown;
        }
        // What was before the first change that is known; unless the table was emptied in between.
        let Some(first) = later.first() else { return State::Unknown };
        let is_cut =
            self.marks().filter(emptied).any(|mark| (mark.sequence, mark.place) < order(first));
        match &first.row.change {
            _ if is_cut => State::Unknown,
            Change::Inserted(_) => State::Absent,
            Change::Deleted(before) => State::Row(before.clone()),
            Change::Updated { before: Some(before), .. } => {
                let was_there = has_key(&first.row.table, before);
                if was_there { State::Row(before.clone()) } else { State::Absent }
            }
            Change::Updated { before: None, .. } => State::Unknown,
        }
    }

    /// Every change of the row with this key, the oldest first. The key's values are in the order of the
    /// table's key; of a table without one, the whole row is its key.
    ///
    /// # Errors
    /// As [`Reader::state`].
    pub fn history(&self, label: &str, key: &[Field]) -> Result<Vec<Version>, VaultError> {
        self.search(label, |table| Some((key_places(table), key.to_vec())))
    }

    /// Every change of rows that have or had this value in a column, the oldest first.
    ///
    /// # Errors
    /// As [`Reader::state`].
    pub fn find(
        &self,
        label: &str,
        column: &str,
        value: &[u8],
    ) -> Result<Vec<Version>, VaultError> {
        self.search(label, |table| Some((vec![table.column(column)?], vec![Some(value.to_vec())])))
    }

    /// `wanted` says of a shape of the table which columns must have which values.
    fn search(
        &self,
        label: &str,
        wanted: impl Fn(&TableShape) -> Option<(Vec<usize>, Vec<Field>)>,
    ) -> Result<Vec<Version>, VaultError> {
        let mut found = Vec::new();
        for part in self.parts() {
            let mut blocks = BTreeSet::new();
            // Of each shape that the table has in it: which fields are looked at, and how they lie there.
            let mut shapes: Vec<(u64, Vec<usize>, Vec<Vec<u8>>)> = Vec::new();
            for (id, table) in (0_u64..).zip(&part.tables) {
                let Some((places, values)) = wanted(table).filter(|_| table.label() == label)
                else {
                    continue;
                };
                let names: Vec<_> =
                    places.iter().map(|place| table.columns[*place].name.as_str()).collect();
                let lookups = part.summary.lookups.0.get(label);
                let is_indexed = places == key_places(table)
                    || lookups.is_some_and(|columns| {
                        names.len() == 1 && columns.iter().any(|c| c == names[0])
                    });
                if is_indexed {
                    let values = values.iter().map(Option::as_deref);
                    let hash = index::hash(label, names.into_iter(), values);
                    blocks.extend(part.candidates(&self.key, hash)?);
                } else {
                    let all = part.summary.blocks.iter().enumerate();
                    let with = all.filter(|(_, block)| block.tables.contains(&id));
                    blocks.extend(with.filter_map(|(number, _)| u32::try_from(number).ok()));
                }
                shapes.push((id, places, lines_of(&values)));
            }
            let is_wanted = |row: &RowView<'_>| {
                let shape = shapes.iter().find(|(id, ..)| *id == row.table);
                shape.is_some_and(|(_, places, lines)| row.has(places, lines))
            };
            for block in blocks {
                part.each(&self.key, block, is_wanted, |version| {
                    found.push(version);
                    Ok(())
                })?;
            }
        }
        Ok(found)
    }

    /// Rows of a table that were deleted in a time (Unix ms), the oldest first. What an emptied table had is not
    /// among them: [`Reader::marks`] has those.
    ///
    /// # Errors
    /// As [`Reader::state`].
    pub fn deleted(
        &self,
        label: &str,
        when: RangeInclusive<i64>,
    ) -> Result<Vec<Version>, VaultError> {
        let mut found = Vec::new();
        for part in self.parts() {
            let ids = part.ids(|table| table.label() == label);
            let is_it = |id: &u64| ids.contains(id);
            for (number, block) in (0..).zip(&part.summary.blocks) {
                let is_then = block.first_ms <= *when.end() && block.last_ms >= *when.start();
                if !is_then || !block.deletes.iter().any(is_it) {
                    continue;
                }
                let is_deleted = |row: &RowView<'_>| row.is_deleted && is_it(&row.table);
                part.each(&self.key, number, is_deleted, |version| {
                    if when.contains(&version.committed_ms) {
                        found.push(version);
                    }
                    Ok(())
                })?;
            }
        }
        Ok(found)
    }

    /// Gives everything after a position to `take`, in its order; from the beginning when there is none.
    ///
    /// # Errors
    /// As [`Reader::state`]; what `take` answers.
    pub fn scan(
        &self,
        after: Option<&Position>,
        mut take: impl FnMut(Entry) -> Result<(), VaultError>,
    ) -> Result<(), VaultError> {
        let is_over = |position: &Position| {
            after.is_some_and(|after| position.order(after).is_some_and(Ordering::is_le))
        };
        for part in self.parts() {
            if part.summary.position.as_ref().is_some_and(is_over) {
                continue;
            }
            let mut marks = part.summary.marks.iter().peekable();
            // A mark has no position: it is over when the next version is.
            let mut over = 0;
            for number in (0..).take(part.summary.blocks.len()) {
                part.each(
                    &self.key,
                    number,
                    |_| true,
                    |version| {
                        if is_over(&version.position) {
                            over = version.sequence;
                            return Ok(());
                        }
                        let order = (version.sequence, version.place);
                        while let Some(mark) =
                            marks.next_if(|mark| (mark.sequence, mark.place) < order)
                        {
                            if mark.sequence > over {
                                take(Entry::Mark(mark.clone()))?;
                            }
                        }
                        take(Entry::Version(version))
                    },
                )?;
            }
            for mark in marks.filter(|mark| mark.sequence > over) {
                take(Entry::Mark(mark.clone()))?;
            }
        }
        Ok(())
    }

    /// Reads all of it: whether it is as it was written.
    ///
    /// # Errors
    /// [`VaultError::DamagedJournal`] with the file and the place; [`VaultError::File`].
    pub fn check(&self) -> Result<(), VaultError> {
        self.parts.iter().try_for_each(|(part, id)| part.check(&self.key, *id))
    }
}

fn has(image: &Image, places: &[usize], values: &[Field]) -> bool {
    values_at(image, places).is_some_and(|found| found.into_iter().eq(values))
}

fn has_key(table: &TableShape, image: &Image, key: &[Field]) -> bool {
    has(image, &key_places(table), key)
}
