//! What a server says of itself: single statements for its own figures, over one connection that is kept.
//!
//! As of every guest the session is read only, with a limit on every statement and on the rows of its
//! answer. What the figures mean is the caller's business.

use crate::{
    DatabaseError,
    dump::{mysql, postgres},
};
use futures_util::TryStreamExt;
use kernel::config::{DatabaseKind, DatabaseUrl};
use mysql_async::{Conn, Value, prelude::Queryable};
use std::{pin::pin, time::Duration};
use tokio_postgres::{SimpleQueryMessage, error::SqlState};

const STATEMENT_LIMIT: Duration = Duration::from_secs(5);
/// More rows than anybody reads as figures.
const MOST_ROWS: usize = 10_000;
/// Access denied: to the server's processes, to a table, to a column, to a database. No such table (MySQL's error reference).
const UNSEEN: [u16; 5] = [1227, 1142, 1143, 1044, 1146];

/// A session at a server that is asked for figures.
pub struct Statistics {
    session: Session,
    version: u32,
    is_mariadb: bool,
}

enum Session {
    Postgres(Box<postgres::Session>),
    MySql(Conn),
}

/// An answer as text, its columns by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    pub columns: Vec<String>,
    /// Each as wide as there are columns.
    pub rows: Vec<Vec<Option<String>>>,
}

impl Statistics {
    /// # Errors
    /// When the server does not let us in, and of SQLite, which has no server.
    pub async fn connect(url: &DatabaseUrl) -> Result<Self, DatabaseError> {
        match url.kind {
            DatabaseKind::Postgres => Self::connect_postgres(url).await,
            DatabaseKind::MySql => Self::connect_mysql(url).await,
            DatabaseKind::Sqlite => {
                let reason = "SQLite has no server that counts anything".to_owned();
                Err(DatabaseError::Url { url: url.to_string(), reason })
            }
        }
    }

    async fn connect_postgres(url: &DatabaseUrl) -> Result<Self, DatabaseError> {
        let session = postgres::connect(url, &postgres::config(url)?).await?;
        let limit = STATEMENT_LIMIT.as_millis();
        let manners = format!(
            "SET default_transaction_read_only = on; SET statement_timeout = {limit}; \
             SET lock_timeout = {limit}; SET idle_in_transaction_session_timeout = {limit}"
        );
        postgres::execute(&session.client, "set up the session", &manners).await?;
        let mut statistics =
            Self { session: Session::Postgres(Box::new(session)), version: 0, is_mariadb: false };
        let statement = "SELECT current_setting('server_version_num')";
        let answer = statistics.ask(statement).await?.unwrap_or_default();
        statistics.version = version(answer.single(), |text| text.parse().ok())?;
        Ok(statistics)
    }

    async fn connect_mysql(url: &DatabaseUrl) -> Result<Self, DatabaseError> {
        let mut conn = mysql::connect(url).await?;
        let what = "set up the session";
        mysql::execute(&mut conn, what, "SET SESSION TRANSACTION READ ONLY").await?;
        let mut statistics = Self { session: Session::MySql(conn), version: 0, is_mariadb: false };
        let answer = statistics.ask("SELECT VERSION()").await?.unwrap_or_default();
        statistics.is_mariadb = answer.single().is_some_and(|text| text.contains("MariaDB"));
        statistics.version = version(answer.single(), dotted)?;
        // Seconds in MariaDB, milliseconds and another name in MySQL.
        let limit = match statistics.is_mariadb {
            true => format!("SET SESSION max_statement_time = {}", STATEMENT_LIMIT.as_secs()),
            false => format!("SET SESSION max_execution_time = {}", STATEMENT_LIMIT.as_millis()),
        };
        if let Session::MySql(conn) = &mut statistics.session {
            mysql::execute(conn, what, &limit).await?;
        }
        Ok(statistics)
    }

    /// As PostgreSQL writes its own: 150014 for 15.14; 101115 for MariaDB 10.11.15, 80406 for MySQL 8.4.6.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    #[must_use]
    pub fn is_mariadb(&self) -> bool {
        self.is_mariadb
    }

    /// The answer to one statement. `None`: there is no such table for this user, or it may not see it.
    ///
    /// # Errors
    /// When the server refuses it for another reason, ends it for its time, or answers with more than 10,000 rows. The
    /// session is not to be used again then.
    pub async fn ask(&mut self, statement: &str) -> Result<Option<Answer>, DatabaseError> {
        match &mut self.session {
            Session::Postgres(session) => ask_postgres(&session.client, statement).await,
            Session::MySql(conn) => ask_mysql(conn, statement).await,
        }
    }
}

impl std::fmt::Debug for Statistics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Statistics").field("version", &self.version).finish_non_exhaustive()
    }
}

impl Answer {
    fn push(&mut self, row: Vec<Option<String>>) -> Result<(), DatabaseError> {
        if self.rows.len() >= MOST_ROWS {
            return Err(DatabaseError::TooManyRows { table: "statistics".into(), most: MOST_ROWS });
        }
        self.rows.push(row);
        Ok(())
    }

    /// The value of the first row's first column.
    fn single(&self) -> Option<&str> {
        self.rows.first()?.first()?.as_deref()
    }
}

fn version(text: Option<&str>, read: impl Fn(&str) -> Option<u32>) -> Result<u32, DatabaseError> {
    let number = text.and_then(read);
    number.ok_or_else(|| DatabaseError::Answer {
        what: "its version",
        reason: format!("`{}`", text.unwrap_or_default()),
    })
}

/// `10.11.15-MariaDB-…` as 101115.
fn dotted(text: &str) -> Option<u32> {
    let digits = text.split(|c: char| c != '.' && !c.is_ascii_digit()).next()?;
    let mut parts =
        digits.split('.').map(|part| part.parse::<u32>().ok().filter(|part| *part < 1000));
    let (major, minor, patch) = (parts.next()??, parts.next()??, parts.next().flatten());
    Some(major * 10_000 + minor * 100 + patch.unwrap_or_default())
}

async fn ask_postgres(
    client: &tokio_postgres::Client,
    statement: &str,
) -> Result<Option<Answer>, DatabaseError> {
    let unseen = [&SqlState::INSUFFICIENT_PRIVILEGE, &SqlState::UNDEFINED_TABLE];
    match rows_of_postgres(client, statement).await {
        Ok(figures) => figures.map(Some),
        Err(error) if error.code().is_some_and(|code| unseen.contains(&code)) => Ok(None),
        Err(source) => Err(DatabaseError::DumpPostgres { what: "ask for figures".into(), source }),
    }
}

async fn rows_of_postgres(
    client: &tokio_postgres::Client,
    statement: &str,
) -> Result<Result<Answer, DatabaseError>, tokio_postgres::Error> {
    let mut stream = pin!(client.simple_query_raw(statement).await?);
    let mut figures = Answer::default();
    while let Some(message) = stream.try_next().await? {
        match message {
            SimpleQueryMessage::RowDescription(columns) => {
                figures.columns = columns.iter().map(|column| column.name().to_owned()).collect();
            }
            SimpleQueryMessage::Row(row) => {
                let field = |at| row.get(at).map(ToOwned::to_owned);
                if let Err(error) = figures.push((0..row.len()).map(field).collect()) {
                    return Ok(Err(error));
                }
            }
            _ => {}
        }
    }
    Ok(Ok(figures))
}

async fn ask_mysql(conn: &mut Conn, statement: &str) -> Result<Option<Answer>, DatabaseError> {
    match rows_of_mysql(conn, statement).await {
        Ok(answer) => answer.map(Some),
        Err(mysql_async::Error::Server(error)) if UNSEEN.contains(&error.code) => Ok(None),
        Err(error) => Err(mysql::failed("ask for figures")(error)),
    }
}

/// MySQL may find only while it makes the rows that it must not.
async fn rows_of_mysql(
    conn: &mut Conn,
    statement: &str,
) -> Result<Result<Answer, DatabaseError>, mysql_async::Error> {
    let mut rows = conn.query_iter(statement).await?;
    let columns = rows.columns_ref().iter().map(|column| column.name_str().into_owned());
    let mut answer = Answer { columns: columns.collect(), rows: Vec::new() };
    while let Some(row) = rows.next().await? {
        let text = |value: Value| match value {
            Value::NULL => None,
            Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            other => Some(other.as_sql(true)),
        };
        if let Err(error) = answer.push(row.unwrap().into_iter().map(text).collect()) {
            return Ok(Err(error));
        }
    }
    Ok(Ok(answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_as_numbers() {
        let check = |text: &str, expect: Option<u32>| assert_eq!(dotted(text), expect, "{text}");
        check("10.11.15-MariaDB-0+deb12u1-log", Some(101_115));
        check("8.4.6", Some(80_406));
        check("11.8-MariaDB", Some(110_800));
        check("8", None);
        check("", None);
        check("99999999999.1.1", None);
    }
}
