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

/// A place in line: the lowest is served first.
pub(super) type Turn = (Priority, u64);

#[derive(Debug)]
struct Waiter {
    claim: Claim,
    since: Instant,
    sender: oneshot::Sender<Permit>,
}

/// A token bucket: after an instance came back, `rate` requests a second, until nobody is held.
#[derive(Debug)]
struct Pace {
    rate: f64,
    tokens: f64,
    at: Instant,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Those who came while no instance was healthy. A pace concerns them alone: were it everybody's,
    /// a shop with more visitors than that would be held to it for ever.
    held: BTreeMap<Turn, Waiter>,
    queued: BTreeMap<Turn, Waiter>,
    next_number: u64,
    pace: Option<Pace>,
    pub(super) counts: Counts,
}

/// Who is next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Next {
    turn: Turn,
    held: bool,
    pub(super) claim: Claim,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.held.len() + self.queued.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn push(
        &mut self,
        claim: Claim,
        held: bool,
        since: Instant,
        sender: oneshot::Sender<Permit>,
    ) -> Turn {
        let turn = (claim.priority, self.next_number);
        self.next_number += 1;
        let line = if held { &mut self.held } else { &mut self.queued };
        line.insert(turn, Waiter { claim, since, sender });
        turn
    }

    pub(super) fn remove(&mut self, turn: Turn) -> bool {
        self.held.remove(&turn).or_else(|| self.queued.remove(&turn)).is_some()
    }

    /// Whose turn it is; of the held, only as the pace allows.
    pub(super) fn next(&mut self, now: Instant) -> Option<Next> {
        let held = self.held.first_key_value().filter(|_| match &mut self.pace {
            None => true,
            Some(pace) => {
                pace.refill(now);
                pace.tokens >= 1.0
            }
        });
        let next = |held| {
            move |(turn, waiter): (&Turn, &Waiter)| Next { turn: *turn, held, claim: waiter.claim }
        };
        let queued = self.queued.first_key_value().map(next(false));
        held.map(next(true)).into_iter().chain(queued).min_by_key(|next| next.turn)
    }

    /// Gives `permit` to whose turn it is; it comes back when that one has just left.
    pub(super) fn release(&mut self, next: Next, permit: Permit) -> Result<(), Permit> {
        let line = if next.held { &mut self.held } else { &mut self.queued };
        let Some(waiter) = line.remove(&next.turn) else { return Err(permit) };
        if let Err(permit) = waiter.sender.send(permit) {
            self.counts.left += 1;
            return Err(permit);
        }
        self.counts.released += 1;
        if let Some(pace) = self.pace.as_mut().filter(|_| next.held) {
            pace.tokens -= 1.0;
        }
        Ok(())
    }

    /// Begins to let the held go at `rate` a second; a pace already under way goes on.
    pub(super) fn start_pace(&mut self, rate: u32, now: Instant) {
        if !self.held.is_empty() && self.pace.is_none() {
            self.pace = Some(Pace { rate: f64::from(rate.max(1)), tokens: 1.0, at: now });
        }
    }

    pub(super) fn end_pace_when_nobody_is_held(&mut self) {
        if self.held.is_empty() {
            self.pace = None;
        }
    }

    pub(super) fn is_paced(&self) -> bool {
        self.pace.is_some()
    }

    pub(super) fn facts(&self, none_healthy: bool, now: Instant) -> HoldFacts {
        let (held, queued) = (self.held.len() as u64, self.queued.len() as u64);
        let mut facts = HoldFacts {
            held: if none_healthy { held + queued } else { held },
            queued: if none_healthy { 0 } else { queued },
            released: self.counts.released,
            expired: self.counts.expired,
            refused: self.counts.refused,
            left: self.counts.left,
            ..HoldFacts::default()
        };
        let mut oldest = Duration::ZERO;
        for ((priority, _), waiter) in self.held.iter().chain(&self.queued) {
            facts.waiting[*priority as usize] += 1;
            oldest = oldest.max(now.saturating_duration_since(waiter.since));
        }
        if !self.is_empty() {
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
