//! The folder of a replica, and the note in it that says whose it is and how far.

use crate::DatabaseError;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, chown},
    path::{Path, PathBuf},
};

const NOTE: &str = "replica.json";
const VERSION: u32 = 1;

/// What is in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// Nothing.
    Absent,
    /// A replica that is not whole.
    Begun,
    Whole,
    /// Something that is not ours.
    Foreign,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    Begun,
    Whole,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    version: u32,
    name: String,
    phase: Phase,
    /// Accounts of the primary that were locked to fence it.
    #[serde(default)]
    pub(super) locked: Vec<String>,
}

impl Note {
    pub(super) fn new(name: &str, phase: Phase) -> Self {
        Self { version: VERSION, name: name.to_owned(), phase, locked: Vec::new() }
    }

    pub(super) fn read(folder: &Path) -> Result<Option<Self>, DatabaseError> {
        let path = folder.join(NOTE);
        let failed = |source| DatabaseError::Prepare { path: path.clone(), source };
        match fs::read(&path) {
            Ok(bytes) => {
                let note = serde_json::from_slice(&bytes).map_err(|error| failed(error.into()))?;
                Ok(Some(note))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// On disk before it returns.
    pub(super) fn write(&self, folder: &Path) -> Result<(), DatabaseError> {
        let bytes = serde_json::to_vec(self).expect("invariant: a note is plain data");
        let path = folder.join(NOTE);
        let write = || {
            let new = folder.join("replica.json.new");
            let mut file = OpenOptions::new()
                .create(true)
                .truncate(true)
                .write(true)
                .mode(0o600)
                .open(&new)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(folder)?.sync_all()
        };
        write().map_err(|source| DatabaseError::Prepare { path: path.clone(), source })
    }
}

pub(super) fn made(folder: &Path, name: &str) -> Result<Made, DatabaseError> {
    if let Some(note) = Note::read(folder)? {
        return Ok(match note.phase {
            _ if note.name != name => Made::Foreign,
            Phase::Begun => Made::Begun,
            Phase::Whole => Made::Whole,
        });
    }
    match fs::read_dir(folder) {
        Ok(mut entries) => {
            let has_more = entries.any(|entry| {
                // Left behind by whoever was killed while the first note was written.
                entry.is_ok_and(|entry| entry.file_name() != "replica.json.new")
            });
            Ok(if has_more { Made::Foreign } else { Made::Absent })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Made::Absent),
        Err(source) => Err(DatabaseError::Prepare { path: folder.to_owned(), source }),
    }
}

/// Everything but the note is gone.
pub(super) fn clear(folder: &Path) -> Result<(), DatabaseError> {
    let clear = || {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                _ if entry.file_name() == NOTE => {}
                true => fs::remove_dir_all(entry.path())?,
                false => fs::remove_file(entry.path())?,
            }
        }
        Ok(())
    };
    clear().map_err(|source| DatabaseError::Prepare { path: folder.to_owned(), source })
}

/// The note goes last: until then it is known whose the rest is.
pub(super) fn remove(folder: &Path) -> Result<(), DatabaseError> {
    clear(folder)?;
    let remove = || {
        fs::remove_file(folder.join(NOTE))?;
        // The folder itself may be a mount, or in a folder that is not ours.
        if let Err(error) = fs::remove_dir(folder) {
            tracing::debug!(%error, folder = %folder.display(), "an empty folder stays");
        }
        Ok(())
    };
    remove().map_err(|source| DatabaseError::Prepare { path: folder.to_owned(), source })
}

/// Writes a file that only the server may read.
pub(super) fn write_closed(
    folder: &Path,
    name: &str,
    text: &str,
    user: Option<&str>,
) -> Result<PathBuf, DatabaseError> {
    let path = folder.join(name);
    let write = || {
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).write(true).mode(0o600);
        let mut file = options.open(&path)?;
        file.write_all(text.as_bytes())?;
        if let Some(user) = user {
            let user = host::users::find(user).map_err(io::Error::other)?;
            chown(&path, Some(user.uid), Some(user.gid))?;
        }
        file.sync_all()
    };
    write().map_err(|source| DatabaseError::Prepare { path: path.clone(), source })?;
    Ok(path)
}

/// Whom the server of a folder runs as: whoever the folder belongs to, where we may choose.
pub(super) fn user_of(folder: &Path) -> Result<Option<String>, DatabaseError> {
    use std::os::unix::fs::MetadataExt as _;
    if !host::users::is_root() {
        return Ok(None);
    }
    let found = fs::metadata(folder)
        .map_err(|source| DatabaseError::Prepare { path: folder.to_owned(), source })?;
    Ok(host::users::name_of(found.uid()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_taken_only_where_it_is_empty_or_ours() {
        let scratch = testkit::folder();
        let folder = scratch.path().join("one");
        let look = |name: &str| made(&folder, name).unwrap();
        assert_eq!(look("a"), Made::Absent);
        fs::create_dir(&folder).unwrap();
        assert_eq!(look("a"), Made::Absent);
        fs::write(folder.join("photo"), "x").unwrap();
        assert_eq!(look("a"), Made::Foreign);
        fs::remove_file(folder.join("photo")).unwrap();
        Note::new("a", Phase::Begun).write(&folder).unwrap();
        fs::create_dir(folder.join("data")).unwrap();
        assert_eq!((look("a"), look("b")), (Made::Begun, Made::Foreign));
        clear(&folder).unwrap();
        assert!(!folder.join("data").exists());
        Note::new("a", Phase::Whole).write(&folder).unwrap();
        assert_eq!(look("a"), Made::Whole);
        remove(&folder).unwrap();
        assert!(!folder.exists());
    }
}
