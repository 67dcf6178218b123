//! The configuration's files on disk: all of several get their new texts, or a mark says that not all
//! have.

use kernel::{
    config::Bundle,
    plan::{Failed, Progress},
};
use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};
use tempfile::NamedTempFile;

/// Where files are on their way from some texts to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Before,
    After,
    /// Each is on one of the two sides, not all on the same.
    Between,
    /// Somebody else has written one.
    Elsewhere,
}

/// The files of a configuration, by the path of the first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Files<'a> {
    file: &'a Path,
}

impl<'a> Files<'a> {
    pub(super) fn of(file: &'a Path) -> Self {
        Self { file }
    }

    fn path(self, name: Option<&Path>) -> PathBuf {
        let folder = self.file.parent().unwrap_or(Path::new(""));
        name.map_or_else(|| self.file.to_owned(), |name| folder.join(name))
    }

    /// Whether each file is as one of the two sides says. A side that does not have a file says
    /// nothing of it.
    pub(super) fn between(self, before: &Bundle, after: &Bundle) -> Standing {
        let names = before.files().chain(after.files()).map(|(name, _)| name);
        for name in names {
            let found = fs::read_to_string(self.path(name)).ok();
            let is_side = |side: &Bundle| match side.get(name) {
                Some(text) => found.as_deref() == Some(text),
                None => found.is_none(),
            };
            if !is_side(before) && !is_side(after) {
                return Standing::Elsewhere;
            }
        }
        Standing::Between
    }

    /// Writes every file whose text differs: all are beside their places before the first gets there.
    /// Of several, `mark` is there from then on, for whoever must know that not all may be there.
    pub(super) fn put(
        self,
        wanted: &Bundle,
        mark: &Path,
        progress: &dyn Progress,
    ) -> Result<(), Failed> {
        let mut staged = Vec::new();
        for (name, text) in wanted.files() {
            let path = self.path(name);
            if fs::read_to_string(&path).is_ok_and(|found| found == text) {
                continue;
            }
            let new = stage(&path, self.file, text).map_err(|error| unwritten(&path, &error))?;
            staged.push((path, new, text.len()));
        }
        if staged.len() > 1 {
            note(mark).map_err(|error| unwritten(mark, &error))?;
        }
        for (path, new, length) in staged {
            let put = new.persist(&path).map_err(|error| error.error);
            put.and_then(|_| sync_folder(&path)).map_err(|error| unwritten(&path, &error))?;
            progress.line(&format!("wrote {length} bytes to {}", path.display()));
        }
        Ok(())
    }

    /// Takes away a file that was included and is not to be any more.
    pub(super) fn remove(self, name: &Path, progress: &dyn Progress) -> Result<(), Failed> {
        let path = self.path(Some(name));
        let removed = fs::remove_file(&path).and_then(|()| sync_folder(&path));
        removed.map_err(|error| unwritten(&path, &error))?;
        progress.line(&format!("removed {}", path.display()));
        Ok(())
    }
}

/// Gives one file another text, whole or not at all, with the mode and the owner that it has.
pub(in crate::control::changes) fn replace(path: &Path, text: &str) -> Result<(), Failed> {
    let put = |new: NamedTempFile| new.persist(path).map(drop).map_err(|error| error.error);
    let done = stage(path, path, text).and_then(put).and_then(|()| sync_folder(path));
    done.map_err(|error| unwritten(path, &error))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Beside its place, on disk, with the mode and the owner of what is there: nobody reads half of it,
/// and a full disk leaves the one before. A new one is to whom `like` is.
fn stage(path: &Path, like: &Path, text: &str) -> io::Result<NamedTempFile> {
    let mut new = NamedTempFile::new_in(folder(path))?;
    new.write_all(text.as_bytes())?;
    let there = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::metadata(like),
        there => there,
    }?;
    new.as_file().set_permissions(fs::Permissions::from_mode(there.mode() & 0o7777))?;
    std::os::unix::fs::fchown(new.as_file(), Some(there.uid()), Some(there.gid()))?;
    new.as_file().sync_all()?;
    Ok(new)
}

/// Makes the mark, on disk.
fn note(mark: &Path) -> io::Result<()> {
    fs::File::create(mark)?.sync_all()?;
    sync_folder(mark)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    fs::File::open(folder(path))?.sync_all()
}

fn unwritten(path: &Path, error: &io::Error) -> Failed {
    let (file, error) = (path.display().to_string(), error.to_string());
    let said = [("file", file.as_str().into()), ("error", error.as_str().into())];
    Failed::for_now(format!("write `{file}`: {error}")).because("file_not_written", said)
}
