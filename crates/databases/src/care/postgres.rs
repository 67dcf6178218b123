//! What a PostgreSQL suffers from, by its catalogs and its statistics.

mod deeds;
mod indexes;
mod queries;
mod settings;

use super::{
    Blind, CONNECTIONS_USED, Connections, Examination, Fields, Figures, Finding, Glance, KEY_USED,
    MOST_TABLES, Mend, Options, PATIENCE, Replica, STATEMENT_LIMIT, Sight, TableSize, Trouble, odd,
    share,
};
use crate::{
    DatabaseError,
    dump::postgres::{MANNERS, Session, config, connect, execute, literal, qualified, texts},
};
use kernel::config::DatabaseUrl;
use tokio_postgres::Client;

pub(super) use deeds::{goes_by, index_state, prospect, run, setting_seen, tidied};

/// A slot that keeps more of the log than this is worth a word.
const SLOT_BYTES: u64 = 1 << 30;
/// A replica further behind than this does not keep up.
const BEHIND_BYTES: u64 = 64 << 20;
/// Of the transaction numbers, half are always in the past; at the end of them the server stops.
const TRANSACTION_NUMBERS: u64 = 1 << 31;
const NUMBERS_USED: f64 = 0.5;
/// Of a replica that has a slot which it does not read from.
const STOPPED: &str = "stopped";
/// The server has thrown away what it would go on from: it has to be made anew.
const LOST: &str = "lost";

type Rows<const N: usize> = Vec<[Option<String>; N]>;

pub(super) async fn examine(
    url: &DatabaseUrl,
    options: &Options,
) -> Result<Examination, DatabaseError> {
    let session = open(url).await?;
    let client = &session.client;
    let mut blind = Vec::new();
    let (server, version, figures) = figures(client).await?;
    let mut findings = waits(client, figures.connections, &mut blind).await?;
    findings.extend(settings::judge(client, version, &figures, options).await?);
    findings.extend(indexes::judge(client, &figures, options).await?);
    findings.extend(tables_troubles(client, options).await?);
    findings.extend(keys(client).await?);
    findings.extend(slots(client).await?);
    findings.extend(numbers(client).await?);
    let replicas = replicas(client, &mut blind).await?;
    findings.extend(replicas.iter().filter_map(behind));
    let queries = match queries::read(client).await? {
        Ok(queries) => queries,
        Err(not_seen) => {
            blind.push(not_seen);
            Vec::new()
        }
    };
    findings.extend(queries::missing_indexes(client, &queries, options).await?);
    let queries = queries.into_iter().map(|explained| explained.query).collect();
    let tables = tables(client).await?;
    Ok(Examination { server, figures, tables, queries, replicas, findings, blind })
}

pub(super) async fn glance(url: &DatabaseUrl) -> Result<Glance, DatabaseError> {
    let session = open(url).await?;
    let client = &session.client;
    let (_, _, figures) = figures(client).await?;
    let mut blind = Vec::new();
    let mut findings = waits(client, figures.connections, &mut blind).await?;
    findings.extend(slots(client).await?);
    let replicas = replicas(client, &mut blind).await?;
    findings.extend(replicas.iter().filter_map(behind));
    Ok(Glance { connections: figures.connections, replicas, findings, blind })
}

/// Who waits, and what for.
async fn waits(
    client: &Client,
    taken: Option<Connections>,
    blind: &mut Vec<Blind>,
) -> Result<Vec<Finding>, DatabaseError> {
    let mut findings = Vec::new();
    if sees_all(client).await? {
        findings.extend(sessions(client).await?);
    } else {
        let mend = "GRANT pg_monitor TO its_user".to_owned();
        blind.push(Blind { what: Sight::Sessions, mend });
    }
    findings.extend(connections(taken));
    Ok(findings)
}

async fn open(url: &DatabaseUrl) -> Result<Session, DatabaseError> {
    let session = connect(url, &config(url)?).await?;
    let limit = STATEMENT_LIMIT.as_millis();
    let manners = format!(
        "{MANNERS} SET default_transaction_read_only = on; SET statement_timeout = {limit}; \
         SET lock_timeout = 1000;"
    );
    execute(&session.client, "set up the session", &manners).await?;
    Ok(session)
}

async fn figures(client: &Client) -> Result<(String, u32, Figures), DatabaseError> {
    let statement = "SELECT current_setting('server_version'), current_setting('server_version_num'), \
        pg_database_size(current_database()), \
        (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'), \
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int, \
        d.blks_hit, d.blks_hit + d.blks_read, \
        extract(epoch FROM now() - pg_postmaster_start_time()), \
        extract(epoch FROM now() - coalesce(d.stats_reset, pg_postmaster_start_time())) \
        FROM pg_stat_database d WHERE d.datname = current_database()";
    let what = "its figures";
    let rows = texts::<9>(client, "look at the database", statement).await?;
    let row = rows.first().ok_or_else(|| odd(what, "no row"))?;
    let fields = Fields { what, fields: row };
    let version = fields.number(1)?.ok_or_else(|| odd(what, "no version"))?;
    let (hits, reads) = (fields.count(5)?, fields.count(6)?);
    let figures = Figures {
        size_bytes: fields.count(2)?,
        connections: Some(Connections { used: fields.count(3)?, most: fields.count(4)? }),
        cache_hits: (reads > 0).then(|| share(hits, reads)),
        up_s: Some(fields.count(7)?),
        counted_s: Some(fields.count(8)?),
    };
    Ok((format!("PostgreSQL {}", fields.text(0)), version, figures))
}

/// Whether others' sessions and statements are shown to us.
async fn sees_all(client: &Client) -> Result<bool, DatabaseError> {
    let statement = "SELECT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')";
    let rows = texts::<1>(client, "look at our rights", statement).await?;
    Ok(rows.first().is_some_and(|row| row[0].as_deref() == Some("t")))
}

pub(super) fn connections(connections: Option<Connections>) -> Option<Finding> {
    let Connections { used, most } = connections?;
    (share(used, most) >= CONNECTIONS_USED)
        .then(|| Finding::new(Trouble::ConnectionsScarce { used, most }, None))
}

async fn sessions(client: &Client) -> Result<Vec<Finding>, DatabaseError> {
    let patience = PATIENCE.as_secs();
    let idle = format!(
        "SELECT pid, usename, application_name, extract(epoch FROM now() - state_change) * 1000 \
         FROM pg_stat_activity WHERE datname = current_database() \
         AND state IN ('idle in transaction', 'idle in transaction (aborted)') \
         AND state_change < now() - interval '{patience} s' ORDER BY state_change LIMIT 20"
    );
    let mut findings = Vec::new();
    for row in texts::<4>(client, "look at idle transactions", &idle).await? {
        let fields = Fields { what: "an idle transaction", fields: &row };
        let session = fields.text(0);
        let statement = format!("SELECT pg_terminate_backend({session})");
        let trouble = Trouble::IdleTransaction {
            session,
            user: fields.text(1),
            program: fields.text(2),
            idle_ms: fields.count(3)?,
        };
        findings.push(Finding::new(trouble, Some(Mend::Statement { statement })));
    }
    let blocked = format!(
        "SELECT w.pid, w.application_name, b.pid, b.application_name, \
         extract(epoch FROM now() - w.state_change) * 1000 \
         FROM pg_stat_activity w CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) AS by(pid) \
         JOIN pg_stat_activity b ON b.pid = by.pid WHERE w.datname = current_database() \
         AND w.wait_event_type = 'Lock' AND w.state_change < now() - interval '{patience} s' \
         ORDER BY w.state_change LIMIT 20"
    );
    for row in texts::<5>(client, "look at locks", &blocked).await? {
        let fields = Fields { what: "a lock", fields: &row };
        let trouble = Trouble::Blocked {
            session: fields.text(0),
            program: fields.text(1),
            by: Some(fields.text(2)),
            by_program: Some(fields.text(3)),
            waits_ms: fields.count(4)?,
        };
        findings.push(Finding::new(trouble, None));
    }
    Ok(findings)
}

async fn tables(client: &Client) -> Result<Vec<TableSize>, DatabaseError> {
    let statement = format!(
        "SELECT n.nspname || '.' || c.relname, nullif(c.reltuples, -1), \
         pg_table_size(c.oid), pg_indexes_size(c.oid) \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema') \
         AND n.nspname NOT LIKE 'pg\\_%' ORDER BY pg_total_relation_size(c.oid) DESC LIMIT {MOST_TABLES}"
    );
    let rows = texts::<4>(client, "look at the tables", &statement).await?;
    rows.iter()
        .map(|row| {
            let fields = Fields { what: "a table", fields: row };
            Ok(TableSize {
                table: fields.text(0),
                rows: fields.number::<f64>(1)?.map(super::whole),
                bytes: Some(fields.count(2)?),
                index_bytes: Some(fields.count(3)?),
            })
        })
        .collect()
}

/// Tables that nobody clears up after, and those whose rows cannot be told apart.
async fn tables_troubles(
    client: &Client,
    options: &Options,
) -> Result<Vec<Finding>, DatabaseError> {
    // Twice what the server itself takes for the time to clear up.
    let statement = "SELECT schemaname, relname, n_dead_tup, n_live_tup, \
        n_dead_tup > 10000 AND n_dead_tup > 2 * (current_setting('autovacuum_vacuum_threshold')::float8 \
        + current_setting('autovacuum_vacuum_scale_factor')::float8 * n_live_tup), \
        NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = s.relid AND i.indisprimary) \
        FROM pg_stat_user_tables s";
    let mut findings = Vec::new();
    for row in texts::<6>(client, "look at rows", statement).await? {
        let fields = Fields { what: "a table's rows", fields: &row };
        let (schema, name) = (fields.text(0), fields.text(1));
        let table = format!("{schema}.{name}");
        let (dead, live) = (fields.count(2)?, fields.count(3)?);
        if fields.is_true(5) && live >= options.large_rows {
            findings.push(Finding::new(Trouble::NoKey { table: table.clone(), rows: live }, None));
        }
        if fields.is_true(4) {
            let statement = format!("VACUUM (ANALYZE) {}", qualified(Some(&schema), &name));
            let mend = Mend::TidyTable { table: table.clone(), statement };
            findings.push(Finding::new(Trouble::DeadRows { table, dead, live }, Some(mend)));
        }
    }
    Ok(findings)
}

/// Keys whose numbers end soon: by their column's type, or their sequence's end.
async fn keys(client: &Client) -> Result<Vec<Finding>, DatabaseError> {
    let statement = "SELECT n.nspname, t.relname, a.attname, pg_sequence_last_value(s.seqrelid), \
        least(s.seqmax, CASE a.atttypid WHEN 21 THEN 32767 WHEN 23 THEN 2147483647 ELSE s.seqmax END) \
        FROM pg_sequence s JOIN pg_depend d ON d.objid = s.seqrelid AND d.classid = 'pg_class'::regclass \
        AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0 \
        JOIN pg_class t ON t.oid = d.refobjid JOIN pg_namespace n ON n.oid = t.relnamespace \
        JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid \
        WHERE NOT s.seqcycle AND s.seqincrement > 0 \
        AND has_sequence_privilege(s.seqrelid, 'SELECT, USAGE')";
    let mut findings = Vec::new();
    for row in texts::<5>(client, "look at keys", statement).await? {
        let fields = Fields { what: "a key", fields: &row };
        let (reached, last) = (fields.count(3)?, fields.count(4)?);
        let used = share(reached, last);
        if used < KEY_USED {
            continue;
        }
        let (schema, name, column) = (fields.text(0), fields.text(1), fields.text(2));
        let quoted = crate::dump::postgres::quoted(&column);
        let statement = format!(
            "ALTER TABLE {} ALTER COLUMN {quoted} TYPE bigint",
            qualified(Some(&schema), &name)
        );
        let trouble = Trouble::KeyRunsOut { table: format!("{schema}.{name}"), column, used, last };
        findings.push(Finding::new(trouble, Some(Mend::Statement { statement })));
    }
    Ok(findings)
}

async fn slots(client: &Client) -> Result<Vec<Finding>, DatabaseError> {
    let statement = "SELECT slot_name, pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() \
        THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, restart_lsn), \
        current_setting('max_slot_wal_keep_size', true) \
        FROM pg_replication_slots WHERE restart_lsn IS NOT NULL AND NOT active";
    let mut findings = Vec::new();
    for row in texts::<3>(client, "look at slots", statement).await? {
        let fields = Fields { what: "a slot", fields: &row };
        let (slot, bytes) = (fields.text(0), fields.count(1)?);
        let is_capped = !matches!(fields.text(2).as_str(), "-1" | "");
        if bytes < SLOT_BYTES && is_capped {
            continue;
        }
        let statement = format!("SELECT pg_drop_replication_slot({})", literal(&slot));
        let trouble = Trouble::SlotKeepsLog { slot, bytes, is_capped };
        findings.push(Finding::new(trouble, Some(Mend::Statement { statement })));
    }
    Ok(findings)
}

async fn numbers(client: &Client) -> Result<Vec<Finding>, DatabaseError> {
    let statement = "SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database()";
    let rows = texts::<1>(client, "look at transaction numbers", statement).await?;
    let Some(row) = rows.first() else { return Ok(Vec::new()) };
    let used = share(Fields { what: "its age", fields: row }.count(0)?, TRANSACTION_NUMBERS);
    let mend = Mend::Statement { statement: "VACUUM (FREEZE)".to_owned() };
    let finding = || Finding::new(Trouble::TransactionNumbers { used }, Some(mend));
    Ok((used >= NUMBERS_USED).then(finding).into_iter().collect())
}

/// Whoever follows, and whoever a slot is kept for that nobody reads from: a replica that has stopped is
/// in no list of those that follow.
async fn replicas(client: &Client, blind: &mut Vec<Blind>) -> Result<Vec<Replica>, DatabaseError> {
    let end =
        "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END";
    // The slots of our own streams are looked after where those are. `wal_status` is there since version 13.
    let statement = format!(
        "SELECT coalesce(nullif(application_name, ''), client_addr::text, pid::text), state, \
         pg_wal_lsn_diff({end}, coalesce(replay_lsn, flush_lsn)), \
         extract(epoch FROM replay_lag) * 1000 FROM pg_stat_replication \
         UNION ALL SELECT slot_name, CASE WHEN restart_lsn IS NULL THEN '{LOST}' ELSE '{STOPPED}' END, \
         pg_wal_lsn_diff({end}, restart_lsn), NULL FROM pg_replication_slots AS slot \
         WHERE slot_type = 'physical' AND NOT active \
         AND (restart_lsn IS NOT NULL OR to_jsonb(slot) ->> 'wal_status' = 'lost') \
         AND (slot_name NOT LIKE 'storewarden\\_%' OR slot_name LIKE 'storewarden\\_replica\\_%')"
    );
    let mut replicas = Vec::new();
    let mut is_hidden = false;
    for row in &texts::<4>(client, "look at replicas", &statement).await? {
        let fields = Fields { what: "a replica", fields: row };
        let state = fields.text(1);
        // What the account is not shown of a replica is its state and how far it is.
        if state.is_empty() {
            is_hidden = true;
            continue;
        }
        replicas.push(Replica {
            name: fields.text(0),
            state,
            behind_bytes: fields.number::<f64>(2)?.map(super::whole),
            behind_ms: fields.number::<f64>(3)?.map(super::whole),
        });
    }
    if is_hidden {
        let mend = "GRANT pg_monitor TO its_user".to_owned();
        blind.push(Blind { what: Sight::Replication, mend });
    }
    Ok(replicas)
}

fn behind(replica: &Replica) -> Option<Finding> {
    let is_behind = replica.behind_bytes.is_none_or(|bytes| bytes > BEHIND_BYTES);
    let has_stopped = [STOPPED, LOST].contains(&replica.state.as_str());
    (is_behind || has_stopped).then(|| Finding::new(trouble_of(replica), None))
}

pub(super) fn trouble_of(replica: &Replica) -> Trouble {
    Trouble::ReplicaBehind {
        replica: replica.name.clone(),
        behind_bytes: replica.behind_bytes,
        behind_ms: replica.behind_ms,
        state: replica.state.clone(),
    }
}
