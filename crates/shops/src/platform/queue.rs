//! How many jobs of a platform wait, run and have failed, as its own database says.

use kernel::config::DatabaseKind;
use serde::Deserialize;

/// Stands in a SELECT for what this shop puts before its tables' names.
const PREFIX: &str = "{prefix}";

/// Queues of one kind in a platform's database.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueTable {
    /// Of the kind: `cron`.
    pub name: String,
    /// The tables it reads, without a prefix: a read-only role needs SELECT on these, and on nothing else. A shop
    /// without the first of them has no such queue.
    #[serde(default)]
    pub reads: Vec<String>,
    /// Queues of BullMQ, by their keys in Redis: `bull:mails`. These have neither tables nor SELECTs.
    #[serde(default)]
    pub redis: Vec<String>,
    /// The shop may have a prefix before its tables' names, for which `{prefix}` stands in the SELECT.
    #[serde(default)]
    pub prefixed: bool,
    /// For each kind of database one SELECT, which returns a row for each queue: its name; jobs that are due and wait, that
    /// run, that failed within the last hour; seconds since the oldest waiting one was due, and since the oldest running one
    /// began: 0 without one, NULL where that is not known.
    pub postgres: Option<String>,
    pub mysql: Option<String>,
}

impl QueueTable {
    /// The SELECT for one kind of database; `None`: nothing is known of it there.
    #[must_use]
    pub fn select(&self, kind: DatabaseKind) -> Option<&str> {
        match kind {
            DatabaseKind::Postgres => self.postgres.as_deref(),
            DatabaseKind::MySql => self.mysql.as_deref(),
            DatabaseKind::Sqlite => None,
        }
    }

    pub(super) fn fault(&self) -> Option<String> {
        let selects: Vec<&String> = [&self.postgres, &self.mysql].into_iter().flatten().collect();
        let is_bullmq = !self.redis.is_empty();
        if is_bullmq && (!selects.is_empty() || !self.reads.is_empty() || self.prefixed) {
            return Some(format!("queue `{}` is in Redis, and in a database", self.name));
        }
        if let Some(key) = self.redis.iter().find(|key| !key.contains(':')) {
            return Some(format!("queue `{}`: `{key}` is no key of BullMQ", self.name));
        }
        if is_bullmq {
            return None;
        }
        if selects.is_empty() || self.reads.is_empty() {
            return Some(format!(
                "queue `{}` has no SELECT for any database, or reads nothing",
                self.name
            ));
        }
        for select in selects {
            if !select.trim_start().starts_with("select ") || select.contains(';') {
                return Some(format!(
                    "the SELECT of queue `{}` is not one `select` alone",
                    self.name
                ));
            }
            let prefix = if self.prefixed { PREFIX } else { "" };
            let reads = |table: &&String| select.contains(&format!("{prefix}{table}"));
            if let Some(table) = self.reads.iter().find(|table| !reads(table)) {
                return Some(format!(
                    "the SELECT of queue `{}` does not read `{prefix}{table}`",
                    self.name
                ));
            }
            if !self.prefixed && select.contains(PREFIX) {
                return Some(format!(
                    "the SELECT of queue `{}` holds `{PREFIX}`, and is not prefixed",
                    self.name
                ));
            }
        }
        None
    }
}
