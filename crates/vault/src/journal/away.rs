//! Copies of a journal elsewhere: its segments, and of its log pieces that are never written over
//! (docs/formats/journal.md, "Elsewhere").
//!
//! A place gets what the folder here has and it has not, in whatever order it was away. Knows a storage by
//! names and bytes, and neither times nor threads: [`crate::stream`] says when. What is fetched from a place
//! ([`fetch`]) is a journal again, or the part of one up to what is missing there.

mod fetch;
mod known;
mod name;

use super::{JournalKey, folder, seal::failed};
use crate::{
    Id, VaultError,
    storage::{Fault, FileName, Storage},
};
use bytes::Bytes;
use known::Known;
use name::{JournalName, PieceName, SegmentName};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Write as _},
    ops::Range,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

pub use fetch::{Fetched, Kept, fetch, kept};

/// Of a journal's own name, in its folder.
const BEGUN: &str = "begun";
/// No piece is longer: who sends or fetches one has it in memory.
const PIECE_BYTES: u64 = 4 << 20;
/// So many short pieces of a log are brought together in one.
const SHORT_PIECES: usize = 64;
const SHORT_BYTES: u64 = 256 << 10;

/// What one round has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// Objects that were written, and their bytes.
    pub written: u64,
    pub bytes: u64,
    pub removed: u64,
}

/// How far the log that is written to is durable here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Durable {
    pub number: u64,
    pub bytes: u64,
}

/// A place, and what it is known to have of the journals of one key.
#[derive(Debug)]
pub struct Away {
    storage: Arc<dyn Storage>,
    mark: u32,
    known: Known,
    /// The journals that are known to be the same there and here.
    same: BTreeSet<i64>,
    /// What the place did not let go. It is not asked again.
    unremovable: BTreeSet<Id>,
}

impl Away {
    /// Looks at what is there.
    ///
    /// # Errors
    /// [`VaultError::Storage`].
    pub fn open(storage: Arc<dyn Storage>, key: &JournalKey) -> Result<Self, VaultError> {
        let mark = key.mark();
        let known = Known::list(storage.as_ref(), mark)?;
        Ok(Self { storage, mark, known, same: BTreeSet::new(), unremovable: BTreeSet::new() })
    }

    /// Bytes of this key's journals that are there.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.known.bytes()
    }

    /// Whether the place has refused to let something go: whoever keeps it must see to that.
    #[must_use]
    pub fn keeps_all(&self) -> bool {
        !self.unremovable.is_empty()
    }

    /// Sends what the place lacks of the journal in a folder, of the log that is written to as much as is
    /// durable; without `durable` nobody writes to it any more. Lets go what is in a segment by now, and
    /// what is no longer here.
    ///
    /// A place that has something else under this journal's name has it from before this machine was set
    /// back: the journal takes another name then.
    ///
    /// # Errors
    /// [`VaultError::Storage`]; [`VaultError::File`] also when a log became a segment meanwhile: try
    /// again; [`VaultError::DamagedJournal`] for a segment that is not what its name says.
    pub fn send(
        &mut self,
        folder: &Path,
        durable: Option<Durable>,
        now_ms: i64,
    ) -> Result<Sent, VaultError> {
        let mut sent = Sent::default();
        let mut begun_ms = begun(folder, now_ms)?;
        let listing = folder::list(folder)?;
        let is_first = !self.same.contains(&begun_ms);
        if is_first {
            if !self.is_same(begun_ms, &listing, durable)? {
                let place = self.storage.label();
                tracing::warn!(place, "another history is there: the journal takes another name");
                begun_ms = begin(folder, now_ms.max(begun_ms + 1))?;
            }
            self.same.insert(begun_ms);
        }
        let journal = JournalName { mark: self.mark, begun_ms };
        let mut has_more = is_first;
        for (number, (path, id)) in &listing.segments {
            let name = SegmentName::new(journal, *number, id);
            if !self.known.has_segment(&name) {
                let bytes = fs::read(path).map_err(failed("read", path))?;
                if Id::of(&bytes) != *id {
                    return Err(super::seal::damaged(path, 0, "it is not what its name says"));
                }
                let length = bytes.len() as u64;
                self.put(name.file(), bytes.into(), &mut sent)?;
                self.known.add_segment(name, length);
                has_more = true;
            }
        }
        for (number, path) in &listing.logs {
            let limit = match durable {
                Some(durable) if durable.number < *number => 0,
                Some(durable) if durable.number == *number => durable.bytes,
                _ => fs::metadata(path).map_err(failed("look at", path))?.len(),
            };
            self.send_log(journal, *number, path, limit, &mut sent)?;
        }
        if has_more {
            let oldest = listing.segments.keys().chain(listing.logs.keys()).min().copied();
            let over = self.known.over(journal, oldest.unwrap_or(0));
            self.remove(over, &mut sent)?;
        }
        Ok(sent)
    }

    /// Lets go of whole journals that are neither here (`folders`) nor young enough to be kept: another
    /// one of the same key began before `before_ms` (Unix ms) already.
    ///
    /// # Errors
    /// As of [`Away::send`].
    pub fn forget(&mut self, folders: &[&Path], before_ms: i64) -> Result<u64, VaultError> {
        let mut here = BTreeSet::new();
        for folder in folders {
            here.extend(read_begun(folder)?);
        }
        let over = self.known.superseded(before_ms, &here);
        let mut sent = Sent::default();
        self.remove(over, &mut sent)?;
        Ok(sent.removed)
    }

    fn send_log(
        &mut self,
        journal: JournalName,
        number: u64,
        path: &Path,
        limit: u64,
        sent: &mut Sent,
    ) -> Result<(), VaultError> {
        let mut from = self.known.reach(journal, number);
        if from >= limit {
            return Ok(());
        }
        let file = File::open(path).map_err(failed("open", path))?;
        while from < limit {
            let to = limit.min(from + PIECE_BYTES);
            self.put_piece(journal, number, (path, &file), from..to, sent)?;
            from = to;
        }
        let short = self.known.short(journal, number, SHORT_BYTES);
        let span = short.first().zip(short.last()).map(|(first, last)| first.offset..last.end());
        if let Some(span) = span.filter(|_| short.len() >= SHORT_PIECES) {
            self.put_piece(journal, number, (path, &file), span, sent)?;
            self.remove(short.iter().map(PieceName::file).collect(), sent)?;
        }
        Ok(())
    }

    fn put_piece(
        &mut self,
        journal: JournalName,
        number: u64,
        (path, file): (&Path, &File),
        span: Range<u64>,
        sent: &mut Sent,
    ) -> Result<(), VaultError> {
        let length = usize::try_from(span.end - span.start).expect("invariant: a few megabytes");
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, span.start).map_err(failed("read", path))?;
        let name = PieceName::new(journal, number, span.start, &bytes);
        self.put(name.file(), bytes.into(), sent)?;
        self.known.add_piece(name);
        Ok(())
    }

    fn put(&self, file: FileName, bytes: Bytes, sent: &mut Sent) -> Result<(), VaultError> {
        sent.bytes += bytes.len() as u64;
        self.storage.write(file, bytes)?;
        sent.written += 1;
        Ok(())
    }

    /// A place that lets nothing go is as good as one that does: it only grows.
    fn remove(&mut self, files: Vec<FileName>, sent: &mut Sent) -> Result<(), VaultError> {
        for file in files {
            if self.unremovable.contains(&file.id()) {
                continue;
            }
            match self.storage.remove(file) {
                Err(VaultError::Storage {
                    fault: Fault::NotPermitted | Fault::Protected, ..
                }) => {
                    self.unremovable.insert(file.id());
                }
                removed => {
                    removed?;
                    self.known.remove(file);
                    sent.removed += 1;
                }
            }
        }
        Ok(())
    }

    /// Whether all that the place has under this name is what is here.
    fn is_same(
        &self,
        begun_ms: i64,
        listing: &folder::Listing,
        durable: Option<Durable>,
    ) -> Result<bool, VaultError> {
        let journal = JournalName { mark: self.mark, begun_ms };
        let other = |(number, (_, id)): (&u64, &(PathBuf, Id))| {
            self.known.has_other_segment(&SegmentName::new(journal, *number, id))
        };
        let newest = listing.segments.keys().chain(listing.logs.keys()).max().copied();
        let ends = self.known.newest(journal);
        if listing.segments.iter().any(other) || ends > newest {
            return Ok(false);
        }
        // The last piece of each log tells: what came before it was there when it was written.
        for (number, path) in &listing.logs {
            let Some(last) = self.known.last_piece(journal, *number) else { continue };
            let is_durable = durable.is_none_or(|durable| {
                durable.number > *number || durable.number == *number && durable.bytes >= last.end()
            });
            let length = usize::try_from(last.end() - last.offset).unwrap_or(usize::MAX);
            let mut bytes = vec![0; length];
            let file = File::open(path).map_err(failed("open", path))?;
            match file.read_exact_at(&mut bytes, last.offset) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
                read => read.map_err(failed("read", path))?,
            }
            if !is_durable || PieceName::new(journal, *number, last.offset, &bytes) != last {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The name that tells a journal from every other of its key: when it was first to be sent anywhere, in
/// Unix ms. Every change since then is in it.
///
/// # Errors
/// [`VaultError::File`].
pub fn begun(folder: &Path, now_ms: i64) -> Result<i64, VaultError> {
    read_begun(folder)?.map_or_else(|| begin(folder, now_ms), Ok)
}

fn read_begun(folder: &Path) -> Result<Option<i64>, VaultError> {
    let path = folder.join(BEGUN);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text.map_err(failed("read", &path))?,
    };
    let odd = |_| failed("understand", &path)(io::ErrorKind::InvalidData.into());
    text.trim().parse().map(Some).map_err(odd)
}

/// On disk before anything is sent under it.
fn begin(folder: &Path, begun_ms: i64) -> Result<i64, VaultError> {
    let (path, new) = (folder.join(BEGUN), folder.join("begun.new"));
    let write = || {
        let mut file = File::create(&new)?;
        writeln!(file, "{begun_ms}")?;
        file.sync_all()?;
        fs::rename(&new, &path)
    };
    write().map_err(failed("write", &path))?;
    folder::sync(folder)?;
    Ok(begun_ms)
}
