//! What holds whatever is counted.

use forecast::{
    Baseline, Detector, Expected, HourOfWeek, LEAST_WEEKS, Settings, Signal, WEEKS_KEPT,
};

fn monday_ten() -> HourOfWeek {
    HourOfWeek::new(0, 10).expect("an hour of the week")
}

fn ten_an_hour() -> Expected {
    Expected { an_hour: 10.0, spread: 3.2, level: 1.0, dispersion: 1.0, weeks: 8 }
}

#[test]
fn an_hour_beyond_the_week_is_none() {
    assert_eq!(HourOfWeek::new(7, 0), None);
    assert_eq!(HourOfWeek::new(0, 24), None);
    assert_eq!(HourOfWeek::new(6, 23).map(HourOfWeek::index), Some(167));
}

#[test]
fn a_short_past_expects_nothing() {
    let mut baseline = Baseline::default();
    for weeks in 0..LEAST_WEEKS {
        assert_eq!(baseline.weeks(monday_ten()), weeks);
        assert_eq!(baseline.expected(monday_ten()), None);
        baseline.record(monday_ten(), Some(7));
    }
    assert_eq!(baseline.expected(monday_ten()).map(|expected| expected.an_hour), Some(7.0));
}

#[test]
fn a_holiday_and_an_outage_do_not_move_the_median() {
    let mut baseline = Baseline::default();
    for count in [Some(10), Some(12), None, Some(0), Some(11), Some(10)] {
        baseline.record(monday_ten(), count);
    }
    let expected = baseline.expected(monday_ten()).expect("five weeks are known");
    assert_eq!((expected.an_hour, expected.weeks), (10.0, 5));
}

#[test]
fn a_growing_shop_raises_the_level_of_all_hours() {
    let mut baseline = Baseline::default();
    for week in 0..WEEKS_KEPT {
        for weekday in 0..7 {
            let hour = HourOfWeek::new(weekday, 10).expect("an hour of the week");
            baseline.record(hour, Some(if week + 2 < WEEKS_KEPT { 10 } else { 15 }));
        }
    }
    let expected = baseline.expected(monday_ten()).expect("twelve weeks are known");
    assert_eq!((expected.level, expected.an_hour), (1.5, 15.0));
}

#[test]
fn a_baseline_stays_bounded_and_comes_back_from_what_was_written() {
    bolero::check!().with_type::<Vec<(u8, u8, Option<u16>)>>().for_each(|records| {
        let mut baseline = Baseline::default();
        for (weekday, hour, count) in records {
            let Some(hour) = HourOfWeek::new(weekday % 7, hour % 24) else {
                panic!("within the week")
            };
            for _ in 0..4 {
                baseline.record(hour, count.map(u32::from));
            }
            assert!(baseline.weeks(hour) <= WEEKS_KEPT);
            match baseline.expected(hour) {
                None => assert!(baseline.weeks(hour) < LEAST_WEEKS),
                Some(expected) => {
                    assert!(
                        expected.an_hour >= 0.0 && expected.an_hour <= 2.0 * f64::from(u16::MAX)
                    );
                    assert!(
                        expected.spread >= expected.an_hour.sqrt() && expected.spread.is_finite()
                    );
                    assert!(
                        (0.5..=2.0).contains(&expected.level)
                            && (1.0..=9.0).contains(&expected.dispersion)
                    );
                }
            }
        }
        let written = serde_json::to_string(&baseline).expect("a baseline is written");
        let read: Baseline = serde_json::from_str(&written).expect("a baseline is read");
        for hour in 0..24 {
            let hour = HourOfWeek::new(0, hour).expect("an hour of the week");
            assert_eq!(read.weeks(hour), baseline.weeks(hour));
        }
    });
}

#[test]
fn without_an_expectation_nothing_is_said_and_nothing_moves() {
    let mut detector = Detector::new(Settings::default());
    detector.minute(Some(ten_an_hour()), 1);
    let before = detector.clone();
    assert_eq!(detector.minute(None, 0), Signal::Unknown);
    assert_eq!(
        detector.minute(Some(Expected { an_hour: 0.0, ..ten_an_hour() }), 0),
        Signal::Unknown
    );
    assert_eq!(detector, before);
}

#[test]
fn a_minute_with_an_order_is_never_stopped_and_silence_ends_in_it() {
    bolero::check!().with_type::<Vec<u8>>().for_each(|minutes| {
        let mut detector = Detector::new(Settings::default());
        for orders in minutes {
            let signal = detector.minute(Some(ten_an_hour()), u32::from(*orders));
            assert_ne!(signal, Signal::Unknown);
            assert!(*orders == 0 || signal != Signal::Stopped);
        }
        for _ in 0..24 * 60 {
            detector.minute(Some(ten_an_hour()), 0);
        }
        assert_eq!(detector.minute(Some(ten_an_hour()), 0), Signal::Stopped);
    });
}
