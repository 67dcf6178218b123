//! How it stands with the archive of a server's log: a file beside the journal, replaced as a whole, that
//! control reads; and another by which control says from where on the archive is wanted (docs/formats/wal.md).

use crate::{
    VaultError,
    journal::Place,
    stream::{CopyStanding, Gap, Hindrance, State, Trouble},
};
use databases::wal::SegmentName;
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Of the files.
const EXTENSION: &str = "wal.json";
const KEPT_FROM: &str = "wal.keep";

/// How it stands. Times are Unix milliseconds; those of the log by the server's clock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Standing {
    /// When it was written, by this machine's clock: one that is old is nobody's.
    pub at_ms: i64,
    pub state: State,
    /// A base backup that began since has all of the log behind it.
    pub begun_ms: Option<i64>,
    /// All that was acknowledged by then is on this machine's disk, what is not sealed yet among it.
    pub current_ms: Option<i64>,
    /// The byte of the log before which all of that lies.
    pub current_at: Option<u64>,
    /// Of the server's log, still to come.
    pub behind_bytes: Option<u64>,
    pub segment_bytes: Option<u64>,
    /// What the archive takes, and its files.
    pub bytes: u64,
    pub segments: u64,
    pub obstacles: Vec<Hindrance>,
    /// Why nothing is received at the moment.
    pub trouble: Option<Trouble>,
    /// Log that nobody has; only a base backup that begins after `until_ms` makes up for it.
    pub gap: Option<Gap>,
    /// Elsewhere, in the order of the configuration: the whole files.
    pub copies: Vec<CopyStanding>,
}

impl Standing {
    /// What was said last; `None`: nobody ever kept this server's log.
    ///
    /// # Errors
    /// When it cannot be read, or is not understood.
    pub fn read(place: &Place) -> Result<Option<Self>, VaultError> {
        let path = place.beside(EXTENSION);
        let failed = |operation, source| VaultError::File { operation, path: path.clone(), source };
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.map_err(|error| failed("read", error))?,
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| failed("understand", error.into()))
    }

    /// Replaces what was said before. It need not outlive a loss of power: it is said anew each second.
    pub(super) fn write(&self, place: &Place) -> Result<(), VaultError> {
        let bytes = serde_json::to_vec(self).expect("invariant: our own types are JSON");
        replace(place.beside(EXTENSION), &place.beside("wal.json.new"), &bytes)
    }
}

/// Says from which segment on the archive is wanted: that of the oldest base backup.
///
/// # Errors
/// When it cannot be written.
pub fn keep_from(place: &Place, segment: SegmentName) -> Result<(), VaultError> {
    if kept_from(place)? == Some(segment) {
        return Ok(());
    }
    replace(place.beside(KEPT_FROM), &place.beside("wal.keep.new"), segment.to_string().as_bytes())
}

/// From where on the archive is wanted; `None`: nobody has said, and all of it is.
pub(super) fn kept_from(place: &Place) -> Result<Option<SegmentName>, VaultError> {
    let path = place.beside(KEPT_FROM);
    let failed = |operation, source| VaultError::File { operation, path: path.clone(), source };
    match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", error)),
        Ok(text) => text
            .parse()
            .map(Some)
            .map_err(|odd| failed("understand", io::Error::new(io::ErrorKind::InvalidData, odd))),
    }
}

fn replace(path: PathBuf, new: &Path, bytes: &[u8]) -> Result<(), VaultError> {
    let written = fs::write(new, bytes).and_then(|()| fs::rename(new, &path));
    written.map_err(|source| VaultError::File { operation: "write", path, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read_and_what_an_older_program_said_as_well() {
        let folder = testkit::folder();
        let place = Place::of(folder.path(), &"lamps".parse().unwrap());
        place.make_key().unwrap();
        assert_eq!(Standing::read(&place).unwrap(), None);
        fs::write(place.beside(EXTENSION), "{\"state\": \"following\", \"other\": 1}").unwrap();
        let read = Standing::read(&place).unwrap().unwrap();
        assert_eq!(read, Standing { state: State::Following, ..Standing::default() });
        let standing = Standing { bytes: 7, ..read };
        standing.write(&place).unwrap();
        assert_eq!(Standing::read(&place).unwrap(), Some(standing));
    }

    #[test]
    fn all_is_kept_until_somebody_says_from_where_on() {
        let folder = testkit::folder();
        let place = Place::of(folder.path(), &"lamps".parse().unwrap());
        place.make_key().unwrap();
        assert_eq!(kept_from(&place).unwrap(), None);
        let segment: SegmentName = "00000001000000000000002A".parse().unwrap();
        keep_from(&place, segment).unwrap();
        assert_eq!(kept_from(&place).unwrap(), Some(segment));
        fs::write(place.beside(KEPT_FROM), "all").unwrap();
        assert!(kept_from(&place).is_err());
    }
}
