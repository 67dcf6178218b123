//! What a MariaDB or MySQL suffers from, by `information_schema` and, where it counts,
//! `performance_schema`.

mod deeds;
mod indexes;
mod queries;

use super::{
    Blind, Connections, Examination, Fields, Figures, Finding, Glance, KEY_USED, MOST_TABLES, Mend,
    Options, PATIENCE, Replica, STATEMENT_LIMIT, Setting, Sight, TableSize, Trouble, Why,
    megabytes, odd, postgres::connections, postgres::trouble_of, share,
};
use crate::{
    DatabaseError,
    dump::mysql::{connect, execute, quoted, texts},
};
use kernel::config::DatabaseUrl;
use mysql_async::Conn;
use std::collections::BTreeMap;

pub(super) use deeds::{goes_by, index_state, prospect, run, setting_seen};

/// A replica further behind than this does not keep up.
const BEHIND_MS: u64 = 60_000;
/// Nothing but a restart of the server changes it.
const DOUBLE_WRITE: &str = "innodb_doublewrite";
/// Less empty space in a table's file is worth no word.
const EMPTY_BYTES: u64 = 256 << 20;

type Values = BTreeMap<String, String>;

/// What is read once: variables and counters of the server.
struct Server {
    is_mariadb: bool,
    variables: Values,
    status: Values,
}

impl Server {
    async fn read(conn: &mut Conn) -> Result<Self, DatabaseError> {
        let variables = values(conn, "read settings", "SHOW GLOBAL VARIABLES").await?;
        let status = values(conn, "read counters", "SHOW GLOBAL STATUS").await?;
        let is_mariadb = variables.get("version").is_some_and(|v| v.contains("MariaDB"));
        Ok(Self { is_mariadb, variables, status })
    }

    fn variable(&self, name: &str) -> &str {
        self.variables.get(name).map_or("", String::as_str)
    }

    fn size(&self, name: &str) -> u64 {
        self.variable(name).parse().unwrap_or_default()
    }

    fn counter(&self, name: &str) -> Result<u64, DatabaseError> {
        let value =
            self.status.get(name).ok_or_else(|| odd("its counters", format!("no {name}")))?;
        value.parse().map_err(|_| odd("its counters", format!("{name} is `{value}`")))
    }

    fn is_on(&self, name: &str) -> bool {
        matches!(self.variable(name), "ON" | "1")
    }

    fn name(&self) -> String {
        let version = self.variable("version");
        let version = version.split('-').next().unwrap_or_default();
        format!("{} {version}", if self.is_mariadb { "MariaDB" } else { "MySQL" })
    }
}

async fn values(conn: &mut Conn, what: &str, statement: &str) -> Result<Values, DatabaseError> {
    let rows = texts(conn, what, statement).await?;
    let pair = |row: Vec<Option<String>>| {
        let mut row = row.into_iter();
        Some((row.next()??.to_ascii_lowercase(), row.next()??))
    };
    Ok(rows.into_iter().filter_map(pair).collect())
}

pub(super) async fn examine(
    url: &DatabaseUrl,
    options: &Options,
) -> Result<Examination, DatabaseError> {
    let mut conn = open(url).await?;
    let server = Server::read(&mut conn).await?;
    let mut blind = Vec::new();
    let figures = figures(&mut conn, &server).await?;
    let mut findings = Vec::new();
    findings.extend(connections(figures.connections));
    findings.extend(settings(&server, &figures, options));
    findings.extend(tables_troubles(&mut conn, options).await?);
    findings.extend(keys(&mut conn).await?);
    findings.extend(indexes::duplicates(&mut conn).await?);
    match indexes::unused(&mut conn, &server, &figures, options).await? {
        Ok(unused) => {
            let twice: Vec<_> = findings.iter().map(|one| one.trouble.subject()).collect();
            findings
                .extend(unused.into_iter().filter(|one| !twice.contains(&one.trouble.subject())));
        }
        Err(not_seen) => blind.push(not_seen),
    }
    let replicas = waits(&mut conn, &server, &mut findings, &mut blind).await?;
    let queries = match queries::read(&mut conn, &server).await? {
        Ok(queries) => queries,
        Err(not_seen) => {
            blind.push(not_seen);
            Vec::new()
        }
    };
    findings.extend(queries::missing_indexes(&mut conn, &queries, options).await?);
    let queries = queries.into_iter().map(|explained| explained.query).collect();
    let tables = tables(&mut conn).await?;
    end(conn).await;
    Ok(Examination { server: server.name(), figures, tables, queries, replicas, findings, blind })
}

pub(super) async fn glance(url: &DatabaseUrl) -> Result<Glance, DatabaseError> {
    let mut conn = open(url).await?;
    let server = Server::read(&mut conn).await?;
    let used = server.counter("threads_connected")?;
    let taken = Some(Connections { used, most: server.size("max_connections") });
    let mut findings: Vec<Finding> = connections(taken).into_iter().collect();
    let mut blind = Vec::new();
    let replicas = waits(&mut conn, &server, &mut findings, &mut blind).await?;
    end(conn).await;
    Ok(Glance { connections: taken, replicas, findings, blind })
}

/// Who waits, and who is behind.
async fn waits(
    conn: &mut Conn,
    server: &Server,
    findings: &mut Vec<Finding>,
    blind: &mut Vec<Blind>,
) -> Result<Vec<Replica>, DatabaseError> {
    match sessions(conn).await {
        Ok(found) => findings.extend(found),
        Err(error) if is_refused(&error) => blind.push(Blind {
            what: Sight::Sessions,
            mend: "GRANT PROCESS ON *.* TO its_user".to_owned(),
        }),
        Err(error) => return Err(error),
    }
    match replicas(conn, server).await {
        Ok(replicas) => {
            findings.extend(replicas.iter().filter_map(behind));
            Ok(replicas)
        }
        Err(error) if is_refused(&error) => {
            let right = if server.is_mariadb { "REPLICA MONITOR" } else { "REPLICATION CLIENT" };
            let mend = format!("GRANT {right} ON *.* TO its_user");
            blind.push(Blind { what: Sight::Replication, mend });
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

async fn open(url: &DatabaseUrl) -> Result<Conn, DatabaseError> {
    let mut conn = connect(url).await?;
    execute(&mut conn, "set up the session", "SET SESSION TRANSACTION READ ONLY").await?;
    let version = texts(&mut conn, "look at the server", "SELECT version()").await?;
    let is_mariadb = version.iter().flatten().flatten().any(|v| v.contains("MariaDB"));
    let limit = match is_mariadb {
        true => format!("SET SESSION max_statement_time = {}", STATEMENT_LIMIT.as_secs()),
        false => format!("SET SESSION max_execution_time = {}", STATEMENT_LIMIT.as_millis()),
    };
    execute(&mut conn, "set up the session", &limit).await?;
    // Plans in the form that MariaDB and older MySQL have as well.
    let forms = "SHOW VARIABLES LIKE 'explain_json_format_version'";
    if !texts(&mut conn, "look at the server", forms).await?.is_empty() {
        let form = "SET SESSION explain_json_format_version = 1";
        execute(&mut conn, "set up the session", form).await?;
    }
    Ok(conn)
}

/// Closes in order; what there was to know is known.
async fn end(conn: Conn) {
    if let Err(error) = conn.disconnect().await {
        tracing::debug!(%error, "connection to MariaDB or MySQL ended");
    }
}

/// Whether the user lacks a right (errors 1142, 1143, 1044, 1227, 1370).
fn is_refused(error: &DatabaseError) -> bool {
    let DatabaseError::DumpMySql { source: mysql_async::Error::Server(said), .. } = error else {
        return false;
    };
    matches!(said.code, 1044 | 1142 | 1143 | 1227 | 1370)
}

async fn figures(conn: &mut Conn, server: &Server) -> Result<Figures, DatabaseError> {
    let statement = "SELECT coalesce(sum(data_length + index_length), 0) \
        FROM information_schema.tables WHERE table_schema = database()";
    let rows = texts(conn, "look at the size", statement).await?;
    let row = rows.first().ok_or_else(|| odd("its size", "no row"))?;
    let size_bytes = Fields { what: "its size", fields: row }.count(0)?;
    let (reads, from_disk) = (
        server.counter("innodb_buffer_pool_read_requests")?,
        server.counter("innodb_buffer_pool_reads")?,
    );
    let used = server.counter("threads_connected")?;
    let up_s = server.counter("uptime")?;
    Ok(Figures {
        size_bytes,
        connections: Some(Connections { used, most: server.size("max_connections") }),
        cache_hits: (reads > 0).then(|| share(reads.saturating_sub(from_disk), reads)),
        up_s: Some(up_s),
        counted_s: Some(server.counter("uptime_since_flush_status").unwrap_or(up_s)),
    })
}

fn settings(server: &Server, figures: &Figures, options: &Options) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut say = |name: &str, value: String, advised: String, why| {
        let setting = change(server, name, advised.clone());
        let trouble = Trouble::Setting { name: name.to_owned(), value, advised, why };
        findings.push(Finding::new(trouble, Some(setting)));
    };
    let value = |name: &str| server.variable(name).to_owned();
    if value("innodb_flush_log_at_trx_commit") != "1" {
        let name = "innodb_flush_log_at_trx_commit";
        say(name, value(name), "1".to_owned(), Why::LostByACrash);
    }
    if server.variables.contains_key(DOUBLE_WRITE) && !server.is_on(DOUBLE_WRITE) {
        say(DOUBLE_WRITE, value(DOUBLE_WRITE), "ON".to_owned(), Why::DamagedByACrash);
    }
    if server.is_on("log_bin") && value("sync_binlog") != "1" {
        say("sync_binlog", value("sync_binlog"), "1".to_owned(), Why::LostByACrash);
    }
    if let Some(memory) = options.memory_bytes {
        let cache = server.size("innodb_buffer_pool_size");
        let fitting = (memory / 2).min(figures.size_bytes);
        if cache < fitting / 2 {
            let name = "innodb_buffer_pool_size";
            say(name, shown(cache), (megabytes(fitting) << 20).to_string(), Why::SmallCache);
        }
        let of_a_session = ["sort_buffer_size", "join_buffer_size", "read_rnd_buffer_size"];
        let each: u64 = of_a_session.iter().map(|name| server.size(name)).sum();
        let most = server.size("max_connections");
        if cache.saturating_add(each.saturating_mul(most)) > memory {
            let fit = memory.saturating_sub(cache) / each.max(1);
            let advised = fit.clamp(10, most).to_string();
            say("max_connections", most.to_string(), advised, Why::TooMuchMemory);
        }
    }
    findings
}

/// MariaDB forgets at its next start what it was told while it ran; MySQL can keep it.
fn change(server: &Server, name: &str, to: String) -> Mend {
    if name == DOUBLE_WRITE {
        return Mend::Setting { line: format!("{name} = {to}") };
    }
    let how = if server.is_mariadb { "GLOBAL" } else { "PERSIST" };
    let from = server.variable(name).to_owned();
    Mend::ChangeSetting {
        setting: Setting {
            set: format!("SET {how} {name} = {to}"),
            back: format!("SET {how} {name} = {from}"),
            name: name.to_owned(),
            from,
            to,
            restart: false,
            lasts: !server.is_mariadb,
        },
    }
}

fn shown(bytes: u64) -> String {
    format!("{}MB", megabytes(bytes))
}

async fn tables(conn: &mut Conn) -> Result<Vec<TableSize>, DatabaseError> {
    let statement = format!(
        "SELECT table_name, table_rows, data_length, index_length FROM information_schema.tables \
         WHERE table_schema = database() AND table_type = 'BASE TABLE' \
         ORDER BY data_length + index_length DESC LIMIT {MOST_TABLES}"
    );
    let rows = texts(conn, "look at the tables", &statement).await?;
    rows.iter()
        .map(|row| {
            let fields = Fields { what: "a table", fields: row };
            Ok(TableSize {
                table: fields.text(0),
                rows: fields.number(1)?,
                bytes: Some(fields.count(2)?),
                index_bytes: Some(fields.count(3)?),
            })
        })
        .collect()
}

async fn tables_troubles(
    conn: &mut Conn,
    options: &Options,
) -> Result<Vec<Finding>, DatabaseError> {
    let statement = "SELECT t.table_name, t.engine, t.table_rows, t.data_length, t.data_free, \
        EXISTS (SELECT 1 FROM information_schema.statistics s WHERE s.table_schema = t.table_schema \
        AND s.table_name = t.table_name AND s.non_unique = 0 AND s.nullable <> 'YES'), \
        coalesce(t.create_options, '') LIKE '%partitioned%' \
        FROM information_schema.tables t \
        WHERE t.table_schema = database() AND t.table_type = 'BASE TABLE'";
    let mut findings = Vec::new();
    for row in texts(conn, "look at the tables", statement).await? {
        let fields = Fields { what: "a table", fields: &row };
        let (table, engine, rows) = (fields.text(0), fields.text(1), fields.count(2)?);
        let name = quoted(&table);
        let statement = |statement: String| Some(Mend::Statement { statement });
        if matches!(engine.as_str(), "MyISAM" | "Aria" | "MEMORY" | "CSV" | "MRG_MyISAM") {
            let mend = statement(format!("ALTER TABLE {name} ENGINE = InnoDB"));
            let trouble = Trouble::NonTransactional { table: table.clone(), engine };
            findings.push(Finding::new(trouble, mend));
            continue;
        }
        if !fields.is_true(5) && rows >= options.large_rows {
            findings.push(Finding::new(Trouble::NoKey { table: table.clone(), rows }, None));
        }
        let (bytes, empty_bytes) = (fields.count(3)?, fields.count(4)?);
        // What partitions share is not theirs.
        if empty_bytes >= EMPTY_BYTES && empty_bytes > bytes / 2 && !fields.is_true(6) {
            let mend = statement(format!("OPTIMIZE TABLE {name}"));
            let trouble = Trouble::EmptySpace { table, empty_bytes, bytes: bytes + empty_bytes };
            findings.push(Finding::new(trouble, mend));
        }
    }
    Ok(findings)
}

async fn keys(conn: &mut Conn) -> Result<Vec<Finding>, DatabaseError> {
    let statement = "SELECT c.table_name, c.column_name, c.column_type, t.auto_increment \
        FROM information_schema.columns c JOIN information_schema.tables t \
        ON t.table_schema = c.table_schema AND t.table_name = c.table_name \
        WHERE c.table_schema = database() AND c.extra LIKE '%auto_increment%' \
        AND t.auto_increment IS NOT NULL";
    let mut findings = Vec::new();
    for row in texts(conn, "look at keys", statement).await? {
        let fields = Fields { what: "a key", fields: &row };
        let kind = fields.text(2);
        let Some(last) = last_number(&kind) else { continue };
        let next: u64 = fields.number(3)?.unwrap_or_default();
        let used = share(next.saturating_sub(1), last);
        if used < KEY_USED {
            continue;
        }
        let (table, column) = (fields.text(0), fields.text(1));
        let sign = if kind.contains("unsigned") { " UNSIGNED" } else { "" };
        let statement = format!(
            "ALTER TABLE {} MODIFY {} BIGINT{sign} NOT NULL AUTO_INCREMENT",
            quoted(&table),
            quoted(&column)
        );
        let trouble = Trouble::KeyRunsOut { table, column, used, last };
        findings.push(Finding::new(trouble, Some(Mend::Statement { statement })));
    }
    Ok(findings)
}

/// The last number of a column's type, as `int(10) unsigned`.
fn last_number(kind: &str) -> Option<u64> {
    let bits = match kind.split(['(', ' ']).next()? {
        "tinyint" => 8,
        "smallint" => 16,
        "mediumint" => 24,
        "int" => 32,
        "bigint" => 64,
        _ => return None,
    };
    let bits = if kind.contains("unsigned") { bits } else { bits - 1 };
    Some(u64::MAX >> (64 - bits))
}

async fn sessions(conn: &mut Conn) -> Result<Vec<Finding>, DatabaseError> {
    let patience = PATIENCE.as_secs();
    let idle = format!(
        "SELECT p.id, p.user, p.host, p.time * 1000 FROM information_schema.innodb_trx x \
         JOIN information_schema.processlist p ON p.id = x.trx_mysql_thread_id \
         WHERE p.command = 'Sleep' AND p.time >= {patience} ORDER BY p.time DESC LIMIT 20"
    );
    let mut findings = Vec::new();
    for row in texts(conn, "look at idle transactions", &idle).await? {
        let fields = Fields { what: "an idle transaction", fields: &row };
        let session = fields.text(0);
        let statement = format!("KILL {session}");
        let trouble = Trouble::IdleTransaction {
            session,
            user: fields.text(1),
            program: fields.text(2),
            idle_ms: fields.count(3)?,
        };
        findings.push(Finding::new(trouble, Some(Mend::Statement { statement })));
    }
    // Who holds which lock is told in another place by each server; that somebody waits, by all.
    let waits = format!(
        "SELECT x.trx_mysql_thread_id, p.host, \
         timestampdiff(SECOND, x.trx_wait_started, now()) * 1000 \
         FROM information_schema.innodb_trx x JOIN information_schema.processlist p \
         ON p.id = x.trx_mysql_thread_id WHERE x.trx_state = 'LOCK WAIT' \
         AND x.trx_wait_started <= now() - INTERVAL {patience} SECOND LIMIT 20"
    );
    for row in texts(conn, "look at locks", &waits).await? {
        let fields = Fields { what: "a lock", fields: &row };
        let trouble = Trouble::Blocked {
            session: fields.text(0),
            program: fields.text(1),
            by: None,
            by_program: None,
            waits_ms: fields.count(2)?,
        };
        findings.push(Finding::new(trouble, None));
    }
    Ok(findings)
}

/// Whom this server follows: one line a source.
async fn replicas(conn: &mut Conn, server: &Server) -> Result<Vec<Replica>, DatabaseError> {
    use mysql_async::prelude::Queryable;
    let statement =
        if server.is_mariadb { "SHOW ALL SLAVES STATUS" } else { "SHOW REPLICA STATUS" };
    let rows: Vec<mysql_async::Row> =
        conn.query(statement).await.map_err(crate::dump::mysql::failed("look at replicas"))?;
    let replica = |row: &mysql_async::Row| {
        let text = |names: [&str; 2]| {
            let found = names.iter().find_map(|name| row.get_opt::<Option<String>, _>(*name));
            found.and_then(Result::ok).flatten().unwrap_or_default()
        };
        let (io, sql) = (
            text(["Slave_IO_Running", "Replica_IO_Running"]),
            text(["Slave_SQL_Running", "Replica_SQL_Running"]),
        );
        let behind: Option<u64> =
            text(["Seconds_Behind_Master", "Seconds_Behind_Source"]).parse().ok();
        Replica {
            name: text(["Master_Host", "Source_Host"]),
            state: format!("{io}/{sql}"),
            behind_bytes: None,
            behind_ms: behind.map(|seconds| seconds * 1000),
        }
    };
    Ok(rows.iter().map(replica).collect())
}

fn behind(replica: &Replica) -> Option<Finding> {
    // Whoever does not follow does not say how far it is behind.
    let is_behind = replica.behind_ms.is_none_or(|ms| ms > BEHIND_MS);
    is_behind.then(|| Finding::new(trouble_of(replica), None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_end_with_their_type() {
        for (kind, expect) in [
            ("int(11)", Some(2_147_483_647)),
            ("int(10) unsigned", Some(4_294_967_295)),
            ("bigint", Some(i64::MAX as u64)),
            ("bigint(20) unsigned", Some(u64::MAX)),
            ("mediumint(8) unsigned", Some(16_777_215)),
            ("tinyint", Some(127)),
            ("float", None),
        ] {
            assert_eq!(last_number(kind), expect, "{kind}");
        }
    }
}
