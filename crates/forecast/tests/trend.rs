//! Days until a limit.

use forecast::days_until;
use forecast::evaluation::uniform;

/// 28 days, hourly, growing by `slope` a day from 50, with noise of ±`noise`.
fn disk(slope: f64, noise: f64, seed: u64) -> Vec<(f64, f64)> {
    (0..28 * 24)
        .map(|hour| {
            let day = hour as f64 / 24.0;
            (day, 50.0 + slope * day + noise * (2.0 * uniform(seed * 100_000 + hour) - 1.0))
        })
        .collect()
}

#[test]
fn a_growing_disk_says_when_it_is_full() {
    for seed in 0..20 {
        let days = days_until(&disk(1.0, 3.0, seed), 100.0).expect("it grows");
        assert!(days.earliest <= days.likely && days.likely <= days.latest, "{days:?}");
        assert!((days.likely - 22.0).abs() < 2.0, "seed {seed}: {days:?}");
    }
}

#[test]
fn a_clean_up_and_a_burst_do_not_turn_the_slope() {
    let mut points = disk(1.0, 1.0, 1);
    for (_, value) in points.iter_mut().skip(200).take(60) {
        *value += 40.0;
    }
    let days = days_until(&points, 100.0).expect("it grows");
    assert!((days.likely - 22.0).abs() < 4.0, "{days:?}");
}

#[test]
fn what_the_past_does_not_say_is_none() {
    assert_eq!(days_until(&[], 100.0), None);
    assert_eq!(days_until(&disk(1.0, 0.0, 1)[..7], 100.0), None, "too short");
    assert_eq!(days_until(&disk(-1.0, 1.0, 1), 100.0), None, "it shrinks");
    assert_eq!(days_until(&disk(0.0, 0.0, 1), 100.0), None, "it stands still");
    assert_eq!(days_until(&[(1.0, 5.0); 20], 100.0), None, "all of one time");
    assert_eq!(days_until(&disk(1.0, 0.0, 1), f64::NAN), None, "no limit");
}

/// The interval leaves out 5 % by construction: half of them above 0, and a few for the draw.
#[test]
fn noise_alone_seldom_looks_like_growth() {
    let grows = (0..100).filter(|seed| days_until(&disk(0.0, 5.0, *seed), 100.0).is_some()).count();
    assert!(grows <= 7, "{grows} of 100");
}

#[test]
fn a_limit_that_is_reached_has_no_days_left() {
    let days = days_until(&disk(1.0, 0.0, 1), 70.0).expect("it is there");
    assert_eq!((days.earliest, days.likely, days.latest), (0.0, 0.0, 0.0));
}

#[test]
fn any_numbers_give_ordered_days_or_none() {
    bolero::check!().with_type::<(Vec<(i16, i32)>, i32)>().for_each(|(points, limit)| {
        let mut points: Vec<(f64, f64)> =
            points.iter().map(|(day, value)| (f64::from(*day), f64::from(*value))).collect();
        points.sort_by(|one, other| one.0.total_cmp(&other.0));
        if let Some(days) = days_until(&points, f64::from(*limit)) {
            assert!(days.earliest >= 0.0 && days.latest.is_finite(), "{days:?}");
            assert!(days.earliest <= days.likely && days.likely <= days.latest, "{days:?}");
        }
    });
}
