//! Files that appear whole or not at all, and the place for damaged ones.

use crate::error::SeriesError;
use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

const HALF_MADE: &str = "new";

/// The name of a file that is not whole yet.
pub(crate) fn new_name(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".");
    name.push(HALF_MADE);
    name.into()
}

/// Gives a synced file its name, and makes that last.
pub(crate) fn put_in_place(new: &Path, path: &Path) -> Result<(), SeriesError> {
    fs::rename(new, path).map_err(SeriesError::file("rename", new))?;
    sync_folder_of(path)
}

/// Makes last which names the folder of `path` has.
pub(crate) fn sync_folder_of(path: &Path) -> Result<(), SeriesError> {
    let folder = path.parent().expect("invariant: our files lie in a folder");
    let sync = || File::open(folder)?.sync_all();
    sync().map_err(SeriesError::file("sync folder", folder))
}

/// Writes a file whole, under its name only once it is on disk.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), SeriesError> {
    let new = new_name(path);
    let write = || {
        let mut file = File::create(&new)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(SeriesError::file("write", &new))?;
    put_in_place(&new, path)
}

/// Removes a file that may have gone before.
pub(crate) fn remove(path: &Path) -> Result<(), SeriesError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(SeriesError::file("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// The names of the files in a folder that `parse` understands, sorted; what is half-made goes away.
pub(crate) fn list<T: Ord>(
    folder: &Path,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, SeriesError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(SeriesError::file("list", folder))? {
        let path = entry.map_err(SeriesError::file("list", folder))?.path();
        if path.extension().is_some_and(|extension| extension == HALF_MADE) {
            remove(&path)?;
        } else if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
            found.extend(parse(name));
        }
    }
    found.sort();
    Ok(found)
}

/// What is damaged, kept as it was found. Never more than a limit, the oldest going first: a disk that breaks must not be filled by it.
#[derive(Debug, Clone)]
pub(crate) struct Quarantine {
    folder: PathBuf,
}

/// Files kept at most.
const MOST_KEPT: usize = 64;

impl Quarantine {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub(crate) fn count(&self) -> Result<usize, SeriesError> {
        list(&self.folder, |name| Some(name.to_owned())).map(|names| names.len())
    }

    /// Moves a file here.
    pub(crate) fn take(&self, path: &Path) -> Result<(), SeriesError> {
        fs::rename(path, self.place_for(path)?).map_err(SeriesError::file("set aside", path))?;
        sync_folder_of(path)
    }

    /// Copies a file here, of which the rest is still used.
    pub(crate) fn copy(&self, path: &Path) -> Result<(), SeriesError> {
        let place = self.place_for(path)?;
        fs::copy(path, place).map(drop).map_err(SeriesError::file("set aside", path))
    }

    fn place_for(&self, path: &Path) -> Result<PathBuf, SeriesError> {
        let numbered = |name: &str| {
            let (number, _) = name.split_once('-')?;
            number.parse::<u64>().ok().map(|number| (number, name.to_owned()))
        };
        let kept = list(&self.folder, numbered)?;
        for (_, oldest) in kept.iter().take((kept.len() + 1).saturating_sub(MOST_KEPT)) {
            tracing::warn!(file = oldest, "too much is damaged to keep all: the oldest goes");
            remove(&self.folder.join(oldest))?;
        }
        let number = kept.last().map_or(1, |(number, _)| number + 1);
        let mut name = OsString::from(format!("{number:06}-"));
        name.push(path.file_name().expect("invariant: our files have names"));
        Ok(self.folder.join(name))
    }
}
