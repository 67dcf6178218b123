//! What is done to a PostgreSQL, and what is asked before and behind it: one index, one setting, one
//! table's dead rows.

use super::{Fields, open, queries};
use crate::{
    DatabaseError,
    care::{Index, IndexState, Prospect, Setting, SettingSeen, SettingState, Tidied},
    dump::postgres::{MANNERS, config, connect, execute, literal, texts},
};
use kernel::config::DatabaseUrl;

/// An index is waited for as long as writers that were there before it take; then it is given up.
const INDEX_LOCK_SECONDS: u32 = 300;
/// What an entry takes besides its columns: its head, a line pointer, and a tenth of each page left empty.
const ENTRY_BYTES: u64 = 14;
const RIGHT_TO_A_SETTING_SINCE: u32 = 150_000;

/// Schema and name of a table's label.
fn parts(table: &str) -> (&str, &str) {
    table.split_once('.').unwrap_or(("public", table))
}

pub(in crate::care) async fn index_state(
    url: &DatabaseUrl,
    index: &Index,
) -> Result<IndexState, DatabaseError> {
    let session = open(url).await?;
    let (schema, table) = parts(&index.table);
    // A session that makes it is seen by its statement even before the catalog has the index.
    let statement = format!(
        "SELECT (SELECT i.indisvalid AND i.indisready FROM pg_index i \
         JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid \
         JOIN pg_namespace n ON n.oid = t.relnamespace \
         WHERE c.relname = {} AND t.relname = {} AND n.nspname = {}), \
         EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' \
         AND pid <> pg_backend_pid() AND query IN ({}, {})) \
         OR EXISTS (SELECT 1 FROM pg_stat_progress_create_index p JOIN pg_class c ON c.oid = p.index_relid \
         WHERE c.relname = {})",
        literal(&index.name),
        literal(table),
        literal(schema),
        literal(&index.make),
        literal(&index.drop),
        literal(&index.name),
    );
    let rows = texts::<2>(&session.client, "look at an index", &statement).await?;
    let Some([whole, busy]) = rows.first() else { return Ok(IndexState::Absent) };
    Ok(match (whole.as_deref(), busy.as_deref()) {
        (_, Some("t")) => IndexState::Busy,
        (None, _) => IndexState::Absent,
        (Some("t"), _) => IndexState::Whole,
        (Some(_), _) => IndexState::Broken,
    })
}

pub(in crate::care) async fn prospect(
    url: &DatabaseUrl,
    index: &Index,
    columns: &[String],
) -> Result<Prospect, DatabaseError> {
    let session = open(url).await?;
    let (schema, table) = parts(&index.table);
    let names: Vec<_> = columns.iter().map(|column| literal(column)).collect();
    let names = if names.is_empty() { "NULL".to_owned() } else { names.join(", ") };
    let statement = format!(
        "SELECT current_user, pg_has_role(current_user, c.relowner, 'USAGE'), nullif(c.reltuples, -1), \
         pg_table_size(c.oid), (SELECT CASE WHEN count(*) = {} THEN sum(s.avg_width) END FROM pg_stats s \
         WHERE s.schemaname = n.nspname AND s.tablename = c.relname AND NOT s.inherited \
         AND s.attname IN ({names})), \
         (SELECT max(extract(epoch FROM now() - a.xact_start) * 1000) FROM pg_stat_activity a \
         WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()) \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relname = {} AND n.nspname = {} AND c.relkind IN ('r', 'm', 'p')",
        columns.len().max(1),
        literal(table),
        literal(schema),
    );
    let rows = texts::<6>(&session.client, "look at a table", &statement).await?;
    let Some(row) = rows.first() else {
        return Err(super::odd("a table", format!("there is no {}", index.table)));
    };
    let fields = Fields { what: "a table", fields: row };
    let rows = fields.number::<f64>(2)?.map(crate::care::whole);
    let width: Option<u64> = fields.number(4)?;
    Ok(Prospect {
        account: fields.text(0),
        may: Some(fields.is_true(1)),
        rows,
        table_bytes: fields.number(3)?,
        index_bytes: rows.zip(width).map(|(rows, width)| rows.saturating_mul(width + ENTRY_BYTES)),
        oldest_ms: fields.number::<f64>(5)?.map(crate::care::whole),
    })
}

pub(in crate::care) async fn goes_by(
    url: &DatabaseUrl,
    statement: &str,
    index: &str,
) -> Result<Option<bool>, DatabaseError> {
    let session = open(url).await?;
    queries::goes_by(&session.client, statement, index).await
}

pub(in crate::care) async fn tidied(
    url: &DatabaseUrl,
    table: &str,
) -> Result<Option<Tidied>, DatabaseError> {
    let session = open(url).await?;
    let (schema, name) = parts(table);
    let statement = format!(
        "SELECT s.vacuum_count, s.n_dead_tup, s.n_live_tup, pg_has_role(current_user, c.relowner, 'USAGE') \
         OR pg_has_role(current_user, (SELECT datdba FROM pg_database WHERE datname = current_database()), \
         'USAGE') FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid \
         WHERE s.schemaname = {} AND s.relname = {}",
        literal(schema),
        literal(name)
    );
    let rows = texts::<4>(&session.client, "look at a table's rows", &statement).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let fields = Fields { what: "a table's rows", fields: row };
    let (times, dead, live) = (fields.count(0)?, fields.count(1)?, fields.count(2)?);
    Ok(Some(Tidied { times, dead, live, may: fields.is_true(3) }))
}

pub(in crate::care) async fn setting_seen(
    url: &DatabaseUrl,
    setting: &Setting,
) -> Result<SettingSeen, DatabaseError> {
    let session = open(url).await?;
    let (name, to) = (literal(&setting.name), literal(&setting.to));
    // The right to one setting exists since version 15, and the function that asks for it as well.
    let version = "SELECT current_setting('server_version_num')";
    let rows = texts::<1>(&session.client, "look at the server", version).await?;
    let version: u32 = match rows.first() {
        Some(row) => Fields { what: "its version", fields: row }.number(0)?.unwrap_or_default(),
        None => 0,
    };
    let granted = match version >= RIGHT_TO_A_SETTING_SINCE {
        true => format!(
            "(has_parameter_privilege({name}, 'ALTER SYSTEM') \
             AND has_function_privilege('pg_reload_conf()', 'EXECUTE'))"
        ),
        false => "false".to_owned(),
    };
    let statement = format!(
        "SELECT current_user, current_setting(name), pending_restart, CASE WHEN is_size \
         THEN pg_size_bytes(current_setting(name)) = pg_size_bytes(CASE WHEN is_size THEN {to} ELSE '0' END) \
         ELSE current_setting(name) = {to} END, \
         (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) OR {granted} \
         FROM (SELECT *, unit IN ('B', 'kB', '8kB', 'MB', 'GB') AS is_size FROM pg_settings) s \
         WHERE name = {name}"
    );
    let rows = texts::<5>(&session.client, "look at a setting", &statement).await?;
    let row = rows
        .first()
        .ok_or_else(|| super::odd("a setting", format!("there is no {}", setting.name)))?;
    let fields = Fields { what: "a setting", fields: row };
    let state = match (fields.is_true(3), fields.is_true(2)) {
        (true, false) => SettingState::Held,
        (false, true) => SettingState::Waiting,
        // Held now, and something else from the next start on.
        (true, true) | (false, false) => SettingState::Other,
    };
    let may = Some(fields.is_true(4));
    Ok(SettingSeen { state, value: fields.text(1), account: fields.text(0), may })
}

/// A statement that may take as long as it takes, and waits for locks only so long.
pub(in crate::care) async fn run(url: &DatabaseUrl, statement: &str) -> Result<(), DatabaseError> {
    let session = connect(url, &config(url)?).await?;
    let manners =
        format!("{MANNERS} SET statement_timeout = 0; SET lock_timeout = '{INDEX_LOCK_SECONDS}s';");
    execute(&session.client, "set up the session", &manners).await?;
    execute(&session.client, "mend the database", statement).await
}
