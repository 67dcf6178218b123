//! Rollups against what the samples themselves say, wherever the samples are.

use crate::stand::{BEGIN_MS, HOUR_MS, append, open, read, rollups, sample, series};
use series::{Resolution, Rollup, Sample, Series};

const STEP_MS: i64 = 15_000;

/// What a bucket is, from the samples alone.
fn expected(samples: &[Sample], bucket_ms: i64) -> Vec<Rollup> {
    let mut buckets: Vec<Rollup> = Vec::new();
    for bucket in samples.chunk_by(|one, next| one.at_ms / bucket_ms == next.at_ms / bucket_ms) {
        let values = || bucket.iter().map(|sample| sample.value);
        buckets.push(Rollup {
            from_ms: bucket[0].at_ms / bucket_ms * bucket_ms,
            min: values().fold(f64::INFINITY, f64::min),
            max: values().fold(f64::NEG_INFINITY, f64::max),
            sum: values().sum(),
            count: u32::try_from(bucket.len()).unwrap(),
            last: bucket[bucket.len() - 1].value,
            fallen: None,
        });
    }
    buckets
}

fn check(store: &Series, number: u32) {
    for (resolution, bucket_ms) in [(Resolution::Minute, 60_000), (Resolution::TenMinutes, 600_000)]
    {
        let found: Vec<Rollup> = rollups(store, number, resolution)
            .into_iter()
            .map(|bucket| Rollup { fallen: None, ..bucket })
            .collect();
        assert_eq!(found, expected(&read(store, number), bucket_ms));
    }
}

#[test]
fn rollups_say_what_the_samples_say_before_and_after_they_are_made() {
    let folder = testkit::folder();
    let store = open(folder.path());
    let all = [series(&store, 0), series(&store, 1), series(&store, 2)];
    let mut now_ms = BEGIN_MS;
    for tick in 0..30 * 240 {
        // A counter that begins again now and then, a gauge, a constant with gaps.
        let counter = f64::from(tick % 1_000 * 3);
        let gauge = f64::from(tick * tick % 101) / 4.0;
        let mut batch = vec![(all[0], sample(now_ms, counter)), (all[1], sample(now_ms, gauge))];
        if tick % 50 < 25 {
            batch.push((all[2], sample(now_ms, 7.0)));
        }
        append(&store, &batch, now_ms);
        if tick % 40 == 0 {
            store.maintain(now_ms).unwrap();
        }
        now_ms += STEP_MS;
    }
    let check_all = |store: &Series| (0..3).for_each(|number| check(store, number));
    check_all(&store);
    let stats = store.stats().unwrap();
    assert!(stats.minute.parts > 0 && stats.ten_minutes.parts > 0, "{stats:?}");
    drop(store);
    let store = open(folder.path());
    check_all(&store);
    store.condense(now_ms).unwrap();
    check_all(&store);
    // The rise of the counter, resets and all: 7200 ticks, each reset giving back what was lost.
    for resolution in [Resolution::Minute, Resolution::TenMinutes] {
        let buckets = rollups(&store, 0, resolution);
        let fallen: f64 = buckets[1..].iter().map(|bucket| bucket.fallen.unwrap()).sum();
        let rise = buckets[buckets.len() - 1].last - buckets[0].last + fallen;
        let first = (buckets[0].last / 3.0) as i32;
        let resets = 7;
        let expect = f64::from((30 * 240 - 1 - first - resets) * 3);
        assert!((rise - expect).abs() < 1e-6, "{rise} for {expect}");
    }
    assert!(rollups(&store, 1, Resolution::Minute).iter().all(|bucket| bucket.fallen.is_none()));
}

#[test]
fn each_tier_lets_go_when_it_is_time_and_a_resolution_is_chosen_by_what_is_left() {
    let folder = testkit::folder();
    let store = open(folder.path());
    let one = series(&store, 1);
    let day_ms = 24 * HOUR_MS;
    let mut now_ms = BEGIN_MS;
    for hour in 0..40 * 24 {
        append(&store, &[(one, sample(now_ms, f64::from(hour)))], now_ms);
        store.maintain(now_ms).unwrap();
        now_ms += HOUR_MS;
    }
    while store.maintain(now_ms).unwrap().is_worth_another() {}
    let stats = store.stats().unwrap();
    let kept_days = |from_ms: i64| (now_ms - from_ms) / day_ms;
    assert!((7..10).contains(&kept_days(stats.raw.from_ms)), "{stats:?}");
    assert!((30..36).contains(&kept_days(stats.minute.from_ms)), "{stats:?}");
    assert_eq!(kept_days(stats.ten_minutes.from_ms), 40);
    let auto = |days: i64, points| {
        store.read(&[], now_ms - days * day_ms..now_ms, Resolution::Auto { points }).resolution()
    };
    assert_eq!(auto(1, 10_000), Resolution::Raw);
    assert_eq!(auto(1, 2_000), Resolution::Minute);
    assert_eq!(auto(1, 200), Resolution::TenMinutes);
    assert_eq!(auto(20, 1_000_000), Resolution::Minute);
    assert_eq!(auto(39, 1_000_000), Resolution::TenMinutes);
}
