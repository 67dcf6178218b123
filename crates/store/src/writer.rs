//! The one thread that writes. Whatever has queued up while it was busy becomes one transaction.

use crate::StoreError;
use rusqlite::Connection;
use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
};
use tokio::sync::{mpsc, oneshot};

/// Writes that wait; further ones wait for a place.
const QUEUE: usize = 1024;
/// Writes of one transaction at most, so that the first of a burst is not held up by its last.
const BATCH: usize = 256;

/// Whether the store can be written to, as of the last write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreHealth {
    pub writable: bool,
    /// Why the last write failed; kept while it is not writable.
    pub last_error: Option<String>,
}

/// Handle of the writing thread, which ends when the last handle has gone and the queue is empty.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Box<dyn Job>>,
    health: Arc<Mutex<StoreHealth>>,
}

/// A write in the queue: first its work, then, when the transaction is decided, its answer.
trait Job: Send {
    fn work(&mut self, connection: &Connection) -> Result<(), rusqlite::Error>;
    fn answer(self: Box<Self>, transaction: Result<(), StoreError>);
}

struct Write<T, F> {
    work: Option<F>,
    outcome: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Write<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send,
{
    fn work(&mut self, connection: &Connection) -> Result<(), rusqlite::Error> {
        if let Some(work) = self.work.take() {
            self.outcome = Some(work(connection)?);
        }
        Ok(())
    }

    fn answer(self: Box<Self>, transaction: Result<(), StoreError>) {
        let Self { outcome, reply, .. } = *self;
        // Whoever asked may have gone; the write stands all the same.
        let _ = reply.send(transaction.and_then(|()| outcome.ok_or(StoreError::Closed)));
    }
}

/// A job of a transaction, and what became of it if that was not the transaction's fault.
type Decided = (Box<dyn Job>, Result<(), StoreError>);

impl Writer {
    pub(crate) fn start(connection: Connection) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let health = Arc::new(Mutex::new(StoreHealth { writable: true, last_error: None }));
        let shared = Arc::clone(&health);
        thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || run(&connection, jobs, &shared))
            .expect("invariant: the system gives a thread at start");
        Self { queue, health }
    }

    /// Queues a write and waits until it is on disk. When the caller stops waiting it may or may
    /// not be written.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job = Write { work: Some(work), outcome: None, reply };
        self.queue.send(Box::new(job)).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    pub(crate) fn health(&self) -> StoreHealth {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn run(
    connection: &Connection,
    mut jobs: mpsc::Receiver<Box<dyn Job>>,
    health: &Mutex<StoreHealth>,
) {
    while let Some(first) = jobs.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH
            && let Ok(next) = jobs.try_recv()
        {
            batch.push(next);
        }
        write_batch(connection, batch, health);
    }
}

fn write_batch(connection: &Connection, batch: Vec<Box<dyn Job>>, health: &Mutex<StoreHealth>) {
    let mut jobs: Vec<Decided> = batch.into_iter().map(|job| (job, Ok(()))).collect();
    let transaction = run_all(connection, &mut jobs);
    if transaction.is_err() && !connection.is_autocommit() {
        roll_back(connection);
    }
    let mut failures = jobs.iter().filter_map(|(_, own)| own.as_ref().err());
    let unwritable =
        failures.find(|error| matches!(error, StoreError::Full(_) | StoreError::Broken(_)));
    note_health(health, transaction.as_ref().err().or(unwritable));
    for (job, own) in jobs {
        job.answer(own.and_then(|()| transaction.clone()));
    }
}

/// Runs all jobs in one transaction. A failure that is a job's own is noted beside it; one that is
/// returned is everybody's.
fn run_all(connection: &Connection, jobs: &mut [Decided]) -> Result<(), StoreError> {
    let execute = |sql| connection.execute_batch(sql).map_err(StoreError::write);
    execute("BEGIN IMMEDIATE")?;
    for (job, own) in jobs {
        // A savepoint each, so that one that fails takes nobody with it.
        execute("SAVEPOINT job")?;
        if let Err(error) = job.work(connection) {
            let error = StoreError::write(error);
            if connection.is_autocommit() {
                // On a full disk SQLite gives up the whole transaction, savepoints and all.
                return Err(error);
            }
            *own = Err(error);
            execute("ROLLBACK TO job")?;
        }
        execute("RELEASE job")?;
    }
    execute("COMMIT")
}

fn roll_back(connection: &Connection) {
    if let Err(error) = connection.execute_batch("ROLLBACK") {
        // The next BEGIN will fail as well, and say so to whoever writes.
        tracing::error!(%error, "the store's transaction could not be rolled back");
    }
}

fn note_health(health: &Mutex<StoreHealth>, error: Option<&StoreError>) {
    let now = StoreHealth { writable: error.is_none(), last_error: error.map(describe) };
    let mut health = health.lock().unwrap_or_else(PoisonError::into_inner);
    if health.writable != now.writable {
        match &now.last_error {
            Some(error) => tracing::error!(%error, "the store cannot be written to"),
            None => tracing::info!("the store can be written to again"),
        }
    }
    *health = now;
}

fn describe(error: &StoreError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn insert(writer: &Writer, bytes: u32) -> Result<(), StoreError> {
        let insert = move |connection: &Connection| {
            connection.execute("INSERT INTO t VALUES (zeroblob(?1))", [bytes]).map(|_| ())
        };
        writer.write(insert).await
    }

    #[tokio::test]
    async fn a_full_store_says_so_keeps_nothing_of_the_write_and_recovers() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (b BLOB); PRAGMA max_page_count = 20").unwrap();
        let writer = Writer::start(connection);
        insert(&writer, 10).await.unwrap();
        assert!(writer.health().writable);
        // With others in one transaction: all of them fail, for SQLite gives the whole up.
        let (before, large, after) =
            tokio::join!(insert(&writer, 10), insert(&writer, 200_000), insert(&writer, 10));
        assert!(matches!(large, Err(StoreError::Full(_))), "{large:?}");
        let failures = [&before, &after].into_iter().filter(|result| result.is_err()).count();
        let health = writer.health();
        assert!(health.last_error.is_none_or(|error| error.contains("full")));
        let count = |connection: &Connection| {
            connection.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, u32>(0))
        };
        assert_eq!(writer.write(count).await.unwrap() as usize, 3 - failures);
        insert(&writer, 10).await.unwrap();
        assert_eq!(writer.health(), StoreHealth { writable: true, last_error: None });
    }
}
