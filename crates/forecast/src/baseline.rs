//! What this hour of this week should bring: median and spread of the same hour in the weeks before.
//!
//! Knows no time zone. The caller names the local hour of the week, and with it decides what a change of clocks means: the
//! hour that is missing in spring is recorded as `None`, the one that comes twice in autumn is recorded once.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Hours in a week.
pub const HOURS_OF_WEEK: usize = 168;
/// Counts kept for each hour of the week, the newest ones: a quarter of a year.
pub const WEEKS_KEPT: usize = 12;
/// With fewer counts than this, an hour of the week has no expectation.
pub const LEAST_WEEKS: usize = 3;
/// Days that the level is taken from, newest ones that had an expectation.
const LEVEL_DAYS: usize = 10;
/// Days before the level is believed; until then it is 1.
const LEAST_LEVEL_DAYS: usize = 5;
/// The level never says more than a doubling or a halving: beyond that the medians have to follow themselves.
const LEVEL_RANGE: (f64, f64) = (0.5, 2.0);
/// Hours that the dispersion remembers (weight 1/N for the newest).
const DISPERSION_HOURS: f64 = 200.0;
/// One hour's share of the dispersion counts at most this much, so that an outage does not make the baseline blind.
const DISPERSION_CAP: f64 = 9.0;
/// Makes a median of absolute deviations comparable to a standard deviation of normally distributed values.
const MAD_TO_SIGMA: f64 = 1.4826;

/// A local hour of the week, 0 (Monday, 00:00 to 00:59) to 167.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HourOfWeek(u8);

impl HourOfWeek {
    /// The hour `hour` (0 to 23) of the day `weekday` (0 Monday to 6 Sunday); `None` beyond these.
    #[must_use]
    pub fn new(weekday: u8, hour: u8) -> Option<Self> {
        (weekday < 7 && hour < 24).then_some(Self(weekday * 24 + hour))
    }

    /// 0 to 167.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    fn weekday(self) -> u8 {
        self.0 / 24
    }
}

/// What an hour should bring.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    /// Events an hour: the median of the same hours, times the level. At least 0; 0 where most of these hours had none.
    pub an_hour: f64,
    /// Standard deviation an hour, from the median of absolute deviations; never below that of a Poisson count.
    pub spread: f64,
    /// Recent days against the medians, 0.5 to 2; 1 while too few days are known.
    pub level: f64,
    /// Variance over mean of hourly counts, at least 1 (1 is Poisson).
    pub dispersion: f64,
    /// Weeks that the median is of, [`LEAST_WEEKS`] to [`WEEKS_KEPT`].
    pub weeks: usize,
}

/// The day that is being recorded: what came and what should have come, in hours that had an expectation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Day {
    weekday: u8,
    came: f64,
    expected: f64,
}

/// Counts an hour of the week, at most [`HOURS_OF_WEEK`] × [`WEEKS_KEPT`] of them, and what follows from them.
///
/// Serialisable, so that it outlives the process that feeds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    hours: Vec<VecDeque<u32>>,
    levels: VecDeque<f64>,
    day: Option<Day>,
    dispersion: f64,
    dispersion_hours: u32,
}

impl Default for Baseline {
    fn default() -> Self {
        Self {
            hours: vec![VecDeque::new(); HOURS_OF_WEEK],
            levels: VecDeque::new(),
            day: None,
            dispersion: 1.0,
            dispersion_hours: 0,
        }
    }
}

impl Baseline {
    /// Records what a whole hour brought, in the order of time. `None` for an hour that says nothing of the next weeks: closed for
    /// a holiday, not observed, left out by the clocks. An open hour without events is `Some(0)`.
    pub fn record(&mut self, hour: HourOfWeek, count: Option<u32>) {
        if self.day.is_some_and(|day| day.weekday != hour.weekday()) {
            self.end_day();
        }
        let Some(count) = count else { return };
        if let Some(median) = self.median_of(hour) {
            let day =
                self.day.get_or_insert(Day { weekday: hour.weekday(), came: 0.0, expected: 0.0 });
            day.came += f64::from(count);
            day.expected += median;
            self.measure_dispersion(f64::from(count), median * self.level());
        }
        let Some(kept) = self.hours.get_mut(hour.index()) else { return };
        if kept.len() == WEEKS_KEPT {
            kept.pop_front();
        }
        kept.push_back(count);
    }

    /// What `hour` should bring; `None` while fewer than [`LEAST_WEEKS`] counts of it are known.
    #[must_use]
    pub fn expected(&self, hour: HourOfWeek) -> Option<Expected> {
        let median = self.median_of(hour)?;
        let counts = self.hours.get(hour.index())?;
        let deviation = median_of(counts.iter().map(|count| (f64::from(*count) - median).abs()))?;
        let level = self.level();
        let an_hour = median * level;
        Some(Expected {
            an_hour,
            spread: (deviation * MAD_TO_SIGMA * level).max(an_hour.sqrt()),
            level,
            dispersion: self.dispersion.max(1.0),
            weeks: counts.len(),
        })
    }

    /// Counts known of `hour`, 0 to [`WEEKS_KEPT`].
    #[must_use]
    pub fn weeks(&self, hour: HourOfWeek) -> usize {
        self.hours.get(hour.index()).map_or(0, VecDeque::len)
    }

    fn median_of(&self, hour: HourOfWeek) -> Option<f64> {
        let counts = self.hours.get(hour.index())?;
        if counts.len() < LEAST_WEEKS {
            return None;
        }
        median_of(counts.iter().map(|count| f64::from(*count)))
    }

    /// The median over days, so that one holiday or one outage does not move it.
    fn level(&self) -> f64 {
        if self.levels.len() < LEAST_LEVEL_DAYS {
            return 1.0;
        }
        median_of(self.levels.iter().copied()).unwrap_or(1.0).clamp(LEVEL_RANGE.0, LEVEL_RANGE.1)
    }

    fn end_day(&mut self) {
        let Some(day) = self.day.take() else { return };
        // A day of less than one expected event has no ratio worth a place.
        if day.expected < 1.0 {
            return;
        }
        if self.levels.len() == LEVEL_DAYS {
            self.levels.pop_front();
        }
        self.levels.push_back(day.came / day.expected);
    }

    /// Pearson's dispersion (McCullagh and Nelder, Generalized Linear Models, 1989, 4.5), capped and forgetting.
    fn measure_dispersion(&mut self, came: f64, expected: f64) {
        if expected < 1.0 {
            return;
        }
        let share = ((came - expected).powi(2) / expected).min(DISPERSION_CAP);
        self.dispersion_hours = self.dispersion_hours.saturating_add(1);
        let weight = (1.0 / f64::from(self.dispersion_hours)).max(1.0 / DISPERSION_HOURS);
        self.dispersion += (share - self.dispersion) * weight;
    }
}

/// `None` of nothing; the mean of the middle two of an even number.
fn median_of(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *values.get(values.len() / 2 - 1)?;
    Some(f64::midpoint(lower, upper))
}
