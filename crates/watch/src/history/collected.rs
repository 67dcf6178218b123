//! What collectors read of the machine and its services, every ten seconds, into the store.
//!
//! A series that was told ten seconds before and is not any more is ended by a staleness marker, so that nothing stays at its last value.

use super::{History, SERIES_COLLECTED};
use crate::{
    WatchError,
    services::{Round, Told},
};
use host::readings::HostReadings;
use kernel::readings::{Reading, Readings};
use promql::wire::{Key, Known};
use series::{Labels, METRIC, Sample, Series, SeriesError, SeriesRef};
use std::collections::HashMap;

/// As a Prometheus that fetched the same from node_exporter would call it.
const JOB: &str = "node";
/// The metric whose label names the machine.
const NAMED_BY: &str = "node_uname_info";
const NAME: &str = "nodename";

/// The collectors, and what was looked up for the series of each.
#[derive(Debug)]
pub(super) struct Collected {
    host: HostReadings,
    machine: Source,
    services: HashMap<String, Source>,
    /// Of the last round: what there was no room for.
    left_out: usize,
}

/// The series of one collector.
#[derive(Debug)]
struct Source {
    known: Known<SeriesRef>,
}

/// What is written down of a round.
struct Writing<'a> {
    store: &'a Series,
    /// Room that is left to our own measurements.
    spared: usize,
    at_ms: i64,
    now_ms: i64,
    samples: Vec<(SeriesRef, Sample)>,
    left_out: usize,
}

impl Collected {
    pub(super) fn new(host: HostReadings) -> Self {
        Self { host, machine: Source::new(), services: HashMap::new(), left_out: 0 }
    }

    /// Reads the machine and writes that down with what services told, as of `at_ms`. Waits for the disk, and for file systems that do
    /// not answer.
    ///
    /// # Errors
    /// When the store cannot be opened or written.
    pub(super) fn round(
        &mut self,
        history: &History,
        round: &Round,
        (at_ms, now_ms): (i64, i64),
    ) -> Result<(), WatchError> {
        let mut readings = Readings::new();
        self.host.read(&mut readings);
        let labels = vec![("instance", instance(&readings)), ("job", JOB.to_owned())];
        let machine = Told { key: String::new(), labels, readings };
        let store = history.series(now_ms)?;
        let (spared, samples) = (history.0.own, Vec::new());
        let mut writing = Writing { store: &store, spared, at_ms, now_ms, samples, left_out: 0 };
        self.machine.write(&machine, &mut writing)?;
        for told in &round.told {
            let source = self.services.entry(told.key.clone()).or_insert_with(Source::new);
            source.write(told, &mut writing)?;
        }
        self.services.retain(|key, source| {
            let is_there = round.keys.contains(key);
            if !is_there {
                source.end(&mut writing);
            }
            is_there
        });
        let Writing { mut samples, left_out, .. } = writing;
        if left_out > 0 && self.left_out == 0 {
            tracing::warn!(
                left_out,
                "there is no room for all that is read of machine and services"
            );
        }
        self.left_out = left_out;
        samples.sort_by_key(|(series, _)| *series);
        let refused = history.append(&samples, now_ms)?;
        if refused.unknown > 0 {
            // A series was forgotten since it was looked up: in ten seconds it is another.
            self.machine.known.clear();
            self.services.values_mut().for_each(|source| source.known.clear());
        }
        Ok(())
    }
}

impl Source {
    fn new() -> Self {
        Self { known: Known::new(SERIES_COLLECTED) }
    }

    /// Puts a sample for each reading, and a marker for each series that has none any more.
    fn write(&mut self, told: &Told, writing: &mut Writing<'_>) -> Result<(), SeriesError> {
        let (at_ms, known) = (writing.at_ms, &mut self.known);
        let mut new: Vec<(Labels, f64)> = Vec::new();
        told.readings.each(|reading| {
            let own = keyed(&reading);
            match known.find(Key::Labels(&own)) {
                Some((series, _)) => {
                    writing.samples.push((series, Sample { at_ms, value: reading.value }));
                }
                None => match labels(&own, &told.labels) {
                    Ok(labels) => new.push((labels, reading.value)),
                    Err(error) => {
                        tracing::debug!(%error, "a reading has labels that the store does not take");
                    }
                },
            }
        });
        let all: Vec<Labels> = new.iter().map(|(labels, _)| labels.clone()).collect();
        let found = writing.store.series_sparing(&all, writing.spared, writing.now_ms)?;
        for ((labels, value), series) in new.iter().zip(found) {
            let Some(series) = series else {
                writing.left_out += 1;
                continue;
            };
            let is_own = |(name, _): &(&str, &str)| !told.labels.iter().any(|one| one.0 == *name);
            let mut own: Vec<(&str, &str)> = labels.iter().filter(is_own).collect();
            own.sort_by_key(|(name, _)| (*name != METRIC, *name));
            known.remember(Key::Labels(&own), series);
            writing.samples.push((series, Sample { at_ms, value: *value }));
        }
        known.end_round(|series| writing.samples.push((series, Sample::stale(at_ms))));
        Ok(())
    }

    /// Ends all of them: two rounds without any.
    fn end(&mut self, writing: &mut Writing<'_>) {
        let at_ms = writing.at_ms;
        for _ in 0..2 {
            self.known.end_round(|series| writing.samples.push((series, Sample::stale(at_ms))));
        }
    }
}

/// What the machine calls itself.
fn instance(readings: &Readings) -> String {
    let mut name = String::new();
    readings.each(|reading| {
        let found = reading.labels.iter().find(|(label, _)| *label == NAME);
        if let (NAMED_BY, Some((_, value))) = (reading.name, found) {
            name = (*value).to_owned();
        }
    });
    name
}

/// The name as the first label.
fn keyed<'r>(reading: &Reading<'r>) -> Vec<(&'r str, &'r str)> {
    let name = std::iter::once((METRIC, reading.name));
    name.chain(reading.labels.iter().copied()).collect()
}

/// With those of the collector, which hold where both have one.
fn labels(own: &[(&str, &str)], more: &[(&'static str, String)]) -> Result<Labels, SeriesError> {
    let is_other = |(name, _): &&(&str, &str)| !more.iter().any(|one| one.0 == *name);
    let own = own.iter().filter(is_other).map(|(name, value)| (*name, *value));
    let pairs = own.chain(more.iter().map(|(name, value)| (*name, value.as_str())));
    Labels::from_pairs(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}
