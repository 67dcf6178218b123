//! A shop's rows as of any moment that a journal covers: what the journal says of a row, and where it
//! has not seen one change, what a base has: the dump of a backup, or the living database.
//!
//! What neither tells is an error: nothing of a moment is guessed.

use super::{OrderError, Source, source::named};
use crate::journal::{MarkKind, Reader, State, Version};
use databases::{
    changes::{Change, Image, Position, TableShape},
    dump::{Field, Kind, Row, Table},
};
use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// What tells of rows that the journal has not seen change. It must have been taken when the journal had
/// begun.
pub struct Base<'a> {
    pub source: Box<dyn Source + 'a>,
    /// When it was taken, in Unix ms, and where in the server's log; `None`: it is the living database.
    pub taken: Option<(i64, Position)>,
}

impl fmt::Debug for Base<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Base").field("taken", &self.taken).finish_non_exhaustive()
    }
}

/// Up to where the journal counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cut {
    /// The last transaction that was committed by then, in Unix ms.
    Until(i64),
    /// Just before this transaction. MariaDB and MySQL tell times in seconds: within one, this is exact.
    Before {
        sequence: u64,
        /// Where the server's log goes on after it; `None` where an older program did not note that.
        position: Option<Position>,
    },
}

impl Cut {
    fn takes(&self, sequence: u64, committed_ms: i64) -> bool {
        match self {
            Self::Until(at_ms) => committed_ms <= *at_ms,
            Self::Before { sequence: first, .. } => sequence < *first,
        }
    }

    /// Whether what was taken then, in Unix ms, and there in the server's log has nothing that comes after
    /// the cut; `at_ms` is about when that is, and decides where places in the log do not.
    #[must_use]
    pub fn is_after(&self, at_ms: i64, (taken_ms, taken): (i64, &Position)) -> bool {
        let order = match self {
            Self::Before { position: Some(position), .. } => taken.order(position),
            Self::Before { position: None, .. } | Self::Until(_) => None,
        };
        order.map_or(taken_ms <= at_ms, |order| order == Ordering::Less)
    }
}

/// Rows as of a moment.
#[derive(Debug)]
pub struct Moment<'a> {
    journal: &'a Reader,
    at_ms: i64,
    cut: Cut,
    base: Base<'a>,
    /// The base's, with the columns that they had all along.
    tables: Vec<Table>,
}

/// The values of a row by the names of their columns, as far as they are known.
type Known = BTreeMap<String, Field>;

impl<'a> Moment<'a> {
    /// `at_ms` says about when it is, in Unix ms: what the base has of it is held against that.
    #[must_use]
    pub fn new(journal: &'a Reader, (at_ms, cut): (i64, Cut), base: Base<'a>) -> Self {
        let mut tables = base.source.tables().to_vec();
        for table in &mut tables {
            let shapes = journal.shapes(&table.label());
            table
                .columns
                .retain(|column| shapes.iter().all(|shape| shape.column(&column.name).is_some()));
        }
        Self { journal, at_ms, cut, base, tables }
    }

    /// Whether the base was taken before the moment: it has what was deleted since without a word in the
    /// journal.
    #[must_use]
    pub fn is_based_before(&self) -> bool {
        let taken = self.base.taken.as_ref();
        taken.is_some_and(|(ms, position)| self.cut.is_after(self.at_ms, (*ms, position)))
    }

    fn row(
        &mut self,
        table: &Table,
        names: &[String],
        key: &[Field],
    ) -> Result<Option<Row>, OrderError> {
        let label = table.label();
        let history = self.journal.history(&label, key)?;
        let (until, later) = history
            .split_at(history.partition_point(|one| self.takes(one.sequence, one.committed_ms)));
        let image = match self.state((until, later), &label, (names, key)) {
            State::Absent => return Ok(None),
            State::Row(image) => Some(image),
            State::Unknown => None,
        };
        let of = until.last().or(later.first());
        let mut known = Known::new();
        if let (Some(image), Some(of)) = (&image, of) {
            learn(&mut known, &of.row.table, image);
            for version in until.iter().rev() {
                let Some(after) = version.row.after() else { break };
                learn(&mut known, &version.row.table, after);
            }
        }
        let is_whole = table.columns.iter().all(|column| known.contains_key(&column.name));
        if image.is_none() || !is_whole {
            let unknown = || OrderError::NotKnown { table: label.clone(), key: named(names, key) };
            if !self.base_fits(&label, later) {
                return Err(unknown());
            }
            match self.of_base(&label, names, key)? {
                Some(found) => {
                    for (name, value) in found {
                        known.entry(name).or_insert(value);
                    }
                }
                None if image.is_none() => return Ok(None),
                None => return Err(unknown()),
            }
        }
        fitted(table, known).map(Some)
    }

    fn takes(&self, sequence: u64, committed_ms: i64) -> bool {
        self.cut.takes(sequence, committed_ms)
    }

    /// How a row was, by its versions until the moment and later ones.
    fn state(
        &self,
        (until, later): (&[Version], &[Version]),
        label: &str,
        (names, key): (&[String], &[Field]),
    ) -> State {
        let has_key = |version: &Version, image: &Image| {
            let mut row = Known::new();
            learn(&mut row, &version.row.table, image);
            key_of(names, &row).is_some_and(|its| its == key)
        };
        let is_it = |kind: &MarkKind| matches!(kind, MarkKind::Emptied { table } if table == label);
        let order = |version: &Version| (version.sequence, version.place);
        let (before, after): (Vec<_>, Vec<_>) = self
            .journal
            .marks()
            .filter(|mark| is_it(&mark.kind))
            .partition(|mark| self.takes(mark.sequence, mark.committed_ms));
        if let Some(last) = until.last() {
            let is_gone =
                before.last().is_some_and(|mark| (mark.sequence, mark.place) > order(last));
            let image = last.row.after().filter(|image| !is_gone && has_key(last, image));
            return image.map_or(State::Absent, |image| State::Row(image.clone()));
        }
        if !before.is_empty() {
            return State::Absent;
        }
        // What was before the first change that is known; unless the table was emptied in between.
        let Some(first) = later.first() else { return State::Unknown };
        let is_cut = after.iter().any(|mark| (mark.sequence, mark.place) < order(first));
        match (&first.row.change, first.row.before()) {
            _ if is_cut => State::Unknown,
            (Change::Inserted(_), _) => State::Absent,
            (_, Some(image)) if has_key(first, image) => State::Row(image.clone()),
            (_, Some(_)) => State::Absent,
            (_, None) => State::Unknown,
        }
    }

    /// Whether what the base has of a row is of the moment: nothing came in between.
    fn base_fits(&self, label: &str, later: &[Version]) -> bool {
        let is_emptied_between = self.journal.marks().any(|mark| {
            let is_before = self.base.taken.as_ref().is_none_or(|(ms, _)| mark.committed_ms <= *ms);
            let is_it = matches!(&mark.kind, MarkKind::Emptied { table } if table == label);
            is_it && is_before && !self.takes(mark.sequence, mark.committed_ms)
        });
        let is_before = |next: &Version| {
            let taken = self.base.taken.as_ref();
            taken.is_some_and(|(_, taken)| taken.order(&next.position) == Some(Ordering::Less))
        };
        !is_emptied_between && later.first().is_none_or(is_before)
    }

    fn of_base(
        &mut self,
        label: &str,
        names: &[String],
        key: &[Field],
    ) -> Result<Option<Known>, OrderError> {
        let tables = self.base.source.tables();
        let Some(table) = tables.iter().find(|table| table.label() == label).cloned() else {
            return Ok(None);
        };
        let wanted: Vec<(&str, &[u8])> = names
            .iter()
            .zip(key)
            .filter_map(|(name, value)| Some((name.as_str(), value.as_deref()?)))
            .collect();
        let found = self.base.source.lookup(&table, &wanted)?;
        // Of a table without a key, others may be alike but for a NULL.
        let mut found = found.into_iter().map(|row| by_name(&table, row));
        Ok(found
            .find(|row| names.iter().zip(key).all(|(name, value)| row.get(name) == Some(value))))
    }

    /// Changes of rows that may have these values.
    fn changes(
        &self,
        label: &str,
        names: &[String],
        wanted: &[(&str, &[u8])],
    ) -> Result<Vec<Version>, OrderError> {
        let value = |name: &String| wanted.iter().find(|(column, _)| column == name);
        let key: Option<Vec<Field>> =
            names.iter().map(|name| value(name).map(|(_, value)| Some(value.to_vec()))).collect();
        if let Some(key) = key {
            return Ok(self.journal.history(label, &key)?);
        }
        let best = wanted.iter().find(|(column, _)| self.journal.is_indexed(label, column));
        let Some((column, value)) = best.or(wanted.first()) else { return Ok(Vec::new()) };
        Ok(self.journal.find(label, column, value)?)
    }
}

impl Source for Moment<'_> {
    fn tables(&self) -> &[Table] {
        &self.tables
    }

    fn kind(&self) -> Kind {
        self.base.source.kind()
    }

    fn lookup(&mut self, table: &Table, wanted: &[(&str, &[u8])]) -> Result<Vec<Row>, OrderError> {
        let label = table.label();
        let in_base = self.base.source.tables().iter().find(|one| one.label() == label).cloned();
        let mut there: Vec<Known> = Vec::new();
        if let Some(in_base) = &in_base {
            let rows = self.base.source.lookup(in_base, wanted)?;
            there.extend(rows.into_iter().map(|row| by_name(in_base, row)));
        }
        let shapes = self.journal.shapes(&label);
        let Some(shape) = shapes.last() else {
            return there.into_iter().map(|row| fitted(table, row)).collect();
        };
        let names = key_names(shape);
        let mut keys: BTreeSet<Vec<Field>> = BTreeSet::new();
        keys.extend(there.iter().filter_map(|row| key_of(&names, row)));
        for version in self.changes(&label, &names, wanted)? {
            for image in version.row.before().into_iter().chain(version.row.after()) {
                let mut row = Known::new();
                learn(&mut row, &version.row.table, image);
                keys.extend(key_of(&names, &row));
            }
        }
        let mut rows = Vec::new();
        for key in keys {
            let Some(row) = self.row(table, &names, &key)? else { continue };
            let has = |(column, value): &(&str, &[u8])| {
                let at = table.column(column);
                at.is_some_and(|at| row.fields[at].as_deref() == Some(*value))
            };
            if wanted.iter().all(has) {
                rows.push(row);
            }
        }
        Ok(rows)
    }
}

/// The columns that a row is known by: without a key, all of them.
pub(super) fn key_names(shape: &TableShape) -> Vec<String> {
    let all: Vec<usize> = (0..shape.columns.len()).collect();
    let places = if shape.key.is_empty() { &all } else { &shape.key };
    places.iter().map(|place| shape.columns[*place].name.clone()).collect()
}

fn key_of(names: &[String], row: &Known) -> Option<Vec<Field>> {
    names.iter().map(|name| row.get(name).cloned()).collect()
}

/// Takes over what an image knows and nobody has told yet.
fn learn(known: &mut Known, shape: &TableShape, image: &Image) {
    for (place, column) in shape.columns.iter().enumerate() {
        if let Some(value) = image.field(place) {
            known.entry(column.name.clone()).or_insert_with(|| value.clone());
        }
    }
}

fn by_name(table: &Table, row: Row) -> Known {
    table.columns.iter().map(|column| column.name.clone()).zip(row.fields).collect()
}

/// The values in the order of a table's columns. A value without a column is not left out in silence.
fn fitted(table: &Table, mut known: Known) -> Result<Row, OrderError> {
    let redefined = || OrderError::Redefined { table: table.label() };
    let fields =
        table.columns.iter().map(|column| known.remove(&column.name).ok_or_else(redefined));
    let fields = fields.collect::<Result<_, _>>()?;
    match known.values().all(Option::is_none) {
        true => Ok(Row { fields }),
        false => Err(redefined()),
    }
}
