//! What the access logs of a shop tell that Storewarden is beside, and whether they can be believed.

use crate::{
    access_log::{LogPlaces, LogReading},
    judgement::LogEvidence,
    state::{Beside, LogState},
};
use kernel::config::BesideSettings;
use std::collections::VecDeque;

/// Without a reading for so long, nothing is known of now.
const STALE_MS: i64 = 5_000;
/// How far broken lines are looked back at.
const RECENT_MS: i64 = 60_000;

/// One shop's logs, live.
#[derive(Debug, Default)]
pub(crate) struct BesideLive {
    heard_ms: Option<i64>,
    /// Since when the logs say nothing of now.
    silent_since_ms: Option<i64>,
    logs: Vec<LogState>,
    lines: u64,
    broken: u64,
    unclear: u64,
    /// Lines and broken ones by reading.
    recent: VecDeque<(i64, u64, u64)>,
    places: Option<LogPlaces>,
    /// The places went further than what was written down.
    pub(crate) has_unsaved: bool,
}

impl BesideLive {
    pub(crate) fn take(&mut self, reading: &LogReading) {
        let tallied = &reading.tallied;
        self.heard_ms = Some(reading.at_ms);
        self.logs.clone_from(&reading.logs);
        self.lines += tallied.lines;
        self.broken += tallied.broken;
        self.unclear += tallied.unclear;
        if tallied.lines > 0 {
            self.recent.push_back((reading.at_ms, tallied.lines, tallied.broken));
        }
        if self.places.as_ref() != Some(&reading.places) {
            self.places = Some(reading.places.clone());
            self.has_unsaved = true;
        }
    }

    pub(crate) fn places(&self) -> Option<&LogPlaces> {
        self.places.as_ref()
    }

    /// Moves on to `now_ms`.
    pub(crate) fn tick(&mut self, now_ms: i64) {
        while self.recent.front().is_some_and(|(at_ms, ..)| *at_ms <= now_ms - RECENT_MS) {
            self.recent.pop_front();
        }
        self.silent_since_ms = self.error(now_ms).map(|_| self.silent_since_ms.unwrap_or(now_ms));
    }

    fn recent(&self) -> (u64, u64) {
        self.recent.iter().fold((0, 0), |sum, (_, lines, broken)| (sum.0 + lines, sum.1 + broken))
    }

    /// Why the logs tell nothing of now; `None` when they do.
    fn error(&self, now_ms: i64) -> Option<String> {
        let log_error =
            |log: &LogState| log.error.as_ref().map(|error| format!("{}: {error}", log.path));
        let is_fresh = self.heard_ms.is_some_and(|heard_ms| now_ms - heard_ms <= STALE_MS);
        if !is_fresh {
            return Some("not read yet".to_owned());
        }
        match self.recent() {
            (lines, broken) if lines > 0 && lines == broken => {
                Some("no line fits `log_format`".to_owned())
            }
            _ => self.logs.iter().find_map(log_error),
        }
    }

    pub(crate) fn is_reporting(&self, now_ms: i64) -> bool {
        self.error(now_ms).is_none()
    }

    /// Whether checkouts can be told from other requests.
    pub(crate) fn knows_checkouts(&self) -> bool {
        self.unclear == 0
    }

    pub(crate) fn evidence(&self, now_ms: i64) -> LogEvidence {
        let (lines_long, broken_long) = self.recent();
        let since_ms = self.silent_since_ms.unwrap_or(now_ms);
        let unread = self.error(now_ms).map(|error| (since_ms, error));
        LogEvidence { unread, lines_long, broken_long }
    }

    pub(crate) fn state(&self, settings: &BesideSettings) -> Beside {
        let unread = settings.logs.iter().map(|path| LogState::unread(path));
        let logs = if self.logs.is_empty() { unread.collect() } else { self.logs.clone() };
        Beside {
            logs,
            timing: settings.format.timing().map(|timing| timing.code().to_owned()),
            visitors: knows_visitors(settings),
            checkouts: self.knows_checkouts(),
            lines: self.lines,
            broken: self.broken,
        }
    }
}

pub(crate) fn knows_visitors(settings: &BesideSettings) -> bool {
    settings.format.fields().any(|field| field == kernel::LogField::Client)
}

/// Whether its lines say which instance answered.
pub(crate) fn names_instances(settings: &BesideSettings) -> bool {
    settings.format.fields().any(|field| field == kernel::LogField::Instance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access_log::Tallied;

    fn reading(at_ms: i64, lines: u64, broken: u64) -> LogReading {
        let tallied = Tallied { lines, broken, ..Tallied::default() };
        LogReading { at_ms, tallied, ..LogReading::default() }
    }

    #[test]
    fn logs_tell_of_now_while_they_are_read_and_understood() {
        let mut live = BesideLive::default();
        let mut check = |reading: Option<LogReading>, now_ms: i64, expect: Option<(i64, &str)>| {
            if let Some(reading) = reading {
                live.take(&reading);
            }
            live.tick(now_ms);
            let expect = expect.map(|(since_ms, why)| (since_ms, why.to_owned()));
            assert_eq!(live.evidence(now_ms).unread, expect, "at {now_ms}");
        };
        check(None, 0, Some((0, "not read yet")));
        check(None, 1_000, Some((0, "not read yet")));
        check(Some(reading(2_000, 0, 0)), 2_000, None);
        check(Some(reading(3_000, 5, 5)), 3_000, Some((3_000, "no line fits `log_format`")));
        check(Some(reading(4_000, 5, 4)), 4_000, None);
        check(None, 9_001, Some((9_001, "not read yet")));
        let mut missing = reading(10_000, 0, 0);
        let log = LogState { error: Some("gone".into()), ..LogState::unread("/a".as_ref()) };
        missing.logs.push(log);
        check(Some(missing), 10_000, Some((9_001, "/a: gone")));
    }
}
