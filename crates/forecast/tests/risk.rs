//! Money at risk.

use forecast::{Estimate, Expected, lost_share, money_at_risk};

fn hour(an_hour: f64, spread: f64) -> Expected {
    Expected { an_hour, spread, level: 1.0, dispersion: 1.0, weeks: 8 }
}

#[test]
fn too_little_says_no_share() {
    assert_eq!(lost_share(2.9, 0), None);
    assert_eq!(lost_share(f64::NAN, 0), None);
    assert_eq!(lost_share(f64::INFINITY, 0), None);
}

/// Exact 95 % limits of a Poisson count of 10 are 4.795 and 18.39, the upper one of 0 is 3.689 (Garwood, Biometrika 28, 1936).
#[test]
fn limits_are_near_the_exact_ones() {
    let share = lost_share(100.0, 10).expect("enough is expected");
    assert!((share.high - (1.0 - 0.04795)).abs() < 0.001, "{share:?}");
    assert!((share.low - (1.0 - 0.1839)).abs() < 0.001, "{share:?}");
    assert_eq!(share.likely, 0.9);
    let none = lost_share(10.0, 0).expect("enough is expected");
    assert!((none.low - (1.0 - 0.3689)).abs() < 0.02, "{none:?}");
    assert_eq!((none.likely, none.high), (1.0, 1.0));
}

#[test]
fn money_is_the_hour_times_the_share() {
    let lost = Estimate { low: 0.5, likely: 0.5, high: 1.0 };
    let money = money_at_risk(Some(hour(600.0, 0.0)), lost);
    assert_eq!(money, Some(Estimate { low: 5.0, likely: 5.0, high: 10.0 }));
    assert_eq!(money_at_risk(None, lost), None, "no baseline");
    let beyond = Estimate { high: 1.1, ..lost };
    assert_eq!(money_at_risk(Some(hour(600.0, 0.0)), beyond), None, "no share");
    let unordered = Estimate { low: 0.6, ..lost };
    assert_eq!(money_at_risk(Some(hour(600.0, 0.0)), unordered), None, "out of order");
    assert_eq!(money_at_risk(Some(hour(f64::NAN, 0.0)), lost), None, "no revenue");
}

#[test]
fn any_numbers_give_ordered_money() {
    bolero::check!().with_type::<(u32, u32, u32, u32)>().for_each(
        |(expected, came, an_hour, spread)| {
            let Some(lost) = lost_share(f64::from(*expected) / 1000.0, *came) else {
                assert!(*expected < 3000);
                return;
            };
            assert!(lost.low <= lost.likely && lost.likely <= lost.high, "{lost:?}");
            assert!(0.0 <= lost.low && lost.high <= 1.0, "{lost:?}");
            let revenue = hour(f64::from(*an_hour), f64::from(*spread));
            let money = money_at_risk(Some(revenue), lost).expect("both are known");
            assert!(0.0 <= money.low && money.low <= money.likely, "{money:?}");
            assert!(money.likely <= money.high && money.high.is_finite(), "{money:?}");
        },
    );
}
