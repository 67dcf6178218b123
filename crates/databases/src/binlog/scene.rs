//! A server of our own that a log is played on: locked, and gone with whoever started it.

use crate::{
    DatabaseError,
    dump::mysql::{literal, quoted, texts},
    private::{MariaDb, Options},
    restore::{name_of, to_mysql},
};
use kernel::config::{DatabaseKind, DatabaseUrl};
use std::path::{Path, PathBuf};

/// What it is started with: nothing of it outlives its one use, and statements of the shop's are as long as
/// the shop's server lets them be.
const SETTINGS: [(&str, &str); 5] = [
    ("sync-binlog", "0"),
    ("innodb-flush-log-at-trx-commit", "0"),
    ("innodb-buffer-pool-size", "128M"),
    ("max-allowed-packet", "1G"),
    ("event-scheduler", "OFF"),
];

/// The server, with an empty database that is called as the shop's own: statements in a log may name it.
#[derive(Debug)]
pub struct Scene {
    pub(super) server: MariaDb,
    pub(super) folder: PathBuf,
    database: String,
}

impl Scene {
    /// Starts it in a folder that its user can reach; `folder` is for what only we read. A new database is made as
    /// the `live` one is.
    ///
    /// # Errors
    /// As of [`MariaDb::start`]; when the live server does not say how its database is made.
    pub async fn begin(
        server: &Path,
        folder: &Path,
        database: &str,
        live: &DatabaseUrl,
    ) -> Result<Self, DatabaseError> {
        let like = like(live).await?;
        let settings = SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let options =
            Options { locked: true, tied: true, settings: settings.into(), ..Options::default() };
        let server = MariaDb::start(server, options).await?;
        let made = format!("CREATE DATABASE {}{like}", quoted(database));
        server.execute("mysql", &made).await?;
        Ok(Self { server, folder: folder.to_owned(), database: database.to_owned() })
    }

    #[must_use]
    pub fn url(&self) -> DatabaseUrl {
        let empty = DatabaseUrl { kind: DatabaseKind::MySql, secret: self.server.url("") };
        crate::restore::with_name(&empty, &self.database)
    }

    /// Makes other databases, empty.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn make(&self, databases: impl Iterator<Item = &str>) -> Result<(), DatabaseError> {
        for database in databases {
            let made = format!("CREATE DATABASE IF NOT EXISTS {}", quoted(database));
            self.server.execute("mysql", &made).await?;
        }
        Ok(())
    }

    /// # Errors
    /// When it did not end well.
    pub async fn end(self) -> Result<(), DatabaseError> {
        self.server.stop().await
    }
}

/// How the live database is made: tables that say nothing of their characters get these.
async fn like(live: &DatabaseUrl) -> Result<String, DatabaseError> {
    let mut conn = to_mysql(live).await?;
    let statement = format!(
        "SELECT CONCAT(' CHARACTER SET ', DEFAULT_CHARACTER_SET_NAME, ' COLLATE ', \
         DEFAULT_COLLATION_NAME) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {}",
        literal(&name_of(live))
    );
    let found = texts(&mut conn, "see how the database is made", &statement).await?;
    let like = found.into_iter().flatten().flatten().next();
    Ok(like.unwrap_or_else(|| " CHARACTER SET utf8mb4".to_owned()))
}
