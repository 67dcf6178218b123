//! A moment as a visitor reads it. In UTC, and it says so: the edge does not know where anyone is.

use super::negotiation::Language;

/// `5 November 2026, 14:02:33 UTC` or its German form.
pub(super) fn moment(unix_ms: i64, language: Language) -> String {
    const ENGLISH: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    const GERMAN: [&str; 12] = [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ];
    let (year, month, day, hour, minute, second) = civil(unix_ms);
    let index = usize::try_from(month - 1).expect("invariant: a month is 1..=12");
    match language {
        Language::English => {
            let month = ENGLISH[index];
            format!("{day} {month} {year}, {hour:02}:{minute:02}:{second:02} UTC")
        }
        Language::German => {
            let month = GERMAN[index];
            format!("{day}. {month} {year}, {hour:02}:{minute:02}:{second:02} UTC")
        }
    }
}

/// `2026-11-05T14:02:33Z` (RFC 3339).
pub(super) fn rfc3339(unix_ms: i64) -> String {
    let (year, month, day, hour, minute, second) = civil(unix_ms);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The civil date of a day count: <https://howardhinnant.github.io/date_algorithms.html>.
fn civil(unix_ms: i64) -> (i64, i64, i64, i64, i64, i64) {
    let seconds = unix_ms.div_euclid(1000);
    let (days, second_of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day, second_of_day / 3_600, second_of_day / 60 % 60, second_of_day % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_either_language() {
        let check = |unix_ms: i64, rfc: &str, english: &str, german: &str| {
            assert_eq!(rfc3339(unix_ms), rfc);
            assert_eq!(moment(unix_ms, Language::English), english);
            assert_eq!(moment(unix_ms, Language::German), german);
        };
        check(
            0,
            "1970-01-01T00:00:00Z",
            "1 January 1970, 00:00:00 UTC",
            "1. Januar 1970, 00:00:00 UTC",
        );
        check(
            951_782_400_999,
            "2000-02-29T00:00:00Z",
            "29 February 2000, 00:00:00 UTC",
            "29. Februar 2000, 00:00:00 UTC",
        );
        check(
            1_772_287_505_000,
            "2026-02-28T14:05:05Z",
            "28 February 2026, 14:05:05 UTC",
            "28. Februar 2026, 14:05:05 UTC",
        );
        check(
            -1,
            "1969-12-31T23:59:59Z",
            "31 December 1969, 23:59:59 UTC",
            "31. Dezember 1969, 23:59:59 UTC",
        );
    }
}
