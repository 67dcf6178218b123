//! What can go wrong between us and a database, as one type. No message shows a password.

use crate::restore::Obstacle;
use host::HostError;
use std::{io, path::PathBuf, process::ExitStatus, time::Duration};

#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error("understand the address of the database `{url}`: {reason}")]
    Url { url: String, reason: String },
    /// The statement comes from a platform file and is refused before any database sees it.
    #[error("accept the order statement: {0}")]
    Statement(String),
    #[error("connect to PostgreSQL at {place}")]
    ConnectPostgres { place: String, source: tokio_postgres::Error },
    #[error("connect to MariaDB or MySQL at {place}")]
    ConnectMySql { place: String, source: mysql_async::Error },
    #[error("open SQLite at {place}")]
    OpenSqlite { place: String, source: rusqlite::Error },
    #[error("read orders from PostgreSQL")]
    ReadPostgres(#[source] tokio_postgres::Error),
    #[error("read orders from MariaDB or MySQL")]
    ReadMySql(#[source] mysql_async::Error),
    #[error("read orders from SQLite")]
    ReadSqlite(#[source] rusqlite::Error),
    /// The statement answers with something else than key, placed at and total.
    #[error("understand a row of orders: {0}")]
    Row(String),
    #[error("hear from the database within {0:?}")]
    TimedOut(Duration),
    /// A private instance was asked for where the server program is missing.
    #[error("find {what}; {mend}")]
    NotInstalled { what: &'static str, mend: &'static str },
    #[error(
        "let user `{user}` reach `{directory}`: `{ancestor}` is closed to others; chmod o+x it or \
         choose another folder"
    )]
    OutOfReach { user: &'static str, directory: PathBuf, ancestor: PathBuf },
    #[error("prepare `{path}` for a private database")]
    Prepare { path: PathBuf, source: io::Error },
    #[error("run a private {what}")]
    Run { what: &'static str, source: HostError },
    #[error("keep a private {what} running: it ended with {status}; its log ends: {log_tail}")]
    Ended { what: &'static str, status: ExitStatus, log_tail: String },
    #[error("wait for a private {what}: not ready after {waited:?}; its log ends: {log_tail}")]
    NotReady { what: &'static str, waited: Duration, log_tail: String },
    /// There is something in the database that a dump would miss, or it does not fit the dump.
    #[error("dump or load {what}: {mend}")]
    DumpRefused { what: String, mend: String },
    #[error("{what} in PostgreSQL")]
    DumpPostgres { what: String, source: tokio_postgres::Error },
    #[error("{what} in MariaDB or MySQL")]
    DumpMySql { what: String, source: mysql_async::Error },
    #[error("{what} in SQLite")]
    DumpSqlite { what: String, source: rusqlite::Error },
    #[error("keep a dump whole: {0}")]
    DumpCut(String),
    #[error("read or write file `{name}` of a dump")]
    DumpFile { name: String, source: io::Error },
    #[error("trust file `{file}` of a dump: {reason}")]
    DumpDamaged { file: String, reason: String },
    /// Something about the database makes following its changes unsafe, for it or for us.
    #[error("follow the changes of {what}: {mend}")]
    ChangesRefused { what: String, mend: String },
    /// Changes between what is known and what can still be had are gone: only a new full backup
    /// closes the gap.
    #[error("go on with the changes after {position}: {reason}")]
    ChangesLost { position: String, reason: String },
    /// The stream stops rather than pass over what it does not know.
    #[error("understand {event} in the stream of changes at {place}: {reason}")]
    ChangesUnknown { event: String, place: String, reason: String },
    #[error("{what} of PostgreSQL: {severity} {code}: {message}")]
    ChangesServer { what: String, severity: String, code: String, message: String },
    #[error("{what}")]
    ChangesCut { what: String, source: io::Error },
    /// A restore makes its databases itself, and takes none that somebody else made.
    #[error("restore into `{0}`: there is something of that name already")]
    NameTaken(String),
    /// Nothing was put in anybody's place.
    #[error("hold `{table}` as it was restored against the backup: {what}")]
    Differs { table: String, what: String },
    /// Nothing was changed.
    #[error("put a restored database in the place of `{database}`: {why}")]
    NotSwapped { database: String, why: String },
    /// Nothing was changed.
    #[error("put the rows of `{table}` back: {obstacle} ({what})")]
    RowsRefused { table: String, obstacle: Obstacle, what: String },
    /// What was restored and what was followed do not fit; of no table where that is empty.
    #[error("make the changes of `{table}` once more: {why}")]
    NotReplayed { table: String, why: String },
    /// Somebody changed it, or it is gone.
    #[error("change row {key} of `{table}`: it is another one than it was, or is there no more")]
    RowChanged { table: String, key: String },
    #[error("find table `{0}` in the database")]
    NoTable(String),
    #[error("look rows of `{table}` up: there are more than {most}")]
    TooManyRows { table: String, most: usize },
    #[error("write a value of `{table}`: it is none that this database has")]
    RowValue { table: String },
    /// It has another form than the server's manual says.
    #[error("understand what the database says of {what}: {reason}")]
    Answer { what: &'static str, reason: String },
    /// Nothing was changed, or what was half made is gone again.
    #[error("change {what}: {why}")]
    Change { what: String, why: String },
    #[error("name a database `{0}`: only a-z, 0-9 and _ are allowed here")]
    Name(String),
}
