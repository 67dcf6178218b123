//! Runs of plans. A change of one is a compare-and-set on its epoch and its revision, in one
//! transaction with what the ledger is told of it.
//!
//! An engine takes all runs over when it starts, and gets an epoch by it that is greater than all
//! before; from then on whatever an older engine writes is refused.

mod query;

use crate::{Store, StoreError, ledger};
use kernel::{
    LedgerEntry,
    plan::{Run, RunId, RunState, StepRecord},
};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;

pub use query::{RunFilter, RunPaging};

const EPOCH: &str = "run_epoch";

/// What became of a change of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunWrite {
    /// It is on disk.
    Written,
    /// The run is no longer what it was made from: read it again.
    Conflict,
    /// Another engine has taken the runs over: this one must leave them alone.
    Fenced,
}

/// A run's row as it will stand, turned into columns before it reaches the writing thread.
struct Columns {
    id: i64,
    epoch: i64,
    revision: i64,
    state: &'static str,
    changed_ms: i64,
    began_ms: Option<i64>,
    ended_ms: Option<i64>,
    approved_by: Option<String>,
    hurried: Option<String>,
    cancelled_by: Option<String>,
    cause: Option<String>,
    /// Position, state and record of the steps that changed.
    steps: Vec<(i64, &'static str, String)>,
}

impl Store {
    /// Takes all runs over from whatever engine had them. Returns this engine's epoch, and every
    /// run that is not over, in the order in which they were started.
    ///
    /// # Errors
    /// [`StoreError::Full`] and the like; [`StoreError::Malformed`] when a run cannot be read.
    pub async fn take_runs_over(&self) -> Result<(u64, Vec<Run>), StoreError> {
        let take_over = |connection: &Connection| {
            let epoch = connection.query_row(
                "INSERT INTO counter (name, value) VALUES (?1, 1)
                 ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
                [EPOCH],
                |row| row.get::<_, i64>(0),
            )?;
            connection.execute(
                "UPDATE run SET epoch = ?1, revision = revision + 1
                 WHERE state IN (SELECT value FROM json_each(?2))",
                params![epoch, unfinished()],
            )?;
            query::whole_runs(connection, "epoch = ?1", [epoch]).map(|runs| (epoch, runs))
        };
        let (epoch, runs) = match self.writer.write(take_over).await {
            // Control must be able to start on a full disk. The engine before has died with its
            // process, so its epoch may be gone on with: it is written to as soon as there is room.
            Err(StoreError::Full(_)) => self.reader.read(runs_of_last_epoch).await?,
            taken => taken?,
        };
        let runs = runs.into_iter().map(query::RawRun::read).collect::<Result<Vec<_>, _>>()?;
        Ok((query::to_unsigned("epoch", epoch)?, runs))
    }

    /// Keeps a run that is new: its `id` is not looked at, its `epoch` is the engine's. `None`:
    /// another engine has taken the runs over.
    ///
    /// # Errors
    /// [`StoreError::Full`] and the like; nothing was written then.
    pub async fn create_run(
        &self,
        run: &Run,
        tell: impl FnOnce(RunId) -> Vec<LedgerEntry> + Send + 'static,
    ) -> Result<Option<RunId>, StoreError> {
        let all: Vec<usize> = (0..run.steps.len()).collect();
        let columns = Columns::of(run, &all);
        let (kind, shop) = (run.plan.kind.clone(), run.plan.shop.clone());
        let (title, plan) = (json(&run.plan.params), json(&run.plan));
        let (actor, created_ms) = (run.actor.to_string(), run.created_at_ms);
        let create = move |connection: &Connection| {
            if is_fenced(connection, columns.epoch)? {
                return Ok(None);
            }
            let insert = "INSERT INTO run (epoch, revision, kind, shop, state, actor, params, plan,
                created_ms, changed_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
            connection.prepare_cached(insert)?.execute(params![
                columns.epoch,
                columns.revision,
                kind.as_str(),
                shop.as_ref().map(kernel::ShopId::as_str),
                columns.state,
                actor,
                title,
                plan,
                created_ms,
                columns.changed_ms,
            ])?;
            let id = connection.last_insert_rowid();
            columns.write_steps(connection, id)?;
            for entry in tell(RunId(id)) {
                ledger::append(connection, &entry)?;
            }
            Ok(Some(RunId(id)))
        };
        self.writer.write(create).await
    }

    /// Changes a run to what `run` is, which was made from the revision before it: the run itself
    /// and the steps at the positions `touched`. The entries go to the ledger with it, or nothing
    /// does.
    ///
    /// # Errors
    /// [`StoreError::Full`] and the like; nothing was written then.
    pub async fn change_run(
        &self,
        run: &Run,
        touched: &[usize],
        entries: Vec<LedgerEntry>,
    ) -> Result<RunWrite, StoreError> {
        let columns = Columns::of(run, touched);
        let change = move |connection: &Connection| {
            if is_fenced(connection, columns.epoch)? {
                return Ok(RunWrite::Fenced);
            }
            if !columns.write_run(connection)? {
                return Ok(RunWrite::Conflict);
            }
            columns.write_steps(connection, columns.id)?;
            for entry in &entries {
                ledger::append(connection, entry)?;
            }
            Ok(RunWrite::Written)
        };
        self.writer.write(change).await
    }
}

impl Columns {
    fn of(run: &Run, touched: &[usize]) -> Self {
        let step = |position: &usize| {
            let record: &StepRecord = &run.steps[*position];
            (signed(*position), record.state.code(), json(record))
        };
        Self {
            id: run.id.0,
            epoch: signed(run.epoch),
            revision: signed(run.revision),
            state: run.state.code(),
            changed_ms: run.changed_at_ms,
            began_ms: run.began_at_ms,
            ended_ms: run.ended_at_ms,
            approved_by: run.approved_by.as_ref().map(ToString::to_string),
            hurried: run.hurried.as_ref().map(json),
            cancelled_by: run.cancelled_by.as_ref().map(ToString::to_string),
            cause: run.cause.as_ref().map(json),
            steps: touched.iter().map(step).collect(),
        }
    }

    /// Whether the run was still what the change was made from.
    fn write_run(&self, connection: &Connection) -> Result<bool, rusqlite::Error> {
        let update = "UPDATE run SET epoch = ?3, revision = ?2, state = ?4, changed_ms = ?5,
              began_ms = ?6, ended_ms = ?7, approved_by = ?8, hurried = ?9, cancelled_by = ?10,
              cause = ?11
            WHERE id = ?1 AND revision = ?2 - 1 AND epoch <= ?3";
        let changed = connection.prepare_cached(update)?.execute(params![
            self.id,
            self.revision,
            self.epoch,
            self.state,
            self.changed_ms,
            self.began_ms,
            self.ended_ms,
            self.approved_by,
            self.hurried,
            self.cancelled_by,
            self.cause,
        ])?;
        Ok(changed == 1)
    }

    fn write_steps(&self, connection: &Connection, run: i64) -> Result<(), rusqlite::Error> {
        let mut upsert = connection.prepare_cached(
            "INSERT INTO run_step (run, position, state, record) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (run, position)
             DO UPDATE SET state = excluded.state, record = excluded.record",
        )?;
        for (position, state, record) in &self.steps {
            upsert.execute(params![run, position, state, record])?;
        }
        Ok(())
    }
}

/// Whether another engine has taken the runs over since `epoch` began.
fn is_fenced(connection: &Connection, epoch: i64) -> Result<bool, rusqlite::Error> {
    let select = "SELECT coalesce(max(value), 0) > ?2 FROM counter WHERE name = ?1";
    connection.prepare_cached(select)?.query_row(params![EPOCH, epoch], |row| row.get(0))
}

/// The states of runs that are not over, as a JSON list.
fn unfinished() -> String {
    let states = RunState::ALL.into_iter().filter(|state| !state.is_over());
    json(&states.collect::<Vec<_>>())
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("invariant: the kernel's values are always JSON")
}

fn signed(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}
/// The epoch that was taken last, and the runs of it that are not over.
fn runs_of_last_epoch(
    connection: &Connection,
) -> Result<(i64, Vec<query::RawRun>), rusqlite::Error> {
    let sql = "SELECT value FROM counter WHERE name = ?1";
    let epoch = connection.query_row(sql, [EPOCH], |row| row.get(0)).optional()?.unwrap_or(0);
    let those = "epoch = ?1 AND state IN (SELECT value FROM json_each(?2))";
    query::whole_runs(connection, those, params![epoch, unfinished()]).map(|runs| (epoch, runs))
}
