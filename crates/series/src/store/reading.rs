//! Reading: one series after another, so that a reader needs memory for one only.

use super::{Series, rollups::LOOK_BACK_MS};
use crate::{
    catalog::SeriesRef,
    error::SeriesError,
    gather::Gathered,
    labels::Labels,
    matcher::Matcher,
    part::Pages,
    rolling::roll_up,
    sample::{Resolution, Rollup, Sample},
    stream::Stream,
    tier::Tier,
};
use std::{
    collections::HashSet,
    ops::{Range, RangeInclusive},
    vec,
};

/// How far apart raw samples are taken to be when a resolution is chosen. A store does not know: series differ.
const ASSUMED_STEP_MS: i64 = 10_000;

/// The series that a read found, one by one.
#[derive(Debug)]
pub struct Reading<'a> {
    store: &'a Series,
    tier: Tier,
    range: Range<i64>,
    series: vec::IntoIter<SeriesRef>,
    pages: Pages,
}

/// One series with what it has in the range.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub labels: Labels,
    pub points: Points,
}

/// By time, never empty.
#[derive(Debug, Clone, PartialEq)]
pub enum Points {
    Samples(Vec<Sample>),
    Rollups(Vec<Rollup>),
}

impl Series {
    /// Series that meet all conditions and have anything in a range of time, by the order of their definition. The range includes its
    /// begin and not its end; a bucket belongs to the range in which it begins, and the one that the range's begin lies in is included.
    ///
    /// Every series is read when the iterator comes to it, each at one moment. Blocks that are damaged are left out and counted.
    pub fn read(
        &self,
        matchers: &[Matcher],
        range: Range<i64>,
        resolution: Resolution,
    ) -> Reading<'_> {
        let series = self.state().catalog.select(matchers).into_iter();
        let tier = self.tier_for(&range, resolution);
        let from_ms = range.start - range.start.rem_euclid(tier.bucket_ms());
        let pages = Pages::default();
        Reading { store: self, tier, range: from_ms..range.end, series, pages }
    }

    /// The labels of series that meet all conditions and may have something in a range of time, both ends included; by definition. What is
    /// only known to lie in a block that reaches into the range counts as in it.
    #[must_use]
    pub fn select_within(&self, matchers: &[Matcher], range: RangeInclusive<i64>) -> Vec<Labels> {
        let (found, parts, mut missing) = {
            let state = self.state();
            let found = state.catalog.select(matchers);
            let overlaps = |stream: &Stream| {
                stream
                    .span()
                    .is_some_and(|(from, until)| from <= *range.end() && until >= *range.start())
            };
            let is_in_memory = |series: &&SeriesRef| {
                let frozen = state.frozen.as_ref().and_then(|frozen| frozen.stream(series.id));
                let head = state.heads.stream(**series);
                frozen.is_some_and(overlaps) || head.is_some_and(overlaps)
            };
            let missing: HashSet<u32> = found
                .iter()
                .filter(|series| !is_in_memory(series))
                .map(|series| series.id)
                .collect();
            (found, state.parts.clone(), missing)
        };
        for part in Tier::ALL.into_iter().flat_map(|tier| parts.of(tier)) {
            let footer = part.footer;
            if missing.is_empty()
                || footer.until_ms < *range.start()
                || footer.from_ms > *range.end()
            {
                continue;
            }
            for page in 0..part.pages() {
                // What cannot be read is not found here, as elsewhere.
                let Ok(Some(entries)) = self.damage.sift(part, part.page(page)) else { continue };
                for entry in entries {
                    let span = entry.span;
                    if span.from_ms <= *range.end() && span.until_ms >= *range.start() {
                        missing.remove(&entry.id);
                    }
                }
            }
        }
        let state = self.state();
        let there = found.into_iter().filter(|series| !missing.contains(&series.id));
        there.filter_map(|series| state.catalog.labels(series)).collect()
    }

    /// What a read of a range of so many points at most comes to.
    #[must_use]
    pub fn resolution(&self, range: &Range<i64>, points: u32) -> Resolution {
        self.tier_for(range, Resolution::Auto { points }).resolution()
    }

    fn tier_for(&self, range: &Range<i64>, resolution: Resolution) -> Tier {
        let points = match resolution {
            Resolution::Raw => return Tier::Raw,
            Resolution::Minute => return Tier::Minute,
            Resolution::TenMinutes => return Tier::TenMinutes,
            Resolution::Auto { points } => i64::from(points),
        };
        let width_ms = range.end.saturating_sub(range.start);
        let step_ms = |tier: Tier| tier.bucket_ms().max(ASSUMED_STEP_MS);
        let state = self.state();
        let begin_ms = |tier| state.parts.of(tier).map(|part| part.footer.from_ms).min();
        let reaches_back = |tier: Tier| {
            let coarser = Tier::ALL.into_iter().filter(|other| *other > tier);
            let furthest_ms = coarser.filter_map(begin_ms).min().unwrap_or(i64::MAX);
            // Where nothing coarser reaches further back either, the finer one is the better answer. A bucket begins before its first
            // sample, which is no reach.
            let furthest_ms = furthest_ms.saturating_add(Tier::TenMinutes.bucket_ms());
            begin_ms(tier).is_none_or(|begin_ms| begin_ms <= range.start.max(furthest_ms))
        };
        Tier::ALL
            .into_iter()
            .find(|tier| width_ms / step_ms(*tier) <= points && reaches_back(*tier))
            .unwrap_or(Tier::TenMinutes)
    }

    fn points(
        &self,
        series: SeriesRef,
        tier: Tier,
        range: &Range<i64>,
        pages: &mut Pages,
    ) -> Result<Points, SeriesError> {
        let limit = self.limits.read_rows;
        if tier == Tier::Raw {
            return self.gather_raw(series, pages, range, limit).map(Points::Samples);
        }
        let (parts, rolled_ms) = {
            let state = self.state();
            (state.parts.clone(), state.rolled_until_ms.unwrap_or(i64::MIN))
        };
        let mut gathered = Gathered::new(limit);
        let rolled = range.start..range.end.min(rolled_ms);
        for part in parts.of(tier) {
            gathered.add_part(part, (series.id, pages), &rolled, &self.damage)?;
        }
        // What was not rolled up yet is rolled up here.
        let begin_ms = range.start.max(rolled_ms);
        if begin_ms < range.end {
            let wanted = begin_ms.saturating_sub(LOOK_BACK_MS)..range.end;
            let samples = self.gather_raw(series, pages, &wanted, limit)?;
            gathered.add(roll_up(&samples, tier.bucket_ms(), begin_ms), range)?;
        }
        gathered.in_order().map(Points::Rollups)
    }
}

impl Reading<'_> {
    /// What [`Resolution::Auto`] came to.
    #[must_use]
    pub fn resolution(&self) -> Resolution {
        self.tier.resolution()
    }
}

impl Iterator for Reading<'_> {
    type Item = Result<Found, SeriesError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let series = self.series.next()?;
            let points = match self.store.points(series, self.tier, &self.range, &mut self.pages) {
                Ok(points) => points,
                Err(error) => return Some(Err(error)),
            };
            if points.is_empty() {
                continue;
            }
            // It may have been forgotten meanwhile; then it is not found either.
            let Some(labels) = self.store.state().catalog.labels(series) else { continue };
            return Some(Ok(Found { labels, points }));
        }
    }
}

impl Points {
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Samples(samples) => samples.len(),
            Self::Rollups(rollups) => rollups.len(),
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
