//! Change points of drawn series.

use forecast::ChangeFinder;
use forecast::evaluation::uniform;

/// Normally distributed by Box and Muller, mean 0, deviation 1.
fn normal(seed: u64) -> f64 {
    let (one, other) = (uniform(seed * 2 + 1), uniform(seed * 2 + 2));
    (-2.0 * (1.0 - one).ln()).sqrt() * (std::f64::consts::TAU * other).cos()
}

#[test]
fn a_shift_is_found_soon_and_mostly_where_it_began() {
    for (shift, slowest) in [(3.0, 20), (-3.0, 20)] {
        let mut elsewhere = 0;
        for seed in 0..50_u64 {
            let mut finder = ChangeFinder::default();
            for sample in 0..100 {
                assert_eq!(finder.sample(50.0 + normal(seed * 10_000 + sample)), None, "{seed}");
            }
            let found = (0..slowest).find_map(|sample| {
                let value = 50.0 + shift + normal(seed * 10_000 + 100 + sample);
                finder.sample(value).map(|change| (sample + 1, change))
            });
            let (delay, change) = found.unwrap_or_else(|| panic!("{shift} with seed {seed}"));
            elsewhere += usize::from(u64::from(change.samples_ago).abs_diff(delay) > 3);
            assert!((change.before - 50.0).abs() < 1.0, "{seed}: {change:?}");
            assert_eq!(change.after > change.before, shift > 0.0, "{seed}: {change:?}");
        }
        eprintln!("{shift}: {elsewhere} of 50 began more than 3 samples elsewhere");
        assert!(elsewhere <= 5, "{shift}: {elsewhere} of 50");
    }
}

#[test]
fn a_level_that_holds_is_seldom_left() {
    let mut changes = 0;
    for seed in 0..50_u64 {
        let mut finder = ChangeFinder::default();
        changes += (0..10_000)
            .filter(|sample| finder.sample(normal(seed * 1_000_000 + sample)).is_some())
            .count();
    }
    eprintln!("{changes} changes in 500,000 samples");
    assert!(changes <= 50, "{changes} in 500,000 samples");
}

#[test]
fn two_outliers_are_no_change_and_a_step_of_a_still_series_is() {
    let mut finder = ChangeFinder::default();
    for _ in 0..60 {
        assert_eq!(finder.sample(7.0), None);
    }
    assert!(finder.is_watching());
    for value in [900.0, -900.0, 900.0, 900.0, 7.0, 7.0, 7.0, 7.0, 7.0, 7.0, 7.0, f64::NAN] {
        assert_eq!(finder.sample(value), None, "{value}");
    }
    assert_eq!((finder.sample(8.0), finder.sample(8.0)), (None, None));
    let change = finder.sample(8.0).expect("three samples of another value");
    assert_eq!((change.samples_ago, change.before, change.after), (3, 7.0, 8.0));
    assert!(!finder.is_watching(), "the level is learnt anew");
}

#[test]
fn any_series_gives_changes_that_make_sense() {
    bolero::check!().with_type::<Vec<(u8, i32)>>().for_each(|steps| {
        let mut finder = ChangeFinder::default();
        for (times, value) in steps {
            for _ in 0..*times {
                if let Some(change) = finder.sample(f64::from(*value)) {
                    assert!(change.samples_ago >= 1 && change.before.is_finite(), "{change:?}");
                    assert!(change.after != change.before, "{change:?}");
                }
            }
        }
    });
}
