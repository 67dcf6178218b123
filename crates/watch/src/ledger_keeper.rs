//! Keeps the ledger beyond dispute: has checkpoints made and sends them off the machine.
//!
//! It never judges a ledger itself: the store does, the new records before it signs and all of them
//! at the start and every ten minutes. It gives up on no destination: what could not be sent is
//! remembered in the store and sent when it can be.

use crate::{Watch, orders::now_ms};
use kernel::config::{DestinationSettings, LedgerSettings};
use outbound::{
    OutboundError,
    destination::{Copy, Destination},
    http::Client,
};
use serde::Serialize;
use std::{sync::Arc, time::Duration};
use store::{Checkpoint, CheckpointOutcome, LedgerFault, LedgerKey, Store, StoreError};
use tokio::sync::watch;

/// So many new records have a checkpoint at once.
const RECORDS: u64 = 256;
/// How often it is looked whether there is something to do.
const TURN: Duration = Duration::from_secs(5);
/// How often the whole ledger is looked through; in between what is new.
const WHOLE_MS: i64 = 600_000;
/// Until a destination that failed is tried again; twice as long each time.
const RETRY_MS: i64 = 30_000;
const RETRY_LIMIT_MS: i64 = 3_600_000;
/// Checkpoints that one destination gets in one turn, so that one with a backlog holds up no other.
const BATCH: u32 = 50;

/// The task that keeps it. One a store.
#[derive(Debug)]
pub struct LedgerKeeper {
    store: Store,
    key: Arc<LedgerKey>,
    client: Client,
    checkpoint_ms: i64,
    deliveries: Vec<Delivery>,
    /// When the ledger's new records were last looked through.
    looked_ms: Option<i64>,
    standing: watch::Sender<LedgerStanding>,
}

/// How it stands with the ledger, as of the last turn.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct LedgerStanding {
    /// The last record that a checkpoint covers; 0 when none does.
    pub covered: u64,
    /// When that checkpoint was made, unix milliseconds.
    pub covered_at_ms: Option<i64>,
    /// When the whole ledger was last looked through, unix milliseconds; `None`: not yet.
    pub looked_at_all_ms: Option<i64>,
    /// When the first record was made, as of then.
    pub first_at_ms: Option<i64>,
    /// What does not hold, and when that was first seen. No checkpoint is made meanwhile.
    pub broken: Option<(LedgerFault, i64)>,
    /// In the order of the configuration.
    pub destinations: Vec<DestinationStanding>,
}

/// How it stands with one destination.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DestinationStanding {
    /// What the store remembers it by; without secrets.
    pub id: String,
    /// For people; without secrets.
    pub label: String,
    /// The last record of the last checkpoint that it has got; `None` before that is known.
    pub delivered: Option<u64>,
    pub failing: Option<Failing>,
}

/// A destination that does not take what it is sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failing {
    /// Unix milliseconds.
    pub since_ms: i64,
    pub error: String,
    /// Unix milliseconds.
    pub retry_at_ms: i64,
    pub(crate) failures: u32,
}

#[derive(Debug)]
struct Delivery {
    settings: DestinationSettings,
    destination: Destination,
    delivered: Option<u64>,
    failing: Option<Failing>,
}

impl LedgerKeeper {
    #[must_use]
    pub fn new(
        store: Store,
        key: Arc<LedgerKey>,
        client: Client,
        settings: &LedgerSettings,
    ) -> Self {
        let (standing, _) = watch::channel(LedgerStanding::default());
        let mut keeper = Self {
            store,
            key,
            client,
            checkpoint_ms: 0,
            deliveries: Vec::new(),
            looked_ms: None,
            standing,
        };
        keeper.configure(settings);
        keeper
    }

    /// How it stands, now and whenever that changes.
    #[must_use]
    pub fn standing(&self) -> watch::Receiver<LedgerStanding> {
        self.standing.subscribe()
    }

    /// Goes on with other settings. A destination that stays keeps its patience.
    pub fn configure(&mut self, settings: &LedgerSettings) {
        self.checkpoint_ms = i64::try_from(settings.checkpoint_ms).unwrap_or(i64::MAX);
        let mut before = std::mem::take(&mut self.deliveries);
        for settings in &settings.to {
            let known = before.iter().position(|delivery| delivery.settings == *settings);
            self.deliveries.push(match known {
                Some(index) => before.swap_remove(index),
                None => Delivery {
                    settings: settings.clone(),
                    destination: Destination::new(settings),
                    delivered: None,
                    failing: None,
                },
            });
        }
    }

    /// Keeps it until `stop` is true or nobody is left to say so, and tells `watch` how it stands.
    /// `settings` may change meanwhile.
    pub async fn run(
        mut self,
        watch: Watch,
        mut settings: watch::Receiver<LedgerSettings>,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut turns = tokio::time::interval(TURN);
        turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                _ = turns.tick() => {}
                Ok(()) = settings.changed() => {
                    let now = settings.borrow_and_update().clone();
                    self.configure(&now);
                }
            }
            // A turn may wait for a slow destination; nothing is lost by leaving it there.
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                () = self.turn(now_ms()) => {}
            }
            watch.with(|live| live.ledger(self.standing.borrow().clone()));
        }
    }

    /// Does what is to be done by now.
    pub async fn turn(&mut self, now_ms: i64) {
        if let Err(error) = self.cover(now_ms).await {
            // The store has said so itself, once, and is a finding.
            tracing::debug!(%error, "no checkpoint of the ledger could be made; it is tried again");
        }
        let covered = self.standing.borrow().covered;
        let behind = |delivery: &&mut Delivery| delivery.delivered.unwrap_or(0) < covered;
        for delivery in self.deliveries.iter_mut().filter(behind) {
            delivery.deliver(&self.store, &self.client, covered, now_ms).await;
        }
        let destinations = self.deliveries.iter().map(Delivery::standing).collect();
        self.standing.send_if_modified(|standing| {
            let changed = standing.destinations != destinations;
            standing.destinations = destinations;
            changed
        });
    }

    /// Has a checkpoint made when it is time, after the whole ledger was looked through when that is.
    async fn cover(&mut self, now_ms: i64) -> Result<(), StoreError> {
        let (last, records) = self.store.ledger_progress().await?;
        let covered = last.as_ref().map_or(0, |last| last.sequence);
        let late = is_late(self.looked_ms, self.checkpoint_ms, now_ms);
        if !late && records.saturating_sub(covered) < RECORDS {
            return Ok(());
        }
        let (was_broken, looked_at_all_ms) = {
            let standing = self.standing.borrow();
            (standing.broken.is_some(), standing.looked_at_all_ms)
        };
        let mut fault = None;
        if was_broken || is_late(looked_at_all_ms, WHOLE_MS, now_ms) {
            let found = self.store.verify_ledger(vec![self.key.public()]).await?;
            self.standing.send_modify(|standing| {
                standing.looked_at_all_ms = Some(now_ms);
                standing.first_at_ms = found.first_at_ms;
            });
            fault = found.faults.into_iter().next();
        }
        let outcome = match fault {
            Some(fault) => CheckpointOutcome::Broken(fault),
            None => self.store.make_ledger_checkpoint(Arc::clone(&self.key), now_ms).await?,
        };
        self.looked_ms = Some(now_ms);
        self.standing.send_if_modified(|standing| note(standing, last.as_ref(), outcome, now_ms));
        Ok(())
    }
}

/// Whether it is time again.
fn is_late(last_ms: Option<i64>, every_ms: i64, now_ms: i64) -> bool {
    // A clock that went back says nothing of how much time has passed.
    last_ms.is_none_or(|last_ms| !(0..every_ms).contains(&(now_ms - last_ms)))
}

/// Takes the outcome in; whether anything is different now.
fn note(
    standing: &mut LedgerStanding,
    last: Option<&Checkpoint>,
    outcome: CheckpointOutcome,
    now_ms: i64,
) -> bool {
    let before = standing.clone();
    let newest = match &outcome {
        CheckpointOutcome::Made(made) => Some(made),
        CheckpointOutcome::NothingNew | CheckpointOutcome::Broken(_) => last,
    };
    standing.covered = newest.map_or(0, |newest| newest.sequence);
    standing.covered_at_ms = newest.map(|newest| newest.at_ms);
    standing.broken = match outcome {
        CheckpointOutcome::Broken(fault) => {
            let since_ms = before.broken.as_ref().map_or(now_ms, |(_, since_ms)| *since_ms);
            if before.broken.is_none() {
                tracing::error!(
                    ?fault,
                    "the ledger does not hold: it was changed by something else than Storewarden"
                );
            }
            Some((fault, since_ms))
        }
        CheckpointOutcome::Made(_) | CheckpointOutcome::NothingNew => None,
    };
    *standing != before
}

impl Delivery {
    /// Sends what this destination has not got up to `covered`, oldest first, until one fails.
    async fn deliver(&mut self, store: &Store, client: &Client, covered: u64, now_ms: i64) {
        if self.failing.as_ref().is_some_and(|failing| now_ms < failing.retry_at_ms) {
            return;
        }
        let id = self.destination.id();
        let waiting = match store.undelivered_checkpoints(id.clone(), BATCH).await {
            Ok(waiting) => waiting,
            Err(error) => {
                tracing::debug!(%error, "what has still to be sent cannot be read");
                return;
            }
        };
        if waiting.is_empty() {
            // It has got everything already, from us before a restart.
            self.delivered = Some(covered);
        }
        for checkpoint in waiting {
            let sequence = checkpoint.sequence;
            if let Err(error) = self.destination.put(client, copy(&checkpoint), now_ms).await {
                self.fail(&error, now_ms);
                return;
            }
            if let Err(error) = store.note_delivery(id.clone(), sequence, now_ms).await {
                // It will be sent once more, which does no harm.
                tracing::debug!(%error, "a delivered checkpoint could not be noted");
                return;
            }
            if self.failing.take().is_some() {
                tracing::info!(to = self.destination.label(), "checkpoints are taken again");
            }
            self.delivered = Some(sequence);
        }
    }

    fn fail(&mut self, error: &OutboundError, now_ms: i64) {
        let error = error.story();
        let failures = self.failing.as_ref().map_or(0, |failing| failing.failures);
        let wait_ms = RETRY_MS.saturating_mul(1 << failures.min(20)).min(RETRY_LIMIT_MS);
        if failures == 0 {
            let to = self.destination.label();
            tracing::warn!(to, error, "a checkpoint of the ledger could not be sent");
        }
        self.failing = Some(Failing {
            since_ms: self.failing.as_ref().map_or(now_ms, |failing| failing.since_ms),
            error,
            retry_at_ms: now_ms + wait_ms,
            failures: failures + 1,
        });
    }

    fn standing(&self) -> DestinationStanding {
        DestinationStanding {
            id: self.destination.id(),
            label: self.destination.label(),
            delivered: self.delivered,
            failing: self.failing.clone(),
        }
    }
}

fn copy(checkpoint: &Checkpoint) -> Copy {
    let (name, body) = (checkpoint.name(), checkpoint.text().into());
    Copy { name, body, content_type: "application/json" }
}

#[cfg(test)]
mod tests;
