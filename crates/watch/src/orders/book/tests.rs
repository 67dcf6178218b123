//! Orders as minutes: what is counted once, whenever it is seen.

use super::*;

/// The middle of a minute.
const NOW: i64 = 1_000_000 * MINUTE_MS + 30_000;

fn row(key: i64, placed_at_ms: i64) -> OrderRow {
    OrderRow { key, placed_at_ms, total_minor: 100 }
}

fn begin(known_from_ms: i64) -> OrderBook {
    OrderBook::begin(OrderWindow::starting_after(Some(0)), known_from_ms, None)
}

/// One reading of a database that shows `rows`.
fn read(book: &mut OrderBook, rows: &[OrderRow], now_ms: i64) -> Vec<Sold> {
    let after = book.window.after();
    let shown: Vec<OrderRow> = rows.iter().filter(|row| row.key > after).copied().collect();
    let new = book.window.admit(&shown, now_ms);
    book.take(&new, now_ms, true)
}

fn orders_known(book: &OrderBook) -> u64 {
    book.minutes.values().map(|(orders, _)| orders).sum()
}

/// What the store holds.
#[derive(Default)]
struct Shelf {
    minutes: BTreeMap<i64, Minute>,
    window: String,
}

impl Shelf {
    fn write(&mut self, book: &mut OrderBook) {
        for (at_ms, orders, revenue) in book.unwritten() {
            let (orders, revenue_minor) = (Some(orders), Some(revenue));
            let minute = Minute { at_ms, orders, revenue_minor, requests: None, errors: None };
            self.minutes.insert(at_ms, minute);
        }
        self.window = book.window.to_text();
        book.written();
    }

    fn reopen(&self, now_ms: i64) -> OrderBook {
        let window = OrderWindow::from_text(&self.window, now_ms).unwrap();
        OrderBook::resume(window, self.minutes.values().copied(), None)
    }
}

#[test]
fn a_kill_at_any_moment_counts_every_order_once() {
    // Every third order shows two readings late, as a slow transaction would.
    let shows_ms = |row: &OrderRow| row.placed_at_ms + if row.key % 3 == 0 { 9_000 } else { 0 };
    let rows: Vec<OrderRow> = (1..=200).map(|key| row(key, NOW + key * 1_700)).collect();
    for kill_every in 1..12 {
        let mut shelf = Shelf::default();
        let mut book = begin(NOW - MINUTES_KEPT_MS);
        for n in 0..100_i64 {
            let now_ms = NOW + n * 5_000;
            let shown: Vec<OrderRow> =
                rows.iter().filter(|row| shows_ms(row) <= now_ms).copied().collect();
            read(&mut book, &shown, now_ms);
            assert_eq!(orders_known(&book), shown.len() as u64, "at {n}, kill {kill_every}");
            if n % 2 == 0 {
                shelf.write(&mut book);
            }
            if n % kill_every == 0 {
                book = shelf.reopen(now_ms);
            }
        }
    }
}

#[test]
fn minutes_in_which_nothing_came_are_known_zeroes_and_told_once() {
    let mut book = begin(NOW - 3 * MINUTE_MS);
    let told = read(&mut book, &[], NOW);
    assert_eq!(told.len(), 3, "the minute in which knowledge begins is not whole");
    assert!(told.iter().all(|(_, orders, _)| *orders == 0));
    assert_eq!(read(&mut book, &[], NOW + 5_000), []);
    assert_eq!(read(&mut book, &[], NOW + 90_000).len(), 2);
    assert_eq!(read(&mut book, &[row(1, NOW)], NOW + 95_000), [(minute_of(NOW), 1, 100)]);
}

#[test]
fn after_a_restart_every_known_minute_is_told_again() {
    let mut shelf = Shelf::default();
    let mut book = begin(NOW - 3 * MINUTE_MS);
    read(&mut book, &[row(1, NOW)], NOW);
    shelf.write(&mut book);
    let mut book = shelf.reopen(NOW + 10 * MINUTE_MS);
    let told = read(&mut book, &[row(1, NOW), row(2, NOW + MINUTE_MS)], NOW + 10 * MINUTE_MS);
    assert_eq!(told.len(), 13, "the time away is known too");
    assert_eq!(told.iter().map(|(_, orders, _)| orders).sum::<u64>(), 2);
}

#[test]
fn an_unfinished_reading_makes_nothing_known() {
    let mut book = begin(NOW - MINUTES_KEPT_MS);
    let rows = [row(1, NOW)];
    let new = book.window.admit(&rows, NOW);
    assert_eq!(book.take(&new, NOW, false), []);
    assert_eq!(book.unwritten(), []);
    assert_eq!(read(&mut book, &rows, NOW).len(), 26 * 60);
    assert_eq!(book.unwritten().len(), 26 * 60);
}

#[test]
fn orders_from_before_what_is_known_do_not_count() {
    let mut book = begin(NOW);
    read(&mut book, &[row(1, NOW - MINUTE_MS)], NOW);
    assert_eq!((orders_known(&book), book.last_order_ms()), (0, Some(NOW - MINUTE_MS)));
    assert_eq!(book.last_minute(), 0);
    read(&mut book, &[row(2, NOW + 1_000)], NOW + 2_000);
    assert_eq!(book.last_minute(), 1);
}
