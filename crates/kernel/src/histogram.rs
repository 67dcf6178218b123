//! A log-linear histogram of durations: fixed buckets, so that two of them add up and a cumulative
//! one can be subtracted from a later one without loss.
//!
//! Eight buckets a power of two from 16 µs on: a quantile is off by at most one eighth. Written in
//! docs/formats/edge-link.md; changing the bounds is a new version of that format.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Sub-buckets in each power of two.
const SUB: u64 = 8;
/// Values below this many microseconds share the first bucket.
const FLOOR_US: u64 = 16;
/// Powers of two above the floor: 16 µs · 2²³ is 134 s; everything longer is in the last bucket.
const OCTAVES: usize = 23;

/// How many buckets a histogram has.
pub const BUCKETS: usize = 1 + OCTAVES * SUB as usize;

/// The bucket that `microseconds` falls into, `0..BUCKETS`.
#[must_use]
pub fn bucket_of(microseconds: u64) -> usize {
    if microseconds < FLOOR_US {
        return 0;
    }
    let octave = u64::from(microseconds.ilog2() - FLOOR_US.ilog2());
    let base = FLOOR_US << octave;
    let within = (microseconds - base) * SUB / base;
    usize::try_from(1 + octave * SUB + within).map_or(BUCKETS - 1, |index| index.min(BUCKETS - 1))
}

/// The smallest number of microseconds that no longer belongs to `bucket`.
#[must_use]
pub fn bucket_upper_bound(bucket: usize) -> u64 {
    if bucket == 0 {
        return FLOOR_US;
    }
    let index = (bucket.min(BUCKETS - 1) - 1) as u64;
    let base = FLOOR_US << (index / SUB);
    base + base * (index % SUB + 1) / SUB
}

/// Counts of durations by bucket. On the wire: the non-empty buckets as `[[bucket, count], …]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    counts: Vec<u64>,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS] }
    }
}

impl Histogram {
    /// Adds `count` to `bucket`. Buckets past the last are the last.
    pub fn add(&mut self, bucket: usize, count: u64) {
        self.counts[bucket.min(BUCKETS - 1)] += count;
    }

    pub fn record(&mut self, microseconds: u64) {
        self.add(bucket_of(microseconds), 1);
    }

    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
    }

    /// What was recorded since `earlier`, an older state of the same cumulative histogram.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let counts =
            self.counts.iter().zip(&earlier.counts).map(|(now, then)| now.saturating_sub(*then));
        Self { counts: counts.collect() }
    }

    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The duration in milliseconds that `quantile` (0..=1) of the values do not exceed, as the
    /// upper bound of its bucket; `None` when nothing was recorded.
    #[must_use]
    pub fn quantile_ms(&self, quantile: f64) -> Option<f64> {
        let total = self.count();
        if total == 0 {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=total")]
        let rank = ((total as f64 * quantile.clamp(0.0, 1.0)).ceil() as u64).max(1);
        let mut seen = 0;
        let bucket = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        bucket.map(|bucket| bucket_upper_bound(bucket) as f64 / 1000.0)
    }
}

impl Serialize for Histogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.counts.iter().enumerate().filter(|(_, count)| **count > 0))
    }
}

impl<'de> Deserialize<'de> for Histogram {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut histogram = Self::default();
        for (bucket, count) in Vec::<(usize, u64)>::deserialize(deserializer)? {
            let slot = histogram.counts.get_mut(bucket).ok_or_else(|| {
                D::Error::custom(format!("bucket {bucket} is past the last, {}", BUCKETS - 1))
            })?;
            *slot = slot.saturating_add(count);
        }
        Ok(histogram)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_below_its_bucket_bound_and_not_below_the_one_before() {
        let mut value = 0_u64;
        while value < 200_000_000 {
            let bucket = bucket_of(value);
            if bucket < BUCKETS - 1 {
                assert!(value < bucket_upper_bound(bucket), "{value} in {bucket}");
            }
            if bucket > 0 {
                assert!(value >= bucket_upper_bound(bucket - 1), "{value} in {bucket}");
            }
            value = value + value / 97 + 1;
        }
    }

    #[test]
    fn a_quantile_is_off_by_an_eighth_at_most() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile_ms(0.5), None);
        for microseconds in 1..=10_000 {
            histogram.record(microseconds);
        }
        let median = histogram.quantile_ms(0.5).unwrap();
        assert!((5.0..=5.7).contains(&median), "{median}");
    }

    #[test]
    fn the_wire_form_round_trips_and_refuses_unknown_buckets() {
        let mut histogram = Histogram::default();
        histogram.record(70);
        histogram.record(1_000_000);
        let text = serde_json::to_string(&histogram).unwrap();
        assert_eq!(serde_json::from_str::<Histogram>(&text).unwrap(), histogram);
        assert!(serde_json::from_str::<Histogram>("[[9999,1]]").is_err());
    }

    #[test]
    fn the_difference_of_two_states_is_what_came_between() {
        let mut earlier = Histogram::default();
        earlier.record(100);
        let mut later = earlier.clone();
        later.record(5000);
        let between = later.since(&earlier);
        assert_eq!((between.count(), between.quantile_ms(1.0)), (1, Some(5.12)));
    }
}
