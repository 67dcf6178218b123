//! Which snapshots are kept. Decides and removes nothing: [`crate::Repository::remove_snapshots`] does.

use crate::{Id, Snapshot};
use jiff::{Zoned, civil::ISOWeekDate, tz::TimeZone};
use std::collections::BTreeMap;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What is kept: everything that any of these wants. Of each hour, day, … the last snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub last: u32,
    pub hourly: u32,
    pub daily: u32,
    pub weekly: u32,
    pub monthly: u32,
    pub yearly: u32,
    /// Everything that is not older than this, in milliseconds, as seen from the newest snapshot: when
    /// no new ones come, the old ones stay.
    pub within_ms: Option<i64>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            last: 1,
            hourly: 0,
            daily: 0,
            weekly: 0,
            monthly: 0,
            yearly: 0,
            within_ms: Some(30 * DAY_MS),
        }
    }
}

/// Why a snapshot is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    Last,
    Within,
    Hourly,
    Daily,
    Weekly,
    Monthly,
    Yearly,
    /// It is from a time that has not come: no clock tells how old it is.
    FromTheFuture,
}

/// What becomes of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub snapshot: Id,
    /// Empty: it goes.
    pub reasons: Vec<Reason>,
}

impl Decision {
    #[must_use]
    pub fn is_kept(&self) -> bool {
        !self.reasons.is_empty()
    }
}

/// Decides for each snapshot, the newest first, those of each machine and its paths by themselves.
/// The newest of each is kept whatever the policy says. Hours and days are those of `time_zone`.
#[must_use]
pub fn decide(
    snapshots: &[Snapshot],
    policy: &Policy,
    time_zone: &TimeZone,
    now_ms: i64,
) -> Vec<Decision> {
    let mut groups: BTreeMap<(&str, &[String]), Vec<&Snapshot>> = BTreeMap::new();
    for snapshot in snapshots {
        let group = groups.entry((&snapshot.hostname, &snapshot.paths)).or_default();
        group.push(snapshot);
    }
    let mut decisions = Vec::new();
    for mut group in groups.into_values() {
        group.sort_by_key(|snapshot| std::cmp::Reverse((snapshot.time, snapshot.id)));
        decide_group(&group, policy, time_zone, now_ms, &mut decisions);
    }
    decisions
}

/// Of snapshots with dumps those that a journal goes on from: the newest at or before the oldest moment that
/// is promised (unix milliseconds), and every one since; the newest in any case. Without a promise only
/// that one.
#[must_use]
pub fn needed_by_journal(dumps: &[Snapshot], promised_ms: Option<i64>) -> Vec<Id> {
    let mut newest_first: Vec<&Snapshot> = dumps.iter().collect();
    newest_first.sort_by_key(|snapshot| std::cmp::Reverse((snapshot.time, snapshot.id)));
    let is_since = |one: &Snapshot| promised_ms.is_some_and(|from_ms| one.time.ms() > from_ms);
    let since = newest_first.iter().take_while(|one| is_since(one)).count();
    let and_before = usize::from(promised_ms.is_some());
    let needed = newest_first.iter().take((since + and_before).max(1));
    needed.map(|snapshot| snapshot.id).collect()
}

/// A rule that keeps the newest of each period, for so many periods.
struct Periods {
    reason: Reason,
    left: u32,
    of: fn(&Zoned) -> (i16, i16, i8),
    last: Option<(i16, i16, i8)>,
}

fn decide_group(
    newest_first: &[&Snapshot],
    policy: &Policy,
    time_zone: &TimeZone,
    now_ms: i64,
    decisions: &mut Vec<Decision>,
) {
    let mut periods = periods(policy);
    let mut last = policy.last.max(1);
    let is_future = |snapshot: &Snapshot| snapshot.time.ms() > now_ms.saturating_add(DAY_MS);
    let newest_ms = newest_first
        .iter()
        .find(|snapshot| !is_future(snapshot))
        .map(|snapshot| snapshot.time.ms());
    for snapshot in newest_first {
        let mut reasons = Vec::new();
        if is_future(snapshot) {
            // Counted by no rule, so that it takes no other one's place.
            let reasons = vec![Reason::FromTheFuture];
            decisions.push(Decision { snapshot: snapshot.id, reasons });
            continue;
        }
        if last > 0 {
            last -= 1;
            reasons.push(Reason::Last);
        }
        let since = |within| newest_ms.map(|newest: i64| newest.saturating_sub(within));
        if policy.within_ms.and_then(since).is_some_and(|since| snapshot.time.ms() >= since) {
            reasons.push(Reason::Within);
        }
        let civil = snapshot.time.timestamp().to_zoned(time_zone.clone());
        for period in &mut periods {
            let this = (period.of)(&civil);
            if period.left > 0 && period.last != Some(this) {
                period.left -= 1;
                period.last = Some(this);
                reasons.push(period.reason);
            }
        }
        decisions.push(Decision { snapshot: snapshot.id, reasons });
    }
}

fn periods(policy: &Policy) -> [Periods; 5] {
    let new = |reason, left, of| Periods { reason, left, of, last: None };
    [
        new(Reason::Hourly, policy.hourly, |at| (at.year(), at.day_of_year(), at.hour())),
        new(Reason::Daily, policy.daily, |at| (at.year(), at.day_of_year(), 0)),
        new(Reason::Weekly, policy.weekly, |at| {
            let week = ISOWeekDate::from(at.date());
            (week.year(), week.week().into(), 0)
        }),
        new(Reason::Monthly, policy.monthly, |at| (at.year(), at.month().into(), 0)),
        new(Reason::Yearly, policy.yearly, |at| (at.year(), 0, 0)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Time;

    const HOUR_MS: i64 = 60 * 60 * 1000;
    /// 2026-11-22 12:00 UTC.
    const NOW_MS: i64 = 1_795_348_800_000;

    fn snapshot(number: u32, hours_ago: i64) -> Snapshot {
        let id = Id::of(&number.to_le_bytes());
        let text = format!(
            r#"{{"time":"{}","tree":"{id}","paths":["/srv"],"hostname":"h"}}"#,
            Time::from_ms(NOW_MS - hours_ago * HOUR_MS)
        );
        Snapshot { id, ..serde_json::from_str(&text).unwrap() }
    }

    fn check(hours_ago: &[i64], policy: &Policy, expect: &[i64]) {
        let snapshots: Vec<Snapshot> =
            (0..).zip(hours_ago).map(|(number, hours)| snapshot(number, *hours)).collect();
        let decisions = decide(&snapshots, policy, &TimeZone::UTC, NOW_MS);
        assert_eq!(decisions.len(), snapshots.len());
        let kept: Vec<i64> = decisions
            .iter()
            .filter(|decision| decision.is_kept())
            .map(|decision| {
                let found = snapshots.iter().position(|one| one.id == decision.snapshot);
                hours_ago[found.unwrap()]
            })
            .collect();
        assert_eq!(kept, expect, "{policy:?}");
    }

    fn none() -> Policy {
        Policy { last: 0, within_ms: None, ..Policy::default() }
    }

    #[test]
    fn thirty_days_are_kept_unless_told_otherwise() {
        check(&[0, 24 * 29, 24 * 30, 24 * 31], &Policy::default(), &[0, 24 * 29, 24 * 30]);
        // As seen from the newest: a shop whose backups stopped does not lose them by and by.
        check(&[24 * 100, 24 * 125, 24 * 131], &Policy::default(), &[24 * 100, 24 * 125]);
    }

    #[test]
    fn of_every_period_the_newest_is_kept() {
        let hours: Vec<i64> = (0..60).collect();
        check(&hours, &Policy { hourly: 3, ..none() }, &[0, 1, 2]);
        check(&hours, &Policy { daily: 3, ..none() }, &[0, 13, 37]);
        let days: Vec<i64> = (0..400).map(|day| day * 24).collect();
        // The 22nd of November 2026 is a Sunday.
        check(&days, &Policy { weekly: 2, ..none() }, &[0, 7 * 24]);
        check(&days, &Policy { monthly: 3, ..none() }, &[0, 22 * 24, 53 * 24]);
        check(&days, &Policy { yearly: 2, ..none() }, &[0, 326 * 24]);
        check(&days, &Policy { last: 2, daily: 1, ..none() }, &[0, 24]);
    }

    #[test]
    fn a_journal_needs_the_dump_before_its_oldest_moment_and_all_since() {
        let check = |hours_ago: &[i64], promised: Option<i64>, expect: &[i64]| {
            let dumps: Vec<Snapshot> =
                (0..).zip(hours_ago).map(|(number, hours)| snapshot(number, *hours)).collect();
            let promised_ms = promised.map(|hours| NOW_MS - hours * HOUR_MS);
            let needed = needed_by_journal(&dumps, promised_ms);
            let hours = |id: &Id| hours_ago[dumps.iter().position(|one| one.id == *id).unwrap()];
            assert_eq!(needed.iter().map(hours).collect::<Vec<_>>(), expect, "{promised:?}");
        };
        let weekly = [0, 7 * 24, 14 * 24, 21 * 24];
        check(&weekly, Some(10 * 24), &weekly[..3]);
        check(&weekly, Some(14 * 24), &weekly[..3]);
        check(&weekly, Some(14 * 24 - 1), &weekly[..3]);
        check(&weekly, Some(30 * 24), &weekly);
        check(&weekly, Some(-1), &weekly[..1]);
        // Without a stream the newest dump is the database that there is.
        check(&[14 * 24, 7 * 24], None, &[7 * 24]);
        check(&[], Some(1), &[]);
    }

    #[test]
    fn the_newest_is_always_kept_and_the_future_takes_no_place() {
        check(&[5, 6], &none(), &[5]);
        check(&[-24 * 365, 0, 24], &Policy { last: 2, ..none() }, &[-24 * 365, 0, 24]);
        check(&[-24 * 365, 0, 24 * 40], &Policy::default(), &[-24 * 365, 0]);
        check(&[], &Policy::default(), &[]);
    }
}
