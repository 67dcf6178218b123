//! What is stored of a series: samples, and what rollups keep of them.

/// The payload of the NaN that says "this series ended here", as Prometheus defines it (`model/value/value.go`, `StaleNaN`).
pub const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;

/// Times that can be stored: from 1970 to the year 10889. Beyond it the arithmetic of evenly spaced times would overflow.
pub(crate) const TIMES_MS: std::ops::Range<i64> = 0..1 << 48;

/// One measured value.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Unix milliseconds.
    pub at_ms: i64,
    /// Kept bit for bit, the payload of a NaN included.
    pub value: f64,
}

impl Sample {
    /// The marker that a series ended.
    #[must_use]
    pub fn stale(at_ms: i64) -> Self {
        Self { at_ms, value: f64::from_bits(STALE_BITS) }
    }

    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.value.to_bits() == STALE_BITS
    }
}

/// Bit for bit: a NaN equals itself, and 0 is not -0.
impl PartialEq for Sample {
    fn eq(&self, other: &Self) -> bool {
        self.at_ms == other.at_ms && self.value.to_bits() == other.value.to_bits()
    }
}

/// What the samples of one bucket of time came to. Samples that are NaN count in nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rollup {
    /// Begin of the bucket, Unix milliseconds, a multiple of its length.
    pub from_ms: i64,
    pub min: f64,
    pub max: f64,
    pub sum: f64,
    /// Samples; at least 1.
    pub count: u32,
    /// The value of the last sample.
    pub last: f64,
    /// What a counter lost by falling back: the sum of the values just before each fall, the one from the last sample of the bucket
    /// before included. `None` of what falls too often to be a counter.
    ///
    /// The rise of a counter from the end of one bucket to the end of another is the difference of their `last` plus the `fallen` of
    /// all buckets after the first, the second included.
    pub fallen: Option<f64>,
}

/// How finely a read wants to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Resolution {
    /// Every sample.
    Raw,
    /// Buckets of 60 s.
    Minute,
    /// Buckets of 600 s.
    TenMinutes,
    /// The finest that gives about this many points at most, and that is still kept at the begin of the range.
    Auto { points: u32 },
}
