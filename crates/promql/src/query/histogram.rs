//! Classic histograms: series with cumulative counts up to the bound that their label `le` names.

use super::{
    error::EvalError,
    labels::LabelSet,
    value::{Grid, Row},
};
use series::METRIC;
use std::collections::HashMap;

const BOUND: &str = "le";

/// Upper bound and cumulative count, by bound.
type Buckets = Vec<(f64, f64)>;

pub(super) fn quantiles(share: &[f64], rows: &[Row], grid: &Grid) -> Result<Vec<Row>, EvalError> {
    of_buckets(rows, grid, |step, buckets| quantile(share[step], buckets))
}

pub(super) fn fractions(
    (low, high): (&[f64], &[f64]),
    rows: &[Row],
    grid: &Grid,
) -> Result<Vec<Row>, EvalError> {
    of_buckets(rows, grid, |step, buckets| fraction(low[step], high[step], buckets))
}

fn of_buckets(
    rows: &[Row],
    grid: &Grid,
    fold: impl Fn(usize, &[(f64, f64)]) -> f64,
) -> Result<Vec<Row>, EvalError> {
    let mut known: HashMap<LabelSet, usize> = HashMap::new();
    let mut histograms: Vec<(LabelSet, Vec<(f64, &Row)>)> = Vec::new();
    for row in rows {
        let Some(bound) = bound(row.labels.get(BOUND)) else { continue };
        let labels = row.labels.keep(|name| name != BOUND && name != METRIC);
        let at = *known.entry(labels.clone()).or_insert_with(|| {
            histograms.push((labels, Vec::new()));
            histograms.len() - 1
        });
        histograms[at].1.push((bound, row));
    }
    let row = |(labels, parts): (LabelSet, Vec<(f64, &Row)>)| {
        let at = |step: usize| {
            let there = parts.iter().filter_map(|(bound, row)| Some((*bound, row.values[step]?)));
            let buckets = merged(there.collect());
            (!buckets.is_empty()).then(|| fold(step, &buckets))
        };
        Row { labels, drops_name: false, values: (0..grid.steps).map(at).collect() }
    };
    Ok(histograms.into_iter().map(row).filter(|row| !row.is_empty()).collect())
}

fn bound(text: &str) -> Option<f64> {
    match text {
        "" => None,
        "+Inf" => Some(f64::INFINITY),
        text => text.parse().ok(),
    }
}

/// By bound, each once, and never falling: what was read at different moments may be a little less.
fn merged(mut buckets: Buckets) -> Buckets {
    buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut merged: Buckets = Vec::with_capacity(buckets.len());
    for (bound, count) in buckets {
        match merged.last_mut().filter(|last| last.0 == bound) {
            Some(last) => last.1 += count,
            None => merged.push((bound, count)),
        }
    }
    let mut most = f64::NEG_INFINITY;
    for bucket in &mut merged {
        if bucket.1 < most {
            bucket.1 = most;
        }
        most = most.max(bucket.1);
    }
    merged
}

fn quantile(share: f64, buckets: &[(f64, f64)]) -> f64 {
    if share.is_nan() {
        return f64::NAN;
    }
    if share < 0.0 {
        return f64::NEG_INFINITY;
    }
    if share > 1.0 {
        return f64::INFINITY;
    }
    let (last, count) = buckets[buckets.len() - 1];
    if !(last.is_infinite() && last > 0.0) || buckets.len() < 2 || count == 0.0 || count.is_nan() {
        return f64::NAN;
    }
    let rank = share * count;
    let at = buckets[..buckets.len() - 1].partition_point(|(_, count)| *count < rank);
    if at == buckets.len() - 1 {
        return buckets[buckets.len() - 2].0;
    }
    let (end, count) = buckets[at];
    if at == 0 && end <= 0.0 {
        return end;
    }
    let (begin, before) = if at == 0 { (0.0, 0.0) } else { buckets[at - 1] };
    begin + (end - begin) * ((rank - before) / (count - before))
}

/// The share of what lies between two values.
fn fraction(low: f64, high: f64, buckets: &[(f64, f64)]) -> f64 {
    let (last, count) = buckets[buckets.len() - 1];
    if !(last.is_infinite() && last > 0.0) || count == 0.0 || low.is_nan() || high.is_nan() {
        return f64::NAN;
    }
    if low >= high {
        return 0.0;
    }
    let rank = |value: f64| {
        let at = buckets.partition_point(|(bound, _)| *bound < value);
        let Some((end, until)) = buckets.get(at).copied() else { return count };
        let (begin, before) = match at {
            0 if end > 0.0 => (0.0, 0.0),
            0 => (f64::NEG_INFINITY, 0.0),
            at => buckets[at - 1],
        };
        if value <= begin {
            return before;
        }
        if end.is_infinite() {
            return if value.is_infinite() { until } else { before };
        }
        if begin.is_infinite() {
            return until;
        }
        before + (until - before) * ((value - begin) / (end - begin))
    };
    (rank(high) - rank(low)) / count
}
