//! Which blocks of a segment have rows with a value: hashes, sorted, in pieces
//! (docs/formats/journal.md, "Segment").

use super::{
    record::{Records, put_number},
    view::line_of,
};

/// An entry takes about four bytes: a piece is about 64 KiB.
const ENTRIES_PER_PIECE: usize = 16 << 10;

/// Hash and block.
pub(super) type Entry = (u32, u32);

/// What a table's rows are looked for by: FNV-1a of 64 bits over table, columns and fields, and the last step of
/// MurmurHash3 over it.
#[derive(Debug, Clone)]
pub(super) struct Hasher {
    state: u64,
    is_first: bool,
}

impl Hasher {
    pub(super) fn new<'a>(table: &'a str, columns: impl Iterator<Item = &'a str>) -> Self {
        let mut hasher = Self { state: 0xcbf2_9ce4_8422_2325, is_first: true };
        for name in std::iter::once(table).chain(columns) {
            hasher.add(name.as_bytes());
            hasher.add(&[0]);
        }
        hasher
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.state = (self.state ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// The next field, as it stands in a line.
    pub(super) fn feed(&mut self, field: &[u8]) {
        if !self.is_first {
            self.add(b"\t");
        }
        self.is_first = false;
        self.add(field);
    }

    pub(super) fn end(&self) -> u32 {
        let mut hash = self.state;
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        ((hash ^ (hash >> 33)) >> 32) as u32
    }
}

/// As [`Hasher`], of values as the database writes them.
pub(super) fn hash<'a>(
    table: &'a str,
    columns: impl Iterator<Item = &'a str>,
    fields: impl Iterator<Item = Option<&'a [u8]>>,
) -> u32 {
    let mut hasher = Hasher::new(table, columns);
    fields.for_each(|field| hasher.feed(&line_of(field)));
    hasher.end()
}

/// The pieces of an index, and by how many bits of a hash its piece is found.
pub(super) fn pieces(mut entries: Vec<Entry>) -> (u32, Vec<Vec<u8>>) {
    entries.sort_unstable();
    entries.dedup();
    let bits = entries.len().div_ceil(ENTRIES_PER_PIECE).next_power_of_two().trailing_zeros();
    let mut pieces = vec![Vec::new(); 1 << bits];
    let mut last = (0, 0);
    for (hash, block) in entries {
        let piece = piece_of(hash, bits);
        let before = if last.0 == piece { last.1 } else { 0 };
        put_number(&mut pieces[piece], u64::from(hash - before));
        put_number(&mut pieces[piece], u64::from(block));
        last = (piece, hash);
    }
    (bits, pieces)
}

pub(super) fn piece_of(hash: u32, bits: u32) -> usize {
    if bits == 0 { 0 } else { (hash >> (32 - bits)) as usize }
}

/// The blocks that may have it; `None` for what is no piece.
pub(super) fn blocks(piece: &[u8], hash: u32) -> Option<Vec<u32>> {
    let mut rest = Records(piece);
    let (mut at, mut blocks) = (0_u32, Vec::new());
    while !rest.0.is_empty() {
        at = at.checked_add(u32::try_from(rest.number()?).ok()?)?;
        let block = u32::try_from(rest.number()?).ok()?;
        if at == hash {
            blocks.push(block);
        } else if at > hash {
            break;
        }
    }
    Some(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_found_in_its_piece() {
        let entries: Vec<Entry> =
            (0..100_000_u32).map(|n| (n.wrapping_mul(0x9e37_79b1), n % 300)).collect();
        let (bits, pieces) = pieces(entries.clone());
        assert_eq!((bits, pieces.len()), (3, 8));
        for (hash, block) in entries.iter().step_by(97) {
            let found = blocks(&pieces[piece_of(*hash, bits)], *hash).unwrap();
            assert_eq!(found, [*block]);
        }
        let bytes: usize = pieces.iter().map(Vec::len).sum();
        assert!(bytes < 100_000 * 6, "{bytes}");
    }

    #[test]
    fn few_entries_are_one_piece() {
        assert_eq!(pieces(Vec::new()), (0, vec![Vec::new()]));
        let (bits, pieces) = pieces(vec![(u32::MAX, 7), (u32::MAX, 7), (u32::MAX, 9), (0, 1)]);
        assert_eq!(bits, 0);
        assert_eq!(blocks(&pieces[0], u32::MAX), Some(vec![7, 9]));
        assert_eq!(blocks(&pieces[0], 0), Some(vec![1]));
        assert_eq!(blocks(&pieces[0], 5), Some(vec![]));
    }

    #[test]
    fn hashes_on_disk_stay_what_they_are() {
        let of = |table: &str, value: &[u8]| {
            hash(table, std::iter::once("id"), std::iter::once(Some(value)))
        };
        assert_ne!(of("orders", b"1"), of("orders", b"2"));
        assert_ne!(of("orders", b"1"), of("lines", b"1"));
        assert_ne!(hash("a", std::iter::empty(), std::iter::once(None)), of("a", b"N"));
    }
}
