//! What is known of every check. Pure: outcomes and the moment in, how it stands out.

use super::{CheckPoint, CheckStanding, CheckState, ChecksStanding, trial::Tried};
use crate::services::Told;
use kernel::{
    config::{CheckSettings, CheckTarget},
    readings::Readings,
};
use std::{collections::VecDeque, sync::Arc};

/// Tries of each that are remembered.
const RECENT: usize = 60;
/// A task may be late by so much on a machine that is busy.
const LATE_MS: i64 = 5_000;

/// All checks, in the configuration's order. Steady milliseconds, unless a name says otherwise.
#[derive(Debug, Default)]
pub(super) struct Book {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    settings: Arc<CheckSettings>,
    last: Option<Last>,
    failures: u32,
    /// Of the last outcome, and since when by the clock; unknown from the beginning.
    state: CheckState,
    since_wall_ms: i64,
    recent: VecDeque<CheckPoint>,
}

#[derive(Debug)]
struct Last {
    tried: Tried,
    heard_ms: i64,
}

impl Entry {
    fn new(settings: &CheckSettings, wall_ms: i64) -> Self {
        Self {
            settings: Arc::new(settings.clone()),
            last: None,
            failures: 0,
            state: CheckState::Unknown,
            since_wall_ms: wall_ms,
            recent: VecDeque::new(),
        }
    }

    /// The last outcome, unless the next one should have come long ago.
    fn fresh(&self, steady_ms: i64) -> Option<&Last> {
        let CheckSettings { every_ms, within_ms, .. } = *self.settings;
        let after_ms = i64::try_from(every_ms + within_ms).unwrap_or(i64::MAX);
        self.last.as_ref().filter(|last| steady_ms - last.heard_ms <= after_ms + LATE_MS)
    }
}

impl Book {
    /// Keeps to these from now on; what is known of those that stay as they were is kept. True when others are to be tried than before.
    pub(super) fn configure(
        &mut self,
        all: &[CheckSettings],
        steady_ms: i64,
        wall_ms: i64,
    ) -> bool {
        if self.entries.iter().map(|entry| &*entry.settings).eq(all) {
            return false;
        }
        let mut before = std::mem::take(&mut self.entries);
        for settings in all {
            let known = before.iter().position(|entry| *entry.settings == *settings);
            let known = known.map(|index| before.swap_remove(index));
            let mut entry = known.unwrap_or_else(|| Entry::new(settings, wall_ms));
            // All tasks begin anew: it is tried at once, and not late until then.
            if let Some(last) = &mut entry.last {
                last.heard_ms = steady_ms;
            }
            self.entries.push(entry);
        }
        true
    }

    /// Notes what came of a try.
    pub(super) fn hear(&mut self, settings: &CheckSettings, tried: Tried, steady_ms: i64) {
        // One that was taken out of the configuration, or changed, meanwhile.
        let found = self.entries.iter_mut().find(|entry| *entry.settings == *settings);
        let Some(entry) = found else { return };
        let Tried { at_ms, state, took_ms, .. } = tried;
        match state {
            CheckState::Ok => entry.failures = 0,
            CheckState::Failing => entry.failures = entry.failures.saturating_add(1),
            // It says neither that it works nor that it does not.
            CheckState::Unknown => {}
        }
        if state != entry.state {
            (entry.state, entry.since_wall_ms) = (state, at_ms);
        }
        if entry.recent.len() == RECENT {
            entry.recent.pop_front();
        }
        entry.recent.push_back(CheckPoint { at_ms, state, took_ms });
        entry.last = Some(Last { tried, heard_ms: steady_ms });
    }

    pub(super) fn standing(&self, steady_ms: i64, wall_ms: i64) -> ChecksStanding {
        let checks = self.entries.iter().map(|entry| standing(entry, steady_ms, wall_ms));
        ChecksStanding { checks: checks.collect() }
    }

    /// The last outcomes as metrics; of one that is overdue there are none.
    pub(super) fn told(&self, steady_ms: i64) -> Vec<Told> {
        let told = |entry: &Entry| {
            let name = entry.settings.name.clone();
            let mut labels = vec![("job", "check".to_owned()), ("check", name.clone())];
            let shop = entry.settings.shop.as_ref().map(ToString::to_string);
            labels.extend(shop.map(|shop| ("shop", shop)));
            let fresh = entry.fresh(steady_ms);
            let readings = fresh.map_or_else(Readings::new, |last| last.tried.readings.clone());
            Told { key: format!("check {name}"), labels, readings }
        };
        self.entries.iter().map(told).collect()
    }
}

fn standing(entry: &Entry, steady_ms: i64, wall_ms: i64) -> CheckStanding {
    let Entry { settings, last, .. } = entry;
    let tried = last.as_ref().map(|last| &last.tried);
    let is_fresh = entry.fresh(steady_ms).is_some();
    // Since it should have been tried again.
    let overdue_ms = last.as_ref().map_or(0, |last| steady_ms - last.heard_ms);
    let (state, since_ms) = match (is_fresh, last) {
        (false, Some(_)) => (CheckState::Unknown, wall_ms - overdue_ms),
        _ => (entry.state, entry.since_wall_ms),
    };
    CheckStanding {
        name: settings.name.clone(),
        shop: settings.shop.clone(),
        kind: settings.target.kind().to_owned(),
        place: settings.target.place(),
        every_ms: match &settings.target {
            CheckTarget::Heartbeat(beat) => beat.every_ms,
            _ => settings.every_ms,
        },
        state,
        since_ms,
        tried_ms: tried.map(|tried| tried.at_ms),
        took_ms: tried.map(|tried| tried.took_ms),
        phases: tried.map(|tried| tried.phases.clone()).unwrap_or_default(),
        reason: tried.and_then(|tried| tried.reason.clone()),
        failures: entry.failures,
        failures_until_told: settings.failures,
        http_status: tried.and_then(|tried| tried.http_status),
        address: tried.and_then(|tried| tried.address.clone()),
        certificate_ends_ms: tried.and_then(|tried| tried.certificate_ends_ms),
        steps: tried.map(|tried| tried.steps.clone()).unwrap_or_default(),
        evidence: tried.and_then(|tried| tried.evidence.clone()),
        placed: tried.and_then(|tried| tried.placed.clone()),
        recent: entry.recent.iter().copied().collect(),
    }
}

#[cfg(test)]
mod tests;
