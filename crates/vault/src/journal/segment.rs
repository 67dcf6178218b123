//! Segments: logs, packed and indexed, as files that never change.

use super::{
    Lookups, folder,
    index::{self, Entry},
    log::{Outcome, Reading},
    part::{
        Block, NO_TABLE, RawBlock, SEGMENT_END, SEGMENT_MAGIC, Summary, TableText, add_table, mark,
    },
    record::{Record, put_raw, put_raw_file, put_transaction},
    seal::{self, damaged, failed},
    view::{Finder, RowView, View},
};
use crate::{Id, VaultError, crypto::Key};
use databases::changes::{Position, RawEvent, RawFile, TableShape};
use ring::digest;
use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Of zstd: of what is kept for a month, each byte counts.
const LEVEL: i32 = 9;
/// So much of the server's log goes into a block: it is read from one place to another, and not looked into.
const RAW_BLOCK_BYTES: usize = 1 << 20;

/// Makes a segment of a log that is not written to any more, and removes the log.
pub(super) fn make(
    key: &Key,
    folder: &Path,
    number: u64,
    lookups: &Lookups,
    block_bytes: usize,
) -> Result<(), VaultError> {
    let log = folder::log_path(folder, number);
    let reading = Reading::open(key, &log, number)?;
    let (outcomes, raw_outcomes) = (reading.outcomes()?, reading.raw_outcomes()?);
    let path = folder.join(format!("{number:020}.new"));
    let mut builder = Builder::begin(key, path, number, lookups, block_bytes)?;
    let (mut over, mut place, mut raw_over) = (0, 0, 0);
    reading.each(|offset, view| {
        let record = match view {
            View::Row(row) => {
                if let Some(Outcome::Committed { sequence, committed_ms, position }) =
                    outcomes.get(over)
                {
                    let moment = (*sequence, *committed_ms, position);
                    builder.add(moment, place, &row, &log)?;
                }
                place += 1;
                return Ok(());
            }
            View::Other(record) => record,
        };
        let ends =
            matches!(record, Record::Commit { .. } | Record::Reached { .. } | Record::Abandoned);
        raw_over += usize::from(ends);
        match record {
            Record::Table { id, shape } => {
                builder.finders.push(Finder::new(&shape, lookups));
                builder.summary.tables.push(TableText::from(&shape));
                add_table(&mut builder.tables, id, shape, &log, offset)?;
            }
            Record::Emptied { .. } | Record::Redefined { .. } => {
                if let Some(outcome @ Outcome::Committed { .. }) = outcomes.get(over) {
                    builder.summary.marks.extend(mark(record, outcome, place));
                    // The next change is not the next of its places.
                    builder.now = None;
                }
                place += 1;
            }
            Record::Commit { sequence, committed_ms, position } => {
                builder.summary.note_transaction(sequence, committed_ms, &position);
                (over, place) = (over + 1, 0);
            }
            Record::Abandoned => (over, place) = (over + 1, 0),
            Record::Reached { position } => builder.summary.position = Some(position),
            Record::RawFile(file) => builder.raw_file = Some(file),
            Record::Raw { event } => {
                if raw_outcomes.get(raw_over) == Some(&true) {
                    builder.add_raw(&event)?;
                }
            }
            Record::Transaction { .. } | Record::Row { .. } => {
                return Err(damaged(&log, offset, "there is a record of segments in it"));
            }
        }
        Ok(())
    })?;
    builder.finish(folder)?;
    fs::remove_file(&log).map_err(failed("remove", &log))
}

struct Builder<'a> {
    key: &'a Key,
    number: u64,
    path: PathBuf,
    file: File,
    hash: digest::Context,
    bytes: u64,
    summary: Summary,
    tables: Vec<Arc<TableShape>>,
    finders: Vec<Finder>,
    entries: Vec<Entry>,
    block_bytes: usize,
    /// The block under way.
    records: Vec<u8>,
    block: Block,
    /// Sequence and place of the change that comes next without a word about its transaction.
    now: Option<(u64, u64)>,
    /// The block of the server's log that is under way, the file that its end is of, and where it begins.
    raw: Vec<u8>,
    raw_file: Option<RawFile>,
    raw_begins: Option<(String, u64)>,
    raw_named: Option<String>,
}

impl<'a> Builder<'a> {
    fn begin(
        key: &'a Key,
        path: PathBuf,
        number: u64,
        lookups: &Lookups,
        block_bytes: usize,
    ) -> Result<Self, VaultError> {
        let file = File::create(&path).map_err(failed("make", &path))?;
        let mut builder = Self {
            key,
            number,
            file,
            path,
            hash: digest::Context::new(&digest::SHA256),
            bytes: 0,
            summary: Summary { lookups: lookups.clone(), ..Summary::default() },
            tables: Vec::new(),
            finders: Vec::new(),
            entries: Vec::new(),
            block_bytes,
            records: Vec::new(),
            block: Block::default(),
            now: None,
            raw: Vec::new(),
            raw_file: None,
            raw_begins: None,
            raw_named: None,
        };
        builder.write(&SEGMENT_MAGIC)?;
        Ok(builder)
    }

    fn add(
        &mut self,
        (sequence, ms, position): (u64, i64, &Position),
        place: u64,
        row: &RowView<'_>,
        log: &Path,
    ) -> Result<(), VaultError> {
        if self.now != Some((sequence, place)) {
            put_transaction(&mut self.records, sequence, ms, position, place);
        }
        self.now = Some((sequence, place + 1));
        // The tables of a segment are those of its log, in their order: a row lies in both alike.
        self.records.extend_from_slice(row.bytes);
        self.summary.note_change(row.raw_bytes());
        self.block.note(row.table, row.is_deleted, ms);
        let block = u32::try_from(self.summary.blocks.len()).expect("invariant: few blocks");
        let finder = usize::try_from(row.table).ok().and_then(|id| self.finders.get(id));
        let finder = finder.ok_or_else(|| damaged(log, 0, NO_TABLE))?;
        self.entries.extend(finder.hashes(row).into_iter().map(|hash| (hash, block)));
        if self.records.len() >= self.block_bytes {
            self.end_block()?;
        }
        Ok(())
    }

    fn add_raw(&mut self, event: &[u8]) -> Result<(), VaultError> {
        let odd = || damaged(&self.path, 0, "an event of the server's log is of no file");
        let file = self.raw_file.as_ref().ok_or_else(odd)?;
        let begins = RawEvent { file, bytes: event }.begins();
        self.raw_begins.get_or_insert_with(|| (file.name.clone(), begins));
        if self.raw_named.as_ref() != Some(&file.name) {
            put_raw_file(&mut self.raw, file);
            self.raw_named = Some(file.name.clone());
        }
        put_raw(&mut self.raw, event);
        if self.raw.len() >= RAW_BLOCK_BYTES {
            self.end_raw_block()?;
        }
        Ok(())
    }

    fn end_raw_block(&mut self) -> Result<(), VaultError> {
        let Some((file, begins)) = self.raw_begins.take() else { return Ok(()) };
        self.raw_named = None;
        let records = std::mem::take(&mut self.raw);
        let (offset, bytes) = self.write_sealed(&records)?;
        self.summary.raw.push(RawBlock { offset, bytes, file, begins });
        Ok(())
    }

    fn end_block(&mut self) -> Result<(), VaultError> {
        let records = std::mem::take(&mut self.records);
        let (offset, bytes) = self.write_sealed(&records)?;
        let block = std::mem::take(&mut self.block);
        self.summary.blocks.push(Block { offset, bytes, ..block });
        self.now = None;
        Ok(())
    }

    fn finish(mut self, folder: &Path) -> Result<(), VaultError> {
        if !self.records.is_empty() {
            self.end_block()?;
        }
        self.end_raw_block()?;
        let (bits, pieces) = index::pieces(std::mem::take(&mut self.entries));
        self.summary.index_bits = bits;
        for piece in pieces {
            let place = self.write_sealed(&piece)?;
            self.summary.pieces.push(place);
        }
        let directory =
            serde_json::to_vec(&self.summary).expect("invariant: texts, numbers and lists");
        let (_, length) = self.write_sealed(&directory)?;
        let length = u32::try_from(length).expect("invariant: directories are small");
        let mut trailer = length.to_le_bytes().to_vec();
        trailer.extend_from_slice(&SEGMENT_END);
        self.write(&trailer)?;
        self.file.sync_all().map_err(failed("sync", &self.path))?;
        let hash = self.hash.finish();
        let id = Id::from_bytes(hash.as_ref().try_into().expect("invariant: SHA-256 has 32 bytes"));
        let path = folder::segment_path(folder, self.number, &id);
        fs::rename(&self.path, &path).map_err(failed("rename", &self.path))?;
        folder::sync(folder)
    }

    /// Gives where it lies and how long it is.
    fn write_sealed(&mut self, text: &[u8]) -> Result<(u64, u64), VaultError> {
        let offset = self.bytes;
        let mut sealed = Vec::new();
        seal::seal(self.key, self.number, offset, text, LEVEL, &mut sealed);
        self.write(&sealed)?;
        Ok((offset, sealed.len() as u64))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), VaultError> {
        self.file.write_all(bytes).map_err(failed("write", &self.path))?;
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }
}
