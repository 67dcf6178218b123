//! Reads a dump from wherever its files lie: all rows of a table, or those with a value, of which
//! few blocks are opened. Everything that is read is held against its checksum.

use super::{
    Field, Files, Manifest, Table,
    block::{self, Block, Directory, HEAD_BYTES, Section},
    line,
    manifest::{self, FileEntry},
    summary,
};
use crate::DatabaseError;
use ring::digest;
use std::{
    collections::HashMap,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// How much of a file without blocks is read at once.
const PIECE_BYTES: u64 = 1 << 20;

/// A dump that is there whole, by name and size.
#[derive(Debug)]
pub struct Reader<F> {
    files: F,
    manifest: Manifest,
    /// Of tables that were looked into, by the name of their index.
    directories: Mutex<HashMap<String, Arc<Directory>>>,
    bytes_read: AtomicU64,
}

/// A run of rows of a table, as its index knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span(Block);

impl Span {
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.0.rows
    }

    /// The first and the last value of the key's first column, where they are whole numbers.
    #[must_use]
    pub fn numbers(&self) -> Option<(i64, i64)> {
        let number = |bytes: &[u8]| std::str::from_utf8(bytes).ok()?.parse().ok();
        Some((number(&self.0.first)?, number(&self.0.last)?))
    }

    /// What two runs of the same rows have in common, and others hardly ever: length, number and
    /// checksum.
    #[must_use]
    pub fn likeness(&self) -> (u64, u64, u32) {
        (self.0.bytes, self.0.rows, self.0.checksum)
    }
}

/// Of a key of one column, without escapes: what [`Reader::key_sums`] adds up.
#[must_use]
pub fn key_hash(value: &[u8]) -> u64 {
    summary::hash(value)
}

/// A row, its fields as [`Table::columns`] has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub fields: Vec<Field>,
}

impl<F: Files> Reader<F> {
    /// Reads the manifest and looks whether every file is there in its length.
    ///
    /// # Errors
    /// [`DatabaseError::DumpDamaged`] names the file; [`DatabaseError::DumpFile`] when one cannot be
    /// read.
    pub fn open(files: F) -> Result<Self, DatabaseError> {
        let bytes_read = AtomicU64::new(0);
        let size = files.size(manifest::NAME).map_err(|error| failed(manifest::NAME, error))?;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let json = files.read_range(manifest::NAME, 0, size);
        let json = json.map_err(|error| failed(manifest::NAME, error))?;
        bytes_read.fetch_add(json.len() as u64, Relaxed);
        let manifest = Manifest::from_json(&json)?;
        let reader = Self { files, manifest, directories: Mutex::default(), bytes_read };
        for file in reader.entries() {
            let size = reader.files.size(&file.name).map_err(|error| failed(&file.name, error))?;
            if size != file.bytes {
                let reason = format!("it has {size} bytes instead of {}", file.bytes);
                return Err(broken(&file.name, reason));
            }
        }
        Ok(reader)
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    pub fn tables(&self) -> &[Table] {
        &self.manifest.tables
    }

    /// The table of this name; of several schemas' the first.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.manifest.tables.iter().find(|table| table.name == name || table.label() == name)
    }

    /// Bytes that were asked of the files so far.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Relaxed)
    }

    /// All rows of a table, in the order of its key; memory for one block.
    ///
    /// # Errors
    /// As of [`Reader::open`].
    pub fn rows(&self, table: &Table) -> Result<Rows<'_, F>, DatabaseError> {
        Ok(Rows { blocks: self.blocks(table)?, fields: Vec::new().into_iter() })
    }

    /// The rows that have `value` in a column, as the database writes it: `7`, `3f2504e0-…`. Blocks
    /// that cannot have it are not read; where the index knows nothing of the column, all are.
    ///
    /// # Errors
    /// As of [`Reader::open`]; [`DatabaseError::DumpDamaged`] as well when there is no such column.
    pub fn lookup(
        &self,
        table: &Table,
        column: &str,
        value: &[u8],
    ) -> Result<Vec<Row>, DatabaseError> {
        let rows_file = &table.rows.name;
        let at = table
            .column(column)
            .ok_or_else(|| broken(rows_file, format!("it has no column `{column}`")))?;
        let directory = self.directory(table)?;
        let mut found = Vec::new();
        for number in self.candidates(table, &directory, column, value)? {
            let bytes = self.block(table, &directory.blocks[number])?;
            for line in lines(&bytes) {
                let field = line::raw_fields(line).nth(at);
                // Values with escapes are longer than what they stand for.
                if field.is_some_and(|field| field == value || field.contains(&b'\\')) {
                    let row = decoded(table, line)?;
                    if row.fields[at].as_deref() == Some(value) {
                        found.push(row);
                    }
                }
            }
        }
        Ok(found)
    }

    /// The runs of rows that a table's file is made of, in their order. The same rows make the same
    /// run in the next dump, so that who has seen one need not read it again.
    ///
    /// # Errors
    /// As of [`Reader::open`].
    pub fn spans(&self, table: &Table) -> Result<Vec<Span>, DatabaseError> {
        let directory = self.directory(table)?;
        Ok(directory.blocks.iter().cloned().map(Span).collect())
    }

    /// Of each of these runs the sum of its keys' hashes ([`key_hash`]), which wraps around; `None` where the dump is
    /// older than such sums, or the table has no key.
    ///
    /// # Errors
    /// As of [`Reader::open`].
    pub fn key_sums(&self, table: &Table) -> Result<Option<Vec<u64>>, DatabaseError> {
        let (directory, name) = (self.directory(table)?, &table.index.name);
        let Some(section) = directory.sections.get(table.summaries.len()) else { return Ok(None) };
        let bytes = self.section(name, section)?;
        let sums = block::read_sums(&bytes, directory.blocks.len());
        sums.map(Some).ok_or_else(|| no_index(name))
    }

    fn section(&self, name: &str, section: &Section) -> Result<Vec<u8>, DatabaseError> {
        let bytes = self.range(name, section.offset, section.bytes)?;
        match crc32c::crc32c(&bytes) == section.checksum {
            true => Ok(bytes),
            false => Err(no_index(name)),
        }
    }

    /// The rows of one of them.
    ///
    /// # Errors
    /// As of [`Reader::open`].
    pub fn rows_of(&self, table: &Table, span: &Span) -> Result<Vec<Row>, DatabaseError> {
        let bytes = self.block(table, &span.0)?;
        lines(&bytes).map(|line| decoded(table, line)).collect()
    }

    fn candidates(
        &self,
        table: &Table,
        directory: &Directory,
        column: &str,
        value: &[u8],
    ) -> Result<Vec<usize>, DatabaseError> {
        if let Some(number) = table.summaries.iter().position(|summary| summary == column) {
            let name = &table.index.name;
            let section = directory.sections.get(number).ok_or_else(|| no_index(name))?;
            let bytes = self.section(name, section)?;
            let summaries = directory.read_summaries(&bytes).ok_or_else(|| no_index(name))?;
            let may = summaries.iter().enumerate().filter(|(_, summary)| summary.may_hold(value));
            return Ok(may.map(|(number, _)| number).collect());
        }
        if table.key.first().is_some_and(|key| key == column) {
            return Ok(directory.by_key(table.key_order, value));
        }
        Ok((0..directory.blocks.len()).collect())
    }

    /// A file that is no table's rows, whole and held against its checksum: `schema-pre.sql`.
    pub(super) fn file(&self, entry: &FileEntry) -> Result<Vec<u8>, DatabaseError> {
        let length = usize::try_from(entry.bytes).unwrap_or(usize::MAX);
        let bytes = self.range(&entry.name, 0, length)?;
        if hexadecimal(digest::digest(&digest::SHA256, &bytes).as_ref()) != entry.sha256 {
            return Err(broken(&entry.name, "its checksum is another".to_owned()));
        }
        Ok(bytes)
    }

    /// Reads every byte and holds it against its checksums. `progress` hears of bytes, as they are
    /// read.
    ///
    /// # Errors
    /// As of [`Reader::open`], for the first file that is damaged.
    pub fn check(&self, progress: &dyn Fn(u64)) -> Result<(), DatabaseError> {
        for entry in self.entries() {
            let mut hash = digest::Context::new(&digest::SHA256);
            let mut offset = 0;
            while offset < entry.bytes {
                let length = PIECE_BYTES.min(entry.bytes - offset);
                let piece = self.range(&entry.name, offset, length as usize)?;
                hash.update(&piece);
                progress(length);
                offset += length;
            }
            if hexadecimal(hash.finish().as_ref()) != entry.sha256 {
                return Err(broken(&entry.name, "its checksum is another".to_owned()));
            }
        }
        Ok(())
    }

    /// The blocks of a table's rows, one after another, each checked.
    pub(super) fn blocks(&self, table: &Table) -> Result<Blocks<'_, F>, DatabaseError> {
        Ok(Blocks {
            reader: self,
            directory: self.directory(table)?,
            table: table.clone(),
            next: 0,
            rows: 0,
        })
    }

    fn block(&self, table: &Table, block: &Block) -> Result<Vec<u8>, DatabaseError> {
        let length = usize::try_from(block.bytes).unwrap_or(usize::MAX);
        let bytes = self.range(&table.rows.name, block.offset, length)?;
        checked(table, block, &bytes)?;
        Ok(bytes)
    }

    fn directory(&self, table: &Table) -> Result<Arc<Directory>, DatabaseError> {
        let name = &table.index.name;
        let known = || self.directories.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(directory) = known().get(name) {
            return Ok(Arc::clone(directory));
        }
        let head = self.range(name, 0, HEAD_BYTES)?;
        let (length, checksum) = Directory::read_head(&head).ok_or_else(|| no_index(name))?;
        let bytes = self.range(name, HEAD_BYTES as u64, length)?;
        let directory = Some(bytes).filter(|bytes| crc32c::crc32c(bytes) == checksum);
        let directory = directory.and_then(|bytes| Directory::read(&bytes));
        let directory = Arc::new(directory.ok_or_else(|| no_index(name))?);
        known().insert(name.clone(), Arc::clone(&directory));
        Ok(directory)
    }

    fn range(&self, name: &str, offset: u64, length: usize) -> Result<Vec<u8>, DatabaseError> {
        let size = self.entries().find(|entry| entry.name == name).map_or(0, |entry| entry.bytes);
        if offset.checked_add(length as u64).is_none_or(|end| end > size) {
            return Err(broken(name, format!("byte {offset} and {length} more are not in it")));
        }
        let bytes = self.files.read_range(name, offset, length);
        let bytes = bytes.map_err(|error| failed(name, error))?;
        if bytes.len() != length {
            return Err(failed(name, io::ErrorKind::UnexpectedEof.into()));
        }
        self.bytes_read.fetch_add(length as u64, Relaxed);
        Ok(bytes)
    }

    fn entries(&self) -> impl Iterator<Item = &FileEntry> {
        let tables = self.manifest.tables.iter().flat_map(|table| [&table.rows, &table.index]);
        self.manifest.files.iter().chain(tables)
    }
}

/// The rows of a table as whole lines, some blocks at a time, each checked. At the end their rows
/// are counted.
#[derive(Debug)]
pub(super) struct Blocks<'a, F> {
    reader: &'a Reader<F>,
    directory: Arc<Directory>,
    table: Table,
    next: usize,
    rows: u64,
}

impl<F: Files> Blocks<'_, F> {
    /// As many as a piece holds, and one at least.
    fn read(&mut self) -> Result<Vec<u8>, DatabaseError> {
        let left = &self.directory.blocks[self.next..];
        let begin = left[0].offset;
        let fits = |block: &&Block| block.offset + block.bytes <= begin + PIECE_BYTES;
        let count = left.iter().take_while(fits).count().max(1);
        let some = &left[..count];
        let length: u64 = some.iter().map(|block| block.bytes).sum();
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let bytes = self.reader.range(&self.table.rows.name, begin, length)?;
        let mut rest = bytes.as_slice();
        for block in some {
            // Their lengths are those of the range.
            let (own, others) = rest.split_at(block.bytes as usize);
            checked(&self.table, block, own)?;
            self.rows += block.rows;
            rest = others;
        }
        self.next += count;
        Ok(bytes)
    }
}

impl<F: Files> Iterator for Blocks<'_, F> {
    type Item = Result<Vec<u8>, DatabaseError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next < self.directory.blocks.len() {
            let read = self.read();
            if read.is_err() {
                self.next = usize::MAX;
            }
            return Some(read);
        }
        let is_first_end = self.next == self.directory.blocks.len();
        self.next = usize::MAX;
        let reason = format!("{} rows instead of {}", self.rows, self.table.row_count);
        (is_first_end && self.rows != self.table.row_count)
            .then(|| Err(broken(&self.table.rows.name, reason)))
    }
}

fn checked(table: &Table, block: &Block, bytes: &[u8]) -> Result<(), DatabaseError> {
    if crc32c::crc32c(bytes) == block.checksum {
        return Ok(());
    }
    let reason = format!("the block at byte {} is not as it was written", block.offset);
    Err(broken(&table.rows.name, reason))
}

/// The rows of a table.
#[derive(Debug)]
pub struct Rows<'a, F> {
    blocks: Blocks<'a, F>,
    fields: std::vec::IntoIter<Row>,
}

impl<F: Files> Iterator for Rows<'_, F> {
    type Item = Result<Row, DatabaseError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(row) = self.fields.next() {
                return Some(Ok(row));
            }
            let block = match self.blocks.next()? {
                Ok(block) => block,
                Err(error) => return Some(Err(error)),
            };
            let table = &self.blocks.table;
            match lines(&block).map(|line| decoded(table, line)).collect::<Result<Vec<_>, _>>() {
                Ok(rows) => self.fields = rows.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// The lines of a block, without their line feeds.
pub(super) fn lines(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    block
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\n").unwrap_or(line))
}

/// The values of a line.
pub(super) fn decoded(table: &Table, line: &[u8]) -> Result<Row, DatabaseError> {
    // A table may have no columns at all.
    let fields: Option<Vec<Field>> = match table.columns.len() {
        0 if line.is_empty() => Some(Vec::new()),
        _ => line::raw_fields(line).map(line::value).collect(),
    };
    fields
        .filter(|fields| fields.len() == table.columns.len())
        .map(|fields| Row { fields })
        .ok_or_else(|| broken(&table.rows.name, "a line is no row of the table".to_owned()))
}

pub(super) fn broken(file: &str, reason: String) -> DatabaseError {
    DatabaseError::DumpDamaged { file: file.to_owned(), reason }
}

fn no_index(file: &str) -> DatabaseError {
    broken(file, "it is no index, or not as it was written".to_owned())
}

fn failed(file: &str, source: io::Error) -> DatabaseError {
    DatabaseError::DumpFile { name: file.to_owned(), source }
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
