//! A restored SQLite file. It gets its name when it is whole, and takes the live one's by a rename:
//! there is a whole file under that name at every moment.

use super::{Beside, Standing, Watch, hold_against, name_of, not_swapped};
use crate::{
    DatabaseError,
    dump::{Files, LoadProgress, LoadReport, Reader, load},
};
use host::process::with_open;
use kernel::config::{DatabaseKind, DatabaseUrl};
use rusqlite::{Connection, OpenFlags};
use std::{
    fs::{self, File},
    io,
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
    time::Duration,
};

/// How long somebody who writes is waited for.
const BUSY_LIMIT: Duration = Duration::from_secs(20);
/// What SQLite keeps beside a file (sqlite.org/tempfiles.html).
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

fn at(path: &str, ending: &str) -> PathBuf {
    PathBuf::from(format!("{path}{ending}"))
}

/// Until it is whole.
fn unfinished(name: &str) -> PathBuf {
    at(name, ".loading")
}

pub(super) fn standing(beside: &Beside) -> Standing {
    match (Path::new(&beside.name).exists(), unfinished(&beside.name).exists()) {
        (true, _) => Standing::Whole,
        (false, true) => Standing::Begun,
        (false, false) => Standing::Absent,
    }
}

pub(super) fn restore<F: Files>(
    beside: &Beside,
    reader: &Reader<F>,
    only_tables: Option<&[String]>,
    watch: Watch<'_>,
    told: &dyn Fn(LoadProgress),
) -> Result<LoadReport, DatabaseError> {
    if standing(beside) == Standing::Whole {
        // An attempt before has made it, or it differs.
        hold_against(reader, &beside.url(), only_tables, watch)?;
        return Ok(LoadReport::default());
    }
    let path = unfinished(&beside.name);
    let kept = |operation: &str, source| file(operation, &path, source);
    remove(&path).map_err(|error| kept("remove", error))?;
    let url =
        DatabaseUrl { kind: DatabaseKind::Sqlite, secret: format!("sqlite:{}", path.display()) };
    let report = load(reader, &url, only_tables, told)?;
    hold_against(reader, &url, only_tables, watch)?;
    let live = name_of(&beside.live);
    if let Ok(like) = fs::metadata(&live) {
        fs::set_permissions(&path, like.permissions()).map_err(|error| kept("close", error))?;
        // Who is not root keeps what is theirs.
        if host::users::is_root() {
            let given = chown(&path, Some(like.uid()), Some(like.gid()));
            given.map_err(|error| kept("give away", error))?;
        }
    }
    let sealed = || {
        File::open(&path)?.sync_all()?;
        fs::rename(&path, &beside.name)?;
        sync_folder(&beside.name)
    };
    sealed().map_err(|error| kept("name", error))?;
    Ok(report)
}

pub(super) fn discard(beside: &Beside) -> Result<(), DatabaseError> {
    for path in [PathBuf::from(&beside.name), unfinished(&beside.name)] {
        remove(&path).map_err(|error| file("remove", &path, error))?;
    }
    Ok(())
}

/// A file and what SQLite keeps beside it.
fn remove(path: &Path) -> io::Result<()> {
    let gone = |path: &Path| match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    gone(path)?;
    BESIDE.iter().try_for_each(|ending| gone(&at(&path.display().to_string(), ending)))
}

pub(super) fn lacking(live: &DatabaseUrl) -> Result<Vec<String>, DatabaseError> {
    let path = PathBuf::from(name_of(live));
    let folder = path.parent().unwrap_or(Path::new("/"));
    match tempfile::NamedTempFile::new_in(folder) {
        Ok(_gone_at_once) => Ok(Vec::new()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Ok(vec![format!("to write into {}", folder.display())])
        }
        Err(error) => Err(file("write beside", &path, error)),
    }
}

/// The live file gets a second name, and then the restored one takes its first.
pub(super) fn swap(live: &DatabaseUrl, with: &str, aside: &str) -> Result<(), DatabaseError> {
    if is_swapped(with, aside) {
        return Ok(());
    }
    let name = name_of(live);
    if !Path::new(with).exists() {
        return Err(not_swapped(live, format!("there is no file {with}")));
    }
    let inode = |path: &str| fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    // An attempt before has given it its second name.
    let is_begun = inode(aside).is_some() && inode(aside) == inode(&name);
    if Path::new(aside).exists() && !is_begun {
        return Err(not_swapped(live, format!("there is already a file {aside}")));
    }
    let busy = |error: rusqlite::Error| not_swapped(live, format!("it is in use: {error}"));
    nobody_has(live, &name)?;
    let mode = settled(&name).map_err(busy)?;
    let journal_mode = |connection: &Connection| {
        connection.query_row(&format!("PRAGMA journal_mode = {mode}"), [], |_| Ok(()))
    };
    Connection::open(with).and_then(|connection| journal_mode(&connection)).map_err(busy)?;
    let renamed = || {
        if !is_begun {
            fs::hard_link(&name, aside)?;
            sync_folder(aside)?;
        }
        fs::rename(with, &name)?;
        sync_folder(&name)
    };
    nobody_has(live, &name)?;
    renamed().map_err(|error| not_swapped(live, error.to_string()))
}

/// Whoever has it open would go on writing into the old one.
fn nobody_has(live: &DatabaseUrl, name: &str) -> Result<(), DatabaseError> {
    let found = with_open(Path::new(name));
    let found =
        found.map_err(|source| DatabaseError::Run { what: "a look at processes", source })?;
    match found.first() {
        None => Ok(()),
        Some(pid) => Err(not_swapped(
            live,
            format!("process {pid} has it open; stop the shop's instances, then try again"),
        )),
    }
}

/// Everything is in the file itself, and nothing beside it; gives the mode of its journal.
fn settled(name: &str) -> rusqlite::Result<String> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(name, flags)?;
    connection.busy_timeout(BUSY_LIMIT)?;
    let text = |statement: &str| connection.query_row(statement, [], |row| row.get::<_, String>(0));
    let mode = text("PRAGMA journal_mode")?;
    if mode == "wal" {
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    }
    // Nobody is in the midst of writing.
    connection.execute_batch("BEGIN EXCLUSIVE; ROLLBACK")?;
    connection.close().map_err(|(_, error)| error)?;
    Ok(mode)
}

pub(super) fn is_swapped(with: &str, aside: &str) -> bool {
    Path::new(aside).exists() && !Path::new(with).exists()
}

fn sync_folder(path: &str) -> io::Result<()> {
    let folder = Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn file(operation: &str, path: &Path, source: io::Error) -> DatabaseError {
    let name = format!("{} ({operation})", path.display());
    DatabaseError::DumpFile { name, source }
}
