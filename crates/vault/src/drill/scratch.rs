//! The folder of a drill: there only while it runs.

use crate::VaultError;
use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Dropped, it takes the folder away as far as it can.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Empties the folder of what a drill that was killed has left, and sees that there is room.
    pub(crate) fn make(path: &Path, needed_bytes: u64) -> Result<Self, VaultError> {
        clear(path)?;
        let failed = |source| file("make", path, source);
        fs::create_dir_all(path).map_err(failed)?;
        let scratch = Self { path: path.to_owned() };
        // A server that runs as another user passes through; nobody reads what is in it.
        let mode = fs::Permissions::from_mode(0o711);
        fs::set_permissions(path, mode).map_err(failed)?;
        fs::create_dir(scratch.files()).map_err(failed)?;
        let closed = fs::Permissions::from_mode(0o700);
        fs::set_permissions(scratch.files(), closed).map_err(failed)?;
        let found = rustix::fs::statvfs(path).map_err(|errno| failed(errno.into()))?;
        let free_bytes = found.f_bavail.saturating_mul(found.f_frsize);
        if free_bytes < needed_bytes {
            return Err(VaultError::NoRoom { path: path.to_owned(), needed_bytes, free_bytes });
        }
        Ok(scratch)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the files go.
    pub(crate) fn files(&self) -> PathBuf {
        self.path.join("files")
    }

    /// Where the database server lives.
    pub(crate) fn server(&self) -> PathBuf {
        self.path.join("server")
    }

    /// What the shop has to itself when it is started.
    pub(crate) fn home(&self) -> PathBuf {
        self.path.join("home")
    }

    /// What it says then.
    pub(crate) fn boot_log(&self) -> PathBuf {
        self.path.join("boot.log")
    }

    pub(crate) fn remove(self) -> Result<(), VaultError> {
        clear(&self.path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = clear(&self.path) {
            tracing::warn!(
                error = error.story(),
                "a drill's folder is left; the next one clears it"
            );
        }
    }
}

fn clear(path: &Path) -> Result<(), VaultError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file("clear", path, error)),
        _ => Ok(()),
    }
}

fn file(operation: &'static str, path: &Path, source: io::Error) -> VaultError {
    VaultError::File { operation, path: path.to_owned(), source }
}
