//! Connections to the database file: one that writes, one that only reads.

use crate::StoreError;
use rusqlite::{Connection, OpenFlags};
use std::{
    fs::{OpenOptions, Permissions},
    io,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Another process may hold the file for a moment: a backup, a person with `sqlite3`.
const BUSY_LIMIT: Duration = Duration::from_secs(5);

pub(crate) fn open_for_writing(path: &Path) -> Result<Connection, StoreError> {
    claim(path)
        .map_err(|error| StoreError::OpenFile { path: path.to_owned(), source: error.into() })?;
    let open = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_LIMIT)?;
        // The log is cut back after a burst; a page cache of 1 MB is plenty for what lies here.
        connection.execute_batch(
            "PRAGMA journal_mode = wal; PRAGMA synchronous = full; PRAGMA foreign_keys = on;
             PRAGMA journal_size_limit = 4194304; PRAGMA cache_size = -1024;",
        )?;
        Ok(connection)
    };
    open().map_err(|source| opening(path, source))
}

pub(crate) fn open_for_reading(path: &Path) -> Result<Connection, StoreError> {
    let open = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_LIMIT)?;
        connection.execute_batch("PRAGMA cache_size = -1024;")?;
        Ok(connection)
    };
    open().map_err(|source| opening(path, source))
}

fn opening(path: &Path, source: rusqlite::Error) -> StoreError {
    StoreError::Open { path: path.to_owned(), source: source.into() }
}

/// Makes the file when it is missing, and its owner's alone; SQLite gives its log the same mode.
fn claim(path: &Path) -> io::Result<()> {
    let file =
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))
}

/// The connection that reads. Statements here are short, so one is enough for all.
#[derive(Debug, Clone)]
pub(crate) struct Reader(Arc<Mutex<Connection>>);

impl Reader {
    pub(crate) fn new(connection: Connection) -> Self {
        Self(Arc::new(Mutex::new(connection)))
    }

    /// Runs `work` on a blocking thread.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let connection = Arc::clone(&self.0);
        let reading = tokio::task::spawn_blocking(move || {
            // Reading leaves nothing half done, so a poisoned lock is as good as any.
            let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            work(&connection)
        });
        match reading.await {
            Ok(result) => result.map_err(StoreError::read),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The runtime shuts down.
            Err(_) => Err(StoreError::Closed),
        }
    }
}
