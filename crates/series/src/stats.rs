//! What the store says about itself.

use crate::error::SeriesError;

/// Counts since the store was opened, and what it holds now.
#[derive(Debug, Clone)]
pub struct Stats {
    pub series: usize,
    /// Samples in memory that no part was made of yet; all of those acknowledged are in the log too.
    pub head_samples: u64,
    pub head_bytes: usize,
    pub log_bytes: u64,
    /// Bytes that wait for the log.
    pub waiting_bytes: usize,
    pub raw: TierStats,
    pub minute: TierStats,
    pub ten_minutes: TierStats,
    pub appended: u64,
    pub refused: Refused,
    /// New series that were refused because there were too many.
    pub refused_series: u64,
    /// Batches that were refused because memory or the line to the log was full.
    pub refused_batches: u64,
    /// Blocks, pages of an index and definitions of series that could not be read, each time anew.
    pub damaged: u64,
    /// Samples that were read again from the log, of series whose definition is lost.
    pub orphaned: u64,
    /// Bytes of the log that a crash had cut off, found at opening; nothing acknowledged is among them.
    pub torn_bytes: u64,
    /// Files in quarantine.
    pub quarantined: usize,
    /// Why the log was not written at the last try.
    pub log_error: Option<SeriesError>,
}

/// The parts of a tier.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TierStats {
    pub parts: usize,
    pub bytes: u64,
    /// Samples or buckets.
    pub rows: u64,
    /// Time of the first row and of the last; 0 without any.
    pub from_ms: i64,
    pub until_ms: i64,
}

/// Samples that were not taken, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refused {
    /// Older than the window.
    pub too_old: u64,
    /// Further in the future than a clock may be off.
    pub too_new: u64,
    /// Of a series that was forgotten meanwhile: ask for it again.
    pub unknown: u64,
}

impl Refused {
    #[must_use]
    pub fn total(&self) -> u64 {
        self.too_old + self.too_new + self.unknown
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.too_old += other.too_old;
        self.too_new += other.too_new;
        self.unknown += other.unknown;
    }
}
