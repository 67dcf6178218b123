//! Limits say so, and what is refused is counted.

use crate::stand::{BEGIN_MS, HOUR_MS, append, labels, open, read, sample, series};
use series::{Limits, Matcher, Resolution, Series, SeriesError};

#[test]
fn more_series_than_allowed_are_refused_and_known_ones_are_not() {
    let folder = testkit::folder();
    let limits = Limits { series: 3, ..Limits::default() };
    let store = Series::open(folder.path(), limits, BEGIN_MS).unwrap();
    let all: Vec<_> = (0..5).map(labels).collect();
    let refused = store.series_all(&all, BEGIN_MS).unwrap_err();
    assert!(matches!(refused, SeriesError::TooManySeries { limit: 3 }));
    assert_eq!(store.series_all(&all[..3], BEGIN_MS).unwrap().len(), 3);
    assert!(store.series(&all[4], BEGIN_MS).is_err());
    store.series(&all[2], BEGIN_MS).unwrap();
    assert_eq!(store.stats().unwrap().refused_series, 6);
}

#[test]
fn memory_has_a_limit_that_maintenance_lifts() {
    let folder = testkit::folder();
    let limits = Limits { head_bytes: 10_000, ..Limits::default() };
    let store = Series::open(folder.path(), limits, BEGIN_MS).unwrap();
    let one = series(&store, 1);
    let mut tick = 0;
    let error = loop {
        tick += 1;
        match store.append(&[(one, sample(BEGIN_MS + tick, tick as f64))], BEGIN_MS) {
            Ok(appended) => store.commit(appended.ticket).unwrap(),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, SeriesError::MemoryFull { head_bytes } if head_bytes > 10_000));
    assert!(store.maintain(BEGIN_MS).unwrap().flushed);
    append(&store, &[(one, sample(BEGIN_MS + tick, 0.5))], BEGIN_MS);
    assert_eq!(read(&store, 1).len() as i64, tick);
}

#[test]
fn a_read_of_too_many_samples_is_refused() {
    let folder = testkit::folder();
    let limits = Limits { read_rows: 100, ..Limits::default() };
    let store = Series::open(folder.path(), limits, BEGIN_MS).unwrap();
    let one = series(&store, 1);
    let samples: Vec<_> = (0..101).map(|tick| (one, sample(BEGIN_MS + tick, 1.0))).collect();
    append(&store, &samples, BEGIN_MS);
    let read = |range| store.read(&[], range, Resolution::Raw).next().unwrap();
    assert!(matches!(read(0..i64::MAX), Err(SeriesError::ReadTooLarge { limit: 100 })));
    assert_eq!(read(BEGIN_MS..BEGIN_MS + 100).unwrap().points.len(), 100);
}

#[test]
fn series_without_samples_are_forgotten_and_their_references_refused() {
    let folder = testkit::folder();
    let store = open(folder.path());
    let (old, new) = (series(&store, 1), series(&store, 2));
    append(&store, &[(old, sample(BEGIN_MS, 1.0))], BEGIN_MS);
    store.condense(BEGIN_MS).unwrap();
    let later_ms = BEGIN_MS + 500 * 24 * HOUR_MS;
    append(&store, &[(new, sample(later_ms, 2.0))], later_ms);
    let mut forgotten = 0;
    loop {
        let done = store.maintain(later_ms).unwrap();
        forgotten += done.forgotten;
        if !done.is_worth_another() && done.expired == 0 {
            break;
        }
    }
    assert_eq!(forgotten, 1);
    assert_eq!(store.select(&[]), [labels(2)]);
    assert_eq!(store.label_values("number"), ["2"]);
    let appended = store.append(&[(old, sample(later_ms, 1.0))], later_ms).unwrap();
    assert_eq!((appended.taken, appended.refused.unknown), (0, 1));
    let again = store.series(&labels(1), later_ms).unwrap();
    assert_ne!(again, old);
    append(&store, &[(again, sample(later_ms, 3.0))], later_ms);
    drop(store);
    let store = open(folder.path());
    assert_eq!(read(&store, 1), [sample(later_ms, 3.0)]);
    assert_eq!(store.select(&[Matcher::metric("test")]).len(), 2);
}

#[test]
fn a_folder_is_open_once() {
    let folder = testkit::folder();
    let store = open(folder.path());
    let second = Series::open(folder.path(), Limits::default(), BEGIN_MS);
    assert!(matches!(second, Err(SeriesError::Locked { .. })));
    drop(store);
    drop(open(folder.path()));
}
