//! What the samples of a bucket of time come to. Pure.

use crate::sample::{Rollup, Sample};

/// Rolls samples up into the buckets from a time on. Samples before it only tell from where a counter fell.
pub(crate) fn roll_up(samples: &[Sample], bucket_ms: i64, from_ms: i64) -> Vec<Rollup> {
    let mut buckets: Vec<Rollup> = Vec::new();
    let mut before: Option<f64> = None;
    let (mut falls, mut counted) = (0, 0);
    for Sample { at_ms, value } in samples.iter().filter(|sample| !sample.value.is_nan()) {
        let fallen = before.replace(*value).filter(|before| value < before).unwrap_or(0.0);
        if *at_ms < from_ms {
            continue;
        }
        counted += 1;
        falls += usize::from(fallen != 0.0);
        let begin_ms = at_ms - at_ms.rem_euclid(bucket_ms);
        match buckets.last_mut() {
            Some(bucket) if bucket.from_ms == begin_ms => bucket.add(*value, fallen),
            _ => buckets.push(Rollup::of(begin_ms, *value, fallen)),
        }
    }
    if falls * 4 > counted {
        buckets.iter_mut().for_each(|bucket| bucket.fallen = None);
    }
    buckets
}

impl Rollup {
    fn of(from_ms: i64, value: f64, fallen: f64) -> Self {
        let (min, max, sum, last) = (value, value, value, value);
        Self { from_ms, min, max, sum, count: 1, last, fallen: Some(fallen) }
    }

    fn add(&mut self, value: f64, fallen: f64) {
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.sum += value;
        self.count += 1;
        self.last = value;
        self.fallen = self.fallen.map(|before| before + fallen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(values: &[(i64, f64)]) -> Vec<Sample> {
        values.iter().map(|(at_s, value)| Sample { at_ms: at_s * 1_000, value: *value }).collect()
    }

    #[test]
    fn a_bucket_keeps_what_its_samples_came_to() {
        let nan = f64::NAN;
        let samples = samples(&[
            (59, 9.0),
            (60, 1.0),
            (70, nan),
            (80, 5.0),
            (119, 3.0),
            (180, nan),
            (240, 4.0),
        ]);
        let buckets = roll_up(&samples, 60_000, 60_000);
        let first = Rollup {
            from_ms: 60_000,
            min: 1.0,
            max: 5.0,
            sum: 9.0,
            count: 3,
            last: 3.0,
            fallen: None,
        };
        let second = Rollup {
            from_ms: 240_000,
            min: 4.0,
            max: 4.0,
            sum: 4.0,
            count: 1,
            last: 4.0,
            fallen: None,
        };
        assert_eq!(buckets, [first, second]);
        assert_eq!(roll_up(&[], 60_000, 0), []);
        assert_eq!(roll_up(&[Sample::stale(60_000)], 60_000, 0), []);
    }

    /// The rise of a counter as every sample of it tells.
    fn rise(samples: &[Sample]) -> f64 {
        let rise = |two: &[Sample]| match two[1].value - two[0].value {
            rise if rise < 0.0 => two[1].value,
            rise => rise,
        };
        samples.windows(2).map(rise).sum()
    }

    #[test]
    fn the_rise_of_a_counter_is_the_same_from_rollups_whatever_resets_lie_between() {
        bolero::check!().with_type::<Vec<u8>>().for_each(|steps| {
            let mut value = 0u32;
            let samples: Vec<Sample> = steps
                .iter()
                .enumerate()
                .map(|(tick, step)| {
                    value = if *step < 20 { u32::from(*step) } else { value + u32::from(*step) };
                    Sample { at_ms: tick as i64 * 10_000, value: f64::from(value) }
                })
                .collect();
            let buckets = roll_up(&samples, 60_000, 0);
            let (Some(first), Some(last)) = (buckets.first(), buckets.last()) else { return };
            let fallen: Option<f64> = buckets[1..].iter().map(|bucket| bucket.fallen).sum();
            let Some(fallen) = fallen else { return };
            let since_first =
                samples.iter().rposition(|sample| sample.at_ms < first.from_ms + 60_000);
            let expect = rise(&samples[since_first.unwrap()..]);
            assert!((last.last - first.last + fallen - expect).abs() < 1e-9);
        });
    }

    #[test]
    fn what_falls_all_the_time_is_no_counter() {
        let noise: Vec<(i64, f64)> =
            (0..60).map(|tick| (tick * 10, f64::from(tick as i32 * 7 % 5))).collect();
        assert!(roll_up(&samples(&noise), 60_000, 0).iter().all(|bucket| bucket.fallen.is_none()));
        let counter: Vec<(i64, f64)> =
            (0..60).map(|tick| (tick * 10, f64::from(tick as i32 % 40))).collect();
        let fallen: Vec<_> =
            roll_up(&samples(&counter), 600_000, 0).iter().map(|bucket| bucket.fallen).collect();
        assert_eq!(fallen, [Some(39.0)]);
    }
}
