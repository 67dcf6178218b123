//! PostgreSQL from version 13 on: its views of statistics. Metrics are named as by postgres_exporter.
//!
//! <https://www.postgresql.org/docs/current/monitoring-stats.html>

use crate::{
    CollectError,
    field::{counter, gauge},
    sql::Statement,
};
use databases::statistics::Statistics;
use kernel::readings::{Family, Readings};

const STATEMENTS: &[Statement] = &[
    Statement::of(
        "SELECT current_setting('max_connections'), current_setting('superuser_reserved_connections'),
           extract(epoch FROM pg_postmaster_start_time()), pg_is_in_recovery()::int,
           pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')::int,
           CASE WHEN NOT pg_is_in_recovery() THEN 0
             WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
             ELSE greatest(0, extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())) END,
           current_setting('server_version_num')",
        &[],
        &[
            gauge("pg_settings_max_connections", "The setting: so many may connect."),
            gauge("pg_settings_superuser_reserved_connections", "The setting: so many of them superusers alone."),
            gauge("pg_postmaster_start_time_seconds", "When the server was started, in unix time."),
            gauge("pg_replication_is_replica", "1: it follows another server."),
            gauge("storewarden_pg_sees_all", "1: our role sees what others' sessions do; 0: grant it pg_monitor."),
            gauge("pg_replication_lag_seconds", "How far a replica is behind; 0 of a primary."),
            gauge("pg_settings_server_version_num", "The version: 150014 is 15.14."),
        ],
    ),
    Statement::of(
        "SELECT datname, coalesce(state, 'unknown'), count(*),
           max(extract(epoch FROM clock_timestamp() - xact_start))
         FROM pg_stat_activity WHERE datname IS NOT NULL GROUP BY 1, 2",
        &["datname", "state"],
        &[
            gauge("pg_stat_activity_count", "Sessions; unknown: our role may not see what they do."),
            gauge("pg_stat_activity_max_tx_duration", "The longest open transaction, in seconds."),
        ],
    ),
    // Of others' sessions nothing is seen without rights, and none would look like nothing.
    Statement::of(
        "SELECT count(*) FILTER (WHERE backend_type = 'autovacuum worker'),
           count(*) FILTER (WHERE wait_event_type = 'Lock')
         FROM pg_stat_activity HAVING pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')",
        &[],
        &[
            gauge("storewarden_pg_autovacuum_workers", "Workers of autovacuum at work."),
            gauge("storewarden_pg_sessions_blocked", "Sessions that wait for a lock of another."),
        ],
    ),
    Statement::of(
        "SELECT d.datname, lower(l.mode), count(*) FROM pg_locks l
         JOIN pg_database d ON d.oid = l.database GROUP BY 1, 2",
        &["datname", "mode"],
        &[gauge("pg_locks_count", "Locks held or waited for.")],
    ),
    Statement::of(
        "SELECT count(*) FROM pg_locks WHERE NOT granted",
        &[],
        &[gauge("storewarden_pg_locks_waiting", "Locks that are waited for.")],
    ),
    Statement::of(
        "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - waitstart)), 0)
         FROM pg_locks WHERE NOT granted",
        &[],
        &[gauge("storewarden_pg_lock_longest_wait_seconds", "For how long a lock has been waited for; since version 14.")],
    )
    .since(140_000),
    Statement::of(
        "SELECT s.datname, numbackends, xact_commit, xact_rollback, blks_read, blks_hit, tup_returned, tup_fetched,
           tup_inserted, tup_updated, tup_deleted, conflicts, temp_files, temp_bytes, deadlocks,
           CASE WHEN has_database_privilege(s.datid, 'CONNECT') THEN pg_database_size(s.datid) END,
           age(d.datfrozenxid), mxid_age(d.datminmxid)
         FROM pg_stat_database s JOIN pg_database d ON d.oid = s.datid WHERE d.datallowconn",
        &["datname"],
        &[
            gauge("pg_stat_database_numbackends", "Sessions at the database."),
            counter("pg_stat_database_xact_commit", "Transactions committed."),
            counter("pg_stat_database_xact_rollback", "Transactions rolled back."),
            counter("pg_stat_database_blks_read", "Blocks read from disk, or from the system's cache."),
            counter("pg_stat_database_blks_hit", "Blocks found in the server's own cache."),
            counter("pg_stat_database_tup_returned", "Rows read by scans."),
            counter("pg_stat_database_tup_fetched", "Rows fetched by queries."),
            counter("pg_stat_database_tup_inserted", "Rows inserted."),
            counter("pg_stat_database_tup_updated", "Rows updated."),
            counter("pg_stat_database_tup_deleted", "Rows deleted."),
            counter("pg_stat_database_conflicts", "Queries of a replica ended for its replication."),
            counter("pg_stat_database_temp_files", "Temporary files of queries."),
            counter("pg_stat_database_temp_bytes", "Bytes in temporary files of queries."),
            counter("pg_stat_database_deadlocks", "Deadlocks."),
            gauge("pg_database_size_bytes", "The database on disk."),
            gauge("pg_database_wraparound_age_datfrozenxid_seconds", "Age of the oldest transaction id that is not frozen: in transactions, whatever the name says."),
            gauge("pg_database_wraparound_age_datminmxid_seconds", "Age of the oldest multixact id: in multixacts, whatever the name says."),
        ],
    ),
    Statement::of(
        "SELECT current_database(), coalesce(sum(n_live_tup), 0), coalesce(sum(n_dead_tup), 0),
           coalesce(sum(autovacuum_count), 0),
           extract(epoch FROM clock_timestamp() - max(last_autovacuum))
         FROM pg_stat_user_tables",
        &["datname"],
        &[
            gauge("storewarden_pg_live_rows", "Rows of all tables, as estimated: of the database we are connected to."),
            gauge("storewarden_pg_dead_rows", "Dead rows of all tables, as estimated."),
            counter("storewarden_pg_autovacuums_total", "How often autovacuum went over a table."),
            gauge("storewarden_pg_last_autovacuum_age_seconds", "Since autovacuum last went over a table."),
        ],
    ),
    Statement::of(
        "SELECT application_name, host(client_addr), state,
           max(pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn()
             ELSE pg_current_wal_lsn() END, replay_lsn)),
           max(extract(epoch FROM replay_lag))
         FROM pg_stat_replication GROUP BY 1, 2, 3",
        &["application_name", "client_addr", "state"],
        &[
            gauge("pg_stat_replication_pg_wal_lsn_diff", "How far a replica is behind, in bytes of the log; of several with the same labels the last."),
            gauge("storewarden_pg_replica_lag_seconds", "How far a replica is behind, as it measured last."),
        ],
    ),
    Statement::of(
        "SELECT slot_name, slot_type, active::int,
           pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn()
             ELSE pg_current_wal_lsn() END, restart_lsn), safe_wal_size
         FROM pg_replication_slots",
        &["slot_name", "slot_type"],
        &[
            gauge("pg_replication_slot_is_active", "1: somebody reads it."),
            gauge("pg_replication_slots_pg_wal_lsn_diff", "Bytes of the log that are kept for it."),
            gauge("pg_replication_slot_safe_wal_size_bytes", "So much more may be written before it is lost; none without a limit."),
        ],
    ),
    Statement::of(
        "SELECT checkpoints_timed, checkpoints_req, checkpoint_write_time, checkpoint_sync_time
         FROM pg_stat_bgwriter",
        &[],
        &[
            counter("pg_stat_bgwriter_checkpoints_timed_total", "Checkpoints because it was time; before version 17."),
            counter("pg_stat_bgwriter_checkpoints_req_total", "Checkpoints because the log had grown; before version 17."),
            counter("pg_stat_bgwriter_checkpoint_write_time_total", "Writing of checkpoints, in milliseconds; before version 17."),
            counter("pg_stat_bgwriter_checkpoint_sync_time_total", "Syncing of checkpoints, in milliseconds; before version 17."),
        ],
    )
    .before(170_000),
    Statement::of(
        "SELECT num_timed, num_requested, write_time, sync_time FROM pg_stat_checkpointer",
        &[],
        &[
            counter("pg_stat_checkpointer_num_timed_total", "Checkpoints because it was time; since version 17."),
            counter("pg_stat_checkpointer_num_requested_total", "Checkpoints because the log had grown; since version 17."),
            counter("pg_stat_checkpointer_write_time_total", "Writing of checkpoints, in milliseconds; since version 17."),
            counter("pg_stat_checkpointer_sync_time_total", "Syncing of checkpoints, in milliseconds; since version 17."),
        ],
    )
    .since(170_000),
    Statement::of(
        "SELECT archived_count, failed_count, extract(epoch FROM clock_timestamp() - last_archived_time)
         FROM pg_stat_archiver",
        &[],
        &[
            counter("pg_stat_archiver_archived_count", "Files of the log that were archived."),
            counter("pg_stat_archiver_failed_count", "Files of the log that could not be archived."),
            gauge("pg_stat_archiver_last_archive_age", "Since a file of the log was last archived, in seconds."),
        ],
    ),
];

pub(crate) fn families() -> Vec<Family> {
    STATEMENTS.iter().flat_map(|statement| statement.values).copied().collect()
}

pub(crate) async fn ask(
    place: &str,
    statistics: &mut Statistics,
    readings: &mut Readings,
) -> Result<(), CollectError> {
    for statement in STATEMENTS {
        statement.ask(place, statistics, readings).await?;
    }
    Ok(())
}
