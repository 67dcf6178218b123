//! What was last heard of jobs that report: a restart must not forget when one did.

use crate::{Store, StoreError};
use rusqlite::Connection;

/// One job that reports. Unix milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeartbeatRecord {
    /// Of the check that awaits it.
    pub name: String,
    /// The last success.
    pub succeeded_ms: Option<i64>,
    /// The last beginning after which nothing was said yet.
    pub started_ms: Option<i64>,
    /// The last failure since which there was no success.
    pub failed_ms: Option<i64>,
    /// That of the failure, if the job told one.
    pub exit_code: Option<u8>,
}

impl Store {
    /// Keeps what is known of one, in the place of what was known.
    ///
    /// # Errors
    /// [`StoreError::Full`] and the like.
    pub async fn put_heartbeat(&self, heartbeat: HeartbeatRecord) -> Result<(), StoreError> {
        let write = move |connection: &Connection| {
            let HeartbeatRecord { name, succeeded_ms, started_ms, failed_ms, exit_code } =
                heartbeat;
            let put = "INSERT OR REPLACE INTO heartbeat
                       (name, succeeded_ms, started_ms, failed_ms, exit_code)
                       VALUES (?1, ?2, ?3, ?4, ?5)";
            let values = (name, succeeded_ms, started_ms, failed_ms, exit_code);
            connection.execute(put, values).map(|_| ())
        };
        self.writer.write(write).await
    }

    /// All that are known, also of checks that the configuration no longer names.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn heartbeats(&self) -> Result<Vec<HeartbeatRecord>, StoreError> {
        let select = |connection: &Connection| {
            let mut select = connection.prepare_cached(
                "SELECT name, succeeded_ms, started_ms, failed_ms, exit_code FROM heartbeat
                 ORDER BY name",
            )?;
            let rows = select.query_map((), |row| {
                Ok(HeartbeatRecord {
                    name: row.get(0)?,
                    succeeded_ms: row.get(1)?,
                    started_ms: row.get(2)?,
                    failed_ms: row.get(3)?,
                    exit_code: row.get(4)?,
                })
            })?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        self.reader.read(select).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_heard_last_outlives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let heard = |at_ms, exit_code: Option<u8>| HeartbeatRecord {
            name: "nightly".into(),
            succeeded_ms: Some(at_ms),
            started_ms: None,
            failed_ms: exit_code.map(|_| at_ms + 1),
            exit_code,
        };
        let store = Store::open(folder.path()).unwrap();
        store.put_heartbeat(heard(10, None)).await.unwrap();
        store.put_heartbeat(heard(20, Some(255))).await.unwrap();
        drop(store);
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(store.heartbeats().await.unwrap(), [heard(20, Some(255))]);
    }
}
