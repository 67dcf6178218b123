//! MariaDB and MySQL: global status and variables, and the state of replication. Metrics are named as by
//! mysqld_exporter.
//!
//! <https://mariadb.com/kb/en/server-status-variables/>, <https://dev.mysql.com/doc/refman/8.4/en/server-status-variables.html>

use crate::{
    CollectError,
    field::{Field, gauge, number},
    sql::{Statement, ask as figures_of},
};
use databases::statistics::{Answer, Statistics};
use kernel::readings::{Family, Readings};

const STATUS: &[Field] = &[
    Field::gauge("Uptime", "mysql_global_status_uptime", "Seconds since the server was started."),
    Field::gauge("Threads_connected", "mysql_global_status_threads_connected", "Connections."),
    Field::gauge(
        "Threads_running",
        "mysql_global_status_threads_running",
        "Connections that do something.",
    ),
    Field::gauge(
        "Max_used_connections",
        "mysql_global_status_max_used_connections",
        "The most connections there ever were.",
    ),
    Field::counter("Connections", "mysql_global_status_connections", "Attempts to connect."),
    Field::counter(
        "Aborted_connects",
        "mysql_global_status_aborted_connects",
        "Attempts to connect that failed.",
    ),
    Field::counter(
        "Aborted_clients",
        "mysql_global_status_aborted_clients",
        "Connections that ended without a goodbye.",
    ),
    Field::counter(
        "Connection_errors_max_connections",
        "mysql_global_status_connection_errors_max_connections",
        "Connections refused because there were too many.",
    ),
    Field::counter(
        "Queries",
        "mysql_global_status_queries",
        "Statements, those of stored programs too.",
    ),
    Field::counter("Questions", "mysql_global_status_questions", "Statements of clients."),
    Field::counter(
        "Slow_queries",
        "mysql_global_status_slow_queries",
        "Statements longer than long_query_time.",
    ),
    Field::counter("Com_commit", "mysql_global_status_com_commit", "COMMIT statements."),
    Field::counter("Com_rollback", "mysql_global_status_com_rollback", "ROLLBACK statements."),
    Field::counter("Com_select", "mysql_global_status_com_select", "SELECT statements."),
    Field::counter("Com_insert", "mysql_global_status_com_insert", "INSERT statements."),
    Field::counter("Com_update", "mysql_global_status_com_update", "UPDATE statements."),
    Field::counter("Com_delete", "mysql_global_status_com_delete", "DELETE statements."),
    Field::counter(
        "Created_tmp_disk_tables",
        "mysql_global_status_created_tmp_disk_tables",
        "Temporary tables on disk.",
    ),
    Field::counter(
        "Select_full_join",
        "mysql_global_status_select_full_join",
        "Joins without an index.",
    ),
    Field::counter(
        "Table_locks_waited",
        "mysql_global_status_table_locks_waited",
        "Locks of tables that were waited for.",
    ),
    Field::counter("Bytes_received", "mysql_global_status_bytes_received", "Bytes from clients."),
    Field::counter("Bytes_sent", "mysql_global_status_bytes_sent", "Bytes to clients."),
    Field::gauge("Open_files", "mysql_global_status_open_files", "Files that are open."),
    Field::gauge("Open_tables", "mysql_global_status_open_tables", "Tables that are open."),
    Field::counter(
        "Innodb_buffer_pool_read_requests",
        "mysql_global_status_innodb_buffer_pool_read_requests",
        "Reads of pages.",
    ),
    Field::counter(
        "Innodb_buffer_pool_reads",
        "mysql_global_status_innodb_buffer_pool_reads",
        "Reads of pages that went to disk.",
    ),
    Field::counter(
        "Innodb_buffer_pool_wait_free",
        "mysql_global_status_innodb_buffer_pool_wait_free",
        "How often a free page was waited for.",
    ),
    Field::gauge(
        "Innodb_buffer_pool_bytes_data",
        "mysql_global_status_innodb_buffer_pool_bytes_data",
        "Bytes of the buffer pool with data.",
    ),
    Field::gauge(
        "Innodb_buffer_pool_bytes_dirty",
        "mysql_global_status_innodb_buffer_pool_bytes_dirty",
        "Bytes of the buffer pool that are to be written.",
    ),
    Field::counter(
        "Innodb_deadlocks",
        "mysql_global_status_innodb_deadlocks",
        "Deadlocks; of MariaDB.",
    ),
    Field::gauge(
        "Innodb_row_lock_current_waits",
        "mysql_global_status_innodb_row_lock_current_waits",
        "Locks of rows that are waited for.",
    ),
    Field::counter(
        "Innodb_row_lock_waits",
        "mysql_global_status_innodb_row_lock_waits",
        "Locks of rows that were waited for.",
    ),
    Field::counter(
        "Innodb_row_lock_time",
        "mysql_global_status_innodb_row_lock_time",
        "Waiting for locks of rows, in milliseconds.",
    ),
    Field::counter(
        "Innodb_log_waits",
        "mysql_global_status_innodb_log_waits",
        "How often the log's buffer was too small.",
    ),
    Field::counter(
        "Innodb_data_fsyncs",
        "mysql_global_status_innodb_data_fsyncs",
        "Syncs to disk.",
    ),
    Field::counter(
        "Innodb_os_log_written",
        "mysql_global_status_innodb_os_log_written",
        "Bytes written to the log.",
    ),
    Field::gauge(
        "Innodb_history_list_length",
        "mysql_global_status_innodb_history_list_length",
        "Changes that could not be purged yet; of MariaDB.",
    ),
    Field::counter(
        "Binlog_cache_disk_use",
        "mysql_global_status_binlog_cache_disk_use",
        "Transactions too large for the binary log's cache.",
    ),
    Field::gauge(
        "wsrep_cluster_size",
        "mysql_global_status_wsrep_cluster_size",
        "Servers of the Galera cluster; 0 where there is none.",
    ),
    Field::gauge(
        "wsrep_ready",
        "mysql_global_status_wsrep_ready",
        "1: the Galera cluster takes statements here.",
    ),
];

const VARIABLES: &[Field] = &[
    Field::gauge(
        "max_connections",
        "mysql_global_variables_max_connections",
        "The setting: so many may connect.",
    ),
    Field::gauge(
        "innodb_buffer_pool_size",
        "mysql_global_variables_innodb_buffer_pool_size",
        "The setting, in bytes.",
    ),
    Field::gauge(
        "open_files_limit",
        "mysql_global_variables_open_files_limit",
        "So many files may be open.",
    ),
    Field::gauge("read_only", "mysql_global_variables_read_only", "1: it takes no changes."),
    Field::gauge(
        "long_query_time",
        "mysql_global_variables_long_query_time",
        "The setting, in seconds.",
    ),
];

const STATEMENTS: &[Statement] = &[
    Statement::of(
        "SELECT count(*), coalesce(max(timestampdiff(SECOND, trx_started, now())), 0)
         FROM information_schema.innodb_trx",
        &[],
        &[
            gauge("storewarden_mysql_transactions", "Open transactions; needs the right PROCESS."),
            gauge("storewarden_mysql_longest_transaction_seconds", "The longest open one; needs the right PROCESS."),
        ],
    ),
    // One row a schema: the tables' own sizes are thousands of series in a shop with many of them.
    Statement::of(
        "SELECT table_schema, sum(data_length + index_length), sum(data_free) FROM information_schema.tables
         WHERE table_type = 'BASE TABLE' AND table_schema NOT IN
           ('mysql', 'information_schema', 'performance_schema', 'sys')
         GROUP BY table_schema",
        &["schema"],
        &[
            gauge("storewarden_mysql_schema_size_bytes", "Data and indexes of a schema."),
            gauge("storewarden_mysql_schema_free_bytes", "Space in a schema's files that nothing uses."),
        ],
    ),
];

/// By the names of MySQL before 8.0.22 and of MariaDB, then the newer ones.
const REPLICA: &[(&[&str], Family)] = &[
    (
        &["Seconds_Behind_Master", "Seconds_Behind_Source"],
        gauge(
            "mysql_slave_status_seconds_behind_master",
            "How far behind; none while it does not replicate.",
        ),
    ),
    (
        &["Slave_IO_Running", "Replica_IO_Running"],
        gauge("mysql_slave_status_slave_io_running", "1: it hears its source."),
    ),
    (
        &["Slave_SQL_Running", "Replica_SQL_Running"],
        gauge("mysql_slave_status_slave_sql_running", "1: it makes the source's changes."),
    ),
    (
        &["Last_IO_Errno"],
        gauge(
            "mysql_slave_status_last_io_errno",
            "The error that keeps it from hearing its source; 0: none.",
        ),
    ),
    (
        &["Last_SQL_Errno"],
        gauge(
            "mysql_slave_status_last_sql_errno",
            "The error that keeps it from making a change; 0: none.",
        ),
    ),
    (&["Relay_Log_Space"], gauge("mysql_slave_status_relay_log_space", "Bytes of the relay logs.")),
];
const VERSION: Family = gauge("mysql_version_info", "1, with the version.");
const SEES_REPLICATION: Family = gauge(
    "storewarden_mysql_sees_replication",
    "1: our user may see replication; 0: grant it REPLICATION CLIENT, in MariaDB REPLICA MONITOR.",
);

pub(crate) fn families() -> Vec<Family> {
    let fields = STATUS.iter().chain(VARIABLES).map(|field| field.family);
    let statements = STATEMENTS.iter().flat_map(|statement| statement.values).copied();
    let replica = REPLICA.iter().map(|(_, family)| *family);
    fields.chain(statements).chain(replica).chain([VERSION, SEES_REPLICATION]).collect()
}

pub(crate) async fn ask(
    place: &str,
    statistics: &mut Statistics,
    readings: &mut Readings,
) -> Result<(), CollectError> {
    for (statement, fields) in
        [("SHOW GLOBAL STATUS", STATUS), ("SHOW GLOBAL VARIABLES", VARIABLES)]
    {
        let figures = figures_of(place, statistics, statement).await?.unwrap_or_default();
        if figures.rows.is_empty() {
            return Err(CollectError::odd(&place, format!("nothing to {statement}")));
        }
        for (name, value) in figures.rows.iter().filter_map(pair) {
            let field = fields.iter().find(|field| field.from.eq_ignore_ascii_case(name));
            if let (Some(field), Some(value)) = (field, value_of(value)) {
                field.put(readings, &[], value);
            }
            if name.eq_ignore_ascii_case("version") && statement.ends_with("VARIABLES") {
                readings.put(VERSION.name, &[("version", value)], 1.0);
            }
        }
    }
    for statement in STATEMENTS {
        statement.ask(place, statistics, readings).await?;
    }
    replication(place, statistics, readings).await
}

async fn replication(
    place: &str,
    statistics: &mut Statistics,
    readings: &mut Readings,
) -> Result<(), CollectError> {
    let statement = match (statistics.is_mariadb(), statistics.version()) {
        (true, _) => "SHOW ALL SLAVES STATUS",
        (false, 80_022..) => "SHOW REPLICA STATUS",
        (false, _) => "SHOW SLAVE STATUS",
    };
    let figures = figures_of(place, statistics, statement).await?;
    readings.put(SEES_REPLICATION.name, &[], if figures.is_some() { 1.0 } else { 0.0 });
    put_replicas(&figures.unwrap_or_default(), readings);
    Ok(())
}

fn put_replicas(figures: &Answer, readings: &mut Readings) {
    for row in &figures.rows {
        let value = |names: &[&str]| {
            let is = |column: &String| names.iter().any(|name| column.eq_ignore_ascii_case(name));
            let at = figures.columns.iter().position(is)?;
            row.get(at)?.as_deref()
        };
        let labels = [
            ("master_host", value(&["Master_Host", "Source_Host"]).unwrap_or_default()),
            ("channel_name", value(&["Channel_Name", "Connection_name"]).unwrap_or_default()),
        ];
        for (names, family) in REPLICA {
            if let Some(value) = value(names).and_then(value_of) {
                readings.put(family.name, &labels, value);
            }
        }
    }
}

fn pair(row: &Vec<Option<String>>) -> Option<(&str, &str)> {
    let [Some(name), Some(value)] = row.as_slice() else { return None };
    Some((name, value))
}

/// `Yes`, `ON` are 1; `No`, `OFF`, and what is still being connected to 0.
fn value_of(text: &str) -> Option<f64> {
    match text {
        "Yes" | "ON" => Some(1.0),
        "No" | "OFF" | "Connecting" | "Preparing" => Some(0.0),
        _ => number(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_by_the_names_of_every_version() {
        let check = |columns: [&str; 5], expect: [Option<f64>; 3]| {
            let values = ["db1", "east", "7", "Yes", "Connecting"];
            let figures = Answer {
                columns: columns.map(str::to_owned).to_vec(),
                rows: vec![values.map(|value| Some(value.to_owned())).to_vec()],
            };
            let mut readings = Readings::new();
            put_replicas(&figures, &mut readings);
            let labels = [("channel_name", "east"), ("master_host", "db1")];
            let found = ["seconds_behind_master", "slave_sql_running", "slave_io_running"]
                .map(|name| readings.value(&format!("mysql_slave_status_{name}"), &labels));
            assert_eq!(found, expect, "{columns:?}");
        };
        let all = [Some(7.0), Some(1.0), Some(0.0)];
        check(
            [
                "Source_Host",
                "Channel_Name",
                "Seconds_Behind_Source",
                "Replica_SQL_Running",
                "Replica_IO_Running",
            ],
            all,
        );
        check(
            [
                "Master_Host",
                "Channel_Name",
                "Seconds_Behind_Master",
                "Slave_SQL_Running",
                "Slave_IO_Running",
            ],
            all,
        );
        check(
            [
                "Master_Host",
                "Connection_name",
                "Seconds_Behind_Master",
                "Slave_SQL_Running",
                "Slave_IO_Running",
            ],
            all,
        );
    }
}
