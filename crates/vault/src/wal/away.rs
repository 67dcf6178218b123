//! The archive elsewhere: its sealed files as they are, each under a name that says which one it is and what is
//! in it. Nothing is written over, so a bucket with object lock will do.

use super::{
    archive::{Archive, LogFile},
    follows,
};
use crate::{
    Id, VaultError,
    storage::{Fault, FileKind, FileName, Storage},
};
use databases::wal::SegmentName;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// So much of the SHA-256 of what is in it stands in a name.
const HASH_BYTES: usize = 16;

/// A place, and what it is known to have of the archive of one key.
#[derive(Debug)]
pub(super) struct Away {
    storage: Arc<dyn Storage>,
    mark: u32,
    known: BTreeMap<LogFile, Vec<(Id, u64)>>,
    /// What the place did not let go. It is not asked again.
    unremovable: BTreeSet<Id>,
}

impl Away {
    /// Looks at what is there.
    pub(super) fn open(storage: Arc<dyn Storage>, mark: u32) -> Result<Self, VaultError> {
        let mut known: BTreeMap<LogFile, Vec<(Id, u64)>> = BTreeMap::new();
        for listed in storage.list(FileKind::WalFile)? {
            if let Some((_, file)) = named(listed.id).filter(|(of, _)| *of == mark) {
                known.entry(file).or_default().push((listed.id, listed.size_bytes));
            }
        }
        Ok(Self { storage, mark, known, unremovable: BTreeSet::new() })
    }

    pub(super) fn bytes(&self) -> u64 {
        self.known.values().flatten().map(|(_, bytes)| bytes).sum()
    }

    /// Whether the place has refused to let something go.
    pub(super) fn keeps_all(&self) -> bool {
        !self.unremovable.is_empty()
    }

    /// Sends what the place lacks, the oldest first, and lets go what is older than all that is here. Gives
    /// the newest that is there.
    pub(super) fn send(&mut self, archive: &Archive) -> Result<Option<LogFile>, VaultError> {
        let here = archive.list()?;
        for (file, bytes) in &here {
            let is_there = |known: &Vec<(Id, u64)>| known.iter().any(|(_, size)| size == bytes);
            if self.known.get(file).is_some_and(is_there) {
                continue;
            }
            let sealed = archive.sealed(*file)?;
            let id = name(self.mark, *file, &sealed);
            self.storage.write(FileName::new(FileKind::WalFile, id), sealed.into())?;
            // One that was sealed before it was whole has lost its use.
            let before = self.known.insert(*file, vec![(id, *bytes)]).unwrap_or_default();
            self.remove(before.into_iter().map(|(id, _)| id).filter(|before| *before != id))?;
        }
        let oldest = here.keys().find(|file| matches!(file, LogFile::Segment(_))).copied();
        if let Some(oldest) = oldest {
            let is_old = |file: &LogFile| matches!(file, LogFile::Segment(_)) && *file < oldest;
            let old: Vec<LogFile> = self.known.keys().copied().filter(is_old).collect();
            for file in old {
                let gone = self.known.remove(&file).unwrap_or_default();
                self.remove(gone.into_iter().map(|(id, _)| id))?;
            }
        }
        Ok(here.into_keys().rfind(|file| matches!(file, LogFile::Segment(_))))
    }

    fn remove(&mut self, ids: impl Iterator<Item = Id>) -> Result<(), VaultError> {
        for id in ids.filter(|id| !self.unremovable.contains(id)).collect::<Vec<_>>() {
            match self.storage.remove(FileName::new(FileKind::WalFile, id)) {
                Err(VaultError::Storage {
                    fault: Fault::NotPermitted | Fault::Protected, ..
                }) => {
                    self.unremovable.insert(id);
                }
                removed => removed?,
            }
        }
        Ok(())
    }
}

/// Brings an archive back from a place, and names what is missing or damaged there: what comes after the first
/// hole is of no use.
///
/// # Errors
/// [`VaultError::Storage`]; [`VaultError::File`].
pub fn fetch(
    storage: &Arc<dyn Storage>,
    archive: &Archive,
    segment_bytes: u64,
) -> Result<Vec<String>, VaultError> {
    let away = Away::open(Arc::clone(storage), archive.mark())?;
    let mut lacks = Vec::new();
    let mut last: Option<SegmentName> = None;
    for (file, ids) in &away.known {
        if let (LogFile::Segment(name), Some(last)) = (file, last)
            && !follows(last, *name, segment_bytes)
        {
            lacks.push(format!("the log between {last} and {name}"));
        }
        if let LogFile::Segment(name) = file {
            last = Some(*name);
        }
        let mut is_whole = false;
        for (id, _) in ids {
            let sealed = storage.read(FileName::new(FileKind::WalFile, *id))?;
            if name(away.mark, *file, &sealed) == *id {
                archive.take(*file, &sealed)?;
                is_whole = true;
            }
        }
        if !is_whole {
            lacks.push(file.to_string());
        }
    }
    Ok(lacks)
}

/// The key's mark, the file, and how the SHA-256 of what is sealed begins.
fn name(mark: u32, file: LogFile, sealed: &[u8]) -> Id {
    let (place, timeline) = match file {
        LogFile::Segment(name) => (name.place(), name.timeline()),
        LogFile::History(timeline) => (u64::MAX, timeline),
    };
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&mark.to_be_bytes());
    bytes[4..12].copy_from_slice(&place.to_be_bytes());
    bytes[12..16].copy_from_slice(&timeline.to_be_bytes());
    bytes[16..].copy_from_slice(&Id::of(sealed).as_bytes()[..HASH_BYTES]);
    Id::from_bytes(bytes)
}

fn named(id: Id) -> Option<(u32, LogFile)> {
    let (mark, rest) = id.as_bytes().split_first_chunk()?;
    let (place, rest) = rest.split_first_chunk()?;
    let (timeline, _) = rest.split_first_chunk()?;
    let (place, timeline) = (u64::from_be_bytes(*place), u32::from_be_bytes(*timeline));
    let file = match place {
        u64::MAX => LogFile::History(timeline),
        place => LogFile::Segment(SegmentName::new(timeline, place)),
    };
    Some((u32::from_be_bytes(*mark), file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_elsewhere_say_which_file_it_is() {
        for file in ["00000002000000030000002A", "00000007.history"] {
            let file: LogFile = file.parse().unwrap();
            let id = name(0x0102_0304, file, b"x");
            assert_eq!(named(id), Some((0x0102_0304, file)));
            assert_ne!(id, name(0x0102_0304, file, b"y"));
        }
        let segment: LogFile = "00000002000000030000002A".parse().unwrap();
        let expect = "01020304000000030000002a000000022d711642b726b04401627ca9fbac32f5";
        assert_eq!(name(0x0102_0304, segment, b"x").to_string(), expect);
    }
}
