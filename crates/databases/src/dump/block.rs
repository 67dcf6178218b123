//! The index beside a table's rows: which blocks of rows there are, by the key, and what each may
//! hold. Layout: docs/formats/dump.md.

use super::{
    KeyOrder, line,
    summary::{Collector, Summary, hash},
};
use std::cmp::Ordering;

const MAGIC: [u8; 8] = *b"SWdump\0\x01";
/// Magic, length and checksum of the directory.
pub(super) const HEAD_BYTES: usize = 16;

/// A block ends at a row that its key's hash chooses, one a so many bytes on average, so that
/// blocks stay the same when rows elsewhere change. Of 100,000 orders, one with its lines was read
/// from 7.8 % of the bytes in blocks of 256 KiB, and from a third of that in those of 64 KiB.
const MIN_BYTES: u64 = 32 << 10;
const CHOSEN_BYTES: u64 = 32 << 10;
const MAX_BYTES: u64 = 512 << 10;
/// Summaries wait in memory until the rows are over; beyond this, further blocks go without.
const MAX_SUMMARY_BYTES: usize = 64 << 20;

/// A run of whole rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) offset: u64,
    pub(super) bytes: u64,
    pub(super) rows: u64,
    /// CRC-32C of its bytes.
    pub(super) checksum: u32,
    /// The first and the last value of the key's first column; empty when the order is unknown.
    pub(super) first: Vec<u8>,
    pub(super) last: Vec<u8>,
}

/// What stands at the index's beginning.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Directory {
    pub(super) blocks: Vec<Block>,
    pub(super) sections: Vec<Section>,
}

/// The summaries of one column, a summary a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Section {
    /// In the index's file.
    pub(super) offset: u64,
    pub(super) bytes: usize,
    pub(super) checksum: u32,
}

/// Makes an index while rows go by.
#[derive(Debug, Default)]
pub(super) struct IndexWriter {
    order: KeyOrder,
    /// Places in a row: of the key's columns, and of those with a summary.
    key: Vec<usize>,
    summarised: Vec<usize>,
    last_needed: Option<usize>,
    collectors: Vec<Collector>,
    sections: Vec<Vec<u8>>,
    blocks: Vec<Block>,
    open: Option<Block>,
    /// Of the keys' hashes: of the block that is open, and of those before it, 8 bytes each.
    sum: u64,
    sums: Vec<u8>,
    fields: Vec<std::ops::Range<usize>>,
}

impl IndexWriter {
    pub(super) fn new(order: KeyOrder, key: Vec<usize>, summarised: Vec<usize>) -> Self {
        Self {
            order,
            last_needed: key.iter().chain(&summarised).max().copied(),
            collectors: summarised.iter().map(|_| Collector::default()).collect(),
            sections: vec![Vec::new(); summarised.len()],
            key,
            summarised,
            blocks: Vec::new(),
            open: None,
            sum: 0,
            sums: Vec::new(),
            fields: Vec::new(),
        }
    }

    /// Takes note of the next row, with the line feed at its end.
    pub(super) fn row(&mut self, row: &[u8]) {
        self.find_fields(row);
        let field = |index: usize| self.fields.get(index).map_or(&row[..0], |f| &row[f.clone()]);
        let key_hash =
            self.key.iter().fold(0, |all: u64, at| all.rotate_left(5) ^ hash(field(*at)));
        let is_keyed = !self.key.is_empty();
        for (collector, at) in self.collectors.iter_mut().zip(&self.summarised) {
            add(collector, field(*at));
        }
        let first = match (self.order, self.key.first()) {
            (KeyOrder::Unknown, _) | (_, None) => Vec::new(),
            (_, Some(at)) => line::value(field(*at)).flatten().unwrap_or_default(),
        };
        let offset = self.blocks.last().map_or(0, |block| block.offset + block.bytes);
        let block = self.open.get_or_insert_with(|| Block {
            offset,
            bytes: 0,
            rows: 0,
            checksum: 0,
            first: first.clone(),
            last: Vec::new(),
        });
        self.sum = self.sum.wrapping_add(key_hash);
        block.last = first;
        block.bytes += row.len() as u64;
        block.rows += 1;
        block.checksum = crc32c::crc32c_append(block.checksum, row);
        // The more bytes a row has, the likelier it is chosen.
        let chance = (row.len() as u64).min(CHOSEN_BYTES) * (u64::MAX / CHOSEN_BYTES);
        let is_chosen = if is_keyed { key_hash <= chance } else { hash(row) <= chance };
        if block.bytes >= MAX_BYTES || (block.bytes >= MIN_BYTES && is_chosen) {
            self.close();
        }
    }

    /// Notes where fields stand, up to the last one that is of interest.
    fn find_fields(&mut self, row: &[u8]) {
        self.fields.clear();
        let Some(last) = self.last_needed else { return };
        let row = row.strip_suffix(b"\n").unwrap_or(row);
        let mut begin = 0;
        for end in memchr::memchr_iter(b'\t', row).chain([row.len()]).take(last + 1) {
            self.fields.push(begin..end);
            begin = end + 1;
        }
    }

    fn close(&mut self) {
        let Some(block) = self.open.take() else { return };
        let bytes: usize = self.sections.iter().map(Vec::len).sum();
        for (collector, section) in self.collectors.iter_mut().zip(&mut self.sections) {
            let summary = collector.take();
            let summary = if bytes < MAX_SUMMARY_BYTES { summary } else { Summary::Anything };
            summary.push(section);
        }
        self.sums.extend_from_slice(&std::mem::take(&mut self.sum).to_le_bytes());
        self.blocks.push(block);
    }

    /// The index's file.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.close();
        if !self.key.is_empty() {
            self.sections.push(std::mem::take(&mut self.sums));
        }
        let mut directory = Vec::new();
        push_varint(&mut directory, self.sections.len() as u64);
        for section in &self.sections {
            push_varint(&mut directory, section.len() as u64);
            directory.extend_from_slice(&crc32c::crc32c(section).to_le_bytes());
        }
        push_varint(&mut directory, self.blocks.len() as u64);
        for block in &self.blocks {
            push_varint(&mut directory, block.bytes);
            push_varint(&mut directory, block.rows);
            directory.extend_from_slice(&block.checksum.to_le_bytes());
            push_sized(&mut directory, &block.first);
            push_sized(&mut directory, &block.last);
        }
        let mut file = MAGIC.to_vec();
        let length =
            u32::try_from(directory.len()).expect("invariant: blocks are counted in bytes");
        file.extend_from_slice(&length.to_le_bytes());
        file.extend_from_slice(&crc32c::crc32c(&directory).to_le_bytes());
        file.extend_from_slice(&directory);
        self.sections.iter().for_each(|section| file.extend_from_slice(section));
        file
    }
}

fn add(collector: &mut Collector, field: &[u8]) {
    if !field.contains(&b'\\') {
        collector.add(field);
    } else if let Some(value) = line::value(field).flatten() {
        collector.add(&value);
    }
}

impl Directory {
    /// How long the directory after the head is, and its checksum.
    pub(super) fn read_head(head: &[u8]) -> Option<(usize, u32)> {
        let mut cursor = Cursor::new(head);
        (cursor.array()? == MAGIC).then_some(())?;
        let length = usize::try_from(u32::from_le_bytes(cursor.array()?)).ok()?;
        Some((length, u32::from_le_bytes(cursor.array()?)))
    }

    /// `None` for anything that is no directory, to its last byte.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        let mut offset = (HEAD_BYTES + bytes.len()) as u64;
        let mut directory = Self::default();
        for _ in 0..cursor.varint()? {
            let bytes = usize::try_from(cursor.varint()?).ok()?;
            let checksum = u32::from_le_bytes(cursor.array()?);
            directory.sections.push(Section { offset, bytes, checksum });
            offset = offset.checked_add(bytes as u64)?;
        }
        let mut offset: u64 = 0;
        for _ in 0..cursor.varint()? {
            let block = Block {
                offset,
                bytes: cursor.varint()?,
                rows: cursor.varint()?,
                checksum: u32::from_le_bytes(cursor.array()?),
                first: cursor.sized()?.to_vec(),
                last: cursor.sized()?.to_vec(),
            };
            offset = offset.checked_add(block.bytes)?;
            directory.blocks.push(block);
        }
        cursor.is_at_end().then_some(directory)
    }

    /// The blocks that may hold a value of the key's first column.
    pub(super) fn by_key(&self, order: KeyOrder, value: &[u8]) -> Vec<usize> {
        let holds = |block: &&Block| {
            compare(order, &block.first, value) != Ordering::Greater
                && compare(order, &block.last, value) != Ordering::Less
        };
        let blocks = self.blocks.iter().enumerate();
        blocks.filter(|(_, block)| holds(block)).map(|(number, _)| number).collect()
    }

    /// The summaries of one section, which must be as many as there are blocks.
    pub(super) fn read_summaries(&self, bytes: &[u8]) -> Option<Vec<Summary>> {
        let mut cursor = Cursor::new(bytes);
        let summaries: Option<Vec<_>> =
            self.blocks.iter().map(|_| Summary::read(&mut cursor)).collect();
        summaries.filter(|_| cursor.is_at_end())
    }
}

/// Sums of the keys' hashes, one for each of so many blocks; `None` for bytes that are none.
pub(super) fn read_sums(bytes: &[u8], blocks: usize) -> Option<Vec<u64>> {
    let (sums, rest) = bytes.as_chunks::<8>();
    let is_all = rest.is_empty() && sums.len() == blocks;
    is_all.then(|| sums.iter().map(|sum| u64::from_le_bytes(*sum)).collect())
}

/// What is no whole number is equal to all: such a block is looked into.
fn compare(order: KeyOrder, left: &[u8], right: &[u8]) -> Ordering {
    let number = |bytes: &[u8]| std::str::from_utf8(bytes).ok()?.parse::<i128>().ok();
    match order {
        KeyOrder::Bytes => left.cmp(right),
        KeyOrder::Unknown => Ordering::Equal,
        KeyOrder::Number => match (number(left), number(right)) {
            (Some(left), Some(right)) => left.cmp(&right),
            _ => Ordering::Equal,
        },
    }
}

/// 7 bits a byte, the lowest first; the highest bit says that more follows.
pub(super) fn push_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn push_sized(bytes: &mut Vec<u8>, value: &[u8]) {
    push_varint(bytes, value.len() as u64);
    bytes.extend_from_slice(value);
}

/// Reads on through bytes that may be anything.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*first)
    }

    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for place in 0..10 {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            number |= bits.checked_shl(7 * place).filter(|n| n >> (7 * place) == bits)?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn sized(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.varint()?).ok()?;
        let (first, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(first)
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of a key and a pointer to another table, with something behind them.
    fn row(key: u64, pointer: Option<u64>, width: usize) -> Vec<u8> {
        let mut row = Vec::new();
        let (key, pad) = (key.to_string(), vec![b'x'; width]);
        let pointer = pointer.map(|pointer| pointer.to_string());
        let fields = [Some(key.as_bytes()), pointer.as_deref().map(str::as_bytes), Some(&pad)];
        line::push_row(&mut row, fields);
        row
    }

    fn write(rows: &[Vec<u8>]) -> Vec<u8> {
        let mut writer = IndexWriter::new(KeyOrder::Number, vec![0], vec![1]);
        rows.iter().for_each(|row| writer.row(row));
        writer.finish()
    }

    /// In the section behind those of the summaries.
    fn sums(index: &[u8], directory: &Directory) -> Option<Vec<u64>> {
        let section = directory.sections.get(1)?;
        let begin = usize::try_from(section.offset).ok()?;
        let bytes = index.get(begin..begin + section.bytes)?;
        let is_right = crc32c::crc32c(bytes) == section.checksum;
        is_right.then(|| read_sums(bytes, directory.blocks.len()))?
    }

    fn read(index: &[u8]) -> Option<(Directory, Vec<Summary>)> {
        let (length, checksum) = Directory::read_head(index.get(..HEAD_BYTES)?)?;
        let directory = index.get(HEAD_BYTES..HEAD_BYTES + length)?;
        (crc32c::crc32c(directory) == checksum).then_some(())?;
        let directory = Directory::read(directory)?;
        let section = *directory.sections.first()?;
        let begin = usize::try_from(section.offset).ok()?;
        let summaries = directory.read_summaries(index.get(begin..begin + section.bytes)?)?;
        sums(index, &directory)?;
        Some((directory, summaries))
    }

    #[test]
    fn blocks_have_all_rows_and_say_where_each_is() {
        bolero::check!().with_type::<(u16, Vec<(u8, Option<u16>, u8)>)>().for_each(
            |(first, some)| {
                let mut key = u64::from(*first);
                let rows: Vec<_> = some
                    .iter()
                    .flat_map(|row| std::iter::repeat_n(row, 20))
                    .map(|(step, pointer, width)| {
                        key += u64::from(*step) + 1;
                        (key, pointer.map(u64::from), usize::from(*width) * 8)
                    })
                    .collect();
                let lines: Vec<_> = rows.iter().map(|(k, p, w)| row(*k, *p, *w)).collect();
                let all = lines.concat();
                let (directory, summaries) = read(&write(&lines)).unwrap();
                let length = |block: &Block| usize::try_from(block.bytes).unwrap();
                let begin = |block: &Block| usize::try_from(block.offset).unwrap();
                assert_eq!(directory.blocks.iter().map(length).sum::<usize>(), all.len());
                for block in &directory.blocks {
                    let bytes = &all[begin(block)..begin(block) + length(block)];
                    assert_eq!(crc32c::crc32c(bytes), block.checksum);
                    assert_eq!(bytes.iter().filter(|b| **b == b'\n').count() as u64, block.rows);
                    assert!(block.bytes < MAX_BYTES + 3_000);
                }
                let sums = sums(&write(&lines), &directory).unwrap();
                for (block, sum) in directory.blocks.iter().zip(sums) {
                    let rows = rows.iter().zip(&lines).scan(0, |at, (row, line)| {
                        let begins = std::mem::replace(at, *at + line.len());
                        Some((row.0, begins))
                    });
                    let own = begin(block)..begin(block) + length(block);
                    let own = rows.filter(|(_, begins)| own.contains(begins));
                    let hashes = own.map(|(key, _)| hash(key.to_string().as_bytes()));
                    assert_eq!(sum, hashes.fold(0, u64::wrapping_add));
                }
                let mut at = 0;
                for ((key, pointer, _), line) in rows.iter().zip(&lines) {
                    let holds =
                        |block: &Block| (begin(block)..begin(block) + length(block)).contains(&at);
                    let number = directory.blocks.iter().position(holds).unwrap();
                    let by_key = directory.by_key(KeyOrder::Number, key.to_string().as_bytes());
                    assert_eq!(by_key, [number]);
                    if let Some(pointer) = pointer {
                        assert!(summaries[number].may_hold(pointer.to_string().as_bytes()));
                    }
                    at += line.len();
                }
            },
        );
    }

    #[test]
    fn blocks_stay_when_rows_elsewhere_change() {
        let mut rows: Vec<_> = (0..40_000).map(|n| row(n, Some(n / 3), 60)).collect();
        let (before, _) = read(&write(&rows)).unwrap();
        rows.splice(20_000..20_003, [row(20_001, None, 500)]);
        let (after, _) = read(&write(&rows)).unwrap();
        let firsts = |directory: &Directory| {
            directory.blocks.iter().map(|block| block.first.clone()).collect::<Vec<_>>()
        };
        let (before, after) = (firsts(&before), firsts(&after));
        let same = after.iter().filter(|first| before.contains(first)).count();
        assert!(before.len() > 10 && same + 2 >= after.len(), "{same} of {}", after.len());
    }

    #[test]
    fn no_bytes_make_a_reader_panic() {
        bolero::check!().with_type::<Vec<u8>>().for_each(|bytes| {
            if let Some(directory) = Directory::read(bytes) {
                directory.by_key(KeyOrder::Number, b"7");
                directory.by_key(KeyOrder::Bytes, b"7");
                directory.read_summaries(bytes);
            }
            Directory::read_head(bytes);
            let mut cursor = Cursor::new(bytes);
            while let Some(summary) = Summary::read(&mut cursor) {
                summary.may_hold(b"7");
            }
        });
    }

    #[test]
    fn an_index_that_was_cut_is_none() {
        let rows: Vec<_> = (0..5_000).map(|n| row(n * 7, Some(n * 100), 60)).collect();
        let index = write(&rows);
        assert!(read(&index).is_some());
        for length in 0..index.len() {
            assert!(read(&index[..length]).is_none(), "{length} of {}", index.len());
        }
    }

    #[test]
    fn numbers_come_back() {
        bolero::check!().with_type::<u64>().for_each(|number| {
            let mut bytes = Vec::new();
            push_varint(&mut bytes, *number);
            let mut cursor = Cursor::new(&bytes);
            assert_eq!((cursor.varint(), cursor.is_at_end()), (Some(*number), true));
        });
        assert_eq!(Cursor::new(&[0xff; 11]).varint(), None);
    }
}
