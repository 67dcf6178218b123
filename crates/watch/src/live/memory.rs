//! Whether the machine's memory only grows, and when it would be full.
//!
//! An hour and a half, a value a minute. What a service takes and gives back goes up and down; a
//! leak raises the lowest value of every quarter of an hour. Minutes are counted by ticks, so that a
//! clock that jumps bends nothing.

use std::collections::VecDeque;

const TICKS_PER_VALUE: u32 = 60;
/// Minutes looked at.
const VALUES: usize = 90;
/// Minutes of which the lowest value counts.
const BLOCK: usize = 15;
/// Less than this is no trouble, however it grows.
const USED_SHARE: f64 = 0.6;
/// Later than this is no trouble yet.
const FULL_WITHIN_MS: i64 = 12 * 60 * MINUTE_MS;
const MINUTE_MS: i64 = 60_000;

#[derive(Debug, Default)]
pub(crate) struct MemoryTrend {
    ticks: u32,
    used: VecDeque<u64>,
    full_in_ms: Option<i64>,
}

impl MemoryTrend {
    /// Takes the memory of this second; unknown ones are passed over.
    pub(crate) fn tick(&mut self, used_bytes: Option<u64>, total_bytes: Option<u64>) {
        self.ticks += 1;
        let Some((used, total)) = used_bytes.zip(total_bytes) else { return };
        if self.ticks < TICKS_PER_VALUE {
            return;
        }
        self.ticks = 0;
        if self.used.len() == VALUES {
            self.used.pop_front();
        }
        self.used.push_back(used);
        self.full_in_ms = full_in_ms(self.used.make_contiguous(), total);
    }

    /// Milliseconds until it is full, if it goes on as it did; `None` when it does not only grow.
    pub(crate) fn full_in_ms(&self) -> Option<i64> {
        self.full_in_ms
    }
}

fn full_in_ms(used: &[u64], total: u64) -> Option<i64> {
    let last = *used.last()?;
    if used.len() < VALUES || (last as f64) < total as f64 * USED_SHARE {
        return None;
    }
    let lows: Vec<u64> =
        used.chunks(BLOCK).filter_map(|block| block.iter().min().copied()).collect();
    if !lows.is_sorted_by(|a, b| a < b) {
        return None;
    }
    let grown = lows.last()?.checked_sub(*lows.first()?)?;
    let minutes = (BLOCK * (lows.len() - 1)) as f64;
    let per_minute = grown as f64 / minutes;
    #[expect(clippy::cast_possible_truncation, reason = "minutes until something is full")]
    let left_ms = (total.saturating_sub(last) as f64 / per_minute) as i64 * MINUTE_MS;
    Some(left_ms).filter(|left_ms| *left_ms <= FULL_WITHIN_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So much used in each minute, of 10,000.
    fn trend(used: impl Fn(u64) -> u64) -> Option<i64> {
        let mut trend = MemoryTrend::default();
        for second in 0..VALUES as u64 * 60 {
            trend.tick(Some(used(second / 60)), Some(10_000));
        }
        trend.full_in_ms()
    }

    #[test]
    fn only_what_grows_without_giving_back_is_a_leak() {
        // Up and down by 500 every ten minutes, on top of what leaks.
        let wave = |minute: u64| if minute % 10 < 5 { 500 } else { 0 };
        assert_eq!(trend(|minute| 7_000 + 10 * minute), Some(211 * MINUTE_MS));
        assert!(trend(|minute| 7_000 + 10 * minute + wave(minute)).is_some());
        assert_eq!(trend(|_| 9_500), None);
        assert_eq!(trend(|minute| 9_000 + wave(minute)), None);
        assert_eq!(trend(|minute| 3_000 + 10 * minute), None, "there is plenty");
        assert_eq!(trend(|minute| 7_000 + minute), None, "it takes two days");
        assert_eq!(trend(|minute| 7_000 + 10 * (minute % 60)), None);
    }

    #[test]
    fn an_hour_is_not_enough_to_say() {
        let mut trend = MemoryTrend::default();
        for second in 0..2_600 {
            trend.tick(Some(7_000 + second), Some(12_000));
            trend.tick(None, None);
        }
        assert_eq!(trend.full_in_ms(), None);
    }
}
