//! What of a journal is old enough to go.

use super::{JournalKey, SegmentFile, folder, part::Part, seal::failed, segments};
use crate::VaultError;
use std::{fs, path::Path};

/// Removes segments whose last transaction is older than `before_ms` (Unix ms), the oldest first; gives
/// those that went. The newest segment stays: it knows where the journal ends.
///
/// # Errors
/// [`VaultError::DamagedJournal`] for one that cannot be read; [`VaultError::File`].
pub fn forget(
    path: &Path,
    key: &JournalKey,
    before_ms: i64,
) -> Result<Vec<SegmentFile>, VaultError> {
    let mut kept = segments(path)?;
    kept.pop();
    let mut gone = Vec::new();
    for segment in kept {
        let part = Part::open_segment(&key.0, &segment.path, segment.number)?;
        if part.summary.last_ms >= before_ms {
            break;
        }
        fs::remove_file(&segment.path).map_err(failed("remove", &segment.path))?;
        gone.push(segment);
    }
    if !gone.is_empty() {
        folder::sync(path)?;
    }
    Ok(gone)
}
