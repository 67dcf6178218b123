//! How slow the slowest twentieth of pages is now, and how slow it usually is.

use crate::state::Point;
use std::collections::VecDeque;

/// What counts as now.
const RECENT_MS: i64 = 60_000;
/// The moments before are neither now nor usual: trouble begins somewhere.
const BETWEEN_MS: i64 = 120_000;
/// Seconds that must have been seen to say something of a minute, and of what is usual.
const RECENT_SECONDS: usize = 30;
const USUAL_SECONDS: usize = 240;
/// Requests within the minute that make it worth a word.
const RECENT_REQUESTS: f64 = 60.0;
/// While it is slow, the usual stays what it was; after this, slow is the new usual.
const KEPT_MS: i64 = 2 * 60 * 60_000;

/// The 95th percentile over the last minute; `None` with too few pages.
pub(crate) fn recent(points: &VecDeque<Point>, now_ms: i64) -> Option<f64> {
    let recent = points.iter().filter(|point| point.at_ms > now_ms - RECENT_MS);
    let requests: f64 = recent.clone().map(|point| point.requests_per_second).sum();
    let values = recent.filter_map(|point| point.p95_ms).collect();
    median(values, RECENT_SECONDS).filter(|_| requests >= RECENT_REQUESTS)
}

/// What is usual, held on to while it is slow.
#[derive(Debug, Default)]
pub(crate) struct Usual {
    value: Option<f64>,
    seen_ms: i64,
}

impl Usual {
    pub(crate) fn value(&self) -> Option<f64> {
        self.value
    }

    pub(crate) fn look(&mut self, points: &VecDeque<Point>, now_ms: i64, is_slow: bool) {
        let is_kept = is_slow && (0..KEPT_MS).contains(&(now_ms - self.seen_ms));
        if is_kept {
            return;
        }
        let before = points.iter().filter(|point| point.at_ms <= now_ms - BETWEEN_MS);
        self.value = median(before.filter_map(|point| point.p95_ms).collect(), USUAL_SECONDS);
        self.seen_ms = now_ms;
    }
}

fn median(mut values: Vec<f64>, least: usize) -> Option<f64> {
    if values.len() < least {
        return None;
    }
    let middle = values.len() / 2;
    Some(*values.select_nth_unstable_by(middle, f64::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: impl IntoIterator<Item = f64>) -> VecDeque<Point> {
        let point = |(second, p95_ms): (usize, f64)| Point {
            at_ms: i64::try_from(second).unwrap() * 1_000,
            requests_per_second: 10.0,
            errors_per_second: 0.0,
            p50_ms: None,
            p95_ms: Some(p95_ms),
            p99_ms: None,
            cache_share: None,
            visitors: None,
            in_flight: None,
            queued: None,
            held: None,
            checkouts_per_second: None,
            cpu_share: None,
            memory_share: None,
        };
        values.into_iter().enumerate().map(point).collect()
    }

    #[test]
    fn the_usual_is_what_was_before_and_stays_while_it_is_slow() {
        let slow = (0..600).map(|second| if second < 500 { 100.0 } else { 900.0 });
        let slow = points(slow);
        assert_eq!(recent(&slow, 599_000), Some(900.0));
        let mut usual = Usual::default();
        usual.look(&slow, 599_000, false);
        assert_eq!(usual.value(), Some(100.0));
        let slower = points((0..600).map(|_| 900.0));
        usual.look(&slower, 600_000, true);
        assert_eq!(usual.value(), Some(100.0));
        usual.look(&slower, 599_000 + KEPT_MS, true);
        assert_eq!(usual.value(), Some(900.0));
    }

    #[test]
    fn little_seen_says_nothing() {
        let few = points((0..200).map(|_| 100.0));
        let mut usual = Usual::default();
        usual.look(&few, 199_000, false);
        assert_eq!(usual.value(), None);
        assert_eq!(recent(&few, 240_000), None);
    }
}
