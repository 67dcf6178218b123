//! Times as access logs write them. Many lines have the same second, so the last one is remembered.

/// `22/Nov/2026:04:05:06 +0100`
const LOCAL: usize = 26;
/// `2026-11-22T04:05:06+01:00`
const ISO: usize = 25;

const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// Reads times; remembers the last.
#[derive(Debug, Default)]
pub(super) struct Clock {
    text: [u8; LOCAL],
    at_ms: Option<i64>,
}

impl Clock {
    /// `22/Nov/2026:04:05:06 +0100` in unix milliseconds.
    pub(super) fn local(&mut self, text: &[u8]) -> Option<i64> {
        let text: &[u8; LOCAL] = text.try_into().ok()?;
        if *text == self.text {
            return self.at_ms;
        }
        self.text = *text;
        self.at_ms = local(text);
        self.at_ms
    }

    /// `2026-11-22T04:05:06+01:00` or `…Z` in unix milliseconds.
    pub(super) fn iso(&mut self, text: &[u8]) -> Option<i64> {
        let mut whole = [b' '; LOCAL];
        match text.strip_suffix(b"Z") {
            Some(utc) if utc.len() == ISO - 6 => {
                whole[..ISO - 6].copy_from_slice(utc);
                whole[ISO - 6..ISO].copy_from_slice(b"+00:00");
            }
            _ if text.len() == ISO => whole[..ISO].copy_from_slice(text),
            _ => return None,
        }
        if whole == self.text {
            return self.at_ms;
        }
        self.text = whole;
        self.at_ms = iso(&whole);
        self.at_ms
    }
}

fn local(text: &[u8; LOCAL]) -> Option<i64> {
    let is_formed = [2, 6, 11, 14, 17, 20].map(|at| text[at]) == *b"//::: ";
    let month = MONTHS.iter().position(|month| *month == &text[3..6])?;
    let date = [number(&text[7..11])?, i64::try_from(month).ok()? + 1, number(&text[..2])?];
    let time = [number(&text[12..14])?, number(&text[15..17])?, number(&text[18..20])?];
    let offset = [number(&text[22..24])?, number(&text[24..26])?];
    is_formed.then_some(())?;
    unix_ms(date, time, text[21], offset)
}

fn iso(text: &[u8; LOCAL]) -> Option<i64> {
    let is_formed = [4, 7, 10, 13, 16, 22].map(|at| text[at]) == *b"--T:::";
    let date = [number(&text[..4])?, number(&text[5..7])?, number(&text[8..10])?];
    let time = [number(&text[11..13])?, number(&text[14..16])?, number(&text[17..19])?];
    let offset = [number(&text[20..22])?, number(&text[23..25])?];
    is_formed.then_some(())?;
    unix_ms(date, time, text[19], offset)
}

fn unix_ms(
    [year, month, day]: [i64; 3],
    [hour, minute, second]: [i64; 3],
    sign: u8,
    [hours, minutes]: [i64; 2],
) -> Option<i64> {
    let fits = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    let east = match sign {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    fits.then_some(())?;
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some((seconds - east * (hours * 3_600 + minutes * 60)) * 1_000)
}

/// Days since 1970 of a date of the Gregorian calendar (Howard Hinnant, "chrono-Compatible Low-Level
/// Date Algorithms", `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |number, digit| {
        digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_the_calendar_has_them() {
        let check = |text: &str, expect: Option<i64>| {
            let read = |text: &[u8]| Clock::default().local(text).or(Clock::default().iso(text));
            assert_eq!(read(text.as_bytes()), expect, "{text}");
        };
        for text in
            ["2026-11-22T04:05:06+01:00", "2000-02-29T23:59:59-11:30", "1970-01-01T00:00:00Z"]
        {
            let expect = text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
            check(text, Some(expect));
        }
        check("22/Nov/2026:04:05:06 +0100", Some(1_795_316_706_000));
        check("31/Dec/1969:23:00:00 -0100", Some(0));
        check("22/Nov/2026:04:05:06 0100", None);
        check("22/Nov/2026:24:05:06 +0100", None);
        check("22-Nov/2026:04:05:06 +0100", None);
        check("", None);
    }

    #[test]
    fn the_same_second_again_is_the_same_time() {
        let mut clock = Clock::default();
        let text = b"22/Nov/2026:04:05:06 +0100";
        assert_eq!(clock.local(text), clock.local(text));
        let wrong = b"22/Foo/2026:04:05:06 +0100";
        assert_eq!((clock.local(wrong), clock.local(wrong)), (None, None));
    }
}
