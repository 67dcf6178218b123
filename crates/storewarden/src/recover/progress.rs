//! How far a recovery is, for a person: a line that is drawn again where there is a terminal, and
//! one now and then where there is none.

use crate::{backup::size, moment::length, terminal};
use std::{
    io::Write as _,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Without a terminal.
const EVERY: Duration = Duration::from_secs(10);

/// What is being done, and since when.
pub(super) struct Line {
    what: String,
    begun: Instant,
    told: Mutex<Instant>,
}

impl Line {
    pub(super) fn new(what: impl Into<String>) -> Self {
        let now = Instant::now();
        Self { what: what.into(), begun: now, told: Mutex::new(now) }
    }

    pub(super) fn tell(&self, bytes: u64, total_bytes: Option<u64>) {
        let is_live = terminal::is_live();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_live && told.elapsed() < EVERY {
            return;
        }
        *told = Instant::now();
        let text = measured(bytes, total_bytes, self.begun.elapsed());
        show(&format!("  {}: {text}", self.what), is_live);
    }

    /// What it came to, on a line that stays.
    pub(super) fn end(self, outcome: &str) {
        let is_live = terminal::is_live();
        let text = format!("  {}: {outcome}", self.what);
        if is_live {
            show(&text, true);
            say("");
        } else {
            say(&text);
        }
    }
}

/// A line for people. A reader who has gone does not end a recovery.
pub(super) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    drop(writeln!(out, "{text}").and_then(|()| out.flush()));
}

fn show(text: &str, is_live: bool) {
    if !is_live {
        return say(text);
    }
    let (columns, _) = terminal::size();
    let text = terminal::cut(&terminal::printable(text), columns.saturating_sub(1));
    let mut out = std::io::stdout().lock();
    drop(write!(out, "\r\u{1b}[K{text}").and_then(|()| out.flush()));
}

fn measured(bytes: u64, total_bytes: Option<u64>, elapsed: Duration) -> String {
    let rate = u64::try_from(u128::from(bytes) * 1000 / elapsed.as_millis().max(1)).unwrap_or(0);
    let done = size(bytes);
    let Some(total) = total_bytes.filter(|total| *total >= bytes && *total > 0) else {
        return format!("{done}, {}/s", size(rate));
    };
    let left = (total - bytes).checked_div(rate).map_or_else(String::new, |seconds| {
        let ms = i64::try_from(seconds).unwrap_or(i64::MAX / 1000).saturating_mul(1000);
        format!(", {} left", length(ms))
    });
    format!("{done} of {}, {}/s{left}", size(total), size(rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_and_time_left_are_told_where_they_are_known() {
        let check = |bytes, total, seconds, expect: &str| {
            assert_eq!(measured(bytes, total, Duration::from_secs(seconds)), expect);
        };
        check(1_000_000, Some(3_000_000), 2, "1.0 MB of 3.0 MB, 500 kB/s, 4.0 s left");
        check(1_000_000, None, 2, "1.0 MB, 500 kB/s");
        check(1_000_000, Some(10), 2, "1.0 MB, 500 kB/s");
        check(0, Some(10), 0, "0 B of 10 B, 0 B/s");
    }
}
