//! A part: an immutable file with the rows of many series over some span of time.

mod index;
mod name;
mod writer;

pub(crate) use index::Entry;
pub(crate) use name::PartName;
pub(crate) use writer::{Closing, PartWriter};

use crate::{
    block::{Block, Row, SharedTimes},
    cursor::Cursor,
    error::{Damage, SeriesError, Unreadable},
    frame::{self, PREAMBLE_BYTES, Preamble},
    tier::Tier,
};
use index::{ENTRY_BYTES, PAGE_ENTRIES};
use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

pub(crate) const FILE: [u8; 7] = *b"SWparts";
const HEADER_BYTES: usize = 16;
const FOOTER_BYTES: usize = 96;
const END: [u8; 8] = *b"SWend\0\0\0";
/// A block is far smaller: ten columns of eight thousand values that could not be compressed.
const MOST_BLOCK_BYTES: u32 = 1 << 20;

/// A part whose file stays open, so that whoever reads it can go on when it was replaced.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) name: PartName,
    pub(crate) path: PathBuf,
    pub(crate) level: u8,
    pub(crate) size_bytes: u64,
    pub(crate) footer: Footer,
    /// The id of the first entry of each page of the index.
    fences: Vec<u32>,
    file: File,
    is_damaged: AtomicBool,
}

/// What the end of a part says about it; docs/formats/series.md has the meanings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Footer {
    index_at: u64,
    entries: u64,
    pub(crate) closing: Closing,
    pub(crate) from_ms: i64,
    pub(crate) until_ms: i64,
    pub(crate) rows: u64,
    fences_sum: u32,
}

impl Footer {
    fn to_bytes(self) -> Vec<u8> {
        let Closing { log_from, rolled_until_ms, late_from_ms, seen } = self.closing;
        let mut bytes = Vec::with_capacity(FOOTER_BYTES);
        for number in [self.index_at, self.entries, log_from] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&rolled_until_ms.to_le_bytes());
        bytes.extend_from_slice(&late_from_ms.to_le_bytes());
        bytes.extend_from_slice(&seen.to_le_bytes());
        bytes.extend_from_slice(&self.from_ms.to_le_bytes());
        bytes.extend_from_slice(&self.until_ms.to_le_bytes());
        bytes.extend_from_slice(&self.rows.to_le_bytes());
        bytes.extend_from_slice(&self.fences_sum.to_le_bytes());
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(&END);
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, Damage> {
        let mut cursor = Cursor::new(bytes);
        let (index_at, entries, log_from) = (cursor.u64()?, cursor.u64()?, cursor.u64()?);
        let (rolled_until_ms, late_from_ms, seen) = (cursor.i64()?, cursor.i64()?, cursor.u64()?);
        let (from_ms, until_ms, rows) = (cursor.i64()?, cursor.i64()?, cursor.u64()?);
        let fences_sum = cursor.u32()?;
        let is_whole = crc32c::crc32c(&bytes[..bytes.len() - cursor.rest().len()])
            == cursor.u32()?
            && cursor.bytes(8)? == [0; 8]
            && cursor.rest() == END;
        if !is_whole {
            return Err(Damage("the footer of a part does not match its checksum"));
        }
        let closing = Closing { log_from, rolled_until_ms, late_from_ms, seen };
        Ok(Self { index_at, entries, closing, from_ms, until_ms, rows, fences_sum })
    }
}

/// What a part was found to be at opening.
#[derive(Debug)]
pub(crate) enum Opened {
    Whole(Part),
    Damaged(Damage),
}

impl Part {
    /// Opens a part and reads its end.
    ///
    /// # Errors
    /// When the file cannot be read, or is of a newer version.
    pub(crate) fn open(folder: &Path, name: PartName) -> Result<Opened, SeriesError> {
        let path = folder.join(name.to_string());
        match Self::read(&path, name) {
            Ok(part) => Ok(Opened::Whole(part)),
            Err(Unreadable::Damaged(NEWER)) => Err(SeriesError::Newer { path }),
            Err(Unreadable::Damaged(damage)) => Ok(Opened::Damaged(damage)),
            Err(Unreadable::Failed(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Ok(Opened::Damaged(Damage("the file is cut short")))
            }
            Err(Unreadable::Failed(error)) => Err(SeriesError::file("read part", path)(error)),
        }
    }

    fn read(path: &Path, name: PartName) -> Result<Self, Unreadable> {
        let file = File::open(path)?;
        let size_bytes = file.metadata()?.len();
        let mut header = [0; HEADER_BYTES];
        file.read_exact_at(&mut header, 0)?;
        match frame::read_preamble(&header[..PREAMBLE_BYTES], FILE) {
            Preamble::Ours => {}
            Preamble::Newer => return Err(NEWER.into()),
            Preamble::Damaged => return Err(Damage("the header names no part").into()),
        }
        let [tier, level, ..] = header[PREAMBLE_BYTES..] else {
            unreachable!("invariant: the header is longer than its preamble")
        };
        if tier != name.tier.number() {
            return Err(Damage("the part is of another tier than its name says").into());
        }
        let footer_at = size_bytes.saturating_sub(FOOTER_BYTES as u64);
        let mut footer = [0; FOOTER_BYTES];
        file.read_exact_at(&mut footer, footer_at)?;
        let footer = Footer::from_bytes(&footer)?;
        let fences = read_fences(&file, &footer, footer_at)?;
        let (path, is_damaged) = (path.to_owned(), AtomicBool::new(false));
        Ok(Self { name, path, level, size_bytes, footer, fences, file, is_damaged })
    }

    /// Whether anything of it was found damaged since it was opened.
    pub(crate) fn is_damaged(&self) -> bool {
        self.is_damaged.load(Ordering::Relaxed)
    }

    /// Notes damage, once: `true` the first time.
    pub(crate) fn note_damage(&self) -> bool {
        !self.is_damaged.swap(true, Ordering::Relaxed)
    }

    pub(crate) fn pages(&self) -> usize {
        self.fences.len()
    }

    /// The entries of a page of the index.
    pub(crate) fn page(&self, page: usize) -> Result<Vec<Entry>, Unreadable> {
        let before = page as u64 * (PAGE_ENTRIES * ENTRY_BYTES + 4) as u64;
        let entries = (self.footer.entries - (page * PAGE_ENTRIES) as u64).min(PAGE_ENTRIES as u64);
        let entries = usize::try_from(entries).expect("invariant: a page has few entries");
        let mut bytes = vec![0; entries * ENTRY_BYTES + 4];
        self.file.read_exact_at(&mut bytes, self.footer.index_at + before)?;
        Ok(index::read_page(&bytes)?)
    }

    /// The entries of one series, by time. Pages of the index that were read last are not read again.
    pub(crate) fn entries(
        self: &Arc<Self>,
        id: u32,
        pages: &mut Pages,
    ) -> Result<Vec<Entry>, Unreadable> {
        let mut found = Vec::new();
        let first = self.fences.partition_point(|fence| *fence < id).saturating_sub(1);
        for page in first..self.pages() {
            if self.fences[page] > id {
                break;
            }
            let entries = pages.page(self, page)?;
            let begin = entries.partition_point(|entry| entry.id < id);
            found.extend(entries[begin..].iter().take_while(|entry| entry.id == id));
        }
        Ok(found)
    }

    pub(crate) fn block(&self, entry: &Entry) -> Result<Block, Unreadable> {
        let bytes = self.checked(entry.offset, entry.length, entry.sum)?;
        Block::from_bytes(&bytes, |SharedTimes { offset, length, sum }| {
            Ok(self.checked(offset, length, sum)?.into())
        })
    }

    pub(crate) fn rows<R: Row>(&self, entry: &Entry) -> Result<Vec<R>, Unreadable> {
        Ok(R::decode(&self.block(entry)?, entry.span)?)
    }

    fn checked(&self, offset: u64, length: u32, sum: u32) -> Result<Vec<u8>, Unreadable> {
        if length > MOST_BLOCK_BYTES {
            return Err(Damage("a block has an impossible length").into());
        }
        let mut bytes = vec![0; length as usize];
        self.file.read_exact_at(&mut bytes, offset).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Damage("a block lies beyond the file").into(),
            _ => Unreadable::Failed(error),
        })?;
        if crc32c::crc32c(&bytes) != sum {
            return Err(Damage("a block does not match its checksum").into());
        }
        Ok(bytes)
    }
}

/// The page of each part's index that was read last: series are mostly asked for by their ids, and stand beside one another there.
#[derive(Debug, Default)]
pub(crate) struct Pages(Vec<(Arc<Part>, usize, Arc<[Entry]>)>);

impl Pages {
    fn page(&mut self, part: &Arc<Part>, page: usize) -> Result<Arc<[Entry]>, Unreadable> {
        let place = self.0.iter().position(|(known, ..)| Arc::ptr_eq(known, part));
        if let Some((_, known, entries)) = place.map(|at| &self.0[at])
            && *known == page
        {
            return Ok(Arc::clone(entries));
        }
        let entries: Arc<[Entry]> = part.page(page)?.into();
        let read = (Arc::clone(part), page, Arc::clone(&entries));
        match place {
            Some(at) => self.0[at] = read,
            None => self.0.push(read),
        }
        Ok(entries)
    }
}

const NEWER: Damage = Damage("a newer version wrote it");

fn read_fences(file: &File, footer: &Footer, footer_at: u64) -> Result<Vec<u32>, Unreadable> {
    let pages = footer.entries.div_ceil(PAGE_ENTRIES as u64);
    let sums_bytes = pages * 4;
    let entries_bytes = footer.entries.checked_mul(ENTRY_BYTES as u64);
    let index_bytes = entries_bytes.and_then(|bytes| bytes.checked_add(sums_bytes));
    let fences_at = index_bytes.and_then(|bytes| bytes.checked_add(footer.index_at));
    let is_possible = fences_at.and_then(|at| at.checked_add(pages * 4)) == Some(footer_at);
    let (true, Some(fences_at), Ok(pages)) = (is_possible, fences_at, usize::try_from(pages))
    else {
        return Err(Damage("the index of a part is not where its footer says").into());
    };
    let mut bytes = vec![0; pages * 4];
    file.read_exact_at(&mut bytes, fences_at)?;
    if crc32c::crc32c(&bytes) != footer.fences_sum {
        return Err(Damage("the fences of a part do not match their checksum").into());
    }
    let mut cursor = Cursor::new(&bytes);
    Ok((0..pages).map(|_| cursor.u32()).collect::<Result<_, _>>()?)
}

/// Parts that are there, oldest first in every tier. Replaced as a whole, so that a reader keeps what it began with.
#[derive(Debug, Clone, Default)]
pub(crate) struct PartSet {
    parts: Arc<[Arc<Part>]>,
}

impl PartSet {
    pub(crate) fn new(mut parts: Vec<Arc<Part>>) -> Self {
        parts.sort_by_key(|part| (part.name.tier, part.name.last));
        Self { parts: parts.into() }
    }

    pub(crate) fn all(&self) -> &[Arc<Part>] {
        &self.parts
    }

    pub(crate) fn of(&self, tier: Tier) -> impl DoubleEndedIterator<Item = &Arc<Part>> {
        self.parts.iter().filter(move |part| part.name.tier == tier)
    }

    /// The LAST of the newest part of a tier; 0 without any.
    pub(crate) fn last(&self, tier: Tier) -> u64 {
        self.of(tier).map(|part| part.name.last).max().unwrap_or(0)
    }

    /// Without the parts of these names, with others.
    pub(crate) fn replaced(&self, gone: &[PartName], new: impl IntoIterator<Item = Part>) -> Self {
        let kept = self.parts.iter().filter(|part| !gone.contains(&part.name)).cloned();
        Self::new(kept.chain(new.into_iter().map(Arc::new)).collect())
    }
}

#[cfg(test)]
mod tests;
