//! Maintenance: parts are made of what is in memory, merged, rolled up, and removed when they are too old.

use super::Series;
use crate::{
    block::{Block, Row, Span, TimesEncoder, WANTED_ROWS},
    error::SeriesError,
    files,
    gather::in_order,
    heads::Frozen,
    merge::merge,
    part::{Closing, Part, PartName, PartWriter},
    sample::{Rollup, Sample},
    stream::Stream,
    tier::Tier,
};
use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError},
};

/// A series without any sample is kept as long after somebody asked for it.
const ASKED_FOR_MS: i64 = 3_600_000;
/// No merge and no rollup is tried for as long after one failed.
const PAUSE_MS: i64 = 60_000;
/// A stream with more samples than this becomes several blocks.
const MOST_STREAM_ROWS: u32 = 4_096;

/// What one round of maintenance did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Maintained {
    /// Whether samples in memory became a part.
    pub flushed: bool,
    pub merged: bool,
    pub rolled_up: bool,
    /// Parts that were too old.
    pub expired: usize,
    /// Series that had no sample left.
    pub forgotten: usize,
}

impl Maintained {
    /// Whether another round may find something to do at once.
    #[must_use]
    pub fn is_worth_another(&self) -> bool {
        self.merged || self.rolled_up
    }
}

impl Series {
    /// A round of maintenance: one part of what is in memory, one merge and one window of rollups at most. To be called every ten
    /// seconds or so, where waiting for the disk does no harm.
    ///
    /// # Errors
    /// The first thing that failed, above all for want of room; the rest was done all the same, and the next round tries again.
    pub fn maintain(&self, now_ms: i64) -> Result<Maintained, SeriesError> {
        let _one_at_a_time = self.maintenance.lock().unwrap_or_else(PoisonError::into_inner);
        // What makes room first: a full disk must not keep old parts alive.
        let expired = self.expire(now_ms);
        let flushed = self.flush_if_due(now_ms);
        let (merged, rolled_up) = self.merge_and_roll(now_ms);
        let forgotten = self.forget(now_ms);
        Ok(Maintained {
            expired: expired?,
            flushed: flushed?,
            merged: merged?,
            rolled_up: rolled_up?,
            forgotten: forgotten?,
        })
    }

    /// Makes a part of everything in memory, and as few parts as retention allows, whatever it costs: before the folder is measured
    /// or copied.
    ///
    /// # Errors
    /// As [`Series::maintain`].
    pub fn condense(&self, now_ms: i64) -> Result<(), SeriesError> {
        while self.maintain(now_ms)?.is_worth_another() {}
        let _one_at_a_time = self.maintenance.lock().unwrap_or_else(PoisonError::into_inner);
        // In columns, as a merge would write it: there may be nothing to merge it with.
        while self.flush_as(Young::Columns)? {}
        for tier in Tier::ALL {
            let may_grow = |part: &&Arc<Part>| tier.fan_in(part.level).is_some();
            let parts: Vec<Arc<Part>> =
                self.state().parts.of(tier).filter(may_grow).cloned().collect();
            if parts.len() > 1 {
                self.merge(&parts)?;
            }
        }
        Ok(())
    }

    /// What costs most, and not at once again after it failed: a disk that is full stays so for a while.
    fn merge_and_roll(
        &self,
        now_ms: i64,
    ) -> (Result<bool, SeriesError>, Result<bool, SeriesError>) {
        let failed_ms = self.state().failed_ms;
        if failed_ms.is_some_and(|failed_ms| (failed_ms..failed_ms + PAUSE_MS).contains(&now_ms)) {
            return (Ok(false), Ok(false));
        }
        let outcome = (self.merge_next(), self.roll_next(now_ms));
        let has_failed = outcome.0.is_err() || outcome.1.is_err();
        self.state().failed_ms = has_failed.then_some(now_ms);
        outcome
    }

    fn flush_if_due(&self, now_ms: i64) -> Result<bool, SeriesError> {
        let is_due = {
            let mut state = self.state();
            let since_ms = state.heads_since_ms.unwrap_or(now_ms);
            // A clock that was put back must not keep samples in memory for as long.
            let since_ms = since_ms.min(now_ms);
            state.heads_since_ms = state.heads_since_ms.map(|_| since_ms);
            state.frozen.is_some()
                || state.heads.bytes() > self.limits.head_bytes / 2
                || now_ms - since_ms >= self.limits.head_ms
        };
        if is_due { self.flush_as(Young::Streams) } else { Ok(false) }
    }

    /// Makes a part of what is in memory; of what was left over by a try that failed, first.
    fn flush_as(&self, young: Young) -> Result<bool, SeriesError> {
        let left_over = self.state().frozen.clone();
        let frozen = match left_over {
            Some(frozen) => frozen,
            None => match self.freeze()? {
                Some(frozen) => frozen,
                None => return Ok(false),
            },
        };
        let number = self.state().parts.last(Tier::Raw) + 1;
        let name = PartName { tier: Tier::Raw, first: number, last: number };
        let mut writer = PartWriter::create(&self.parts_folder, name, 0)?;
        let mut times = TimesEncoder::default();
        for (id, stream) in &frozen.streams {
            add_stream(&mut writer, (*id, stream), young, &mut times)?;
        }
        let (log_from, late_from_ms) = (frozen.log_from, frozen.late_from_ms);
        let part = writer.finish(Closing { log_from, late_from_ms, ..Closing::default() })?;
        {
            let mut state = self.state();
            state.parts = state.parts.replaced(&[], [part]);
            state.frozen = None;
        }
        self.log.remove_before(log_from)?;
        Ok(true)
    }

    fn freeze(&self) -> Result<Option<Arc<Frozen>>, SeriesError> {
        // Once without holding up whoever appends, so that there is little left to sync with the lock held.
        self.log.end_file()?;
        let mut state = self.state();
        if state.heads.rows() == 0 {
            return Ok(None);
        }
        let log_from = self.log.end_file()?;
        let series: Vec<_> = state.catalog.all().collect();
        let late_from_ms = std::mem::replace(&mut state.late_from_ms, i64::MAX);
        let frozen = Arc::new(state.heads.freeze(series.into_iter(), log_from, late_from_ms));
        state.heads_since_ms = None;
        state.frozen = Some(Arc::clone(&frozen));
        Ok(Some(frozen))
    }

    /// Merges the oldest neighbours that are enough of one level.
    fn merge_next(&self) -> Result<bool, SeriesError> {
        for tier in Tier::ALL {
            let parts: Vec<Arc<Part>> = self.state().parts.of(tier).cloned().collect();
            for same_level in parts.chunk_by(|one, next| one.level == next.level) {
                let fan_in = tier.fan_in(same_level[0].level);
                if let Some(inputs) = fan_in.and_then(|fan_in| same_level.get(..fan_in)) {
                    self.merge(inputs)?;
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn merge(&self, inputs: &[Arc<Part>]) -> Result<(), SeriesError> {
        let Some(first) = inputs.first() else { return Ok(()) };
        let merged = match first.name.tier {
            Tier::Raw => merge::<Sample>(&self.parts_folder, inputs, &self.damage)?,
            Tier::Minute | Tier::TenMinutes => {
                merge::<Rollup>(&self.parts_folder, inputs, &self.damage)?
            }
        };
        let gone: Vec<PartName> = inputs.iter().map(|part| part.name).collect();
        {
            let mut state = self.state();
            state.parts = state.parts.replaced(&gone, merged);
        }
        for part in inputs {
            if part.is_damaged() {
                self.quarantine.take(&part.path)?;
            } else {
                files::remove(&part.path)?;
            }
        }
        Ok(())
    }

    fn expire(&self, now_ms: i64) -> Result<usize, SeriesError> {
        let expired: Vec<Arc<Part>> = {
            let mut state = self.state();
            let rolled_ms = state.rolled_until_ms.unwrap_or(i64::MIN);
            let is_expired = |part: &&Arc<Part>| {
                let tier = part.name.tier;
                let kept_from_ms = now_ms.saturating_sub(tier.kept_ms());
                // Raw samples stay until they are rolled up, however long that was not done.
                let is_rolled = tier != Tier::Raw || part.footer.until_ms < rolled_ms;
                part.footer.until_ms < kept_from_ms && is_rolled
            };
            let expired: Vec<_> = state.parts.all().iter().filter(is_expired).cloned().collect();
            let names: Vec<PartName> = expired.iter().map(|part| part.name).collect();
            state.parts = state.parts.replaced(&names, []);
            state.may_forget |= !expired.is_empty();
            expired
        };
        for part in &expired {
            files::remove(&part.path)?;
        }
        Ok(expired.len())
    }

    /// Forgets the series that have no sample left, once a part went away.
    fn forget(&self, now_ms: i64) -> Result<usize, SeriesError> {
        let parts = {
            let state = self.state();
            if !state.may_forget {
                return Ok(0);
            }
            state.parts.clone()
        };
        let mut living: BTreeSet<u32> = BTreeSet::new();
        for part in parts.all() {
            for page in 0..part.pages() {
                let Some(entries) = self.damage.sift(part, part.page(page))? else {
                    // Whose samples a damaged page led to is not known: then nobody is forgotten.
                    self.state().may_forget = false;
                    return Ok(0);
                };
                living.extend(entries.iter().map(|entry| entry.id));
            }
        }
        let mut state = self.state();
        let since_ms = now_ms - ASKED_FOR_MS;
        let frozen = state.frozen.clone();
        let forgotten: BTreeSet<u32> = state
            .catalog
            .all()
            .filter(|series| !living.contains(&series.id))
            .filter(|series| !state.heads.is_in_use(*series, since_ms))
            .filter(|series| {
                frozen.as_ref().is_none_or(|frozen| frozen.stream(series.id).is_none())
            })
            .map(|series| series.id)
            .collect();
        if !forgotten.is_empty() {
            let kept = state.catalog.without(&forgotten);
            state.catalog_file.replace(&kept)?;
            state.catalog = kept;
        }
        state.may_forget = false;
        Ok(forgotten.len())
    }
}

/// A stream as it is, where its samples came in order; else in columns.
/// How samples are written that leave memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Young {
    /// As they came: quickly, since they are written anew soon.
    Streams,
    Columns,
}

fn add_stream(
    writer: &mut PartWriter,
    (id, stream): (u32, &Stream),
    young: Young,
    times: &mut TimesEncoder,
) -> Result<(), SeriesError> {
    let Some((from_ms, until_ms)) = stream.span() else { return Ok(()) };
    if young == Young::Streams && stream.is_sorted() && stream.rows() <= MOST_STREAM_ROWS {
        let span = Span { rows: stream.rows(), from_ms, until_ms };
        return writer.add(id, span, &Block::Stream(stream.bytes().to_vec()));
    }
    for rows in in_order(stream.samples()).chunks(WANTED_ROWS) {
        let span = Span::of(rows).expect("invariant: chunks are not empty");
        writer.add(id, span, &Sample::encode(rows, times))?;
    }
    Ok(())
}
