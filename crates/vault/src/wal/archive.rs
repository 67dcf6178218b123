//! The archive of a server's log on this machine: every file of it compressed and sealed by the journal's
//! key (docs/formats/wal.md). Knows files, and neither servers nor places elsewhere.

use crate::{
    VaultError,
    crypto::Key,
    journal::{
        JournalKey, Place,
        seal::{self, failed},
    },
};
use databases::wal::SegmentName;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fmt,
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    str::FromStr,
};

/// Of the archive's folder, beside the journal.
const FOLDER: &str = "wal";
/// Of a sealed file.
const EXTENSION: &str = ".wal";
const HISTORY: &str = ".history";
/// What `pg_receivewal` calls the segment that it writes to.
const PARTIAL: &str = ".partial";
const LEVEL: i32 = 3;
/// So much is sealed at once.
const PIECE_BYTES: usize = 4 << 20;
/// No sealed piece is longer: what says so is damaged.
const MOST_PIECE_BYTES: usize = PIECE_BYTES + (1 << 20);

/// A file of a server's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LogFile {
    Segment(SegmentName),
    /// What came before this timeline.
    History(u32),
}

/// What a sealed file says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub bytes: u64,
    /// By the server's clock, in Unix ms: nothing in it was committed later.
    pub at_ms: i64,
    /// Its end is not in it where the server threw that away before it came.
    pub is_whole: bool,
}

/// A folder of sealed files.
#[derive(Debug, Clone)]
pub struct Archive {
    folder: PathBuf,
    key: JournalKey,
}

/// What has come and is not sealed yet.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Arriving {
    /// Whole ones.
    pub(super) files: Vec<LogFile>,
    /// The one that is written to.
    pub(super) partial: Option<SegmentName>,
}

impl Arriving {
    /// The whole segments, the oldest first.
    fn segments(&self) -> impl Iterator<Item = SegmentName> {
        self.files.iter().filter_map(|file| match file {
            LogFile::Segment(name) => Some(*name),
            LogFile::History(_) => None,
        })
    }
}

impl LogFile {
    /// What a piece of it is sealed to: the file's number, and the piece's.
    fn seal(self, piece: u32) -> (u64, u64) {
        let (place, timeline) = match self {
            Self::Segment(name) => (name.place(), name.timeline()),
            Self::History(timeline) => (u64::MAX, timeline),
        };
        (place, u64::from(timeline) << 32 | u64::from(piece))
    }
}

impl fmt::Display for LogFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Segment(name) => name.fmt(f),
            Self::History(timeline) => write!(f, "{timeline:08X}{HISTORY}"),
        }
    }
}

impl FromStr for LogFile {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some(timeline) = text.strip_suffix(HISTORY) else {
            return text.parse().map(Self::Segment);
        };
        let odd = "no name of a timeline's history";
        let timeline = u32::from_str_radix(timeline, 16).ok().filter(|_| timeline.len() == 8);
        timeline.map(Self::History).ok_or(odd)
    }
}

impl Archive {
    /// Looks at nothing yet.
    #[must_use]
    pub fn of(place: &Place, key: &JournalKey) -> Self {
        Self { folder: place.beside(FOLDER), key: key.clone() }
    }

    /// Where `pg_receivewal` writes.
    pub(super) fn arriving(&self) -> PathBuf {
        self.folder.join("arriving")
    }

    /// Makes the folders.
    pub(super) fn make(&self) -> Result<(), VaultError> {
        let arriving = self.arriving();
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&arriving);
        made.map_err(failed("make", &arriving))
    }

    /// Every sealed file with its bytes; nothing where there is no archive.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(&self) -> Result<BTreeMap<LogFile, u64>, VaultError> {
        let mut found = BTreeMap::new();
        for name in names(&self.folder)? {
            let file = name.strip_suffix(EXTENSION).and_then(|name| name.parse().ok());
            let Some(file) = file else { continue };
            let path = self.path(file);
            match fs::metadata(&path) {
                // It was forgotten just now.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                about => drop(found.insert(file, about.map_err(failed("look at", &path))?.len())),
            }
        }
        Ok(found)
    }

    pub(super) fn look_at_arriving(&self) -> Result<Arriving, VaultError> {
        let mut found = Arriving::default();
        for name in names(&self.arriving())? {
            match name.strip_suffix(PARTIAL) {
                Some(name) => found.partial = found.partial.max(name.parse().ok()),
                None => found.files.extend(name.parse::<LogFile>().ok()),
            }
        }
        found.files.sort_unstable();
        Ok(found)
    }

    /// Seals a whole file that has arrived; it stays there. One that is in the archive already is
    /// replaced where it was sealed before it was whole.
    pub(super) fn keep(&self, file: LogFile, at_ms: i64) -> Result<(), VaultError> {
        self.seal(file, &self.arriving().join(file.to_string()), at_ms, true)
    }

    /// Seals what there is of the segment that is written to, under the segment's own name.
    pub(super) fn keep_partial(&self, name: SegmentName, at_ms: i64) -> Result<(), VaultError> {
        let path = self.arriving().join(format!("{name}{PARTIAL}"));
        self.seal(LogFile::Segment(name), &path, at_ms, false)
    }

    fn seal(
        &self,
        file: LogFile,
        from: &Path,
        at_ms: i64,
        is_whole: bool,
    ) -> Result<(), VaultError> {
        let content = fs::read(from).map_err(failed("read", from))?;
        let head = Head { bytes: content.len() as u64, at_ms, is_whole };
        let head = serde_json::to_vec(&head).expect("invariant: our own types are JSON");
        let mut sealed = Vec::new();
        for (piece, text) in (0..).zip([&*head].into_iter().chain(content.chunks(PIECE_BYTES))) {
            let at = sealed.len();
            sealed.extend_from_slice(&[0; 4]);
            let (number, offset) = file.seal(piece);
            seal::seal(self.secret(), number, offset, text, LEVEL, &mut sealed);
            let length = u32::try_from(sealed.len() - at - 4).expect("invariant: a few megabytes");
            sealed[at..at + 4].copy_from_slice(&length.to_le_bytes());
        }
        let (path, new) = (self.path(file), self.folder.join("new"));
        let write = || {
            let mut options = File::options();
            let mut written =
                options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            written.write_all(&sealed)?;
            written.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(failed("write", &path))
    }

    /// What a sealed file holds.
    ///
    /// # Errors
    /// When it cannot be read; [`VaultError::DamagedJournal`] when it is not what was sealed.
    pub fn open(&self, file: LogFile) -> Result<(Head, Vec<u8>), VaultError> {
        let path = self.path(file);
        let mut bytes = fs::read(&path).map_err(failed("read", &path))?;
        let mut content = Vec::new();
        let mut head: Option<Head> = None;
        let (mut at, mut piece) = (0, 0);
        while at < bytes.len() {
            let damaged = |why| seal::damaged(&path, at as u64, why);
            let length = bytes[at..].first_chunk().map(|length| u32::from_le_bytes(*length));
            let length = length.ok_or_else(|| damaged("it ends too early"))? as usize;
            let (number, offset) = file.seal(piece);
            let sealed = bytes.get_mut(at + 4..at + 4 + length);
            let sealed = sealed.ok_or_else(|| damaged("it ends too early"))?;
            let text = seal::open(self.secret(), number, offset, sealed).map_err(damaged)?;
            match head {
                None => head = Some(understood(&text).ok_or_else(|| damaged("it has no head"))?),
                Some(_) => content.extend_from_slice(&text),
            }
            (at, piece) = (at + 4 + length, piece + 1);
        }
        let head = head.filter(|head| head.bytes == content.len() as u64);
        let head = head.ok_or_else(|| seal::damaged(&path, at as u64, "it ends too early"))?;
        Ok((head, content))
    }

    /// What a sealed file says of itself.
    ///
    /// # Errors
    /// As of [`Archive::open`].
    pub fn head(&self, file: LogFile) -> Result<Head, VaultError> {
        let path = self.path(file);
        let damaged = |why| seal::damaged(&path, 0, why);
        let read = || {
            let mut opened = File::open(&path)?;
            let mut length = [0; 4];
            opened.read_exact(&mut length)?;
            let length = u32::from_le_bytes(length) as usize;
            let mut sealed = vec![0; length.min(MOST_PIECE_BYTES)];
            opened.read_exact(&mut sealed)?;
            Ok(sealed)
        };
        let mut sealed: Vec<u8> = read().map_err(failed("read", &path))?;
        let (number, offset) = file.seal(0);
        let text = seal::open(self.secret(), number, offset, &mut sealed).map_err(damaged)?;
        understood(&text).ok_or_else(|| damaged("it has no head"))
    }

    /// What of the segment that is written to has come, and which one that is; `None`: there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn open_partial(&self) -> Result<Option<(SegmentName, Vec<u8>)>, VaultError> {
        let Some(name) = self.look_at_arriving()?.partial else { return Ok(None) };
        let path = self.arriving().join(format!("{name}{PARTIAL}"));
        match fs::read(&path) {
            // It is whole by now.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            bytes => Ok(Some((name, bytes.map_err(failed("read", &path))?))),
        }
    }

    /// What has come and may not be sealed yet, by place; the last is the one that is written to.
    pub(super) fn coming(&self) -> Result<Vec<SegmentName>, VaultError> {
        let arriving = self.look_at_arriving()?;
        Ok(arriving.segments().chain(arriving.partial).collect())
    }

    /// Whole segments that have come, and may not be sealed yet.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub(super) fn arrived(&self) -> Result<Vec<SegmentName>, VaultError> {
        Ok(self.look_at_arriving()?.segments().collect())
    }

    /// What one of them holds; `None`: it is sealed by now.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(super) fn open_arrived(&self, name: SegmentName) -> Result<Option<Vec<u8>>, VaultError> {
        let path = self.arriving().join(name.to_string());
        match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            bytes => bytes.map(Some).map_err(failed("read", &path)),
        }
    }

    /// The bytes of a sealed file, as they are.
    pub(super) fn sealed(&self, file: LogFile) -> Result<Vec<u8>, VaultError> {
        let path = self.path(file);
        fs::read(&path).map_err(failed("read", &path))
    }

    /// Takes the bytes of a sealed file, as they were.
    pub(super) fn take(&self, file: LogFile, bytes: &[u8]) -> Result<(), VaultError> {
        self.make()?;
        let path = self.path(file);
        fs::write(&path, bytes).map_err(failed("write", &path))
    }

    /// Empties the segment that is written to where it has not all of its room yet: `pg_receivewal` takes it up with
    /// nothing in it or with all of its room, and makes that room before it writes anything (PostgreSQL 15,
    /// `receivelog.c`, `open_walfile`). Nothing that it has said to have is in it.
    pub(super) fn empty_what_has_no_room(&self, segment_bytes: u64) -> Result<(), VaultError> {
        let Some(name) = self.look_at_arriving()?.partial else { return Ok(()) };
        let path = self.arriving().join(format!("{name}{PARTIAL}"));
        let bytes = fs::metadata(&path).map_err(failed("look at", &path))?.len();
        if bytes == 0 || bytes == segment_bytes {
            return Ok(());
        }
        tracing::warn!(%name, bytes, "a segment that nothing was written to yet is begun again");
        File::create(&path).map(drop).map_err(failed("empty", &path))
    }

    /// Removes the segments before this one.
    pub(super) fn forget(&self, before: SegmentName) -> Result<(), VaultError> {
        for file in self.list()?.into_keys() {
            if matches!(file, LogFile::Segment(name) if name.place() < before.place()) {
                let path = self.path(file);
                fs::remove_file(&path).map_err(failed("remove", &path))?;
            }
        }
        Ok(())
    }

    /// Takes what has arrived and is sealed away from there, but for the newest: by it `pg_receivewal` knows
    /// where to go on.
    pub(super) fn tidy(&self, arriving: &Arriving) -> Result<(), VaultError> {
        let segments: Vec<SegmentName> = arriving.segments().collect();
        let newest = arriving.partial.max(segments.last().copied());
        for name in segments.into_iter().filter(|name| Some(*name) != newest) {
            let path = self.arriving().join(name.to_string());
            fs::remove_file(&path).map_err(failed("remove", &path))?;
        }
        Ok(())
    }

    /// Begins anew: what arrives next goes on from nothing.
    pub(super) fn clear_arriving(&self) -> Result<(), VaultError> {
        let arriving = self.arriving();
        match fs::remove_dir_all(&arriving) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("clear", &arriving)(error))
            }
            _ => self.make(),
        }
    }

    pub(super) fn mark(&self) -> u32 {
        self.key.mark()
    }

    fn path(&self, file: LogFile) -> PathBuf {
        self.folder.join(format!("{file}{EXTENSION}"))
    }

    fn secret(&self) -> &Key {
        self.key.secret()
    }
}

fn understood(text: &[u8]) -> Option<Head> {
    serde_json::from_slice(text).ok()
}

fn names(folder: &Path) -> Result<Vec<String>, VaultError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed("list", folder))?,
    };
    let name = |entry: io::Result<fs::DirEntry>| entry.map(|entry| entry.file_name());
    let names = entries.map(name).collect::<Result<Vec<_>, _>>().map_err(failed("list", folder))?;
    Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(folder: &Path) -> Archive {
        let place = Place::of(folder, &"lamps".parse().unwrap());
        let archive = Archive::of(&place, &place.make_key().unwrap());
        archive.make().unwrap();
        archive
    }

    fn segment(text: &str) -> LogFile {
        LogFile::Segment(text.parse().unwrap())
    }

    const FIRST: &str = "000000010000000000000001";
    const SECOND: &str = "000000010000000000000002";

    #[test]
    fn what_is_sealed_is_what_came_and_nothing_else_opens() {
        let folder = testkit::folder();
        let archive = archive(folder.path());
        let bytes: Vec<u8> = (0..PIECE_BYTES + 5).map(|at| (at % 251) as u8).collect();
        fs::write(archive.arriving().join(FIRST), &bytes).unwrap();
        archive.keep(segment(FIRST), 77).unwrap();
        let head = Head { bytes: bytes.len() as u64, at_ms: 77, is_whole: true };
        assert_eq!(archive.head(segment(FIRST)).unwrap(), head);
        assert!(archive.open(segment(FIRST)).unwrap() == (head, bytes.clone()));
        // Under another's name it is none.
        fs::copy(archive.path(segment(FIRST)), archive.path(segment(SECOND))).unwrap();
        assert!(archive.open(segment(SECOND)).is_err() && archive.head(segment(SECOND)).is_err());
        let sealed = archive.sealed(segment(FIRST)).unwrap();
        for at in [0, 4, 90, sealed.len() / 2, sealed.len() - 1] {
            let mut other = sealed.clone();
            other[at] ^= 1;
            archive.take(segment(FIRST), &other).unwrap();
            assert!(archive.open(segment(FIRST)).is_err(), "a byte of it was changed at {at}");
        }
        archive.take(segment(FIRST), &sealed[..sealed.len() - 40]).unwrap();
        assert!(archive.open(segment(FIRST)).is_err(), "its end is cut off");
    }

    #[test]
    fn the_newest_stays_where_it_arrived() {
        let folder = testkit::folder();
        let archive = archive(folder.path());
        let write = |name: &str| fs::write(archive.arriving().join(name), name).unwrap();
        let there = || {
            let mut names = names(&archive.arriving()).unwrap();
            names.sort();
            names
        };
        write(FIRST);
        write("00000002.history");
        let found = archive.look_at_arriving().unwrap();
        assert_eq!(found.files, [segment(FIRST), LogFile::History(2)]);
        archive.tidy(&found).unwrap();
        assert_eq!(there(), [FIRST, "00000002.history"]);
        write(&format!("{SECOND}{PARTIAL}"));
        let found = archive.look_at_arriving().unwrap();
        assert_eq!(found.partial, Some(SECOND.parse().unwrap()));
        archive.tidy(&found).unwrap();
        assert_eq!(there().len(), 2, "{:?}", there());
        let (name, bytes) = archive.open_partial().unwrap().unwrap();
        assert_eq!((name.to_string(), bytes.len()), (SECOND.to_owned(), 32));
    }

    #[test]
    fn a_segment_that_was_left_without_all_of_its_room_is_begun_again() {
        let folder = testkit::folder();
        let archive = archive(folder.path());
        let path = archive.arriving().join(format!("{FIRST}{PARTIAL}"));
        archive.empty_what_has_no_room(64).unwrap();
        for (bytes, expect) in [(0, 0), (63, 0), (65, 0), (64, 64)] {
            fs::write(&path, vec![1; bytes]).unwrap();
            archive.empty_what_has_no_room(64).unwrap();
            assert_eq!(fs::read(&path).unwrap().len(), expect, "of {bytes} bytes");
        }
    }

    #[test]
    fn what_lies_before_the_oldest_base_is_forgotten() {
        let folder = testkit::folder();
        let archive = archive(folder.path());
        for name in [FIRST, SECOND, "00000002.history"] {
            fs::write(archive.arriving().join(name), name).unwrap();
            archive.keep(name.parse().unwrap(), 1).unwrap();
        }
        archive.forget(SECOND.parse().unwrap()).unwrap();
        let left: Vec<_> = archive.list().unwrap().into_keys().collect();
        assert_eq!(left, [segment(SECOND), LogFile::History(2)]);
    }
}
