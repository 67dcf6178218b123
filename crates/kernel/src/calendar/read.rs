//! Windows and freezes as a person writes them. Every mistake says where it is and how to mend it.

use super::{
    CalendarError, Date, Ends, Freeze, NthWeekday, Period, Recurrence, WallTime, Weekday, Window,
};
use crate::{ShopId, WindowName};

const DAY_MINUTES: u16 = 24 * 60;
const WEEK_MINUTES: u16 = 7 * DAY_MINUTES;

type Read<T> = Result<T, CalendarError>;

impl Window {
    /// Reads `DAYS FROM-UNTIL ZONE`: `Tue,Thu 03:00-05:00 Europe/Berlin`. Days may be a list, a
    /// range (`Mon-Fri`) or `daily`, and are every day when left out; the zone is then UTC.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place in `when`.
    pub fn read(name: WindowName, when: &str) -> Result<Self, CalendarError> {
        let words: Vec<(usize, &str)> = words(when);
        let (days, times, zone) = match words.as_slice() {
            [times] => (None, *times, None),
            [first, second] if first.1.contains(':') => (None, *first, Some(*second)),
            [days, times] => (Some(*days), *times, None),
            [days, times, zone] => (Some(*days), *times, Some(*zone)),
            _ => {
                return Err(wrong(0, "a window is days, times and a zone".into(), WINDOW_MEND));
            }
        };
        let days = days.map_or(Ok(Vec::new()), |(at, text)| week_days(at, text))?;
        let (at, text) = times;
        let (from, until) = text
            .split_once('-')
            .ok_or_else(|| wrong(at, format!("`{text}` is no span of time"), WINDOW_MEND))?;
        let from_minute = minute_of_day(at, from, false)?;
        let until_minute = minute_of_day(at + from.chars().count() + 1, until, true)?;
        let time_zone = zone.map_or("UTC", |(_, zone)| zone).to_owned();
        let ends = Ends::At { minute: until_minute };
        Ok(Self { name, days: Recurrence::weekly(&days), from_minute, ends, time_zone })
    }

    /// A window from the parts of a table: a rule of RFC 5545 (`FREQ=MONTHLY;BYDAY=1SU`), when it
    /// opens (`03:00`), for how many minutes, and the zone.
    ///
    /// `since` is the first day that may be one, needed with `INTERVAL`.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place in the text that it is in: `rule` or `from`.
    pub fn from_rule(
        name: WindowName,
        rule: &str,
        since: Option<Date>,
        from: &str,
        minutes: u64,
        time_zone: String,
    ) -> Result<Self, CalendarError> {
        let days = Recurrence::read(rule, since)?;
        let from_minute = minute_of_day(0, from, false)?;
        let minutes = u16::try_from(minutes).ok().filter(|m| (1..=WEEK_MINUTES).contains(m));
        let minutes = minutes.ok_or_else(|| {
            let message = "a window is open for a minute to a week".to_owned();
            wrong(0, message, "write a duration such as `for = \"2h\"`")
        })?;
        Ok(Self { name, days, from_minute, ends: Ends::After { minutes }, time_zone })
    }
}

const WINDOW_MEND: &str = "write it like `Tue,Thu 03:00-05:00 Europe/Berlin`";

impl Freeze {
    /// Reads the two ends, each a day (`2026-11-20`) or a minute (`2026-11-20 18:00`). An end that
    /// is a day is that whole day.
    ///
    /// # Errors
    /// When one of them is no time, or the end is not after the beginning.
    pub fn read(
        name: String,
        reason: String,
        (from, until): (&str, &str),
        time_zone: String,
        shop: Option<ShopId>,
    ) -> Result<Self, CalendarError> {
        let from = wall_time(from, false)?;
        let end = wall_time(until, true)?;
        if end <= from {
            let message = "the freeze ends before it begins".to_owned();
            return Err(wrong(0, message, "let `until` be after `from`"));
        }
        Ok(Self { name, reason, from, until: end, time_zone, shop })
    }
}

impl Recurrence {
    /// Reads a recurrence rule of RFC 5545, as far as it speaks of days: `FREQ` (`DAILY`,
    /// `WEEKLY`, `MONTHLY`, `YEARLY`), `INTERVAL`, `UNTIL`, `BYMONTH`, `BYMONTHDAY`, `BYDAY` and,
    /// of a month, `BYSETPOS`. Weeks begin on Monday.
    ///
    /// # Errors
    /// The first part that is wrong, is not supported, or is missing.
    pub fn read(rule: &str, since: Option<Date>) -> Result<Self, CalendarError> {
        let (start, text) = match rule.strip_prefix("RRULE:") {
            Some(rest) => (6, rest),
            None => (0, rule),
        };
        let mut days = Self { every: Period::Day, since, ..Self::weekly(&[]) };
        let mut has_frequency = false;
        let mut at = start;
        for part in text.trim_end_matches(';').split(';') {
            let (name, value) = part.split_once('=').ok_or_else(|| {
                wrong(at, format!("`{part}` is no part of a rule"), "write NAME=VALUE;NAME=VALUE")
            })?;
            let value_at = at + name.chars().count() + 1;
            has_frequency |= name.eq_ignore_ascii_case("FREQ");
            days.read_part((at, name), (value_at, value))?;
            at += part.chars().count() + 1;
        }
        if !has_frequency {
            let message = "the rule does not say how often".to_owned();
            return Err(wrong(start, message, "begin it with FREQ=WEEKLY or FREQ=MONTHLY"));
        }
        days.check(start)?;
        Ok(days)
    }

    fn read_part(&mut self, (at, name): (usize, &str), value: (usize, &str)) -> Read<()> {
        match name.to_ascii_uppercase().as_str() {
            "FREQ" => self.every = period(value)?,
            "INTERVAL" => self.interval = number(value, 1, 1000)?.unsigned_abs(),
            "UNTIL" => self.until = Some(until(value)?),
            "BYMONTH" => self.months = list(value, 1, 12, false)?,
            "BYMONTHDAY" => self.month_days = list(value, 1, 31, true)?,
            "BYSETPOS" => self.positions = list(value, 1, 31, true)?,
            "BYDAY" => self.week_days = nth_week_days(value)?,
            "WKST" if value.1.eq_ignore_ascii_case("MO") => {}
            "COUNT" => {
                let message = "COUNT would need to know how often it was already".to_owned();
                return Err(wrong(at, message, "say UNTIL=20261231 instead"));
            }
            _ => {
                let mend = "use FREQ, INTERVAL, UNTIL, BYMONTH, BYMONTHDAY, BYDAY and BYSETPOS";
                return Err(wrong(at, format!("`{name}` is not supported here"), mend));
            }
        }
        Ok(())
    }

    /// What a rule leaves to the beginning of a series must be said, for a window has none.
    fn check(&self, at: usize) -> Read<()> {
        let refuse = |message: &str, mend: &str| Err(wrong(at, message.to_owned(), mend));
        if self.interval > 1 && self.since.is_none() {
            return refuse("INTERVAL needs a day to count from", "add `since = \"2026-01-05\"`");
        }
        let of_month = matches!(self.every, Period::Month | Period::Year);
        if !of_month && self.week_days.iter().any(|day| day.nth.is_some()) {
            return refuse("the first or last of a day needs a month", "say FREQ=MONTHLY");
        }
        if !of_month && !self.positions.is_empty() {
            return refuse("BYSETPOS needs a month", "say FREQ=MONTHLY");
        }
        match self.every {
            Period::Week if self.week_days.is_empty() => {
                refuse("the rule does not say on which day of the week", "add BYDAY=TU")
            }
            Period::Month | Period::Year
                if self.week_days.is_empty() && self.month_days.is_empty() =>
            {
                refuse("the rule does not say on which day", "add BYDAY=1SU or BYMONTHDAY=1")
            }
            Period::Year if self.months.is_empty() => {
                refuse("the rule does not say in which month", "add BYMONTH=1")
            }
            _ => Ok(()),
        }
    }
}

fn wrong(at: usize, message: String, mend: &str) -> CalendarError {
    CalendarError { at, message, mend: mend.to_owned() }
}

/// The words of a text, each with its place.
fn words(text: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let mut at = 0;
    for word in text.split(char::is_whitespace) {
        if !word.is_empty() {
            words.push((at, word));
        }
        at += word.chars().count() + 1;
    }
    words
}

/// The items of a list with commas, each with its place.
fn items(at: usize, text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split(',').scan(at, |next, item| {
        let at = *next;
        *next += item.chars().count() + 1;
        Some((at, item))
    })
}

fn week_days(at: usize, text: &str) -> Read<Vec<Weekday>> {
    if text.eq_ignore_ascii_case("daily") {
        return Ok(Vec::new());
    }
    let mut days = Vec::new();
    for (at, item) in items(at, text) {
        match item.split_once('-') {
            None => days.push(week_day(at, item)?),
            Some((first, last)) => {
                let last_at = at + first.chars().count() + 1;
                let (first, last) = (week_day(at, first)?, week_day(last_at, last)?);
                let from_first = Weekday::ALL.into_iter().cycle().skip_while(|day| *day != first);
                // `Fri-Mon` goes on over the end of the week.
                let before_last = from_first.take_while(|day| *day != last);
                days.extend(before_last.chain([last]));
            }
        }
    }
    days.sort_unstable();
    days.dedup();
    Ok(days)
}

fn week_day(at: usize, text: &str) -> Read<Weekday> {
    const NAMES: [&str; 7] =
        ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let lower = text.to_ascii_lowercase();
    let is_it = |name: &str| name == lower || (lower.len() == 3 && name.starts_with(&lower));
    let found = NAMES.iter().position(|name| is_it(name));
    found.map(|index| Weekday::ALL[index]).ok_or_else(|| {
        wrong(
            at,
            format!("`{text}` is no day of the week"),
            "use Mon, Tue, Wed, Thu, Fri, Sat, Sun",
        )
    })
}

/// `03:00`, and `24:00` where a span may end with the day.
fn minute_of_day(at: usize, text: &str, may_be_24: bool) -> Read<u16> {
    let read = || {
        let (hour, minute) = text.split_once(':')?;
        let two = |part: &str, least: usize| {
            let is_number =
                (least..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
            is_number.then(|| part.parse::<u16>().ok()).flatten()
        };
        let (hour, minute) = (two(hour, 1)?, two(minute, 2)?);
        let total = hour * 60 + minute;
        let is_in_day = hour < 24 && minute < 60 || (may_be_24 && total == DAY_MINUTES);
        is_in_day.then_some(total)
    };
    read().ok_or_else(|| {
        wrong(at, format!("`{text}` is no time of day"), "write hours and minutes, like 03:00")
    })
}

fn wall_time(text: &str, is_end: bool) -> Read<WallTime> {
    let refuse = |at| {
        let mend = "write a day, like 2026-11-20, or a minute of it, like 2026-11-20 18:00";
        wrong(at, format!("`{text}` is no time"), mend)
    };
    let (day, time) = match text.split_once([' ', 'T']) {
        Some((day, time)) => (day, Some(time)),
        None => (text, None),
    };
    let date: Date = day.parse().map_err(|_| refuse(0))?;
    match time {
        Some(time) => Ok(WallTime { date, minute: minute_of_day(day.len() + 1, time, false)? }),
        None if is_end => {
            let date = date.next().ok_or_else(|| refuse(0))?;
            Ok(WallTime { date, minute: 0 })
        }
        None => Ok(WallTime { date, minute: 0 }),
    }
}

fn period((at, text): (usize, &str)) -> Read<Period> {
    match text.to_ascii_uppercase().as_str() {
        "DAILY" => Ok(Period::Day),
        "WEEKLY" => Ok(Period::Week),
        "MONTHLY" => Ok(Period::Month),
        "YEARLY" => Ok(Period::Year),
        _ => {
            let mend = "use DAILY, WEEKLY, MONTHLY or YEARLY";
            Err(wrong(at, format!("`{text}` is no frequency of a window"), mend))
        }
    }
}

fn number((at, text): (usize, &str), least: i32, most: i32) -> Read<i32> {
    let parsed = text.trim_start_matches('+').parse().ok();
    parsed.filter(|number| (least..=most).contains(number)).ok_or_else(|| {
        let mend = format!("write a number from {least} to {most}");
        CalendarError { at, message: format!("`{text}` is not allowed here"), mend }
    })
}

/// Numbers of a small range, and of its mirror below 0 where counting from the end is allowed.
fn list<T: TryFrom<i32>>(
    (at, text): (usize, &str),
    least: i32,
    most: i32,
    from_end: bool,
) -> Read<Vec<T>> {
    let one = |item: (usize, &str)| {
        let number = match item.1.strip_prefix('-').filter(|_| from_end) {
            Some(digits) => -number((item.0 + 1, digits), least, most)?,
            None => number(item, least, most)?,
        };
        T::try_from(number)
            .map_err(|_| wrong(item.0, format!("`{text}` is too much"), "write less"))
    };
    items(at, text).map(one).collect()
}

fn nth_week_days((at, text): (usize, &str)) -> Read<Vec<NthWeekday>> {
    const CODES: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
    let one = |(at, item): (usize, &str)| {
        let refuse = || {
            let mend = "use MO, TU, WE, TH, FR, SA, SU, in a month also 1SU or -1FR";
            wrong(at, format!("`{item}` is no day of the week"), mend)
        };
        let split = item.len().checked_sub(2).filter(|split| item.is_char_boundary(*split));
        let (nth, code) = item.split_at(split.ok_or_else(refuse)?);
        let index = CODES.iter().position(|known| known.eq_ignore_ascii_case(code));
        let day = Weekday::ALL[index.ok_or_else(refuse)?];
        if nth.is_empty() {
            return Ok(NthWeekday { nth: None, day });
        }
        let nth: i8 = nth.trim_start_matches('+').parse().map_err(|_| refuse())?;
        if nth == 0 || !(-5..=5).contains(&nth) {
            return Err(refuse());
        }
        Ok(NthWeekday { nth: Some(nth), day })
    };
    items(at, text).map(one).collect()
}

/// `20261231`, of which a time of day after it is not looked at.
fn until((at, text): (usize, &str)) -> Read<Date> {
    let read = || {
        let day = text.split('T').next()?;
        let is_plain = day.len() == 8 && day.is_ascii();
        let dashed = is_plain.then(|| format!("{}-{}-{}", &day[..4], &day[4..6], &day[6..]))?;
        dashed.parse().ok()
    };
    read().ok_or_else(|| {
        wrong(at, format!("`{text}` is no day"), "write the last day, like UNTIL=20261231")
    })
}
