//! One index, made and dropped while the shop goes on writing.

use super::{mysql, postgres};
use crate::DatabaseError;
use kernel::config::{DatabaseKind, DatabaseUrl};
use serde::{Deserialize, Serialize};

/// An index with the statements that make and drop it. Only [`super::examine`] makes one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// The label of its table.
    pub table: String,
    pub name: String,
    pub make: String,
    pub drop: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IndexState {
    Absent,
    Whole,
    /// Half made, by somebody who was interrupted; only PostgreSQL has such ones.
    Broken,
}

/// How an index stands.
///
/// # Errors
/// When the database cannot be asked, or is an SQLite.
pub async fn index_state(url: &DatabaseUrl, index: &Index) -> Result<IndexState, DatabaseError> {
    match url.kind {
        DatabaseKind::Postgres => postgres::index_state(url, index).await,
        DatabaseKind::MySql => mysql::index_state(url, index).await,
        DatabaseKind::Sqlite => Err(no_server(index)),
    }
}

/// Makes an index that is absent; one that is broken is dropped before. Readers and writers go on.
///
/// # Errors
/// [`DatabaseError::Index`] when the server does not make it; nothing of it is left then.
pub async fn make_index(url: &DatabaseUrl, index: &Index) -> Result<(), DatabaseError> {
    match index_state(url, index).await? {
        IndexState::Whole => return Ok(()),
        IndexState::Broken => run(url, index, &index.drop).await?,
        IndexState::Absent => {}
    }
    let made = run(url, index, &index.make).await;
    if made.is_err() && index_state(url, index).await? == IndexState::Broken {
        run(url, index, &index.drop).await?;
    }
    made
}

/// Drops an index, if it is there.
///
/// # Errors
/// [`DatabaseError::Index`] when the server does not drop it.
pub async fn drop_index(url: &DatabaseUrl, index: &Index) -> Result<(), DatabaseError> {
    match index_state(url, index).await? {
        IndexState::Absent => Ok(()),
        IndexState::Whole | IndexState::Broken => run(url, index, &index.drop).await,
    }
}

async fn run(url: &DatabaseUrl, index: &Index, statement: &str) -> Result<(), DatabaseError> {
    let done = match url.kind {
        DatabaseKind::Postgres => postgres::run(url, statement).await,
        DatabaseKind::MySql => mysql::run(url, statement).await,
        DatabaseKind::Sqlite => Err(no_server(index)),
    };
    done.map_err(|error| match error {
        DatabaseError::DumpPostgres { source, .. } => {
            let why =
                source.as_db_error().map_or_else(|| source.to_string(), |e| e.message().into());
            refused(index, why)
        }
        DatabaseError::DumpMySql { source, .. } => refused(index, source.to_string()),
        other => other,
    })
}

fn refused(index: &Index, why: String) -> DatabaseError {
    DatabaseError::Index { index: index.name.clone(), why }
}

fn no_server(index: &Index) -> DatabaseError {
    refused(index, "an SQLite's indexes belong to the shop that has it open".to_owned())
}
