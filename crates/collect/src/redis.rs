//! Redis and Valkey: `INFO` over a connection that is opened for it. Metrics are named as by redis_exporter.
//!
//! The fields are described at <https://redis.io/docs/latest/commands/info/>.

use crate::{
    CollectError, Login, Place,
    field::{Field, gauge, number},
    resp::{Connection, Reply},
};
use kernel::readings::{Family, Readings};

const INFO: Family = gauge("redis_instance_info", "1, with version, mode and role of the server.");
const DB_KEYS: Family = gauge("redis_db_keys", "Keys of a database.");
const DB_KEYS_EXPIRING: Family =
    gauge("redis_db_keys_expiring", "Keys of a database that have an end.");
const REPLICA_LAG: Family =
    gauge("redis_connected_slave_lag_seconds", "How long ago a replica last answered its primary.");
const REPLICA_OFFSET: Family =
    gauge("redis_connected_slave_offset_bytes", "How far a replica is in the primary's stream.");

const FIELDS: &[Field] = &[
    Field::gauge("uptime_in_seconds", "redis_uptime_in_seconds", "Since the server was started."),
    Field::gauge("connected_clients", "redis_connected_clients", "Clients, replicas not counted."),
    Field::gauge(
        "blocked_clients",
        "redis_blocked_clients",
        "Clients that wait in a blocking command.",
    ),
    Field::gauge("maxclients", "redis_max_clients", "More clients are refused."),
    Field::gauge("used_memory", "redis_memory_used_bytes", "Taken by the data and the server."),
    Field::gauge(
        "used_memory_rss",
        "redis_memory_used_rss_bytes",
        "As the operating system counts it.",
    ),
    Field::gauge(
        "used_memory_peak",
        "redis_memory_used_peak_bytes",
        "The most that was ever taken.",
    ),
    Field::gauge("maxmemory", "redis_memory_max_bytes", "As configured; 0: no limit."),
    Field::gauge(
        "mem_fragmentation_ratio",
        "redis_mem_fragmentation_ratio",
        "Memory by the operating system over memory by the server.",
    ),
    Field::gauge("loading", "redis_loading_dump_file", "1 while the data is being loaded."),
    Field::gauge(
        "rdb_changes_since_last_save",
        "redis_rdb_changes_since_last_save",
        "Changes that no dump holds yet.",
    ),
    Field::gauge(
        "rdb_last_save_time",
        "redis_rdb_last_save_timestamp_seconds",
        "When a dump was last written.",
    ),
    Field::gauge(
        "rdb_last_bgsave_status",
        "redis_rdb_last_bgsave_status",
        "1: the last dump was written.",
    ),
    Field::gauge(
        "rdb_bgsave_in_progress",
        "redis_rdb_bgsave_in_progress",
        "1 while a dump is written.",
    ),
    Field::gauge("aof_enabled", "redis_aof_enabled", "1: the append-only file is kept."),
    Field::gauge(
        "aof_last_bgrewrite_status",
        "redis_aof_last_bgrewrite_status",
        "1: the append-only file was last rewritten whole.",
    ),
    Field::gauge(
        "aof_last_write_status",
        "redis_aof_last_write_status",
        "1: the append-only file was last written to.",
    ),
    Field::counter(
        "total_connections_received",
        "redis_connections_received_total",
        "Connections accepted.",
    ),
    Field::counter(
        "rejected_connections",
        "redis_rejected_connections_total",
        "Connections refused for the limit of clients.",
    ),
    Field::counter("total_commands_processed", "redis_commands_processed_total", "Commands done."),
    Field::counter(
        "total_net_input_bytes",
        "redis_net_input_bytes_total",
        "Read from the network.",
    ),
    Field::counter(
        "total_net_output_bytes",
        "redis_net_output_bytes_total",
        "Written to the network.",
    ),
    Field::counter("expired_keys", "redis_expired_keys_total", "Keys whose end came."),
    Field::counter(
        "evicted_keys",
        "redis_evicted_keys_total",
        "Keys thrown out for want of memory.",
    ),
    Field::counter("keyspace_hits", "redis_keyspace_hits_total", "Keys looked up and found."),
    Field::counter(
        "keyspace_misses",
        "redis_keyspace_misses_total",
        "Keys looked up and not found.",
    ),
    Field::counter("used_cpu_sys", "redis_cpu_sys_seconds_total", "Processor time in the kernel."),
    Field::counter("used_cpu_user", "redis_cpu_user_seconds_total", "Processor time of its own."),
    Field::gauge(
        "latest_fork_usec",
        "redis_latest_fork_seconds",
        "How long the last fork stood in the way.",
    )
    .in_units(1e-6),
    Field::gauge("connected_slaves", "redis_connected_slaves", "Replicas that are connected."),
    Field::gauge(
        "master_link_status",
        "redis_master_link_up",
        "1: this replica hears its primary.",
    ),
    Field::gauge(
        "master_last_io_seconds_ago",
        "redis_master_last_io_seconds_ago",
        "Since the primary was last heard.",
    ),
    Field::gauge(
        "master_sync_in_progress",
        "redis_master_sync_in_progress",
        "1 while all is copied from the primary.",
    ),
    Field::gauge(
        "master_repl_offset",
        "redis_master_repl_offset",
        "How far the stream for replicas is, in bytes.",
    ),
];

pub(crate) fn families() -> Vec<Family> {
    let mut families: Vec<_> = FIELDS.iter().map(|field| field.family).collect();
    families.extend([INFO, DB_KEYS, DB_KEYS_EXPIRING, REPLICA_LAG, REPLICA_OFFSET]);
    families
}

pub(crate) async fn ask(
    place: &Place,
    login: Option<&Login>,
    readings: &mut Readings,
) -> Result<(), CollectError> {
    let mut connection = Connection::open(place, login).await?;
    let info = match connection.say(&["INFO"]).await? {
        Reply::Text(info) => info,
        Reply::Number(_) | Reply::Nothing => {
            return Err(CollectError::odd(place, "INFO says nothing"));
        }
    };
    read(place, &String::from_utf8_lossy(&info), readings)
}

/// Lines of `name:value`. Those that are not known are left out.
fn read(place: &Place, info: &str, readings: &mut Readings) -> Result<(), CollectError> {
    let pairs = || info.lines().filter_map(|line| line.trim_end().split_once(':'));
    let text =
        |name: &str| pairs().find(|(known, _)| *known == name).map_or("", |(_, value)| value);
    if text("redis_version").is_empty() {
        return Err(CollectError::odd(place, "INFO names no version"));
    }
    let labels = [
        ("redis_version", text("redis_version")),
        ("valkey_version", text("valkey_version")),
        ("redis_mode", text("redis_mode")),
        ("role", text("role")),
        ("maxmemory_policy", text("maxmemory_policy")),
    ];
    readings.put(INFO.name, &labels, 1.0);
    for (name, value) in pairs() {
        if let Some(field) = FIELDS.iter().find(|field| field.from == name) {
            if let Some(value) = value_of(value) {
                field.put(readings, &[], value);
            }
        } else if let Some(database) = numbered("db", name) {
            put_database(database, value, readings);
        } else if numbered("slave", name).is_some() {
            put_replica(value, readings);
        }
    }
    Ok(())
}

/// `ok`, `up` and `err`, `down` are 1 and 0.
fn value_of(text: &str) -> Option<f64> {
    match text {
        "ok" | "up" => Some(1.0),
        "err" | "fail" | "down" => Some(0.0),
        _ => number(text),
    }
}

/// The number behind such a word.
fn numbered<'a>(word: &str, name: &'a str) -> Option<&'a str> {
    let rest = name.strip_prefix(word)?;
    (!rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
        .then_some(&name[name.len() - rest.len()..])
}

/// The value of `name` in `name=value,…`.
fn part<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
}

fn put_database(number_of: &str, text: &str, readings: &mut Readings) {
    let name = format!("db{number_of}");
    for (family, field) in [(DB_KEYS, "keys"), (DB_KEYS_EXPIRING, "expires")] {
        if let Some(value) = part(text, field).and_then(number) {
            readings.put(family.name, &[("db", &name)], value);
        }
    }
}

fn put_replica(text: &str, readings: &mut Readings) {
    let labels = [("slave_ip", "ip"), ("slave_port", "port"), ("slave_state", "state")]
        .map(|(label, field)| (label, part(text, field).unwrap_or_default()));
    for (family, field) in [(REPLICA_LAG, "lag"), (REPLICA_OFFSET, "offset")] {
        // A replica that has not answered yet has a lag of -1.
        if let Some(value) = part(text, field).and_then(number).filter(|value| *value >= 0.0) {
            readings.put(family.name, &labels, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_is_read_or_refused() {
        bolero::check!().with_type::<String>().for_each(|text| {
            let mut readings = Readings::new();
            let place = Place::Tcp("redis".into());
            let info = format!("redis_version:7\r\n{text}");
            read(&place, &info, &mut readings).unwrap();
            readings.each(|reading| assert!(reading.value.is_finite(), "{reading:?}"));
        });
    }
}
