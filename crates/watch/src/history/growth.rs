//! By how much tables have grown: the oldest size within a week beside the newest.

use super::measurement::{Measurement, SHOP, TABLE};
use crate::WatchError;
use kernel::ShopId;
use series::{Found, Matcher, Points, Resolution, Series};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// So far back is looked.
const BACK_MS: i64 = 7 * DAY_MS;
/// A shorter time says nothing of how a table grows.
const FEW_MS: i64 = DAY_MS;

/// A table and by how much it has grown.
#[derive(Debug, Clone, PartialEq)]
pub struct Grown {
    /// As the database labels it.
    pub table: String,
    /// With its indexes, now.
    pub bytes: u64,
    /// Less than nothing when it has shrunk.
    pub grown_bytes: i64,
    /// Since when, a day ago at least.
    pub since_ms: i64,
}

/// Tables of which a size is known that is a day old or more.
pub(super) fn read(store: &Series, shop: &ShopId, now_ms: i64) -> Result<Vec<Grown>, WatchError> {
    let metric = Measurement::TableBytes.row().metric;
    let of_tables = [Matcher::is(series::METRIC, metric), Matcher::is(SHOP, shop.as_str())];
    // Whole buckets of the store.
    let from_ms = (now_ms - BACK_MS).div_euclid(DAY_MS) * DAY_MS;
    let mut grown = Vec::new();
    for found in store.read(&of_tables, from_ms..now_ms + 1, Resolution::TenMinutes) {
        let Found { labels, points } = found?;
        let sizes = sizes(&points);
        let (Some((since_ms, then)), Some((_, now))) = (sizes.first(), sizes.last()) else {
            continue;
        };
        if now_ms - since_ms >= FEW_MS {
            grown.push(Grown {
                table: labels.get(TABLE).to_owned(),
                bytes: whole(*now),
                grown_bytes: whole(*now).cast_signed() - whole(*then).cast_signed(),
                since_ms: *since_ms,
            });
        }
    }
    Ok(grown)
}

/// When, and how much; the oldest first.
fn sizes(points: &Points) -> Vec<(i64, f64)> {
    match points {
        Points::Samples(samples) => {
            let known = samples.iter().filter(|sample| !sample.value.is_nan());
            known.map(|sample| (sample.at_ms, sample.value)).collect()
        }
        Points::Rollups(rollups) => {
            let known = rollups.iter().filter(|rollup| rollup.count > 0);
            known.map(|rollup| (rollup.from_ms, rollup.max)).collect()
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
fn whole(bytes: f64) -> u64 {
    bytes as u64
}
