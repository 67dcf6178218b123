//! Settings that are not safe, or do not fit the machine (PostgreSQL manual, chapter 20).

use super::{Fields, Figures, Finding, Mend, Options, Rows, Trouble};
use crate::{
    DatabaseError,
    care::{Why, megabytes},
    dump::postgres::texts,
};
use std::collections::BTreeMap;
use tokio_postgres::Client;

/// From this version on the checkpoints are counted elsewhere.
const CHECKPOINTER_SINCE: u32 = 170_000;
/// Fewer checkpoints say nothing.
const FEW_CHECKPOINTS: u64 = 20;

/// The settings by name: sizes in bytes, the rest as the server writes them.
type Settings = BTreeMap<String, String>;

pub(super) async fn judge(
    client: &Client,
    version: u32,
    figures: &Figures,
    options: &Options,
) -> Result<Vec<Finding>, DatabaseError> {
    let settings = read(client).await?;
    let mut findings = unsafe_ones(&settings);
    if let Some(memory) = options.memory_bytes {
        findings.extend(memory_ones(&settings, memory, figures));
    }
    let (timed, asked_for) = checkpoints(client, version).await?;
    if asked_for > timed && timed + asked_for > FEW_CHECKPOINTS {
        let size = bytes(&settings, "max_wal_size");
        let advised = format!("{}MB", megabytes(size * 2));
        let value = format!("{}MB", megabytes(size));
        findings.push(finding("max_wal_size", value, advised, Why::FlushedTooOften, false));
    }
    Ok(findings)
}

async fn read(client: &Client) -> Result<Settings, DatabaseError> {
    let statement = "SELECT name, CASE unit WHEN '8kB' THEN (setting::numeric * 8192)::text \
        WHEN 'kB' THEN (setting::numeric * 1024)::text WHEN 'MB' THEN (setting::numeric * 1048576)::text \
        ELSE setting END FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'autovacuum', \
        'track_counts', 'synchronous_commit', 'shared_buffers', 'work_mem', 'max_connections', \
        'effective_cache_size', 'max_wal_size')";
    let rows: Rows<2> = texts(client, "read settings", statement).await?;
    Ok(rows.into_iter().filter_map(|[name, value]| Some((name?, value?))).collect())
}

fn bytes(settings: &Settings, name: &str) -> u64 {
    settings.get(name).and_then(|value| value.parse().ok()).unwrap_or_default()
}

fn unsafe_ones(settings: &Settings) -> Vec<Finding> {
    [
        ("fsync", Why::DamagedByACrash),
        ("full_page_writes", Why::DamagedByACrash),
        ("autovacuum", Why::NeverClearedUp),
        ("track_counts", Why::NeverClearedUp),
        ("synchronous_commit", Why::LostByACrash),
    ]
    .into_iter()
    .filter(|(name, _)| settings.get(*name).is_some_and(|value| value == "off"))
    .map(|(name, why)| finding(name, "off".to_owned(), "on".to_owned(), why, false))
    .collect()
}

fn memory_ones(settings: &Settings, memory: u64, figures: &Figures) -> Vec<Finding> {
    let mut findings = Vec::new();
    let shown = |bytes: u64| format!("{}MB", megabytes(bytes));
    // More than the data is no use; a quarter of the memory is what the manual begins with (20.4).
    let cache = bytes(settings, "shared_buffers");
    let fitting = (memory / 4).min(figures.size_bytes);
    if cache < fitting / 2 {
        let advised = shown(fitting);
        findings.push(finding("shared_buffers", shown(cache), advised, Why::SmallCache, true));
    }
    // What the planner takes for cached: too little, and it reads whole tables rather than by an index.
    let assumed = bytes(settings, "effective_cache_size");
    if assumed < memory / 4 && assumed < figures.size_bytes {
        let advised = shown(memory / 2);
        let name = "effective_cache_size";
        findings.push(finding(name, shown(assumed), advised, Why::SmallCache, false));
    }
    let (work, most) = (bytes(settings, "work_mem"), bytes(settings, "max_connections"));
    if work.saturating_mul(most) > memory {
        let advised = shown(memory / 4 / most.max(1));
        findings.push(finding("work_mem", shown(work), advised, Why::TooMuchMemory, false));
    }
    findings
}

fn finding(name: &str, value: String, advised: String, why: Why, restart: bool) -> Finding {
    let statement = format!("ALTER SYSTEM SET {name} = '{advised}'");
    let trouble = Trouble::Setting { name: name.to_owned(), value, advised, why };
    Finding::new(trouble, Some(Mend::Setting { statement, restart }))
}

/// By the clock, and because the log was full.
async fn checkpoints(client: &Client, version: u32) -> Result<(u64, u64), DatabaseError> {
    let statement = match version >= CHECKPOINTER_SINCE {
        true => "SELECT num_timed, num_requested FROM pg_stat_checkpointer",
        false => "SELECT checkpoints_timed, checkpoints_req FROM pg_stat_bgwriter",
    };
    let rows: Rows<2> = texts(client, "look at checkpoints", statement).await?;
    let Some(row) = rows.first() else { return Ok((0, 0)) };
    let fields = Fields { what: "checkpoints", fields: row };
    Ok((fields.count(0)?, fields.count(1)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(size_bytes: u64) -> Figures {
        Figures { size_bytes, connections: None, cache_hits: None, up_s: None, counted_s: None }
    }

    fn advised(settings: &[(&str, u64)], memory_gib: u64, size_gib: u64) -> Vec<String> {
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), value.to_string()));
        let found = memory_ones(&settings.collect(), memory_gib << 30, &figures(size_gib << 30));
        found.iter().filter_map(|one| Some(one.mend.as_ref()?.statement().to_owned())).collect()
    }

    #[test]
    fn memory_is_judged_by_the_machine_and_by_the_data() {
        let defaults = [
            ("shared_buffers", 128 << 20),
            ("effective_cache_size", 4 << 30),
            ("work_mem", 4 << 20),
            ("max_connections", 100),
        ];
        assert_eq!(
            advised(&defaults, 32, 40),
            [
                "ALTER SYSTEM SET shared_buffers = '8192MB'",
                "ALTER SYSTEM SET effective_cache_size = '16384MB'"
            ]
        );
        assert_eq!(advised(&defaults, 32, 0), [""; 0], "a small database needs no more");
        let greedy = [
            ("shared_buffers", 2 << 30),
            ("effective_cache_size", 6 << 30),
            ("work_mem", 256 << 20),
            ("max_connections", 200),
        ];
        assert_eq!(advised(&greedy, 8, 40), ["ALTER SYSTEM SET work_mem = '10MB'"]);
    }
}
