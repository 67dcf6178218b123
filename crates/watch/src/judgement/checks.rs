//! Checks from outside: what fails, what is not known, and certificates that end soon.

use super::Sign;
use crate::checks::{CheckStanding, CheckState, in_words};
use kernel::{Level, config::Language};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Those that renew themselves do it a month before; a person needs days.
const ENDING_MS: i64 = 14 * DAY_MS;

/// Of a shop's checks, or of the machine's.
pub(super) fn signs(checks: &[CheckStanding], now_ms: i64) -> Vec<Sign> {
    let of_one = |check| [state_sign(check), certificate_sign(check, now_ms)];
    checks.iter().flat_map(of_one).flatten().collect()
}

fn state_sign(check: &CheckStanding) -> Option<Sign> {
    // A page that visitors do not get is worse than a service that may be doing without.
    let is_page = matches!(check.kind.as_str(), "http" | "journey") && check.shop.is_some();
    let level = if is_page { Level::Broken } else { Level::Attention };
    let (code, level) = match check.state {
        CheckState::Ok => return None,
        CheckState::Failing => ("check_failing", level),
        // It failed, and nothing says that it does not any more.
        CheckState::Unknown if check.failures > 0 => ("check_failing", level),
        CheckState::Unknown => ("check_unknown", Level::Attention),
    };
    // One that was not tried yet says nothing, and has nothing to be said of.
    let reason = check.reason.as_ref()?;
    let mut sign = about(code, level, check).since(check.since_ms);
    sign.params.extend(reason.params.clone());
    let words = in_words(Language::English, &reason.code, &reason.params);
    let sign = sign.with("reason", reason.code.as_str()).with("error", words);
    let is_told = match check.state {
        CheckState::Failing => check.failures >= check.failures_until_told,
        CheckState::Ok | CheckState::Unknown => code == "check_unknown",
    };
    Some(sign.with("since_ms", check.since_ms).raised_if(is_told))
}

fn certificate_sign(check: &CheckStanding, now_ms: i64) -> Option<Sign> {
    let is_good = check.state == CheckState::Ok;
    let ends_ms =
        check.certificate_ends_ms.filter(|ends_ms| is_good && ends_ms - now_ms < ENDING_MS)?;
    let sign = about("check_certificate_ending", Level::Attention, check);
    Some(sign.with("ends_ms", ends_ms))
}

fn about(code: &'static str, level: Level, check: &CheckStanding) -> Sign {
    let sign = Sign::new(code, level).about(check.name.as_str());
    sign.with("check", check.name.as_str()).with("place", check.place.as_str())
}

/// Whether one of them was not tried yet: what they do not find is not gone.
pub(crate) fn is_blind(checks: &[CheckStanding]) -> bool {
    checks.iter().any(|check| check.tried_ms.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::CheckReason;
    use kernel::Params;

    fn check(state: CheckState, failures: u32) -> CheckStanding {
        CheckStanding {
            name: "front".into(),
            shop: Some("lamps".parse().unwrap()),
            kind: "http".into(),
            place: "https://lamps.example".into(),
            every_ms: 60_000,
            state,
            since_ms: 7,
            tried_ms: Some(7),
            took_ms: Some(1.0),
            phases: Vec::new(),
            reason: (state != CheckState::Ok).then(|| CheckReason {
                code: "status_differs".into(),
                params: Params::from([("status".to_owned(), 502_i64.into())]),
            }),
            failures,
            failures_until_told: 2,
            http_status: None,
            address: None,
            certificate_ends_ms: Some(20 * DAY_MS),
            steps: Vec::new(),
            evidence: None,
            placed: None,
            recent: Vec::new(),
        }
    }

    fn said(check: CheckStanding) -> Vec<String> {
        let signs = signs(&[check], 0);
        signs.iter().map(|sign| format!("{} {:?} {}", sign.id(), sign.level, sign.raises)).collect()
    }

    #[test]
    fn what_checks_say_becomes_findings() {
        assert_eq!(said(check(CheckState::Ok, 0)), [""; 0]);
        assert_eq!(said(check(CheckState::Failing, 1)), ["check_failing:front Broken false"]);
        assert_eq!(said(check(CheckState::Failing, 2)), ["check_failing:front Broken true"]);
        let of_machine = CheckStanding { shop: None, ..check(CheckState::Failing, 2) };
        assert_eq!(said(of_machine), ["check_failing:front Attention true"]);
        assert_eq!(said(check(CheckState::Unknown, 0)), ["check_unknown:front Attention true"]);
        let was_failing = check(CheckState::Unknown, 2);
        assert_eq!(said(was_failing), ["check_failing:front Broken false"], "it is kept");
        let untried = CheckStanding { reason: None, ..check(CheckState::Unknown, 0) };
        assert_eq!(said(untried), [""; 0]);
        let ending =
            CheckStanding { certificate_ends_ms: Some(13 * DAY_MS), ..check(CheckState::Ok, 0) };
        assert_eq!(said(ending), ["check_certificate_ending:front Attention true"]);
    }

    #[test]
    fn a_finding_says_why_in_words_and_as_a_code() {
        let sign = &signs(&[check(CheckState::Failing, 2)], 0)[0];
        assert_eq!(sign.params["error"], "it answers 502".into());
        assert_eq!(sign.params["reason"], "status_differs".into());
        assert_eq!(sign.params["status"], 502_i64.into());
        assert_eq!(sign.since_ms, Some(7));
    }

    #[test]
    fn what_was_not_tried_yet_ends_nothing() {
        let untried = CheckStanding { tried_ms: None, ..check(CheckState::Unknown, 0) };
        assert!(is_blind(&[check(CheckState::Ok, 0), untried]));
        assert!(!is_blind(&[check(CheckState::Failing, 1), check(CheckState::Unknown, 0)]));
    }
}
