//! Orders from an SQLite file, opened for reading only. Statements run on a blocking thread and are
//! interrupted when they take too long.

use super::{OrderQuery, OrderRow, STATEMENT_LIMIT, order_row};
use crate::DatabaseError;
use kernel::config::DatabaseUrl;
use rusqlite::{Connection, OpenFlags, Row, types::ValueRef};
use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// How long a reader waits for a writer that holds the file.
const BUSY_LIMIT: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Orders {
    path: PathBuf,
    place: String,
    statement: String,
    session: Option<Session>,
}

#[derive(Debug)]
struct Session {
    connection: Connection,
    /// Device and inode: a restored file is another one under the same name.
    file: (u64, u64),
}

impl Orders {
    pub(super) async fn open(url: &DatabaseUrl, query: &OrderQuery) -> Result<Self, DatabaseError> {
        let place = url.to_string();
        let path = url.secret.strip_prefix("sqlite:").ok_or_else(|| DatabaseError::Url {
            url: place.clone(),
            reason: "it does not begin with `sqlite:`".into(),
        })?;
        let path = PathBuf::from(path.strip_prefix("//").unwrap_or(path));
        let mut orders = Self { path, place, statement: query.sqlite(), session: None };
        let (path, place) = (orders.path.clone(), orders.place.clone());
        orders.session = Some(blocking(move || open_file(&path, &place)).await?);
        Ok(orders)
    }

    pub(super) async fn read(
        &mut self,
        after: i64,
        limit: u32,
    ) -> Result<Vec<OrderRow>, DatabaseError> {
        let kept = self.session.take();
        let kept = kept.filter(|session| file_id(&self.path).is_ok_and(|id| id == session.file));
        let session = match kept {
            Some(session) => session,
            None => {
                let (path, place) = (self.path.clone(), self.place.clone());
                blocking(move || open_file(&path, &place)).await?
            }
        };
        let stop = session.connection.get_interrupt_handle();
        let statement = self.statement.clone();
        let mut reading = tokio::task::spawn_blocking(move || {
            let rows = select(&session.connection, &statement, after, limit);
            (session, rows)
        });
        let finished = tokio::time::timeout(STATEMENT_LIMIT, &mut reading).await;
        let (session, rows) = match finished {
            Ok(finished) => finished,
            Err(_too_long) => {
                stop.interrupt();
                reading.await
            }
        }
        .expect("invariant: reading rows does not panic");
        self.session = Some(session);
        rows
    }
}

fn open_file(path: &Path, place: &str) -> Result<Session, DatabaseError> {
    let failed = |source| DatabaseError::OpenSqlite { place: place.to_owned(), source };
    let file = file_id(path)
        .map_err(|error| DatabaseError::Url { url: place.to_owned(), reason: error.to_string() })?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(BUSY_LIMIT).map_err(failed)?;
    // A file that is no database is found out here and not with the first order.
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).map_err(failed)?;
    Ok(Session { connection, file })
}

fn file_id(path: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(path).map(|found| (found.dev(), found.ino()))
}

fn select(
    connection: &Connection,
    statement: &str,
    after: i64,
    limit: u32,
) -> Result<Vec<OrderRow>, DatabaseError> {
    let mut prepared = connection.prepare(statement).map_err(DatabaseError::ReadSqlite)?;
    let mut rows = prepared.query((after, limit)).map_err(DatabaseError::ReadSqlite)?;
    let mut orders = Vec::new();
    while let Some(row) = rows.next().map_err(DatabaseError::ReadSqlite)? {
        orders.push(order_row(|column| number(row, column))?);
    }
    Ok(orders)
}

fn number(row: &Row<'_>, column: usize) -> Option<i64> {
    match row.get_ref(column).ok()? {
        ValueRef::Integer(number) => Some(number),
        _ => None,
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DatabaseError> + Send + 'static,
) -> Result<T, DatabaseError> {
    tokio::task::spawn_blocking(work).await.expect("invariant: opening a file does not panic")
}
