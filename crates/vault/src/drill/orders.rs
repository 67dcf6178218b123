//! The orders of a restored database beside those of the living one.
//!
//! The living shop sells on meanwhile, and old orders change. So an order counts as lost only when it
//! was placed well before the snapshot, and a sum that differs is told and no failure by itself.

use databases::{
    DatabaseError,
    orders::{OrderQuery, OrderReader, OrderRow},
};
use kernel::config::DatabaseUrl;
use std::collections::BTreeMap;

/// How far back orders are compared, in keys. Keys have gaps, so it is less orders than that.
const SPAN: i64 = 1_000;
const PAGE: u32 = 500;
/// Pages of the living shop at most; a key behind these is not looked at.
const PAGES: usize = 20;
/// Clocks differ, and an order's time is that of its beginning, not of its commit.
const SLACK_MS: i64 = 60_000;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Compared {
    /// Orders in the restored database that were looked at.
    pub(super) restored: u64,
    pub(super) newest_ms: Option<i64>,
    /// Of these, as the living shop has them.
    pub(super) same: u64,
    /// With another sum.
    pub(super) changed: u64,
    /// That the living shop has no more.
    pub(super) gone: u64,
    /// That the living shop had by then, and the restored one lacks; the first keys of them.
    pub(super) lacking: u64,
    pub(super) first_lacking: Vec<i64>,
}

/// Reads the newest orders of both.
pub(super) async fn compare(
    restored: &DatabaseUrl,
    live: &DatabaseUrl,
    query: &OrderQuery,
    snapshot_ms: i64,
) -> Result<Compared, DatabaseError> {
    let mut reader = OrderReader::connect(restored, query.clone()).await?;
    let newest = reader.newest_key().await?;
    let after = newest.map_or(i64::MIN, |key| key.saturating_sub(SPAN));
    let old = read(&mut reader, after, |_| false).await?;
    let mut reader = OrderReader::connect(live, query.clone()).await?;
    let until =
        |row: &OrderRow| row.placed_at_ms > snapshot_ms && newest.is_none_or(|key| row.key > key);
    let now = read(&mut reader, after, until).await?;
    Ok(judge(&old, &now, snapshot_ms))
}

async fn read(
    reader: &mut OrderReader,
    mut after: i64,
    until: impl Fn(&OrderRow) -> bool,
) -> Result<Vec<OrderRow>, DatabaseError> {
    let mut rows: Vec<OrderRow> = Vec::new();
    for _ in 0..PAGES {
        let page = reader.new_orders(Some(after), PAGE).await?;
        let Some(last) = page.last().copied() else { break };
        after = last.key;
        rows.extend(page);
        if until(&last) {
            break;
        }
    }
    Ok(rows)
}

fn judge(restored: &[OrderRow], live: &[OrderRow], snapshot_ms: i64) -> Compared {
    let living: BTreeMap<i64, &OrderRow> = live.iter().map(|row| (row.key, row)).collect();
    let mut found = Compared {
        restored: restored.len() as u64,
        newest_ms: restored.iter().map(|row| row.placed_at_ms).max(),
        ..Compared::default()
    };
    for row in restored {
        match living.get(&row.key) {
            Some(now) if now.total_minor == row.total_minor => found.same += 1,
            Some(_) => found.changed += 1,
            None => found.gone += 1,
        }
    }
    let has = |key: i64| restored.iter().any(|row| row.key == key);
    for row in live.iter().filter(|row| row.placed_at_ms < snapshot_ms - SLACK_MS && !has(row.key))
    {
        found.lacking += 1;
        if found.first_lacking.len() < 10 {
            found.first_lacking.push(row.key);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_of_both_are_told_apart() {
        let row = |key, placed_at_ms, total_minor| OrderRow { key, placed_at_ms, total_minor };
        let snapshot_ms = 1_000_000;
        let restored = [row(1, 10, 500), row(2, 20, 600), row(3, 30, 700)];
        let live = [
            row(1, 10, 500),
            row(2, 20, 650),
            // Placed before, and not in the snapshot.
            row(4, 40, 100),
            // Placed at about that moment: its commit may have come after.
            row(5, snapshot_ms - 1_000, 100),
            row(6, snapshot_ms + 5, 100),
        ];
        let expect = Compared {
            restored: 3,
            newest_ms: Some(30),
            same: 1,
            changed: 1,
            gone: 1,
            lacking: 1,
            first_lacking: vec![4],
        };
        assert_eq!(judge(&restored, &live, snapshot_ms), expect);
        assert_eq!(judge(&[], &[], snapshot_ms), Compared::default());
    }
}
