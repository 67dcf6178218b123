//! How soon the detectors notice a planted outage, and how often they cry wolf: replays of a shop's own past.
//!
//! Everything is replayed as it would have been lived: the baseline of a minute knows whole hours before it and nothing else.

use std::fmt;

use crate::{Baseline, Detector, HourOfWeek, Settings, Signal};

const MINUTES_A_DAY: usize = 1440;
/// 1970-01-01 was a Thursday, 3 counted from Monday.
const WEEKDAY_OF_EPOCH: i64 = 3;
/// False alarms are told for a month of so many days, closed ones included.
const DAYS_A_MONTH: f64 = 30.0;

/// One local day: 1440 counts, or closed.
#[derive(Debug, Clone)]
pub struct Day {
    /// Days since 1970-01-01.
    pub number: i64,
    /// Orders of each minute, 1440 of them.
    pub orders: Vec<u32>,
    /// Known beforehand as a day without business (a calendar's holiday): it says nothing and expects nothing.
    pub is_closed: bool,
}

impl Day {
    fn weekday(&self) -> u8 {
        u8::try_from((self.number + WEEKDAY_OF_EPOCH).rem_euclid(7))
            .expect("invariant: a remainder of 7 fits")
    }

    fn hour(&self, hour: usize) -> Option<HourOfWeek> {
        HourOfWeek::new(self.weekday(), u8::try_from(hour).ok()?)
    }
}

/// Days without a hole between them, oldest first.
#[derive(Debug, Clone)]
pub struct Past {
    /// At least one where it was read from a file with rows.
    pub days: Vec<Day>,
}

/// A row that is not `YYYY-MM-DD HH:MM,orders,…` in the order of time, by its number in the file (the heading is 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadRow(pub usize);

impl fmt::Display for BadRow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "read row {} of the orders", self.0)
    }
}

impl std::error::Error for BadRow {}

impl Past {
    /// Reads rows of `minute,orders,…` under one heading; minutes without a row had no order. Days without any order count as closed
    /// where `closed_days` says that the shop's calendar knew of them.
    ///
    /// # Errors
    /// The first row that cannot be read or goes back in days.
    pub fn read(text: &str, closed_days: bool) -> Result<Self, BadRow> {
        let mut days: Vec<Day> = Vec::new();
        for (index, row) in text.lines().enumerate().skip(1) {
            let (number, minute, orders) = read_row(row).ok_or(BadRow(index + 1))?;
            let first = days.last().map_or(number, |day| day.number + 1);
            if number + 1 < first {
                return Err(BadRow(index + 1));
            }
            days.extend((first..=number).map(|number| Day {
                number,
                orders: vec![0; MINUTES_A_DAY],
                is_closed: false,
            }));
            let day = days.last_mut().ok_or(BadRow(index + 1))?;
            *day.orders.get_mut(minute).ok_or(BadRow(index + 1))? += orders;
        }
        for day in &mut days {
            day.is_closed = closed_days && day.orders.iter().all(|orders| *orders == 0);
        }
        Ok(Self { days })
    }
}

fn read_row(row: &str) -> Option<(i64, usize, u32)> {
    let mut cells = row.split(',');
    let (date, time) = cells.next()?.split_once(' ')?;
    let orders = cells.next()?.parse().ok()?;
    let mut date = date.split('-').map(str::parse::<i64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let (hour, minute) = time.split_once(':')?;
    let minute = hour.parse::<usize>().ok()? * 60 + minute.parse::<usize>().ok()?;
    Some((day_number(year, month, day), minute, orders))
}

/// Days since 1970-01-01 of the Gregorian calendar (Hinnant, chrono-compatible low-level date algorithms, `days_from_civil`).
fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Baseline and detector at the beginning of a day, and what the detector said last.
#[derive(Debug, Clone)]
struct State {
    baseline: Baseline,
    detector: Detector,
    last: Signal,
}

/// What one replayed minute said.
struct Minute {
    signal: Signal,
    /// The first of its alarm.
    begins: bool,
}

impl State {
    fn new(settings: Settings) -> Self {
        Self {
            baseline: Baseline::default(),
            detector: Detector::new(settings),
            last: Signal::Selling,
        }
    }

    /// Lives through a day; `orders` says what each minute brings, `see` gets every minute and ends the day with `false`.
    fn live(
        &mut self,
        day: &Day,
        orders: impl Fn(usize) -> u32,
        mut see: impl FnMut(usize, &Minute) -> bool,
    ) {
        for hour in 0..24 {
            let Some(of_week) = day.hour(hour) else { continue };
            let expected = self.baseline.expected(of_week).filter(|_| !day.is_closed);
            let mut came = 0;
            for minute in hour * 60..hour * 60 + 60 {
                let count = orders(minute);
                came += count;
                let signal = self.detector.minute(expected, count);
                let begins = is_alarm(signal) && !is_alarm(self.last);
                if signal != Signal::Unknown {
                    self.last = signal;
                }
                if !see(minute, &Minute { signal, begins }) {
                    return;
                }
            }
            self.baseline.record(of_week, (!day.is_closed).then_some(came));
        }
    }
}

fn is_alarm(signal: Signal) -> bool {
    matches!(signal, Signal::Stopped | Signal::Falling)
}

/// An outage to plant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outage {
    /// Share of orders that still come, 0 (nothing sells) to 1. Which ones is drawn with a fixed seed.
    pub share_left: f64,
    /// Local hour that it begins in, 0 to 23, on each open day.
    pub hour: usize,
    /// Days that it lasts, its first one included; it ends with the last one. At least 1.
    pub days: usize,
}

/// What became of an outage that was planted on each open day of a part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delays {
    /// Minutes with an expectation from its beginning to the alarm, ascending, one an outage that was noticed.
    pub minutes: Vec<usize>,
    /// Outages that ended unnoticed.
    pub missed: usize,
    /// Days left out because a (false) alarm stood when it would have begun.
    pub left_out: usize,
}

impl Delays {
    /// The delay that `share` (0 to 1) of all planted outages stayed within; `None` when that many were not noticed.
    #[must_use]
    pub fn within(&self, share: f64) -> Option<usize> {
        let all = self.minutes.len() + self.missed;
        let rank = ((all as f64 * share).ceil() as usize).max(1);
        self.minutes.get(rank - 1).copied()
    }
}

/// A past that was lived through once with given settings, so that outages can be planted on any day of it.
#[derive(Debug)]
pub struct Replay<'a> {
    past: &'a Past,
    mornings: Vec<State>,
    alarms: Vec<usize>,
}

impl<'a> Replay<'a> {
    /// Lives through all of `past`.
    #[must_use]
    pub fn new(past: &'a Past, settings: Settings) -> Self {
        let mut state = State::new(settings);
        let mut replay = Self { past, mornings: Vec::new(), alarms: Vec::new() };
        for day in &past.days {
            replay.mornings.push(state.clone());
            let mut alarms = 0;
            state.live(
                day,
                |minute| day.orders[minute],
                |_, minute| {
                    alarms += usize::from(minute.begins);
                    true
                },
            );
            replay.alarms.push(alarms);
        }
        replay
    }

    /// Alarms that began in the days `from..to` (indices) of the past as it was, for a month of 30 days. 0 of an empty part.
    #[must_use]
    pub fn false_alarms(&self, from: usize, to: usize) -> f64 {
        let part = self.alarms.get(from..to.min(self.alarms.len())).unwrap_or_default();
        part.iter().sum::<usize>() as f64 * DAYS_A_MONTH / part.len().max(1) as f64
    }

    /// Plants `outage` on each day of `from..to` (indices) that is open and has an expectation at its hour.
    #[must_use]
    pub fn plant(&self, outage: Outage, from: usize, to: usize) -> Delays {
        let mut delays = Delays::default();
        for first in from..to.min(self.past.days.len()) {
            let (Some(day), Some(morning)) = (self.past.days.get(first), self.mornings.get(first))
            else {
                continue;
            };
            let expected = day.hour(outage.hour).and_then(|hour| morning.baseline.expected(hour));
            if day.is_closed || expected.is_none_or(|expected| expected.an_hour <= 0.0) {
                continue;
            }
            match self.delay(outage, first, morning.clone()) {
                Noticed::After(minutes) => delays.minutes.push(minutes),
                Noticed::Never => delays.missed += 1,
                Noticed::Before => delays.left_out += 1,
            }
        }
        delays.minutes.sort_unstable();
        delays
    }

    fn delay(&self, outage: Outage, first: usize, mut state: State) -> Noticed {
        let mut open = 0;
        let mut noticed = Noticed::Never;
        let days = self.past.days.iter().skip(first).take(outage.days);
        for (index, day) in days.enumerate() {
            let begins = if index == 0 { outage.hour * 60 } else { 0 };
            let orders = |minute: usize| {
                let count = day.orders[minute];
                if minute < begins {
                    count
                } else {
                    thin(count, outage.share_left, day.number, minute)
                }
            };
            let mut is_over = false;
            state.live(day, orders, |minute, said| {
                if index == 0 && minute + 1 == begins && is_alarm(said.signal) {
                    noticed = Noticed::Before;
                    is_over = true;
                } else if minute >= begins && said.signal != Signal::Unknown {
                    open += 1;
                    if is_alarm(said.signal) {
                        noticed = Noticed::After(open);
                        is_over = true;
                    }
                }
                !is_over
            });
            if is_over {
                break;
            }
        }
        noticed
    }
}

enum Noticed {
    After(usize),
    Never,
    Before,
}

/// Lets each of `count` orders through with probability `share`, always the same ones of the same minute.
fn thin(count: u32, share: f64, day: i64, minute: usize) -> u32 {
    let left = (0..count).filter(|order| {
        let seed = day.unsigned_abs() * 4_000_037 + minute as u64 * 1009 + u64::from(*order);
        uniform(seed) < share
    });
    u32::try_from(left.count()).unwrap_or(count)
}

/// A number from 0 to below 1 for a seed (Steele, Lea and Flood, `SplitMix64`, 2014).
#[must_use]
pub fn uniform(seed: u64) -> f64 {
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}
