//! The drivers against a real kernel and a real systemd: one suite for both, and what only one of
//! them has.

#![expect(clippy::unwrap_used, reason = "a test that can't go on panics")]

#[path = "it/acts.rs"]
mod acts;
#[path = "it/conformance.rs"]
mod conformance;
#[path = "it/fleet.rs"]
mod fleet;
#[path = "it/processes.rs"]
mod processes;
#[path = "it/units.rs"]
mod units;
#[path = "it/yard.rs"]
mod yard;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Longer than anything takes on a busy machine.
const LONG: Duration = Duration::from_secs(30);

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    i64::try_from(since.as_millis()).expect("the clock is before the year 292 million")
}
