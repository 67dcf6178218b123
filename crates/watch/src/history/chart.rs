//! Reading for a chart: a range of time in even steps, with the lowest, highest and mean value of
//! each, and nothing where nothing is known.

use super::{
    STEP_MS,
    measurement::{Measurement, PATH, SHOP, Unit},
};
use kernel::ShopId;
use serde::Serialize;
use series::{Found, Matcher, Points, Resolution, Series, SeriesError, Test};
use std::ops::Range;
use utoipa::ToSchema;

/// Points of one series, at most.
pub const MOST_POINTS: u32 = 1_000;

/// Rows read for each point, at most about: with fewer, a point could only be as long as the next
/// coarser rows, which are ten times as long.
const ROWS_A_POINT: u32 = 10;

/// Steps that a person can read off an axis. Each of a minute or more is a multiple of a minute, and
/// of ten minutes likewise: the buckets of the store fit in whole. Beyond the last, days double.
const STEPS_MS: [i64; 15] = [
    STEP_MS, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_200_000, 1_800_000, 3_600_000,
    7_200_000, 14_400_000, 21_600_000, 43_200_000, DAY_MS,
];
const DAY_MS: i64 = 86_400_000;

/// What somebody wants to see. Unix milliseconds, `0 <= from_ms < until_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    pub from_ms: i64,
    pub until_ms: i64,
    /// Points of one series; between 1 and [`MOST_POINTS`].
    pub points: u32,
}

/// A shop and its machine over a time, in even steps. The times are those that were asked for, widened
/// to whole steps.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ShopHistory {
    /// Begin of the first step.
    pub from_ms: i64,
    /// End of the last step.
    pub until_ms: i64,
    /// Length of a step.
    pub step_ms: i64,
    /// All that is measured, known or not; last the machine's disks, one series each.
    pub series: Vec<HistorySeries>,
}

/// One thing that is measured.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct HistorySeries {
    /// As the same thing is called in a shop's points and minutes.
    pub name: String,
    /// The path of a disk; null of all else.
    pub subject: Option<String>,
    pub unit: Unit,
    #[serde(flatten)]
    pub points: HistoryPoints,
}

/// One value for each step in each, the oldest first. Null in all of them: nothing is known of that
/// step. Columns, since a row for each step would be three times as long on the wire.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct HistoryPoints {
    pub min: Vec<Option<f64>>,
    pub max: Vec<Option<f64>>,
    pub mean: Vec<Option<f64>>,
}

/// The steps of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Grid {
    from_ms: i64,
    step_ms: i64,
    steps: usize,
}

/// What lies in one step.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    min: f64,
    max: f64,
    sum: f64,
    count: u32,
}

/// Reads one series after another, in the finest form that is still kept and not far too fine for so
/// many points.
pub(super) fn read(
    store: &Series,
    shop: &ShopId,
    asked: Asked,
) -> Result<ShopHistory, SeriesError> {
    let wanted = asked.from_ms..asked.until_ms;
    let points = asked.points.clamp(1, MOST_POINTS);
    let of_shop = [metrics(Some(SHOP)), Matcher::is(SHOP, shop.as_str())];
    let finest = Resolution::Auto { points: points * ROWS_A_POINT };
    let resolution = store.read(&of_shop, wanted.clone(), finest).resolution();
    let grid = Grid::new(wanted, points as usize, finest_ms(resolution));
    let whole = |what: &Measurement| what.about() != Some(PATH) && what.part().is_none();
    let mut series: Vec<HistorySeries> =
        Measurement::ALL.into_iter().filter(whole).map(|what| grid.series(what, None)).collect();
    let mut disks = Vec::new();
    for matchers in [&of_shop[..], &[metrics(None)], &[metrics(Some(PATH))]] {
        for found in store.read(matchers, grid.range(), resolution) {
            let Found { labels, points } = found?;
            let Some(what) = Measurement::of(&labels) else { continue };
            let points = grid.points(&points, what.row().scale);
            if what.about() == Some(PATH) {
                let subject = Some(labels.get(PATH).to_owned());
                disks.push(HistorySeries { points, ..grid.series(what, subject) });
            } else if let Some(place) = series.iter_mut().find(|one| one.name == what.row().name) {
                place.points = points;
            }
        }
    }
    disks.sort_by(|one, other| one.subject.cmp(&other.subject));
    series.extend(disks);
    let Range { start: from_ms, end: until_ms } = grid.range();
    Ok(ShopHistory { from_ms, until_ms, step_ms: grid.step_ms, series })
}

/// The metrics of what is measured of this kind of thing.
fn metrics(about: Option<&str>) -> Matcher {
    let is_of_kind = |what: &Measurement| what.about() == about && what.part().is_none();
    let of_kind = Measurement::ALL.into_iter().filter(is_of_kind);
    let names = of_kind.map(|what| what.row().metric.to_owned()).collect();
    Matcher { label: series::METRIC.to_owned(), test: Test::OneOf(names) }
}

/// How far apart the rows of a resolution are.
fn finest_ms(resolution: Resolution) -> i64 {
    match resolution {
        Resolution::Raw | Resolution::Auto { .. } => STEP_MS,
        Resolution::Minute => 60_000,
        Resolution::TenMinutes => 600_000,
    }
}

impl Grid {
    /// The shortest steps, none shorter than the rows that are read, of which so many hold the range.
    fn new(wanted: Range<i64>, points: usize, finest_ms: i64) -> Self {
        let days = std::iter::successors(Some(2 * DAY_MS), |days| days.checked_mul(2));
        let steps = STEPS_MS.into_iter().chain(days).filter(|step_ms| *step_ms >= finest_ms);
        let grids = steps.map(|step_ms| {
            let first = wanted.start.div_euclid(step_ms);
            let last = (wanted.end - 1).div_euclid(step_ms);
            let steps = usize::try_from(last - first + 1).unwrap_or(0);
            Self { from_ms: first * step_ms, step_ms, steps }
        });
        let mut fitting = grids.filter(|grid| grid.steps <= points);
        fitting.next().expect("invariant: some step is longer than any range since 1970")
    }

    fn range(&self) -> Range<i64> {
        self.from_ms..self.from_ms + self.step_ms * self.steps as i64
    }

    /// A series of which nothing is known.
    fn series(&self, what: Measurement, subject: Option<String>) -> HistorySeries {
        let row = what.row();
        let points = shown(&vec![None; self.steps], row.scale);
        HistorySeries { name: row.name.to_owned(), subject, unit: row.unit, points }
    }

    fn points(&self, found: &Points, scale: f64) -> HistoryPoints {
        let mut buckets = vec![None; self.steps];
        match found {
            Points::Samples(samples) => {
                for sample in samples.iter().filter(|sample| !sample.value.is_nan()) {
                    let value = sample.value;
                    let one = Bucket { min: value, max: value, sum: value, count: 1 };
                    self.add(&mut buckets, sample.at_ms, one);
                }
            }
            Points::Rollups(rollups) => {
                for rollup in rollups {
                    let series::Rollup { min, max, sum, count, .. } = *rollup;
                    self.add(&mut buckets, rollup.from_ms, Bucket { min, max, sum, count });
                }
            }
        }
        shown(&buckets, scale)
    }

    fn add(&self, buckets: &mut [Option<Bucket>], at_ms: i64, more: Bucket) {
        let index = usize::try_from((at_ms - self.from_ms).div_euclid(self.step_ms)).ok();
        // The store may give a bucket more at the begin.
        let Some(bucket) = index.and_then(|index| buckets.get_mut(index)) else { return };
        *bucket = Some(bucket.map_or(more, |before| Bucket {
            min: before.min.min(more.min),
            max: before.max.max(more.max),
            sum: before.sum + more.sum,
            count: before.count + more.count,
        }));
    }
}

fn shown(buckets: &[Option<Bucket>], scale: f64) -> HistoryPoints {
    let of = |pick: fn(&Bucket) -> f64| {
        buckets.iter().map(|bucket| bucket.as_ref().map(|bucket| pick(bucket) * scale)).collect()
    };
    HistoryPoints {
        min: of(|bucket| bucket.min),
        max: of(|bucket| bucket.max),
        mean: of(|bucket| bucket.sum / f64::from(bucket.count)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wanted: Range<i64>, points: usize, finest_ms: i64, expect: (i64, i64, usize)) {
        let Grid { from_ms, step_ms, steps } = Grid::new(wanted, points, finest_ms);
        assert_eq!((from_ms, step_ms, steps), expect);
    }

    #[test]
    fn steps_are_round_and_hold_the_whole_range() {
        check(0..3_600_000, 360, STEP_MS, (0, 10_000, 360));
        check(5_000..3_605_000, 360, STEP_MS, (0, 20_000, 181));
        check(0..1, 1, STEP_MS, (0, 10_000, 1));
        check(0..3_600_000, 1_000, 60_000, (0, 60_000, 60));
        check(0..DAY_MS, 1_000, 60_000, (0, 120_000, 720));
        check(0..DAY_MS, 1_000, 600_000, (0, 600_000, 144));
        check(DAY_MS - 1..DAY_MS + 1, 1, STEP_MS, (0, 2 * DAY_MS, 1));
        check(0..400 * DAY_MS, 100, 600_000, (0, 4 * DAY_MS, 100));
    }

    #[test]
    fn every_step_holds_whole_buckets_of_the_store() {
        for step_ms in STEPS_MS {
            let fits = |bucket_ms| step_ms < bucket_ms || step_ms % bucket_ms == 0;
            assert!(fits(STEP_MS) && fits(60_000) && fits(600_000), "{step_ms}");
        }
    }
}
