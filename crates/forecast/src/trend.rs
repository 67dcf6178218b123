//! When a value that grows reaches its limit: a robust slope with its interval, or nothing where the past does not say.

/// Fewer measurements than this have no trend.
const LEAST_POINTS: usize = 8;
/// Of more measurements, evenly spread ones are used: pairs grow with the square.
const MOST_POINTS: usize = 300;
/// Both sides of 95 % of a normal distribution.
const Z_95: f64 = 1.959_964;

/// Days from the last measurement on, none of them below 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DaysUntil {
    /// At the upper end of the slope's 95 % interval.
    pub earliest: f64,
    /// At the median slope.
    pub likely: f64,
    /// At the lower end, which is above 0.
    pub latest: f64,
}

/// When `points` (day, value; in the order of time, any steps) reach `limit` from below: Theil and Sen's slope through the medians,
/// its interval from the variance of Kendall's tau (Sen, Journal of the American Statistical Association 63, 1968).
///
/// `None` where the past does not say: fewer than 8 finite points, all of one time, or a slope whose interval holds 0 or
/// less. A value that is at its limit already has 0 days. The interval is the slope's under independent noise: it knows nothing of
/// a clean-up or a campaign to come.
#[must_use]
pub fn days_until(points: &[(f64, f64)], limit: f64) -> Option<DaysUntil> {
    let points: Vec<(f64, f64)> = points
        .iter()
        .copied()
        .filter(|(day, value)| day.is_finite() && value.is_finite())
        .collect();
    let (last, value) = *points.last()?;
    if points.len() < LEAST_POINTS || !limit.is_finite() {
        return None;
    }
    if value >= limit {
        return Some(DaysUntil { earliest: 0.0, likely: 0.0, latest: 0.0 });
    }
    let points = spread(&points);
    let slopes = slopes_of(&points);
    let (lower, upper) = interval(&slopes, points.len())?;
    let slope = middle(&slopes)?;
    if lower <= 0.0 {
        return None;
    }
    let mut levels: Vec<f64> =
        points.iter().map(|(day, value)| value + slope * (last - day)).collect();
    levels.sort_by(f64::total_cmp);
    let left = (limit - middle(&levels)?).max(0.0);
    Some(DaysUntil { earliest: left / upper, likely: left / slope, latest: left / lower })
}

/// At most [`MOST_POINTS`] of them, the last one among them.
fn spread(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let step = points.len().div_ceil(MOST_POINTS);
    let mut kept: Vec<(f64, f64)> = points.iter().rev().step_by(step.max(1)).copied().collect();
    kept.reverse();
    kept
}

/// Of all pairs at different times, ascending.
fn slopes_of(points: &[(f64, f64)]) -> Vec<f64> {
    let mut slopes = Vec::new();
    for (index, (day, value)) in points.iter().enumerate() {
        for (later, other) in points.iter().skip(index + 1) {
            if later > day {
                slopes.push((other - value) / (later - day));
            }
        }
    }
    slopes.sort_by(f64::total_cmp);
    slopes
}

fn interval(slopes: &[f64], points: usize) -> Option<(f64, f64)> {
    let count = points as f64;
    let reach = Z_95 * (count * (count - 1.0) * (2.0 * count + 5.0) / 18.0).sqrt();
    let all = slopes.len() as f64;
    if reach >= all {
        return None;
    }
    let lower = ((all - reach) / 2.0).floor() as usize;
    let upper = (((all + reach) / 2.0).ceil() as usize).min(slopes.len() - 1);
    Some((*slopes.get(lower)?, *slopes.get(upper)?))
}

/// The median of what is in order; of an even number the mean of the middle two.
pub(crate) fn middle(ascending: &[f64]) -> Option<f64> {
    let upper = *ascending.get(ascending.len() / 2)?;
    if ascending.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(*ascending.get(ascending.len() / 2 - 1)?, upper))
}
