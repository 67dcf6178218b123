//! What the tests of the store begin with.

use series::{
    Found, Labels, Limits, Matcher, Points, Resolution, Rollup, Sample, Series, SeriesRef,
};
use std::path::Path;

/// A begin that is no round number of anything.
pub(crate) const BEGIN_MS: i64 = 1_700_000_123_456;
pub(crate) const HOUR_MS: i64 = 3_600_000;

pub(crate) fn open(folder: &Path) -> Series {
    Series::open(folder, Limits::default(), BEGIN_MS).unwrap()
}

/// The series of this number.
pub(crate) fn labels(number: u32) -> Labels {
    let host = format!("h{}", number % 3);
    Labels::new("test", [("number", number.to_string()), ("host", host)]).unwrap()
}

pub(crate) fn series(store: &Series, number: u32) -> SeriesRef {
    store.series(&labels(number), BEGIN_MS).unwrap()
}

/// Appends and commits; all must be taken.
pub(crate) fn append(store: &Series, samples: &[(SeriesRef, Sample)], now_ms: i64) {
    let appended = store.append(samples, now_ms).unwrap();
    assert_eq!(appended.refused.total(), 0);
    store.commit(appended.ticket).unwrap();
}

pub(crate) fn sample(at_ms: i64, value: f64) -> Sample {
    Sample { at_ms, value }
}

/// Everything there is of a series.
pub(crate) fn read(store: &Series, number: u32) -> Vec<Sample> {
    let matchers = [Matcher::is("number", &number.to_string())];
    let found: Result<Vec<Found>, _> =
        store.read(&matchers, 0..i64::MAX, Resolution::Raw).collect();
    match found.unwrap().pop() {
        Some(Found { points: Points::Samples(samples), .. }) => samples,
        None => Vec::new(),
        Some(other) => panic!("{other:?} are no samples"),
    }
}

pub(crate) fn rollups(store: &Series, number: u32, resolution: Resolution) -> Vec<Rollup> {
    let matchers = [Matcher::is("number", &number.to_string())];
    let found: Result<Vec<Found>, _> = store.read(&matchers, 0..i64::MAX, resolution).collect();
    match found.unwrap().pop() {
        Some(Found { points: Points::Rollups(rollups), .. }) => rollups,
        None => Vec::new(),
        Some(other) => panic!("{other:?} are no rollups"),
    }
}
