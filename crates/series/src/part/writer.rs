//! Writes a part: block after block in the order of ids, then the index; whole and synced before it has its name.

use super::index::{PAGE_ENTRIES, put_page};
use super::{END, Entry, FILE, FOOTER_BYTES, Footer, HEADER_BYTES, Opened, Part, PartName};
use crate::{
    block::{Block, SharedTimes, Span, UNSHARED_BYTES},
    error::SeriesError,
    files, frame,
};
use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

const BUFFER_BYTES: usize = 64 << 10;
/// Columns of times that are remembered for sharing.
const REMEMBERED: usize = 4_096;

/// What is known only of the whole part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Closing {
    pub(crate) log_from: u64,
    pub(crate) rolled_until_ms: i64,
    pub(crate) late_from_ms: i64,
    pub(crate) seen: u64,
}

impl Default for Closing {
    fn default() -> Self {
        Self { log_from: 0, rolled_until_ms: 0, late_from_ms: i64::MAX, seen: 0 }
    }
}

/// A part that is being written.
#[derive(Debug)]
pub(crate) struct PartWriter {
    folder: PathBuf,
    /// Its name as long as it is not whole.
    path: PathBuf,
    name: PartName,
    file: BufWriter<File>,
    offset: u64,
    entries: Vec<Entry>,
    shared: HashMap<u128, SharedTimes>,
}

impl PartWriter {
    pub(crate) fn create(folder: &Path, name: PartName, level: u8) -> Result<Self, SeriesError> {
        let path = files::new_name(&folder.join(name.to_string()));
        let file = File::create(&path).map_err(SeriesError::file("create part", &path))?;
        let mut writer = Self {
            folder: folder.to_owned(),
            path,
            name,
            file: BufWriter::with_capacity(BUFFER_BYTES, file),
            offset: 0,
            entries: Vec::new(),
            shared: HashMap::new(),
        };
        let mut header = [0; HEADER_BYTES];
        header[..frame::PREAMBLE_BYTES].copy_from_slice(&frame::preamble(FILE));
        header[frame::PREAMBLE_BYTES] = name.tier.number();
        header[frame::PREAMBLE_BYTES + 1] = level;
        writer.write(&header)?;
        Ok(writer)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds a block. Ids come in ascending order, and blocks of one id by time.
    pub(crate) fn add(&mut self, id: u32, span: Span, block: &Block) -> Result<(), SeriesError> {
        let bytes = block.to_bytes(|column| self.share(column))?;
        let entry = Entry {
            id,
            span,
            offset: self.offset,
            length: length(&bytes),
            sum: crc32c::crc32c(&bytes),
        };
        self.write(&bytes)?;
        self.entries.push(entry);
        Ok(())
    }

    /// Where a column of times stands; puts it there the first time.
    fn share(&mut self, column: &[u8]) -> Result<SharedTimes, SeriesError> {
        debug_assert!(column.len() >= UNSHARED_BYTES, "short columns stand in their blocks");
        let key = crate::block::fingerprint(&column);
        if let Some(known) = self.shared.get(&key) {
            return Ok(*known);
        }
        let shared = SharedTimes {
            offset: self.offset,
            length: length(column),
            sum: crc32c::crc32c(column),
        };
        self.write(column)?;
        if self.shared.len() == REMEMBERED {
            self.shared.clear();
        }
        self.shared.insert(key, shared);
        Ok(shared)
    }

    /// Writes the index, syncs, and gives the part its name: from then on it exists.
    pub(crate) fn finish(mut self, closing: Closing) -> Result<Part, SeriesError> {
        let index_at = self.offset;
        let (mut index, mut fences) = (Vec::new(), Vec::new());
        for page in self.entries.chunks(PAGE_ENTRIES) {
            put_page(&mut index, page);
            fences.extend_from_slice(&page[0].id.to_le_bytes());
        }
        let spans = || self.entries.iter().map(|entry| entry.span);
        let footer = Footer {
            index_at,
            entries: self.entries.len() as u64,
            closing,
            from_ms: spans().map(|span| span.from_ms).min().unwrap_or(0),
            until_ms: spans().map(|span| span.until_ms).max().unwrap_or(0),
            rows: spans().map(|span| u64::from(span.rows)).sum(),
            fences_sum: crc32c::crc32c(&fences),
        };
        let footer = footer.to_bytes();
        debug_assert!(footer.len() == FOOTER_BYTES && footer.ends_with(&END));
        for bytes in [index, fences, footer] {
            self.write(&bytes)?;
        }
        let synced = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        synced.map_err(SeriesError::file("write part", &self.path))?;
        files::put_in_place(&self.path, &self.folder.join(self.name.to_string()))?;
        match Part::open(&self.folder, self.name)? {
            Opened::Whole(part) => Ok(part),
            Opened::Damaged(damage) => Err(SeriesError::file("read part", &self.path)(
                io::Error::new(io::ErrorKind::InvalidData, damage),
            )),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), SeriesError> {
        self.file.write_all(bytes).map_err(SeriesError::file("write part", &self.path))?;
        self.offset += bytes.len() as u64;
        Ok(())
    }
}

/// What never became a part leaves no bytes behind, above all not on a full disk.
impl Drop for PartWriter {
    fn drop(&mut self) {
        if let Err(error) = files::remove(&self.path) {
            tracing::warn!(%error, "a half-made part stays until the next start");
        }
    }
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("invariant: a block is far below 4 GiB")
}
