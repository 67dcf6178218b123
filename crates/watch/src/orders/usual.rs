//! How many orders an hour of the week usually brings, by the weeks before.

use crate::{Watch, live::MINUTE_MS, orders::now_ms, state::UsualHour};
use forecast::{Baseline, HourOfWeek};
use jiff::{Timestamp, tz::TimeZone};
use std::{collections::BTreeMap, time::Duration};
use store::{MinuteRecord, Store};

/// Weeks looked back.
const WEEKS: i64 = 8;
const WEEK_MS: i64 = 7 * 24 * 60 * MINUTE_MS;
/// An hour of which less was seen says nothing.
const SEEN_MINUTES: u32 = 45;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// As far back as the interface draws minutes.
const SHOWN_MS: i64 = 180 * MINUTE_MS;
/// Both sides of 95 % of a normal distribution.
const Z_95: f64 = 1.96;
/// How often it is counted anew.
const EVERY: Duration = Duration::from_secs(6 * 60 * 60);

/// What the hours of a week usually bring a shop, in its zone.
#[derive(Debug, Clone, PartialEq)]
pub struct UsualOrders {
    orders: Baseline,
    /// In minor units.
    revenue: Baseline,
    zone: TimeZone,
}

impl UsualOrders {
    /// Counts whole hours in the order of time: by the median over weeks, so that one campaign and one outage change nothing.
    pub(crate) fn count(minutes: &[MinuteRecord], zone: TimeZone) -> Self {
        let mut usual = Self { orders: Baseline::default(), revenue: Baseline::default(), zone };
        // Minutes that were seen, and what they brought.
        let mut seen: BTreeMap<i64, (u32, u64, i64)> = BTreeMap::new();
        for minute in minutes {
            let Some(orders) = minute.orders else { continue };
            let (count, sum, money) = seen.entry(minute.at_ms.div_euclid(HOUR_MS)).or_default();
            *count += 1;
            *sum += orders;
            *money += minute.revenue_minor.unwrap_or(0);
        }
        for (hour, (count, orders, money)) in seen {
            let Some(of_week) = hour_of_week(hour * HOUR_MS, &usual.zone) else { continue };
            let whole = |sum: f64| {
                #[expect(clippy::cast_possible_truncation, reason = "`as` stops at the ends")]
                #[expect(clippy::cast_sign_loss, reason = "refunds that outweigh are nothing")]
                let number = (sum * 60.0 / f64::from(count)).round() as u32;
                (count >= SEEN_MINUTES).then_some(number)
            };
            usual.orders.record(of_week, whole(orders as f64));
            usual.revenue.record(of_week, whole(money as f64));
        }
        usual
    }

    /// Orders to be expected between two times; `None` when an hour between is not known.
    pub(crate) fn between(&self, from_ms: i64, until_ms: i64) -> Option<f64> {
        let mut expected = 0.0;
        let mut at_ms = from_ms;
        // More than a day of silence is not counted out further: it is long enough.
        let until_ms = until_ms.min(from_ms + 24 * HOUR_MS);
        while at_ms < until_ms {
            let next_ms = (at_ms + 10 * MINUTE_MS).min(until_ms);
            let rate = self.orders.expected(hour_of_week(at_ms, &self.zone)?)?.an_hour;
            expected += rate * (next_ms - at_ms) as f64 / HOUR_MS as f64;
            at_ms = next_ms;
        }
        Some(expected)
    }

    /// Revenue a minute of the hour that this moment is in, in minor units.
    pub(crate) fn revenue_a_minute(&self, at_ms: i64) -> Option<f64> {
        let expected = self.revenue.expected(hour_of_week(at_ms, &self.zone)?)?;
        Some(expected.an_hour / 60.0)
    }

    /// The hours of the last three hours, the one under way last.
    pub(crate) fn hours(&self, now_ms: i64) -> Vec<UsualHour> {
        let first = (now_ms - SHOWN_MS).div_euclid(HOUR_MS);
        let hour = |hour: i64| {
            let (from_ms, until_ms) = (hour * HOUR_MS, (hour + 1) * HOUR_MS);
            let of_week = hour_of_week(from_ms, &self.zone)?;
            let orders = self.orders.expected(of_week)?;
            let mean = orders.an_hour / 60.0;
            // A minute's count by chance, and that the hour's mean may be another.
            let spread = (mean * orders.dispersion + (orders.spread / 60.0).powi(2)).sqrt();
            let tenth = |number: f64| (number * 100.0).round() / 100.0;
            Some(UsualHour {
                from_ms,
                until_ms,
                orders_a_minute: tenth(mean),
                orders_a_minute_low: tenth((mean - Z_95 * spread).max(0.0)),
                orders_a_minute_high: tenth(mean + Z_95 * spread),
                revenue_minor_a_minute: self.revenue.expected(of_week)?.an_hour / 60.0,
            })
        };
        (first..=now_ms.div_euclid(HOUR_MS)).filter_map(hour).collect()
    }
}

fn hour_of_week(at_ms: i64, zone: &TimeZone) -> Option<HourOfWeek> {
    let local = Timestamp::from_millisecond(at_ms).ok()?.to_zoned(zone.clone());
    let day = u8::try_from(local.weekday().to_monday_zero_offset()).ok()?;
    HourOfWeek::new(day, u8::try_from(local.hour()).ok()?)
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
    fn the_last_hours_have_a_band_and_what_they_bring() {
        let minutes: Vec<MinuteRecord> = weeks(4)
            .into_iter()
            .map(|minute| MinuteRecord {
                revenue_minor: minute.orders.map(|orders| i64::try_from(orders).unwrap() * 500),
                ..minute
            })
            .collect();
        let usual = UsualOrders::count(&minutes, TimeZone::UTC);
        let noon = MONDAY + 5 * WEEK_MS + 12 * HOUR_MS + 30 * MINUTE_MS;
        let hours = usual.hours(noon);
        let froms: Vec<i64> = hours.iter().map(|hour| (hour.from_ms - noon) / MINUTE_MS).collect();
        assert_eq!(froms, [-210, -150, -90, -30]);
        for hour in &hours {
            assert!((hour.orders_a_minute - 0.2).abs() < 1e-9, "{hour:?}");
            assert!(hour.orders_a_minute_low < 0.2 && hour.orders_a_minute_high > 0.2, "{hour:?}");
            assert!((hour.revenue_minor_a_minute - 100.0).abs() < 1e-9, "{hour:?}");
        }
        assert_eq!(usual.revenue_a_minute(noon), Some(100.0));
        assert_eq!(usual.revenue_a_minute(MONDAY + 5 * WEEK_MS), Some(0.0));
    }

    #[test]
    fn two_weeks_say_nothing() {
        let usual = UsualOrders::count(&weeks(2), TimeZone::UTC);
        assert_eq!(usual.between(MONDAY + 5 * WEEK_MS, MONDAY + 5 * WEEK_MS + HOUR_MS), None);
        assert_eq!(usual.hours(MONDAY + 5 * WEEK_MS), []);
    }
}
