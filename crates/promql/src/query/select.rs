//! Series out of the store: what an instant sees of them, and the windows of a range.

use super::{
    Evaluation, LOOKBACK_MS,
    error::EvalError,
    labels::LabelSet,
    value::{Grid, Row, Value, WindowSeries, Windows},
};
use promql_parser::{
    label::{MatchOp, Matcher as Asked},
    parser::{AtModifier, MatrixSelector, Offset, SubqueryExpr, VectorSelector},
};
use series::{METRIC, Matcher, Points, Resolution, Test};
use std::{
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
        let series = self.read(selector, first.saturating_sub(LOOKBACK_MS), last)?;
        self.count(series.len().saturating_mul(grid.steps))?;
        let row = |series: WindowSeries| {
            let values = newest(&series.samples, &times, &told);
            Row { labels: series.labels, drops_name: false, values }
        };
        Ok(series.into_iter().map(row).filter(|row| !row.is_empty()).collect())
    }

    pub(super) fn matrix(
        &mut self,
        selector: &MatrixSelector,
        grid: &Grid,
    ) -> Result<Windows, EvalError> {
        let range_ms = millis(selector.range);
        let times = self.times(grid, selector.vs.at.as_ref(), selector.vs.offset.as_ref());
        let (first, last) = bounds(&times);
        let mut series = self.read(&selector.vs, first.saturating_sub(range_ms), last)?;
        // A marker says that the series ended, and is no value of it.
        series.iter_mut().for_each(|one| one.samples.retain(|(_, value)| !is_stale(*value)));
        series.retain(|one| !one.samples.is_empty());
        let bounds = times.into_iter().map(|at| (at.saturating_sub(range_ms), at)).collect();
        Ok(Windows { series, bounds })
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
        if start_ms > last {
            return Ok(Windows { series: Vec::new(), bounds: windows });
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
                series.push(WindowSeries { labels, drops_name, samples });
            }
        }
        Ok(Windows { series, bounds: windows })
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

    /// Samples after `from_ms` and up to `until_ms`, with the markers of their ends.
    fn read(
        &mut self,
        selector: &VectorSelector,
        from_ms: i64,
        until_ms: i64,
    ) -> Result<Vec<WindowSeries>, EvalError> {
        let name = selector.name.as_deref().map(Matcher::metric);
        let matchers = selector.matchers.matchers.iter().map(matcher);
        let matchers: Vec<Matcher> = name.into_iter().chain(matchers).collect();
        let range = (from_ms.saturating_add(1)).max(0)..until_ms.saturating_add(1).max(0);
        let mut all: Vec<WindowSeries> = Vec::new();
        for found in self.store.read(&matchers, range, Resolution::Raw) {
            let found = found?;
            let Points::Samples(samples) = found.points else { continue };
            self.count(samples.len())?;
            if all.len() as u64 == self.limits.series {
                return Err(EvalError::TooManySeries { most: self.limits.series });
            }
            let samples = samples.into_iter().map(|sample| (sample.at_ms, sample.value)).collect();
            let pairs = found.labels.iter();
            let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let labels = LabelSet::of(pairs.collect());
            all.push(WindowSeries { labels, drops_name: false, samples });
        }
        Ok(all)
    }
}

/// The samples of a window, for each of the bounds: `take` is given them in turn. Windows go on, so each sample is passed once.
pub(super) fn slide<T>(
    samples: &[(i64, f64)],
    bounds: &[(i64, i64)],
    mut take: impl FnMut(&[(i64, f64)], (i64, i64)) -> T,
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
        answer.push(take(&samples[begin..end], *window));
    }
    answer
}

fn newest(
    samples: &[(i64, f64)],
    times: &[i64],
    told: impl Fn(i64, f64) -> f64,
) -> Vec<Option<f64>> {
    let bounds: Vec<_> = times.iter().map(|at| (at.saturating_sub(LOOKBACK_MS), *at)).collect();
    slide(samples, &bounds, |window, _| {
        let (at, value) = *window.last()?;
        (!is_stale(value)).then(|| told(at, value))
    })
}

fn bounds(times: &[i64]) -> (i64, i64) {
    (times.first().copied().unwrap_or_default(), times.last().copied().unwrap_or_default())
}

fn is_stale(value: f64) -> bool {
    value.to_bits() == series::STALE_BITS
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
