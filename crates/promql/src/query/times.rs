//! Parts of a moment, in UTC, of seconds since 1970.

const DAY: f64 = 86_400.0;

pub(super) fn part(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "minute" => |at| (at / 60.0).floor().rem_euclid(60.0),
        "hour" => |at| (at / 3600.0).floor().rem_euclid(24.0),
        "day_of_week" => |at| ((at / DAY).floor() + 4.0).rem_euclid(7.0),
        "day_of_month" => |at| date(at).2,
        "day_of_year" => |at| {
            let (year, ..) = date(at);
            (at / DAY).floor() - days_before(year) + 1.0
        },
        "days_in_month" => |at| {
            let (year, month, _) = date(at);
            days_in(year, month)
        },
        "month" => |at| date(at).1,
        "year" => |at| date(at).0,
        _ => return None,
    })
}

fn is_leap(year: f64) -> bool {
    year.rem_euclid(4.0) == 0.0 && (year.rem_euclid(100.0) != 0.0 || year.rem_euclid(400.0) == 0.0)
}

fn days_in(year: f64, month: f64) -> f64 {
    match month as u8 {
        2 if is_leap(year) => 29.0,
        2 => 28.0,
        4 | 6 | 9 | 11 => 30.0,
        _ => 31.0,
    }
}

/// Days from 1970 to the begin of a year.
fn days_before(year: f64) -> f64 {
    let before = year - 1.0;
    let leaps = |year: f64| (year / 4.0).floor() - (year / 100.0).floor() + (year / 400.0).floor();
    (year - 1970.0) * 365.0 + leaps(before) - leaps(1969.0)
}

/// Year, month and day by the Gregorian calendar.
fn date(at: f64) -> (f64, f64, f64) {
    let day = (at / DAY).floor();
    let mut year = 1970.0 + (day / 365.2425).floor();
    while days_before(year) > day {
        year -= 1.0;
    }
    while days_before(year + 1.0) <= day {
        year += 1.0;
    }
    let (mut month, mut left) = (1.0, day - days_before(year));
    while left >= days_in(year, month) {
        left -= days_in(year, month);
        month += 1.0;
    }
    (year, month, left + 1.0)
}
