//! Logs: frames of records, appended and synced; and what of one counts after a crash.

use super::{
    record::Record,
    seal::{self, damaged, failed},
    view::{View, Views},
};
use crate::{VaultError, crypto::Key};
use databases::changes::Position;
use std::{
    fs::File,
    io::Write as _,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

const MAGIC: [u8; 4] = *b"SWjf";
const HEAD: usize = 8;
/// Of zstd, for what is packed better soon.
const LEVEL: i32 = 1;
/// Before the records of a frame: how much of the file had been synced.
const DURABLE: usize = 8;
/// No frame of ours is longer: one row and what was waiting before it.
const MAX_FRAME: usize = (4 << 30) - 1;

/// A log that is written to.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    pub(super) path: PathBuf,
    pub(super) number: u64,
    /// All of it, and as far as it was synced.
    pub(super) bytes: u64,
    pub(super) durable: u64,
    /// A write or sync failed and could not be taken back: nobody knows what is on disk.
    is_broken: bool,
}

impl Log {
    pub(super) fn create(path: PathBuf, number: u64) -> Result<Self, VaultError> {
        let file = File::options().append(true).create_new(true).open(&path);
        let file = file.map_err(failed("make", &path))?;
        Ok(Self { file, path, number, bytes: 0, durable: 0, is_broken: false })
    }

    /// Goes on after the first `bytes` of a log, and cuts what is behind them.
    pub(super) fn resume(path: PathBuf, number: u64, bytes: u64) -> Result<Self, VaultError> {
        let file = File::options().append(true).open(&path);
        let file = file.map_err(failed("open", &path))?;
        let cut = file.set_len(bytes).and_then(|()| file.sync_all());
        cut.map_err(failed("cut", &path))?;
        Ok(Self { file, path, number, bytes, durable: bytes, is_broken: false })
    }

    /// Appends a frame. It is not durable yet.
    pub(super) fn append(&mut self, key: &Key, records: &[u8]) -> Result<(), VaultError> {
        let mut text = Vec::with_capacity(DURABLE + records.len());
        text.extend_from_slice(&self.durable.to_le_bytes());
        text.extend_from_slice(records);
        let mut frame = MAGIC.to_vec();
        frame.extend_from_slice(&[0; 4]);
        seal::seal(key, self.number, self.bytes, &text, LEVEL, &mut frame);
        let length = u32::try_from(frame.len() - HEAD).expect("invariant: frames are below 4 GB");
        frame[4..HEAD].copy_from_slice(&length.to_le_bytes());
        self.refuse_broken()?;
        if let Err(error) = self.file.write_all(&frame) {
            // What comes next must not come after half a frame.
            self.is_broken = self.file.set_len(self.bytes).is_err();
            return Err(failed("write", &self.path)(error));
        }
        self.bytes += frame.len() as u64;
        Ok(())
    }

    /// After a sync that failed, nothing is known of what was written before: it is the last.
    pub(super) fn sync(&mut self) -> Result<(), VaultError> {
        self.refuse_broken()?;
        let synced = self.file.sync_data();
        self.is_broken = synced.is_err();
        synced.map_err(failed("sync", &self.path))?;
        self.durable = self.bytes;
        Ok(())
    }

    fn refuse_broken(&self) -> Result<(), VaultError> {
        let broken = || std::io::Error::other("an earlier write failed; open the journal anew");
        if self.is_broken { Err(failed("write", &self.path)(broken())) } else { Ok(()) }
    }
}

/// What one of a log's transactions came to, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Committed { sequence: u64, committed_ms: i64, position: Position },
    Abandoned,
}

/// A log that is read. Frames behind the first bad one do not count.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    key: &'a Key,
    path: &'a Path,
    number: u64,
    file: File,
    pub(super) bytes: u64,
}

impl<'a> Reading<'a> {
    pub(super) fn open(key: &'a Key, path: &'a Path, number: u64) -> Result<Self, VaultError> {
        let file = File::open(path).map_err(failed("open", path))?;
        let bytes = file.metadata().map_err(failed("look at", path))?.len();
        Ok(Self { key, path, number, file, bytes })
    }

    /// One that is open already.
    pub(super) fn of(
        file: &File,
        key: &'a Key,
        path: &'a Path,
        number: u64,
        bytes: u64,
    ) -> Result<Self, VaultError> {
        let file = file.try_clone().map_err(failed("open", path))?;
        Ok(Self { key, path, number, file, bytes })
    }

    /// Gives every record of the whole frames to `take`, with the offset of its frame; and where they end.
    pub(super) fn each(
        &self,
        mut take: impl FnMut(u64, View<'_>) -> Result<(), VaultError>,
    ) -> Result<u64, VaultError> {
        let mut offset = 0;
        while let Some(next) = self.each_of_frame(offset, &mut take)? {
            offset = next;
        }
        self.prove_torn(offset)?;
        Ok(offset)
    }

    /// As [`Reading::each`], of one frame; `None` when there is no whole one.
    pub(super) fn each_of_frame(
        &self,
        offset: u64,
        mut take: impl FnMut(u64, View<'_>) -> Result<(), VaultError>,
    ) -> Result<Option<u64>, VaultError> {
        let Some((text, next)) = self.frame(offset)? else { return Ok(None) };
        for view in Views(&text[DURABLE..]) {
            let view = view.map_err(|_| damaged(self.path, offset, "it has no records"))?;
            take(offset, view)?;
        }
        Ok(Some(next))
    }

    /// What became of each transaction; the records behind the last of them are of none.
    pub(super) fn outcomes(&self) -> Result<Vec<Outcome>, VaultError> {
        let mut outcomes = Vec::new();
        self.each(|_, view| {
            match view {
                View::Other(Record::Commit { sequence, committed_ms, position }) => {
                    outcomes.push(Outcome::Committed { sequence, committed_ms, position });
                }
                View::Other(Record::Abandoned) => outcomes.push(Outcome::Abandoned),
                _ => {}
            }
            Ok(())
        })?;
        Ok(outcomes)
    }

    /// Whether the server's log that came before each end of a transaction holds: one that was abandoned
    /// comes again.
    pub(super) fn raw_outcomes(&self) -> Result<Vec<bool>, VaultError> {
        let mut outcomes = Vec::new();
        self.each(|_, view| {
            match view {
                View::Other(Record::Commit { .. } | Record::Reached { .. }) => outcomes.push(true),
                View::Other(Record::Abandoned) => outcomes.push(false),
                _ => {}
            }
            Ok(())
        })?;
        Ok(outcomes)
    }

    /// The frame at an offset and where the next one begins; `None` when there is no whole one.
    fn frame(&self, offset: u64) -> Result<Option<(Vec<u8>, u64)>, VaultError> {
        let mut head = [0; HEAD];
        if offset + HEAD as u64 > self.bytes {
            return Ok(None);
        }
        self.file.read_exact_at(&mut head, offset).map_err(failed("read", self.path))?;
        let [magic @ .., a, b, c, d] = head;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        let next = offset + (HEAD + length) as u64;
        if magic != MAGIC || next > self.bytes || length > MAX_FRAME {
            return Ok(None);
        }
        let mut sealed = vec![0; length];
        let read = self.file.read_exact_at(&mut sealed, offset + HEAD as u64);
        read.map_err(failed("read", self.path))?;
        let text = seal::open(self.key, self.number, offset, &mut sealed);
        Ok(text.ok().filter(|text| text.len() >= DURABLE).map(|text| (text, next)))
    }

    /// What is behind the last whole frame may be what a crash has left, unless a later frame says that it
    /// had been synced.
    fn prove_torn(&self, end: u64) -> Result<(), VaultError> {
        const STEP: u64 = 1 << 20;
        let mut from = end + 1;
        while from + HEAD as u64 <= self.bytes {
            // With the beginning of a magic that goes on in the next step.
            let length = (STEP + 3).min(self.bytes - from);
            let mut bytes = vec![0; usize::try_from(length).expect("invariant: a megabyte")];
            self.file.read_exact_at(&mut bytes, from).map_err(failed("read", self.path))?;
            for (at, _) in bytes.windows(4).enumerate().filter(|(_, four)| **four == MAGIC) {
                let Some((text, _)) = self.frame(from + at as u64)? else { continue };
                let durable = text.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
                if durable > end {
                    let why = "it is not as it was written, and had been synced";
                    return Err(damaged(self.path, end, why));
                }
            }
            from += STEP;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::record::put_reached;
    use std::fs;

    fn reached(lsn: &str) -> (Vec<u8>, Record) {
        let position = Position::Lsn { lsn: lsn.to_owned() };
        let mut bytes = Vec::new();
        put_reached(&mut bytes, &position);
        (bytes, Record::Reached { position })
    }

    /// Three frames, each synced before the next; the ends of each.
    fn log(folder: &Path, key: &Key) -> (PathBuf, Vec<u64>) {
        let path = folder.join("log");
        let mut log = Log::create(path.clone(), 3).unwrap();
        let mut ends = Vec::new();
        for lsn in ["0/1", "0/2", "0/3"] {
            log.append(key, &reached(lsn).0).unwrap();
            log.sync().unwrap();
            ends.push(log.bytes);
        }
        (path, ends)
    }

    fn read(path: &Path, key: &Key) -> Result<(usize, u64), VaultError> {
        let mut count = 0;
        let end = Reading::open(key, path, 3)?.each(|_, _| {
            count += 1;
            Ok(())
        })?;
        Ok((count, end))
    }

    #[test]
    fn every_cut_leaves_the_whole_frames() {
        let folder = tempfile::tempdir().unwrap();
        let key = Key::random();
        let (path, ends) = log(folder.path(), &key);
        let whole = fs::read(&path).unwrap();
        for length in 0..=whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let count = ends.iter().filter(|end| **end <= length as u64).count();
            let end = if count == 0 { 0 } else { ends[count - 1] };
            assert_eq!(read(&path, &key).unwrap(), (count, end), "cut to {length}");
        }
        Log::resume(path.clone(), 3, ends[1]).unwrap();
        assert_eq!(read(&path, &key).unwrap(), (2, ends[1]));
    }

    #[test]
    fn a_flipped_bit_before_what_proves_it_synced_is_an_error_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let key = Key::random();
        let (path, ends) = log(folder.path(), &key);
        let whole = fs::read(&path).unwrap();
        for place in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[place] ^= 1 << (place % 8);
            fs::write(&path, &bytes).unwrap();
            let begins = ends.iter().rev().find(|end| **end <= place as u64).copied().unwrap_or(0);
            match read(&path, &key) {
                // Nobody can tell the last frame from one that a crash has torn.
                Ok(found) => assert_eq!((found, begins), ((2, ends[1]), ends[1]), "at {place}"),
                Err(VaultError::DamagedJournal { offset, .. }) => {
                    assert_eq!(offset, begins, "at {place}");
                    assert!(begins < ends[1], "at {place}");
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn frames_do_not_open_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let key = Key::random();
        let (path, ends) = log(folder.path(), &key);
        let whole = fs::read(&path).unwrap();
        let first = usize::try_from(ends[0]).unwrap();
        fs::write(&path, &whole[first..]).unwrap();
        assert_eq!(read(&path, &key).unwrap(), (0, 0), "moved");
        fs::write(&path, &whole).unwrap();
        assert_eq!(read(&path, &Key::random()).unwrap(), (0, 0), "another key");
    }
}
