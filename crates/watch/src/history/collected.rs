//! What collectors read of the machine, every ten seconds, into the store.
//!
//! A series that was there ten seconds before and is not any more is ended by a staleness marker, so that nothing stays at its last value.

use super::{History, SERIES_COLLECTED};
use crate::WatchError;
use host::readings::HostReadings;
use kernel::readings::{Reading, Readings};
use promql::wire::{Key, Known};
use series::{Labels, METRIC, Sample, SeriesError, SeriesRef};

/// As a Prometheus that fetched the same from node_exporter would call it.
const JOB: &str = "node";
/// The metric whose label names the machine.
const NAMED_BY: &str = "node_uname_info";
const NAME: &str = "nodename";

/// The collectors, and what was looked up for the series of each.
#[derive(Debug)]
pub(super) struct Collected {
    host: HostReadings,
    readings: Readings,
    known: Known<SeriesRef>,
    /// Of the last round: what there was no room for.
    left_out: usize,
}

impl Collected {
    pub(super) fn new(host: HostReadings) -> Self {
        let (readings, known) = (Readings::new(), Known::new(SERIES_COLLECTED));
        Self { host, readings, known, left_out: 0 }
    }

    /// Reads everything and writes it down, as of `at_ms`. Waits for the disk, and for file systems that do not answer.
    ///
    /// # Errors
    /// When the store cannot be opened or written.
    pub(super) fn round(
        &mut self,
        history: &History,
        at_ms: i64,
        now_ms: i64,
    ) -> Result<(), WatchError> {
        self.readings.clear();
        self.host.read(&mut self.readings);
        let store = history.series(now_ms)?;
        let mut samples: Vec<(SeriesRef, Sample)> = Vec::with_capacity(self.readings.len());
        let mut new: Vec<(Labels, f64)> = Vec::new();
        let instance = self.instance();
        let (known, mut unfit) = (&mut self.known, None);
        self.readings.each(|reading| {
            let own = keyed(&reading);
            match known.find(Key::Labels(&own)) {
                Some((series, _)) => samples.push((series, Sample { at_ms, value: reading.value })),
                None => match labels(&own, &instance) {
                    Ok(labels) => new.push((labels, reading.value)),
                    Err(error) => unfit = Some(error),
                },
            }
        });
        let all: Vec<Labels> = new.iter().map(|(labels, _)| labels.clone()).collect();
        let found = store.series_sparing(&all, history.0.own, now_ms)?;
        let mut left_out = 0;
        for ((labels, value), series) in new.iter().zip(found) {
            let Some(series) = series else {
                left_out += 1;
                continue;
            };
            let own = labels.iter().filter(|(name, _)| !["instance", "job"].contains(name));
            let own: Vec<(&str, &str)> = named_first(own.collect());
            known.remember(Key::Labels(&own), series);
            samples.push((series, Sample { at_ms, value: *value }));
        }
        known.end_round(|series| samples.push((series, Sample::stale(at_ms))));
        self.tell(left_out, unfit.as_ref());
        samples.sort_by_key(|(series, _)| *series);
        let refused = history.append(&samples, now_ms)?;
        if refused.unknown > 0 {
            // A series was forgotten since it was looked up: in ten seconds it is another.
            self.known.clear();
        }
        Ok(())
    }

    fn instance(&self) -> String {
        let mut name = String::new();
        self.readings.each(|reading| {
            let found = reading.labels.iter().find(|(label, _)| *label == NAME);
            if let (NAMED_BY, Some((_, value))) = (reading.name, found) {
                name = (*value).to_owned();
            }
        });
        name
    }

    /// In the log, once, when it is news.
    fn tell(&mut self, left_out: usize, unfit: Option<&SeriesError>) {
        if left_out > 0 && self.left_out == 0 {
            tracing::warn!(left_out, "there is no room for all that is read of the machine");
        }
        if let Some(error) = unfit {
            tracing::debug!(%error, "a reading has labels that the store does not take");
        }
        self.left_out = left_out;
    }
}

/// The name as the first label.
fn keyed<'r>(reading: &Reading<'r>) -> Vec<(&'r str, &'r str)> {
    let name = std::iter::once((METRIC, reading.name));
    name.chain(reading.labels.iter().copied()).collect()
}

fn named_first<'l>(mut labels: Vec<(&'l str, &'l str)>) -> Vec<(&'l str, &'l str)> {
    labels.sort_by_key(|(name, _)| (*name != METRIC, *name));
    labels
}

fn labels(own: &[(&str, &str)], instance: &str) -> Result<Labels, SeriesError> {
    let more = [("instance", instance), ("job", JOB)];
    let pairs = own.iter().chain(&more);
    Labels::from_pairs(
        pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    )
}
