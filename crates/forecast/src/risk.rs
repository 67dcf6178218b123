//! What an outage costs a minute: expected revenue times the share that is lost, with intervals, or nothing where nothing is
//! expected.

use crate::Expected;

/// Both sides of 95 % of a normal distribution.
const Z_95: f64 = 1.959_964;
/// Fewer expected orders than this say nothing of a share: even none that came is then ordinary.
const LEAST_EXPECTED: f64 = 3.0;

/// An estimate and its 95 % interval: `low <= likely <= high`, all finite, none below 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Lower end.
    pub low: f64,
    /// The estimate itself.
    pub likely: f64,
    /// Upper end.
    pub high: f64,
}

/// The share (0 to 1) of orders that is lost, of `came` orders where `expected` were expected, under a Poisson count: limits of
/// `came` by Byar's approximation (Breslow and Day, Statistical Methods in Cancer Research II, 1987, 2.3).
///
/// `None` where fewer than 3 orders were expected or the number is not finite: too little to tell a share from. The interval knows
/// the chance of orders alone, and not that the expectation itself may be wrong.
#[must_use]
pub fn lost_share(expected: f64, came: u32) -> Option<Estimate> {
    if !expected.is_finite() || expected < LEAST_EXPECTED {
        return None;
    }
    let count = f64::from(came);
    let fewest = if came == 0 { 0.0 } else { byar(count, -Z_95).max(0.0) };
    let most = byar(count + 1.0, Z_95);
    let lost = |orders: f64| (1.0 - orders / expected).clamp(0.0, 1.0);
    Some(Estimate { low: lost(most), likely: lost(count), high: lost(fewest) })
}

/// Money lost a minute, in the unit that `revenue` was recorded in: what this hour should bring times the share `lost`.
///
/// `None` where the hour has no expectation, or `lost` is no share (0 to 1, in order). The ends are the products of both
/// intervals' ends, which holds for at least 90 % by Bonferroni's inequality, and more where the two are independent.
#[must_use]
pub fn money_at_risk(revenue: Option<Expected>, lost: Estimate) -> Option<Estimate> {
    let revenue = revenue?;
    let in_order = 0.0 <= lost.low && lost.low <= lost.likely && lost.likely <= lost.high;
    let is_known = revenue.an_hour >= 0.0 && (revenue.an_hour + revenue.spread).is_finite();
    if !in_order || lost.high > 1.0 || !is_known {
        return None;
    }
    let reach = Z_95 * revenue.spread;
    Some(Estimate {
        low: (revenue.an_hour - reach).max(0.0) / 60.0 * lost.low,
        likely: revenue.an_hour / 60.0 * lost.likely,
        high: (revenue.an_hour + reach) / 60.0 * lost.high,
    })
}

fn byar(count: f64, z: f64) -> f64 {
    count * (1.0 - 1.0 / (9.0 * count) + z / (3.0 * count.sqrt())).powi(3)
}
