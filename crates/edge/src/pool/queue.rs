//! Those who wait, by priority and arrival, with the pace at which they are let go.

use super::{Claim, Permit};
use kernel::{Priority, facts::HoldFacts};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) released: u64,
    pub(super) expired: u64,
    pub(super) refused: u64,
    pub(super) left: u64,
}

#[derive(Debug)]
struct Waiter {
    claim: Claim,
    held: bool,
    since: Instant,
    sender: oneshot::Sender<Permit>,
}

/// A token bucket: after an instance came back, `rate` requests a second, until nobody waits.
#[derive(Debug)]
struct Pace {
    rate: f64,
    tokens: f64,
    at: Instant,
    since: Instant,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    waiters: BTreeMap<(Priority, u64), Waiter>,
    next_number: u64,
    pace: Option<Pace>,
    pub(super) counts: Counts,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.waiters.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    pub(super) fn push(
        &mut self,
        claim: Claim,
        held: bool,
        since: Instant,
        sender: oneshot::Sender<Permit>,
    ) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        self.waiters.insert((claim.priority, number), Waiter { claim, held, since, sender });
        number
    }

    pub(super) fn remove(&mut self, priority: Priority, number: u64) -> bool {
        self.waiters.remove(&(priority, number)).is_some()
    }

    /// Whose turn it is, if the pace allows anybody.
    pub(super) fn first(&mut self, now: Instant) -> Option<Claim> {
        if let Some(pace) = &mut self.pace {
            pace.refill(now);
            if pace.tokens < 1.0 {
                return None;
            }
        }
        self.waiters.first_key_value().map(|(_, waiter)| waiter.claim)
    }

    /// Gives `permit` to the first in line; it comes back when that one has just left.
    pub(super) fn release_first(&mut self, now: Instant, permit: Permit) -> Result<(), Permit> {
        let Some((_, waiter)) = self.waiters.pop_first() else { return Err(permit) };
        match waiter.sender.send(permit) {
            Ok(()) => {
                self.counts.released += 1;
                if let Some(pace) = &mut self.pace {
                    pace.refill(now);
                    pace.tokens -= 1.0;
                }
                Ok(())
            }
            Err(permit) => {
                self.counts.left += 1;
                Err(permit)
            }
        }
    }

    /// Begins to let go at `rate` a second; a pace already under way goes on.
    pub(super) fn start_pace(&mut self, rate: u32, now: Instant) {
        if self.waiters.values().any(|waiter| waiter.held) && self.pace.is_none() {
            let rate = f64::from(rate.max(1));
            self.pace = Some(Pace { rate, tokens: 1.0, at: now, since: now });
        }
    }

    pub(super) fn end_pace_when_empty(&mut self) {
        if self.waiters.is_empty() {
            self.pace = None;
        }
    }

    pub(super) fn is_paced(&self) -> bool {
        self.pace.is_some()
    }

    /// Whether who began to wait at `started` is (still) let go by pace.
    pub(super) fn is_paced_since(&self, started: Instant) -> bool {
        self.pace.as_ref().is_some_and(|pace| started <= pace.since)
    }

    pub(super) fn facts(&self, none_healthy: bool, now: Instant) -> HoldFacts {
        let mut facts = HoldFacts {
            released: self.counts.released,
            expired: self.counts.expired,
            refused: self.counts.refused,
            left: self.counts.left,
            ..HoldFacts::default()
        };
        let mut oldest = Duration::ZERO;
        for ((priority, _), waiter) in &self.waiters {
            facts.waiting[*priority as usize] += 1;
            oldest = oldest.max(now.saturating_duration_since(waiter.since));
            if none_healthy || waiter.held {
                facts.held += 1;
            } else {
                facts.queued += 1;
            }
        }
        if !self.waiters.is_empty() {
            facts.oldest_wait_ms = Some(u64::try_from(oldest.as_millis()).unwrap_or(u64::MAX));
        }
        facts
    }
}

impl Pace {
    fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        // Never more than a tenth of a second's worth at once, else a pause becomes a burst.
        self.tokens = (self.tokens + elapsed * self.rate).min((self.rate / 10.0).max(1.0));
        self.at = now;
    }
}
