//! Which orders were counted already, though keys become visible out of order. Pure: rows and the
//! time come in, new rows go out.

use super::OrderRow;
use std::{collections::BTreeMap, fmt::Write};

/// A transaction that is open for longer than this after a later order was seen is missed. Ten
/// times what web servers give a request before they end it.
const SPAN_MS: i64 = 60_000;
/// In a rush the span is shortened to this many keys, so that memory and re-reading stay bounded.
const MAX_KEYS: usize = 2_000;

/// The span of keys that are read again, and which of them were let through.
///
/// Its text form ([`OrderWindow::to_text`]) is to be stored in one transaction with what was
/// counted: then nothing is counted twice or missed, whenever the program is killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderWindow {
    /// Nothing at or below it is looked at any more.
    floor: i64,
    /// Keys above the floor that were let through, and when they were first seen.
    seen: BTreeMap<i64, i64>,
}

impl OrderWindow {
    /// A window that lets through what comes after `key`; `None`: all there is.
    #[must_use]
    pub fn starting_after(key: Option<i64>) -> Self {
        Self { floor: key.unwrap_or(i64::MIN), seen: BTreeMap::new() }
    }

    /// Where to read on from.
    #[must_use]
    pub fn after(&self) -> i64 {
        self.floor
    }

    /// Lets through the rows that it has not let through before, in their order, and moves on past
    /// keys that were first seen a minute ago. `now_ms` is unix milliseconds.
    pub fn admit(&mut self, rows: &[OrderRow], now_ms: i64) -> Vec<OrderRow> {
        let mut new = Vec::new();
        for row in rows {
            if row.key > self.floor && !self.seen.contains_key(&row.key) {
                self.seen.insert(row.key, now_ms);
                new.push(*row);
            }
        }
        self.move_on(now_ms);
        new
    }

    /// The floor rises to the greatest key that is old enough: all keys below it had the same time
    /// to appear.
    fn move_on(&mut self, now_ms: i64) {
        let is_old = |seen_ms: &i64| now_ms.saturating_sub(*seen_ms) >= SPAN_MS;
        let settled = self.seen.iter().rev().find(|(_, seen_ms)| is_old(seen_ms));
        let settled = settled.map(|(key, _)| *key);
        let surplus = self.seen.len().checked_sub(MAX_KEYS + 1);
        let crowded = surplus.and_then(|index| self.seen.keys().nth(index).copied());
        if let Some(floor) = settled.max(crowded) {
            self.floor = floor;
            self.seen = self.seen.split_off(&floor);
            self.seen.remove(&floor);
        }
    }

    /// `FLOOR` or `FLOOR:KEY,KEY,…`; see [`OrderWindow::from_text`].
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = self.floor.to_string();
        for (index, key) in self.seen.keys().enumerate() {
            text.push(if index == 0 { ':' } else { ',' });
            write!(text, "{key}").expect("invariant: writing to a String cannot fail");
        }
        text
    }

    /// Reads what [`OrderWindow::to_text`] wrote; the span begins anew at `now_ms`. `None` when it
    /// is something else.
    #[must_use]
    pub fn from_text(text: &str, now_ms: i64) -> Option<Self> {
        let (floor, keys) = text.split_once(':').unwrap_or((text, ""));
        let keys = keys.split(',').filter(|key| !key.is_empty());
        let seen: Option<BTreeMap<i64, i64>> =
            keys.map(|key| Some((key.parse().ok()?, now_ms))).collect();
        let window = Self { floor: floor.parse().ok()?, seen: seen? };
        window.seen.keys().all(|key| *key > window.floor).then_some(window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(keys: impl IntoIterator<Item = i64>) -> Vec<OrderRow> {
        keys.into_iter().map(|key| OrderRow { key, placed_at_ms: 0, total_minor: 0 }).collect()
    }

    fn admitted(window: &mut OrderWindow, keys: &[i64], now_ms: i64) -> Vec<i64> {
        window.admit(&rows(keys.iter().copied()), now_ms).iter().map(|row| row.key).collect()
    }

    #[test]
    fn a_key_that_appears_late_is_let_through_once() {
        let mut window = OrderWindow::starting_after(Some(5));
        assert_eq!(admitted(&mut window, &[6, 8], 0), [6, 8]);
        assert_eq!(window.after(), 5);
        assert_eq!(admitted(&mut window, &[6, 7, 8], 59_999), [7]);
        assert_eq!(admitted(&mut window, &[6, 7, 8], 59_999), [0; 0]);
    }

    #[test]
    fn the_span_moves_on_after_a_minute() {
        let mut window = OrderWindow::starting_after(None);
        admitted(&mut window, &[1, 3], 0);
        admitted(&mut window, &[1, 3, 4], 30_000);
        assert_eq!(admitted(&mut window, &[], 60_000), [0; 0]);
        assert_eq!(window.after(), 3);
        assert_eq!(admitted(&mut window, &[4, 5], 89_999), [5]);
        assert_eq!((admitted(&mut window, &[], 90_000), window.after()), (vec![], 4));
    }

    #[test]
    fn a_late_key_does_not_hold_the_span_back() {
        let mut window = OrderWindow::starting_after(Some(0));
        admitted(&mut window, &[2], 0);
        admitted(&mut window, &[1, 2], 50_000);
        admitted(&mut window, &[1, 2], 60_000);
        assert_eq!(window.after(), 2);
    }

    #[test]
    fn a_rush_shortens_the_span_and_loses_nothing() {
        let mut window = OrderWindow::starting_after(Some(0));
        let count = i64::try_from(MAX_KEYS).unwrap() + 10;
        assert_eq!(window.admit(&rows(1..=count), 0).len(), MAX_KEYS + 10);
        assert_eq!(window.after(), 10);
        assert!(window.admit(&rows(11..=count), 1).is_empty());
    }

    #[test]
    fn its_text_brings_it_back() {
        let mut window = OrderWindow::starting_after(None);
        let check = |window: &OrderWindow| {
            assert_eq!(OrderWindow::from_text(&window.to_text(), 7).as_ref(), Some(window));
        };
        check(&window);
        admitted(&mut window, &[3, 5], 7);
        check(&window);
        for bad in ["", "x", "5:", "5:5", "5:4", "5:6,x", "5;6"] {
            let is_bad = OrderWindow::from_text(bad, 0).is_none();
            assert!(is_bad || bad == "5:", "{bad:?}");
        }
    }

    #[test]
    fn no_text_makes_it_panic() {
        bolero::check!().with_type::<String>().for_each(|text| {
            if let Some(window) = OrderWindow::from_text(text, 0) {
                assert_eq!(OrderWindow::from_text(&window.to_text(), 0), Some(window));
            }
        });
    }
}
