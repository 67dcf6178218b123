//! What windows of rollups come to, where samples as they came are not kept any more.
//!
//! A rollup stands at the end of its bucket. A window that is shorter than two buckets is taken as long as two, and what grows with its
//! length is reckoned back.

use super::over_time::{Sum, changes, extrapolated, instant_rate, line, quantile, variance};
use series::{Resolution, Rollup};

/// Length of a bucket; 0 of samples as they came.
pub(super) fn bucket_ms(resolution: Resolution) -> i64 {
    match resolution {
        Resolution::Raw | Resolution::Auto { .. } => 0,
        Resolution::Minute => 60_000,
        Resolution::TenMinutes => 600_000,
    }
}

/// The rollups of a series by time, and what they are as samples of one value each.
#[derive(Debug, Default)]
pub(super) struct Rolled {
    rollups: Vec<Rollup>,
    /// The last values, with all that the counter fell before added: falls never.
    risen: Vec<(i64, f64)>,
    /// Means.
    means: Vec<(i64, f64)>,
}

impl Rolled {
    /// With the last values as samples, each at the end of its bucket. What is not over at `until_ms` is left out.
    pub(super) fn of(
        mut rollups: Vec<Rollup>,
        bucket_ms: i64,
        until_ms: i64,
    ) -> (Self, Vec<(i64, f64)>) {
        let at = |rollup: &Rollup| rollup.from_ms.saturating_add(bucket_ms);
        rollups.retain(|rollup| at(rollup) <= until_ms);
        let last: Vec<_> = rollups.iter().map(|rollup| (at(rollup), rollup.last)).collect();
        let means = rollups.iter().map(|rollup| (at(rollup), rollup.sum / f64::from(rollup.count)));
        let means = means.collect();
        let mut fallen = 0.0;
        let mut risen = Vec::with_capacity(rollups.len());
        for (index, (rollup, (at, last))) in rollups.iter().zip(&last).enumerate() {
            if index > 0 {
                // Of what falls too often to be a counter, the falls from end to end are seen at least.
                let seen = rollups[index - 1].last;
                fallen += rollup.fallen.unwrap_or(if *last < seen { seen } else { 0.0 });
            }
            risen.push((*at, last + fallen));
        }
        (Self { rollups, risen, means }, last)
    }

    /// What a function of a window comes to. `range` are the rollups in it, `shortened` what the window that was asked for is of the one
    /// that was taken.
    pub(super) fn folded(
        &self,
        name: &str,
        range: std::ops::Range<usize>,
        last: &[(i64, f64)],
        window: (i64, i64),
        (param, at_ms, shortened): (f64, i64, f64),
    ) -> Option<f64> {
        let (rollups, risen) = (&self.rollups[range.clone()], &self.risen[range.clone()]);
        let means = &self.means[range];
        if rollups.is_empty() {
            return None;
        }
        let count = || rollups.iter().map(|rollup| f64::from(rollup.count)).sum::<f64>();
        let sum = || {
            let mut sum = Sum::default();
            rollups.iter().for_each(|rollup| sum.add(rollup.sum));
            sum.total()
        };
        match name {
            "rate" => extrapolated(risen, window, (true, true), []),
            "increase" => {
                extrapolated(risen, window, (true, false), []).map(|rise| rise * shortened)
            }
            "delta" => extrapolated(last, window, (false, false), []).map(|rise| rise * shortened),
            "irate" => instant_rate(risen, true),
            "idelta" => instant_rate(last, false),
            "deriv" => line(means, means[0].0).map(|(slope, _)| slope),
            "predict_linear" => line(means, at_ms).map(|(slope, now)| now + slope * param),
            "changes" => Some(changes(last)),
            "resets" => Some(falls(&rollups[1..])),
            "avg_over_time" => Some(sum() / count()),
            "sum_over_time" => Some(sum() * shortened),
            "count_over_time" => Some((count() * shortened).round()),
            "present_over_time" => Some(1.0),
            "last_over_time" => last.last().map(|(_, value)| *value),
            "first_over_time" => last.first().map(|(_, value)| *value),
            "min_over_time" => rollups.iter().map(|rollup| rollup.min).reduce(f64::min),
            "max_over_time" => rollups.iter().map(|rollup| rollup.max).reduce(f64::max),
            "stddev_over_time" => Some(spread(means).sqrt()),
            "stdvar_over_time" => Some(spread(means)),
            "quantile_over_time" => {
                quantile(param, means.iter().map(|(_, value)| *value).collect())
            }
            _ => unreachable!("invariant: it is one of those of windows"),
        }
    }
}

fn falls(rollups: &[Rollup]) -> f64 {
    rollups.iter().filter(|rollup| rollup.fallen.is_none_or(|fallen| fallen > 0.0)).count() as f64
}

/// The variance of the means: that within buckets is not kept.
fn spread(means: &[(i64, f64)]) -> f64 {
    variance(means.iter().map(|(_, value)| *value))
}
