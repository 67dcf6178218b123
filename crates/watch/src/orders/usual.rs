//! How many orders an hour of the week usually brings, by the weeks before.

use crate::{Watch, live::MINUTE_MS, orders::now_ms};
use jiff::{Timestamp, tz::TimeZone};
use std::{collections::BTreeMap, time::Duration};
use store::{MinuteRecord, Store};

/// Weeks looked back.
const WEEKS: i64 = 8;
const WEEK_MS: i64 = 7 * 24 * 60 * MINUTE_MS;
/// An hour that was seen in fewer weeks says nothing.
const SEEN_WEEKS: usize = 3;
/// An hour of which less was seen says nothing.
const SEEN_MINUTES: u32 = 45;
const HOURS: usize = 7 * 24;
/// How often it is counted anew.
const EVERY: Duration = Duration::from_secs(6 * 60 * 60);

/// Orders an hour, by the hour of the week, Monday's first; `None` where too little was seen.
#[derive(Debug, Clone, PartialEq)]
pub struct UsualOrders {
    hours: Vec<Option<f64>>,
    zone: TimeZone,
}

impl UsualOrders {
    /// Counts them: the median over weeks, so that one campaign and one outage change nothing.
    pub(crate) fn count(minutes: &[MinuteRecord], zone: TimeZone) -> Self {
        // By hour of the week, and within it by the hour itself.
        let mut seen: Vec<BTreeMap<i64, (u32, u64)>> = vec![BTreeMap::new(); HOURS];
        for minute in minutes {
            let (Some(orders), Some(hour)) = (minute.orders, hour_of_week(minute.at_ms, &zone))
            else {
                continue;
            };
            let (count, sum) = seen[hour].entry(minute.at_ms / (60 * MINUTE_MS)).or_default();
            *count += 1;
            *sum += orders;
        }
        let hours = seen.into_iter().map(|weeks| {
            let whole = weeks.into_values().filter(|(minutes, _)| *minutes >= SEEN_MINUTES);
            let mut rates: Vec<f64> =
                whole.map(|(minutes, orders)| orders as f64 * 60.0 / f64::from(minutes)).collect();
            rates.sort_by(f64::total_cmp);
            (rates.len() >= SEEN_WEEKS).then(|| rates[rates.len() / 2])
        });
        Self { hours: hours.collect(), zone }
    }

    /// Orders to be expected between two times; `None` when an hour between is not known.
    pub(crate) fn between(&self, from_ms: i64, until_ms: i64) -> Option<f64> {
        let mut expected = 0.0;
        let mut at_ms = from_ms;
        // More than a day of silence is not counted out further: it is long enough.
        let until_ms = until_ms.min(from_ms + 24 * 60 * MINUTE_MS);
        while at_ms < until_ms {
            let next_ms = (at_ms + 10 * MINUTE_MS).min(until_ms);
            let rate = self.hours[hour_of_week(at_ms, &self.zone)?]?;
            expected += rate * (next_ms - at_ms) as f64 / (60 * MINUTE_MS) as f64;
            at_ms = next_ms;
        }
        Some(expected)
    }
}

fn hour_of_week(at_ms: i64, zone: &TimeZone) -> Option<usize> {
    let local = Timestamp::from_millisecond(at_ms).ok()?.to_zoned(zone.clone());
    let day = usize::try_from(local.weekday().to_monday_zero_offset()).ok()?;
    Some(day * 24 + usize::try_from(local.hour()).ok()?)
}

/// Counts what is usual for every shop, now and again, for as long as the task lives.
pub async fn follow(watch: Watch, store: Store) {
    let mut times = tokio::time::interval(EVERY);
    times.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        times.tick().await;
        for (shop, zone) in watch.with(|live| live.zones()) {
            let now_ms = now_ms();
            let mut minutes = Vec::new();
            // A week at a time: others read, too.
            for week in (1..=WEEKS).rev() {
                let from_ms = now_ms - week * WEEK_MS;
                match store.minutes(&shop, from_ms, from_ms + WEEK_MS).await {
                    Ok(week) => minutes.extend(week.into_iter().filter(|m| m.orders.is_some())),
                    Err(error) => tracing::warn!(%shop, %error, "what is usual is not known"),
                }
            }
            let usual = UsualOrders::count(&minutes, zone);
            watch.with(|live| live.usual_orders(&shop, usual));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Monday, midnight in UTC.
    const MONDAY: i64 = 1_767_571_200_000;
    const HOUR_MS: i64 = 60 * MINUTE_MS;

    /// Weeks with an order every `gap` minutes from nine to five, and none at night.
    fn weeks(count: i64) -> Vec<MinuteRecord> {
        let minutes = (0..count * 7 * 24 * 60).map(|minute| {
            let hour = minute / 60 % 24;
            let orders = u64::from((9..17).contains(&hour) && minute % 5 == 0);
            let at_ms = MONDAY + minute * MINUTE_MS;
            MinuteRecord { at_ms, orders: Some(orders), ..Default::default() }
        });
        minutes.collect()
    }

    #[test]
    fn the_hours_of_a_week_have_their_orders() {
        let usual = UsualOrders::count(&weeks(4), TimeZone::UTC);
        let monday = MONDAY + 5 * WEEK_MS;
        let between = |from_hours: f64, until_hours: f64| {
            #[expect(clippy::cast_possible_truncation, reason = "hours of a test")]
            let at = |hours: f64| monday + (hours * HOUR_MS as f64) as i64;
            usual.between(at(from_hours), at(until_hours)).map(f64::round)
        };
        assert_eq!(between(10.0, 11.0), Some(12.0));
        assert_eq!(between(16.5, 20.0), Some(6.0));
        assert_eq!(between(0.0, 8.0), Some(0.0));
        assert_eq!(between(10.0, 200.0), Some(96.0), "a day at most");
    }

    #[test]
    fn two_weeks_say_nothing() {
        let usual = UsualOrders::count(&weeks(2), TimeZone::UTC);
        assert_eq!(usual.between(MONDAY + 5 * WEEK_MS, MONDAY + 5 * WEEK_MS + HOUR_MS), None);
    }
}
