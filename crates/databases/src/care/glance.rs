//! A short look at what people wait for at this moment: sessions, connections, replicas.

use super::{Blind, Connections, Finding, Replica, mysql, postgres};
use crate::DatabaseError;
use kernel::config::{DatabaseKind, DatabaseUrl};
use serde::{Deserialize, Serialize};

/// What a glance saw.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Glance {
    /// `None` where there are none (SQLite).
    pub connections: Option<Connections>,
    pub replicas: Vec<Replica>,
    /// Only of sessions, connections and replicas.
    pub findings: Vec<Finding>,
    pub blind: Vec<Blind>,
}

/// Looks at what changes from minute to minute. Changes nothing; an SQLite has nothing of it.
///
/// # Errors
/// When the database cannot be asked, or answers what no manual says.
pub async fn glance(url: &DatabaseUrl) -> Result<Glance, DatabaseError> {
    match url.kind {
        DatabaseKind::Postgres => postgres::glance(url).await,
        DatabaseKind::MySql => mysql::glance(url).await,
        DatabaseKind::Sqlite => Ok(Glance::default()),
    }
}
