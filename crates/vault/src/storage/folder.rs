//! A folder of this machine, laid out as restic's local backend does.
//!
//! A file is written under another name, brought to the disk, and then given its own.

use super::{Fault, FileKind, FileName, Listed, Storage, failed, too_short};
use crate::{VaultError, crypto};
use bytes::Bytes;
use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// What a name that is being written has in it; restic passes over such files.
const UNFINISHED: &str = "-tmp-";

#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
    label: String,
}

impl Folder {
    /// Looks at nothing yet. A folder that is missing is made by [`crate::Repository::init`] alone.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let named = root.into();
        let label = named.display().to_string();
        // The folder above `lamps` is the one that we are in now, wherever we go later.
        let root = std::path::absolute(&named).unwrap_or(named);
        Self { root, label }
    }

    fn path(&self, file: FileName) -> PathBuf {
        self.root.join(file.path())
    }

    fn failed(
        &self,
        operation: &'static str,
        file: FileName,
    ) -> impl FnOnce(io::Error) -> VaultError {
        let place = self.label.clone();
        move |source| match source.kind() {
            io::ErrorKind::NotFound => VaultError::Missing { file, place },
            _ => failed(operation, file, &place, Fault::of_io(&source), source),
        }
    }

    fn keep(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let folder = path.parent().unwrap_or(&self.root);
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(format!("{UNFINISHED}{:016x}", u64::from_le_bytes(crypto::random())));
        let unfinished = PathBuf::from(unfinished);
        let write = || {
            let mut file = match create(&unfinished) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    make_folder(&self.root, folder)?;
                    create(&unfinished)?
                }
                other => other?,
            };
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&unfinished, path)?;
            File::open(folder)?.sync_all()
        };
        write().inspect_err(|_| {
            // What failed is told; a file left over under this name is never read.
            let _ = fs::remove_file(&unfinished);
        })
    }

    fn list_folder(&self, folder: &Path, listed: &mut Vec<Listed>) -> io::Result<()> {
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            match entry.metadata() {
                Ok(metadata) => listed.push(Listed { id, size_bytes: metadata.len() }),
                // Removed by another program since: it is not there.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Every folder that files may lie in.
    fn folders(&self) -> impl Iterator<Item = PathBuf> {
        let packs = (0..=255_u8).map(|first| self.root.join(format!("data/{first:02x}")));
        let kinds = FileKind::NAMED.into_iter().chain(FileKind::OF_JOURNALS);
        let named = kinds.map(|kind| self.root.join(kind.folder()));
        named.chain([self.root.clone()]).chain(packs)
    }

    fn list_kind(&self, kind: FileKind) -> io::Result<Vec<Listed>> {
        let mut listed = Vec::new();
        let folder = self.root.join(kind.folder());
        // A disk that is not mounted must not look like an empty repository.
        fs::metadata(&self.root)?;
        if kind != FileKind::Pack {
            self.list_folder(&folder, &mut listed)?;
            return Ok(listed);
        }
        for first in 0..=255_u8 {
            self.list_folder(&folder.join(format!("{first:02x}")), &mut listed)?;
        }
        Ok(listed)
    }
}

impl Storage for Folder {
    fn label(&self) -> String {
        self.label.clone()
    }

    fn read(&self, file: FileName) -> Result<Bytes, VaultError> {
        fs::read(self.path(file)).map(Bytes::from).map_err(self.failed("read", file))
    }

    fn read_range(&self, file: FileName, offset: u64, length: u32) -> Result<Bytes, VaultError> {
        let mut bytes = vec![0; length as usize];
        let read =
            File::open(self.path(file)).and_then(|open| open.read_exact_at(&mut bytes, offset));
        match read {
            Ok(()) => Ok(bytes.into()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(too_short(file, offset, length))
            }
            Err(error) => Err(self.failed("read", file)(error)),
        }
    }

    fn size(&self, file: FileName) -> Result<Option<u64>, VaultError> {
        match fs::metadata(self.path(file)) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed("look at", file)(error)),
        }
    }

    fn list(&self, kind: FileKind) -> Result<Vec<Listed>, VaultError> {
        let all = format!("all {}", kind.folder());
        self.list_kind(kind)
            .map_err(|source| failed("list", all, &self.label, Fault::of_io(&source), source))
    }

    fn write(&self, file: FileName, bytes: Bytes) -> Result<(), VaultError> {
        self.keep(&self.path(file), &bytes)
            .map_err(|source| failed("write", file, &self.label, Fault::of_io(&source), source))
    }

    fn remove(&self, file: FileName) -> Result<(), VaultError> {
        match fs::remove_file(self.path(file)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("remove", file, &self.label, Fault::of_io(&error), error))
            }
            _ => Ok(()),
        }
    }

    fn remove_unfinished(&self) -> Result<(), VaultError> {
        let remove = || -> io::Result<()> {
            for folder in self.folders() {
                remove_unfinished(&folder)?;
            }
            Ok(())
        };
        remove().map_err(|source| {
            failed("remove", "unfinished files", &self.label, Fault::of_io(&source), source)
        })
    }

    fn folder(&self) -> Option<&Path> {
        Some(&self.root)
    }
}

fn remove_unfinished(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_string_lossy().contains(UNFINISHED) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// For us alone: the names of a repository say more than nothing.
fn create(path: &Path) -> io::Result<File> {
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

/// Makes a folder and those above it, the root among them, each durable in the one above.
fn make_folder(root: &Path, folder: &Path) -> io::Result<()> {
    let mut missing: Vec<&Path> = folder.ancestors().take_while(|path| !path.exists()).collect();
    missing.retain(|path| path.starts_with(root) || root.starts_with(path));
    for path in missing.into_iter().rev() {
        match fs::DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
            File::open(above)?.sync_all()?;
        }
    }
    Ok(())
}
