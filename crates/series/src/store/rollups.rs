//! Rolling up: six hours at a time, once no sample of them is expected any more.

use super::Series;
use crate::{
    block::{Row, Span, TimesEncoder, WANTED_ROWS},
    catalog::SeriesRef,
    error::SeriesError,
    gather::Gathered,
    part::{Closing, Pages, Part, PartName, PartSet, PartWriter},
    rolling::roll_up,
    sample::{Rollup, Sample},
    tier::Tier,
};
use std::ops::Range;

/// Rolled up at a time.
const WINDOW_MS: i64 = 6 * 3_600_000;
/// How far back the sample is looked for that a counter fell from.
pub(super) const LOOK_BACK_MS: i64 = 600_000;

/// Where the longest bucket with this time begins.
pub(super) fn begin_of(at_ms: i64) -> i64 {
    at_ms - at_ms.rem_euclid(Tier::TenMinutes.bucket_ms())
}

/// Until when the parts are rolled up, all that came late considered.
pub(super) fn rolled_until(parts: &PartSet) -> Option<i64> {
    let newest = |tier| {
        let closings = parts.of(tier).map(|part| part.footer.closing);
        closings
            .map(|closing| (closing.rolled_until_ms, closing.seen))
            .reduce(|one, other| (one.0.max(other.0), one.1.max(other.1)))
    };
    let (minute, ten_minutes) = (newest(Tier::Minute)?, newest(Tier::TenMinutes)?);
    let (until_ms, seen) = (minute.0.min(ten_minutes.0), minute.1.min(ten_minutes.1));
    let unseen = parts.of(Tier::Raw).filter(|part| part.name.last > seen);
    let late_ms = unseen.map(|part| part.footer.closing.late_from_ms).min().unwrap_or(i64::MAX);
    Some(if late_ms < until_ms { begin_of(late_ms) } else { until_ms })
}

impl Series {
    /// Rolls up the next window, if it is over. Whether it did, or has another to look at.
    pub(super) fn roll_next(&self, now_ms: i64) -> Result<bool, SeriesError> {
        let over_ms = now_ms.saturating_sub(self.limits.window_ms);
        let Some(from_ms) = self.first_unrolled(over_ms) else { return Ok(false) };
        let until_ms = from_ms - from_ms.rem_euclid(WINDOW_MS) + WINDOW_MS;
        if until_ms > over_ms {
            return Ok(false);
        }
        let (parts, series) = {
            let state = self.state();
            let mut series: Vec<SeriesRef> = state.catalog.all().collect();
            series.sort_by_key(|series| series.id);
            (state.parts.clone(), series)
        };
        let made = self.roll(&parts, &series, from_ms..until_ms)?;
        let mut state = self.state();
        state.parts = state.parts.replaced(&[], made);
        // Unless a sample came late meanwhile: then its time is rolled up again.
        if state.rolled_until_ms.is_none_or(|rolled| rolled >= from_ms) {
            state.rolled_until_ms = Some(until_ms);
        }
        Ok(true)
    }

    /// Where to go on: past times without any sample, which may be years. Notes it, so that reads know.
    fn first_unrolled(&self, over_ms: i64) -> Option<i64> {
        let mut state = self.state();
        let rolled_ms = state.rolled_until_ms.unwrap_or(i64::MIN);
        let parts =
            state.parts.of(Tier::Raw).map(|part| (part.footer.from_ms, part.footer.until_ms));
        let frozen = state.frozen.as_ref().and_then(|frozen| frozen.span());
        let spans = parts.chain(frozen).chain(state.heads.span());
        let next_ms = spans
            .filter(|(_, until_ms)| *until_ms >= rolled_ms)
            .map(|(from_ms, _)| from_ms.max(rolled_ms))
            .min()?;
        let from_ms = begin_of(next_ms);
        if from_ms < over_ms {
            state.rolled_until_ms = Some(from_ms);
        }
        Some(from_ms)
    }

    /// Writes the rollups of a range of time.
    fn roll(
        &self,
        parts: &PartSet,
        series: &[SeriesRef],
        range: Range<i64>,
    ) -> Result<Vec<Part>, SeriesError> {
        let closing = Closing {
            rolled_until_ms: range.end,
            seen: parts.last(Tier::Raw),
            ..Closing::default()
        };
        let mut tiers = [Tier::Minute, Tier::TenMinutes].map(|tier| {
            let number = parts.last(tier) + 1;
            let name = PartName { tier, first: number, last: number };
            let writer = PartWriter::create(&self.parts_folder, name, 0);
            writer.map(|writer| (tier, writer, TimesEncoder::default()))
        });
        let mut pages = Pages::default();
        for series in series {
            let wanted = range.start - LOOK_BACK_MS..range.end;
            let samples = self.gather_raw(*series, &mut pages, &wanted, usize::MAX)?;
            for tier in &mut tiers {
                let (tier, writer, times) = tier.as_mut().map_err(|error| error.clone())?;
                let rows = roll_up(&samples, tier.bucket_ms(), range.start);
                for rows in rows.chunks(WANTED_ROWS) {
                    let span = Span::of(rows).expect("invariant: chunks are not empty");
                    writer.add(series.id, span, &Rollup::encode(rows, times))?;
                }
            }
        }
        let mut made = Vec::new();
        for tier in tiers {
            let (_, writer, _) = tier?;
            if !writer.is_empty() {
                made.push(writer.finish(closing)?);
            }
        }
        Ok(made)
    }

    /// The samples of one series in a range of time, from parts and memory.
    pub(super) fn gather_raw(
        &self,
        series: SeriesRef,
        pages: &mut Pages,
        range: &Range<i64>,
        limit: usize,
    ) -> Result<Vec<Sample>, SeriesError> {
        // Together, so that no sample is missed that moves from memory into a part meanwhile.
        let (parts, streams) = {
            let state = self.state();
            let frozen = state.frozen.as_ref().and_then(|frozen| frozen.stream(series.id));
            let is_there = state.catalog.is_known(series);
            let head = state.heads.stream(series).filter(|_| is_there);
            (state.parts.clone(), [frozen.cloned(), head.cloned()])
        };
        let mut gathered = Gathered::new(limit);
        for part in parts.of(Tier::Raw) {
            gathered.add_part(part, (series.id, pages), range, &self.damage)?;
        }
        for stream in streams.into_iter().flatten() {
            gathered.add_all(stream.samples(), range)?;
        }
        gathered.in_order()
    }
}
