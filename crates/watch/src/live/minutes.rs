//! The minutes of the last day and a bit of one shop: orders and revenue, requests and errors.

use crate::state::{Minute, Orders};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const MINUTE_MS: i64 = 60_000;
/// A day of 25 hours, when clocks are set back, and a margin.
pub(crate) const KEPT_MS: i64 = 26 * 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// Fewer orders or requests of a day say nothing of how many requests become orders.
const EXPECTED_ORDERS: u64 = 10;
const EXPECTED_REQUESTS: u64 = 100;

#[derive(Debug, Default)]
pub(crate) struct Minutes {
    minutes: BTreeMap<i64, Minute>,
    /// Minutes whose traffic changed since it was last taken for the store.
    changed: BTreeSet<i64>,
}

/// The start of the minute in which `at_ms` lies.
pub(crate) fn minute_of(at_ms: i64) -> i64 {
    at_ms.div_euclid(MINUTE_MS) * MINUTE_MS
}

impl Minutes {
    /// Takes what was known before a restart.
    pub(crate) fn restore(&mut self, minutes: impl IntoIterator<Item = Minute>) {
        for minute in minutes {
            self.minutes.insert(minute.at_ms, minute);
        }
    }

    fn at(&mut self, at_ms: i64) -> &mut Minute {
        let at_ms = minute_of(at_ms);
        self.minutes.entry(at_ms).or_insert(Minute {
            at_ms,
            orders: None,
            revenue_minor: None,
            requests: None,
            errors: None,
        })
    }

    /// Adds traffic; zero says that the minute was seen and nothing came.
    pub(crate) fn add_traffic(&mut self, at_ms: i64, requests: u64, errors: u64) {
        let minute = self.at(at_ms);
        let (seen, before) = (minute.requests.is_none(), *minute);
        minute.requests = Some(before.requests.unwrap_or(0) + requests);
        minute.errors = Some(before.errors.unwrap_or(0) + errors);
        if seen || requests > 0 || errors > 0 {
            let at_ms = minute.at_ms;
            self.changed.insert(at_ms);
        }
    }

    /// Sets orders and revenue of a minute, as the shop's database has them now.
    pub(crate) fn set_orders(&mut self, at_ms: i64, orders: u64, revenue_minor: i64) {
        let minute = self.at(at_ms);
        minute.orders = Some(orders);
        minute.revenue_minor = Some(revenue_minor);
    }

    /// The start of the last minute whose traffic is known.
    pub(crate) fn last_known_traffic_ms(&self) -> Option<i64> {
        let seen = |minute: &&Minute| minute.requests.is_some();
        self.minutes.values().rev().find(seen).map(|minute| minute.at_ms)
    }

    /// The minute that begins then; `None`: nothing is known of it.
    pub(crate) fn known(&self, at_ms: i64) -> Option<&Minute> {
        self.minutes.get(&at_ms)
    }

    /// Minutes whose traffic must be written down again.
    pub(crate) fn take_changed(&mut self) -> Vec<Minute> {
        let changed = std::mem::take(&mut self.changed);
        changed.iter().filter_map(|at_ms| self.minutes.get(at_ms).copied()).collect()
    }

    /// Takes back what could not be written.
    pub(crate) fn put_back_changed(&mut self, minutes: impl IntoIterator<Item = i64>) {
        self.changed.extend(minutes);
    }

    pub(crate) fn prune(&mut self, now_ms: i64) {
        let kept = self.minutes.split_off(&(now_ms - KEPT_MS));
        self.minutes = kept;
        let kept = self.changed.split_off(&(now_ms - KEPT_MS));
        self.changed = kept;
    }

    /// The last `count` minutes up to the running one, the oldest first, without gaps: a minute
    /// that nobody saw is there with nothing known. Begins with the first that is known at all.
    pub(crate) fn last(&self, now_ms: i64, count: i64) -> Vec<Minute> {
        let newest = minute_of(now_ms);
        let oldest = newest - (count - 1) * MINUTE_MS;
        let first = self.minutes.range(oldest..=newest).next().map_or(newest, |(at_ms, _)| *at_ms);
        let starts = (0..count).map(|n| oldest + n * MINUTE_MS).filter(|at_ms| *at_ms >= first);
        let unknown = |at_ms| Minute {
            at_ms,
            orders: None,
            revenue_minor: None,
            requests: None,
            errors: None,
        };
        starts.map(|at| self.minutes.get(&at).copied().unwrap_or_else(|| unknown(at))).collect()
    }

    /// Orders and revenue since `from_ms`; `None` unless every minute in between is known. The
    /// running minute may not have been read yet, if the one before it was: at the stroke of
    /// midnight a day without a single minute is empty when the orders are being read, and
    /// unknown when they are not.
    fn sum_orders(&self, from_ms: i64, until_ms: i64) -> Option<(u64, i64)> {
        let (from, until) = (minute_of(from_ms), minute_of(until_ms));
        let mut sum = (0, 0);
        let mut next = from;
        for (at_ms, minute) in self.minutes.range(from..=until) {
            if *at_ms != next {
                return None;
            }
            next += MINUTE_MS;
            let (Some(orders), Some(revenue)) = (minute.orders, minute.revenue_minor) else {
                if *at_ms == until {
                    next = until;
                    break;
                }
                return None;
            };
            sum = (sum.0 + orders, sum.1 + revenue);
        }
        let whole = next > until || (next == until && self.is_read(until - MINUTE_MS));
        whole.then_some(sum)
    }

    fn is_read(&self, at_ms: i64) -> bool {
        self.minutes.get(&at_ms).is_some_and(|minute| minute.orders.is_some())
    }

    /// Fills hour and day of `orders` in; a figure whose minutes are not all known stays unknown.
    pub(crate) fn fill_orders(&self, orders: &mut Orders, now_ms: i64, day_start_ms: i64) {
        let hour = self.sum_orders(minute_of(now_ms) - 59 * MINUTE_MS, now_ms);
        let day = self.sum_orders(day_start_ms, now_ms);
        orders.last_hour = hour.map(|(count, _)| count);
        orders.revenue_last_hour_minor = hour.map(|(_, revenue)| revenue);
        orders.today = day.map(|(count, _)| count);
        orders.revenue_today_minor = day.map(|(_, revenue)| revenue);
    }

    /// The start of the last minute in which an order is known.
    pub(crate) fn last_order_ms(&self) -> Option<i64> {
        let sold = |minute: &&Minute| minute.orders.is_some_and(|orders| orders > 0);
        self.minutes.values().rev().find(sold).map(|minute| minute.at_ms)
    }

    /// How many orders were to be expected since the last one, if as many of the requests became
    /// orders as in the day before it; `None` where too little is known.
    pub(crate) fn expected_orders(&self, last_order_ms: i64, now_ms: i64) -> Option<f64> {
        let last = minute_of(last_order_ms);
        let before = self.minutes.range(last - DAY_MS..=last);
        let known = before.filter_map(|(_, minute)| Some((minute.orders?, minute.requests?)));
        let (orders, requests) = known.fold((0, 0), |sum, m| (sum.0 + m.0, sum.1 + m.1));
        if orders < EXPECTED_ORDERS || requests < EXPECTED_REQUESTS {
            return None;
        }
        let since = self.minutes.range(last + MINUTE_MS..=now_ms.max(last + MINUTE_MS));
        let since: u64 = since.filter_map(|(_, minute)| minute.requests).sum();
        Some(orders as f64 / requests as f64 * since as f64)
    }

    /// The mean order's value and the usual time between two, over the last day.
    pub(crate) fn mean_order(&self, now_ms: i64) -> Option<(i64, i64)> {
        let from = minute_of(now_ms - DAY_MS);
        let known = self
            .minutes
            .range(from..)
            .filter_map(|(at_ms, minute)| Some((*at_ms, minute.orders?, minute.revenue_minor?)));
        let (mut first, mut orders, mut revenue) = (None, 0, 0);
        for (at_ms, count, money) in known {
            first.get_or_insert(at_ms);
            orders += count;
            revenue += money;
        }
        let (first, count) = (first?, i64::try_from(orders).ok().filter(|count| *count > 0)?);
        Some((revenue / count, (now_ms - first).max(1) / count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_with_an_unknown_minute_are_unknown_save_for_the_running_one() {
        let mut minutes = Minutes::default();
        for n in 0..60 {
            minutes.set_orders(n * MINUTE_MS, 1, 100);
        }
        let now_ms = 59 * MINUTE_MS + 30_000;
        let mut orders = Orders::default();
        minutes.fill_orders(&mut orders, now_ms, 0);
        assert_eq!((orders.last_hour, orders.today), (Some(60), Some(60)));
        minutes.fill_orders(&mut orders, now_ms + MINUTE_MS, 0);
        assert_eq!((orders.last_hour, orders.revenue_last_hour_minor), (Some(59), Some(5900)));
        minutes.fill_orders(&mut orders, now_ms + 2 * MINUTE_MS, 0);
        assert_eq!((orders.last_hour, orders.today), (None, None));
        minutes.fill_orders(&mut orders, now_ms, -MINUTE_MS);
        assert_eq!((orders.last_hour, orders.today), (Some(60), None));
    }

    #[test]
    fn a_day_begins_empty_when_the_orders_are_read_and_unknown_when_they_are_not() {
        let midnight = 60 * MINUTE_MS;
        let mut minutes = Minutes::default();
        let today = |minutes: &Minutes| {
            let mut orders = Orders::default();
            minutes.fill_orders(&mut orders, midnight + 5_000, midnight);
            orders.today
        };
        assert_eq!(today(&minutes), None);
        minutes.add_traffic(midnight, 5, 0);
        assert_eq!(today(&minutes), None);
        minutes.set_orders(midnight - MINUTE_MS, 3, 300);
        assert_eq!(today(&minutes), Some(0));
        minutes.set_orders(midnight, 2, 200);
        assert_eq!(today(&minutes), Some(2));
    }

    #[test]
    fn gaps_are_shown_as_unknown_minutes() {
        let mut minutes = Minutes::default();
        minutes.add_traffic(0, 5, 1);
        minutes.add_traffic(2 * MINUTE_MS, 0, 0);
        let shown: Vec<Option<u64>> =
            minutes.last(3 * MINUTE_MS, 180).iter().map(|minute| minute.requests).collect();
        assert_eq!(shown, [Some(5), None, Some(0), None]);
    }

    #[test]
    fn only_changed_minutes_are_written_again() {
        let mut minutes = Minutes::default();
        minutes.add_traffic(0, 0, 0);
        assert_eq!(minutes.take_changed().len(), 1);
        minutes.add_traffic(1, 0, 0);
        assert_eq!(minutes.take_changed().len(), 0);
        minutes.add_traffic(2, 1, 0);
        assert_eq!(minutes.take_changed()[0].requests, Some(1));
    }

    #[test]
    fn orders_are_expected_of_requests_as_in_the_day_before() {
        let mut minutes = Minutes::default();
        for n in 0..100 {
            minutes.add_traffic(n * MINUTE_MS, 50, 0);
            minutes.set_orders(n * MINUTE_MS, u64::from(n % 5 == 0), 100);
        }
        let last_ms = 95 * MINUTE_MS;
        assert_eq!(minutes.expected_orders(last_ms, 100 * MINUTE_MS).map(f64::round), Some(1.0));
        // Nobody comes any more.
        assert_eq!(minutes.expected_orders(last_ms, 400 * MINUTE_MS).map(f64::round), Some(1.0));
        for n in 100..200 {
            minutes.add_traffic(n * MINUTE_MS, 50, 0);
        }
        assert_eq!(minutes.expected_orders(last_ms, 199 * MINUTE_MS).map(f64::round), Some(22.0));
        assert_eq!(minutes.expected_orders(5 * MINUTE_MS, 199 * MINUTE_MS), None);
    }

    #[test]
    fn the_mean_order_is_that_of_the_last_day() {
        let mut minutes = Minutes::default();
        assert_eq!(minutes.mean_order(0), None);
        minutes.set_orders(0, 2, 300);
        minutes.set_orders(MINUTE_MS, 0, 0);
        assert_eq!(minutes.mean_order(2 * MINUTE_MS), Some((150, MINUTE_MS)));
    }
}
