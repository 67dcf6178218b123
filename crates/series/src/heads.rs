//! Samples in memory that no part was made of yet, by the slots of their series.

use crate::{catalog::SeriesRef, sample::Sample, stream::Stream};

#[derive(Debug, Default)]
pub(crate) struct Heads {
    heads: Vec<Head>,
    /// Memory of all streams.
    bytes: usize,
    rows: u64,
}

#[derive(Debug, Clone, Default)]
struct Head {
    stream: Stream,
    /// When it was last asked for or appended to; only younger ones are kept without samples.
    seen_ms: i64,
}

/// Samples that a part is being made of.
#[derive(Debug)]
pub(crate) struct Frozen {
    /// By id.
    pub(crate) streams: Vec<(u32, Stream)>,
    /// The first file of the log that holds none of them.
    pub(crate) log_from: u64,
    pub(crate) late_from_ms: i64,
}

impl Heads {
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    fn head(&mut self, series: SeriesRef) -> &mut Head {
        let slot = series.slot as usize;
        if slot >= self.heads.len() {
            self.heads.resize_with(slot + 1, Head::default);
        }
        &mut self.heads[slot]
    }

    pub(crate) fn note_seen(&mut self, series: SeriesRef, now_ms: i64) {
        self.head(series).seen_ms = now_ms;
    }

    pub(crate) fn push(&mut self, series: SeriesRef, sample: Sample, now_ms: i64) {
        let head = self.head(series);
        let before = head.stream.capacity();
        head.stream.push(sample);
        head.seen_ms = now_ms;
        let grown = head.stream.capacity() - before;
        self.bytes += grown;
        self.rows += 1;
    }

    pub(crate) fn stream(&self, series: SeriesRef) -> Option<&Stream> {
        self.heads.get(series.slot as usize).map(|head| &head.stream)
    }

    /// Time of the earliest sample and of the latest.
    pub(crate) fn span(&self) -> Option<(i64, i64)> {
        let spans = self.heads.iter().filter_map(|head| head.stream.span());
        spans.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))
    }

    /// Whether a series may still be appended to by somebody who asked for it.
    pub(crate) fn is_in_use(&self, series: SeriesRef, since_ms: i64) -> bool {
        self.heads
            .get(series.slot as usize)
            .is_some_and(|head| head.stream.rows() > 0 || head.seen_ms >= since_ms)
    }

    /// Takes everything out.
    pub(crate) fn freeze(
        &mut self,
        series: impl Iterator<Item = SeriesRef>,
        log_from: u64,
        late_from_ms: i64,
    ) -> Frozen {
        let mut streams: Vec<(u32, Stream)> = series
            .filter_map(|series| {
                let head = self.heads.get_mut(series.slot as usize)?;
                let stream = std::mem::take(&mut head.stream);
                (stream.rows() > 0).then_some((series.id, stream))
            })
            .collect();
        streams.sort_by_key(|(id, _)| *id);
        (self.bytes, self.rows) = (0, 0);
        Frozen { streams, log_from, late_from_ms }
    }
}

impl Frozen {
    pub(crate) fn stream(&self, id: u32) -> Option<&Stream> {
        let place = self.streams.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        Some(&self.streams[place].1)
    }

    pub(crate) fn span(&self) -> Option<(i64, i64)> {
        let spans = self.streams.iter().filter_map(|(_, stream)| stream.span());
        spans.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))
    }
}
