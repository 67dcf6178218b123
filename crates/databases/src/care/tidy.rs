//! Dead rows of one table cleared away (`VACUUM (ANALYZE)`), while everybody goes on; only PostgreSQL
//! needs it.

use super::postgres;
use crate::DatabaseError;
use kernel::config::{DatabaseKind, DatabaseUrl};
use serde::{Deserialize, Serialize};

/// How far a table is tidy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tidied {
    /// How often somebody has tidied it by hand since the server's counters began: by it one tells
    /// whether it was done.
    pub times: u64,
    /// As the server estimates.
    pub dead: u64,
    pub live: u64,
    /// Whether our account may do it.
    pub may: bool,
}

/// How it stands with a table, `public.orders`; `None`: there is none.
///
/// # Errors
/// When the database cannot be asked, or is no PostgreSQL.
pub async fn tidied(url: &DatabaseUrl, table: &str) -> Result<Option<Tidied>, DatabaseError> {
    match url.kind {
        DatabaseKind::Postgres => postgres::tidied(url, table).await,
        DatabaseKind::MySql | DatabaseKind::Sqlite => Err(not_here(table)),
    }
}

/// Clears away by the statement of a [`super::Mend::TidyTable`].
///
/// # Errors
/// When the server does not do it.
pub async fn tidy(url: &DatabaseUrl, table: &str, statement: &str) -> Result<(), DatabaseError> {
    match url.kind {
        DatabaseKind::Postgres => postgres::run(url, statement).await,
        DatabaseKind::MySql | DatabaseKind::Sqlite => Err(not_here(table)),
    }
}

fn not_here(table: &str) -> DatabaseError {
    super::odd("its rows", format!("{table}: a server of this kind clears up by itself"))
}
