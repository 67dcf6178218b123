//! A database from a backup: of a server, one that is made for it or is there and empty; of SQLite, a
//! file. Or what is missing for that, in words.

use super::{
    changes::Changes,
    progress::{Line, say},
    records,
    survey::{Piece, is_taken},
};
use crate::backup_worker::story;
use anyhow::{Context as _, bail};
use databases::{
    DatabaseError,
    dump::{self, Reader},
    restore::{Beside, Stage, Standing, name_of},
};
use kernel::config::{DatabaseKind, DatabaseUrl};
use std::{
    fs::{self, File},
    io,
    os::unix::fs::{MetadataExt as _, chown},
    path::{Path, PathBuf},
};
use vault::{DumpFiles, moment::Obstacle};

/// The dump of a backup, read from there.
type Dump<'a> = Reader<DumpFiles<'a>>;

/// A dump that lies in the repository, and the database that it goes into.
#[derive(Debug)]
pub(super) struct Loading<'a> {
    pub(super) name: &'a str,
    pub(super) into: &'a DatabaseUrl,
    /// Stands in the database, so that this recovery finds its own again and nobody else's.
    pub(super) mark: &'a str,
    /// What was brought back before.
    pub(super) brought: &'a [Piece],
    /// Where SQLite's files go below.
    pub(super) root: &'a Path,
    /// What is there is set aside.
    pub(super) overwrite: bool,
    /// What was changed since the backup, and the folder that its journal was brought into.
    pub(super) changes: Option<(&'a Changes, &'a Path)>,
}

/// What is there on a server, for whoever is to begin; `None`: it does not say.
pub(super) fn standing(into: &DatabaseUrl, mark: &str) -> Option<Standing> {
    match into.kind {
        DatabaseKind::Sqlite => None,
        _ => of(into, mark).standing().ok(),
    }
}

/// The database itself is the one that is made: there is none that it comes beside.
fn of(into: &DatabaseUrl, mark: &str) -> Beside {
    Beside { live: into.clone(), name: name_of(into), mark: mark.to_owned() }
}

impl Loading<'_> {
    /// Returns why what was changed since the backup is not in it.
    ///
    /// # Errors
    /// With everything that somebody must do so that it succeeds.
    pub(super) fn run(&self, files: DumpFiles<'_>) -> anyhow::Result<Option<Obstacle>> {
        let dump =
            Reader::open(files).with_context(|| format!("read the dump of {}", self.name))?;
        let line = Line::new(format!("database {}", self.name));
        let left_out = match self.into.kind {
            DatabaseKind::Sqlite => self.fill_file(&dump, &line)?.left_out,
            _ => self.fill_server(&dump, &line)?.left_out,
        };
        let rows: u64 = dump.tables().iter().map(|table| table.row_count).sum();
        line.end(&format!("{} tables, {rows} rows", dump.tables().len()));
        for what in &left_out {
            say(&format!("  not made: {what}"));
        }
        if let Some((changes, folder)) = self.changes
            && self.into.kind != DatabaseKind::Sqlite
        {
            let made = changes.replay(folder, &dump, of(self.into, self.mark));
            return made.context("make the changes since the backup once more");
        }
        Ok(None)
    }

    /// Every row is held against the backup in the end.
    fn fill_server(&self, dump: &Dump<'_>, line: &Line) -> anyhow::Result<dump::LoadReport> {
        let tell = |stage: &Stage<'_>| {
            let (bytes, total) = match stage {
                Stage::Loading(progress) => (progress.bytes_done, progress.bytes),
                Stage::Comparing { bytes_done, bytes } => (bytes + bytes_done, *bytes),
            };
            line.tell(bytes, Some(2 * total));
        };
        let loaded = of(self.into, self.mark).restore(dump, None, &tell);
        loaded.map_err(|error| {
            let version = dump.manifest().server.split(' ').next().unwrap_or_default();
            anyhow::anyhow!(advice(self.name, self.into, &error, version))
        })
    }

    /// Beside its place and then into it, so that nobody finds half of one.
    fn fill_file(&self, dump: &Dump<'_>, line: &Line) -> anyhow::Result<dump::LoadReport> {
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
        let tell = |progress: dump::LoadProgress| {
            line.tell(progress.bytes_done, Some(progress.bytes));
        };
        let new_one = DatabaseUrl { kind: DatabaseKind::Sqlite, secret };
        let loaded = dump::load(dump, &new_one, None, &tell).map_err(|error| {
            anyhow::anyhow!("the database {} was not loaded: {}", self.name, story(&error))
        })?;
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
}

/// Why it was not loaded, and how to go on.
fn advice(name: &str, into: &DatabaseUrl, error: &DatabaseError, version: &str) -> String {
    let (database, why) = (name_of(into), story(error));
    if let DatabaseError::NameTaken(_) = error {
        return format!("the database {name} was not loaded: {}", taken(into));
    }
    let (package, scheme, make) = match into.kind {
        DatabaseKind::Postgres => (
            "postgresql",
            "postgres",
            format!(
                "sudo -u postgres createuser --pwprompt {database}\n    sudo -u postgres createdb \
                 --owner {database} {database}"
            ),
        ),
        _ => (
            "mariadb-server",
            "mysql",
            format!(
                "mariadb -e \"CREATE USER {database}@localhost IDENTIFIED BY 'PASSWORD'; \
                 GRANT ALL ON {database}.* TO {database}@localhost\""
            ),
        ),
    };
    format!(
        "the database {name} was not loaded: {why}\n  What it needs: a server at {into}, of version \
         {version} or later, and an account that may make this database, or to which an empty one of \
         this name belongs. On Debian:\n\n    apt install {package}\n    {make}\n\n  Then say the same \
         once more, where the account is another than the configuration's with\n\n    --database \
         '{scheme}://{database}:PASSWORD@localhost/{database}'\n\nWhat is in its place already stays as \
         it is."
    )
}

/// Whatever somebody says, a database that holds something is not written to.
pub(super) fn taken(into: &DatabaseUrl) -> String {
    format!(
        "there are tables in {into} already, and no database is written over: rename or drop it, name \
         another by --database URL, or say --without-database"
    )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_lacks_a_server_is_told_what_to_type() {
        let check = |kind, secret: &str, expect: &[&str]| {
            let into = DatabaseUrl { kind, secret: secret.to_owned() };
            let error = DatabaseError::TimedOut(std::time::Duration::from_secs(5));
            let said = advice("lamps", &into, &error, "15.14");
            for words in expect {
                assert!(said.contains(words), "{words}: {said}");
            }
            assert!(!said.contains("secret"), "{said}");
        };
        check(
            DatabaseKind::Postgres,
            "postgres://reader:secret@db/shop",
            &[
                "version 15.14",
                "postgres://reader@db/shop",
                "apt install postgresql\n",
                "createdb --owner shop shop\n",
                "--database 'postgres://shop:PASSWORD@localhost/shop'",
            ],
        );
        check(
            DatabaseKind::MySql,
            "mariadb://reader:secret@db/shop",
            &["apt install mariadb-server\n", "GRANT ALL ON shop.*", "'mysql://shop:PASSWORD@"],
        );
    }

    #[test]
    fn a_database_with_tables_in_it_is_told_from_a_server_that_is_missing() {
        let secret = "postgres://reader:secret@db/shop".to_owned();
        let into = DatabaseUrl { kind: DatabaseKind::Postgres, secret };
        let said = advice("lamps", &into, &DatabaseError::NameTaken("shop".to_owned()), "15.14");
        assert!(said.contains("there are tables in postgres://reader@db/shop already"), "{said}");
        assert!(!said.contains("apt install"), "{said}");
    }
}
