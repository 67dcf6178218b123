//! A database from a backup, into an empty one that is there; or what is missing for that, in words.

use super::{
    progress::{Line, say},
    records,
    survey::{Piece, is_taken},
};
use crate::backup_worker::story;
use anyhow::{Context as _, bail};
use databases::{DatabaseError, dump};
use kernel::config::{DatabaseKind, DatabaseUrl};
use std::{
    fs::{self, File},
    io,
    os::unix::fs::{MetadataExt as _, chown},
    path::{Path, PathBuf},
};

/// A dump that lies in a folder, and the database that it goes into.
#[derive(Debug)]
pub(super) struct Loading<'a> {
    pub(super) name: &'a str,
    pub(super) dump: &'a Path,
    pub(super) into: &'a DatabaseUrl,
    /// What was brought back before.
    pub(super) brought: &'a [Piece],
    /// Where SQLite's files go below.
    pub(super) root: &'a Path,
    /// What is there is set aside.
    pub(super) overwrite: bool,
}

impl Loading<'_> {
    /// # Errors
    /// With everything that somebody must do so that it succeeds.
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let reader = dump::Reader::open(dump::Folder::at(self.dump))
            .with_context(|| format!("read the dump of {}", self.name))?;
        let line = Line::new(format!("database {}", self.name));
        let tell = |progress: dump::LoadProgress| {
            line.tell(progress.bytes_done, Some(progress.bytes));
        };
        let load = |into: &DatabaseUrl| {
            let loaded = dump::load(&reader, into, None, &tell);
            loaded.map_err(|error| anyhow::anyhow!(self.advice(&error, reader.manifest())))
        };
        let loaded = match self.into.kind {
            DatabaseKind::Sqlite => self.load_file(&load)?,
            _ => load(self.into)?,
        };
        line.end(&format!("{} tables, {} rows", loaded.tables, loaded.rows));
        for what in &loaded.left_out {
            say(&format!("  not made: {what}"));
        }
        Ok(())
    }

    /// Beside its place and then into it, so that nobody finds half of one.
    fn load_file(
        &self,
        load: &dyn Fn(&DatabaseUrl) -> anyhow::Result<dump::LoadReport>,
    ) -> anyhow::Result<dump::LoadReport> {
        let path = self.file()?;
        let is_within = |piece: &&Piece| !piece.is_file && path.starts_with(&piece.target);
        // A copy of its file that came with a folder is of many moments.
        let is_ours = self.brought.iter().any(|piece| is_within(&piece));
        if is_taken(&path) && !self.overwrite && !is_ours {
            bail!("{} is there already: move it away, or say --overwrite", path.display());
        }
        let folder = path.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(folder).with_context(|| format!("make `{}`", folder.display()))?;
        let new = with(&path, ".recovering");
        gone(&new).with_context(|| format!("remove `{}`", new.display()))?;
        let secret = format!("sqlite:{}", new.display());
        let loaded = load(&DatabaseUrl { kind: DatabaseKind::Sqlite, secret })?;
        let put = || -> io::Result<()> {
            if host::users::is_root() {
                let owner = fs::metadata(folder)?;
                chown(&new, Some(owner.uid()), Some(owner.gid()))?;
            }
            File::open(&new)?.sync_all()?;
            if is_taken(&path) {
                let aside = records::free(&with(&path, ".before-recovery"));
                let aside = aside.map_err(io::Error::other)?;
                fs::rename(&path, aside)?;
                // What SQLite keeps beside a file that it was in the midst of belongs to that file.
                ["-wal", "-shm"].iter().try_for_each(|end| gone(&with(&path, end)))?;
            }
            fs::rename(&new, &path)?;
            File::open(folder)?.sync_all()
        };
        put().with_context(|| format!("put the database into `{}`", path.display()))?;
        Ok(loaded)
    }

    fn file(&self) -> anyhow::Result<PathBuf> {
        let text = self.into.secret.strip_prefix("sqlite:").unwrap_or_default();
        let path = text.split('?').next().unwrap_or_default().trim_start_matches("//");
        if !path.starts_with('/') {
            bail!("the address of the database {} names no file: {}", self.name, self.into);
        }
        Ok(super::survey::below(self.root, Path::new(path)))
    }

    /// Why it was not loaded, and how to go on.
    fn advice(&self, error: &DatabaseError, manifest: &dump::Manifest) -> String {
        let (name, server) = (self.name, manifest.server.split(' ').next().unwrap_or_default());
        let mut text = format!("the database {name} was not loaded: {}\n", story(error));
        if self.into.kind == DatabaseKind::Sqlite {
            return text;
        }
        if let DatabaseError::DumpRefused { .. } = error {
            text.push_str(
                "  It must be empty. What is in it is not touched: where that is what an attempt before \
                 this one has loaded, drop it and make it again.\n",
            );
        }
        let (package, user, make) = match self.into.kind {
            DatabaseKind::Postgres => (
                "postgresql",
                format!("sudo -u postgres createuser --pwprompt {name}"),
                format!("sudo -u postgres createdb --owner {name} {name}"),
            ),
            _ => (
                "mariadb-server",
                format!("CREATE USER {name}@localhost IDENTIFIED BY 'PASSWORD';"),
                format!("CREATE DATABASE {name}; GRANT ALL ON {name}.* TO {name}@localhost;"),
            ),
        };
        let scheme = match self.into.kind {
            DatabaseKind::Postgres => "postgres",
            _ => "mysql",
        };
        text.push_str(&format!(
            "  What it needs: a server at {}, of version {server} or later, with an empty database \
             and an account that may write to it. On Debian:\n\n    apt install {package}\n    \
             {user}\n    {make}\n\n  Then say the same once more, where the account is another than \
             the configuration's with\n\n    --database '{scheme}://{name}:PASSWORD@localhost/{name}'\n\n\
             What is in its place already stays as it is.",
            self.into
        ));
        text
    }
}

/// The same path with something behind its name.
fn with(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn gone(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
