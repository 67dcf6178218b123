//! The last snapshot on disk, from which an edge serves that starts while control is away.
//!
//! Holds private keys: mode 0600. Written whole or not at all; a disk that takes nothing costs the
//! copy, never the serving.

use kernel::snapshot::Snapshot;
use std::{
    fs, io,
    io::Write,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

/// The version of the file's form; docs/formats/edge-link.md.
const FORMAT: u64 = 1;
const PREFIX: &str = ".snapshot-";
/// Unfinished files older than this belong to nobody.
const ABANDONED: Duration = Duration::from_secs(60);

#[derive(Debug, thiserror::Error)]
pub(crate) enum SavedError {
    #[error("read saved snapshot `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("parse saved snapshot `{}`", path.display())]
    Parse { path: PathBuf, source: serde_json::Error },
    #[error("saved snapshot `{}` has format {found}, not {FORMAT}", path.display())]
    Format { path: PathBuf, found: serde_json::Value },
    #[error("write saved snapshot `{}`", path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// The place of the copy: `edge/snapshot.json` in the state directory.
#[derive(Debug)]
pub(crate) struct SavedSnapshot {
    path: PathBuf,
    /// The version that stands on disk.
    written: Option<u64>,
    /// What is in force and could not be written.
    unsaved: Option<Snapshot>,
    error: Option<String>,
}

impl SavedSnapshot {
    pub(crate) fn new(state: &Path) -> Self {
        let path = state.join("edge").join("snapshot.json");
        Self { path, written: None, unsaved: None, error: None }
    }

    /// The copy, if there is one. Clears away what a killed predecessor left unfinished.
    ///
    /// # Errors
    /// When there is one that cannot be used; the caller waits for control then.
    pub(crate) fn load(&mut self) -> Result<Option<Snapshot>, SavedError> {
        let path = || self.path.clone();
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(SavedError::Read { path: path(), source }),
        };
        self.clear_abandoned();
        let parse = |source| SavedError::Parse { path: path(), source };
        let mut file: serde_json::Value = serde_json::from_slice(&bytes).map_err(parse)?;
        if file["format"] != FORMAT {
            return Err(SavedError::Format { path: path(), found: file["format"].take() });
        }
        let snapshot: Snapshot = serde_json::from_value(file["snapshot"].take()).map_err(parse)?;
        self.written = Some(snapshot.version);
        Ok(Some(snapshot))
    }

    /// Replaces the copy. A failure is logged once until it changes, and kept for [`Self::error`];
    /// the snapshot is kept for [`Self::save_again`].
    pub(crate) fn save(&mut self, snapshot: &Snapshot) {
        if self.written == Some(snapshot.version) && self.error.is_none() {
            return;
        }
        let error = match self.write(snapshot) {
            Ok(()) => {
                self.written = Some(snapshot.version);
                None
            }
            Err(source) => {
                let error = SavedError::Write { path: self.path.clone(), source };
                Some(crate::upstream::chain(&error))
            }
        };
        match &error {
            Some(error) if self.error.as_ref() != Some(error) => {
                tracing::error!(error, "serving from memory only");
            }
            None if self.error.is_some() => tracing::info!("the snapshot is on disk again"),
            _ => {}
        }
        self.unsaved = error.is_some().then(|| snapshot.clone());
        self.error = error;
    }

    /// Tries once more what could not be written: there may be room again, and no new snapshot for
    /// days.
    pub(crate) fn save_again(&mut self) {
        if let Some(snapshot) = self.unsaved.take() {
            self.save(&snapshot);
        }
    }

    /// Why the last snapshot is not on disk.
    pub(crate) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    fn folder(&self) -> &Path {
        self.path.parent().expect("invariant: the path has a folder")
    }

    fn write(&self, snapshot: &Snapshot) -> io::Result<()> {
        let folder = self.folder();
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let mut file = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(fs::Permissions::from_mode(0o600))
            .tempfile_in(folder)?;
        write!(file, "{{\"format\":{FORMAT},\"snapshot\":")?;
        file.write_all(&serde_json::to_vec(snapshot)?)?;
        file.write_all(b"}\n")?;
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        // The new name is durable only with its folder.
        fs::File::open(folder)?.sync_all()
    }

    /// Best effort: what stays costs a few kilobytes.
    fn clear_abandoned(&self) {
        let Ok(entries) = fs::read_dir(self.folder()) else { return };
        for entry in entries.flatten() {
            let ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
            let modified = entry.metadata().and_then(|data| data.modified());
            let old = modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > ABANDONED));
            if ours
                && old
                && let Err(error) = fs::remove_file(entry.path())
            {
                tracing::warn!(%error, path = %entry.path().display(), "remove unfinished file");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::snapshot::Limits;

    fn snapshot(version: u64) -> Snapshot {
        Snapshot {
            version,
            made_at_ms: 1,
            limits: Limits::default(),
            shops: vec![],
            certificates: vec![],
            challenges: vec![],
            control: None,
        }
    }

    #[test]
    fn a_saved_snapshot_comes_back_and_only_its_owner_reads_it() {
        let state = tempfile::tempdir().unwrap();
        let mut saved = SavedSnapshot::new(state.path());
        assert_eq!(saved.load().unwrap(), None);
        saved.save(&snapshot(1));
        saved.save(&snapshot(2));
        assert_eq!(saved.error(), None);
        let mut later = SavedSnapshot::new(state.path());
        assert_eq!(later.load().unwrap(), Some(snapshot(2)));
        let mode = fs::metadata(&later.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(later.folder()).unwrap().count(), 1, "nothing unfinished stays");
    }

    #[test]
    fn a_disk_that_takes_nothing_is_told_and_got_over() {
        let state = tempfile::tempdir().unwrap();
        // A file where the folder should be: no write can succeed, whoever runs the test.
        fs::write(state.path().join("edge"), "").unwrap();
        let mut saved = SavedSnapshot::new(state.path());
        saved.save(&snapshot(1));
        assert!(saved.error().unwrap().starts_with("write saved snapshot"), "{:?}", saved.error());
        saved.save_again();
        assert!(saved.error().is_some(), "nothing has changed");
        fs::remove_file(state.path().join("edge")).unwrap();
        saved.save_again();
        assert_eq!(saved.error(), None);
        assert_eq!(saved.load().unwrap(), Some(snapshot(1)));
    }

    #[test]
    fn what_cannot_be_used_is_an_error() {
        let state = tempfile::tempdir().unwrap();
        let mut saved = SavedSnapshot::new(state.path());
        saved.save(&snapshot(1));
        let mut check = |text: &str, expect: &str| {
            fs::write(&saved.path, text).unwrap();
            let error = saved.load().unwrap_err().to_string();
            assert!(error.contains(expect), "{error}");
        };
        check("", "parse");
        check("{\"format\":1,\"snapshot\":{\"version\":", "parse");
        check("{\"format\":2}", "has format 2");
        check("{}", "has format null");
    }
}
