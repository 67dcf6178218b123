//! Settings that are not safe, or do not fit the machine (PostgreSQL manual, chapter 20).

use super::{Fields, Figures, Finding, Mend, Options, Rows, Trouble};
use crate::{
    DatabaseError,
    care::{Setting, Why, megabytes},
    dump::postgres::texts,
};
use std::collections::BTreeMap;
use tokio_postgres::Client;

/// From this version on the checkpoints are counted elsewhere.
const CHECKPOINTER_SINCE: u32 = 170_000;
/// Fewer checkpoints say nothing.
const FEW_CHECKPOINTS: u64 = 20;

/// The settings by name.
type Settings = BTreeMap<String, Known>;

/// A setting as it was found.
#[derive(Debug, Clone)]
struct Known {
    /// Sizes in bytes, the rest as the server writes it.
    value: String,
    /// As the server shows it: `128MB`.
    shown: String,
    place: Place,
    /// The server takes a new value at its start only.
    restart: bool,
}

/// Where a setting was made (manual, view `pg_settings`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Nowhere, or in a file that `ALTER SYSTEM` goes before.
    Below,
    /// By `ALTER SYSTEM`, or in a file that we are not shown.
    System,
    /// Where the server is started: `ALTER SYSTEM` does not reach it.
    Start,
}

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
        let advised = shown(bytes(&settings, "max_wal_size") * 2);
        findings.extend(finding(&settings, "max_wal_size", advised, Why::FlushedTooOften));
    }
    Ok(findings)
}

async fn read(client: &Client) -> Result<Settings, DatabaseError> {
    let statement = "SELECT name, CASE unit WHEN '8kB' THEN (setting::numeric * 8192)::text \
        WHEN 'kB' THEN (setting::numeric * 1024)::text WHEN 'MB' THEN (setting::numeric * 1048576)::text \
        ELSE setting END, current_setting(name), source, sourcefile, context FROM pg_settings \
        WHERE name IN ('fsync', 'full_page_writes', 'autovacuum', 'track_counts', 'synchronous_commit', \
        'shared_buffers', 'work_mem', 'max_connections', 'effective_cache_size', 'max_wal_size')";
    let rows: Rows<6> = texts(client, "read settings", statement).await?;
    let known = |[name, value, shown, source, file, context]: [Option<String>; 6]| {
        let place = match (source.as_deref(), file) {
            (Some("command line" | "environment variable"), _) => Place::Start,
            (Some("configuration file"), None) => Place::System,
            (_, Some(file)) if file.ends_with("postgresql.auto.conf") => Place::System,
            _ => Place::Below,
        };
        let restart = context.as_deref() == Some("postmaster");
        Some((name?, Known { value: value?, shown: shown?, place, restart }))
    };
    Ok(rows.into_iter().filter_map(known).collect())
}

fn bytes(settings: &Settings, name: &str) -> u64 {
    settings.get(name).and_then(|known| known.value.parse().ok()).unwrap_or_default()
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
    .filter(|(name, _)| settings.get(*name).is_some_and(|known| known.value == "off"))
    .filter_map(|(name, why)| finding(settings, name, "on".to_owned(), why))
    .collect()
}

fn memory_ones(settings: &Settings, memory: u64, figures: &Figures) -> Vec<Finding> {
    let mut findings = Vec::new();
    // More than the data is no use; a quarter of the memory is what the manual begins with (20.4).
    let fitting = (memory / 4).min(figures.size_bytes);
    if bytes(settings, "shared_buffers") < fitting / 2 {
        findings.extend(finding(settings, "shared_buffers", shown(fitting), Why::SmallCache));
    }
    // What the planner takes for cached: too little, and it reads whole tables rather than by an index.
    let name = "effective_cache_size";
    let assumed = bytes(settings, name);
    if assumed < memory / 4 && assumed < figures.size_bytes {
        findings.extend(finding(settings, name, shown(memory / 2), Why::SmallCache));
    }
    let (work, most) = (bytes(settings, "work_mem"), bytes(settings, "max_connections"));
    if work.saturating_mul(most) > memory {
        let advised = shown(memory / 4 / most.max(1));
        findings.extend(finding(settings, "work_mem", advised, Why::TooMuchMemory));
    }
    findings
}

fn shown(bytes: u64) -> String {
    format!("{}MB", megabytes(bytes))
}

fn finding(settings: &Settings, name: &str, advised: String, why: Why) -> Option<Finding> {
    let known = settings.get(name)?;
    let value = match known.value.parse() {
        Ok(bytes) => shown(bytes),
        Err(_) => known.shown.clone(),
    };
    let mend = change(name, known, &advised);
    let trouble = Trouble::Setting { name: name.to_owned(), value, advised, why };
    Some(Finding::new(trouble, Some(mend)))
}

fn change(name: &str, known: &Known, to: &str) -> Mend {
    let set = |value: &str| format!("ALTER SYSTEM SET {name} = '{}'", value.replace('\'', "''"));
    let back = match known.place {
        Place::Start => return Mend::Setting { line: format!("{name} = {to}") },
        // Of one that waits for a restart the server would go on saying so after a reset.
        Place::Below if !known.restart => format!("ALTER SYSTEM RESET {name}"),
        Place::Below | Place::System => set(&known.shown),
    };
    Mend::ChangeSetting {
        setting: Setting {
            name: name.to_owned(),
            from: known.shown.clone(),
            to: to.to_owned(),
            set: set(to),
            back,
            restart: known.restart,
            lasts: true,
        },
    }
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

    fn known(bytes: u64) -> Known {
        let (value, shown) = (bytes.to_string(), shown(bytes));
        Known { value, shown, place: Place::Below, restart: false }
    }

    fn advised(settings: &[(&str, u64)], memory_gib: u64, size_gib: u64) -> Vec<String> {
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), known(*value)));
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

    #[test]
    fn what_was_nowhere_goes_again_and_what_is_said_at_the_start_is_a_persons() {
        for (place, restart, expect) in [
            (Place::Below, false, Some("ALTER SYSTEM RESET work_mem")),
            (Place::Below, true, Some("ALTER SYSTEM SET work_mem = '64MB'")),
            (Place::System, false, Some("ALTER SYSTEM SET work_mem = '64MB'")),
            (Place::Start, false, None),
        ] {
            let mend = change("work_mem", &Known { place, restart, ..known(64 << 20) }, "5MB");
            assert_eq!((mend.back(), mend.is_ours()), (expect, expect.is_some()), "{place:?}");
        }
    }
}
