//! The index of a part: which block holds which rows of which series.

use crate::{block::Span, cursor::Cursor, error::Damage};

pub(super) const ENTRY_BYTES: usize = 40;
pub(super) const PAGE_ENTRIES: usize = 64;

/// Where a block is, and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: u32,
    pub(crate) span: Span,
    pub(crate) offset: u64,
    pub(crate) length: u32,
    pub(crate) sum: u32,
}

/// A page with its checksum.
pub(super) fn put_page(bytes: &mut Vec<u8>, entries: &[Entry]) {
    let begin = bytes.len();
    for entry in entries {
        bytes.extend_from_slice(&entry.id.to_le_bytes());
        bytes.extend_from_slice(&entry.span.rows.to_le_bytes());
        bytes.extend_from_slice(&entry.span.from_ms.to_le_bytes());
        bytes.extend_from_slice(&entry.span.until_ms.to_le_bytes());
        bytes.extend_from_slice(&entry.offset.to_le_bytes());
        bytes.extend_from_slice(&entry.length.to_le_bytes());
        bytes.extend_from_slice(&entry.sum.to_le_bytes());
    }
    let sum = crc32c::crc32c(&bytes[begin..]);
    bytes.extend_from_slice(&sum.to_le_bytes());
}

/// The entries of a page, if it matches its checksum.
pub(super) fn read_page(bytes: &[u8]) -> Result<Vec<Entry>, Damage> {
    let (page, sum) = bytes.split_last_chunk::<4>().ok_or(Damage("a page is too short"))?;
    if crc32c::crc32c(page) != u32::from_le_bytes(*sum) {
        return Err(Damage("a page of an index does not match its checksum"));
    }
    let mut cursor = Cursor::new(page);
    let mut entries = Vec::with_capacity(page.len() / ENTRY_BYTES);
    while !cursor.rest().is_empty() {
        let (id, rows) = (cursor.u32()?, cursor.u32()?);
        let span = Span { rows, from_ms: cursor.i64()?, until_ms: cursor.i64()? };
        let (offset, length, sum) = (cursor.u64()?, cursor.u32()?, cursor.u32()?);
        entries.push(Entry { id, span, offset, length, sum });
    }
    Ok(entries)
}
