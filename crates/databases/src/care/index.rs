//! One index, made and dropped while the shop goes on writing, and what that will take.
//!
//! A server goes on with what it was told although whoever told it is dead: such an index is
//! [`IndexState::Busy`], and nobody begins the same beside it.

use super::{deed, mysql, postgres, sqlite};
use crate::DatabaseError;
use kernel::config::{DatabaseKind, DatabaseUrl};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What somebody else does to an index is looked at again after this long.
const BUSY: Duration = Duration::from_millis(500);

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
    /// A session is making or dropping it at this moment.
    Busy,
}

/// What it will take to make an index. `None`: the server does not say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prospect {
    /// By whom it is made.
    pub account: String,
    /// Whether that account may.
    pub may: Option<bool>,
    pub rows: Option<u64>,
    /// Of the table, which is read once or twice.
    pub table_bytes: Option<u64>,
    /// What the index will take, about.
    pub index_bytes: Option<u64>,
    /// How long the oldest open transaction has been open: an index is not ready before it ends.
    pub oldest_ms: Option<u64>,
}

/// How an index stands.
///
/// # Errors
/// When the database cannot be asked.
pub async fn index_state(url: &DatabaseUrl, index: &Index) -> Result<IndexState, DatabaseError> {
    match url.kind {
        DatabaseKind::Postgres => postgres::index_state(url, index).await,
        DatabaseKind::MySql => mysql::index_state(url, index).await,
        DatabaseKind::Sqlite => {
            let index = index.clone();
            sqlite::aside(url, move |url| sqlite::index_state(url, &index)).await
        }
    }
}

/// What it will take to make an index over these columns.
///
/// # Errors
/// When the database cannot be asked.
pub async fn prospect(
    url: &DatabaseUrl,
    index: &Index,
    columns: &[String],
) -> Result<Prospect, DatabaseError> {
    match url.kind {
        DatabaseKind::Postgres => postgres::prospect(url, index, columns).await,
        DatabaseKind::MySql => mysql::prospect(url, index, columns).await,
        DatabaseKind::Sqlite => {
            let index = index.clone();
            sqlite::aside(url, move |url| sqlite::prospect(url, &index)).await
        }
    }
}

/// Whether the server goes about a statement, as [`super::Query::text`] has it, by an index; `None`:
/// it cannot say.
///
/// # Errors
/// When the database cannot be asked.
pub async fn goes_by(
    url: &DatabaseUrl,
    statement: &str,
    index: &Index,
) -> Result<Option<bool>, DatabaseError> {
    match url.kind {
        DatabaseKind::Postgres => postgres::goes_by(url, statement, &index.name).await,
        DatabaseKind::MySql => mysql::goes_by(url, statement, &index.name).await,
        DatabaseKind::Sqlite => Ok(None),
    }
}

/// Makes an index that is absent; one that is broken is dropped before. Readers and writers go on; those
/// who write to an SQLite wait. What another session does to it is waited for.
///
/// # Errors
/// [`DatabaseError::Change`] when the server does not make it; nothing of it is left then.
pub async fn make_index(url: &DatabaseUrl, index: &Index) -> Result<(), DatabaseError> {
    match settled(url, index).await? {
        IndexState::Whole => return Ok(()),
        IndexState::Broken => run(url, index, &index.drop).await?,
        IndexState::Absent | IndexState::Busy => {}
    }
    let made = run(url, index, &index.make).await;
    match &made {
        Ok(()) => made,
        // Whoever was told before us may have been the one.
        Err(_) => match settled(url, index).await? {
            IndexState::Whole => Ok(()),
            IndexState::Broken => run(url, index, &index.drop).await.and(made),
            IndexState::Absent | IndexState::Busy => made,
        },
    }
}

/// Drops an index, if it is there. What another session does to it is waited for.
///
/// # Errors
/// [`DatabaseError::Change`] when the server does not drop it.
pub async fn drop_index(url: &DatabaseUrl, index: &Index) -> Result<(), DatabaseError> {
    if settled(url, index).await? == IndexState::Absent {
        return Ok(());
    }
    let dropped = run(url, index, &index.drop).await;
    match &dropped {
        Err(_) if settled(url, index).await? == IndexState::Absent => Ok(()),
        _ => dropped,
    }
}

/// How it stands when nobody is at it any more. For as long as that takes: whoever asks has a deadline.
async fn settled(url: &DatabaseUrl, index: &Index) -> Result<IndexState, DatabaseError> {
    loop {
        let state = index_state(url, index).await?;
        if state != IndexState::Busy {
            return Ok(state);
        }
        tokio::time::sleep(BUSY).await;
    }
}

async fn run(url: &DatabaseUrl, index: &Index, statement: &str) -> Result<(), DatabaseError> {
    deed::run(url, &format!("index `{}`", index.name), statement).await
}
