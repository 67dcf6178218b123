//! Runs read back: one whole, and pages of many.

use crate::{Store, StoreError};
use kernel::{
    ShopId,
    plan::{PlanKind, Run, RunId, RunState, RunSummary, StepRecord},
};
use rusqlite::{Connection, Params, Row, types::Value as SqlValue};
use serde::de::DeserializeOwned;

/// Rows of a page at most.
const PAGE_LIMIT: u32 = 500;

/// Which runs a page is of. The default is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    pub shop: Option<ShopId>,
    /// Empty: any.
    pub states: Vec<RunState>,
    /// What their plans are; empty: any.
    pub kinds: Vec<PlanKind>,
    /// Unix milliseconds; started at this time or later.
    pub from_ms: Option<i64>,
    /// Started before this time.
    pub until_ms: Option<i64>,
}

/// Where a page begins, and how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunPaging {
    /// Only runs older than this one: the last of the page before. `None`: from the newest.
    pub before: Option<RunId>,
    /// 500 at most.
    pub limit: u32,
}

/// A run as SQLite gives it, before its texts are understood.
pub(super) struct RawRun {
    id: i64,
    epoch: i64,
    revision: i64,
    state: String,
    actor: String,
    plan: String,
    created_ms: i64,
    changed_ms: i64,
    began_ms: Option<i64>,
    ended_ms: Option<i64>,
    approved_by: Option<String>,
    hurried: Option<String>,
    cancelled_by: Option<String>,
    cause: Option<String>,
    steps: Vec<String>,
}

struct RawSummary {
    id: i64,
    kind: String,
    shop: Option<String>,
    params: String,
    state: String,
    actor: String,
    created_ms: i64,
    began_ms: Option<i64>,
    ended_ms: Option<i64>,
    cause: Option<String>,
    done: i64,
    steps: i64,
}

impl Store {
    /// A run with its plan and its steps.
    ///
    /// # Errors
    /// When the store cannot be read, or [`StoreError::Malformed`].
    pub async fn run(&self, id: RunId) -> Result<Option<Run>, StoreError> {
        let select = move |connection: &Connection| whole_runs(connection, "id = ?1", [id.0]);
        let mut runs = self.reader.read(select).await?;
        runs.pop().map(RawRun::read).transpose()
    }

    /// A page of runs, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read, or [`StoreError::Malformed`].
    pub async fn runs(
        &self,
        filter: RunFilter,
        paging: RunPaging,
    ) -> Result<Vec<RunSummary>, StoreError> {
        let page = move |connection: &Connection| page(connection, &filter, paging);
        self.reader.read(page).await?.into_iter().map(RawSummary::read).collect()
    }

    /// How many runs are in each state that any is in.
    ///
    /// # Errors
    /// As of [`Store::runs`].
    pub async fn runs_by_state(&self) -> Result<Vec<(RunState, u64)>, StoreError> {
        let count = |connection: &Connection| {
            let mut select =
                connection.prepare_cached("SELECT state, count(*) FROM run GROUP BY state")?;
            let rows = select
                .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        let read = |(state, count)| Ok((named("state", state)?, to_unsigned("count", count)?));
        self.reader.read(count).await?.into_iter().map(read).collect()
    }
}

/// The runs that a condition is true of, in the order of their ids.
pub(super) fn whole_runs(
    connection: &Connection,
    condition: &str,
    parameters: impl Params,
) -> Result<Vec<RawRun>, rusqlite::Error> {
    let select = format!(
        "SELECT id, epoch, revision, state, actor, plan, created_ms, changed_ms, began_ms,
           ended_ms, approved_by, hurried, cancelled_by, cause
         FROM run WHERE {condition} ORDER BY id"
    );
    let mut select = connection.prepare_cached(&select)?;
    let rows = select.query_map(parameters, RawRun::from_row)?;
    let mut runs = rows.collect::<Result<Vec<_>, _>>()?;
    let mut steps = connection
        .prepare_cached("SELECT record FROM run_step WHERE run = ?1 ORDER BY position")?;
    for run in &mut runs {
        run.steps = steps.query_map([run.id], |row| row.get(0))?.collect::<Result<_, _>>()?;
    }
    Ok(runs)
}

fn page(
    connection: &Connection,
    filter: &RunFilter,
    paging: RunPaging,
) -> Result<Vec<RawSummary>, rusqlite::Error> {
    let Some(newest) = newest(connection, filter, paging)? else {
        return Ok(Vec::new());
    };
    let mut select = "SELECT id, kind, shop, params, state, actor, created_ms, began_ms, ended_ms,
          cause,
          (SELECT count(*) FROM run_step WHERE run = run.id AND state = 'done'),
          (SELECT count(*) FROM run_step WHERE run = run.id)
        FROM run WHERE id <= ?"
        .to_owned();
    let mut values = vec![SqlValue::Integer(newest)];
    let mut narrow = |condition: &str, value: Option<SqlValue>| {
        if let Some(value) = value {
            select.push_str(condition);
            values.push(value);
        }
    };
    let states = (!filter.states.is_empty()).then(|| super::json(&filter.states));
    narrow(" AND shop = ?", filter.shop.as_ref().map(|shop| shop.as_str().to_owned().into()));
    narrow(" AND state IN (SELECT value FROM json_each(?))", states.map(SqlValue::Text));
    let kinds = (!filter.kinds.is_empty()).then(|| super::json(&filter.kinds));
    narrow(" AND kind IN (SELECT value FROM json_each(?))", kinds.map(SqlValue::Text));
    narrow(" AND created_ms >= ?", filter.from_ms.map(SqlValue::Integer));
    narrow(" AND created_ms < ?", filter.until_ms.map(SqlValue::Integer));
    let limit = i64::from(paging.limit.min(PAGE_LIMIT));
    narrow(" ORDER BY id DESC LIMIT ?", Some(SqlValue::Integer(limit)));
    let mut select = connection.prepare_cached(&select)?;
    let rows = select.query_map(rusqlite::params_from_iter(values), RawSummary::from_row)?;
    rows.collect()
}

/// The id at which a page begins. Far back in time it is found by the index on time.
fn newest(
    connection: &Connection,
    filter: &RunFilter,
    paging: RunPaging,
) -> Result<Option<i64>, rusqlite::Error> {
    let before = paging.before.map_or(i64::MAX, |before| before.0 - 1);
    let Some(until_ms) = filter.until_ms else {
        return Ok(Some(before));
    };
    // Ids grow with time, except where a clock was set back: the highest of the last few.
    let select = "SELECT max(id) FROM (SELECT id FROM run WHERE created_ms < ?1
                  ORDER BY created_ms DESC LIMIT 1000)";
    let last: Option<i64> =
        connection.prepare_cached(select)?.query_row([until_ms], |row| row.get(0))?;
    Ok(last.map(|last| last.min(before)))
}

impl RawRun {
    fn from_row(row: &Row<'_>) -> Result<Self, rusqlite::Error> {
        Ok(Self {
            id: row.get(0)?,
            epoch: row.get(1)?,
            revision: row.get(2)?,
            state: row.get(3)?,
            actor: row.get(4)?,
            plan: row.get(5)?,
            created_ms: row.get(6)?,
            changed_ms: row.get(7)?,
            began_ms: row.get(8)?,
            ended_ms: row.get(9)?,
            approved_by: row.get(10)?,
            hurried: row.get(11)?,
            cancelled_by: row.get(12)?,
            cause: row.get(13)?,
            steps: Vec::new(),
        })
    }

    pub(super) fn read(self) -> Result<Run, StoreError> {
        let run = Run {
            id: RunId(self.id),
            plan: json("plan", &self.plan)?,
            state: named("state", self.state)?,
            epoch: to_unsigned("epoch", self.epoch)?,
            revision: to_unsigned("revision", self.revision)?,
            actor: named("actor", self.actor)?,
            created_at_ms: self.created_ms,
            changed_at_ms: self.changed_ms,
            began_at_ms: self.began_ms,
            ended_at_ms: self.ended_ms,
            approved_by: self.approved_by.map(|text| named("actor", text)).transpose()?,
            hurried: self.hurried.map(|text| json("override", &text)).transpose()?,
            cancelled_by: self.cancelled_by.map(|text| named("actor", text)).transpose()?,
            cause: self.cause.map(|text| json("cause", &text)).transpose()?,
            steps: self
                .steps
                .iter()
                .map(|record| json::<StepRecord>("step", record))
                .collect::<Result<_, _>>()?,
        };
        if run.steps.len() == run.plan.steps.len() {
            Ok(run)
        } else {
            Err(StoreError::Malformed(format!("run {}, which lacks steps of its plan", run.id)))
        }
    }
}

impl RawSummary {
    fn from_row(row: &Row<'_>) -> Result<Self, rusqlite::Error> {
        Ok(Self {
            id: row.get(0)?,
            kind: row.get(1)?,
            shop: row.get(2)?,
            params: row.get(3)?,
            state: row.get(4)?,
            actor: row.get(5)?,
            created_ms: row.get(6)?,
            began_ms: row.get(7)?,
            ended_ms: row.get(8)?,
            cause: row.get(9)?,
            done: row.get(10)?,
            steps: row.get(11)?,
        })
    }

    fn read(self) -> Result<RunSummary, StoreError> {
        let count = |number: i64| {
            usize::try_from(number).map_err(|_| StoreError::Malformed(format!("count {number}")))
        };
        Ok(RunSummary {
            id: RunId(self.id),
            kind: named("plan kind", self.kind)?,
            shop: self.shop.map(|text| named("shop", text)).transpose()?,
            params: json("params", &self.params)?,
            state: named("state", self.state)?,
            actor: named("actor", self.actor)?,
            created_at_ms: self.created_ms,
            began_at_ms: self.began_ms,
            ended_at_ms: self.ended_ms,
            cause: self.cause.map(|text| json("cause", &text)).transpose()?,
            done: count(self.done)?,
            steps: count(self.steps)?,
        })
    }
}

pub(super) fn to_unsigned(what: &str, number: i64) -> Result<u64, StoreError> {
    number.try_into().map_err(|_| StoreError::Malformed(format!("{what} {number} of a run")))
}

fn json<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text)
        .map_err(|error| StoreError::Malformed(format!("{what} of a run: {error}")))
}

/// A value whose JSON is one text.
fn named<T: DeserializeOwned>(what: &str, text: String) -> Result<T, StoreError> {
    serde_json::from_value(serde_json::Value::String(text))
        .map_err(|error| StoreError::Malformed(format!("{what} of a run: {error}")))
}
