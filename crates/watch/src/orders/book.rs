//! What was sold in which minute. Pure: rows in, minutes out.
//!
//! [`OrderWindow`] lets every order through once, late ones too. What it let through is added to
//! its minute here, and minutes and window are written down in one transaction, so that no order is
//! counted twice or missed whenever the program is killed. Minutes that were read and had no order
//! are known zeroes; minutes that were not read are not mentioned.

use crate::{
    live::{MINUTE_MS, MINUTES_KEPT_MS, minute_of},
    state::Minute,
};
use databases::orders::{OrderRow, OrderWindow};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A minute's start, orders, and revenue in minor units.
pub(super) type Sold = (i64, u64, i64);

#[derive(Debug)]
pub(super) struct OrderBook {
    pub(super) window: OrderWindow,
    minutes: BTreeMap<i64, (u64, i64)>,
    /// Minutes from here on are known, up to the last whole reading.
    known_from_ms: i64,
    read_until_ms: Option<i64>,
    /// Minutes that changed since they were written down.
    unwritten: BTreeSet<i64>,
    /// When the orders of the last minute were placed.
    recent: VecDeque<i64>,
    last_order_ms: Option<i64>,
}

impl OrderBook {
    /// A book that reads on from `window`, after which the minutes from `known_from_ms` on are
    /// known whole.
    pub(super) fn begin(
        window: OrderWindow,
        known_from_ms: i64,
        last_order_ms: Option<i64>,
    ) -> Self {
        Self {
            window,
            minutes: BTreeMap::new(),
            // The minute in which knowledge begins is not whole.
            known_from_ms: minute_of(known_from_ms + MINUTE_MS - 1),
            read_until_ms: None,
            unwritten: BTreeSet::new(),
            recent: VecDeque::new(),
            last_order_ms,
        }
    }

    /// The book as it was written down. Knowledge goes on from the first known minute: the window
    /// makes up for the time we were away.
    pub(super) fn resume(
        window: OrderWindow,
        minutes: impl IntoIterator<Item = Minute>,
        last_order_ms: Option<i64>,
    ) -> Self {
        let known = minutes
            .into_iter()
            .filter_map(|minute| Some((minute.at_ms, (minute.orders?, minute.revenue_minor?))));
        let known: BTreeMap<i64, (u64, i64)> = known.collect();
        let first = known.keys().next().copied();
        let mut book = Self::begin(window, first.unwrap_or(0), last_order_ms);
        book.minutes = known;
        book
    }

    /// Takes the orders that the window let through at `now_ms`; `whole` says that none was left
    /// unread. Answers what changed.
    pub(super) fn take(&mut self, rows: &[OrderRow], now_ms: i64, whole: bool) -> Vec<Sold> {
        self.forget(now_ms);
        let mut changed = BTreeSet::new();
        for row in rows {
            let at_ms = minute_of(row.placed_at_ms);
            self.last_order_ms = self.last_order_ms.max(Some(row.placed_at_ms));
            self.recent.push_back(row.placed_at_ms);
            if at_ms >= self.known_from_ms {
                let (orders, revenue) = self.minutes.entry(at_ms).or_default();
                *orders += 1;
                *revenue += row.total_minor;
                changed.insert(at_ms);
            }
        }
        self.recent.retain(|placed_ms| *placed_ms > now_ms - MINUTE_MS);
        if whole {
            changed.extend(self.note_zeroes(now_ms));
        }
        self.unwritten.extend(&changed);
        // Before the first whole reading a minute may lack orders that are not read yet.
        let known = changed.into_iter().filter(|_| self.read_until_ms.is_some());
        known.filter_map(|at_ms| self.sold(at_ms)).collect()
    }

    fn forget(&mut self, now_ms: i64) {
        let oldest = minute_of(now_ms - MINUTES_KEPT_MS);
        self.known_from_ms = self.known_from_ms.max(oldest);
        self.minutes = self.minutes.split_off(&oldest);
        self.unwritten = self.unwritten.split_off(&oldest);
    }

    /// Minutes up to `now_ms` that are known now and had no order. After the first whole reading
    /// every minute is news.
    fn note_zeroes(&mut self, now_ms: i64) -> Vec<i64> {
        let until_ms = self.read_until_ms.replace(now_ms);
        let mut at_ms = until_ms.map_or(self.known_from_ms, minute_of);
        let mut news = Vec::new();
        while at_ms <= now_ms {
            if !self.minutes.contains_key(&at_ms) || until_ms.is_none() {
                self.minutes.entry(at_ms).or_default();
                news.push(at_ms);
            }
            at_ms += MINUTE_MS;
        }
        news
    }

    fn sold(&self, at_ms: i64) -> Option<Sold> {
        self.minutes.get(&at_ms).map(|(orders, revenue)| (at_ms, *orders, *revenue))
    }

    /// What must be written down together with the window. Empty before the first whole reading:
    /// what is known in part only would look whole.
    pub(super) fn unwritten(&self) -> Vec<Sold> {
        let whole = self.read_until_ms.is_some();
        let minutes = self.unwritten.iter().filter(|_| whole);
        minutes.filter_map(|at_ms| self.sold(*at_ms)).collect()
    }

    /// All that was unwritten is written down.
    pub(super) fn written(&mut self) {
        self.unwritten.clear();
    }

    /// Orders placed in the minute before the last reading.
    pub(super) fn last_minute(&self) -> u64 {
        self.recent.len() as u64
    }

    pub(super) fn last_order_ms(&self) -> Option<i64> {
        self.last_order_ms
    }
}

#[cfg(test)]
mod tests;
