//! Series out of the store: what an instant sees of them, and the windows of a range.

use super::{
    Evaluation, LOOKBACK_MS,
    error::EvalError,
    labels::LabelSet,
    rolled::{self, Rolled},
    value::{Frame, Grid, Row, Value, WindowSeries, Windows},
};
use promql_parser::{
    label::{MatchOp, Matcher as Asked},
    parser::{AtModifier, MatrixSelector, Offset, SubqueryExpr, VectorSelector},
};
use series::{METRIC, Matcher, Points, Resolution, Sample, Test};
use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

impl Evaluation<'_> {
    /// The newest sample of each series that is no older than the lookback.
    pub(super) fn instants(
        &mut self,
        selector: &VectorSelector,
        grid: &Grid,
    ) -> Result<Vec<Row>, EvalError> {
        self.instants_by(selector, grid, |_, value| value)
    }

    /// Of each of these samples what `told` says of its time and value.
    pub(super) fn instants_by(
        &mut self,
        selector: &VectorSelector,
        grid: &Grid,
        told: impl Fn(i64, f64) -> f64,
    ) -> Result<Vec<Row>, EvalError> {
        let times = self.times(grid, selector.at.as_ref(), selector.offset.as_ref());
        let (first, last) = bounds(&times);
        let begin_ms = first.saturating_sub(LOOKBACK_MS);
        let resolution = self.resolution(begin_ms, last);
        // The last bucket that is over lies up to a whole one back.
        let lookback_ms = LOOKBACK_MS.max(rolled::bucket_ms(resolution) * 3 / 2);
        let wanted = Wanted {
            from_ms: first.saturating_sub(lookback_ms),
            until_ms: last,
            resolution,
            steps: grid.steps,
        };
        let mut rows = Vec::new();
        self.read(selector, &wanted, |series| {
            let values = newest(&series.samples, &times, lookback_ms, &told);
            let row = Row { labels: series.labels, drops_name: false, values };
            rows.extend((!row.is_empty()).then_some(row));
        })?;
        Ok(rows)
    }

    pub(super) fn matrix(
        &mut self,
        selector: &MatrixSelector,
        grid: &Grid,
    ) -> Result<Windows, EvalError> {
        let mut series = Vec::new();
        let frame = self.each_of_matrix(selector, grid, |_, one| series.push(one))?;
        Ok(Windows { series, frame })
    }

    /// One series after another, so that the samples of one only are in memory.
    pub(super) fn each_of_matrix(
        &mut self,
        selector: &MatrixSelector,
        grid: &Grid,
        mut each: impl FnMut(&Frame, WindowSeries),
    ) -> Result<Frame, EvalError> {
        let range_ms = millis(selector.range);
        let times = self.times(grid, selector.vs.at.as_ref(), selector.vs.offset.as_ref());
        let (first, last) = bounds(&times);
        let resolution = self.resolution(first.saturating_sub(range_ms), last);
        let taken_ms = range_ms.max(2 * rolled::bucket_ms(resolution));
        let wanted = Wanted {
            from_ms: first.saturating_sub(taken_ms),
            until_ms: last,
            resolution,
            steps: grid.steps,
        };
        let frame = Frame {
            bounds: times.into_iter().map(|at| (at.saturating_sub(taken_ms), at)).collect(),
            shortened: range_ms as f64 / taken_ms as f64,
        };
        self.read(&selector.vs, &wanted, |mut series| {
            // A marker says that the series ended, and is no value of it.
            if series.samples.iter().any(|(_, value)| is_stale(*value)) {
                series.samples.retain(|(_, value)| !is_stale(*value));
            }
            if !series.samples.is_empty() {
                each(&frame, series);
            }
        })?;
        Ok(frame)
    }

    /// The finest that is still kept at the begin of a range.
    fn resolution(&self, from_ms: i64, until_ms: i64) -> Resolution {
        let range = from_ms.max(0)..until_ms.max(0);
        let resolution = self.source.store.resolution(&range, u32::MAX);
        self.source.note(resolution);
        resolution
    }

    /// What a query comes to at steps of its own, which are multiples of their length, as samples.
    pub(super) fn subquery(
        &mut self,
        subquery: &SubqueryExpr,
        grid: &Grid,
    ) -> Result<Windows, EvalError> {
        let range_ms = millis(subquery.range);
        let step_ms = subquery.step.map_or(self.limits.subquery_step_ms, millis).max(1);
        let times = self.times(grid, subquery.at.as_ref(), subquery.offset.as_ref());
        let (first, last) = bounds(&times);
        // The first multiple behind the begin of the first window.
        let start_ms = ((first.saturating_sub(range_ms)).div_euclid(step_ms) + 1) * step_ms;
        let windows: Vec<_> =
            times.into_iter().map(|at| (at.saturating_sub(range_ms), at)).collect();
        let frame = Frame { bounds: windows, shortened: 1.0 };
        if start_ms > last {
            return Ok(Windows { series: Vec::new(), frame });
        }
        let inner = Grid::between((start_ms, last, step_ms), self.limits.subquery_steps)?;
        let rows = match self.value(&subquery.expr, &inner)? {
            Value::Vector(rows) => rows,
            Value::Scalar(values) => {
                let values = values.into_iter().map(Some).collect();
                vec![Row { labels: LabelSet::default(), drops_name: false, values }]
            }
            Value::Text(_) => return Err(EvalError::Type { expected: "instant vector" }),
        };
        let mut series = Vec::new();
        for row in rows {
            let points = inner.times().zip(row.values);
            let samples: Vec<_> = points.filter_map(|(at, value)| Some((at, value?))).collect();
            self.count(samples.len())?;
            if !samples.is_empty() {
                let (labels, drops_name) = (row.labels, row.drops_name);
                series.push(WindowSeries { labels, drops_name, samples, rolled: None });
            }
        }
        Ok(Windows { series, frame })
    }

    /// The moments that are looked at for the steps of a grid.
    pub(super) fn times(
        &self,
        grid: &Grid,
        at: Option<&AtModifier>,
        offset: Option<&Offset>,
    ) -> Vec<i64> {
        let offset_ms = match offset {
            None => 0,
            Some(Offset::Pos(by)) => millis(*by),
            Some(Offset::Neg(by)) => -millis(*by),
        };
        let fixed = at.map(|at| match at {
            AtModifier::Start => self.outer.start_ms,
            AtModifier::End => self.outer.end_ms(),
            AtModifier::At(time) => unix_ms(*time),
        });
        grid.times().map(|at| fixed.unwrap_or(at).saturating_sub(offset_ms)).collect()
    }

    /// Each series with its samples and the markers of their ends.
    fn read(
        &mut self,
        selector: &VectorSelector,
        wanted: &Wanted,
        mut each: impl FnMut(WindowSeries),
    ) -> Result<(), EvalError> {
        let mut matchers = matchers(selector);
        matchers.extend_from_slice(self.source.scope);
        let range =
            (wanted.from_ms.saturating_add(1)).max(0)..wanted.until_ms.saturating_add(1).max(0);
        let found = self.source.store.read(&matchers, range, wanted.resolution);
        for (before, found) in (0..).zip(found) {
            let found = found?;
            self.count(found.points.len().saturating_add(wanted.steps))?;
            if before == self.limits.series {
                return Err(EvalError::TooManySeries { most: self.limits.series });
            }
            let (samples, rolled) = match found.points {
                Points::Samples(samples) => {
                    let pair = |sample: Sample| (sample.at_ms, sample.value);
                    (samples.into_iter().map(pair).collect(), None)
                }
                Points::Rollups(rollups) => {
                    let bucket_ms = rolled::bucket_ms(wanted.resolution);
                    let (rolled, last) = Rolled::of(rollups, bucket_ms, wanted.until_ms);
                    (last, Some(rolled))
                }
            };
            let labels = LabelSet::known(found.labels);
            each(WindowSeries { labels, drops_name: false, samples, rolled });
        }
        Ok(())
    }
}

/// What of series is read.
#[derive(Debug)]
struct Wanted {
    /// After this; Unix milliseconds.
    from_ms: i64,
    /// Up to this, and at it.
    until_ms: i64,
    resolution: Resolution,
    /// What each series comes to in the answer.
    steps: usize,
}

/// Which samples each of the bounds has, in turn for `take`. Windows go on, so each sample is passed once.
pub(super) fn slide<T>(
    samples: &[(i64, f64)],
    bounds: &[(i64, i64)],
    mut take: impl FnMut(Range<usize>, (i64, i64)) -> T,
) -> Vec<T> {
    let (mut begin, mut end) = (0, 0);
    let mut answer = Vec::with_capacity(bounds.len());
    for window in bounds {
        while end < samples.len() && samples[end].0 <= window.1 {
            end += 1;
        }
        while begin < end && samples[begin].0 <= window.0 {
            begin += 1;
        }
        answer.push(take(begin..end, *window));
    }
    answer
}

fn newest(
    samples: &[(i64, f64)],
    times: &[i64],
    lookback_ms: i64,
    told: impl Fn(i64, f64) -> f64,
) -> Vec<Option<f64>> {
    let bounds: Vec<_> = times.iter().map(|at| (at.saturating_sub(lookback_ms), *at)).collect();
    slide(samples, &bounds, |window, _| {
        let (at, value) = *samples[window].last()?;
        (!is_stale(value)).then(|| told(at, value))
    })
}

fn bounds(times: &[i64]) -> (i64, i64) {
    (times.first().copied().unwrap_or_default(), times.last().copied().unwrap_or_default())
}

fn is_stale(value: f64) -> bool {
    value.to_bits() == series::STALE_BITS
}

pub(super) fn matchers(selector: &VectorSelector) -> Vec<Matcher> {
    let name = selector.name.as_deref().map(Matcher::metric);
    name.into_iter().chain(selector.matchers.matchers.iter().map(matcher)).collect()
}

fn matcher(asked: &Asked) -> Matcher {
    let test = match &asked.op {
        MatchOp::Equal => Test::Is(asked.value.clone()),
        MatchOp::NotEqual => Test::IsNot(asked.value.clone()),
        MatchOp::Re(regex) => {
            let regex = regex.clone();
            Test::Passes(Arc::new(move |value| regex.is_match(value)))
        }
        MatchOp::NotRe(regex) => {
            let regex = regex.clone();
            Test::Passes(Arc::new(move |value| !regex.is_match(value)))
        }
    };
    let label = if asked.name.is_empty() { METRIC.to_owned() } else { asked.name.clone() };
    Matcher { label, test }
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Also of times before 1970.
fn unix_ms(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => millis(since),
        Err(before) => -millis(before.duration()),
    }
}
