//! SQLite's write-ahead log, as far as one must know it to tell damage from the end of what was written:
//! sqlite.org/fileformat2.html, section 4, "The Write-Ahead Log".
//!
//! A log ends with the first frame whose checksum is wrong. That is how it looks after a crash too: at
//! most one transaction was under way and not synced. Whole transactions behind such a frame were
//! acknowledged, so there it is damage.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// The last bit says which way round the numbers of checksums are read.
const MAGIC: u32 = 0x377f_0682;
const PAGE_BYTES: std::ops::RangeInclusive<u32> = 512..=65_536;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LogFault {
    /// Nothing of it can be read.
    Header,
    /// Frames from this one on, counted from 1, cannot be read, and among them are whole transactions.
    Middle { frame: u64 },
}

/// What is wrong with a log; `None` of one that is whole, ends as after a crash, or is not there.
pub(super) fn fault(path: &Path) -> io::Result<Option<LogFault>> {
    let mut log = match File::open(path) {
        Ok(file) => BufReader::new(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut header = [0; HEADER];
    if !fill(&mut log, &mut header)? {
        // Not even its head was written, so nothing after it.
        return Ok(None);
    }
    let Some(mut sum) = Sum::of_header(&header) else { return Ok(Some(LogFault::Header)) };
    let page_bytes = number(&header, 8);
    if !PAGE_BYTES.contains(&page_bytes) || !page_bytes.is_power_of_two() {
        return Ok(Some(LogFault::Header));
    }
    let mut frame = vec![0; FRAME_HEADER + page_bytes as usize];
    let (mut count, mut broken, mut is_committed) = (0_u64, None, false);
    while fill(&mut log, &mut frame)? {
        count += 1;
        // Frames of an earlier round of the same file have other salts.
        let is_of_now = frame[8..16] == header[16..24];
        if broken.is_none() && is_of_now && sum.takes(&frame) {
            continue;
        }
        let first = *broken.get_or_insert(count);
        if is_of_now && is_committed {
            return Ok(Some(LogFault::Middle { frame: first }));
        }
        is_committed |= is_of_now && number(&frame, 4) != 0;
    }
    Ok(None)
}

/// Fills the buffer; false at the end, or in the middle of it.
fn fill(log: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match log.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("invariant: four bytes"))
}

/// The checksum over everything so far.
#[derive(Debug, Clone, Copy)]
struct Sum {
    read: fn([u8; 4]) -> u32,
    first: u32,
    second: u32,
}

impl Sum {
    /// The checksum of a header, if it is the one that stands in it.
    fn of_header(header: &[u8; HEADER]) -> Option<Self> {
        let read = match number(header, 0) {
            MAGIC => u32::from_le_bytes,
            other if other == MAGIC | 1 => u32::from_be_bytes,
            _ => return None,
        };
        let sum = Self { read, first: 0, second: 0 }.with(&header[..24]);
        sum.is((number(header, 24), number(header, 28))).then_some(sum)
    }

    /// Goes on over a frame, if its checksum is right.
    fn takes(&mut self, frame: &[u8]) -> bool {
        let sum = self.with(&frame[..8]).with(&frame[FRAME_HEADER..]);
        let is_right = sum.is((number(frame, 16), number(frame, 20)));
        if is_right {
            *self = sum;
        }
        is_right
    }

    fn is(self, wanted: (u32, u32)) -> bool {
        (self.first, self.second) == wanted
    }

    fn with(mut self, bytes: &[u8]) -> Self {
        for pair in bytes.chunks_exact(8) {
            let word =
                |at: usize| (self.read)(pair[at..at + 4].try_into().expect("invariant: four"));
            self.first = self.first.wrapping_add(word(0)).wrapping_add(self.second);
            self.second = self.second.wrapping_add(word(4)).wrapping_add(self.first);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;
    use std::{fs, path::PathBuf};

    const FRAME: usize = FRAME_HEADER + 4096;

    /// A log of `transactions` of one page each, as a connection that was killed leaves it.
    fn logged(folder: &Path, transactions: u32) -> PathBuf {
        let path = folder.join("a.sqlite");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("PRAGMA journal_mode = wal; CREATE TABLE t (n INT)").unwrap();
        for number in 1..transactions {
            connection.execute("INSERT INTO t VALUES (?1)", [number]).unwrap();
        }
        let log = folder.join("kept");
        fs::copy(folder.join("a.sqlite-wal"), &log).unwrap();
        log
    }

    #[test]
    fn damage_is_told_from_the_end_of_what_was_written() {
        let folder = testkit::folder();
        let log = logged(folder.path(), 6);
        let whole = fs::read(&log).unwrap();
        let frames = u64::try_from((whole.len() - HEADER) / FRAME).unwrap();
        assert!(frames >= 6, "{frames}");
        let check = |change: &dyn Fn(&mut Vec<u8>), expect: Option<LogFault>| {
            let mut bytes = whole.clone();
            change(&mut bytes);
            fs::write(&log, bytes).unwrap();
            assert_eq!(fault(&log).unwrap(), expect);
        };
        check(&|_| {}, None);
        check(&Vec::clear, None);
        check(&|bytes| bytes.truncate(HEADER - 1), None);
        // The last frame, torn and wrong.
        check(&|bytes| bytes.truncate(bytes.len() - 1), None);
        check(&|bytes| *bytes.last_mut().unwrap() ^= 1, None);
        check(&|bytes| bytes[HEADER - 1] ^= 1, Some(LogFault::Header));
        check(&|bytes| bytes[0] ^= 1, Some(LogFault::Header));
        let middle = HEADER + 3 * FRAME + 100;
        check(&|bytes| bytes[middle] ^= 1, Some(LogFault::Middle { frame: 4 }));
        // The transaction before the last: it may have been synced or not, but the last was begun after.
        let before_last = whole.len() - FRAME - 1;
        let expect = Some(LogFault::Middle { frame: frames - 1 });
        check(&|bytes| bytes[before_last] ^= 1, expect);
    }

    #[test]
    fn no_bytes_at_all_make_it_panic() {
        let folder = testkit::folder();
        let log = logged(folder.path(), 3);
        let whole = fs::read(&log).unwrap();
        bolero::check!().with_type::<(Vec<u8>, Vec<(u16, u8)>)>().for_each(|(bytes, flips)| {
            fs::write(&log, bytes).unwrap();
            fault(&log).unwrap();
            let mut flipped = whole.clone();
            for (at, to) in flips {
                let at = usize::from(*at) % flipped.len();
                flipped[at] = *to;
            }
            fs::write(&log, flipped).unwrap();
            fault(&log).unwrap();
        });
    }
}
