//! A shop's past, further back than the ten minutes of its page: what the metrics store has of it.

use crate::{ApiError, ApiState, error::ErrorBody, guard::now_ms};
use axum::{
    Json,
    extract::{Path, Query, State},
};
use kernel::ShopId;
use serde::Deserialize;
use std::time::Duration;
use tokio::time::timeout;
use watch::history::{Asked, MOST_POINTS, ShopHistory};

/// What is shown when nothing is said.
const USUAL_MS: i64 = 86_400_000;
const USUAL_POINTS: u32 = 300;
/// How long reading may take, waiting for others' reads included.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Deserialize)]
pub(crate) struct HistoryQuery {
    from_ms: Option<i64>,
    until_ms: Option<i64>,
    points: Option<u32>,
}

/// What was measured of a shop and its machine over a time, in even steps.
///
/// Measured is every ten seconds, and kept so for a week; then by the minute for a month, and by ten
/// minutes for 13 months. A step is as short as the number of points and that allow. Where nothing is
/// known, its numbers are null.
#[utoipa::path(
    get, path = "/api/v1/shops/{shop}/history", tag = "shops",
    params(
        ("shop" = String, Path, description = "The shop's id"),
        ("from_ms" = Option<i64>, Query, description = "A day before the end when left out"),
        ("until_ms" = Option<i64>, Query, description = "Now when left out, or when later than now"),
        ("points" = Option<u32>, Query, description = "At most so many of each series: 1 to 1000, 300 when left out"),
    ),
    responses(
        (status = 200, body = ShopHistory),
        (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody),
        (status = 422, body = ErrorBody, description = "No such range, or no such number of points"),
        (status = 503, body = ErrorBody, description = "It cannot be read now"),
    )
)]
pub(crate) async fn of_shop(
    State(state): State<ApiState>,
    Path(shop): Path<String>,
    Query(query): Query<HistoryQuery>,
) -> Result<Json<ShopHistory>, ApiError> {
    let id: Option<ShopId> = shop.parse().ok();
    let is_there = |id: &ShopId| state.watch.with(|live| live.shops()).iter().any(|s| s.id == *id);
    let missing = || ApiError::NotFound { what: "shop", name: shop.clone() };
    let id = id.filter(is_there).ok_or_else(missing)?;
    let asked = asked(&query, now_ms())?;
    let read = timeout(PATIENCE, state.history.of(id, asked)).await;
    read.map_err(|_| ApiError::Unavailable)?.map(Json).map_err(ApiError::History)
}

/// The question with all that was left out.
fn asked(query: &HistoryQuery, now_ms: i64) -> Result<Asked, ApiError> {
    let refused = |message: String| ApiError::Refused { code: "range", message };
    let until_ms = query.until_ms.unwrap_or(now_ms).min(now_ms);
    let from_ms = query.from_ms.unwrap_or_else(|| until_ms.saturating_sub(USUAL_MS).max(0));
    if !(0..until_ms).contains(&from_ms) {
        let message = "`from_ms` must lie before `until_ms`, between 1970 and now";
        return Err(refused(message.to_owned()));
    }
    let points = query.points.unwrap_or(USUAL_POINTS);
    if !(1..=MOST_POINTS).contains(&points) {
        return Err(refused(format!("`points` must be between 1 and {MOST_POINTS}")));
    }
    Ok(Asked { from_ms, until_ms, points })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_700_000_000_000;

    fn check(query: (Option<i64>, Option<i64>, Option<u32>), expect: Option<(i64, i64, u32)>) {
        let (from_ms, until_ms, points) = query;
        let found = asked(&HistoryQuery { from_ms, until_ms, points }, NOW_MS).ok();
        assert_eq!(found.map(|a| (a.from_ms, a.until_ms, a.points)), expect, "{query:?}");
    }

    #[test]
    fn what_is_left_out_is_the_day_up_to_now() {
        let day = NOW_MS - USUAL_MS;
        check((None, None, None), Some((day, NOW_MS, 300)));
        check((None, Some(NOW_MS + 5), Some(1)), Some((day, NOW_MS, 1)));
        check((Some(3), Some(4), Some(1_000)), Some((3, 4, 1_000)));
        check((None, Some(4), None), Some((0, 4, 300)));
    }

    #[test]
    fn no_range_and_no_points_are_refused() {
        check((Some(4), Some(4), None), None);
        check((Some(-1), Some(4), None), None);
        check((Some(NOW_MS), None, None), None);
        check((None, Some(i64::MIN), None), None);
        check((None, None, Some(0)), None);
        check((None, None, Some(1_001)), None);
    }
}
