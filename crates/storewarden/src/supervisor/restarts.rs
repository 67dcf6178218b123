//! How soon a child that ended is started again. Pure.

use std::time::Duration;

/// A child that ran for so long was well, and its end is a first one.
const WELL_AFTER: Duration = Duration::from_secs(60);
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// Whether children that end are started again without a pause: in programs with debug assertions
/// whose test says so, since it ends control dozens of times.
pub(super) fn are_at_once() -> bool {
    cfg!(debug_assertions) && std::env::var_os("STOREWARDEN_RESTART_AT_ONCE").is_some()
}

/// Counts the ends of one child that followed each other closely.
#[derive(Debug, Default)]
pub(super) struct Restarts {
    ends: u32,
}

impl Restarts {
    /// The pause before the next start: none after the first end, then from one second up to thirty.
    pub(super) fn pause(&mut self, ran_for: Duration) -> Duration {
        if ran_for >= WELL_AFTER {
            self.ends = 0;
        }
        self.ends = self.ends.saturating_add(1);
        match self.ends {
            1 => Duration::ZERO,
            ends => SHORTEST.saturating_mul(1 << (ends - 2).min(5)).min(LONGEST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_while_it_keeps_dying_and_begin_anew_after_a_good_run() {
        let mut restarts = Restarts::default();
        let mut pauses = |ran_for: u64, count: usize| -> Vec<u64> {
            let pause = |_| restarts.pause(Duration::from_secs(ran_for)).as_secs();
            (0..count).map(pause).collect()
        };
        assert_eq!(pauses(0, 9), [0, 1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(pauses(60, 2), [0, 0]);
        assert_eq!(pauses(59, 2), [1, 2]);
    }
}
