//! Whether a journal stands for a database, so that a backup need not dump it. Judges, and opens nothing.

use super::{Obstacle, Reach};
use crate::{
    VaultError,
    stream::{CopyStanding, Standing, State},
};

/// As long as nobody has measured how fast changes are made once more.
const CHANGES_A_SECOND: u64 = 1_000;
/// Of the time that the shop may be away, changes may take so much: the rest is the dump's.
const SHARE: u64 = 2;

/// What a journal has to keep to. Times are milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// An older dump is followed by another in any case.
    pub every_ms: i64,
    /// What was committed longer ago must be in it.
    pub behind_at_most_ms: i64,
    /// The shop is to be back after so long.
    pub back_within_ms: u64,
    /// As it was measured last.
    pub changes_a_second: Option<u64>,
}

/// What stands for a dump. Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StandIn {
    /// The dump that it goes on from.
    pub dump_ms: i64,
    /// Every change until then is in it.
    pub until_ms: i64,
    /// Since the dump.
    pub changes: u64,
}

/// Why the database is dumped nevertheless.
#[derive(Debug, thiserror::Error)]
pub enum Why {
    #[error("there is no dump yet that a journal could go on from")]
    NoDump,
    #[error("its changes are not followed at the moment")]
    NotFollowed,
    #[error("the journal is {behind_ms} ms behind")]
    Behind { behind_ms: i64 },
    #[error("no copy of the journal lies elsewhere: with this machine it would be lost")]
    NoCopy,
    #[error("the last dump is old enough")]
    Old,
    #[error("the journal does not have every change since the last dump")]
    Gap,
    #[error("{0} since the last dump")]
    Redefined(Obstacle),
    #[error("to make {changes} changes once more would take too long, about {expected_ms} ms")]
    Long { changes: u64, expected_ms: u64 },
    #[error("the journal cannot be read: {}", .0.story())]
    Unreadable(VaultError),
}

/// How long so many changes take; with a cautious guess as long as nobody has measured it.
#[must_use]
pub fn replay_ms(changes: u64, changes_a_second: Option<u64>) -> u64 {
    let rate = changes_a_second.unwrap_or(CHANGES_A_SECOND).max(1);
    changes.saturating_mul(1_000) / rate
}

/// Judges. `standing` is what the stream says of itself; `None`: nothing, or not any more. `reach` is
/// looked up only when everything else is well.
///
/// # Errors
/// Why it does not.
pub fn stand_in(
    terms: &Terms,
    standing: Option<&Standing>,
    (dump_ms, now_ms): (Option<i64>, i64),
    reach: impl FnOnce() -> Result<Result<Reach, Obstacle>, VaultError>,
) -> Result<StandIn, Why> {
    let dump_ms = dump_ms.ok_or(Why::NoDump)?;
    let following = standing.filter(|standing| standing.state == State::Following);
    let following = following.ok_or(Why::NotFollowed)?;
    let behind = |current_ms: Option<i64>| now_ms - current_ms.unwrap_or(i64::MIN / 2);
    let behind_ms = behind(following.current_ms);
    if behind_ms > terms.behind_at_most_ms {
        return Err(Why::Behind { behind_ms });
    }
    let is_well = |copy: &CopyStanding| {
        let every_ms = i64::try_from(copy.every_ms).unwrap_or(i64::MAX);
        let most_ms = terms.behind_at_most_ms.saturating_add(every_ms);
        copy.trouble.is_none() && behind(copy.current_ms) <= most_ms
    };
    if !following.copies.iter().any(is_well) {
        return Err(Why::NoCopy);
    }
    // One from when the clock was ahead tells no age.
    if !(0..terms.every_ms).contains(&(now_ms - dump_ms)) {
        return Err(Why::Old);
    }
    let reach = match reach().map_err(Why::Unreadable)? {
        Ok(reach) => reach,
        Err(obstacle @ Obstacle::Redefined { .. }) => return Err(Why::Redefined(obstacle)),
        Err(_) => return Err(Why::Gap),
    };
    if let Some(obstacle) = reach.ends {
        return Err(Why::Redefined(obstacle));
    }
    let changes = reach.last.changes;
    let expected_ms = replay_ms(changes, terms.changes_a_second);
    if expected_ms > terms.back_within_ms / SHARE {
        return Err(Why::Long { changes, expected_ms });
    }
    Ok(StandIn { dump_ms, until_ms: reach.until_ms, changes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{moment::Point, stream::Trouble};

    const NOW_MS: i64 = 1_795_348_800_000;
    const TERMS: Terms = Terms {
        every_ms: 1_000_000,
        behind_at_most_ms: 60_000,
        back_within_ms: 20_000,
        changes_a_second: None,
    };

    fn standing() -> Standing {
        let current_ms = Some(NOW_MS - 50);
        let copy = CopyStanding { current_ms, every_ms: 5_000, ..CopyStanding::default() };
        Standing { state: State::Following, current_ms, copies: vec![copy], ..Standing::default() }
    }

    fn reach(changes: u64, ends: Option<Obstacle>) -> Reach {
        let last = Point { at_ms: NOW_MS - 50, transactions: changes, changes };
        Reach { from_ms: 0, until_ms: NOW_MS - 50, ends, last, points: Vec::new() }
    }

    fn judged(
        terms: Terms,
        standing: Option<&Standing>,
        dump_ms: Option<i64>,
        reach: Result<Reach, Obstacle>,
    ) -> String {
        let judged = stand_in(&terms, standing, (dump_ms, NOW_MS), || Ok(reach));
        judged.map_or_else(|why| why.to_string(), |_| "stands".to_owned())
    }

    #[test]
    fn a_journal_stands_for_a_dump_only_while_all_of_it_is_well() {
        let dump_ms = Some(NOW_MS - 500_000);
        let check = |standing: Option<&Standing>, dump_ms, reach, expect: &str| {
            let judged = judged(TERMS, standing, dump_ms, reach);
            assert!(judged.contains(expect), "{judged}, not {expect}");
        };
        let well = standing();
        check(Some(&well), dump_ms, Ok(reach(10_000, None)), "stands");
        check(Some(&well), None, Ok(reach(0, None)), "no dump yet");
        check(Some(&well), Some(NOW_MS - 1_000_000), Ok(reach(0, None)), "old enough");
        check(Some(&well), Some(NOW_MS + 1), Ok(reach(0, None)), "old enough");
        check(None, dump_ms, Ok(reach(0, None)), "not followed");
        let away = Standing { state: State::Away, ..standing() };
        check(Some(&away), dump_ms, Ok(reach(0, None)), "not followed");
        let behind = Standing { current_ms: Some(NOW_MS - 60_001), ..standing() };
        check(Some(&behind), dump_ms, Ok(reach(0, None)), "60001 ms behind");
        let unheard = Standing { current_ms: None, ..standing() };
        check(Some(&unheard), dump_ms, Ok(reach(0, None)), "behind");
        check(Some(&well), dump_ms, Err(Obstacle::NotCovered), "every change");
        check(Some(&well), dump_ms, Err(Obstacle::NoPlace), "every change");
        let redefined = Obstacle::Redefined {
            table: Some("public.orders".to_owned()),
            statement: None,
            at_ms: NOW_MS - 100,
        };
        check(Some(&well), dump_ms, Ok(reach(1, Some(redefined.clone()))), "`public.orders`");
        check(Some(&well), dump_ms, Err(redefined), "`public.orders`");
    }

    #[test]
    fn without_a_copy_elsewhere_nothing_stands_for_a_dump() {
        let check = |copies: Vec<CopyStanding>, expect: &str| {
            let standing = Standing { copies, ..standing() };
            let dump_ms = Some(NOW_MS - 500_000);
            let judged = judged(TERMS, Some(&standing), dump_ms, Ok(reach(0, None)));
            assert!(judged.contains(expect), "{judged}, not {expect}");
        };
        let [well] = standing().copies.try_into().unwrap();
        let behind = CopyStanding { current_ms: Some(NOW_MS - 65_001), ..well.clone() };
        let trouble = Some(Trouble { code: "x".into(), message: "full".into() });
        let failing = CopyStanding { trouble, ..well.clone() };
        check(Vec::new(), "no copy");
        check(vec![behind.clone(), failing.clone()], "no copy");
        check(vec![behind, failing, well], "stands");
    }

    #[test]
    fn changes_may_take_half_of_the_time_that_a_shop_may_be_away() {
        let check = |changes, changes_a_second, expect: &str| {
            let terms = Terms { changes_a_second, ..TERMS };
            let (standing, dump_ms) = (standing(), Some(NOW_MS - 500_000));
            let judged = judged(terms, Some(&standing), dump_ms, Ok(reach(changes, None)));
            assert!(judged.contains(expect), "{judged}, not {expect}");
        };
        check(10_000, None, "stands");
        check(10_002, None, "too long");
        check(10_002, Some(5_000), "stands");
        check(10_000, Some(500), "about 20000 ms");
    }
}
