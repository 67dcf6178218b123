//! A journal brought back from a place, up to the first thing that is missing or damaged there.

use super::{
    known::Known,
    name::{JournalName, PieceName, SegmentName},
};
use crate::{
    Id, VaultError,
    journal::{JournalKey, folder, part::Part, seal::failed},
    storage::Storage,
};
use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
};

/// A journal that lies at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kept {
    /// When it was first sent there, in Unix ms: its name among those of one key.
    pub begun_ms: i64,
    /// The number of its newest log, and how much is there of that: of two copies of one journal, the one
    /// with more is newer.
    pub ends: (u64, u64),
    /// Of all that is there.
    pub bytes: u64,
}

/// What was brought back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fetched {
    pub begun_ms: i64,
    pub files: u64,
    pub bytes: u64,
    /// When its last transaction was committed, in Unix ms; 0 without one.
    pub until_ms: i64,
    /// What is missing or damaged there, each with its name: what comes after the first was not
    /// brought back.
    pub lacks: Vec<String>,
}

/// The journals of a key that a place has, the one that was begun first first.
///
/// # Errors
/// [`VaultError::Storage`].
pub fn kept(storage: &dyn Storage, key: &JournalKey) -> Result<Vec<Kept>, VaultError> {
    let known = Known::list(storage, key.mark())?;
    let describe = |journal: JournalName| Kept {
        begun_ms: journal.begun_ms,
        ends: known.ends(journal),
        bytes: known.bytes_of(journal),
    };
    Ok(known.journals().into_iter().map(describe).collect())
}

/// Brings a journal back into a folder, which is made and must not have one: the one that was begun at
/// `begun_ms`, or the newest. `told` hears of every file and the bytes so far. `None`: there is none of this
/// key.
///
/// # Errors
/// [`VaultError::Storage`]; [`VaultError::File`]. What is missing or damaged is none: it is in
/// [`Fetched::lacks`].
pub fn fetch(
    storage: &dyn Storage,
    key: &JournalKey,
    begun_ms: Option<i64>,
    to: &Path,
    told: &dyn Fn(u64, u64),
) -> Result<Option<Fetched>, VaultError> {
    for attempt in 1.. {
        let known = Known::list(storage, key.mark())?;
        let journals = known.journals();
        let is_it = |journal: &&JournalName| begun_ms.is_none_or(|begun| journal.begun_ms == begun);
        let Some(journal) = journals.iter().rfind(is_it).copied() else { return Ok(None) };
        fs::create_dir_all(to).map_err(failed("make", to))?;
        let fetched = Fetched { begun_ms: journal.begun_ms, ..Fetched::default() };
        let (written, is_outrun) = (Vec::new(), false);
        let mut fetching = Fetching {
            storage,
            key,
            known: &known,
            journal,
            to,
            told,
            fetched,
            written,
            is_outrun,
        };
        fetching.all()?;
        if !fetching.is_outrun || attempt == ATTEMPTS {
            super::begin(to, journal.begun_ms)?;
            return Ok(Some(fetching.fetched));
        }
        // Its pieces have become a segment meanwhile: what is there now is listed anew.
        for path in fetching.written.iter().filter(|path| path.exists()) {
            fs::remove_file(path).map_err(failed("remove", path))?;
        }
    }
    unreachable!("the last attempt returns")
}

/// Whoever still writes there puts a segment in the place of its pieces, which then go.
const ATTEMPTS: u32 = 5;

struct Fetching<'a> {
    storage: &'a dyn Storage,
    key: &'a JournalKey,
    known: &'a Known,
    journal: JournalName,
    to: &'a Path,
    told: &'a dyn Fn(u64, u64),
    fetched: Fetched,
    written: Vec<PathBuf>,
    /// Something that was listed was gone when it was read.
    is_outrun: bool,
}

impl Fetching<'_> {
    fn all(&mut self) -> Result<(), VaultError> {
        let numbers = self.known.numbers(self.journal);
        let (first, last) = (numbers.first().copied(), numbers.last().copied());
        let (Some(first), Some(last)) = (first, last) else { return Ok(()) };
        let mut sequence = None;
        for number in first..=last {
            let segments = self.known.segments(self.journal);
            let of_number = |segment: &&SegmentName| segment.number == number;
            let segment = segments.filter(of_number).max().copied();
            let part = match segment {
                Some(segment) => self.segment(&segment)?,
                None => self.log(number)?,
            };
            let Some(part) = part else { return Ok(()) };
            let summary = &part.summary;
            let begins = (summary.last_sequence + 1).saturating_sub(summary.transactions);
            if summary.transactions > 0 {
                if sequence.is_some_and(|last| last + 1 != begins) {
                    let lacks = format!("the end of log {}", number - 1);
                    self.fetched.lacks.push(lacks);
                    return fs::remove_file(&part.path).map_err(failed("remove", &part.path));
                }
                sequence = Some(summary.last_sequence);
                self.fetched.until_ms = summary.last_ms;
            }
        }
        folder::sync(self.to)
    }

    fn segment(&mut self, name: &SegmentName) -> Result<Option<Part>, VaultError> {
        let file = name.file();
        let bytes = match self.storage.read(file) {
            Err(VaultError::Missing { .. }) => {
                self.is_outrun = true;
                return Ok(self.lacks(format!("{file}, which was there just now")));
            }
            bytes => bytes?,
        };
        let id = Id::of(&bytes);
        if !name.is_of(&id) {
            return Ok(self.lacks(format!("{file}: its bytes were changed")));
        }
        let path = folder::segment_path(self.to, name.number, &id);
        self.write(&path, &[&bytes])?;
        self.opened(Part::open_segment(&self.key.0, &path, name.number), &path)
    }

    /// Out of pieces, as far as they reach.
    fn log(&mut self, number: u64) -> Result<Option<Part>, VaultError> {
        let chain = self.known.chain(self.journal, number);
        let path = folder::log_path(self.to, number);
        let (mut pieces, mut at) = (Vec::new(), 0_u64);
        for piece in &chain {
            let file = piece.file();
            let bytes = match self.storage.read(file) {
                Err(VaultError::Missing { .. }) => {
                    self.is_outrun = true;
                    self.fetched.lacks.push(format!("{file}, which was there just now"));
                    break;
                }
                bytes => bytes?,
            };
            if !piece.is_of(&bytes) {
                self.fetched.lacks.push(format!("{file}: its bytes were changed"));
                break;
            }
            let known = usize::try_from(at - piece.offset).unwrap_or(usize::MAX);
            pieces.push(bytes.slice(known.min(bytes.len())..));
            at = piece.end();
        }
        let behind = self.known.last_piece(self.journal, number).filter(|last| last.end() > at);
        if let Some(behind) = behind.filter(|_| self.fetched.lacks.is_empty()) {
            let PieceName { offset, .. } = behind;
            self.fetched.lacks.push(format!(
                "log {number} from byte {at}; more is there up to {}",
                offset + u64::from(behind.bytes)
            ));
        }
        if at == 0 {
            return Ok(match self.fetched.lacks.is_empty() {
                true => self.lacks(format!("log {number}")),
                false => None,
            });
        }
        let parts: Vec<&[u8]> = pieces.iter().map(AsRef::as_ref).collect();
        self.write(&path, &parts)?;
        let part = Part::open_log(&self.key.0, &path, number, &crate::journal::Lookups::default());
        let part = self.opened(part, &path)?;
        if let Some(part) = &part
            && !self.fetched.lacks.is_empty()
        {
            self.fetched.until_ms = self.fetched.until_ms.max(part.summary.last_ms);
            return Ok(None);
        }
        Ok(part)
    }

    /// What opens with the key is what was written.
    fn opened(
        &mut self,
        part: Result<Part, VaultError>,
        path: &Path,
    ) -> Result<Option<Part>, VaultError> {
        match part {
            Err(error @ VaultError::DamagedJournal { .. }) => {
                fs::remove_file(path).map_err(failed("remove", path))?;
                Ok(self.lacks(error.to_string()))
            }
            part => part.map(Some),
        }
    }

    fn lacks(&mut self, what: String) -> Option<Part> {
        self.fetched.lacks.push(what);
        None
    }

    fn write(&mut self, path: &Path, parts: &[&[u8]]) -> Result<(), VaultError> {
        let write = || {
            let mut file = File::options().write(true).create_new(true).open(path)?;
            for part in parts {
                file.write_all(part)?;
            }
            file.sync_all()
        };
        write().map_err(failed("write", path))?;
        self.written.push(path.to_owned());
        self.fetched.files += 1;
        self.fetched.bytes += parts.iter().map(|part| part.len() as u64).sum::<u64>();
        (self.told)(self.fetched.files, self.fetched.bytes);
        Ok(())
    }
}
