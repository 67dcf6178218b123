//! The one who writes: events of a stream become durable transactions.

use super::{
    JournalKey, Lookups, folder,
    log::{Log, Reading},
    part::Part,
    record::{
        Record, put_abandoned, put_change, put_commit, put_emptied, put_raw, put_raw_file,
        put_reached, put_redefined, put_table,
    },
    seal::failed,
    segment,
    view::View,
};
use crate::{VaultError, crypto::Key};
use databases::changes::{Event, Position, RawFile, TableShape};
use rustix::fs::FlockOperation;
use std::{
    cmp::Ordering,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
};

/// A transaction longer than this goes to the log before its end is known.
const FRAME_BYTES: usize = 256 << 10;

/// How a journal is written.
#[derive(Debug, Clone)]
pub struct Options {
    pub lookups: Lookups,
    /// A log this long becomes a segment. Shorter ones are found out sooner by whoever opens the journal; longer
    /// ones make fewer files.
    pub log_bytes: u64,
    /// How much goes into a block before it is packed.
    pub block_bytes: usize,
}

impl Default for Options {
    /// 4 MiB of log, blocks of 256 KiB, rows by their key alone.
    fn default() -> Self {
        Self { lookups: Lookups::default(), log_bytes: 4 << 20, block_bytes: 256 << 10 }
    }
}

/// The log's end, as far as it is durable: what is not in any segment yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tail {
    pub number: u64,
    pub path: PathBuf,
    /// Never changed any more, until the file is gone.
    pub durable_bytes: u64,
}

/// A journal that is written to, by this process alone.
#[derive(Debug)]
pub struct Writer {
    folder: PathBuf,
    key: Key,
    options: Options,
    log: Log,
    /// Records that are not in the log yet.
    buffer: Vec<u8>,
    /// Those that the log knows, by their ids.
    tables: Vec<Arc<TableShape>>,
    /// The file of the server's log that the log has named last.
    raw_file: Option<Arc<RawFile>>,
    is_in_transaction: bool,
    /// Rows of it came, and not only the server's log as it is.
    has_changes: bool,
    /// The log ends with the transaction that is under way.
    rolls_next: bool,
    sequence: u64,
    last: Option<Position>,
    last_ms: i64,
    repeats: u64,
    sealing: Option<JoinHandle<Result<(), VaultError>>>,
    /// Held as long as it is open.
    _lock: File,
}

impl Writer {
    /// Opens the journal in a folder, which is made if it is not there. What a crash has left is put in order: a
    /// torn end of the log is cut, logs that were not packed yet are.
    ///
    /// # Errors
    /// [`VaultError::JournalHeld`] when another writes to it; [`VaultError::DamagedJournal`] when what had been
    /// durable is not as it was written; [`VaultError::File`].
    pub fn open(path: &Path, key: &JournalKey, options: Options) -> Result<Self, VaultError> {
        let key = key.0.clone();
        fs::create_dir_all(path).map_err(failed("make", path))?;
        let lock = lock(path)?;
        let mut listing = folder::list(path)?;
        for file in &listing.left_over {
            fs::remove_file(file).map_err(failed("remove", file))?;
        }
        let newest_segment = listing.segments.last_key_value().map_or(0, |(number, _)| *number);
        let newest_log = listing.logs.pop_last();
        let waiting: Vec<u64> = listing.logs.keys().copied().collect();
        let (log, tables, is_cut) = match newest_log {
            Some((number, path)) => resume(&key, path, number)?,
            None => {
                let number = newest_segment + 1;
                let log = Log::create(folder::log_path(path, number), number)?;
                folder::sync(path)?;
                (log, Vec::new(), false)
            }
        };
        let (sequence, last, last_ms) = standing(&key, path)?;
        let mut buffer = Vec::new();
        if is_cut {
            put_abandoned(&mut buffer);
        }
        let mut writer = Self {
            folder: path.to_owned(),
            key,
            options,
            log,
            buffer,
            tables,
            raw_file: None,
            is_in_transaction: false,
            has_changes: false,
            rolls_next: false,
            sequence,
            last,
            last_ms,
            repeats: 0,
            sealing: None,
            _lock: lock,
        };
        if !waiting.is_empty() {
            writer.seal(waiting)?;
        }
        Ok(writer)
    }

    /// Where the stream goes on: after the last transaction of the journal. `None`: nothing came yet.
    /// After [`Writer::sync`] it is on disk.
    #[must_use]
    pub fn last(&self) -> Option<&Position> {
        self.last.as_ref()
    }

    /// When the last transaction was committed, in Unix ms; 0 before the first.
    #[must_use]
    pub fn last_ms(&self) -> i64 {
        self.last_ms
    }

    /// Transactions that came and were in the journal already.
    #[must_use]
    pub fn repeats(&self) -> u64 {
        self.repeats
    }

    /// The log that is written to.
    #[must_use]
    pub fn tail(&self) -> Tail {
        let Log { number, path, durable, .. } = &self.log;
        Tail { number: *number, path: path.clone(), durable_bytes: *durable }
    }

    /// Takes the next event of a stream. It is not durable before a [`Writer::sync`]. An event after a
    /// stream was opened anew may begin a transaction whose end never came: that one never happened.
    ///
    /// # Errors
    /// [`VaultError::OtherHistory`] for a position of another server's log; [`VaultError::File`] when the log
    /// cannot be written. In both cases open journal and stream anew.
    pub fn append(&mut self, event: &Event) -> Result<(), VaultError> {
        match event {
            Event::Begin => {
                self.abandon();
                self.is_in_transaction = true;
            }
            Event::Raw { file, event } => {
                self.is_in_transaction = true;
                if self.raw_file.as_ref() != Some(file) {
                    put_raw_file(&mut self.buffer, file);
                    self.raw_file = Some(Arc::clone(file));
                }
                put_raw(&mut self.buffer, event);
            }
            Event::Row(row) => {
                self.begin_changes();
                let table = self.table(&row.table);
                put_change(&mut self.buffer, table, &row.change);
            }
            Event::Emptied { table } => {
                self.begin_changes();
                put_emptied(&mut self.buffer, table);
            }
            Event::SchemaChanged(change) => {
                self.begin_changes();
                let (table, statement) = (change.table.as_deref(), change.statement.as_deref());
                put_redefined(&mut self.buffer, table, statement);
            }
            Event::Commit { position, committed_ms } => {
                if self.is_behind_last(position)? {
                    self.sequence += 1;
                    self.last_ms = self.last_ms.max(*committed_ms);
                    put_commit(&mut self.buffer, self.sequence, self.last_ms, position);
                    (self.is_in_transaction, self.has_changes) = (false, false);
                    self.last = Some(position.clone());
                } else {
                    self.repeats += 1;
                    self.abandon();
                }
            }
            Event::Reached { position } => {
                let is_behind_last = self.is_behind_last(position)?;
                if self.has_changes || !is_behind_last {
                    self.abandon();
                }
                if is_behind_last {
                    put_reached(&mut self.buffer, position);
                    self.is_in_transaction = false;
                    self.last = Some(position.clone());
                }
            }
        }
        if self.buffer.len() >= FRAME_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Makes everything that was appended durable, and gives the position to acknowledge.
    ///
    /// # Errors
    /// [`VaultError::File`]: nothing since the last sync is certain; open the journal anew. A failure to
    /// pack an older log is told here too; the log stays.
    pub fn sync(&mut self) -> Result<Option<&Position>, VaultError> {
        self.flush()?;
        if self.log.durable < self.log.bytes {
            self.log.sync()?;
        }
        if self.log.bytes >= self.options.log_bytes || self.rolls_next {
            self.roll()?;
        }
        Ok(self.last.as_ref())
    }

    /// Ends the log and begins another; the old one becomes a segment, on a thread of its own. A log without
    /// content goes on; one with a transaction under way ends at the first sync after that.
    ///
    /// # Errors
    /// As [`Writer::sync`].
    pub fn roll(&mut self) -> Result<(), VaultError> {
        self.rolls_next = self.is_in_transaction;
        if self.is_in_transaction {
            return Ok(());
        }
        self.flush()?;
        self.log.sync()?;
        if self.log.bytes == 0 {
            return Ok(());
        }
        let number = self.log.number + 1;
        let next = Log::create(folder::log_path(&self.folder, number), number)?;
        folder::sync(&self.folder)?;
        let old = std::mem::replace(&mut self.log, next);
        self.tables.clear();
        self.raw_file = None;
        self.seal(vec![old.number])
    }

    /// Makes everything durable, and waits until older logs are packed.
    ///
    /// # Errors
    /// As [`Writer::sync`].
    pub fn close(mut self) -> Result<(), VaultError> {
        self.abandon();
        self.sync()?;
        self.end_sealing()
    }

    /// Whether `position` lies behind all that is in the journal.
    fn is_behind_last(&self, position: &Position) -> Result<bool, VaultError> {
        let Some(last) = &self.last else { return Ok(true) };
        match position.order(last) {
            Some(order) => Ok(order == Ordering::Greater),
            None => {
                Err(VaultError::OtherHistory { last: last.to_string(), next: position.to_string() })
            }
        }
    }

    fn begin_changes(&mut self) {
        (self.is_in_transaction, self.has_changes) = (true, true);
    }

    /// What came of a transaction since it began never happened.
    fn abandon(&mut self) {
        self.has_changes = false;
        if std::mem::take(&mut self.is_in_transaction) {
            put_abandoned(&mut self.buffer);
        }
    }

    fn table(&mut self, shape: &Arc<TableShape>) -> u64 {
        let same = |known: &Arc<TableShape>| Arc::ptr_eq(known, shape);
        let found = self.tables.iter().position(same);
        let found = found.or_else(|| self.tables.iter().position(|known| known == shape));
        let id = found.unwrap_or(self.tables.len());
        if id == self.tables.len() {
            put_table(&mut self.buffer, id as u64, shape);
            self.tables.push(Arc::clone(shape));
        }
        id as u64
    }

    fn flush(&mut self) -> Result<(), VaultError> {
        if !self.buffer.is_empty() {
            self.log.append(&self.key, &self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    /// One at a time: who writes faster than packing goes waits here.
    fn seal(&mut self, numbers: Vec<u64>) -> Result<(), VaultError> {
        self.end_sealing()?;
        let (key, folder, options) = (self.key.clone(), self.folder.clone(), self.options.clone());
        let work = move || {
            numbers.into_iter().try_for_each(|number| {
                segment::make(&key, &folder, number, &options.lookups, options.block_bytes)
            })
        };
        let thread = thread::Builder::new().name("journal-segment".to_owned()).spawn(work);
        self.sealing = Some(thread.map_err(failed("begin a thread for", &self.folder))?);
        Ok(())
    }

    fn end_sealing(&mut self) -> Result<(), VaultError> {
        match self.sealing.take() {
            Some(thread) => thread.join().expect("invariant: packing a log does not panic"),
            None => Ok(()),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Err(error) = self.end_sealing() {
            tracing::warn!(error = error.story(), "a log of the journal was not packed; it stays");
        }
    }
}

fn lock(folder: &Path) -> Result<File, VaultError> {
    let path = folder.join("lock");
    let file = File::options().create(true).append(true).open(&path);
    let file = file.map_err(failed("open", &path))?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => {
            Err(VaultError::JournalHeld { path: folder.to_owned(), holder: "another process" })
        }
        Err(error) => Err(failed("lock", &path)(error.into())),
    }
}

/// The newest log: what it knows of tables, and whether its last transaction has no end.
fn resume(
    key: &Key,
    path: PathBuf,
    number: u64,
) -> Result<(Log, Vec<Arc<TableShape>>, bool), VaultError> {
    let mut tables = Vec::new();
    let mut is_open = false;
    let end = Reading::open(key, &path, number)?.each(|offset, view| {
        let View::Other(record) = view else {
            is_open = true;
            return Ok(());
        };
        match record {
            Record::Table { id, shape } => {
                super::part::add_table(&mut tables, id, shape, &path, offset)?;
            }
            Record::Commit { .. } | Record::Reached { .. } | Record::Abandoned => is_open = false,
            Record::Transaction { .. } | Record::RawFile(_) => {}
            Record::Raw { .. }
            | Record::Row { .. }
            | Record::Emptied { .. }
            | Record::Redefined { .. } => {
                is_open = true;
            }
        }
        Ok(())
    })?;
    Ok((Log::resume(path, number, end)?, tables, is_open))
}

/// The last sequence, position and time of the journal.
fn standing(key: &Key, path: &Path) -> Result<(u64, Option<Position>, i64), VaultError> {
    let listing = folder::list(path)?;
    let mut last = (0, None, 0);
    // The newest first: what is found first is the last.
    let parts = listing
        .logs
        .iter()
        .rev()
        .map(|(number, path)| (*number, path, true))
        .chain(listing.segments.iter().rev().map(|(number, (path, _))| (*number, path, false)));
    for (number, path, is_log) in parts {
        let part = match is_log {
            true => Part::open_log(key, path, number, &Lookups::default())?,
            false => Part::open_segment(key, path, number)?,
        };
        let summary = part.summary;
        last.1 = last.1.or(summary.position);
        if summary.transactions > 0 {
            (last.0, last.2) = (summary.last_sequence, summary.last_ms);
            break;
        }
    }
    Ok(last)
}
