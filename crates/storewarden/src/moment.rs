//! Moments and lengths of time as people read them: in the zone of this machine, which stands with
//! them.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use std::str::FromStr;

/// From when on a moment is told with its day.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Now, and where.
#[derive(Debug, Clone)]
pub(crate) struct Here {
    pub(crate) now_ms: i64,
    pub(crate) zone: TimeZone,
}

impl Here {
    pub(crate) fn now() -> Self {
        Self { now_ms: crate::control::now_ms(), zone: TimeZone::system() }
    }

    /// `2026-01-31 09:30:00 CET`.
    pub(crate) fn moment(&self, at_ms: i64) -> String {
        self.shown(at_ms, "%Y-%m-%d %H:%M:%S %Z")
    }

    /// `09:30:00`, for lines of one run; with its day when that is another.
    pub(crate) fn time(&self, at_ms: i64) -> String {
        let is_near = (self.now_ms - at_ms).abs() < DAY_MS;
        self.shown(at_ms, if is_near { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" })
    }

    /// `2026-01-31 09:30 CET (2 h 5 min ago)`.
    pub(crate) fn moment_ago(&self, at_ms: i64) -> String {
        format!("{} ({})", self.shown(at_ms, "%Y-%m-%d %H:%M %Z"), self.ago(at_ms))
    }

    /// `2 h 5 min ago`, or `in 2 h 5 min`.
    pub(crate) fn ago(&self, at_ms: i64) -> String {
        let length = crate::words::age(self.now_ms - at_ms);
        if at_ms > self.now_ms { format!("in {length}") } else { format!("{length} ago") }
    }

    fn shown(&self, at_ms: i64, form: &str) -> String {
        match Timestamp::from_millisecond(at_ms) {
            Ok(at) => at.to_zoned(self.zone.clone()).strftime(form).to_string(),
            Err(_) => format!("{at_ms} ms after 1970"),
        }
    }
}

/// A time on the command line: so long ago or from now, a day, or a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// Milliseconds.
    Away(i64),
    /// In the zone of this machine; a day is its first moment.
    Local(DateTime),
    /// Unix milliseconds.
    At(i64),
}

/// Text that is no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "write a length such as 90s, 30m, 2h or 7d, a day such as 2026-01-31, or a time such as \
     2026-01-31T09:30 or 2026-01-31T09:30:00Z"
)]
pub(crate) struct WhenError;

impl FromStr for When {
    type Err = WhenError;

    fn from_str(text: &str) -> Result<Self, WhenError> {
        if let Some(milliseconds) = milliseconds(text) {
            return Ok(Self::Away(milliseconds));
        }
        if let Ok(at) = text.parse::<Timestamp>() {
            return Ok(Self::At(at.as_millisecond()));
        }
        text.parse().map(Self::Local).map_err(|_| WhenError)
    }
}

impl When {
    /// Unix milliseconds; a length is one that has passed.
    pub(crate) fn ago(self, here: &Here) -> i64 {
        self.at(here, |length| here.now_ms.saturating_sub(length))
    }

    /// Unix milliseconds; a length is one that is to pass.
    pub(crate) fn ahead(self, here: &Here) -> i64 {
        self.at(here, |length| here.now_ms.saturating_add(length))
    }

    fn at(self, here: &Here, away: impl Fn(i64) -> i64) -> i64 {
        match self {
            Self::Away(length) => away(length),
            Self::At(at_ms) => at_ms,
            Self::Local(local) => local
                .to_zoned(here.zone.clone())
                .map_or(i64::MAX, |zoned| zoned.timestamp().as_millisecond()),
        }
    }
}

fn milliseconds(text: &str) -> Option<i64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => DAY_MS,
        _ => return None,
    };
    i64::from(number.parse::<u32>().ok()?).checked_mul(unit)
}

/// A length of time as exactly as a person wants it: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`.
pub(crate) fn length(milliseconds: i64) -> String {
    let milliseconds = milliseconds.max(0);
    match milliseconds {
        0..10_000 => format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100),
        10_000..60_000 => format!("{} s", milliseconds / 1000),
        60_000..3_600_000 => {
            format!("{} min {} s", milliseconds / 60_000, milliseconds / 1000 % 60)
        }
        _ => crate::words::age(milliseconds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_in_its_zone() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let here = Here { now_ms: 1_767_225_600_000, zone };
        assert_eq!(here.moment(1_767_225_600_000), "2026-01-01 01:00:00 CET");
        assert_eq!(here.moment_ago(1_782_864_000_000), "2026-07-01 02:00 CEST (in 181 d 0 h)");
        assert_eq!(here.time(1_767_225_599_000), "00:59:59");
        assert_eq!(here.time(0), "1970-01-01 01:00:00");
        assert_eq!(here.ago(1_767_225_540_000), "1 min ago");
        assert_eq!(here.moment(i64::MAX), "9223372036854775807 ms after 1970");
    }

    #[test]
    fn times_are_said_as_lengths_days_and_moments() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let here = Here { now_ms: 1_767_225_600_000, zone };
        let check = |text: &str, expect: Option<i64>| {
            let found = text.parse::<When>().ok().map(|when| when.ago(&here));
            assert_eq!(found, expect, "{text}");
        };
        check("2h", Some(1_767_218_400_000));
        check("2026-01-01", Some(1_767_222_000_000));
        check("2026-01-01T01:00", Some(1_767_225_600_000));
        check("2026-01-01 01:00", Some(1_767_225_600_000));
        check("2026-01-01T00:00:00Z", Some(1_767_225_600_000));
        for wrong in ["yesterday", "", "h", "2 weeks", "-1h", "99999999999d", "ü"] {
            check(wrong, None);
        }
        assert_eq!("2h".parse::<When>().unwrap().ahead(&here), 1_767_232_800_000);
    }

    #[test]
    fn short_lengths_are_told_more_exactly() {
        for (milliseconds, expect) in [
            (-5, "0.0 s"),
            (450, "0.4 s"),
            (12_900, "12 s"),
            (200_000, "3 min 20 s"),
            (7_500_000, "2 h 5 min"),
        ] {
            assert_eq!(length(milliseconds), expect);
        }
    }
}
