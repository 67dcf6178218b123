//! When runs may begin: windows, freezes, and the nights on which clocks are put forward or back.

use super::*;

const HOUR: u64 = 3_600_000;

fn at(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_millisecond()
}

fn text(at_ms: i64) -> String {
    Timestamp::from_millisecond(at_ms).unwrap().to_string()
}

fn name() -> WindowName {
    "nightly".parse().unwrap()
}

fn calendar(when: &str, freezes: &[(&str, &str)]) -> Calendar {
    let freeze = |(from, until): &(&str, &str)| {
        let zone = "Europe/Berlin".to_owned();
        Freeze::read("sale".into(), "Black Friday".into(), (from, until), zone, None).unwrap()
    };
    let windows = vec![Window::read(name(), when).unwrap()];
    Calendar::new(windows, freezes.iter().map(freeze).collect()).unwrap()
}

fn timing(longest_ms: u64) -> Timing {
    Timing {
        shop: None,
        window: Some(name()),
        purpose: Purpose::Change,
        longest_ms,
        hurried: false,
    }
}

#[test]
fn a_window_opens_when_the_wall_clock_says_so() {
    let check = |when: &str, now: &str, expect: &[(&str, &str)]| {
        let openings = calendar(when, &[]);
        let openings = openings.openings(&name(), at(now)).unwrap().take(expect.len());
        let openings: Vec<_> = openings.map(|of| (text(of.from_ms), text(of.until_ms))).collect();
        let expect: Vec<_> =
            expect.iter().map(|(from, until)| ((*from).to_owned(), (*until).to_owned())).collect();
        assert_eq!(openings, expect, "{when} from {now}");
    };
    // Summer and winter in Berlin; 2026-11-22 is a Sunday.
    check(
        "Tue,Thu 03:00-05:00 Europe/Berlin",
        "2026-11-22T12:00:00Z",
        &[
            ("2026-11-24T02:00:00Z", "2026-11-24T04:00:00Z"),
            ("2026-11-26T02:00:00Z", "2026-11-26T04:00:00Z"),
            ("2026-12-01T02:00:00Z", "2026-12-01T04:00:00Z"),
        ],
    );
    check(
        "Tue 03:00-05:00 Europe/Berlin",
        "2026-07-07T02:59:59Z",
        &[("2026-07-07T01:00:00Z", "2026-07-07T03:00:00Z")],
    );
    check(
        "Tue 03:00-05:00 Europe/Berlin",
        "2026-07-07T03:00:00Z",
        &[("2026-07-14T01:00:00Z", "2026-07-14T03:00:00Z")],
    );
    // Over midnight, still open in the morning.
    check(
        "Sat 22:00-02:00",
        "2026-11-22T01:00:00Z",
        &[
            ("2026-11-21T22:00:00Z", "2026-11-22T02:00:00Z"),
            ("2026-11-28T22:00:00Z", "2026-11-29T02:00:00Z"),
        ],
    );
    check(
        "daily 00:00-24:00",
        "2026-11-22T12:00:00Z",
        &[
            ("2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"),
            ("2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z"),
        ],
    );
}

#[test]
fn the_hour_that_is_left_out_and_the_hour_that_comes_twice() {
    let check = |times: &str, day: &str, expect: Option<(&str, &str)>| {
        let calendar = calendar(&format!("daily {times} Europe/Berlin"), &[]);
        let (window, zone) = &calendar.windows[0];
        let opening = opening_on(window, zone, day.parse().unwrap());
        let opening = opening.map(|of| (text(of.from_ms), text(of.until_ms)));
        let expect = expect.map(|(from, until)| (from.to_owned(), until.to_owned()));
        assert_eq!(opening, expect, "{times} on {day}");
    };
    // 2026-03-29, 02:00 to 03:00 do not exist: the change is at 01:00 UTC.
    let spring = "2026-03-29";
    check("01:00-04:00", spring, Some(("2026-03-29T00:00:00Z", "2026-03-29T02:00:00Z")));
    check("02:30-04:00", spring, Some(("2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z")));
    check("01:30-02:30", spring, Some(("2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z")));
    check("02:10-02:50", spring, None);
    check("02:00-03:00", spring, None);
    // 2026-10-25, 02:00 to 03:00 come twice: from 00:00 UTC and from 01:00 UTC.
    let autumn = "2026-10-25";
    check("01:00-04:00", autumn, Some(("2026-10-24T23:00:00Z", "2026-10-25T03:00:00Z")));
    check("02:15-02:45", autumn, Some(("2026-10-25T00:15:00Z", "2026-10-25T00:45:00Z")));
    check("02:00-03:00", autumn, Some(("2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z")));
    check("01:00-02:30", autumn, Some(("2026-10-24T23:00:00Z", "2026-10-25T00:30:00Z")));
    // A window that is open for so long is open for so long.
    let window = |name: &str| {
        Window::from_rule(
            name.parse().unwrap(),
            "FREQ=MONTHLY;BYDAY=-1SU",
            None,
            "01:30",
            120,
            "Europe/Berlin".into(),
        )
        .unwrap()
    };
    let calendar = Calendar::new(vec![window("nightly")], Vec::new()).unwrap();
    for (day, from, until) in [
        (spring, "2026-03-29T00:30:00Z", "2026-03-29T02:30:00Z"),
        (autumn, "2026-10-24T23:30:00Z", "2026-10-25T01:30:00Z"),
    ] {
        let opening = calendar.openings(&name(), at(&format!("{day}T00:45:00Z"))).unwrap().next();
        assert_eq!(opening, Some(Opening { from_ms: at(from), until_ms: at(until) }));
    }
}

#[test]
fn a_run_begins_only_where_it_can_end() {
    let check = |longest_ms: u64, now: &str, expect: Option<&str>| {
        let hold = calendar("Tue,Thu 03:00-05:00 UTC", &[]).hold(&timing(longest_ms), at(now));
        let expect = expect.map(at);
        assert_eq!(hold.begins_at_ms, expect, "{now}");
        assert_eq!(hold.waits.is_empty(), expect.is_none(), "{now}");
    };
    check(HOUR, "2026-11-24T03:00:00Z", None);
    check(HOUR, "2026-11-24T04:00:00Z", None);
    check(HOUR, "2026-11-24T04:00:01Z", Some("2026-11-26T03:00:00Z"));
    check(HOUR, "2026-11-24T02:59:59Z", Some("2026-11-24T03:00:00Z"));
    check(2 * HOUR, "2026-11-22T00:00:00Z", Some("2026-11-24T03:00:00Z"));
    let calendar = calendar("Tue,Thu 03:00-05:00 UTC", &[]);
    assert!(calendar.check(&timing(2 * HOUR), 0).is_ok());
    let too_long = calendar.check(&timing(2 * HOUR + 1), at("2026-11-22T00:00:00Z"));
    assert!(matches!(too_long, Err(EngineError::TooLong { .. })));
    let hold = calendar.hold(&timing(2 * HOUR + 1), at("2026-11-22T00:00:00Z"));
    assert_eq!(hold.waits, [WaitsFor::Never { window: name() }]);
    let unknown = Timing { window: Some("lost".parse().unwrap()), ..timing(1) };
    assert!(matches!(calendar.check(&unknown, 0), Err(EngineError::NoWindow { .. })));
    let hurried = Timing { hurried: true, ..timing(5 * HOUR) };
    assert_eq!(calendar.hold(&hurried, at("2026-11-22T00:00:00Z")), Hold::default());
}

#[test]
fn a_change_waits_for_the_end_of_a_freeze_and_a_repair_does_not() {
    let frozen = calendar("daily 03:00-05:00 Europe/Berlin", &[("2026-11-20", "2026-11-30")]);
    let any_time = Timing { window: None, ..timing(HOUR) };
    let freeze = WaitsFor::Freeze {
        freeze: "sale".into(),
        reason: "Black Friday".into(),
        until_ms: at("2026-11-30T23:00:00Z"),
    };
    let hold = frozen.hold(&any_time, at("2026-11-22T12:00:00Z"));
    assert_eq!(hold.waits, std::slice::from_ref(&freeze));
    assert_eq!(hold.begins_at_ms, Some(at("2026-11-30T23:00:00Z")));
    // In its window, but frozen: both, and the first window behind the freeze.
    let hold = frozen.hold(&timing(HOUR), at("2026-11-22T02:30:00Z"));
    let window = WaitsFor::Window { window: name(), opens_at_ms: at("2026-12-01T02:00:00Z") };
    assert_eq!(hold.waits, [freeze, window]);
    assert_eq!(hold.begins_at_ms, Some(at("2026-12-01T02:00:00Z")));
    // It would still run when the freeze begins, at 23:00 UTC of the day before.
    let soon = frozen.hold(&any_time, at("2026-11-19T22:30:00Z"));
    assert_eq!(soon.begins_at_ms, Some(at("2026-11-30T23:00:00Z")));
    assert_eq!(frozen.hold(&any_time, at("2026-11-19T22:00:00Z")), Hold::default());
    let repair = Timing { purpose: Purpose::Repair, ..any_time };
    assert_eq!(frozen.hold(&repair, at("2026-11-22T12:00:00Z")), Hold::default());
}

#[test]
fn a_freeze_of_one_shop_holds_no_other() {
    let zone = "UTC".to_owned();
    let shop: ShopId = "lamps".parse().unwrap();
    let times = ("2026-11-20", "2026-11-30");
    let freeze = Freeze::read("sale".into(), "sale".into(), times, zone, Some(shop.clone()));
    let calendar = Calendar::new(Vec::new(), vec![freeze.unwrap()]).unwrap();
    let hold = |shop: Option<&str>| {
        let shop = shop.map(|shop| shop.parse().unwrap());
        let timing = Timing { shop, window: None, ..timing(1) };
        !calendar.hold(&timing, at("2026-11-22T12:00:00Z")).waits.is_empty()
    };
    assert!(hold(Some("lamps")));
    assert!(!hold(Some("books")));
    assert!(!hold(None));
}

#[test]
fn a_zone_that_nobody_knows_is_refused() {
    let window = Window::read(name(), "daily 03:00-05:00 Europe/Lummerland").unwrap();
    let error = Calendar::new(vec![window], Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "find time zone `Europe/Lummerland` of window `nightly`");
}

#[test]
fn openings_come_in_order_whatever_the_zone() {
    for zone in ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]
    {
        for times in ["00:00-24:00", "01:45-02:15", "23:30-00:30", "02:00-02:30"] {
            let calendar = calendar(&format!("{times} {zone}"), &[]);
            let now_ms = at("2026-01-01T00:00:00Z");
            let openings: Vec<Opening> =
                calendar.openings(&name(), now_ms).unwrap().take(800).collect();
            for pair in openings.windows(2) {
                assert!(pair[0].from_ms < pair[0].until_ms, "{zone} {times}");
                assert!(pair[0].until_ms <= pair[1].from_ms, "{zone} {times}");
            }
        }
    }
}
