//! Why the store did not do what it was asked for.

use std::{io, path::PathBuf, sync::Arc};

/// What can go wrong with the metrics store. Damage of single blocks is not among it: that is counted in the statistics,
/// and everything else is served.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SeriesError {
    #[error("open the metrics store in `{}`: another process has it open", folder.display())]
    Locked { folder: PathBuf },
    #[error("read `{}`: a newer version wrote it", path.display())]
    Newer { path: PathBuf },
    #[error("{operation} `{}`", path.display())]
    File {
        operation: &'static str,
        path: PathBuf,
        #[source]
        source: Arc<io::Error>,
    },
    #[error("name a series: {reason}")]
    Label { reason: String },
    #[error("add a series: the limit of {limit} is reached")]
    TooManySeries { limit: usize },
    /// Nothing of the batch was taken. The caller may come again once the log is written, or leave them out and say so.
    #[error("append samples: {waiting_bytes} bytes wait for the log, which is not written")]
    Behind { waiting_bytes: usize },
    /// Nothing of the batch was taken; it can be again once maintenance has made a part of what is in memory.
    #[error("append samples: {head_bytes} bytes are kept in memory, which no part was made of")]
    MemoryFull { head_bytes: usize },
    #[error("read samples: more than {limit} of one series")]
    ReadTooLarge { limit: usize },
}

impl SeriesError {
    pub(crate) fn file(
        operation: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { operation, path, source: Arc::new(source) }
    }

    /// Whether there is no room on the disk: it may pass, and what was to be written is kept as long as memory allows.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::File { source, .. }
            if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }
}

/// Bytes that are not what their format says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Damage(pub(crate) &'static str);

/// Why a block or an index could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error(transparent)]
    Damaged(#[from] Damage),
    #[error(transparent)]
    Failed(#[from] io::Error),
}
