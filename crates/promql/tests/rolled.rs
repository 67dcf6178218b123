//! What is answered from rollups, held against what samples as they came would have said.

use promql::query::{Answer, Query, QueryLimits, Source};
use series::{Labels, Limits, Matcher, Resolution, Sample, Series};

const DAY_MS: i64 = 86_400_000;
const STEP_MS: i64 = 10_000;
/// A whole number of ten minutes.
const BEGIN_MS: i64 = 1_700_000_400_000;
const DAYS: i64 = 9;

/// Nine days of a counter that begins anew at noon, and of a gauge that goes up and down by the hour. The first two days are
/// kept as rollups alone.
fn filled() -> (tempfile::TempDir, Series) {
    let folder = tempfile::tempdir().unwrap();
    let store = Series::open(folder.path(), Limits::default(), BEGIN_MS).unwrap();
    let of = |name: &str| Labels::new(name, [("shop", "lamps")]).unwrap();
    let mut counted = 0.0;
    for hour in 0..DAYS * 24 {
        let hour_ms = BEGIN_MS + hour * 3_600_000;
        let counter = store.series(&of("orders_total"), hour_ms).unwrap();
        let gauge = store.series(&of("queue"), hour_ms).unwrap();
        let mut samples = Vec::new();
        for step in 0..3_600_000 / STEP_MS {
            let at_ms = hour_ms + step * STEP_MS;
            let is_new = hour % 24 == 12 && step == 7;
            counted = if is_new { 0.0 } else { counted + 0.5 };
            let value = ((hour % 5) * 10 + step % 7) as f64;
            samples.push((counter, Sample { at_ms, value: counted }));
            samples.push((gauge, Sample { at_ms, value }));
        }
        samples.sort_by_key(|(series, _)| *series);
        let now_ms = hour_ms + 3_600_000;
        let appended = store.append(&samples, now_ms).unwrap();
        store.commit(appended.ticket).unwrap();
        while store.maintain(now_ms).unwrap().is_worth_another() {}
    }
    (folder, store)
}

fn values(store: &Series, query: &str, from_ms: i64, step_ms: i64) -> (Vec<f64>, Resolution) {
    let source = Source::of(store);
    let range = (from_ms, from_ms + 6 * step_ms, step_ms);
    let query = Query::parse(query).unwrap();
    let answer = query.range(&source, range, &QueryLimits::default()).unwrap();
    let Answer::Matrix(rows) = answer else { panic!("a range is a matrix") };
    let points = rows.into_iter().flat_map(|row| row.points.into_iter());
    (points.map(|(_, value)| value).collect(), source.coarsest())
}

/// The same hours of two days, of which one is kept as samples and the other is not, are told alike.
#[test]
fn old_days_are_told_as_new_ones_are() {
    let (_folder, store) = filled();
    // In the midst of an hour: a sample at the end of a window is the first of the next bucket.
    let old_ms = BEGIN_MS + DAY_MS / 4 + 40 * 60_000;
    // The gauge repeats itself every five hours, the counter every day.
    let new_ms = old_ms + 5 * DAY_MS;
    let near = |query: &str, tolerance: f64| {
        let (old, by) = values(&store, query, old_ms, 3_600_000);
        let (new, raw) = values(&store, query, new_ms, 3_600_000);
        assert_eq!((by, raw), (Resolution::Minute, Resolution::Raw), "{query}");
        assert_eq!((old.len(), new.len()), (7, 7), "{query}");
        for (old, new) in old.iter().zip(&new) {
            let apart = (old - new).abs() / new.abs().max(1.0);
            assert!(apart <= tolerance, "{query}: {old} is not {new}");
        }
    };
    near("rate(orders_total[10m])", 0.02);
    near("increase(orders_total[1h])", 0.02);
    near("rate(orders_total[30s])", 0.02);
    near("increase(orders_total[30s])", 0.02);
    near("irate(orders_total[10m])", 0.02);
    near("avg_over_time(queue[1h])", 0.02);
    near("min_over_time(queue[30m])", 0.0);
    near("max_over_time(queue[30m])", 0.0);
    near("sum_over_time(queue[30m])", 0.02);
    near("count_over_time(queue[30m])", 0.0);
    near("count_over_time(queue[30s])", 0.0);
    near("sum(present_over_time(queue[5m]))", 0.0);
    near("max_over_time(rate(orders_total[5m])[30m:1m])", 0.02);
}

#[test]
fn a_moment_between_buckets_has_the_last_of_them_and_a_gap_stays_one() {
    let (_folder, store) = filled();
    let at = |query: &str, at_ms: i64| {
        let source = Source::of(&store);
        let query = Query::parse(query).unwrap();
        match query.instant(&source, at_ms, &QueryLimits::default()).unwrap() {
            Answer::Vector(rows) => rows.into_iter().map(|row| row.points[0].1).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        }
    };
    let day_ms = BEGIN_MS + DAY_MS;
    // Of the minute that was over: its last sample is the one ten seconds before its end.
    assert_eq!(at("orders_total", BEGIN_MS + 90_000), [3.0]);
    assert_eq!(at("queue", day_ms).len(), 1);
    assert!(at("queue", BEGIN_MS - 1).is_empty());
    assert!(at("rate(orders_total[5m])", BEGIN_MS - 1).is_empty());
    // The tier is real: no samples are left of that day.
    let range = BEGIN_MS..day_ms;
    assert_eq!(store.read(&[Matcher::metric("queue")], range, Resolution::Raw).count(), 0);
}
