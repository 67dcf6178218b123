//! What the store takes before it says no.

/// Limits, each with the error it ends in. The defaults fit ten thousand series every ten seconds into 20 MB of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Series known at the same time: [`crate::SeriesError::TooManySeries`].
    pub series: usize,
    /// Memory of samples that no part was made of yet. From half of it on, maintenance makes a part. At all of it, appending is
    /// refused: [`crate::SeriesError::MemoryFull`].
    pub head_bytes: usize,
    /// Age of the oldest sample in memory at which maintenance makes a part all the same, so that a start has little to read again.
    pub head_ms: i64,
    /// Bytes that wait to be written to the log; beyond it, appending is refused: [`crate::SeriesError::Behind`].
    pub waiting_bytes: usize,
    /// How much older than now a sample may be; older ones are refused, and counted in what appending gives back.
    pub window_ms: i64,
    /// How much later than now a sample may be. A clock that is wrong for a moment must not leave samples in the far future.
    pub ahead_ms: i64,
    /// Samples or buckets of one series in one read: [`crate::SeriesError::ReadTooLarge`].
    pub read_rows: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            series: 200_000,
            head_bytes: 12 << 20,
            head_ms: 30 * 60_000,
            waiting_bytes: 8 << 20,
            window_ms: 2 * 3_600_000,
            ahead_ms: 10 * 60_000,
            read_rows: 2_000_000,
        }
    }
}
