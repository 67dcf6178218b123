//! Incidents with their timelines, silences, and the messages to people that wait or were sent.
//!
//! What one second of judgement changes arrives as one [`IncidentChanges`] and is written whole or
//! not at all, so that nobody is told twice and nothing is forgotten whatever moment a process ends.

use crate::{Store, StoreError};
use kernel::{Incident, IncidentState, ShopId, Silence, TimelineEntry};
use rusqlite::{Connection, OptionalExtension, Row, ToSql};
use serde::{Serialize, de::DeserializeOwned};

/// The name under which the state of the rules is kept; others may come.
const RULES: &str = "rules";

/// An incident and what whoever judges must remember of it, in their own words.
#[derive(Debug, Clone, PartialEq)]
pub struct IncidentRecord {
    pub incident: Incident,
    pub memory: String,
}

/// A message to one route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeRecord {
    /// Unique: a second one of the same is not queued.
    pub dedup: String,
    /// The name of a `[[notify]]`.
    pub route: String,
    pub incident: Option<i64>,
    /// What is to be sent, in the words of whoever sends.
    pub message: String,
    /// Unix milliseconds.
    pub queued_ms: i64,
    /// Sendings that failed.
    pub attempts: u32,
    /// Why the last one did.
    pub error: Option<String>,
    /// `None` while it waits.
    pub outcome: Option<NoticeOutcome>,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoticeOutcome {
    /// The other side took it; else it was given up.
    pub sent: bool,
    /// Unix milliseconds.
    pub at_ms: i64,
}

/// All that changed at once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct IncidentChanges {
    /// What the rules are at, in the words of whoever judges; `None`: as before.
    pub rules: Option<String>,
    /// Whole incidents, in place of those of the same id.
    pub incidents: Vec<IncidentRecord>,
    /// New entries with the id of their incident, in their order.
    pub entries: Vec<(i64, TimelineEntry)>,
    /// New messages, or new states of those that were queued.
    pub notices: Vec<NoticeRecord>,
    pub silences: Vec<Silence>,
    pub silences_ended: Vec<i64>,
}

impl IncidentChanges {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Which incidents are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IncidentFilter {
    pub shop: Option<ShopId>,
    pub state: Option<IncidentState>,
    /// Only those with a smaller id.
    pub before: Option<i64>,
}

impl Store {
    /// Writes down what changed, all or nothing.
    ///
    /// # Errors
    /// [`StoreError::Full`] and the like; nothing was written then.
    pub async fn record_incidents(&self, changes: IncidentChanges) -> Result<(), StoreError> {
        self.writer.write(move |connection| record(connection, &changes)).await
    }

    /// Incidents, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read, or what lies there is not understood.
    pub async fn incidents(
        &self,
        filter: IncidentFilter,
        limit: u32,
    ) -> Result<Vec<Incident>, StoreError> {
        let select = move |connection: &Connection| {
            let (sql, params) = page(&filter, limit);
            let mut select = connection.prepare_cached(&sql)?;
            let params: Vec<&dyn ToSql> = params.iter().map(|p| p as &dyn ToSql).collect();
            let rows = select.query_map(params.as_slice(), |row| row.get::<_, String>(0))?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        let bodies = self.reader.read(select).await?;
        bodies.iter().map(|body| parse(body, "an incident")).collect()
    }

    /// One incident with its timeline, the oldest entry first; `None` when there is none such.
    ///
    /// # Errors
    /// As of [`Store::incidents`].
    pub async fn incident(
        &self,
        id: i64,
    ) -> Result<Option<(IncidentRecord, Vec<TimelineEntry>)>, StoreError> {
        let select = move |connection: &Connection| {
            let found = connection
                .prepare_cached("SELECT body, memory FROM incident WHERE id = ?1")?
                .query_row([id], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))
                .optional()?;
            let mut entries = connection.prepare_cached(
                "SELECT at_ms, actor, kind, params FROM incident_entry
                 WHERE incident = ?1 ORDER BY id",
            )?;
            let rows = entries
                .query_map([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
            Ok((found, rows.collect::<Result<Vec<EntryRow>, _>>()?))
        };
        let (found, entries) = self.reader.read(select).await?;
        let Some((body, memory)) = found else { return Ok(None) };
        let incident = parse(&body, "an incident")?;
        let entries = entries.into_iter().map(to_entry).collect::<Result<_, _>>()?;
        Ok(Some((IncidentRecord { incident, memory }, entries)))
    }

    /// Incidents that are not resolved, and those resolved since `resolved_from_ms`: what judgement
    /// goes on from after a restart.
    ///
    /// # Errors
    /// As of [`Store::incidents`].
    pub async fn standing_incidents(
        &self,
        resolved_from_ms: i64,
    ) -> Result<Vec<IncidentRecord>, StoreError> {
        let select = move |connection: &Connection| {
            let mut select = connection.prepare_cached(
                "SELECT id, body, memory FROM incident WHERE state IN ('open', 'acknowledged')
                 UNION ALL
                 SELECT id, body, memory FROM incident WHERE resolved_ms >= ?1
                 ORDER BY 1",
            )?;
            let rows = select.query_map([resolved_from_ms], |row| {
                Ok((row.get::<_, String>(1)?, row.get::<_, String>(2)?))
            })?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        let rows = self.reader.read(select).await?;
        let record = |(body, memory): (String, String)| {
            Ok(IncidentRecord { incident: parse(&body, "an incident")?, memory })
        };
        rows.into_iter().map(record).collect()
    }

    /// The greatest id an incident ever had; 0 before the first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn last_incident(&self) -> Result<i64, StoreError> {
        let select = |connection: &Connection| {
            let select = "SELECT coalesce(max(id), 0) FROM incident";
            connection.query_row(select, [], |row| row.get(0))
        };
        self.reader.read(select).await
    }

    /// What the rules were at; `None` before the first time.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn rules_state(&self) -> Result<Option<String>, StoreError> {
        let select = |connection: &Connection| {
            let select = "SELECT body FROM alert_state WHERE name = ?1";
            connection.query_row(select, [RULES], |row| row.get(0)).optional()
        };
        self.reader.read(select).await
    }

    /// Messages that wait to be sent, the oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn waiting_notices(&self) -> Result<Vec<NoticeRecord>, StoreError> {
        self.select_notices("WHERE outcome IS NULL ORDER BY id", String::new()).await
    }

    /// The newest message of a route that was sent or given up.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn last_notice(&self, route: &str) -> Result<Option<NoticeRecord>, StoreError> {
        let tail = "WHERE route = ?1 AND outcome IS NOT NULL ORDER BY id DESC LIMIT 1";
        Ok(self.select_notices(tail, route.to_owned()).await?.pop())
    }

    async fn select_notices(
        &self,
        tail: &'static str,
        route: String,
    ) -> Result<Vec<NoticeRecord>, StoreError> {
        let select = move |connection: &Connection| {
            let mut select = connection.prepare_cached(&format!(
                "SELECT dedup, route, incident, message, queued_ms, attempts, error, outcome,
                   outcome_ms FROM notice {tail}"
            ))?;
            if select.parameter_count() == 0 {
                return select.query_map([], to_notice)?.collect::<Result<Vec<_>, _>>();
            }
            select.query_map([route], to_notice)?.collect()
        };
        self.reader.read(select).await
    }

    /// Silences that have not ended by `now_ms`, the newest first.
    ///
    /// # Errors
    /// As of [`Store::incidents`].
    pub async fn silences(&self, now_ms: i64) -> Result<Vec<Silence>, StoreError> {
        let select = move |connection: &Connection| {
            let mut select = connection.prepare_cached(
                "SELECT id, shop, code, from_ms, until_ms, comment, made_by FROM silence
                 WHERE until_ms > ?1 ORDER BY id DESC",
            )?;
            let rows = select.query_map([now_ms], |row| {
                Ok((
                    (row.get::<_, Option<String>>(1)?, row.get::<_, String>(6)?),
                    (row.get(0)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?),
                ))
            })?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        let silence = |((shop, by), (id, code, from_ms, until_ms, comment))| {
            let malformed = |what: &str| StoreError::Malformed(format!("{what} of silence {id}"));
            let shop: Option<String> = shop;
            let by: String = by;
            let shop = shop.map(|s| s.parse().map_err(|_| malformed("shop"))).transpose()?;
            let by = by.parse().map_err(|_| malformed("author"))?;
            Ok(Silence { id, shop, code, from_ms, until_ms, comment, by })
        };
        self.reader.read(select).await?.into_iter().map(silence).collect()
    }

    /// The id for the next silence.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn next_silence(&self) -> Result<i64, StoreError> {
        let select = |connection: &Connection| {
            let select = "SELECT coalesce(max(id), 0) + 1 FROM silence";
            connection.query_row(select, [], |row| row.get(0))
        };
        self.reader.read(select).await
    }

    /// Forgets incidents that were resolved before `before_ms` and messages whose fate was decided
    /// before `notices_before_ms`. Returns how many rows went.
    ///
    /// # Errors
    /// [`StoreError::Full`] and the like.
    pub async fn prune_incidents(
        &self,
        before_ms: i64,
        notices_before_ms: i64,
    ) -> Result<usize, StoreError> {
        let write = move |connection: &Connection| {
            let incidents = "DELETE FROM incident WHERE resolved_ms < ?1";
            let notices = "DELETE FROM notice WHERE outcome_ms < ?1";
            let gone = connection.execute(incidents, [before_ms])?;
            Ok(gone + connection.execute(notices, [notices_before_ms])?)
        };
        self.writer.write(write).await
    }
}

/// The query of a page: keys below the last one seen, by an index that has them in that order.
fn page(filter: &IncidentFilter, limit: u32) -> (String, Vec<rusqlite::types::Value>) {
    use rusqlite::types::Value;
    let mut conditions = vec!["id < ?1".to_owned()];
    let mut params = vec![Value::Integer(filter.before.unwrap_or(i64::MAX))];
    if let Some(shop) = &filter.shop {
        params.push(Value::Text(shop.as_str().to_owned()));
        conditions.push(format!("shop = ?{}", params.len()));
    }
    if let Some(state) = filter.state {
        params.push(Value::Text(state.as_str().to_owned()));
        conditions.push(format!("state = ?{}", params.len()));
    }
    params.push(Value::Integer(limit.into()));
    let (conditions, last) = (conditions.join(" AND "), params.len());
    let sql =
        format!("SELECT body FROM incident WHERE {conditions} ORDER BY id DESC LIMIT ?{last}");
    (sql, params)
}

fn record(connection: &Connection, changes: &IncidentChanges) -> Result<(), rusqlite::Error> {
    if let Some(rules) = &changes.rules {
        connection
            .prepare_cached(
                "INSERT INTO alert_state (name, body) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET body = excluded.body",
            )?
            .execute((RULES, rules))?;
    }
    for record in &changes.incidents {
        put_incident(connection, record)?;
    }
    for (incident, entry) in &changes.entries {
        connection
            .prepare_cached(
                "INSERT INTO incident_entry (incident, at_ms, actor, kind, params)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute((
                incident,
                entry.at_ms,
                entry.actor.to_string(),
                text_of(&entry.kind).trim_matches('"'),
                text_of(&entry.params),
            ))?;
    }
    for notice in &changes.notices {
        put_notice(connection, notice)?;
    }
    for silence in &changes.silences {
        connection
            .prepare_cached(
                "INSERT INTO silence (id, shop, code, from_ms, until_ms, comment, made_by)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute((
                silence.id,
                silence.shop.as_ref().map(ShopId::as_str),
                &silence.code,
                silence.from_ms,
                silence.until_ms,
                &silence.comment,
                silence.by.to_string(),
            ))?;
    }
    for id in &changes.silences_ended {
        connection.prepare_cached("DELETE FROM silence WHERE id = ?1")?.execute([id])?;
    }
    Ok(())
}

fn put_incident(connection: &Connection, record: &IncidentRecord) -> Result<(), rusqlite::Error> {
    let incident = &record.incident;
    connection
        .prepare_cached(
            "INSERT INTO incident (id, shop, state, opened_ms, resolved_ms, body, memory)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (id) DO UPDATE SET state = excluded.state,
               resolved_ms = excluded.resolved_ms, body = excluded.body,
               memory = excluded.memory",
        )?
        .execute((
            incident.id,
            incident.shop.as_ref().map(ShopId::as_str),
            incident.state.as_str(),
            incident.opened_ms,
            incident.resolved_ms,
            text_of(incident),
            &record.memory,
        ))
        .map(|_| ())
}

fn put_notice(connection: &Connection, notice: &NoticeRecord) -> Result<(), rusqlite::Error> {
    let outcome = notice.outcome.map(|outcome| if outcome.sent { "sent" } else { "failed" });
    connection
        .prepare_cached(
            "INSERT INTO notice (dedup, route, incident, message, queued_ms, attempts, error,
               outcome, outcome_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (dedup) DO UPDATE SET attempts = excluded.attempts,
               error = excluded.error, outcome = coalesce(excluded.outcome, outcome),
               outcome_ms = coalesce(excluded.outcome_ms, outcome_ms)",
        )?
        .execute((
            &notice.dedup,
            &notice.route,
            notice.incident,
            &notice.message,
            notice.queued_ms,
            notice.attempts,
            &notice.error,
            outcome,
            notice.outcome.map(|outcome| outcome.at_ms),
        ))
        .map(|_| ())
}

type EntryRow = (i64, String, String, String);

fn to_entry((at_ms, actor, kind, params): EntryRow) -> Result<TimelineEntry, StoreError> {
    let malformed = |what: &str| StoreError::Malformed(format!("{what} of an entry of {at_ms}"));
    Ok(TimelineEntry {
        at_ms,
        actor: actor.parse().map_err(|_| malformed("actor"))?,
        kind: parse(&format!("\"{kind}\""), "an entry's kind")?,
        params: parse(&params, "an entry's parameters")?,
    })
}

fn to_notice(row: &Row<'_>) -> Result<NoticeRecord, rusqlite::Error> {
    let outcome: Option<String> = row.get(7)?;
    let at_ms: Option<i64> = row.get(8)?;
    Ok(NoticeRecord {
        dedup: row.get(0)?,
        route: row.get(1)?,
        incident: row.get(2)?,
        message: row.get(3)?,
        queued_ms: row.get(4)?,
        attempts: row.get(5)?,
        error: row.get(6)?,
        outcome: outcome
            .zip(at_ms)
            .map(|(outcome, at_ms)| NoticeOutcome { sent: outcome == "sent", at_ms }),
    })
}

fn text_of(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("invariant: plain data becomes JSON")
}

fn parse<T: DeserializeOwned>(text: &str, what: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Malformed(format!("{what}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_found_by_an_index_in_its_order() {
        let mut connection = Connection::open_in_memory().unwrap();
        crate::migrations::run(&mut connection).unwrap();
        let shop = Some("lamps".parse().unwrap());
        let state = Some(IncidentState::Resolved);
        for (filter, index) in [
            (IncidentFilter::default(), "INTEGER PRIMARY KEY (rowid<?)"),
            (IncidentFilter { shop: shop.clone(), ..Default::default() }, "INDEX incident_shop "),
            (IncidentFilter { state, ..Default::default() }, "INDEX incident_state "),
            (IncidentFilter { shop, state, before: Some(9) }, "INDEX incident_shop_state "),
        ] {
            let (sql, params) = page(&filter, 50);
            let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let params: Vec<&dyn ToSql> = params.iter().map(|p| p as &dyn ToSql).collect();
            let rows = explain.query_map(params.as_slice(), |row| row.get::<_, String>(3)).unwrap();
            let plan: Vec<String> = rows.map(Result::unwrap).collect();
            let [only] = plan.as_slice() else { panic!("it sorts: {plan:?}") };
            assert!(only.starts_with("SEARCH incident USING ") && only.contains(index), "{only}");
        }
    }
}
