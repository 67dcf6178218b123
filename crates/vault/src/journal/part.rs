//! A part of a journal as it is read: a segment or a log. Both have blocks of versions, a summary of each, and
//! an index; a log's is made when it is opened.

use super::{
    Lookups, Mark, MarkKind, Version,
    index::{self, Entry},
    log::{Outcome, Reading},
    record::{Record, row_change},
    seal::{self, damaged, failed},
    view::{Finder, RowView, View, Views},
};
use crate::{Id, VaultError, crypto::Key};
use databases::{
    changes::{Column, Image, Position, TableShape},
    dump::Field,
};
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

pub(super) const SEGMENT_MAGIC: [u8; 8] = *b"SWjrnl\0\x01";
pub(super) const NO_TABLE: &str = "a row of it has no table";
pub(super) const SEGMENT_END: [u8; 4] = *b"SWje";
const TRAILER: usize = 8;

/// What is known of a part without reading its blocks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Summary {
    pub(super) transactions: u64,
    /// Of the last transaction that is in the journal up to here.
    pub(super) last_sequence: u64,
    pub(super) first_ms: Option<i64>,
    pub(super) last_ms: i64,
    /// After the last of it; `None` when nothing has come yet.
    pub(super) position: Option<Position>,
    pub(super) changes: u64,
    /// Of all images, as they came.
    pub(super) raw_bytes: u64,
    pub(super) tables: Vec<TableText>,
    pub(super) lookups: Lookups,
    pub(super) blocks: Vec<Block>,
    pub(super) marks: Vec<Mark>,
    pub(super) index_bits: u32,
    pub(super) pieces: Vec<(u64, u64)>,
    /// Of the server's log as it came, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) raw: Vec<RawBlock>,
}

/// Events of the server's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RawBlock {
    pub(super) offset: u64,
    pub(super) bytes: u64,
    /// The server's file, and where in it the first event begins.
    pub(super) file: String,
    pub(super) begins: u64,
}

/// A table's shape, for the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TableText {
    schema: Option<String>,
    name: String,
    columns: Vec<Column>,
    key: Vec<usize>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Block {
    pub(super) offset: u64,
    /// As stored; of a frame of a log nothing.
    pub(super) bytes: u64,
    pub(super) first_ms: i64,
    pub(super) last_ms: i64,
    /// Ids of the tables with changes in it, ascending.
    pub(super) tables: Vec<u64>,
    /// Those of which rows are deleted in it.
    pub(super) deletes: Vec<u64>,
    /// Of a log: how many transactions were over before it, and how many changes of the next one came.
    #[serde(skip)]
    pub(super) before: (usize, u64),
}

impl From<&TableShape> for TableText {
    fn from(shape: &TableShape) -> Self {
        let TableShape { schema, name, columns, key } = shape.clone();
        Self { schema, name, columns, key }
    }
}

impl From<TableText> for TableShape {
    fn from(text: TableText) -> Self {
        let TableText { schema, name, columns, key } = text;
        Self { schema, name, columns, key }
    }
}

impl Summary {
    /// Takes note of a transaction that is in it.
    pub(super) fn note_transaction(&mut self, sequence: u64, ms: i64, position: &Position) {
        self.transactions += 1;
        self.last_sequence = sequence;
        self.first_ms.get_or_insert(ms);
        self.last_ms = ms;
        self.position = Some(position.clone());
    }

    /// Takes note of a change, by the bytes of its images.
    pub(super) fn note_change(&mut self, raw_bytes: u64) {
        self.changes += 1;
        self.raw_bytes += raw_bytes;
    }
}

impl Block {
    pub(super) fn note(&mut self, table: u64, is_deleted: bool, ms: i64) {
        if self.tables.is_empty() {
            self.first_ms = ms;
        }
        self.last_ms = ms;
        insert(&mut self.tables, table);
        if is_deleted {
            insert(&mut self.deletes, table);
        }
    }
}

fn insert(ids: &mut Vec<u64>, id: u64) {
    if let Err(place) = ids.binary_search(&id) {
        ids.insert(place, id);
    }
}

/// The places of a key's columns: without one, a row is its own key.
pub(super) fn key_places(table: &TableShape) -> Vec<usize> {
    if table.key.is_empty() { (0..table.columns.len()).collect() } else { table.key.clone() }
}

/// The values at these places; `None` when one of them is not known.
pub(super) fn values_at<'a>(image: &'a Image, places: &[usize]) -> Option<Vec<&'a Field>> {
    places.iter().map(|place| image.field(*place)).collect()
}

/// A log while it is opened: what of a transaction came counts when the transaction is over.
struct Opening<'a> {
    path: &'a Path,
    lookups: &'a Lookups,
    summary: Summary,
    tables: Vec<Arc<TableShape>>,
    finders: Vec<Finder>,
    entries: Vec<Entry>,
    outcomes: Vec<Outcome>,
    /// Of the transaction that is not over: changes that came, rows, and what is beside rows with its place.
    place: u64,
    rows: Vec<Coming>,
    besides: Vec<(Record, u64)>,
}

/// A row of a transaction that is not over.
struct Coming {
    table: u64,
    block: u32,
    is_deleted: bool,
    raw_bytes: u64,
    hashes: Vec<u32>,
}

impl<'a> Opening<'a> {
    fn new(path: &'a Path, lookups: &'a Lookups) -> Self {
        Self {
            path,
            lookups,
            summary: Summary { lookups: lookups.clone(), ..Summary::default() },
            tables: Vec::new(),
            finders: Vec::new(),
            entries: Vec::new(),
            outcomes: Vec::new(),
            place: 0,
            rows: Vec::new(),
            besides: Vec::new(),
        }
    }

    fn take(&mut self, offset: u64, view: View<'_>) -> Result<(), VaultError> {
        if self.summary.blocks.last().is_none_or(|block| block.offset != offset) {
            let before = (self.outcomes.len(), self.place);
            self.summary.blocks.push(Block { offset, before, ..Block::default() });
        }
        let record = match view {
            View::Row(row) => return self.row(offset, &row),
            View::Other(record) => record,
        };
        match record {
            Record::Table { id, shape } => {
                self.finders.push(Finder::new(&shape, self.lookups));
                add_table(&mut self.tables, id, shape, self.path, offset)?;
            }
            Record::Emptied { .. } | Record::Redefined { .. } => {
                self.besides.push((record, self.place));
                self.place += 1;
            }
            Record::Commit { sequence, committed_ms, position } => {
                self.commit(sequence, committed_ms, position);
            }
            Record::Abandoned => self.end(Outcome::Abandoned),
            Record::Reached { position } => self.summary.position = Some(position),
            Record::RawFile(_) | Record::Raw { .. } => {}
            Record::Transaction { .. } | Record::Row { .. } => {
                return Err(damaged(self.path, offset, "there is a record of segments in it"));
            }
        }
        Ok(())
    }

    fn row(&mut self, offset: u64, row: &RowView<'_>) -> Result<(), VaultError> {
        let finder = usize::try_from(row.table).ok().and_then(|id| self.finders.get(id));
        let finder = finder.ok_or_else(|| damaged(self.path, offset, NO_TABLE))?;
        let block = u32::try_from(self.summary.blocks.len() - 1)
            .expect("invariant: fewer than 2³² frames in a log");
        self.rows.push(Coming {
            table: row.table,
            block,
            is_deleted: row.is_deleted,
            raw_bytes: row.raw_bytes(),
            hashes: finder.hashes(row),
        });
        self.place += 1;
        Ok(())
    }

    fn commit(&mut self, sequence: u64, committed_ms: i64, position: Position) {
        self.summary.note_transaction(sequence, committed_ms, &position);
        for row in self.rows.drain(..) {
            self.summary.note_change(row.raw_bytes);
            self.summary.blocks[row.block as usize].note(row.table, row.is_deleted, committed_ms);
            self.entries.extend(row.hashes.into_iter().map(|hash| (hash, row.block)));
        }
        let outcome = Outcome::Committed { sequence, committed_ms, position };
        let besides = std::mem::take(&mut self.besides);
        let marks = besides.into_iter().filter_map(|(record, place)| mark(record, &outcome, place));
        self.summary.marks.extend(marks);
        self.end(outcome);
    }

    fn end(&mut self, outcome: Outcome) {
        self.outcomes.push(outcome);
        self.rows.clear();
        self.besides.clear();
        self.place = 0;
    }
}

/// Whether a row is wanted, and what takes it.
type Wants<'f> = dyn FnMut(&RowView<'_>) -> bool + 'f;
type Take<'f> = dyn FnMut(Version) -> Result<(), VaultError> + 'f;

/// A part that is open.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) path: PathBuf,
    pub(super) number: u64,
    pub(super) file: File,
    pub(super) bytes: u64,
    pub(super) summary: Summary,
    pub(super) tables: Vec<Arc<TableShape>>,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Segment,
    Log { entries: Vec<Entry>, outcomes: Vec<Outcome> },
}

impl Part {
    pub(super) fn open_segment(key: &Key, path: &Path, number: u64) -> Result<Self, VaultError> {
        let file = File::open(path).map_err(failed("open", path))?;
        let bytes = file.metadata().map_err(failed("look at", path))?.len();
        let odd = |offset, why: &str| damaged(path, offset, why);
        let end = bytes.checked_sub(TRAILER as u64).ok_or_else(|| odd(0, "it is too short"))?;
        let mut magic = [0; 8];
        let mut trailer = [0; TRAILER];
        file.read_exact_at(&mut magic, 0).map_err(failed("read", path))?;
        file.read_exact_at(&mut trailer, end).map_err(failed("read", path))?;
        let [a, b, c, d, last @ ..] = trailer;
        if magic != SEGMENT_MAGIC || last != SEGMENT_END {
            return Err(odd(if last == SEGMENT_END { 0 } else { end }, "it is no segment"));
        }
        let length = u64::from(u32::from_le_bytes([a, b, c, d]));
        let offset = end.checked_sub(length).ok_or_else(|| odd(end, "it is no segment"))?;
        let text = piece(&file, key, path, number, offset, length)?;
        let summary: Summary = serde_json::from_slice(&text)
            .map_err(|error| damaged(path, offset, format!("its directory is odd: {error}")))?;
        let tables = summary.tables.iter().cloned().map(|text| Arc::new(text.into())).collect();
        let path = path.to_owned();
        Ok(Self { path, number, file, bytes, summary, tables, kind: Kind::Segment })
    }

    pub(super) fn open_log(
        key: &Key,
        path: &Path,
        number: u64,
        lookups: &Lookups,
    ) -> Result<Self, VaultError> {
        let reading = Reading::open(key, path, number)?;
        let mut made = Opening::new(path, lookups);
        reading.each(|offset, view| made.take(offset, view))?;
        let Opening { summary, tables, mut entries, outcomes, .. } = made;
        entries.sort_unstable();
        entries.dedup();
        let file = File::open(path).map_err(failed("open", path))?;
        let (path, bytes) = (path.to_owned(), reading.bytes);
        Ok(Self {
            path,
            number,
            file,
            bytes,
            summary,
            tables,
            kind: Kind::Log { entries, outcomes },
        })
    }

    /// Ids of its tables that are such.
    pub(super) fn ids(&self, is_such: impl Fn(&TableShape) -> bool) -> Vec<u64> {
        let such = (0..).zip(&self.tables).filter(|(_, table)| is_such(table));
        such.map(|(id, _)| id).collect()
    }

    /// The blocks that may have changes with this hash.
    pub(super) fn candidates(&self, key: &Key, hash: u32) -> Result<Vec<u32>, VaultError> {
        match &self.kind {
            Kind::Log { entries, .. } => {
                let begin = entries.partition_point(|entry| entry.0 < hash);
                let found = entries[begin..].iter().take_while(|entry| entry.0 == hash);
                Ok(found.map(|entry| entry.1).collect())
            }
            Kind::Segment => {
                let piece_number = index::piece_of(hash, self.summary.index_bits);
                let place = self.summary.pieces.get(piece_number);
                let odd = |offset| damaged(&self.path, offset, "its index is odd");
                let (offset, bytes) = *place.ok_or_else(|| odd(0))?;
                let text = piece(&self.file, key, &self.path, self.number, offset, bytes)?;
                index::blocks(&text, hash).ok_or_else(|| odd(offset))
            }
        }
    }

    /// Gives the versions of a block that `wants` wants to `take`, in their order. What is not wanted is not copied out.
    pub(super) fn each(
        &self,
        key: &Key,
        number: u32,
        mut wants: impl FnMut(&RowView<'_>) -> bool,
        mut take: impl FnMut(Version) -> Result<(), VaultError>,
    ) -> Result<(), VaultError> {
        let block = self.summary.blocks.get(number as usize);
        let block = block.ok_or_else(|| damaged(&self.path, 0, "its index is odd"))?;
        match &self.kind {
            Kind::Segment => self.each_of_block(key, block, &mut wants, &mut take),
            Kind::Log { outcomes, .. } => {
                self.each_of_frame(key, block, outcomes, (&mut wants, &mut take))
            }
        }
    }

    fn each_of_block(
        &self,
        key: &Key,
        block: &Block,
        wants: &mut Wants<'_>,
        take: &mut Take<'_>,
    ) -> Result<(), VaultError> {
        let odd = || damaged(&self.path, block.offset, "it has other records than a block");
        let text = piece(&self.file, key, &self.path, self.number, block.offset, block.bytes)?;
        let mut now = None;
        for view in Views(&text) {
            match view.map_err(|_| odd())? {
                View::Other(Record::Transaction { sequence, committed_ms, position, before }) => {
                    now = Some((sequence, committed_ms, position, before));
                }
                View::Row(row) => {
                    let (sequence, committed_ms, position, place) = now.as_mut().ok_or_else(odd)?;
                    if wants(&row) {
                        let moment = (*sequence, *committed_ms, &*position);
                        take(self.version(moment, *place, &row, block).ok_or_else(odd)?)?;
                    }
                    *place += 1;
                }
                View::Other(_) => return Err(odd()),
            }
        }
        Ok(())
    }

    fn each_of_frame(
        &self,
        key: &Key,
        block: &Block,
        outcomes: &[Outcome],
        (wants, take): (&mut Wants<'_>, &mut Take<'_>),
    ) -> Result<(), VaultError> {
        let odd = || damaged(&self.path, block.offset, "it has other records than a frame");
        let reading = Reading::of(&self.file, key, &self.path, self.number, self.bytes)?;
        let (mut over, mut place) = block.before;
        let next = reading.each_of_frame(block.offset, |_, view| {
            match view {
                View::Row(row) => {
                    if let Some(Outcome::Committed { sequence, committed_ms, position }) =
                        outcomes.get(over)
                        && wants(&row)
                    {
                        let moment = (*sequence, *committed_ms, position);
                        take(self.version(moment, place, &row, block).ok_or_else(odd)?)?;
                    }
                    place += 1;
                }
                View::Other(Record::Emptied { .. } | Record::Redefined { .. }) => place += 1,
                View::Other(Record::Commit { .. } | Record::Abandoned) => {
                    (over, place) = (over + 1, 0);
                }
                View::Other(_) => {}
            }
            Ok(())
        })?;
        next.map(|_| ()).ok_or_else(odd)
    }

    /// `None` when the row is none of its table.
    fn version(
        &self,
        (sequence, committed_ms, position): (u64, i64, &Position),
        place: u64,
        row: &RowView<'_>,
        block: &Block,
    ) -> Option<Version> {
        let shape = table_of(&self.tables, row.table, &self.path, block.offset).ok()?;
        let row = row_change(shape, row.change()?)?;
        Some(Version { sequence, place, committed_ms, position: position.clone(), row })
    }

    /// Whether nothing of it is other than when it was written. A segment is held against the hash in its name.
    pub(super) fn check(&self, key: &Key, id: Option<Id>) -> Result<(), VaultError> {
        if let Some(id) = id {
            let bytes = std::fs::read(&self.path).map_err(failed("read", &self.path))?;
            if Id::of(&bytes) != id {
                return Err(damaged(&self.path, 0, "its content is not that of its name"));
            }
            for (offset, length) in &self.summary.pieces {
                piece(&self.file, key, &self.path, self.number, *offset, *length)?;
            }
            for RawBlock { offset, bytes, .. } in &self.summary.raw {
                piece(&self.file, key, &self.path, self.number, *offset, *bytes)?;
            }
        }
        let mut changes = 0;
        for number in 0..self.summary.blocks.len() {
            let number = u32::try_from(number).expect("invariant: fewer than 2³² blocks");
            self.each(
                key,
                number,
                |_| true,
                |_| {
                    changes += 1;
                    Ok(())
                },
            )?;
        }
        match changes == self.summary.changes {
            true => Ok(()),
            false => Err(damaged(&self.path, 0, "it has another number of changes")),
        }
    }
}

/// What `record` says beside rows.
pub(super) fn mark(record: Record, of: &Outcome, place: u64) -> Option<Mark> {
    let Outcome::Committed { sequence, committed_ms, position } = of else { return None };
    let (sequence, committed_ms, position) = (*sequence, *committed_ms, Some(position.clone()));
    let kind = match record {
        Record::Emptied { table } => MarkKind::Emptied { table },
        Record::Redefined { table, statement } => MarkKind::Redefined { table, statement },
        _ => return None,
    };
    Some(Mark { sequence, place, committed_ms, position, kind })
}

pub(super) fn add_table(
    tables: &mut Vec<Arc<TableShape>>,
    id: u64,
    shape: TableShape,
    path: &Path,
    offset: u64,
) -> Result<(), VaultError> {
    if id != tables.len() as u64 {
        return Err(damaged(path, offset, "its tables are out of order"));
    }
    tables.push(Arc::new(shape));
    Ok(())
}

pub(super) fn table_of<'a>(
    tables: &'a [Arc<TableShape>],
    id: u64,
    path: &Path,
    offset: u64,
) -> Result<&'a Arc<TableShape>, VaultError> {
    let table = usize::try_from(id).ok().and_then(|id| tables.get(id));
    table.ok_or_else(|| damaged(path, offset, NO_TABLE))
}

pub(super) fn piece(
    file: &File,
    key: &Key,
    path: &Path,
    number: u64,
    offset: u64,
    bytes: u64,
) -> Result<Vec<u8>, VaultError> {
    let mut sealed = vec![0; usize::try_from(bytes).unwrap_or(0)];
    file.read_exact_at(&mut sealed, offset).map_err(failed("read", path))?;
    seal::open(key, number, offset, &mut sealed).map_err(|why| damaged(path, offset, why))
}
