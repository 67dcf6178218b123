//! Killed at any moment: what was acknowledged is there, and nothing that was never appended.

use crate::stand::{BEGIN_MS, read, series};
use series::{Limits, Sample, Series, SeriesRef};
use std::{
    collections::hash_map::RandomState,
    fs::{self, OpenOptions},
    hash::BuildHasher,
    io::Write,
    path::Path,
    time::Duration,
};
use testkit::{process::Signal, wait_until};

const TEST: &str = "kill::what_was_acknowledged_outlives_any_kill";
const SERIES: u32 = 40;
/// So long that many windows of rollups pass.
const STEP_MS: i64 = 120_000;

/// What sample a series has at a tick; so nothing needs to be told but the tick.
fn sample(number: u32, tick: i64) -> Sample {
    let value = f64::from(number) * 1_000.0 + (tick * tick % 1_009) as f64 / 4.0;
    Sample { at_ms: BEGIN_MS + tick * STEP_MS + i64::from(number % 4), value }
}

#[tokio::test]
async fn what_was_acknowledged_outlives_any_kill() {
    if let Some(role) = testkit::role() {
        return append_until_killed(Path::new(&role));
    }
    let folder = testkit::folder();
    let seed = RandomState::new().hash_one(0);
    println!("seed {seed}");
    let mut random = seed | 1;
    for _ in 0..12 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let before = acknowledged(folder.path());
        let role = folder.path().to_str().unwrap();
        let mut child = testkit::this_test(TEST, role).start().unwrap();
        // So many more acknowledgments, then at once.
        let wanted = before + 1 + i64::try_from(random % 60).unwrap();
        let is_reached = async || match acknowledged(folder.path()) {
            tick if tick >= wanted => Ok(()),
            tick => Err(tick),
        };
        wait_until("acknowledgments", Duration::from_secs(60), is_reached).await;
        child.signal(Signal::Kill).unwrap();
        child.wait().await.unwrap();
        check(folder.path());
    }
}

/// The last tick that was acknowledged; -1 before the first.
fn acknowledged(folder: &Path) -> i64 {
    let told = fs::read_to_string(folder.join("acknowledged")).unwrap_or_default();
    // A line that was cut off says nothing.
    let whole = told.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().last().map_or(-1, |tick| tick.parse().unwrap())
}

/// So little memory that parts are made, merged and rolled up all the time.
fn open(folder: &Path) -> Series {
    let limits = Limits { head_bytes: 16_000, window_ms: 60_000, ..Limits::default() };
    Series::open(&folder.join("store"), limits, BEGIN_MS).unwrap()
}

fn append_until_killed(folder: &Path) {
    let mut told =
        OpenOptions::new().create(true).append(true).open(folder.join("acknowledged")).unwrap();
    let store = open(folder);
    let all: Vec<SeriesRef> = (0..SERIES).map(|number| series(&store, number)).collect();
    for tick in acknowledged(folder) + 1.. {
        let now_ms = BEGIN_MS + tick * STEP_MS;
        let batch: Vec<_> =
            (0..).zip(&all).map(|(number, series)| (*series, sample(number, tick))).collect();
        let appended = store.append(&batch, now_ms).unwrap();
        assert_eq!(appended.refused.total(), 0);
        store.commit(appended.ticket).unwrap();
        told.write_all(format!("\n{tick}\n").as_bytes()).unwrap();
        store.maintain(now_ms).unwrap();
    }
}

fn check(folder: &Path) {
    let last = acknowledged(folder);
    let store = open(folder);
    for number in 0..SERIES {
        let found = read(&store, number);
        let expect: Vec<Sample> =
            (0..).map(|tick| sample(number, tick)).take(found.len()).collect();
        assert_eq!(found, expect, "series {number}");
        assert!(found.len() as i64 > last, "series {number}: {} of {last}", found.len());
        assert!(found.len() as i64 <= last + 2, "only one batch was on its way");
    }
    let stats = store.stats().unwrap();
    assert_eq!((stats.damaged, stats.orphaned, stats.quarantined), (0, 0, 0), "{stats:?}");
}
