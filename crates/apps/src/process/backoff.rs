//! How long a command that ended waits for its next start: longer each time, so that one that ends
//! at once does not take the machine from those that serve.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(60);
/// Who ran for so long has come up well; what ended it is something new.
const SETTLED: Duration = Duration::from_secs(60);

/// Ends in a row, after one more of a life that lasted `ran`.
pub(super) fn failures(before: u32, ran: Duration) -> u32 {
    if ran >= SETTLED { 1 } else { before.saturating_add(1) }
}

/// How long to wait after so many ends in a row, 1 at least.
pub(super) fn delay(failures: u32) -> Duration {
    let doubled = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    FIRST.saturating_mul(doubled).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wait_is_twice_the_one_before_up_to_a_minute() {
        let expect = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000];
        for (failures, expect_ms) in (1..).zip(expect) {
            assert_eq!(delay(failures).as_millis(), expect_ms, "{failures}");
        }
        assert_eq!(delay(u32::MAX), LONGEST);
    }

    #[test]
    fn who_ran_long_begins_anew() {
        let check = |before: u32, seconds: u64, expect: u32| {
            assert_eq!(failures(before, Duration::from_secs(seconds)), expect);
        };
        check(0, 0, 1);
        check(4, 59, 5);
        check(4, 60, 1);
        check(u32::MAX, 0, u32::MAX);
    }
}
