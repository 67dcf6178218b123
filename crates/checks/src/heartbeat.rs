//! Whether something that ought to report by itself does: a cron job, a backup, an import.
//!
//! Pure state: it asks nobody. Whoever receives the signals keeps [`Beats`] and the clock.

use crate::outcome::{Conclusion, Reason};

/// How often a report is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// From one success to the next, milliseconds.
    pub every_ms: u64,
    /// What it may be late, and how long a run that said that it began may take, milliseconds.
    pub grace_ms: u64,
}

/// What a job says of itself. The words are those of healthchecks.io (healthchecks.io/docs/http_api).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    Started,
    Succeeded,
    /// With the exit code, if the job told one.
    Failed(Option<u8>),
}

impl Signal {
    /// By the end of the path at which it came: empty for a success, `start`, `fail`, or an exit code from 0 to 255.
    /// `None`: it is none of them, and says nothing of the job.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        match path.trim_matches('/') {
            "" | "0" => Some(Self::Succeeded),
            "start" => Some(Self::Started),
            "fail" => Some(Self::Failed(None)),
            code if code.bytes().all(|byte| byte.is_ascii_digit()) => {
                let code: u8 = code.parse().ok()?;
                Some(if code == 0 { Self::Succeeded } else { Self::Failed(Some(code)) })
            }
            _ => None,
        }
    }
}

/// One signal, and when it came by our clock, unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beat {
    pub at_ms: i64,
    pub signal: Signal,
}

/// All that is kept of the signals so far, however many came. Nothing: none ever came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Beats {
    /// The last success, unix milliseconds.
    pub succeeded_ms: Option<i64>,
    /// The last beginning after which nothing was said yet, unix milliseconds.
    pub started_ms: Option<i64>,
    /// The last failure since which there was no success, with the exit code.
    pub failed: Option<(i64, Option<u8>)>,
}

impl Beats {
    /// Signals count in the order in which they come.
    pub fn take(&mut self, beat: Beat) {
        match beat.signal {
            Signal::Started => self.started_ms = Some(beat.at_ms),
            Signal::Succeeded => *self = Self { succeeded_ms: Some(beat.at_ms), ..Self::default() },
            Signal::Failed(code) => {
                self.started_ms = None;
                self.failed = Some((beat.at_ms, code));
            }
        }
    }
}

impl Heartbeat {
    /// Whether it is on time. A failure that was told counts at once, and until a success.
    ///
    /// What never came is unknown, however long it is waited for: it may never have been set up.
    #[must_use]
    pub fn judge(&self, beats: &Beats, now_ms: i64) -> Conclusion {
        let last_ms = [beats.succeeded_ms, beats.started_ms, beats.failed.map(|(at_ms, _)| at_ms)]
            .into_iter()
            .flatten()
            .max();
        let Some(last_ms) = last_ms else {
            return Conclusion::Unknown(Reason::new("heartbeat_never_seen"));
        };
        // Else a clock that was once wrong would keep it on time for years.
        if last_ms > later(now_ms, self.patience_ms()) {
            let reason = Reason::new("clock_set_back").with("last_ms", last_ms);
            return Conclusion::Unknown(reason);
        }
        if let Some((at_ms, code)) = beats.failed {
            let mut reason = Reason::new("heartbeat_failed").with("at_ms", at_ms);
            if let Some(code) = code {
                reason = reason.with("exit_code", i64::from(code));
            }
            return Conclusion::Failed(reason);
        }
        match self.due_ms(beats) {
            Some(due_ms) if now_ms > due_ms => Conclusion::Failed(self.late(beats, due_ms)),
            _ => Conclusion::Passed,
        }
    }

    /// The last moment at which it is on time unless something is said before, unix milliseconds: when to judge again.
    /// `None`: time alone changes nothing.
    #[must_use]
    pub fn due_ms(&self, beats: &Beats) -> Option<i64> {
        if beats.failed.is_some() {
            return None;
        }
        let next_ms = beats.succeeded_ms.map(|at_ms| later(at_ms, self.patience_ms()));
        let end_ms = beats.started_ms.map(|at_ms| later(at_ms, self.grace_ms));
        // A run that has begun in time is waited for, though it ends after the next was due.
        end_ms.or(next_ms)
    }

    fn patience_ms(&self) -> u64 {
        self.every_ms.saturating_add(self.grace_ms)
    }

    fn late(&self, beats: &Beats, due_ms: i64) -> Reason {
        if let Some(started_ms) = beats.started_ms {
            let reason = Reason::new("heartbeat_unfinished").with("since_ms", due_ms);
            return reason.with("started_ms", started_ms);
        }
        let reason = Reason::new("heartbeat_late").with("since_ms", due_ms);
        match beats.succeeded_ms {
            Some(last_ms) => reason.with("last_ms", last_ms),
            None => reason,
        }
    }
}

fn later(at_ms: i64, by_ms: u64) -> i64 {
    at_ms.saturating_add_unsigned(by_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOURLY: Heartbeat = Heartbeat { every_ms: 3_600_000, grace_ms: 60_000 };

    /// `passed`, or the code, with `?` after it where it is unknown.
    fn word(conclusion: &Conclusion) -> String {
        match conclusion {
            Conclusion::Passed => "passed".to_owned(),
            Conclusion::Failed(reason) => reason.code.to_owned(),
            Conclusion::Unknown(reason) => format!("{}?", reason.code),
        }
    }

    fn beats(signals: &[(i64, Signal)]) -> Beats {
        let mut beats = Beats::default();
        for (at_ms, signal) in signals.iter().copied() {
            beats.take(Beat { at_ms, signal });
        }
        beats
    }

    #[test]
    fn each_turn_of_a_job_is_judged() {
        use Signal::{Failed, Started, Succeeded};
        let check = |signals: &[(i64, Signal)], now_ms: i64, expect: &str| {
            let judged = HOURLY.judge(&beats(signals), now_ms);
            assert_eq!(word(&judged), expect, "{signals:?} at {now_ms}");
        };
        check(&[], i64::MAX, "heartbeat_never_seen?");
        check(&[(0, Succeeded)], 0, "passed");
        check(&[(0, Succeeded)], 3_660_000, "passed");
        check(&[(0, Succeeded)], 3_660_001, "heartbeat_late");
        check(&[(0, Succeeded), (3_660_001, Succeeded)], 3_660_002, "passed");
        check(&[(0, Started)], 60_000, "passed");
        check(&[(0, Started)], 60_001, "heartbeat_unfinished");
        check(&[(0, Succeeded), (3_600_000, Started)], 3_660_000, "passed");
        check(&[(0, Succeeded), (3_600_000, Started)], 3_660_001, "heartbeat_unfinished");
        check(&[(0, Succeeded), (3_659_000, Started)], 3_700_000, "passed");
        check(&[(0, Started), (9, Succeeded)], 61_000, "passed");
        check(&[(0, Succeeded), (5, Failed(Some(2)))], 5, "heartbeat_failed");
        check(&[(0, Failed(None)), (5, Started)], 6, "heartbeat_failed");
        check(&[(0, Failed(None)), (5, Started), (7, Succeeded)], 8, "passed");
        check(&[(3_660_000, Succeeded)], 0, "passed");
        check(&[(3_660_001, Succeeded)], 0, "clock_set_back?");
    }

    #[test]
    fn a_failure_tells_its_exit_code_and_a_late_one_since_when() {
        let Conclusion::Failed(reason) = HOURLY.judge(&beats(&[(5, Signal::Failed(Some(2)))]), 6)
        else {
            panic!("it did not fail");
        };
        assert_eq!(reason.params["exit_code"], 2_i64.into());
        assert_eq!(reason.params["at_ms"], 5_i64.into());
        let Conclusion::Failed(reason) = HOURLY.judge(&beats(&[(5, Signal::Succeeded)]), 9_000_000)
        else {
            panic!("it is not late");
        };
        assert_eq!(reason.params["since_ms"], 3_660_005_i64.into());
        assert_eq!(reason.params["last_ms"], 5_i64.into());
    }

    #[test]
    fn a_path_says_what_happened_or_nothing() {
        let check = |path: &str, expect: Option<Signal>| {
            assert_eq!(Signal::of_path(path), expect, "{path}");
        };
        check("", Some(Signal::Succeeded));
        check("/", Some(Signal::Succeeded));
        check("/0", Some(Signal::Succeeded));
        check("/000", Some(Signal::Succeeded));
        check("/start", Some(Signal::Started));
        check("/fail", Some(Signal::Failed(None)));
        check("/137", Some(Signal::Failed(Some(137))));
        check("/256", None);
        check("/-1", None);
        check("/failed", None);
        check("/1/2", None);
    }

    #[test]
    fn no_numbers_overflow_and_the_moment_due_is_the_last_on_time() {
        bolero::check!().with_type::<(u64, u64, i64, bool)>().for_each(|case| {
            let (every_ms, grace_ms, at_ms, is_start) = *case;
            let heartbeat = Heartbeat { every_ms, grace_ms };
            let signal = if is_start { Signal::Started } else { Signal::Succeeded };
            let beats = beats(&[(at_ms, signal)]);
            let due_ms = heartbeat.due_ms(&beats).unwrap();
            assert_eq!(heartbeat.judge(&beats, due_ms), Conclusion::Passed);
            if let Some(after_ms) = due_ms.checked_add(1) {
                assert!(matches!(heartbeat.judge(&beats, after_ms), Conclusion::Failed(_)));
            }
        });
    }
}
