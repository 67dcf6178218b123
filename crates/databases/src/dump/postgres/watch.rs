//! Looks whether somebody waits to redefine a table that the dump holds. Whoever waits for such a lock
//! holds up everybody after them, readers too: rather than a shop that stands still, no dump.

use super::{Session, config, connect, execute, runtime, texts};
use crate::{DatabaseError, dump::writing::Jobs};
use kernel::config::DatabaseUrl;
use std::{
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread::{self, JoinHandle},
    time::Duration,
};

const EVERY: Duration = Duration::from_secs(2);
/// Whoever waits for longer is let through.
const PATIENCE: Duration = Duration::from_secs(3);

/// A thread with a connection of its own. Dropped, it ends.
pub(super) struct Watch {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Watches for the connections of these process ids until it is dropped.
    pub(super) fn begin(
        url: &DatabaseUrl,
        pids: Vec<String>,
        jobs: &Jobs,
    ) -> Result<Self, DatabaseError> {
        let (stop, stopped) = channel();
        let (url, jobs) = (url.clone(), jobs.clone());
        let work = move || {
            let outcome = runtime().and_then(|runtime| {
                let session = runtime.block_on(async { connect(&url, &config(&url)?).await })?;
                while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(EVERY) {
                    runtime.block_on(look(&session, &pids, &jobs))?;
                }
                Ok(())
            });
            if let Err(error) = outcome {
                tracing::warn!(%error, "nobody watches whether the dump holds somebody up");
            }
        };
        let thread = thread::Builder::new().name("dump-watch".to_owned()).spawn(work);
        let thread = thread.map_err(|error| DatabaseError::DumpCut(error.to_string()))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the watch of a dump panicked");
        }
    }
}

/// Ends the dump's connections when somebody waits for them. They may be in the middle of a row that
/// nobody takes: the server can end them, we could not.
async fn look(session: &Session, pids: &[String], jobs: &Jobs) -> Result<(), DatabaseError> {
    let what = "look whether somebody waits for the dump";
    let pids = pids.join(", ");
    let statement = format!(
        "SELECT left(query, 100) FROM pg_catalog.pg_stat_activity WHERE wait_event_type = 'Lock' \
         AND wait_event = 'relation' AND now() - query_start > interval '{} s' AND \
         pg_catalog.pg_blocking_pids(pid) && ARRAY[{pids}]::int[] LIMIT 1",
        PATIENCE.as_secs()
    );
    if let Some([query]) = texts::<1>(&session.client, what, &statement).await?.into_iter().next() {
        let query = query.unwrap_or_default();
        jobs.fail(&DatabaseError::DumpCut(format!(
            "let somebody through who wanted to redefine a table, and try again later: `{query}`"
        )));
        let end =
            format!("SELECT pg_catalog.pg_terminate_backend(pid) FROM unnest(ARRAY[{pids}]) pid");
        execute(&session.client, what, &end).await?;
    }
    Ok(())
}
