//! Clocks that are wrong: put back an hour, put back by days, far in the future for a moment.

use crate::stand::{BEGIN_MS, HOUR_MS, append, open, read, rollups, sample, series};
use series::Resolution;

const STEP_MS: i64 = 10_000;

/// Maintenance until there is nothing left to do.
fn maintain(store: &series::Series, now_ms: i64) {
    while store.maintain(now_ms).unwrap().is_worth_another() {}
}

#[test]
fn a_clock_put_back_an_hour_loses_nothing_and_the_store_goes_on() {
    let folder = testkit::folder();
    let store = open(folder.path());
    let one = series(&store, 1);
    let mut expect = Vec::new();
    let mut go_on = |from_ms: i64, ticks: i64, value: f64| {
        for tick in 0..ticks {
            let now_ms = from_ms + tick * STEP_MS;
            append(&store, &[(one, sample(now_ms, value))], now_ms);
            maintain(&store, now_ms);
            expect.push(sample(now_ms, value));
        }
    };
    go_on(BEGIN_MS, 1_000, 1.0);
    let back_ms = BEGIN_MS + 1_000 * STEP_MS - HOUR_MS;
    // Half a step off, so that times do not meet; then on past the moment it was put back at.
    go_on(back_ms + STEP_MS / 2, 900, 2.0);
    expect.sort_by_key(|sample| sample.at_ms);
    assert_eq!(read(&store, 1), expect);
    store.condense(BEGIN_MS + 3 * HOUR_MS).unwrap();
    assert_eq!(read(&store, 1), expect);
}

#[test]
fn a_moment_in_the_far_future_is_refused_and_so_is_the_far_past() {
    let folder = testkit::folder();
    let store = open(folder.path());
    let one = series(&store, 1);
    let year_ms = 365 * 24 * HOUR_MS;
    let batch = [BEGIN_MS + year_ms, BEGIN_MS - year_ms, BEGIN_MS, i64::MIN, i64::MAX];
    let batch = batch.map(|at_ms| (one, sample(at_ms, 1.0)));
    let appended = store.append(&batch, BEGIN_MS).unwrap();
    assert_eq!(appended.taken, 1);
    assert_eq!((appended.refused.too_new, appended.refused.too_old), (2, 2));
    assert_eq!(store.stats().unwrap().refused, appended.refused);
    assert_eq!(read(&store, 1), [sample(BEGIN_MS, 1.0)]);
    // While the clock itself is wrong they are taken, and right ones again when it is right.
    append(&store, &[(one, sample(BEGIN_MS + year_ms, 2.0))], BEGIN_MS + year_ms);
    append(&store, &[(one, sample(BEGIN_MS + STEP_MS, 3.0))], BEGIN_MS + STEP_MS);
    assert_eq!(read(&store, 1).len(), 3);
}

#[test]
fn rollups_are_made_again_when_a_clock_was_put_back_by_days() {
    let folder = testkit::folder();
    let store = open(folder.path());
    let one = series(&store, 1);
    let mut now_ms = BEGIN_MS;
    for _ in 0..3 * 24 * 60 {
        append(&store, &[(one, sample(now_ms, 1.0))], now_ms);
        now_ms += 60_000;
    }
    maintain(&store, now_ms);
    let rolled = store.stats().unwrap().minute;
    assert!(rolled.rows > 60 * 60, "{rolled:?}");
    // Two days back: the same minutes again, with another value half a minute later.
    let back_ms = now_ms - 48 * HOUR_MS + 30_000;
    append(&store, &[(one, sample(back_ms, 5.0))], back_ms);
    let max_at = |store: &series::Series| {
        let all = rollups(store, 1, Resolution::Minute);
        all.iter().map(|bucket| bucket.max).fold(0.0, f64::max)
    };
    assert!((max_at(&store) - 5.0).abs() < 1e-9, "before they are made again");
    store.condense(back_ms).unwrap();
    drop(store);
    let store = open(folder.path());
    assert!((max_at(&store) - 5.0).abs() < 1e-9, "after an opening that has only files");
    maintain(&store, now_ms);
    assert!((max_at(&store) - 5.0).abs() < 1e-9, "and after");
    let minutes = rollups(&store, 1, Resolution::Minute);
    let sum: u32 = minutes.iter().map(|bucket| bucket.count).sum();
    assert_eq!(sum, 3 * 24 * 60 + 1, "every sample counts once");
}
