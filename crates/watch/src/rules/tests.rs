//! Rules as tables: what is seen second by second, and when that becomes an alert; and a property
//! that holds for every course of things.

use super::*;
use kernel::{Params, config::RuleSettings};

/// Ten seconds to fire, five to be over.
fn rules() -> Rules {
    let rule = RuleSettings {
        on: "errors_up".into(),
        enabled: true,
        for_ms: Some(10_000),
        keep_ms: Some(5_000),
    };
    let other = RuleSettings { on: "slow".into(), enabled: false, for_ms: None, keep_ms: None };
    Rules::new(&[rule, other])
}

fn finding(code: &str, share: f64) -> Finding {
    Finding {
        id: code.into(),
        level: Level::Attention,
        code: code.into(),
        params: Params::from([("share".to_owned(), share.into())]),
        since_ms: 0,
    }
}

/// One second: `x` found, `.` not found, `?` the edge tells nothing.
fn second(sign: char) -> Vec<Seen> {
    let found = (sign == 'x').then(|| finding("errors_up", 0.1));
    let blind = if sign == '?' { vec![Source::Edge] } else { vec![] };
    let shop = Some("lamps".parse().unwrap());
    let findings = found.into_iter().chain([finding("slow", 1.0)]).collect();
    vec![Seen { shop, findings, blind }]
}

/// Plays seconds and says at which of them what changed.
fn play(signs: &str) -> Vec<(usize, ChangeKind)> {
    let (rules, mut alerts, mut told) = (rules(), Alerts::default(), Vec::new());
    for (at, sign) in signs.chars().enumerate() {
        let changes = alerts.step(&rules, &second(sign), i64::try_from(at).unwrap() * 1_000);
        told.extend(changes.into_iter().map(|change| (at, change.kind)));
    }
    told
}

#[test]
fn a_finding_fires_when_it_held_and_is_over_when_it_is_gone_for_long_enough() {
    use ChangeKind::{Cleared, DataAgain, Fired, NoData};
    let check = |signs: &str, expect: &[(usize, ChangeKind)]| {
        assert_eq!(play(signs), expect, "{signs}");
    };
    check("..........", &[]);
    check("xxxxxxxxxx.xxxxxxxxxx", &[]);
    check("xxxxxxxxxxx", &[(10, Fired)]);
    check("xxxxxxxxxxxx....", &[(10, Fired)]);
    check("xxxxxxxxxxxx......", &[(10, Fired), (17, Cleared)]);
    check("xxxxxxxxxxxx....x....x....", &[(10, Fired)]);
    // Not seen is not gone, and not there either.
    check("xxxxx?xxxxxxxxx", &[]);
    check("xxxxxxxxxxx????????????", &[(10, Fired), (11, NoData)]);
    check("xxxxxxxxxxx??xx", &[(10, Fired), (11, NoData), (13, DataAgain)]);
    check("xxxxxxxxxxx??......", &[(10, Fired), (11, NoData), (18, Cleared)]);
    check("xxxxxxxxxxx...??...", &[(10, Fired), (14, NoData)]);
}

#[test]
fn one_that_comes_and_goes_is_flapping_and_needs_a_longer_calm() {
    let signs = format!("xxxxxxxxxxx{}{}", "...xx".repeat(4), ".".repeat(1_000));
    let told = play(&signs);
    assert_eq!(told[0], (10, ChangeKind::Fired));
    assert_eq!(told[1], (29, ChangeKind::Flapping));
    assert_eq!(told[2].1, ChangeKind::Cleared);
    assert_eq!(told[2].0, 31 + 900, "a quarter of an hour of calm");
}

#[test]
fn what_left_the_configuration_is_over_at_once() {
    let (rules, mut alerts) = (rules(), Alerts::default());
    alerts.step(&rules, &second('x'), 0);
    alerts.step(&rules, &second('x'), 10_000);
    let changes = alerts.step(&rules, &[], 11_000);
    assert_eq!(changes[0].kind, ChangeKind::Cleared);
    let mut alerts = Alerts::default();
    alerts.step(&rules, &second('x'), 0);
    alerts.step(&rules, &second('x'), 10_000);
    let off = RuleSettings { on: "errors_up".into(), enabled: false, for_ms: None, keep_ms: None };
    let changes = alerts.step(&Rules::new(&[off]), &second('x'), 11_000);
    assert_eq!(changes[0].kind, ChangeKind::Cleared);
}

#[test]
fn other_numbers_are_told_as_an_update() {
    let (rules, mut alerts) = (rules(), Alerts::default());
    alerts.step(&rules, &second('x'), 0);
    alerts.step(&rules, &second('x'), 10_000);
    let mut worse = second('x');
    worse[0].findings[0].level = Level::Broken;
    let changes = alerts.step(&rules, &worse, 11_000);
    assert_eq!(changes.len(), 1);
    assert_eq!((changes[0].kind, changes[0].finding.level), (ChangeKind::Updated, Level::Broken));
}

#[test]
fn a_restart_neither_forgets_what_fires_nor_fires_it_again() {
    let (rules, mut alerts) = (rules(), Alerts::default());
    alerts.step(&rules, &second('x'), 0);
    assert_eq!(alerts.step(&rules, &second('x'), 10_000)[0].kind, ChangeKind::Fired);
    let kept = serde_json::to_string(&alerts).unwrap();
    let mut alerts: Alerts = serde_json::from_str(&kept).unwrap();
    alerts.warm_up(20_000);
    // Judgement has not seen it again yet.
    for at_ms in [21_000, 60_000, 109_000] {
        assert!(alerts.step(&rules, &second('.'), at_ms).is_empty());
    }
    assert!(alerts.step(&rules, &second('x'), 109_500).is_empty());
    assert!(alerts.step(&rules, &second('.'), 111_000).is_empty());
    assert_eq!(alerts.step(&rules, &second('.'), 116_000)[0].kind, ChangeKind::Cleared);
}

#[test]
fn what_is_found_after_a_restart_is_over_when_it_is_gone() {
    let (rules, mut alerts) = (rules(), Alerts::default());
    alerts.warm_up(0);
    alerts.step(&rules, &second('x'), 0);
    assert_eq!(alerts.step(&rules, &second('x'), 10_000)[0].kind, ChangeKind::Fired);
    let kept = serde_json::to_string(&alerts).unwrap();
    alerts.step(&rules, &second('.'), 11_000);
    assert_eq!(alerts.step(&rules, &second('.'), 16_000)[0].kind, ChangeKind::Cleared);
    // One from before is gone only once it was found again.
    let mut alerts: Alerts = serde_json::from_str(&kept).unwrap();
    alerts.warm_up(20_000);
    alerts.step(&rules, &second('.'), 21_000);
    assert!(alerts.step(&rules, &second('.'), 40_000).is_empty());
    alerts.step(&rules, &second('x'), 41_000);
    alerts.step(&rules, &second('.'), 42_000);
    assert_eq!(alerts.step(&rules, &second('.'), 47_000)[0].kind, ChangeKind::Cleared);
}

#[test]
fn every_course_of_things_fires_and_clears_in_turn_and_in_time() {
    bolero::check!().with_type::<Vec<(u8, u8, bool)>>().for_each(|course| {
        let (rules, mut alerts) = (rules(), Alerts::default());
        let (mut steady_ms, mut fires, mut held_ms) = (0, false, None);
        for (sign, seconds, restart) in course {
            steady_ms += i64::from(*seconds % 12) * 1_000;
            let sign = ['x', 'x', '.', '?'][usize::from(*sign % 4)];
            if *restart {
                let kept = serde_json::to_string(&alerts).unwrap();
                alerts = serde_json::from_str(&kept).unwrap();
                held_ms = None;
            }
            held_ms = (sign == 'x').then(|| held_ms.unwrap_or(steady_ms));
            for change in alerts.step(&rules, &second(sign), steady_ms) {
                match change.kind {
                    ChangeKind::Fired => {
                        assert!(!fires, "fired twice");
                        assert!(steady_ms - held_ms.expect("found") >= 10_000, "too early");
                        fires = true;
                    }
                    ChangeKind::Cleared => {
                        assert!(fires && sign == '.', "cleared by what nobody saw");
                        fires = false;
                    }
                    _ => assert!(fires, "a change of what does not fire"),
                }
            }
            assert_eq!(alerts.active().count(), usize::from(fires));
        }
    });
}
