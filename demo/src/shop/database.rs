//! The shop's database: PostgreSQL or SQLite behind one small pool. Statements are written once, in
//! the SQL that both understand, with `$1`, `$2`, … in the order of their first appearance (SQLite
//! numbers named parameters so); the few differences are methods of [`Database`].
//!
//! Knows nothing of lamps beyond seeding them.

mod postgres;
mod seed;
mod sqlite;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// How long a request waits for a connection before it fails.
const LEASE_WAIT: Duration = Duration::from_secs(8);
/// Connections an instance opens at most. PostgreSQL's default limit of 100 fits ten instances.
const CONNECTIONS: usize = 8;

/// A parameter of a statement, or a column of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Int(i64),
    Text(String),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

/// One row of a result.
#[derive(Debug)]
pub(crate) struct Row(Vec<Value>);

impl Row {
    pub(crate) fn int(&self, column: usize) -> Result<i64> {
        match self.0.get(column) {
            Some(Value::Int(value)) => Ok(*value),
            other => bail!("column {column} is not a number: {other:?}"),
        }
    }

    pub(crate) fn text(&self, column: usize) -> Result<String> {
        match self.0.get(column) {
            Some(Value::Text(value)) => Ok(value.clone()),
            other => bail!("column {column} is not text: {other:?}"),
        }
    }
}

/// Where the database is.
#[derive(Debug, Clone)]
enum Source {
    Postgres(Box<tokio_postgres::Config>),
    Sqlite(PathBuf),
}

#[derive(Debug)]
enum Connection {
    Postgres(postgres::Connection),
    Sqlite(sqlite::Connection),
}

/// The database of one shop, with the connections that this process keeps to it.
#[derive(Debug)]
pub(crate) struct Database {
    source: Source,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl Database {
    /// Understands `postgres://…` and `sqlite:/path/file.db`; connects when first asked something.
    ///
    /// # Errors
    /// When the address is of neither kind.
    pub(crate) fn at(url: &str) -> Result<Self> {
        let source = if let Some(path) = url.strip_prefix("sqlite:") {
            Source::Sqlite(PathBuf::from(path))
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let mut config: tokio_postgres::Config =
                url.parse().context("read the address of the database")?;
            config.connect_timeout(Duration::from_secs(5)).application_name("lampenladen");
            config.options("-c statement_timeout=15000");
            Source::Postgres(Box::new(config))
        } else {
            bail!("a database is postgres://… or sqlite:/path/file.db, not {url}");
        };
        Ok(Self {
            source,
            idle: Mutex::new(Vec::new()),
            permits: Arc::new(Semaphore::new(CONNECTIONS)),
        })
    }

    /// Lends a connection: an idle one that still works, else a new one.
    ///
    /// # Errors
    /// When none is free within [`LEASE_WAIT`] or the database can't be reached.
    pub(crate) async fn lease(&self) -> Result<Lease<'_>> {
        let permit = timeout(LEASE_WAIT, Arc::clone(&self.permits).acquire_owned())
            .await
            .context("wait for a database connection")?
            .context("invariant: the pool is never closed")?;
        let idle = loop {
            let candidate = self.idle().pop();
            match candidate {
                Some(Connection::Postgres(connection)) if connection.is_closed() => {}
                other => break other,
            }
        };
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        Ok(Lease {
            database: self,
            connection: Some(connection),
            in_transaction: false,
            _permit: permit,
        })
    }

    async fn connect(&self) -> Result<Connection> {
        Ok(match &self.source {
            Source::Postgres(config) => {
                Connection::Postgres(postgres::Connection::open(config).await?)
            }
            Source::Sqlite(path) => Connection::Sqlite(sqlite::Connection::open(path).await?),
        })
    }

    /// Makes the tables and the catalogue when they are missing; several instances may call it at
    /// the same time.
    ///
    /// # Errors
    /// When the database can't be reached or refuses.
    pub(crate) async fn seed(&self) -> Result<()> {
        seed::seed(self).await
    }

    /// What to append to a `select` inside a transaction so that its rows stay as read. SQLite
    /// needs nothing: its transactions here are exclusive from the start.
    pub(crate) fn for_update(&self) -> &'static str {
        match self.source {
            Source::Postgres(_) => " for update",
            Source::Sqlite(_) => "",
        }
    }

    /// An expression that gives a time column as RFC 3339 text in UTC.
    pub(crate) fn time_as_text(&self, column: &str) -> String {
        match self.source {
            Source::Postgres(_) => {
                format!(r#"to_char({column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"#)
            }
            Source::Sqlite(_) => column.to_owned(),
        }
    }

    fn is_postgres(&self) -> bool {
        matches!(self.source, Source::Postgres(_))
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection lent to one request. Dropped inside a transaction, it is closed, and the database
/// undoes what was not committed.
#[derive(Debug)]
pub(crate) struct Lease<'a> {
    database: &'a Database,
    connection: Option<Connection>,
    in_transaction: bool,
    _permit: OwnedSemaphorePermit,
}

impl<'a> Lease<'a> {
    pub(crate) fn database(&self) -> &'a Database {
        self.database
    }

    /// Runs one statement and returns its rows (none for a statement without `returning`).
    pub(crate) async fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>> {
        match self.connection()? {
            Connection::Postgres(connection) => connection.query(sql, values).await,
            Connection::Sqlite(connection) => connection.query(sql, values).await,
        }
        .with_context(|| format!("run `{}`", sql.split_whitespace().collect::<Vec<_>>().join(" ")))
    }

    /// Runs one statement that gives at most one row.
    pub(crate) async fn query_one(&mut self, sql: &str, values: &[Value]) -> Result<Option<Row>> {
        Ok(self.query(sql, values).await?.into_iter().next())
    }

    /// Runs several statements without parameters.
    async fn run_script(&mut self, sql: &str) -> Result<()> {
        match self.connection()? {
            Connection::Postgres(connection) => connection.run_script(sql).await,
            Connection::Sqlite(connection) => connection.run_script(sql).await,
        }
    }

    pub(crate) async fn begin(&mut self) -> Result<()> {
        self.in_transaction = true;
        // SQLite: taking the write lock at once is what keeps a read from becoming a failed upgrade.
        let sql = if self.database.is_postgres() { "begin" } else { "begin immediate" };
        self.run_script(sql).await
    }

    pub(crate) async fn commit(&mut self) -> Result<()> {
        self.run_script("commit").await.context("commit")?;
        self.in_transaction = false;
        Ok(())
    }

    fn connection(&mut self) -> Result<&mut Connection> {
        self.connection.as_mut().context("invariant: a lease holds its connection until dropped")
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && !self.in_transaction
        {
            self.database.idle().push(connection);
        }
    }
}
