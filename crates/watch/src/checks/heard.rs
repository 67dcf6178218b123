//! What was heard of jobs that report, kept so that a restart forgets nothing.

use crate::WatchError;
use ::checks::{Beat, Beats, Signal};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};
use store::{HeartbeatRecord, Store};

/// By the name of the check; clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard(Arc<Mutex<BTreeMap<String, Beats>>>);

impl Heard {
    /// What is known of one; of one that never reported, nothing.
    pub(super) fn of(&self, name: &str) -> Beats {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied().unwrap_or_default()
    }

    /// What the process before had heard. What came since stays.
    pub(super) fn remember(&self, records: Vec<HeartbeatRecord>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for record in records {
            let HeartbeatRecord { name, succeeded_ms, started_ms, failed_ms, exit_code } = record;
            let failed = failed_ms.map(|at_ms| (at_ms, exit_code));
            all.entry(name).or_insert(Beats { succeeded_ms, started_ms, failed });
        }
    }

    /// Takes a signal; it is on disk when this returns.
    ///
    /// # Errors
    /// When it cannot be written: the job should report again. It counts until the next start all the same.
    pub(super) async fn take(
        &self,
        store: &Store,
        name: &str,
        signal: Signal,
        at_ms: i64,
    ) -> Result<(), WatchError> {
        let beats = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let beats = all.entry(name.to_owned()).or_default();
            beats.take(Beat { at_ms, signal });
            *beats
        };
        let record = HeartbeatRecord {
            name: name.to_owned(),
            succeeded_ms: beats.succeeded_ms,
            started_ms: beats.started_ms,
            failed_ms: beats.failed.map(|(at_ms, _)| at_ms),
            exit_code: beats.failed.and_then(|(_, code)| code),
        };
        Ok(store.put_heartbeat(record).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_heard_before_a_restart_is_known_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let heard = Heard::default();
        heard.take(&store, "export", Signal::Succeeded, 10).await.unwrap();
        heard.take(&store, "export", Signal::Failed(Some(3)), 20).await.unwrap();
        let again = Heard::default();
        assert_eq!(again.of("export"), Beats::default());
        again.remember(store.heartbeats().await.unwrap());
        let expect =
            Beats { succeeded_ms: Some(10), started_ms: None, failed: Some((20, Some(3))) };
        assert_eq!(again.of("export"), expect);
        assert_eq!(again.of("import"), Beats::default());
    }
}
