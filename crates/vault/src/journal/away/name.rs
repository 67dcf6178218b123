//! Names of what lies elsewhere: 32 bytes, as every name of a repository's storage, that say of which
//! journal something is, where in it, and a part of its hash.

use crate::{
    Id,
    storage::{FileKind, FileName},
};

/// A journal among all that ever lay at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct JournalName {
    /// Of its key.
    pub(super) mark: u32,
    /// Unix ms.
    pub(super) begun_ms: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SegmentName {
    pub(super) journal: JournalName,
    pub(super) number: u64,
    /// How the SHA-256 of its content begins.
    hash: [u8; 16],
}

/// Bytes of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PieceName {
    pub(super) journal: JournalName,
    pub(super) number: u64,
    pub(super) offset: u64,
    pub(super) bytes: u32,
    hash: [u8; 6],
}

impl SegmentName {
    pub(super) fn new(journal: JournalName, number: u64, content: &Id) -> Self {
        Self { journal, number, hash: begin(content) }
    }

    pub(super) fn of(name: Id) -> Option<Self> {
        let mut rest = &name.as_bytes()[..];
        let journal = JournalName::take(&mut rest)?;
        Some(Self { journal, number: six(&mut rest)?, hash: rest.try_into().ok()? })
    }

    pub(super) fn is_of(&self, content: &Id) -> bool {
        self.hash == begin(content)
    }

    pub(super) fn file(&self) -> FileName {
        let mut bytes = [0; 32];
        self.journal.put(&mut bytes);
        put_six(&mut bytes, 10, self.number);
        bytes[16..].copy_from_slice(&self.hash);
        FileName::new(FileKind::JournalSegment, Id::from_bytes(bytes))
    }
}

impl PieceName {
    pub(super) fn new(journal: JournalName, number: u64, offset: u64, content: &[u8]) -> Self {
        let bytes = u32::try_from(content.len()).expect("invariant: a few megabytes");
        Self { journal, number, offset, bytes, hash: begin(&Id::of(content)) }
    }

    pub(super) fn of(name: Id) -> Option<Self> {
        let mut rest = &name.as_bytes()[..];
        let journal = JournalName::take(&mut rest)?;
        let (number, offset) = (six(&mut rest)?, six(&mut rest)?);
        let (bytes, hash) = rest.split_first_chunk()?;
        let bytes = u32::from_be_bytes(*bytes);
        Some(Self { journal, number, offset, bytes, hash: hash.try_into().ok()? })
    }

    /// What every piece of a log comes after.
    pub(super) fn least(journal: JournalName, number: u64) -> Self {
        Self { journal, number, offset: 0, bytes: 0, hash: [0; 6] }
    }

    pub(super) fn end(&self) -> u64 {
        self.offset + u64::from(self.bytes)
    }

    pub(super) fn is_of(&self, content: &[u8]) -> bool {
        content.len() == self.bytes as usize && self.hash == begin(&Id::of(content))
    }

    pub(super) fn file(&self) -> FileName {
        let mut bytes = [0; 32];
        self.journal.put(&mut bytes);
        put_six(&mut bytes, 10, self.number);
        put_six(&mut bytes, 16, self.offset);
        bytes[22..26].copy_from_slice(&self.bytes.to_be_bytes());
        bytes[26..].copy_from_slice(&self.hash);
        FileName::new(FileKind::JournalPiece, Id::from_bytes(bytes))
    }
}

impl JournalName {
    fn take(from: &mut &[u8]) -> Option<Self> {
        let (mark, rest) = from.split_first_chunk()?;
        *from = rest;
        let begun_ms = i64::try_from(six(from)?).ok()?;
        Some(Self { mark: u32::from_be_bytes(*mark), begun_ms })
    }

    fn put(self, to: &mut [u8; 32]) {
        to[..4].copy_from_slice(&self.mark.to_be_bytes());
        put_six(to, 4, u64::try_from(self.begun_ms).unwrap_or(0));
    }
}

fn begin<const N: usize>(id: &Id) -> [u8; N] {
    *id.as_bytes().first_chunk().expect("invariant: an id has 32 bytes")
}

fn six(from: &mut &[u8]) -> Option<u64> {
    let (six, rest) = from.split_at_checked(6)?;
    *from = rest;
    Some(six.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// Numbers of 48 bits: so many bytes has no log, so many logs no journal.
fn put_six(to: &mut [u8; 32], at: usize, number: u64) {
    to[at..at + 6].copy_from_slice(&number.to_be_bytes()[2..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOURNAL: JournalName = JournalName { mark: 0x0102_0304, begun_ms: 1_795_348_800_000 };

    #[test]
    fn names_say_again_what_they_were_made_of() {
        let segment = SegmentName::new(JOURNAL, 77, &Id::of(b"segment"));
        assert_eq!(SegmentName::of(segment.file().id()), Some(segment));
        assert!(segment.is_of(&Id::of(b"segment")) && !segment.is_of(&Id::of(b"other")));
        let piece = PieceName::new(JOURNAL, 77, 1 << 40, b"a piece");
        assert_eq!(PieceName::of(piece.file().id()), Some(piece));
        assert_eq!(piece.end(), (1 << 40) + 7);
        assert!(piece.is_of(b"a piece") && !piece.is_of(b"b piece") && !piece.is_of(b"a"));
    }

    #[test]
    fn names_elsewhere_stay_what_they_are() {
        let piece = PieceName::new(JOURNAL, 1, 4096, b"x");
        let expect = "0102030401a20320a200000000000001000000001000000000012d711642b726";
        assert_eq!(piece.file().id().to_string(), expect);
    }

    #[test]
    fn they_sort_as_what_they_name_was_written() {
        let piece = |number, offset| PieceName::new(JOURNAL, number, offset, b"x").file().id();
        assert!(piece(1, 900) < piece(2, 0) && piece(2, 255) < piece(2, 256));
    }
}
