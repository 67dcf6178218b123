//! Windows and freezes as a person writes them, and what is refused with its place.

use super::*;

fn window(when: &str) -> Result<Window, CalendarError> {
    Window::read("nightly".parse().unwrap(), when)
}

/// The first days from 2026-01-01 that a rule names.
fn days(rule: &str, since: Option<&str>, count: usize) -> Vec<String> {
    let since = since.map(|since| since.parse().unwrap());
    let rule = Recurrence::read(rule, since).unwrap();
    let begin = Date::new(2026, 1, 1).unwrap();
    let all = std::iter::successors(Some(begin), |date| date.next()).take(4000);
    all.filter(|date| rule.contains(*date)).take(count).map(|date| date.to_string()).collect()
}

#[test]
fn a_window_is_read_as_it_is_spoken() {
    let check = |text: &str, days: &[usize], from: u16, until: u16, zone: &str| {
        let window = window(text).unwrap();
        let days: Vec<Weekday> = days.iter().map(|index| Weekday::ALL[*index]).collect();
        assert_eq!(window.days, Recurrence::weekly(&days), "{text}");
        assert_eq!((window.from_minute, window.ends), (from, Ends::At { minute: until }), "{text}");
        assert_eq!(window.time_zone, zone, "{text}");
    };
    check("Tue,Thu 03:00-05:00 Europe/Berlin", &[1, 3], 180, 300, "Europe/Berlin");
    check("mon-fri 22:00-02:30", &[0, 1, 2, 3, 4], 1320, 150, "UTC");
    check("Sat-Mon 0:00-24:00 UTC", &[0, 5, 6], 0, 1440, "UTC");
    check("daily 03:00-05:00", &[], 180, 300, "UTC");
    check("03:00-05:00 Asia/Kolkata", &[], 180, 300, "Asia/Kolkata");
    check(" Sunday   03:00-05:00 ", &[6], 180, 300, "UTC");
}

#[test]
fn a_window_that_is_none_says_where_and_how_to_mend_it() {
    let check = |text: &str, at: usize, expect: &str| {
        let error = window(text).unwrap_err();
        assert_eq!((error.at, error.message.as_str()), (at, expect), "{text}");
        assert!(!error.mend.is_empty());
    };
    check("", 0, "a window is days, times and a zone");
    check("Tue,Tho 03:00-05:00", 4, "`Tho` is no day of the week");
    check("Tue 03:00-25:00", 10, "`25:00` is no time of day");
    check("Tue 03.00-05:00", 4, "`03.00` is no time of day");
    check("Tue 24:00-05:00", 4, "`24:00` is no time of day");
    check("Tue 03:00", 4, "`03:00` is no span of time");
}

#[test]
fn a_rule_names_the_days_that_rfc_5545_says() {
    let check = |rule: &str, since: Option<&str>, expect: &[&str]| {
        assert_eq!(days(rule, since, expect.len()), expect, "{rule}");
    };
    check("FREQ=MONTHLY;BYDAY=1SU", None, &["2026-01-04", "2026-02-01", "2026-03-01"]);
    check("FREQ=MONTHLY;BYDAY=-1FR", None, &["2026-01-30", "2026-02-27", "2026-03-27"]);
    check("RRULE:FREQ=MONTHLY;BYMONTHDAY=-1", None, &["2026-01-31", "2026-02-28", "2026-03-31"]);
    check("FREQ=MONTHLY;BYMONTHDAY=31", None, &["2026-01-31", "2026-03-31", "2026-05-31"]);
    let working_day = "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1";
    check(working_day, None, &["2026-01-30", "2026-02-27", "2026-03-31"]);
    check("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", None, &["2026-02-13", "2026-03-13", "2026-11-13"]);
    check("freq=weekly;byday=tu,th", None, &["2026-01-01", "2026-01-06", "2026-01-08"]);
    check(
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU",
        Some("2026-01-08"),
        &["2026-01-11", "2026-01-19", "2026-01-25", "2026-02-02"],
    );
    check("FREQ=DAILY;INTERVAL=10", Some("2026-01-05"), &["2026-01-05", "2026-01-15"]);
    check("FREQ=DAILY;BYMONTH=2;UNTIL=20260202T000000Z", None, &["2026-02-01", "2026-02-02"]);
    assert_eq!(days("FREQ=DAILY;BYMONTH=2;UNTIL=20260202", None, 9).len(), 2);
    check("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", None, &["2028-02-29", "2032-02-29"]);
    check("FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU", None, &["2026-03-29", "2027-03-28"]);
    check("FREQ=MONTHLY;INTERVAL=3;BYDAY=2TU", Some("2026-02-01"), &["2026-02-10", "2026-05-12"]);
}

#[test]
fn a_rule_that_is_none_says_where_and_how_to_mend_it() {
    let check = |rule: &str, at: usize, expect: &str| {
        let error = Recurrence::read(rule, None).unwrap_err();
        assert_eq!((error.at, error.message.as_str()), (at, expect), "{rule}");
    };
    check("", 0, "`` is no part of a rule");
    check("BYDAY=MO", 0, "the rule does not say how often");
    check("FREQ=HOURLY", 5, "`HOURLY` is no frequency of a window");
    check("FREQ=MONTHLY;BYDAY=6SU", 19, "`6SU` is no day of the week");
    check("FREQ=MONTHLY;BYDAY=MO,XX", 22, "`XX` is no day of the week");
    check("FREQ=WEEKLY;BYDAY=1SU", 0, "the first or last of a day needs a month");
    check("FREQ=WEEKLY", 0, "the rule does not say on which day of the week");
    check("FREQ=MONTHLY", 0, "the rule does not say on which day");
    check("FREQ=YEARLY;BYMONTHDAY=1", 0, "the rule does not say in which month");
    check("FREQ=DAILY;INTERVAL=2", 0, "INTERVAL needs a day to count from");
    check("FREQ=DAILY;COUNT=3", 11, "COUNT would need to know how often it was already");
    check("FREQ=DAILY;BYHOUR=3", 11, "`BYHOUR` is not supported here");
    check("FREQ=DAILY;BYMONTH=13", 19, "`13` is not allowed here");
    check("FREQ=MONTHLY;BYMONTHDAY=1,-32", 27, "`32` is not allowed here");
    check("FREQ=DAILY;UNTIL=soon", 17, "`soon` is no day");
}

#[test]
fn a_freeze_lasts_to_the_end_of_its_last_day() {
    let read = |from, until| {
        Freeze::read("black-friday".into(), "sale".into(), (from, until), "UTC".into(), None)
    };
    let time = |day: &str, minute| WallTime { date: day.parse().unwrap(), minute };
    let freeze = read("2026-11-20", "2026-11-30").unwrap();
    assert_eq!((freeze.from, freeze.until), (time("2026-11-20", 0), time("2026-12-01", 0)));
    let freeze = read("2026-11-20 18:00", "2026-11-20T19:30").unwrap();
    assert_eq!((freeze.from, freeze.until), (time("2026-11-20", 1080), time("2026-11-20", 1170)));
    assert!(read("2026-11-20", "2026-11-20").is_ok());
    assert_eq!(
        read("2026-11-20", "2026-11-19").unwrap_err().message,
        "the freeze ends before it begins"
    );
    assert_eq!(read("2026-02-30", "2026-11-19").unwrap_err().message, "`2026-02-30` is no time");
    assert_eq!(read("2026-11-20 25:00", "2026-12-19").unwrap_err().at, 11);
}

#[test]
fn days_and_their_numbers_agree() {
    let check = |text: &str, number: i64, weekday: Weekday| {
        let date: Date = text.parse().unwrap();
        assert_eq!((date.number(), date.weekday()), (number, weekday), "{text}");
        assert_eq!(date.to_string(), text);
    };
    check("1970-01-01", 0, Weekday::Thursday);
    check("1970-03-01", 59, Weekday::Sunday);
    check("2000-02-29", 11_016, Weekday::Tuesday);
    check("2026-11-22", 20_779, Weekday::Sunday);
    let mut date = Date::new(1970, 1, 1).unwrap();
    for number in 1..200_000 {
        date = date.next().unwrap();
        assert_eq!(date.number(), number, "{date}");
    }
    for text in
        ["", "2026-1-01", "2026-01-1", "2026-02-29", "1969-12-31", "2026-01-01-01", "+026-01-01"]
    {
        assert!(text.parse::<Date>().is_err(), "{text}");
    }
}

#[test]
fn whatever_is_read_does_not_panic() {
    bolero::check!().with_type::<String>().for_each(|text| {
        let _ = window(text);
        let _ = Recurrence::read(text, None);
        let _ = Recurrence::read(&format!("FREQ=MONTHLY;BYDAY={text}"), None);
        let _ = text.parse::<Date>();
    });
}
