//! One statement that mends, told to whichever server it is.

use super::{mysql, postgres, sqlite};
use crate::DatabaseError;
use kernel::config::{DatabaseKind, DatabaseUrl};

/// # Errors
/// [`DatabaseError::Change`], with `what` it is about, when the server refuses.
pub(super) async fn run(
    url: &DatabaseUrl,
    what: &str,
    statement: &str,
) -> Result<(), DatabaseError> {
    let done = match url.kind {
        DatabaseKind::Postgres => postgres::run(url, statement).await,
        DatabaseKind::MySql => mysql::run(url, statement).await,
        DatabaseKind::Sqlite => {
            let statement = statement.to_owned();
            sqlite::aside(url, move |url| sqlite::run(url, &statement)).await
        }
    };
    done.map_err(|error| {
        let why = match error {
            DatabaseError::DumpPostgres { source, .. } => {
                source.as_db_error().map_or_else(|| source.to_string(), |e| e.message().into())
            }
            DatabaseError::DumpMySql { source, .. } => source.to_string(),
            DatabaseError::DumpSqlite { source, .. } => source.to_string(),
            other => return other,
        };
        DatabaseError::Change { what: what.to_owned(), why }
    })
}
