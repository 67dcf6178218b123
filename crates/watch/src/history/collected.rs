//! What collectors read of the machine and its services into the store: what changes from second to second as often as the configuration
//! says, the rest every ten seconds.
//!
//! A series that was told the time before and is not any more is ended by a staleness marker, so that nothing stays at its last value.

use super::{History, SERIES_COLLECTED};
use crate::{
    WatchError,
    services::{Round, Told},
};
use host::readings::{HostPulse, HostReadings, machine_name};
use kernel::readings::{Reading, Readings};
use promql::wire::{Key, Known};
use series::{Labels, METRIC, Sample, Series, SeriesError, SeriesRef};
use std::collections::HashMap;

/// As a Prometheus that fetched the same from node_exporter would call it.
const JOB: &str = "node";

/// What is read every ten seconds, and what was looked up for the series of each collector.
#[derive(Debug)]
pub(super) struct Collected {
    host: HostReadings,
    machine: Source,
    services: HashMap<String, Source>,
    /// Of the last round: what there was no room for.
    left_out: usize,
}

/// What is read of the machine between the rounds, and what was looked up for its series.
#[derive(Debug)]
pub(super) struct Pulse {
    host: HostPulse,
    machine: Source,
    /// Of the last time: what there was no room for.
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
        let store = history.series(now_ms)?;
        let mut writing = Writing::new(&store, history, (at_ms, now_ms));
        self.machine.write(&of_machine(|into| self.host.read(into)), &mut writing)?;
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
        if writing.finish(history, &mut self.left_out)? {
            self.machine.known.clear();
            self.services.values_mut().for_each(|source| source.known.clear());
        }
        Ok(())
    }
}

impl Pulse {
    pub(super) fn new(host: HostPulse) -> Self {
        Self { host, machine: Source::new(), left_out: 0 }
    }

    /// Reads the machine and writes that down as of `at_ms`. Waits for the disk.
    ///
    /// # Errors
    /// When the store cannot be opened or written.
    pub(super) fn beat(
        &mut self,
        history: &History,
        (at_ms, now_ms): (i64, i64),
    ) -> Result<(), WatchError> {
        let store = history.series(now_ms)?;
        let mut writing = Writing::new(&store, history, (at_ms, now_ms));
        self.machine.write(&of_machine(|into| self.host.read(into)), &mut writing)?;
        if writing.finish(history, &mut self.left_out)? {
            self.machine.known.clear();
        }
        Ok(())
    }
}

impl<'a> Writing<'a> {
    fn new(store: &'a Series, history: &History, (at_ms, now_ms): (i64, i64)) -> Self {
        let (spared, samples) = (history.0.own, Vec::new());
        Self { store, spared, at_ms, now_ms, samples, left_out: 0 }
    }

    /// Writes down what was put. True: a series was forgotten since it was looked up, the next time it is another. `left_out` is what there
    /// was no room for the time before, and becomes what there was none for now.
    fn finish(self, history: &History, left_out: &mut usize) -> Result<bool, WatchError> {
        let Self { mut samples, now_ms, .. } = self;
        if self.left_out > 0 && *left_out == 0 {
            tracing::warn!(
                left_out = self.left_out,
                "there is no room for all that is read of machine and services"
            );
        }
        *left_out = self.left_out;
        samples.sort_by_key(|(series, _)| *series);
        Ok(history.append(&samples, now_ms)?.unknown > 0)
    }
}

/// What the machine tells, under its name.
fn of_machine(read: impl FnOnce(&mut Readings)) -> Told {
    let mut readings = Readings::new();
    read(&mut readings);
    let labels = vec![("instance", machine_name()), ("job", JOB.to_owned())];
    Told { key: String::new(), labels, readings }
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
