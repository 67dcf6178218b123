//! The store: one folder, open in one process. Samples go in, reads see them at once, maintenance makes parts of them.

mod maintenance;
mod opening;
mod reading;
mod rollups;

pub use maintenance::Maintained;
pub use reading::{Found, Points, Reading};

use crate::{
    catalog::{Catalog, CatalogFile, SeriesRef},
    error::SeriesError,
    files::Quarantine,
    gather::DamageCount,
    heads::{Frozen, Heads},
    labels::Labels,
    limits::Limits,
    log::{Log, Ticket},
    matcher::Matcher,
    part::PartSet,
    sample::{Sample, TIMES_MS},
    stats::{Refused, Stats, TierStats},
    tier::Tier,
};
use std::{
    collections::HashSet,
    fs::File,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The metrics store. All of it can be used from several threads; nothing of it waits but commits, maintenance and definitions of new
/// series, which wait for the disk.
#[derive(Debug)]
pub struct Series {
    parts_folder: PathBuf,
    limits: Limits,
    state: Mutex<State>,
    log: Log,
    /// One maintenance at a time.
    maintenance: Mutex<()>,
    quarantine: Quarantine,
    damage: DamageCount,
    /// Locked as long as the store is open.
    _lock: File,
}

#[derive(Debug)]
struct State {
    catalog: Catalog,
    catalog_file: CatalogFile,
    heads: Heads,
    /// When the first of the samples in memory came.
    heads_since_ms: Option<i64>,
    /// What a part is being made of.
    frozen: Option<Arc<Frozen>>,
    parts: PartSet,
    /// Everything before it was rolled up; `None` before the first time.
    rolled_until_ms: Option<i64>,
    /// The earliest sample in memory that came after its time was rolled up.
    late_from_ms: i64,
    /// When merging or rolling up failed, if it did the last time.
    failed_ms: Option<i64>,
    /// Whether a part went away, and with it perhaps the last sample of a series.
    may_forget: bool,
    counts: Counts,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    appended: u64,
    refused: Refused,
    refused_series: u64,
    refused_batches: u64,
    orphaned: u64,
    torn_bytes: u64,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "refused samples are nowhere, and the others not on disk before a commit"]
pub struct Appended {
    /// For [`Series::commit`].
    pub ticket: Ticket,
    pub taken: u64,
    pub refused: Refused,
}

impl State {
    /// Whether a sample may come in, or why not.
    fn check(
        &self,
        limits: &Limits,
        (series, sample): (SeriesRef, Sample),
        now_ms: i64,
    ) -> Result<(), Refused> {
        if !self.catalog.is_known(series) {
            return Err(Refused { unknown: 1, ..Refused::default() });
        }
        let earliest_ms = now_ms.saturating_sub(limits.window_ms).max(TIMES_MS.start);
        let latest_ms = now_ms.saturating_add(limits.ahead_ms).min(TIMES_MS.end - 1);
        if sample.at_ms < earliest_ms {
            return Err(Refused { too_old: 1, ..Refused::default() });
        }
        if sample.at_ms > latest_ms {
            return Err(Refused { too_new: 1, ..Refused::default() });
        }
        Ok(())
    }

    /// Those that are not defined yet, each once.
    fn new_of<'l>(&self, all: &'l [Labels]) -> Vec<&'l Labels> {
        let mut seen = HashSet::new();
        let mut new: Vec<&Labels> = Vec::new();
        for labels in all {
            if self.catalog.find(labels).is_none() && seen.insert(labels) {
                new.push(labels);
            }
        }
        new
    }

    /// Defines new ones, on disk before anything speaks of them.
    fn define(&mut self, new: Vec<&Labels>) -> Result<(), SeriesError> {
        if new.is_empty() {
            return Ok(());
        }
        let limit = u32::MAX as usize;
        let first = self.catalog.next_id();
        let ids = u32::try_from(new.len()).ok().and_then(|count| first.checked_add(count));
        let ids = first..ids.ok_or(SeriesError::TooManySeries { limit })?;
        let definitions: Vec<(u32, &Labels)> = ids.zip(new).collect();
        self.catalog_file.append(definitions.iter().copied())?;
        for (id, labels) in definitions {
            self.catalog.insert(id, labels);
        }
        Ok(())
    }

    fn push(&mut self, series: SeriesRef, sample: Sample, now_ms: i64) {
        self.heads.push(series, sample, now_ms);
        if self.rolled_until_ms.is_some_and(|rolled| sample.at_ms < rolled) {
            self.late_from_ms = self.late_from_ms.min(sample.at_ms);
            self.rolled_until_ms = Some(rollups::begin_of(sample.at_ms));
        }
    }
}

impl Series {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What to append samples of a series by; defines it if it is new. A reference holds until the store is closed or the series is
    /// forgotten, for want of samples in any part and of anybody who asked in the last hour.
    ///
    /// # Errors
    /// [`SeriesError::TooManySeries`]; or when the definition cannot be written, and then it is not made.
    pub fn series(&self, labels: &Labels, now_ms: i64) -> Result<SeriesRef, SeriesError> {
        let found = self.series_all(std::slice::from_ref(labels), now_ms)?;
        Ok(*found.first().expect("invariant: one for each"))
    }

    /// As [`Series::series`], of many at once: their definitions are synced together. All are there, or none of the new ones.
    ///
    /// # Errors
    /// As [`Series::series`].
    pub fn series_all(&self, all: &[Labels], now_ms: i64) -> Result<Vec<SeriesRef>, SeriesError> {
        let mut state = self.state();
        let new = state.new_of(all);
        let limit = self.limits.series.min(u32::MAX as usize);
        if !new.is_empty() && state.catalog.len() + new.len() > limit {
            state.counts.refused_series += new.len() as u64;
            return Err(SeriesError::TooManySeries { limit });
        }
        state.define(new)?;
        let found = |labels| state.catalog.find(labels).expect("invariant: it was just defined");
        let found: Vec<SeriesRef> = all.iter().map(found).collect();
        found.iter().for_each(|series| state.heads.note_seen(*series, now_ms));
        Ok(found)
    }

    /// As [`Series::series_all`], but as many as there is room for when room for `spared` more is to stay: the others are `None`.
    ///
    /// # Errors
    /// When definitions cannot be written, and then none is made.
    pub fn series_sparing(
        &self,
        all: &[Labels],
        spared: usize,
        now_ms: i64,
    ) -> Result<Vec<Option<SeriesRef>>, SeriesError> {
        let mut state = self.state();
        let mut new = state.new_of(all);
        let limit = self.limits.series.min(u32::MAX as usize);
        let room = limit.saturating_sub(spared).saturating_sub(state.catalog.len());
        state.counts.refused_series += new.len().saturating_sub(room) as u64;
        new.truncate(room);
        state.define(new)?;
        let found: Vec<_> = all.iter().map(|labels| state.catalog.find(labels)).collect();
        found.iter().flatten().for_each(|series| state.heads.note_seen(*series, now_ms));
        Ok(found)
    }

    /// Takes a batch of samples, best in the order of their series. They are read at once, and on disk after a commit of the ticket.
    ///
    /// Samples may come in any order within the window of the limits; a later one for the same time replaces the earlier.
    ///
    /// # Errors
    /// When nothing of it was taken: [`SeriesError::Behind`], [`SeriesError::MemoryFull`]. Single samples that were refused are counted
    /// in what comes back and in the statistics.
    pub fn append(
        &self,
        samples: &[(SeriesRef, Sample)],
        now_ms: i64,
    ) -> Result<Appended, SeriesError> {
        let mut state = self.state();
        let (waiting_bytes, head_bytes) = (self.log.waiting_bytes(), state.heads.bytes());
        if waiting_bytes > self.limits.waiting_bytes {
            state.counts.refused_batches += 1;
            return Err(SeriesError::Behind { waiting_bytes });
        }
        if head_bytes > self.limits.head_bytes {
            state.counts.refused_batches += 1;
            return Err(SeriesError::MemoryFull { head_bytes });
        }
        let mut refused = Refused::default();
        let mut taken = Vec::with_capacity(samples.len());
        for (series, sample) in samples {
            match state.check(&self.limits, (*series, *sample), now_ms) {
                Ok(()) => {
                    state.push(*series, *sample, now_ms);
                    taken.push((*series, *sample));
                }
                Err(reason) => refused.add(reason),
            }
        }
        state.heads_since_ms.get_or_insert(now_ms);
        state.counts.appended += taken.len() as u64;
        state.counts.refused.add(refused);
        // Under the lock of the state, so that the log has the order of the memory.
        let ticket = self.log.append(&taken);
        Ok(Appended { ticket, taken: taken.len() as u64, refused })
    }

    /// Waits until everything appended up to the ticket is on disk. Commits from several threads share one sync.
    ///
    /// # Errors
    /// When the log cannot be written. What was appended stays in memory and in line, and is written by the next commit that can.
    pub fn commit(&self, ticket: Ticket) -> Result<(), SeriesError> {
        self.log.commit(ticket)
    }

    /// The labels of all series that meet all conditions; of all series without one.
    #[must_use]
    pub fn select(&self, matchers: &[Matcher]) -> Vec<Labels> {
        let state = self.state();
        let found = state.catalog.select(matchers);
        found.into_iter().filter_map(|series| state.catalog.labels(series)).collect()
    }

    /// The names of all labels, sorted.
    #[must_use]
    pub fn label_names(&self) -> Vec<String> {
        self.state().catalog.names()
    }

    /// The values that a label has, sorted.
    #[must_use]
    pub fn label_values(&self, name: &str) -> Vec<String> {
        self.state().catalog.values(name)
    }

    /// # Errors
    /// When the folders cannot be listed.
    pub fn stats(&self) -> Result<Stats, SeriesError> {
        let (log_bytes, quarantined) = (self.log.size_bytes()?, self.quarantine.count()?);
        let (waiting_bytes, log_error) = (self.log.waiting_bytes(), self.log.last_error());
        let state = self.state();
        let frozen = state.frozen.as_deref().map_or(&[][..], |frozen| &frozen.streams);
        let frozen_rows: u64 = frozen.iter().map(|(_, stream)| u64::from(stream.rows())).sum();
        let frozen_bytes: usize = frozen.iter().map(|(_, stream)| stream.capacity()).sum();
        Ok(Stats {
            series: state.catalog.len(),
            head_samples: state.heads.rows() + frozen_rows,
            head_bytes: state.heads.bytes() + frozen_bytes,
            log_bytes,
            waiting_bytes,
            raw: tier_stats(&state.parts, Tier::Raw),
            minute: tier_stats(&state.parts, Tier::Minute),
            ten_minutes: tier_stats(&state.parts, Tier::TenMinutes),
            appended: state.counts.appended,
            refused: state.counts.refused,
            refused_series: state.counts.refused_series,
            refused_batches: state.counts.refused_batches,
            damaged: self.damage.get(),
            orphaned: state.counts.orphaned,
            torn_bytes: state.counts.torn_bytes,
            quarantined,
            log_error,
        })
    }
}

fn tier_stats(parts: &PartSet, tier: Tier) -> TierStats {
    let footers = || parts.of(tier).map(|part| part.footer);
    TierStats {
        parts: parts.of(tier).count(),
        bytes: parts.of(tier).map(|part| part.size_bytes).sum(),
        rows: footers().map(|footer| footer.rows).sum(),
        from_ms: footers().map(|footer| footer.from_ms).min().unwrap_or(0),
        until_ms: footers().map(|footer| footer.until_ms).max().unwrap_or(0),
    }
}
