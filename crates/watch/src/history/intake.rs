//! What others measured and send: remote write of Prometheus and whoever speaks it.
//!
//! What is taken is on disk when the answer goes out. What can never be taken is counted, and the first of it named; what cannot be
//! taken now has the sender come again with all of it, since the same sample twice is one.

use super::{History, SERIES_COLLECTED, WAITING_BYTES};
use crate::{WatchError, orders::now_ms};
use promql::wire::{
    Key, Known, WireError,
    remote_write::{Entry, Limits, Received, Receiver, Version},
};
use series::{Labels, Sample, Series, SeriesError, SeriesRef};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Series of others that there is room for.
pub const MOST_OF_OTHERS: usize = 200_000;
/// Senders that are remembered; one more, and the others are looked up anew.
const MOST_SENDERS: usize = 64;
/// Requests after which series that did not come are looked up anew when they do.
const ROUND: u32 = 2_000;

/// What became of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// Samples that are on disk now.
    pub samples: u64,
    /// What will never be taken, and why; `None`: all was.
    pub complaint: Option<String>,
}

/// Why nothing of a request was taken.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// It will never be: the sender is not to come again.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// It may be later: the sender is to come again with the same.
    #[error("these samples cannot be taken now")]
    Later(#[source] WatchError),
}

/// What is remembered of each sender.
#[derive(Debug, Default)]
pub(super) struct Senders(Mutex<HashMap<String, Arc<Mutex<Sender>>>>);

#[derive(Debug)]
struct Sender {
    receiver: Receiver,
    known: Known<SeriesRef>,
    /// Requests of this round.
    requests: u32,
}

/// A request as it is read.
#[derive(Debug, Default)]
struct Batch {
    known: Vec<(SeriesRef, Sample)>,
    new: Vec<(Labels, Vec<Sample>)>,
    left_out: LeftOut,
}

/// What is never taken.
#[derive(Debug, Default)]
struct LeftOut {
    /// Series whose labels the store does not take, and why the first of them.
    unfit: u64,
    first_unfit: Option<String>,
    /// Series that there is no room for.
    surplus: u64,
    too_old: u64,
    too_new: u64,
}

impl Senders {
    fn sender(&self, name: &str) -> Arc<Mutex<Sender>> {
        let mut senders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if senders.len() >= MOST_SENDERS && !senders.contains_key(name) {
            senders.clear();
        }
        let new = || {
            let (receiver, known) = (Receiver::new(Limits::default()), Known::new(MOST_OF_OTHERS));
            Arc::new(Mutex::new(Sender { receiver, known, requests: 0 }))
        };
        Arc::clone(senders.entry(name.to_owned()).or_insert_with(new))
    }
}

impl History {
    /// Takes what a sender of this name sent, on disk when it returns.
    ///
    /// # Errors
    /// [`IntakeError`] says whether the sender may come again.
    pub async fn take_in(
        &self,
        sender: &str,
        version: Version,
        body: impl AsRef<[u8]> + Send + 'static,
    ) -> Result<Taken, IntakeError> {
        let (history, sender) = (self.clone(), self.0.intake.sender(sender));
        let work = move || history.take_in_now(&sender, version, body.as_ref(), now_ms());
        let taken = tokio::task::spawn_blocking(work).await;
        taken.map_err(|error| IntakeError::Later(WatchError::HistoryBroke(error)))?
    }

    fn take_in_now(
        &self,
        sender: &Mutex<Sender>,
        version: Version,
        body: &[u8],
        now_ms: i64,
    ) -> Result<Taken, IntakeError> {
        let store = self.series(now_ms).map_err(IntakeError::Later)?;
        let (mut batch, received, appended) = {
            let mut sender = sender.lock().unwrap_or_else(PoisonError::into_inner);
            let (mut batch, received) = self.read(&mut sender, version, body)?;
            let later = |error: SeriesError| IntakeError::Later(error.into());
            define(&store, &mut sender.known, &mut batch, self.0.own + SERIES_COLLECTED, now_ms)
                .map_err(later)?;
            let appended = store.append(&batch.known, now_ms).map_err(later)?;
            if appended.refused.unknown > 0 {
                // A series was forgotten since it was looked up: all of it once more, looked up anew.
                sender.known.clear();
                let forgotten = SeriesError::Label { reason: "it was forgotten".to_owned() };
                return Err(later(forgotten));
            }
            (batch, received, appended)
        };
        // Outside the lock, so that requests of one sender share a sync.
        store.commit(appended.ticket).map_err(|error| IntakeError::Later(error.into()))?;
        batch.left_out.too_old = appended.refused.too_old;
        batch.left_out.too_new = appended.refused.too_new;
        let said = batch.left_out.complaint().into_iter().chain(received.complaint());
        let said: Vec<String> = said.collect();
        let complaint = (!said.is_empty()).then(|| said.join("; "));
        Ok(Taken { samples: appended.taken, complaint })
    }

    fn read(
        &self,
        sender: &mut Sender,
        version: Version,
        body: &[u8],
    ) -> Result<(Batch, Received), WireError> {
        let Sender { receiver, known, requests } = sender;
        let mut batch = Batch::default();
        let received = receiver.read(version, body, |entry| match entry {
            Entry::Series { labels, samples } => match known.find(Key::Labels(labels)) {
                Some((series, _)) => {
                    batch.known.extend(samples.iter().map(|sample| (series, *sample)));
                }
                None => batch.meet(labels, samples),
            },
            Entry::Metadata(told) => {
                self.note_family(told.family, told.kind, told.help, told.unit);
            }
        })?;
        *requests += 1;
        if *requests == ROUND {
            *requests = 0;
            known.end_round(|_| ());
        }
        Ok((batch, received))
    }
}

impl Batch {
    fn meet(&mut self, labels: &[(&str, &str)], samples: &[Sample]) {
        let pairs = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        match Labels::from_pairs(pairs.collect()) {
            Ok(labels) => self.new.push((labels, samples.to_vec())),
            Err(error) => {
                self.left_out.unfit += 1;
                self.left_out.first_unfit.get_or_insert_with(|| error.to_string());
            }
        }
    }
}

/// Defines what is new, as far as there is room, and puts its samples with the others.
fn define(
    store: &Series,
    known: &mut Known<SeriesRef>,
    batch: &mut Batch,
    spared: usize,
    now_ms: i64,
) -> Result<(), SeriesError> {
    let (labels, samples): (Vec<Labels>, Vec<Vec<Sample>>) =
        std::mem::take(&mut batch.new).into_iter().unzip();
    for ((found, labels), samples) in
        store.series_sparing(&labels, spared, now_ms)?.into_iter().zip(&labels).zip(samples)
    {
        let Some(series) = found else {
            batch.left_out.surplus += 1;
            continue;
        };
        let pairs: Vec<(&str, &str)> = labels.iter().collect();
        known.remember(Key::Labels(&pairs), series);
        batch.known.extend(samples.into_iter().map(|sample| (series, sample)));
    }
    Ok(())
}

impl LeftOut {
    fn complaint(&self) -> Option<String> {
        let mut said = Vec::new();
        if let Some(first) = &self.first_unfit {
            said.push(format!("{} series were refused, the first: {first}", self.unfit));
        }
        if self.surplus > 0 {
            said.push(format!(
                "{} new series were refused: there are {MOST_OF_OTHERS} already, which is all that there is room for",
                self.surplus
            ));
        }
        if self.too_old > 0 {
            said.push(format!("{} samples are older than two hours", self.too_old));
        }
        if self.too_new > 0 {
            said.push(format!(
                "{} samples are more than ten minutes ahead of this machine's clock",
                self.too_new
            ));
        }
        (!said.is_empty()).then(|| said.join("; "))
    }
}

/// The store takes a batch whole or not at all as long as its line is not full.
const _: () = assert!(WAITING_BYTES >= 16 << 20);
