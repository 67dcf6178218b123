//! From the thread that reads a database to whoever takes the files: rows go through short queues, so
//! that a slow taker slows the reading down and nothing piles up.
//!
//! A stream ends well only after its sender said so. Whatever ends the reading thread early closes
//! its queues, and every stream that is open or comes after fails with the reason.

use super::{
    Column, Dump, DumpFile, FileEntry, KeyOrder, Manifest, Reference, Table,
    block::IndexWriter,
    manifest::{self, SCHEMA_POST, SCHEMA_PRE},
    reader::hexadecimal,
};
use crate::DatabaseError;
use ring::digest;
use std::{
    collections::VecDeque,
    error::Error,
    io::{self, Read},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
    thread,
};

/// What goes through a queue at once, and how many of them may wait.
const PIECE_BYTES: usize = 256 << 10;
const QUEUE: usize = 4;

/// Everything about a dump before its rows are read.
#[derive(Debug)]
pub(super) struct Draft {
    /// With the tables as far as they are known; in the order of the dump.
    pub(super) manifest: Manifest,
    /// For each table: what selects its rows.
    pub(super) selects: Vec<Select>,
    pub(super) schema_pre: Vec<u8>,
    pub(super) schema_post: Vec<u8>,
    pub(super) approximate_bytes: Option<u64>,
}

#[derive(Debug, Clone)]
pub(super) struct Select {
    pub(super) statement: String,
    /// Its rows are read at once and wait in memory, however long nobody takes them.
    pub(super) is_held: bool,
}

/// What a database tells of a table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape {
    pub(crate) schema: Option<String>,
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) key: Vec<String>,
    pub(crate) key_order: KeyOrder,
    /// Columns that rows are looked for by: of foreign keys, the first of each index.
    pub(crate) looked_up: Vec<String>,
    pub(crate) references: Vec<Reference>,
}

impl Shape {
    /// The table, as yet without rows.
    pub(crate) fn into_table(mut self, number: usize) -> Table {
        // A generated column is not in the rows, so nothing can be found by it.
        let is_dumped = |name: &String| self.columns.iter().any(|column| column.name == *name);
        if !self.key.iter().all(is_dumped) {
            self.key.clear();
            self.key_order = KeyOrder::Unknown;
        }
        let folder = manifest::folder(self.schema.as_deref(), &self.name, number);
        let file =
            |name| FileEntry { name: format!("{folder}/{name}"), bytes: 0, sha256: "".into() };
        let key_order = self.key_order;
        let is_ordered = |name: &String| {
            key_order != KeyOrder::Unknown && self.key.first().is_some_and(|key| key == name)
        };
        let of_references = self.references.iter().flat_map(|reference| &reference.columns);
        let mut summaries: Vec<String> = Vec::new();
        for name in self.key.iter().take(1).chain(of_references).chain(&self.looked_up) {
            let is_column = self.columns.iter().any(|column| column.name == *name);
            if is_column && !is_ordered(name) && !summaries.contains(name) {
                summaries.push(name.clone());
            }
        }
        Table {
            rows: file("rows"),
            index: file("index"),
            schema: self.schema,
            name: self.name,
            columns: self.columns,
            key: self.key,
            key_order,
            summaries,
            references: self.references,
            row_count: 0,
        }
    }
}

/// A table whose rows are to be read.
struct Job {
    select: Select,
    sink: Sink,
}

/// The tables that are still to be read, in their order; more than one connection may take them.
#[derive(Clone, Default)]
pub(super) struct Jobs {
    left: Arc<Mutex<VecDeque<Job>>>,
    done: Arc<Mutex<Vec<(usize, Table)>>>,
    failure: Failure,
}

/// Why the dump failed; what every stream that is not at its end says then.
type Failure = Arc<Mutex<Option<String>>>;

impl Jobs {
    /// Lets `read` read table by table, until none is left or one fails.
    pub(super) fn each(
        &self,
        mut read: impl FnMut(&Select, &mut Sink) -> Result<(), DatabaseError>,
    ) -> Result<(), DatabaseError> {
        loop {
            let next = lock(&self.left).pop_front();
            let Some(job) = next else { return Ok(()) };
            self.one(job, &mut read)?;
        }
    }

    /// The same for the tables whose rows are to be held, before all others.
    pub(super) fn each_held(
        &self,
        mut read: impl FnMut(&Select, &mut Sink) -> Result<(), DatabaseError>,
    ) -> Result<(), DatabaseError> {
        let held = {
            let mut left = lock(&self.left);
            let (held, others) = left.drain(..).partition(|job: &Job| job.select.is_held);
            *left = others;
            held
        };
        held.into_iter().try_for_each(|job| self.one(job, &mut read))
    }

    fn one(
        &self,
        mut job: Job,
        read: &mut impl FnMut(&Select, &mut Sink) -> Result<(), DatabaseError>,
    ) -> Result<(), DatabaseError> {
        // Told before the queues close with the job, so that its streams know why.
        let Job { select, sink } = &mut job;
        read(select, sink).and_then(|()| sink.finish()).inspect_err(|error| self.fail(error))?;
        lock(&self.done).push((sink.number, sink.table.clone()));
        Ok(())
    }

    /// The first failure is the one that is told; nobody reads what is left.
    pub(super) fn fail(&self, error: &DatabaseError) {
        lock(&self.failure).get_or_insert_with(|| story(error));
        lock(&self.left).clear();
    }
}

/// Takes the rows of one table.
pub(super) struct Sink {
    number: usize,
    table: Table,
    writer: IndexWriter,
    hash: digest::Context,
    piece: Vec<u8>,
    rows: Queue,
    index: Sender<Message>,
}

#[derive(Debug)]
enum Queue {
    Short(SyncSender<Message>),
    Endless(Sender<Message>),
}

#[derive(Debug)]
enum Message {
    Piece(Vec<u8>),
    /// That was all.
    End,
}

impl Sink {
    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    /// Takes the next row, a whole line.
    ///
    /// # Errors
    /// When nobody takes the rows any more.
    pub(super) fn row(&mut self, line: &[u8]) -> Result<(), DatabaseError> {
        self.writer.row(line);
        self.piece.extend_from_slice(line);
        self.table.row_count += 1;
        if self.piece.len() >= PIECE_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), DatabaseError> {
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE_BYTES + 4_096));
        self.hash.update(&piece);
        self.table.rows.bytes += piece.len() as u64;
        self.send(Message::Piece(piece))
    }

    fn send(&self, message: Message) -> Result<(), DatabaseError> {
        let is_taken = match &self.rows {
            Queue::Short(queue) => queue.send(message).is_ok(),
            Queue::Endless(queue) => queue.send(message).is_ok(),
        };
        if is_taken { Ok(()) } else { Err(self.left_alone()) }
    }

    fn left_alone(&self) -> DatabaseError {
        DatabaseError::DumpCut(format!("nobody takes `{}` any more", self.table.label()))
    }

    fn finish(&mut self) -> Result<(), DatabaseError> {
        self.flush()?;
        self.table.rows.sha256 = hexadecimal(self.hash.clone().finish().as_ref());
        let index = std::mem::take(&mut self.writer).finish();
        self.table.index = entry(&self.table.index.name, &index);
        self.send(Message::End)?;
        let pieces = [Message::Piece(index), Message::End];
        let sent = pieces.into_iter().try_for_each(|message| self.index.send(message));
        sent.map_err(|_| self.left_alone())
    }
}

/// Reads all rows and finds that the snapshot was one to the end; on the thread of the dump.
pub(super) type Reading = Box<dyn FnOnce(&Jobs) -> Result<(), DatabaseError>>;

/// Opens a database on a thread of its own, which then reads the rows as they are taken.
pub(super) fn begin(
    open: impl FnOnce() -> Result<(Draft, Reading), DatabaseError> + Send + 'static,
) -> Result<Dump, DatabaseError> {
    let (answer, opened) = sync_channel(1);
    let work = move || {
        let (draft, reading) = match open() {
            Ok(opened) => opened,
            // Whoever began is still waiting, or gone: then there is nobody to tell.
            Err(error) => return drop(answer.send(Err(error))),
        };
        let (dump, jobs, mut end) = streams(draft);
        if answer.send(Ok(dump)).is_err() {
            return;
        }
        if let Err(error) = reading(&jobs).and_then(|()| end.finish(&jobs)) {
            jobs.fail(&error);
        }
    };
    let thread = thread::Builder::new().name("dump".to_owned()).spawn(work);
    thread.map_err(|error| DatabaseError::DumpCut(format!("no thread for it: {error}")))?;
    opened.recv().unwrap_or_else(|_| {
        Err(DatabaseError::DumpCut("its thread ended without a word".to_owned()))
    })
}

/// The manifest's stream, written when all rows were taken.
struct End {
    manifest: Manifest,
    queue: Sender<Message>,
}

impl End {
    fn finish(&mut self, jobs: &Jobs) -> Result<(), DatabaseError> {
        let done = std::mem::take(&mut *lock(&jobs.done));
        if done.len() < self.manifest.tables.len() {
            return Err(DatabaseError::DumpCut("not all tables were read".to_owned()));
        }
        for (number, table) in done {
            self.manifest.tables[number] = table;
        }
        // Whoever took all rows and not the manifest has no dump, and knows.
        self.queue.send(Message::Piece(self.manifest.to_json())).ok();
        self.queue.send(Message::End).ok();
        Ok(())
    }
}

fn streams(mut draft: Draft) -> (Dump, Jobs, End) {
    let jobs = Jobs::default();
    let mut files = Vec::new();
    for (number, select) in draft.selects.into_iter().enumerate() {
        let table = draft.manifest.tables[number].clone();
        let (rows, rows_taken) = if select.is_held {
            let (sender, receiver) = channel();
            (Queue::Endless(sender), receiver)
        } else {
            let (sender, receiver) = sync_channel(QUEUE);
            (Queue::Short(sender), receiver)
        };
        let (index, index_taken) = channel();
        files.push(stream(&table.rows.name, rows_taken, &jobs.failure));
        files.push(stream(&table.index.name, index_taken, &jobs.failure));
        let places =
            |names: &[String]| names.iter().filter_map(|name| table.column(name)).collect();
        let writer =
            IndexWriter::new(table.key_order, places(&table.key), places(&table.summaries));
        let hash = digest::Context::new(&digest::SHA256);
        let sink = Sink { number, table, writer, hash, piece: Vec::new(), rows, index };
        lock(&jobs.left).push_back(Job { select, sink });
    }
    let schemas = [(SCHEMA_PRE, draft.schema_pre), (SCHEMA_POST, draft.schema_post)];
    draft.manifest.files = schemas.iter().map(|(name, text)| entry(name, text)).collect();
    let [pre, post] = schemas.map(|(name, text)| fixed(name, text));
    files.insert(0, pre);
    files.push(post);
    let (queue, taken) = channel();
    files.push(stream(manifest::NAME, taken, &jobs.failure));
    let dump = Dump {
        tables: draft.manifest.tables.clone(),
        files,
        approximate_bytes: draft.approximate_bytes,
    };
    (dump, jobs, End { manifest: draft.manifest, queue })
}

fn entry(name: &str, bytes: &[u8]) -> FileEntry {
    FileEntry {
        name: name.to_owned(),
        bytes: bytes.len() as u64,
        sha256: hexadecimal(digest::digest(&digest::SHA256, bytes).as_ref()),
    }
}

fn fixed(name: &str, bytes: Vec<u8>) -> DumpFile {
    let length = bytes.len() as u64;
    DumpFile {
        name: name.to_owned(),
        content: Box::new(io::Cursor::new(bytes)),
        is_whole: Box::new(move |came| whole(came, length)),
    }
}

fn stream(name: &str, queue: Receiver<Message>, failure: &Failure) -> DumpFile {
    let length = Arc::new(AtomicU64::new(u64::MAX));
    let content = Taken {
        queue,
        piece: io::Cursor::default(),
        bytes: 0,
        length: Arc::clone(&length),
        failure: Arc::clone(failure),
    };
    let is_whole = move |came| match length.load(Relaxed) {
        u64::MAX => Err("it was not read to its end".to_owned()),
        length => whole(came, length),
    };
    DumpFile { name: name.to_owned(), content: Box::new(content), is_whole: Box::new(is_whole) }
}

fn whole(came: u64, length: u64) -> Result<(), String> {
    if came == length { Ok(()) } else { Err(format!("{came} bytes came instead of {length}")) }
}

/// The taker's end of a queue.
struct Taken {
    queue: Receiver<Message>,
    piece: io::Cursor<Vec<u8>>,
    bytes: u64,
    /// Known at the end.
    length: Arc<AtomicU64>,
    failure: Failure,
}

impl Read for Taken {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.piece.read(into)?;
            if count > 0 || into.is_empty() {
                self.bytes += count as u64;
                return Ok(count);
            }
            if self.length.load(Relaxed) != u64::MAX {
                return Ok(0);
            }
            match self.queue.recv() {
                Ok(Message::Piece(piece)) => self.piece = io::Cursor::new(piece),
                Ok(Message::End) => self.length.store(self.bytes, Relaxed),
                Err(_closed) => {
                    let failure = lock(&self.failure).clone();
                    let reason = failure.unwrap_or_else(|| "the dump was cut off".to_owned());
                    return Err(io::Error::other(reason));
                }
            }
        }
    }
}

/// An error with what caused it, in one line.
pub(super) fn story(error: &DatabaseError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
