//! By tables of tries, without a clock.

use super::*;
use ::checks::{AddressFamily, Check, Conclusion, Outcome, TcpCheck};
use kernel::config::{CheckTarget, TcpTarget};

fn settings(name: &str) -> CheckSettings {
    CheckSettings {
        name: name.to_owned(),
        shop: Some("lamps".parse().unwrap()),
        target: CheckTarget::Tcp(TcpTarget { host: "::1".to_owned(), port: 25, banner: None }),
        every_ms: 60_000,
        within_ms: 10_000,
        failures: 2,
        root: None,
    }
}

fn check() -> Check {
    Check::Tcp(TcpCheck {
        host: "::1".to_owned(),
        port: 25,
        family: AddressFamily::Any,
        banner: None,
    })
}

fn tried(at_ms: i64, conclusion: Conclusion) -> Tried {
    let untried = Outcome::untried(at_ms, "root_unreadable", "not there".to_owned());
    let outcome = Outcome { conclusion, took_seconds: 0.25, ..untried };
    Tried::of_outcome(Some(&check()), &outcome)
}

fn unknown() -> Conclusion {
    Outcome::untried(0, "root_unreadable", "not there".to_owned()).conclusion
}

fn failed() -> Conclusion {
    let Conclusion::Unknown(reason) = unknown() else { panic!("it is unknown") };
    Conclusion::Failed(reason)
}

/// A book of one check, and how it stands after these tries, a minute apart.
fn after(tries: &[Conclusion]) -> (Book, CheckStanding) {
    let mut book = Book::default();
    assert!(book.configure(&[settings("mail")], 0, 1_000));
    for (at_ms, conclusion) in (1..).map(|minute| minute * 60_000).zip(tries) {
        book.hear(&settings("mail"), tried(at_ms, conclusion.clone()), at_ms);
    }
    let last_ms = 60_000 * i64::try_from(tries.len()).unwrap();
    let standing = book.standing(last_ms, last_ms).checks.remove(0);
    (book, standing)
}

#[test]
fn what_was_never_tried_is_unknown() {
    let (book, standing) = after(&[]);
    assert_eq!((standing.state, standing.since_ms), (CheckState::Unknown, 1_000));
    assert_eq!((standing.tried_ms, standing.reason), (None, None));
    assert_eq!(standing.place, "[::1]:25");
    assert!(book.told(0)[0].readings.is_empty(), "nothing is known, and nothing is told");
}

#[test]
fn a_state_lasts_since_the_first_try_that_said_so() {
    let (_, standing) = after(&[Conclusion::Passed, Conclusion::Passed]);
    assert_eq!((standing.state, standing.since_ms), (CheckState::Ok, 60_000));
    assert_eq!((standing.tried_ms, standing.took_ms), (Some(120_000), Some(250.0)));
    let (_, standing) = after(&[Conclusion::Passed, failed(), failed()]);
    assert_eq!((standing.state, standing.since_ms), (CheckState::Failing, 120_000));
    assert_eq!((standing.failures, standing.recent.len()), (2, 3));
    assert_eq!(standing.reason.unwrap().code, "root_unreadable");
    let (_, standing) = after(&[failed(), failed(), Conclusion::Passed]);
    assert_eq!((standing.state, standing.failures, standing.reason), (CheckState::Ok, 0, None));
}

#[test]
fn unknown_ends_no_row_of_failures_and_makes_none_longer() {
    let (_, standing) = after(&[failed(), unknown()]);
    assert_eq!((standing.state, standing.failures), (CheckState::Unknown, 1));
}

#[test]
fn one_whose_task_says_nothing_any_more_is_unknown() {
    let (book, standing) = after(&[Conclusion::Passed]);
    assert_eq!(standing.state, CheckState::Ok);
    let success = |steady_ms| {
        let mut found = None;
        book.told(steady_ms)[0].readings.each(|reading| {
            found = found.or((reading.name == "probe_success").then_some(reading.value));
        });
        found
    };
    assert_eq!(success(60_000), Some(1.0));
    let late_ms = 60_000 + 70_000 + LATE_MS + 1;
    let standing = book.standing(late_ms, late_ms).checks.remove(0);
    assert_eq!((standing.state, standing.since_ms), (CheckState::Unknown, 60_000));
    assert_eq!(success(late_ms), None);
}

#[test]
fn what_stays_in_the_configuration_keeps_what_is_known() {
    let (mut book, _) = after(&[Conclusion::Passed]);
    assert!(!book.configure(&[settings("mail")], 61_000, 61_000), "nothing changes");
    assert!(book.configure(&[settings("page"), settings("mail")], 61_000, 61_000));
    let states: Vec<CheckState> =
        book.standing(61_000, 61_000).checks.iter().map(|check| check.state).collect();
    assert_eq!(states, [CheckState::Unknown, CheckState::Ok]);
    let changed = CheckSettings { failures: 5, ..settings("mail") };
    assert!(book.configure(&[changed], 62_000, 62_000));
    let standing = book.standing(62_000, 62_000);
    assert_eq!(standing.checks[0].state, CheckState::Unknown, "it is another one now");
    book.hear(&settings("mail"), tried(63_000, Conclusion::Passed), 63_000);
    assert_eq!(book.standing(63_000, 63_000), standing, "one that is gone is not heard");
}
