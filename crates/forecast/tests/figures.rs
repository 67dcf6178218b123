//! The figures of docs/detection.md, with the thresholds that are shipped.

use forecast::Settings;
use forecast::evaluation::{Day, Outage, Past, Replay, uniform};

/// Lies beside the checkout and not in it; `ORDERS_CSV` names another place.
const FILE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/orders-2010-12-to-2011-06.csv");
const FIRST_OF_JANUARY: usize = 31;
const FIRST_OF_APRIL: usize = 121;
const NOTHING_SELLS: Outage = Outage { share_left: 0.0, hour: 11, days: 1 };

#[test]
fn a_real_shop_is_watched_as_published() {
    let path = std::env::var("ORDERS_CSV").unwrap_or_else(|_| FILE.to_owned());
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!(
            "SKIPPED: {path} is not there, the published figures were not held against a real shop"
        );
        return;
    };
    let past = Past::read(&text, true).expect("the orders are read");
    let replay = Replay::new(&past, Settings::default());
    let end = past.days.len();
    let tuned = replay.false_alarms(FIRST_OF_JANUARY, FIRST_OF_APRIL);
    assert!(tuned < 0.01, "tuned part: {tuned} false alarms a month");
    // Published: 1.32. The goal of one a month is missed on the part that was not tuned on.
    let scored = replay.false_alarms(FIRST_OF_APRIL, end);
    assert!(scored < 1.33, "scored part: {scored} false alarms a month");
    let stopped = replay.plant(NOTHING_SELLS, FIRST_OF_APRIL, end);
    assert_eq!((stopped.missed, stopped.minutes.len()), (0, 69));
    assert!(stopped.within(0.5).is_some_and(|minutes| minutes <= 64), "{:?}", stopped.within(0.5));
    assert!(stopped.within(0.9).is_some_and(|minutes| minutes <= 81), "{:?}", stopped.within(0.9));
}

#[test]
fn a_drawn_shop_of_ten_orders_an_hour_is_watched() {
    let days = (0..120).map(|number| Day {
        number,
        orders: (0..1440)
            .map(|minute| u32::from(uniform((number as u64) << 16 | minute) < 10.0 / 60.0))
            .collect(),
        is_closed: false,
    });
    let past = Past { days: days.collect() };
    let replay = Replay::new(&past, Settings::default());
    let alarms = replay.false_alarms(30, 120);
    assert!(alarms <= 1.0, "{alarms} false alarms a month");
    let stopped = replay.plant(NOTHING_SELLS, 30, 120);
    assert_eq!(stopped.missed, 0);
    assert!(stopped.within(0.5).is_some_and(|minutes| minutes <= 75), "{:?}", stopped.within(0.5));
}

#[test]
fn a_row_that_goes_back_or_is_none_is_named() {
    assert_eq!(
        Past::read("minute,orders\n2011-01-02 10:00,1\n2011-01-01 10:00,1", true)
            .err()
            .map(|bad| bad.0),
        Some(3)
    );
    assert_eq!(Past::read("minute,orders\n2011-01-02,1", true).err().map(|bad| bad.0), Some(2));
    assert_eq!(
        Past::read("minute,orders\n2011-01-02 24:00,1", true).err().map(|bad| bad.0),
        Some(2)
    );
    let past = Past::read("minute,orders\n2011-02-28 10:00,1\n2011-03-02 10:00,4", true)
        .expect("three days");
    assert_eq!(past.days.iter().map(|day| day.is_closed).collect::<Vec<_>>(), [false, true, false]);
}
