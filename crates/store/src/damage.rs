//! Whether a store's files are whole, before anything writes to them.
//!
//! SQLite takes what it can read of a write-ahead log for all there is, and throws an empty file's log
//! away. So what is damaged is found before it is opened for writing: it stays as it is, a copy of it is
//! kept beside it, and whoever starts is told. It mends nothing: what is lost is a person's to weigh.

mod log;

use crate::StoreError;
use log::LogFault;
use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};
use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

/// A larger file is not looked through at a start, which it would hold up; what is damaged in it is
/// found when it is read.
const LOOKED_THROUGH_BYTES: u64 = 256 << 20;
/// Another process may hold the file for a moment.
const BUSY_LIMIT: Duration = Duration::from_secs(5);
/// The file and its write-ahead log, by what is added to the name.
const FILES: [&str; 2] = ["", "-wal"];

/// Looks through the files of a store, if there are any.
///
/// # Errors
/// [`StoreError::Damaged`]. What cannot be looked at is left to whoever opens it.
pub(crate) fn look(path: &Path) -> Result<(), StoreError> {
    let Some(complaint) = complaint(path) else { return Ok(()) };
    let kept = match keep_copy(path) {
        Ok(copy) => format!("a copy is `{}`", copy.display()),
        Err(error) => format!("no copy could be made: {error}"),
    };
    Err(StoreError::Damaged { path: path.to_owned(), complaint, kept })
}

fn complaint(path: &Path) -> Option<String> {
    let size = fs::metadata(path).ok()?.len();
    let log = beside(path, "-wal");
    let logged = fs::metadata(&log).map_or(0, |found| found.len());
    if size == 0 {
        // SQLite would take it for a new one and delete the log.
        return (logged > 0).then(|| "it is empty, and its write-ahead log is not".to_owned());
    }
    if let Ok(Some(fault)) = log::fault(&log) {
        return Some(match fault {
            LogFault::Header => "the head of its write-ahead log is not whole".to_owned(),
            LogFault::Middle { frame } => {
                format!("its write-ahead log is broken at frame {frame}, before records that count")
            }
        });
    }
    match look_through(path, size <= LOOKED_THROUGH_BYTES) {
        // The last line says what, the ones before it where.
        Ok(verdict) => verdict.filter(|verdict| verdict != "ok").map(|verdict| last_line(&verdict)),
        Err(error) if is_damage(&error) => Some(error.to_string()),
        Err(_) => None,
    }
}

fn last_line(text: &str) -> String {
    text.lines().last().unwrap_or(text).to_owned()
}

pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// What SQLite says of the file: `ok`, or the first thing that is wrong with it. It writes nothing:
/// neither is the log brought into the file when this connection closes.
fn look_through(path: &Path, is_whole: bool) -> Result<Option<String>, rusqlite::Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_LIMIT)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.execute_batch("PRAGMA cache_size = -1024;")?;
    if is_whole {
        return connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map(Some);
    }
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(None))
}

/// Copies what is there under a name that tells when it was last written, so that the same damage is
/// kept once, however often we start.
fn keep_copy(path: &Path) -> io::Result<PathBuf> {
    let written = fs::metadata(path)?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    let copy = beside(path, &format!(".damaged-{}", written.as_millis()));
    for file in FILES {
        let (from, to) = (beside(path, file), beside(&copy, file));
        // Looking at a file makes an empty log where there was none.
        let is_nothing =
            fs::metadata(&from).map_or(true, |found| !file.is_empty() && found.len() == 0);
        if is_nothing || is_as_long(&from, &to) {
            continue;
        }
        let unfinished = beside(&to, ".new");
        // Permissions go with it: it is its owner's alone as well.
        fs::copy(&from, &unfinished)?;
        fs::File::open(&unfinished)?.sync_all()?;
        fs::rename(&unfinished, &to)?;
    }
    Ok(copy)
}

fn is_as_long(one: &Path, other: &Path) -> bool {
    let length = |path: &Path| fs::metadata(path).map(|found| found.len()).ok();
    length(one) == length(other)
}

fn beside(path: &Path, added: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(added);
    name.into()
}
