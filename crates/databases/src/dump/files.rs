//! Where the files of a dump lie: a folder here, a repository elsewhere.

use super::{Dump, manifest};
use crate::DatabaseError;
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

/// Named files that are read by ranges. Names are those of [`super::DumpFile`].
pub trait Files {
    /// # Errors
    /// When it cannot be listed.
    fn names(&self) -> io::Result<Vec<String>>;

    /// # Errors
    /// [`io::ErrorKind::NotFound`] when there is no such file.
    fn size(&self, name: &str) -> io::Result<u64>;

    /// Exactly so many bytes.
    ///
    /// # Errors
    /// When the file is not there or ends before ([`io::ErrorKind::UnexpectedEof`]).
    fn read_range(&self, name: &str, offset: u64, length: usize) -> io::Result<Vec<u8>>;
}

/// A dump in a folder of this machine.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Writes a dump here, file by file. The folder is made; nothing of a dump may be in it.
    ///
    /// # Errors
    /// When the dump fails, or the folder cannot be written; what was written then stays, without
    /// a manifest, and is no dump.
    pub fn take(&self, dump: Dump) -> Result<(), DatabaseError> {
        let failed = |name: &str, source| DatabaseError::DumpFile { name: name.to_owned(), source };
        for file in dump.into_files() {
            let (name, mut content) = (file.name, file.content);
            let bytes = self.write(&name, &mut content).map_err(|error| failed(&name, error))?;
            (file.is_whole)(bytes).map_err(|reason| failed(&name, io::Error::other(reason)))?;
        }
        self.seal().map_err(|error| failed(manifest::NAME, error))
    }

    fn write(&self, name: &str, content: &mut dyn Read) -> io::Result<u64> {
        let path = self.path.join(temporary(name));
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = File::create_new(&path)?;
        let bytes = io::copy(content, &mut file)?;
        file.flush()?;
        file.sync_all()?;
        Ok(bytes)
    }

    /// The manifest gets its name when everything else is whole.
    fn seal(&self) -> io::Result<()> {
        fs::rename(self.path.join(temporary(manifest::NAME)), self.path.join(manifest::NAME))?;
        File::open(&self.path)?.sync_all()
    }
}

fn temporary(name: &str) -> PathBuf {
    if name == manifest::NAME { PathBuf::from("manifest.new") } else { PathBuf::from(name) }
}

impl Files for Folder {
    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        list(&self.path, "", &mut names)?;
        names.sort();
        Ok(names)
    }

    fn size(&self, name: &str) -> io::Result<u64> {
        fs::metadata(self.path.join(name)).map(|found| found.len())
    }

    fn read_range(&self, name: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        File::open(self.path.join(name))?.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }
}

fn list(folder: &Path, prefix: &str, names: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|name| {
            io::Error::new(io::ErrorKind::InvalidData, format!("no name of a dump: {name:?}"))
        })?;
        if entry.file_type()?.is_dir() {
            list(&entry.path(), &format!("{prefix}{name}/"), names)?;
        } else {
            names.push(format!("{prefix}{name}"));
        }
    }
    Ok(())
}
