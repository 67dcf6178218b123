//! The file a long request body waits in: unlinked from birth, so that a crash leaves nothing.

use bytes::Bytes;
use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// The disk space all long bodies share.
#[derive(Debug)]
pub(crate) struct Spill {
    directory: PathBuf,
    most_bytes: u64,
    used_bytes: AtomicU64,
}

impl Spill {
    /// `directory` is made when it is first needed.
    pub(crate) fn new(directory: PathBuf, most_bytes: u64) -> Arc<Self> {
        Arc::new(Self { directory, most_bytes, used_bytes: AtomicU64::new(0) })
    }

    /// Gauge: bytes of all bodies that wait in files now.
    pub(crate) fn used_bytes(&self) -> u64 {
        self.used_bytes.load(Ordering::Relaxed)
    }
}

/// One body's file. Gives its space back when dropped.
#[derive(Debug)]
pub(super) struct SpillFile {
    file: File,
    len: u64,
    space: Arc<Spill>,
}

impl SpillFile {
    pub(super) fn create(space: Arc<Spill>) -> io::Result<Self> {
        let file = tempfile::tempfile_in(&space.directory).or_else(|error| {
            if error.kind() != io::ErrorKind::NotFound {
                return Err(error);
            }
            std::fs::create_dir_all(&space.directory)?;
            tempfile::tempfile_in(&space.directory)
        })?;
        Ok(Self { file, len: 0, space })
    }

    /// # Errors
    /// `StorageFull` when all bodies together would need more than they may.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let len = bytes.len() as u64;
        let most = self.space.most_bytes;
        let take = |used: u64| used.checked_add(len).filter(|used| *used <= most);
        let order = Ordering::Relaxed;
        if self.space.used_bytes.fetch_update(order, order, take).is_err() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        // Counted before it is written: a failed write's space comes back with the drop.
        let at = self.len;
        self.len += len;
        self.file.write_all_at(bytes, at)
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// `len` bytes from `at` on; fewer at the end is an error, for the file does not shrink.
    pub(super) fn read(&self, at: u64, len: usize) -> io::Result<Bytes> {
        let mut piece = vec![0; len];
        self.file.read_exact_at(&mut piece, at)?;
        Ok(piece.into())
    }
}

impl Drop for SpillFile {
    fn drop(&mut self) {
        self.space.used_bytes.fetch_sub(self.len, Ordering::Relaxed);
    }
}
