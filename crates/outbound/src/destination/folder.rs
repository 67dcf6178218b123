//! A folder: of another disk, or of a network that somebody mounted.

use super::{Copy, DEADLINE};
use crate::OutboundError;
use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

#[derive(Debug, Clone)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) fn label(&self) -> String {
        self.0.display().to_string()
    }

    /// The folder itself must be there. Were it made, a disk that is not mounted would look like one
    /// that took the copy.
    pub(super) async fn put(&self, copy: Copy) -> Result<(), OutboundError> {
        let root = self.0.clone();
        let path = root.join(&copy.name);
        let failed = {
            let path = path.clone();
            |source| OutboundError::Keep { path, source }
        };
        let writing = tokio::task::spawn_blocking(move || keep(&root, &path, &copy));
        // A network's folder whose server is gone keeps its thread for as long as it likes, but not us.
        let Ok(written) = tokio::time::timeout(DEADLINE, writing).await else {
            return Err(OutboundError::Deadline { place: self.label(), deadline: DEADLINE });
        };
        match written {
            Ok(Ok(Kept::Whole)) => Ok(()),
            Ok(Ok(Kept::Other(path))) => Err(OutboundError::Other { path }),
            Ok(Err(error)) => Err(failed(error)),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The runtime shuts down.
            Err(error) => Err(failed(io::Error::other(error))),
        }
    }
}

enum Kept {
    Whole,
    /// Another content has this name already.
    Other(PathBuf),
}

/// Whole or not at all, and on the disk.
fn keep(root: &Path, path: &Path, copy: &Copy) -> io::Result<Kept> {
    if let Some(kept) = kept_before(path, copy)? {
        return Ok(kept);
    }
    let folder = path.parent().unwrap_or(root);
    if folder != root {
        // Only what lies below: `create_dir` fails where the folder itself is missing.
        let below = folder.strip_prefix(root).unwrap_or(Path::new(""));
        let mut made = root.to_owned();
        for part in below {
            let above = made.clone();
            made.push(part);
            match fs::create_dir(&made) {
                Ok(()) => File::open(above)?.sync_all()?,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".part");
    let mut file = File::create(&unfinished)?;
    file.write_all(&copy.body)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    File::open(folder)?.sync_all()?;
    Ok(Kept::Whole)
}

fn kept_before(path: &Path, copy: &Copy) -> io::Result<Option<Kept>> {
    match fs::read(path) {
        Ok(bytes) if bytes == copy.body => Ok(Some(Kept::Whole)),
        Ok(_) => Ok(Some(Kept::Other(path.to_owned()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
