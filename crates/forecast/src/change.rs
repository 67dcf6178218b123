//! When a series left its level: Page's two-sided cumulative sum over normal scores with a robust scale.
//!
//! The level is learnt from the first samples by median and median absolute deviation, then watched; after a change it is learnt
//! anew. It knows no hour of the day: a series with a daily course has that taken out by the caller.

use crate::trend::middle;

/// Samples that a level is learnt from.
const LEARNT: usize = 60;
/// Standard deviations that a score has to exceed to count: half of the shift that is looked for (Page, Biometrika 41, 1954).
const ALLOWANCE: f64 = 1.0;
/// Cumulative sum at which the level counts as left. Measured, with levels learnt from 60 samples: docs/detection.md.
const THRESHOLD: f64 = 8.0;
/// One sample's score counts at most this much, so that no two outliers are a change.
const SCORE_CAP: f64 = 4.0;
/// Makes a median of absolute deviations comparable to a standard deviation of normally distributed values.
const MAD_TO_SIGMA: f64 = 1.4826;
/// The same of a mean of absolute deviations, for series of which more than half the samples are one value.
const MEAN_TO_SIGMA: f64 = 1.2533;
/// The least standard deviation as a share of the level: what rounding makes of a series that stands still.
const LEAST_SHARE: f64 = 1e-9;

/// A series left its level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChangePoint {
    /// Samples since it began, the newest included; at least 1. An estimate: since when the sum was above 0, seldom some samples early.
    pub samples_ago: u32,
    /// The level that was left: a median.
    pub before: f64,
    /// The mean of the samples since it began.
    pub after: f64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Side {
    sum: f64,
    total: f64,
    samples: u32,
}

impl Side {
    /// Adds a score that is positive towards this side; true when the level counts as left.
    fn step(&mut self, score: f64, value: f64) -> bool {
        self.sum += score - ALLOWANCE;
        if self.sum <= 0.0 {
            *self = Self::default();
            return false;
        }
        self.total += value;
        self.samples = self.samples.saturating_add(1);
        self.sum >= THRESHOLD
    }
}

/// Finds change points of one series, a sample at a time: at most 60 numbers, constant time a sample but for the one that ends the
/// learning.
#[derive(Debug, Clone, Default)]
pub struct ChangeFinder {
    learning: Vec<f64>,
    level: Option<(f64, f64)>,
    above: Side,
    below: Side,
}

impl ChangeFinder {
    /// Takes in the next sample. `None` while the level is learnt (60 samples), while it holds, and for a value that is not finite,
    /// which is left out.
    pub fn sample(&mut self, value: f64) -> Option<ChangePoint> {
        if !value.is_finite() {
            return None;
        }
        let Some((level, sigma)) = self.level else {
            self.learn(value);
            return None;
        };
        let score = ((value - level) / sigma).clamp(-SCORE_CAP, SCORE_CAP);
        let rose = self.above.step(score, value);
        let fell = self.below.step(-score, value);
        let side = if rose {
            self.above
        } else if fell {
            self.below
        } else {
            return None;
        };
        *self = Self::default();
        let after = side.total / f64::from(side.samples);
        Some(ChangePoint { samples_ago: side.samples, before: level, after })
    }

    /// Whether a level is known; until then `None` says nothing.
    #[must_use]
    pub fn is_watching(&self) -> bool {
        self.level.is_some()
    }

    fn learn(&mut self, value: f64) {
        self.learning.push(value);
        if self.learning.len() < LEARNT {
            return;
        }
        let mut values = std::mem::take(&mut self.learning);
        values.sort_by(f64::total_cmp);
        let Some(level) = middle(&values) else { return };
        let mut deviations: Vec<f64> = values.iter().map(|value| (value - level).abs()).collect();
        deviations.sort_by(f64::total_cmp);
        let median = middle(&deviations).unwrap_or(0.0) * MAD_TO_SIGMA;
        let mean = deviations.iter().sum::<f64>() / deviations.len() as f64 * MEAN_TO_SIGMA;
        let sigma = if median > 0.0 { median } else { mean };
        let least = (level.abs() * LEAST_SHARE).max(f64::MIN_POSITIVE);
        self.level = Some((level, sigma.max(least)));
    }
}
