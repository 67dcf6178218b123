//! What a drill's findings are worth. Pure: evidence in, a verdict and a score out.

use kernel::plan::Reason;
use serde::{Deserialize, Serialize};

/// What a drill looks at, in the order in which it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// Every file of the snapshot came back whole.
    Files,
    /// Every database was loaded into a server of its own, each table with its rows and checksums.
    Database,
    /// What the journal has since the dump was made once more, every row that it touches read back.
    Changes,
    /// The orders in it are those of the shop until then.
    Orders,
    /// One order with all that belongs to it came back, row by row.
    RoundTrip,
    /// The shop was started from it, and answered.
    Boot,
    /// It took no longer than the shop may be away.
    RestoreTime,
    /// The restore point is no older than what may be lost.
    DataLoss,
}

impl CheckKind {
    pub const ALL: [Self; 8] = [
        Self::Files,
        Self::Database,
        Self::Changes,
        Self::Orders,
        Self::RoundTrip,
        Self::Boot,
        Self::RestoreTime,
        Self::DataLoss,
    ];

    /// Names its message, snake_case.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Database => "database",
            Self::Changes => "changes",
            Self::Orders => "orders",
            Self::RoundTrip => "round_trip",
            Self::Boot => "boot",
            Self::RestoreTime => "restore_time",
            Self::DataLoss => "data_loss",
        }
    }

    /// What it is worth beside the others.
    fn weight(self) -> u32 {
        match self {
            Self::Files | Self::Database => 30,
            Self::Changes | Self::Orders | Self::Boot => 20,
            Self::RoundTrip | Self::RestoreTime | Self::DataLoss => 10,
        }
    }

    /// Whether a shop could not be brought back without it.
    fn is_vital(self) -> bool {
        !matches!(self, Self::RestoreTime | Self::DataLoss)
    }
}

/// One thing that was looked at, and what was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    pub kind: CheckKind,
    pub outcome: Outcome,
    /// For people, as a code with figures.
    pub said: Reason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Passed,
    Failed,
    /// It should have been looked at, and could not.
    Unknown,
    /// There is nothing of the kind in the shop.
    Absent,
}

/// What a restore point is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Good,
    /// It can be restored, and not as fast or as new as was agreed.
    Short,
    /// Something that could not be done without was not looked at.
    Unknown,
    Broken,
}

/// The verdict of all that was looked at; what was not looked at proves nothing.
#[must_use]
pub fn verdict(checks: &[Check]) -> Verdict {
    let any = |outcome: Outcome, vital: bool| {
        checks.iter().any(|check| check.outcome == outcome && check.kind.is_vital() == vital)
    };
    let proven =
        checks.iter().any(|check| check.kind.is_vital() && check.outcome == Outcome::Passed);
    if any(Outcome::Failed, true) {
        Verdict::Broken
    } else if any(Outcome::Unknown, true) || !proven {
        Verdict::Unknown
    } else if any(Outcome::Failed, false) || any(Outcome::Unknown, false) {
        Verdict::Short
    } else {
        Verdict::Good
    }
}

/// 0 to 100: the share of what there was to look at that passed, by weight; `None` when there was
/// nothing.
#[must_use]
pub fn score(checks: &[Check]) -> Option<u8> {
    let there = checks.iter().filter(|check| check.outcome != Outcome::Absent);
    let all: u32 = there.clone().map(|check| check.kind.weight()).sum();
    let passed = there.filter(|check| check.outcome == Outcome::Passed);
    let passed: u32 = passed.map(|check| check.kind.weight()).sum();
    // Rounded down: only what is whole is a hundred.
    u8::try_from((passed * 100).checked_div(all)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use CheckKind::{Boot, Changes, DataLoss, Database, Files, Orders, RestoreTime};
    use Outcome::{Absent, Failed, Passed, Unknown};

    #[test]
    fn a_drill_is_worth_what_it_proved() {
        let check = |outcomes: &[(CheckKind, Outcome)], expect: (Verdict, Option<u8>)| {
            let checks: Vec<Check> = outcomes
                .iter()
                .map(|(kind, outcome)| {
                    let said = Reason::new(kind.code(), []);
                    Check { kind: *kind, outcome: *outcome, said }
                })
                .collect();
            assert_eq!((verdict(&checks), score(&checks)), expect, "{outcomes:?}");
        };
        let all = |outcome| CheckKind::ALL.map(|kind| (kind, outcome));
        check(&all(Passed), (Verdict::Good, Some(100)));
        check(&all(Failed), (Verdict::Broken, Some(0)));
        check(&all(Unknown), (Verdict::Unknown, Some(0)));
        check(&all(Absent), (Verdict::Unknown, None));
        check(&[], (Verdict::Unknown, None));
        // A shop of files only.
        check(&[(Files, Passed), (Database, Absent), (Orders, Absent)], (Verdict::Good, Some(100)));
        check(&[(Files, Passed), (Database, Unknown)], (Verdict::Unknown, Some(50)));
        check(&[(Files, Failed), (Database, Passed)], (Verdict::Broken, Some(50)));
        check(
            &[(Files, Passed), (Database, Passed), (Changes, Failed)],
            (Verdict::Broken, Some(75)),
        );
        check(&[(Files, Passed), (RestoreTime, Failed)], (Verdict::Short, Some(75)));
        check(&[(Files, Passed), (Boot, Failed)], (Verdict::Broken, Some(60)));
        check(&[(Files, Passed), (Boot, Unknown)], (Verdict::Unknown, Some(60)));
        check(&[(Files, Passed), (DataLoss, Unknown)], (Verdict::Short, Some(75)));
        check(&[(Orders, Failed), (RestoreTime, Unknown)], (Verdict::Broken, Some(0)));
    }
}
