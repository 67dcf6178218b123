//! When changes may be made: windows that open again and again, and freezes in which none begins.
//!
//! What a person wrote, as days and minutes of the wall clock in a named zone. Which instants that
//! is, a table of time zones must say; there is none here. Dates follow the Gregorian calendar.

mod date;
mod read;

pub use date::{Date, Weekday};

use crate::{ShopId, WindowName};
use serde::{Deserialize, Serialize};

/// A time in which changes may begin and end, again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    pub name: WindowName,
    /// The days on which it opens.
    pub days: Recurrence,
    /// Minutes of the wall clock since midnight, 0 to 1439.
    pub from_minute: u16,
    pub ends: Ends,
    /// An IANA name, not checked here.
    pub time_zone: String,
}

/// When a window closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ends {
    /// At this minute of the wall clock, 0 to 1440; on the day after when it is not after the
    /// beginning.
    At { minute: u16 },
    /// So long after it opened, 1 to 10,080 minutes (a week), whatever the wall clock does.
    After { minutes: u16 },
}

/// A time in which no change begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    pub name: String,
    pub reason: String,
    pub from: WallTime,
    /// The first minute that is free again; after `from`.
    pub until: WallTime,
    /// An IANA name, not checked here.
    pub time_zone: String,
    /// `None`: every shop, and the machine.
    pub shop: Option<ShopId>,
}

/// A minute of the wall clock somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WallTime {
    pub date: Date,
    /// 0 to 1439.
    pub minute: u16,
}

/// On which days something recurs: what RFC 5545 (3.3.10) writes as a recurrence rule, as far as it
/// speaks of days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recurrence {
    pub every: Period,
    /// Every so many periods, counted from the one of `since`; 1 or more.
    pub interval: u32,
    /// The first day that may be one of them. There is one when `interval` is above 1.
    pub since: Option<Date>,
    /// The last day that may be one of them.
    pub until: Option<Date>,
    /// Empty: any. 1 to 12.
    pub months: Vec<u8>,
    /// Empty: any. 1 to 31, or -1 to -31 from the end of the month.
    pub month_days: Vec<i8>,
    /// Empty: any.
    pub week_days: Vec<NthWeekday>,
    /// Empty: all that match. Else these of the month's days that match: 1 the first, -1 the last.
    pub positions: Vec<i8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    Day,
    /// From Monday to Sunday.
    Week,
    Month,
    Year,
}

/// A day of the week, or one of those of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NthWeekday {
    /// 1 to 5 from the beginning of the month, -1 to -5 from its end; `None`: each of them.
    pub nth: Option<i8>,
    pub day: Weekday,
}

/// Why a text says no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}; {mend}")]
pub struct CalendarError {
    /// Where in the text it is wrong, in characters from 0.
    pub at: usize,
    pub message: String,
    /// What to do about it.
    pub mend: String,
}

impl Recurrence {
    /// Every day of the week that is named; all of them when none is.
    #[must_use]
    pub fn weekly(days: &[Weekday]) -> Self {
        let every = if days.is_empty() { Period::Day } else { Period::Week };
        let week_days = days.iter().map(|day| NthWeekday { nth: None, day: *day }).collect();
        Self {
            every,
            interval: 1,
            since: None,
            until: None,
            months: Vec::new(),
            month_days: Vec::new(),
            week_days,
            positions: Vec::new(),
        }
    }

    /// Whether a day is one of them.
    #[must_use]
    pub fn contains(&self, date: Date) -> bool {
        let in_time = self.since.is_none_or(|since| since <= date)
            && self.until.is_none_or(|until| date <= until);
        in_time && self.is_its_turn(date) && self.matches(date) && self.has_position(date)
    }

    /// Whether the date's period is one of every `interval`.
    fn is_its_turn(&self, date: Date) -> bool {
        let Some(since) = self.since.filter(|_| self.interval > 1) else {
            return true;
        };
        let number = |date: Date| match self.every {
            Period::Day => date.number(),
            // Day 0 was a Thursday; the week of -3 began on a Monday.
            Period::Week => (date.number() + 3).div_euclid(7),
            Period::Month => i64::from(date.year()) * 12 + i64::from(date.month()),
            Period::Year => i64::from(date.year()),
        };
        (number(date) - number(since)) % i64::from(self.interval) == 0
    }

    fn matches(&self, date: Date) -> bool {
        let length = Date::days_of_month(date.year(), date.month());
        let (day, from_end) =
            (i16::from(date.day()), i16::from(date.day()) - i16::from(length) - 1);
        let is_month_day = |wanted: &i8| [day, from_end].contains(&i16::from(*wanted));
        let is_week_day = |wanted: &NthWeekday| {
            let nth = [(day - 1) / 7 + 1, (from_end + 1) / 7 - 1];
            wanted.day == date.weekday()
                && wanted.nth.is_none_or(|wanted| nth.contains(&i16::from(wanted)))
        };
        (self.months.is_empty() || self.months.contains(&date.month()))
            && (self.month_days.is_empty() || self.month_days.iter().any(is_month_day))
            && (self.week_days.is_empty() || self.week_days.iter().any(is_week_day))
    }

    fn has_position(&self, date: Date) -> bool {
        if self.positions.is_empty() {
            return true;
        }
        let length = Date::days_of_month(date.year(), date.month());
        let of_month = (1..=length).filter_map(|day| Date::new(date.year(), date.month(), day));
        let matching: Vec<Date> = of_month.filter(|day| self.matches(*day)).collect();
        let Some(index) = matching.iter().position(|day| *day == date) else {
            return false;
        };
        let signed = |number: usize| i16::try_from(number).unwrap_or(i16::MAX);
        let (first, last) = (signed(index) + 1, signed(index) - signed(matching.len()));
        self.positions.iter().any(|wanted| [first, last].contains(&i16::from(*wanted)))
    }
}

#[cfg(test)]
mod tests;
