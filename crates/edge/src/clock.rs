//! Wall-clock time for facts and logs.

use std::time::{SystemTime, UNIX_EPOCH};

/// Unix milliseconds; 0 for a clock set before 1970.
pub(crate) fn unix_ms() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}
