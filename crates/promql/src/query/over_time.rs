//! What windows of samples come to.

use super::select::slide;
use std::ops::Range;

/// A sum that loses little: Neumaier's, as Prometheus has it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    pub(super) fn add(&mut self, value: f64) {
        let next = self.sum + value;
        if next.is_infinite() {
            self.lost = 0.0;
        } else if self.sum.abs() >= value.abs() {
            self.lost += (self.sum - next) + value;
        } else {
            self.lost += (value - next) + self.sum;
        }
        self.sum = next;
    }

    pub(super) fn total(self) -> f64 {
        if self.sum.is_infinite() { self.sum } else { self.sum + self.lost }
    }
}

pub(super) fn sum(values: impl Iterator<Item = f64>) -> f64 {
    let mut sum = Sum::default();
    values.for_each(|value| sum.add(value));
    sum.total()
}

/// Without leaving the range of numbers where the mean is in it.
pub(super) fn mean(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let count = values.clone().count() as f64;
    let total = sum(values.clone());
    if total.is_finite() || values.clone().any(|value| !value.is_finite()) {
        return total / count;
    }
    sum(values.map(|value| value / count))
}

pub(super) fn variance(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let (mut count, mut mean, mut squares) = (0.0, Sum::default(), Sum::default());
    for value in values {
        count += 1.0;
        let delta = value - mean.total();
        mean.add(delta / count);
        squares.add(delta * (value - mean.total()));
    }
    squares.total() / count
}

/// Linear between the two nearest; `None` of no values.
pub(super) fn quantile(share: f64, mut values: Vec<f64>) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    if share.is_nan() {
        return Some(f64::NAN);
    }
    if share < 0.0 {
        return Some(f64::NEG_INFINITY);
    }
    if share > 1.0 {
        return Some(f64::INFINITY);
    }
    // What is no number counts as less than all.
    values.sort_by(|one, other| match (one.is_nan(), other.is_nan()) {
        (true, true) => std::cmp::Ordering::Equal,
        (true, false) => std::cmp::Ordering::Less,
        (false, true) => std::cmp::Ordering::Greater,
        (false, false) => one.total_cmp(other),
    });
    let rank = share * (values.len() - 1) as f64;
    let low = (rank.floor().max(0.0) as usize).min(values.len() - 1);
    let high = (low + 1).min(values.len() - 1);
    let weight = rank - rank.floor();
    Some(values[low] * (1.0 - weight) + values[high] * weight)
}

pub(super) type Samples<'s> = &'s [(i64, f64)];

/// `rate`, `increase` and `delta`: extrapolated to the ends of the window, no further than a counter can have been at zero.
///
/// `fallen` is what a counter lost within the window by beginning anew.
pub(super) fn extrapolated(
    samples: Samples<'_>,
    (begin_ms, end_ms): (i64, i64),
    (is_counter, is_rate): (bool, bool),
    fallen: impl IntoIterator<Item = f64>,
) -> Option<f64> {
    let ([first, .., last], count) = (samples, samples.len() - 1) else { return None };
    let seconds = |ms: i64| ms as f64 / 1000.0;
    let mut rise = last.1 - first.1;
    fallen.into_iter().for_each(|lost| rise += lost);
    let sampled = seconds(last.0 - first.0);
    let between = sampled / count as f64;
    let most = between * 1.1;
    let (mut before, mut after) = (seconds(first.0 - begin_ms), seconds(end_ms - last.0));
    if before >= most {
        before = between / 2.0;
    }
    if is_counter && rise > 0.0 && first.1 >= 0.0 {
        before = before.min(sampled * (first.1 / rise));
    }
    if after >= most {
        after = between / 2.0;
    }
    let mut factor = (sampled + before + after) / sampled;
    if is_rate {
        factor /= seconds(end_ms - begin_ms);
    }
    Some(rise * factor)
}

/// Where a counter falls, found once for all windows of a series.
#[derive(Debug)]
pub(super) struct Falls {
    /// The place of the sample before each fall, and its value.
    all: Vec<(usize, f64)>,
    /// Falls before the begin of the last window; windows go on.
    passed: usize,
}

impl Falls {
    pub(super) fn of(samples: Samples<'_>) -> Self {
        let is_fall = |pair: &[(i64, f64)]| pair[1].1 < pair[0].1;
        // Most counters never fall; counted without leaving early, it is a few instructions for several samples.
        if samples.windows(2).map(|pair| u32::from(is_fall(pair))).sum::<u32>() == 0 {
            return Self { all: Vec::new(), passed: 0 };
        }
        let pairs = samples.windows(2).enumerate();
        let falls = pairs.filter(|(_, pair)| is_fall(pair));
        Self { all: falls.map(|(at, pair)| (at, pair[0].1)).collect(), passed: 0 }
    }

    /// What was lost between the samples of a window.
    pub(super) fn within(&mut self, range: Range<usize>) -> impl Iterator<Item = f64> {
        while self.all.get(self.passed).is_some_and(|(at, _)| *at < range.start) {
            self.passed += 1;
        }
        let rest = self.all[self.passed..].iter();
        rest.take_while(move |(at, _)| at + 1 < range.end).map(|(_, lost)| *lost)
    }
}

/// `min_over_time` and `max_over_time` of windows that go on: each sample is compared with few others, however long the windows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extreme {
    Least,
    Greatest,
}

impl Extreme {
    pub(super) fn of(name: &str) -> Option<Self> {
        match name {
            "min_over_time" => Some(Self::Least),
            "max_over_time" => Some(Self::Greatest),
            _ => None,
        }
    }

    /// What is no number counts when a window has nothing else.
    pub(super) fn over(self, samples: Samples<'_>, bounds: &[(i64, i64)]) -> Vec<Option<f64>> {
        // Samples that none after them is better than, by their places, and the first of them that lies in the window: it is the best.
        let mut best: Vec<(usize, f64)> = Vec::with_capacity(samples.len());
        let (mut first, mut seen) = (0, 0);
        slide(samples, bounds, |range, _| {
            let from = seen.max(range.start);
            let fresh = samples.get(from..range.end).unwrap_or_default();
            for (at, (_, value)) in (from..).zip(fresh).filter(|(_, (_, value))| !value.is_nan()) {
                while best.len() > first
                    && best.last().is_some_and(|(_, known)| self.is_better(*value, *known))
                {
                    best.pop();
                }
                best.push((at, *value));
            }
            seen = seen.max(range.end);
            while best.get(first).is_some_and(|(at, _)| *at < range.start) {
                first += 1;
            }
            (!range.is_empty()).then(|| best.get(first).map_or(f64::NAN, |(_, value)| *value))
        })
    }

    fn is_better(self, value: f64, than: f64) -> bool {
        match self {
            Self::Least => value < than,
            Self::Greatest => value > than,
        }
    }
}

/// `irate` and `idelta`: of the last two.
pub(super) fn instant_rate(samples: Samples<'_>, is_rate: bool) -> Option<f64> {
    let [.., before, last] = samples else { return None };
    let mut rise = last.1 - before.1;
    if is_rate && last.1 < before.1 {
        rise = last.1;
    }
    let apart = last.0 - before.0;
    if apart == 0 {
        return None;
    }
    Some(if is_rate { rise / (apart as f64 / 1000.0) } else { rise })
}

/// Slope a second, and the value at `at_ms`, of the line of least squares.
pub(super) fn line(samples: Samples<'_>, at_ms: i64) -> Option<(f64, f64)> {
    if samples.len() < 2 {
        return None;
    }
    let first = samples[0].1;
    let is_flat = samples.iter().all(|(_, value)| *value == first);
    if is_flat {
        return Some(if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) });
    }
    let (mut x, mut y, mut xy, mut xx) =
        (Sum::default(), Sum::default(), Sum::default(), Sum::default());
    for (at, value) in samples {
        let since = (at - at_ms) as f64 / 1000.0;
        x.add(since);
        y.add(*value);
        xy.add(since * value);
        xx.add(since * since);
    }
    let count = samples.len() as f64;
    let covariance = xy.total() - x.total() * y.total() / count;
    let spread = xx.total() - x.total() * x.total() / count;
    let slope = covariance / spread;
    Some((slope, y.total() / count - slope * x.total() / count))
}

pub(super) fn changes(samples: Samples<'_>) -> f64 {
    let differs = |pair: &&[(i64, f64)]| {
        let (before, after) = (pair[0].1, pair[1].1);
        before != after && !(before.is_nan() && after.is_nan())
    };
    samples.windows(2).filter(differs).count() as f64
}

pub(super) fn resets(samples: Samples<'_>) -> f64 {
    samples.windows(2).filter(|pair| pair[1].1 < pair[0].1).count() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of each window by itself, value by value.
    fn one_by_one(samples: Samples<'_>, bounds: &[(i64, i64)], is_max: bool) -> Vec<Option<f64>> {
        slide(samples, bounds, |range, _| {
            samples[range].iter().map(|(_, value)| *value).reduce(|best, value| {
                let is_better = if is_max { value > best } else { value < best };
                if best.is_nan() || is_better { value } else { best }
            })
        })
    }

    #[test]
    fn extremes_are_those_of_each_window_by_itself() {
        let mut seed = 7_u64;
        let mut random = move |most: u64| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % most
        };
        for _ in 0..300 {
            let mut at_ms = 0;
            let samples: Vec<(i64, f64)> = (0..random(40))
                .map(|_| {
                    at_ms += 1 + i64::try_from(random(30)).unwrap();
                    let value = match random(9) {
                        0 => f64::NAN,
                        1 => f64::INFINITY,
                        2 => -0.0,
                        other => other as f64 - 5.0,
                    };
                    (at_ms, value)
                })
                .collect();
            let (range, step) = (1 + random(100), 1 + random(60));
            let bounds: Vec<(i64, i64)> = (0..30)
                .map(|at| i64::try_from(at * step).unwrap())
                .map(|end| (end - i64::try_from(range).unwrap(), end))
                .collect();
            for (extreme, is_max) in [(Extreme::Least, false), (Extreme::Greatest, true)] {
                let bits = |values: Vec<Option<f64>>| -> Vec<Option<u64>> {
                    let bits = |value: f64| if value.is_nan() { 1 } else { value.to_bits() };
                    values.into_iter().map(|value| value.map(bits)).collect()
                };
                let expect = bits(one_by_one(&samples, &bounds, is_max));
                assert_eq!(bits(extreme.over(&samples, &bounds)), expect, "{samples:?} {bounds:?}");
            }
        }
    }
}
