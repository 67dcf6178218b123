//! Appending, maintaining and reading at once: a reader never misses what was there before it began.

use crate::stand::{BEGIN_MS, append, read, sample, series};
use series::{Limits, Series};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

const TICKS: i64 = 3_000;
const SERIES: u32 = 4;
const STEP_MS: i64 = 30_000;

#[test]
fn a_reader_misses_nothing_while_parts_are_made_and_merged() {
    let folder = testkit::folder();
    let limits = Limits { head_bytes: 6_000, window_ms: 60_000, ..Limits::default() };
    let store = Series::open(folder.path(), limits, BEGIN_MS).unwrap();
    let (appended, is_done) = (AtomicI64::new(0), AtomicBool::new(false));
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let all: Vec<_> = (0..SERIES).map(|number| series(&store, number)).collect();
            for tick in 0..TICKS {
                let now_ms = BEGIN_MS + tick * STEP_MS;
                let batch: Vec<_> =
                    all.iter().map(|series| (*series, sample(now_ms, tick as f64))).collect();
                while store.stats().unwrap().head_bytes > 4_000 {
                    std::thread::yield_now();
                }
                append(&store, &batch, now_ms);
                appended.store(tick + 1, Ordering::Release);
            }
            is_done.store(true, Ordering::Release);
        });
        threads.spawn(|| {
            while !is_done.load(Ordering::Acquire) {
                let now_ms = BEGIN_MS + appended.load(Ordering::Acquire) * STEP_MS;
                store.maintain(now_ms).unwrap();
            }
        });
        let mut reads = 0;
        while !is_done.load(Ordering::Acquire) {
            let before = appended.load(Ordering::Acquire);
            let found = read(&store, u32::try_from(reads % i64::from(SERIES)).unwrap());
            assert!(found.len() as i64 >= before, "{} of {before}", found.len());
            let is_whole = |(tick, found): (usize, &series::Sample)| found.value == tick as f64;
            assert!(found.iter().enumerate().all(is_whole), "in order and without a gap");
            reads += 1;
        }
        assert!(reads > 10, "only {reads} reads");
    });
    let stats = store.stats().unwrap();
    assert!(stats.minute.parts > 0 && stats.raw.parts < 40, "{stats:?}");
}
