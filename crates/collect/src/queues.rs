//! Job queues and cron of a shop, as its own database tells them by the SELECTs of its platform.
//!
//! What waits, runs and failed is told by queue. A queue whose tables are not there, or that our role may not read, is told
//! to be unknown: it has no numbers.

use crate::{
    CollectError,
    field::{gauge, number},
    sql::ask as answer_of,
};
use databases::statistics::Statistics;
use kernel::readings::{Family, Readings};
use std::collections::BTreeSet;

/// Stands in a SELECT for what this shop puts before its tables' names.
const PREFIX: &str = "{prefix}";
/// A shop has a few dozen; a table may hold anything.
const MOST_QUEUES: usize = 500;

pub(crate) const READABLE: Family = gauge(
    "storewarden_queue_readable",
    "1: it is there, and we may read it; 0: nothing is known of it.",
);
pub(crate) const NUMBERS: [Family; 5] = [
    gauge("storewarden_queue_waiting", "Jobs that are due, and wait."),
    gauge("storewarden_queue_running", "Jobs that run."),
    gauge("storewarden_queue_failed", "Jobs that failed, or were missed, within the last hour."),
    gauge(
        "storewarden_queue_oldest_waiting_seconds",
        "Since the oldest waiting job was due; 0 without one.",
    ),
    gauge(
        "storewarden_queue_oldest_running_seconds",
        "Since the oldest running job began; 0 without one.",
    ),
];

/// One kind of queue of a platform, in one kind of database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueQuery {
    /// Of the kind: `cron`.
    pub name: String,
    /// The table that must be there, without a prefix.
    pub table: String,
    /// The shop may have a prefix before its tables' names, for which `{prefix}` stands in the SELECT.
    pub prefixed: bool,
    /// Returns rows of: queue; waiting, running and failed jobs; seconds since the oldest waiting one was due, and the
    /// oldest running one began. NULL is not known.
    pub select: String,
}

pub(crate) fn families() -> Vec<Family> {
    NUMBERS.into_iter().chain([READABLE]).collect()
}

pub(crate) async fn ask(
    place: &str,
    statistics: &mut Statistics,
    platform: &str,
    queries: &[QueueQuery],
    readings: &mut Readings,
) -> Result<(), CollectError> {
    let mut told = BTreeSet::new();
    for query in queries {
        let rows = match select(place, statistics, query).await? {
            Some(select) => answer_of(place, statistics, &select).await?,
            None => None,
        };
        let labels = [("platform", platform), ("queue", query.name.as_str())];
        readings.put(READABLE.name, &labels, if rows.is_some() { 1.0 } else { 0.0 });
        for row in rows.unwrap_or_default().rows {
            let [Some(queue), numbers @ ..] = row.as_slice() else {
                return Err(CollectError::odd(&place, "a queue without a name"));
            };
            if numbers.len() != NUMBERS.len() || told.len() >= MOST_QUEUES {
                let reason = format!("{} columns, or more than {MOST_QUEUES} queues", row.len());
                return Err(CollectError::odd(&place, reason));
            }
            if !told.insert(queue.clone()) {
                return Err(CollectError::odd(&place, format!("the queue `{queue}` twice")));
            }
            for (family, value) in NUMBERS.iter().zip(numbers) {
                if let Some(value) = value.as_deref().and_then(number) {
                    readings.put(family.name, &[("platform", platform), ("queue", queue)], value);
                }
            }
        }
    }
    Ok(())
}

/// The SELECT with this shop's prefix; `None`: no such table is seen, or several that may be it.
async fn select(
    place: &str,
    statistics: &mut Statistics,
    query: &QueueQuery,
) -> Result<Option<String>, CollectError> {
    if !query.prefixed {
        return Ok(Some(query.select.clone()));
    }
    let here = "SELECT table_name FROM information_schema.tables WHERE table_schema = database()";
    let statement = format!("{here} AND table_name LIKE '%{}'", query.table.replace('_', "\\_"));
    let answer = answer_of(place, statistics, &statement).await?.unwrap_or_default();
    let names: Vec<&str> = answer.rows.iter().filter_map(|row| row.first()?.as_deref()).collect();
    Ok(prefix(&names, &query.table).map(|prefix| query.select.replace(PREFIX, prefix)))
}

/// What stands before the table's name in the only one of these; nothing where the table is there without.
fn prefix<'a>(names: &[&'a str], table: &str) -> Option<&'a str> {
    let is_plain =
        |prefix: &&str| prefix.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let mut prefixes = names.iter().filter_map(|name| name.strip_suffix(table)).filter(is_plain);
    let first = prefixes.next()?;
    if first.is_empty() || prefixes.clone().any(str::is_empty) {
        return Some("");
    }
    prefixes.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_known_or_none_is() {
        let check = |names: &[&str], expect: Option<&str>| {
            assert_eq!(prefix(names, "cron_schedule"), expect, "{names:?}");
        };
        check(&[], None);
        check(&["cron_schedule"], Some(""));
        check(&["m2_cron_schedule"], Some("m2_"));
        check(&["m2_cron_schedule", "cron_schedule"], Some(""));
        check(&["m2_cron_schedule", "old_cron_schedule"], None);
        check(&["x; drop cron_schedule"], None);
        check(&["something"], None);
    }
}
