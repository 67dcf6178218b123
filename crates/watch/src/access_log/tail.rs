//! Follows one log file through its rotations: which bytes were read, and where the next ones are.
//!
//! A file is known by its inode and by how it begins, since inodes are used again. Renamed away, it is
//! read to its end before and while the new one is read; copied away and cut, the rest is read from
//! the copy; compressed, it is gone. No byte is read twice.

use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

/// No line is longer that a server writes; what is, is passed over.
pub(crate) const LONGEST_LINE: usize = 64 * 1024;
/// How much is read at once.
const BLOCK: usize = 256 * 1024;
/// As much of a file's beginning as tells it from others.
const HEAD: usize = 256;
/// Of a log that nobody has read yet, so much is read: the last hours of most shops.
const LOOK_BACK: u64 = 64 << 20;
/// Turns without anything new after which a file that was renamed away is let go.
const IDLE_TURNS: u32 = 60;
/// Files that were renamed away and are still read.
const MOST_LEAVING: usize = 8;
/// What compressed files end in.
const COMPRESSED: [&str; 5] = ["gz", "bz2", "xz", "zst", "lz4"];

/// How far a file was read, for the next start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    inode: u64,
    /// Where the first line begins that was not read.
    offset: u64,
    head: Head,
}

/// How a file begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Head {
    length: u64,
    hash: u64,
}

/// What a turn did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Turn {
    /// Lines that were too long.
    pub(crate) too_long: u64,
    /// Bytes that are there and were not read yet.
    pub(crate) behind_bytes: u64,
}

#[derive(Debug)]
pub(crate) struct Tail {
    path: PathBuf,
    current: Option<Open>,
    /// Renamed away, the oldest first.
    leaving: Vec<Open>,
    block: Vec<u8>,
}

#[derive(Debug)]
struct Open {
    file: File,
    device: u64,
    inode: u64,
    offset: u64,
    head: Head,
    /// Within a line that is too long.
    skips: bool,
    idle_turns: u32,
    /// Nobody writes there any more: it is done with when it was read.
    is_copy: bool,
}

impl Tail {
    /// Goes on from `places`, of which the last is the file itself; without any, a stretch of the
    /// file's end is read first. Answers too whether a file with unread lines is gone.
    pub(crate) fn new(path: &Path, places: &[Place]) -> (Self, bool) {
        let path = path.to_owned();
        let mut tail = Self { path, current: None, leaving: Vec::new(), block: vec![0; BLOCK] };
        let mut is_lost = false;
        for place in places {
            match tail.find(place) {
                Some((open, true)) => tail.current = Some(open),
                Some((open, false)) => tail.leaving.push(open),
                None => is_lost = true,
            }
        }
        if places.is_empty()
            && let Ok(mut open) = Open::new(&tail.path)
        {
            open.look_back();
            tail.current = Some(open);
        }
        (tail, is_lost)
    }

    /// How far all files were read.
    pub(crate) fn places(&self) -> Vec<Place> {
        self.leaving.iter().chain(&self.current).map(Open::place).collect()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Hands whole lines to `take`, about `most` bytes of them.
    ///
    /// # Errors
    /// When there is no file, or it cannot be read. What was handed over stays so.
    pub(crate) fn turn(&mut self, most: usize, take: &mut dyn FnMut(&[u8])) -> io::Result<Turn> {
        let mut turn = Turn::default();
        let found = self.look();
        let mut left = most;
        let reading = self.leaving.iter_mut().chain(&mut self.current);
        for open in reading {
            let read = open.read(&mut self.block, left, take, &mut turn)?;
            left = left.saturating_sub(read);
            open.idle_turns = match read {
                0 if open.is_copy => IDLE_TURNS,
                0 => open.idle_turns + 1,
                _ => 0,
            };
        }
        self.leaving.retain(|open| open.idle_turns < IDLE_TURNS);
        found.map(|()| turn)
    }

    /// Sees whether the file was renamed, made anew, or cut.
    fn look(&mut self) -> io::Result<()> {
        let found = match fs::metadata(&self.path) {
            Ok(found) => found,
            // Between a rename and the new file: the old one is read on.
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.current.is_some() => {
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let Some(current) = &mut self.current else {
            self.current = Some(Open::new(&self.path)?);
            return Ok(());
        };
        if (current.device, current.inode) != (found.dev(), found.ino()) {
            let new = Open::new(&self.path)?;
            self.leaving.extend(self.current.replace(new));
            if self.leaving.len() > MOST_LEAVING {
                self.leaving.remove(0);
            }
            return Ok(());
        }
        if current.was_cut(found.len())? {
            let place = current.place();
            current.begin_anew();
            if let Some(copy) = self.sibling(|open| open.begins_as(&place.head), &place) {
                self.leaving.push(Open { is_copy: true, ..copy });
            }
            return Ok(());
        }
        current.learn_head()
    }

    /// The file of a place, and whether it is at its old path.
    fn find(&self, place: &Place) -> Option<(Open, bool)> {
        let resumed = |mut open: Open| {
            (open.offset, open.head) = (place.offset, place.head);
            open
        };
        if let Ok(open) = Open::new(&self.path)
            && open.inode == place.inode
            && open.begins_as(&place.head)
            && open.file.metadata().is_ok_and(|found| found.len() >= place.offset)
        {
            return Some((resumed(open), true));
        }
        let same = |open: &Open| open.inode == place.inode && open.begins_as(&place.head);
        let renamed = self.sibling(same, place);
        // A file without content begins as all do.
        let copied = || {
            let told = place.head.length > 0;
            told.then(|| self.sibling(|open| open.begins_as(&place.head), place)).flatten()
        };
        renamed.or_else(copied).map(|open| (open, false))
    }

    /// A file beside the log, named after it and not compressed, which holds what was not read.
    fn sibling(&self, fits: impl Fn(&Open) -> bool, place: &Place) -> Option<Open> {
        let (folder, name) = (self.path.parent()?, self.path.file_name()?.to_str()?);
        let stem = name.strip_suffix(".log").unwrap_or(name);
        for entry in fs::read_dir(folder).ok()?.flatten() {
            let path = entry.path();
            let named = entry.file_name().to_str().is_some_and(|other| other.starts_with(stem));
            let is_compressed = path.extension().and_then(|end| end.to_str());
            if !named
                || path == self.path
                || is_compressed.is_some_and(|end| COMPRESSED.contains(&end))
            {
                continue;
            }
            let Ok(mut open) = Open::new(&path) else { continue };
            let length = open.file.metadata().map_or(0, |found| found.len());
            if length >= place.offset && fits(&open) {
                (open.offset, open.head) = (place.offset, place.head);
                return Some(open);
            }
        }
        None
    }
}

impl Open {
    fn new(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::other("it is no file"));
        }
        let (device, inode) = (found.dev(), found.ino());
        let head = Head::default();
        Ok(Self {
            file,
            device,
            inode,
            offset: 0,
            head,
            skips: false,
            idle_turns: 0,
            is_copy: false,
        })
    }

    fn place(&self) -> Place {
        Place { inode: self.inode, offset: self.offset, head: self.head }
    }

    /// Begins so near the end that it is read within a moment, at the beginning of a line.
    fn look_back(&mut self) {
        let length = self.file.metadata().map_or(0, |found| found.len());
        if length > LOOK_BACK {
            self.offset = length - LOOK_BACK;
            self.skips = true;
        }
    }

    fn head_of(&self, length: u64) -> io::Result<Head> {
        if length == 0 {
            return Ok(Head::default());
        }
        let mut bytes = [0; HEAD];
        let wanted = usize::try_from(length).map_or(HEAD, |length| length.min(HEAD));
        let mut read = 0;
        while read < wanted {
            match self.file.read_at(&mut bytes[read..wanted], read as u64)? {
                0 => break,
                more => read += more,
            }
        }
        let mut hasher = DefaultHasher::new();
        bytes[..read].hash(&mut hasher);
        Ok(Head { length: read as u64, hash: hasher.finish() })
    }

    fn begins_as(&self, head: &Head) -> bool {
        self.head_of(head.length).is_ok_and(|found| found == *head)
    }

    /// The longer a beginning, the better it is known. Never longer than what was read.
    fn learn_head(&mut self) -> io::Result<()> {
        if self.head.length < HEAD as u64 && self.offset > self.head.length {
            self.head = self.head_of(self.offset)?;
        }
        Ok(())
    }

    fn was_cut(&self, length: u64) -> io::Result<bool> {
        let begins_otherwise = || self.head_of(self.head.length).map(|found| found != self.head);
        Ok(length < self.offset || (self.head.length > 0 && begins_otherwise()?))
    }

    fn begin_anew(&mut self) {
        (self.offset, self.head, self.skips) = (0, Head::default(), false);
    }

    /// Reads whole lines; answers how many bytes.
    fn read(
        &mut self,
        block: &mut [u8],
        most: usize,
        take: &mut dyn FnMut(&[u8]),
        turn: &mut Turn,
    ) -> io::Result<usize> {
        let begun = self.offset;
        let done = |open: &Self| usize::try_from(open.offset - begun).unwrap_or(usize::MAX);
        while done(self) < most {
            let read = self.file.read_at(block, self.offset)?;
            let text = &block[..read];
            let Some(last) = memchr::memrchr(b'\n', text) else {
                // A line that is being written, or one without end.
                if read >= LONGEST_LINE {
                    turn.too_long += u64::from(!self.skips);
                    self.skips = true;
                }
                self.offset += if self.skips { read as u64 } else { 0 };
                if read == block.len() {
                    continue;
                }
                break;
            };
            let mut lines = &text[..=last];
            if std::mem::take(&mut self.skips) {
                lines = &lines[memchr::memchr(b'\n', lines).map_or(lines.len(), |end| end + 1)..];
            }
            let mut begins = 0;
            for end in memchr::memchr_iter(b'\n', lines) {
                let line = &lines[begins..end];
                begins = end + 1;
                if line.len() > LONGEST_LINE {
                    turn.too_long += 1;
                } else if !line.is_empty() {
                    take(line.strip_suffix(b"\r").unwrap_or(line));
                }
            }
            self.offset += last as u64 + 1;
        }
        let length = self.file.metadata()?.len();
        turn.behind_bytes += length.saturating_sub(self.offset);
        self.learn_head()?;
        Ok(done(self))
    }
}

#[cfg(test)]
mod tests;
