//! What stands in the comment of a database that was made for a restore: whose it is, and how far it
//! is.

use super::{execute, quoted, texts};
use crate::DatabaseError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use tokio_postgres::Client;

/// A database without one is none of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    #[serde(rename = "storewarden_restore")]
    pub(crate) mark: String,
    /// Everything is in it, and was held against the dump.
    pub(crate) is_whole: bool,
    /// Changes up to then were made once more since; unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) replayed_until_ms: Option<i64>,
    /// Steps of the load that are whole.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) done: BTreeSet<String>,
}

impl Note {
    pub(crate) fn new(mark: &str) -> Self {
        Self {
            mark: mark.to_owned(),
            is_whole: false,
            replayed_until_ms: None,
            done: BTreeSet::new(),
        }
    }

    /// Of the database of this name, or of the one that we are in. `None`: it has none of ours.
    ///
    /// # Errors
    /// When the server does not answer.
    pub(crate) async fn read(
        client: &Client,
        database: Option<&str>,
    ) -> Result<Option<Self>, DatabaseError> {
        let statement = format!(
            "SELECT pg_catalog.shobj_description(oid, 'pg_database') FROM pg_catalog.pg_database \
             WHERE datname = {}",
            named(database)
        );
        let answer = texts::<1>(client, "read the comment of a database", &statement).await?;
        let comment = answer.into_iter().flatten().flatten().next();
        Ok(comment.and_then(|comment| serde_json::from_str(&comment).ok()))
    }

    /// # Errors
    /// When the database is not ours to comment.
    pub(crate) async fn write(
        &self,
        client: &Client,
        database: Option<&str>,
    ) -> Result<(), DatabaseError> {
        let what = "note how far a restore is";
        let name = match database {
            Some(name) => name.to_owned(),
            None => {
                let answer = texts::<1>(client, what, "SELECT current_database()").await?;
                answer.into_iter().flatten().flatten().next().unwrap_or_default()
            }
        };
        let json =
            serde_json::to_string(self).expect("invariant: a note is strings and whether it is so");
        let statement = format!("COMMENT ON DATABASE {} IS {}", quoted(&name), literal(&json));
        execute(client, what, &statement).await
    }
}

/// As it stands in a statement, whatever `standard_conforming_strings` says.
pub(crate) fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

fn named(database: Option<&str>) -> String {
    database.map_or_else(|| "pg_catalog.current_database()".to_owned(), literal)
}
