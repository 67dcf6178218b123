//! What a recovery has done already, so that one that was cut off goes on.

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

/// Its own folder in the state directory, there only while it is not over.
const FOLDER: &str = "recovery";
const FILE: &str = "journal.json";

/// Each step is on disk before the next one begins.
pub(super) struct Journal {
    folder: PathBuf,
    kept: Kept,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    repository: String,
    snapshot: String,
    /// Tells it from every other recovery of the same backup.
    #[serde(default)]
    begun_ms: i64,
    done: BTreeSet<String>,
    /// What could not be had at all, in words: to do the same again would bring no more.
    #[serde(default)]
    lacking: Vec<String>,
}

impl Journal {
    /// The journal of a recovery that was begun here; `None`: none was.
    ///
    /// # Errors
    /// When there is one that cannot be read, or it is of another backup.
    pub(super) fn find(
        state: &Path,
        repository: &str,
        snapshot: &str,
    ) -> anyhow::Result<Option<Self>> {
        let folder = state.join(FOLDER);
        let path = folder.join(FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).context(format!("read `{}`", path.display())),
        };
        let kept: Kept = serde_json::from_slice(&bytes)
            .with_context(|| format!("understand `{}`", path.display()))?;
        if (kept.repository.as_str(), kept.snapshot.as_str()) != (repository, snapshot) {
            bail!(
                "a recovery of the backup {} was begun here and is not over: go on with it by \
                 --snapshot {}, or remove `{}` to begin another",
                &kept.snapshot[..kept.snapshot.len().min(8)],
                kept.snapshot,
                folder.display()
            );
        }
        Ok(Some(Self { folder, kept }))
    }

    /// Begins one.
    ///
    /// # Errors
    /// When the state directory cannot be written to.
    pub(super) fn begin(
        state: &Path,
        repository: &str,
        snapshot: &str,
        begun_ms: i64,
    ) -> anyhow::Result<Self> {
        let folder = state.join(FOLDER);
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.with_context(|| format!("make `{}`", folder.display()))?;
        let kept = Kept {
            repository: repository.to_owned(),
            snapshot: snapshot.to_owned(),
            begun_ms,
            done: BTreeSet::new(),
            lacking: Vec::new(),
        };
        let journal = Self { folder, kept };
        journal.write()?;
        Ok(journal)
    }

    /// Where what is half made lies.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// By what it knows again what it has made elsewhere.
    pub(super) fn mark(&self) -> String {
        format!("recovery-{}-{}", self.kept.snapshot, self.kept.begun_ms)
    }

    pub(super) fn has(&self, step: &str) -> bool {
        self.kept.done.contains(step)
    }

    /// # Errors
    /// When it cannot be written.
    pub(super) fn did(&mut self, step: &str) -> anyhow::Result<()> {
        self.kept.done.insert(step.to_owned());
        self.write()
    }

    /// Notes that something could not be had: that the rest is done does not make it whole.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn lacks(&mut self, what: String) -> anyhow::Result<()> {
        if !self.kept.lacking.contains(&what) {
            self.kept.lacking.push(what);
        }
        self.write()
    }

    pub(super) fn lacking(&self) -> &[String] {
        &self.kept.lacking
    }

    /// It is over.
    ///
    /// # Errors
    /// When its folder cannot be removed.
    pub(super) fn end(self) -> anyhow::Result<()> {
        fs::remove_dir_all(&self.folder)
            .with_context(|| format!("remove `{}`", self.folder.display()))
    }

    fn write(&self) -> anyhow::Result<()> {
        let path = self.folder.join(FILE);
        let write = || -> io::Result<()> {
            let new = path.with_extension("new");
            let mut file = File::create(&new)?;
            serde_json::to_writer(&mut file, &self.kept)?;
            file.flush()?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(&self.folder)?.sync_all()
        };
        write().with_context(|| format!("write `{}`", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_found_again_and_another_backup_is_not_mixed_in() {
        let state = tempfile::tempdir().unwrap();
        let find = |snapshot| Journal::find(state.path(), "r", snapshot);
        assert!(find("one").unwrap().is_none());
        let mut journal = Journal::begin(state.path(), "r", "one", 7).unwrap();
        journal.did("files /srv").unwrap();
        journal.lacks("a day of changes".to_owned()).unwrap();
        let again = find("one").unwrap().unwrap();
        assert!(again.has("files /srv") && !again.has("records"));
        assert_eq!(again.lacking(), ["a day of changes"]);
        assert_eq!(again.mark(), "recovery-one-7");
        let error = find("other").map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("--snapshot one"), "{error}");
        again.end().unwrap();
        assert!(find("other").unwrap().is_none());
    }
}
