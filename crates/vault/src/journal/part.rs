//! A part of a journal as it is read: a segment or a log. Both have blocks of versions, a summary of each, and
//! an index; a log's is made when it is opened.

use super::{
    Lookups, Mark, MarkKind, Version,
    index::{self, Entry},
    log::{Outcome, Reading},
    record::{Record, Records, row_change},
    seal::{self, damaged, failed},
};
use crate::{Id, VaultError, crypto::Key};
use databases::{
    changes::{Change, Column, Image, Position, TableShape},
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

    /// Takes note of a change.
    pub(super) fn note_change(&mut self, change: &Change) {
        let bytes = |image: &Image| -> u64 {
            image.fields.iter().map(|field| 1 + field.as_ref().map_or(0, Vec::len) as u64).sum()
        };
        self.changes += 1;
        self.raw_bytes += images(change).map(bytes).sum::<u64>();
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

pub(super) fn images(change: &Change) -> impl Iterator<Item = &Image> {
    let (one, other) = match change {
        Change::Inserted(image) | Change::Deleted(image) => (Some(image), None),
        Change::Updated { before, after } => (Some(after), before.as_ref()),
    };
    one.into_iter().chain(other)
}

/// The places of a key's columns: without one, a row is its own key.
pub(super) fn key_places(table: &TableShape) -> Vec<usize> {
    if table.key.is_empty() { (0..table.columns.len()).collect() } else { table.key.clone() }
}

/// The values at these places; `None` when one of them is not known.
pub(super) fn values_at<'a>(image: &'a Image, places: &[usize]) -> Option<Vec<&'a Field>> {
    places.iter().map(|place| image.field(*place)).collect()
}

fn hash_at(table: &TableShape, label: &str, places: &[usize], image: &Image) -> Option<u32> {
    let values = values_at(image, places)?;
    let names = places.iter().map(|place| table.columns[*place].name.as_str());
    Some(index::hash(label, names, values.into_iter().map(Option::as_deref)))
}

/// What a change is found by.
pub(super) fn hashes(table: &TableShape, change: &Change, lookups: &Lookups) -> Vec<u32> {
    let label = table.label();
    let columns = lookups.0.get(&label).map(Vec::as_slice).unwrap_or_default();
    let places = columns.iter().filter_map(|name| table.column(name)).map(|place| vec![place]);
    let places: Vec<Vec<usize>> = std::iter::once(key_places(table)).chain(places).collect();
    let all = images(change)
        .flat_map(|image| places.iter().filter_map(|places| hash_at(table, &label, places, image)));
    let mut hashes: Vec<u32> = all.collect();
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}

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
        let outcomes = reading.outcomes()?;
        let mut summary = Summary { lookups: lookups.clone(), ..Summary::default() };
        let mut tables: Vec<Arc<TableShape>> = Vec::new();
        let mut entries = Vec::new();
        let (mut over, mut place) = (0, 0);
        reading.each(|offset, record| {
            if summary.blocks.last().is_none_or(|block| block.offset != offset) {
                summary.blocks.push(Block { offset, before: (over, place), ..Block::default() });
            }
            let number = u32::try_from(summary.blocks.len() - 1)
                .expect("invariant: fewer than 2³² frames in a log");
            match record {
                Record::Table { id, shape } => add_table(&mut tables, id, shape, path, offset)?,
                Record::Row { table, change } => {
                    if let Some(Outcome::Committed { committed_ms, .. }) = outcomes.get(over) {
                        let shape = table_of(&tables, table, path, offset)?;
                        summary.note_change(&change);
                        let is_deleted = matches!(change, Change::Deleted(_));
                        let block = summary.blocks.last_mut();
                        let block = block.expect("invariant: a block was begun above");
                        block.note(table, is_deleted, *committed_ms);
                        let hashes = hashes(shape, &change, lookups).into_iter();
                        entries.extend(hashes.map(|hash| (hash, number)));
                    }
                    place += 1;
                }
                Record::Emptied { .. } | Record::Redefined { .. } => {
                    if let Some(outcome) = outcomes.get(over) {
                        summary.marks.extend(mark(record, outcome, place));
                    }
                    place += 1;
                }
                Record::Commit { sequence, committed_ms, position } => {
                    summary.note_transaction(sequence, committed_ms, &position);
                    (over, place) = (over + 1, 0);
                }
                Record::Abandoned => (over, place) = (over + 1, 0),
                Record::Reached { position } => summary.position = Some(position),
                Record::RawFile(_) | Record::Raw { .. } => {}
                Record::Transaction { .. } => {
                    return Err(damaged(path, offset, "there is a record of segments in it"));
                }
            }
            Ok(())
        })?;
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

    /// Gives every version of a block to `take`, in its order.
    pub(super) fn each(
        &self,
        key: &Key,
        number: u32,
        mut take: impl FnMut(Version) -> Result<(), VaultError>,
    ) -> Result<(), VaultError> {
        let block = self.summary.blocks.get(number as usize);
        let block = block.ok_or_else(|| damaged(&self.path, 0, "its index is odd"))?;
        match &self.kind {
            Kind::Segment => self.each_of_block(key, block, &mut take),
            Kind::Log { outcomes, .. } => self.each_of_frame(key, block, outcomes, &mut take),
        }
    }

    fn each_of_block(
        &self,
        key: &Key,
        block: &Block,
        take: &mut dyn FnMut(Version) -> Result<(), VaultError>,
    ) -> Result<(), VaultError> {
        let odd = || damaged(&self.path, block.offset, "it has other records than a block");
        let text = piece(&self.file, key, &self.path, self.number, block.offset, block.bytes)?;
        let mut now = None;
        for record in Records(&text) {
            match record.map_err(|_| odd())? {
                Record::Transaction { sequence, committed_ms, position, before } => {
                    now = Some((sequence, committed_ms, position, before));
                }
                Record::Row { table, change } => {
                    let (sequence, committed_ms, position, place) = now.as_mut().ok_or_else(odd)?;
                    let shape = table_of(&self.tables, table, &self.path, block.offset)?;
                    take(Version {
                        sequence: *sequence,
                        place: *place,
                        committed_ms: *committed_ms,
                        position: position.clone(),
                        row: row_change(shape, change).ok_or_else(odd)?,
                    })?;
                    *place += 1;
                }
                _ => return Err(odd()),
            }
        }
        Ok(())
    }

    fn each_of_frame(
        &self,
        key: &Key,
        block: &Block,
        outcomes: &[Outcome],
        take: &mut dyn FnMut(Version) -> Result<(), VaultError>,
    ) -> Result<(), VaultError> {
        let odd = || damaged(&self.path, block.offset, "it has other records than a frame");
        let reading = Reading::of(&self.file, key, &self.path, self.number, self.bytes)?;
        let (mut over, mut place) = block.before;
        let next = reading.each_of_frame(block.offset, |_, record| {
            match record {
                Record::Row { table, change } => {
                    if let Some(Outcome::Committed { sequence, committed_ms, position }) =
                        outcomes.get(over)
                    {
                        let shape = table_of(&self.tables, table, &self.path, block.offset)?;
                        take(Version {
                            sequence: *sequence,
                            place,
                            committed_ms: *committed_ms,
                            position: position.clone(),
                            row: row_change(shape, change).ok_or_else(odd)?,
                        })?;
                    }
                    place += 1;
                }
                Record::Emptied { .. } | Record::Redefined { .. } => place += 1,
                Record::Commit { .. } | Record::Abandoned => (over, place) = (over + 1, 0),
                Record::Table { .. }
                | Record::Reached { .. }
                | Record::Transaction { .. }
                | Record::RawFile(_)
                | Record::Raw { .. } => {}
            }
            Ok(())
        })?;
        next.map(|_| ()).ok_or_else(odd)
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
            self.each(key, number, |_| {
                changes += 1;
                Ok(())
            })?;
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
    table.ok_or_else(|| damaged(path, offset, "a row of it has no table"))
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
