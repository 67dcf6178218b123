//! When a finding becomes an alert: it must hold for a while to fire, and be gone for a while to be
//! over. Pure: findings and steady time in, changes out.
//!
//! pending → firing → resolving → resolved. An alert whose source tells nothing is neither firing
//! anew nor over: it is *without data* until the source speaks again. One that keeps coming back is
//! flapping, and counts as over only after a longer calm. Nothing here looks at the machine's clock,
//! so that a clock that jumps neither fires nor ends anything.

mod table;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use table::codes;
pub use table::{Rule, Rules, Source};

use kernel::{Finding, Level, ShopId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

const MINUTE_MS: i64 = 60_000;
/// An alert that came back so often …
const FLAPS: usize = 4;
/// … within this is flapping, and what is over is remembered for so long.
const FLAP_SPAN_MS: i64 = 30 * MINUTE_MS;
/// A flapping alert must be gone for at least so long, and for so many times its rule's own.
const FLAP_KEEP_MS: i64 = 15 * MINUTE_MS;
const FLAP_KEEP_TIMES: i64 = 4;
/// After a restart, judgement needs so long to see again what it saw before.
const WARM_UP_MS: i64 = 90_000;
/// More alerts than these are not begun: a machine with so many has one trouble, and it is told.
const MAX_ALERTS: usize = 5_000;

/// What one shop or the machine looks like in this second.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// `None`: the machine.
    pub shop: Option<ShopId>,
    pub findings: Vec<Finding>,
    /// Sources that tell nothing: what is not found by them is not gone.
    pub blind: Vec<Source>,
}

/// Names an alert: whose finding, and which.
pub type AlertKey = (Option<ShopId>, String);

/// One finding on its way through its rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    pub shop: Option<ShopId>,
    /// As it was last seen.
    pub finding: Finding,
    pub phase: Phase,
    /// Steady milliseconds at which the phase began.
    pub since_steady_ms: i64,
    /// When it came back, steady.
    returns: Vec<i64>,
    pub flapping: bool,
    /// From before a restart, and not found again since.
    #[serde(skip)]
    kept: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Found, and not for long enough.
    Pending,
    Firing,
    /// Not found any more, and not for long enough.
    Resolving,
    /// It fired, and its source tells nothing.
    NoData,
    /// Over; remembered to notice that it comes and goes.
    Resolved,
}

impl Alert {
    #[must_use]
    pub fn key(&self) -> AlertKey {
        (self.shop.clone(), self.finding.id.clone())
    }

    /// Whether somebody must look after it.
    #[must_use]
    pub fn is_active(&self) -> bool {
        matches!(self.phase, Phase::Firing | Phase::Resolving | Phase::NoData)
    }

    fn enter(&mut self, phase: Phase, steady_ms: i64) {
        self.phase = phase;
        self.since_steady_ms = steady_ms;
    }
}

/// What became of an alert in one step.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub kind: ChangeKind,
    pub shop: Option<ShopId>,
    pub finding: Finding,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    Fired,
    /// Its level or its parameters are others than before.
    Updated,
    NoData,
    /// Its source speaks again, and says the same.
    DataAgain,
    Flapping,
    Cleared,
}

/// Every alert of the machine. Serialised as a list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<Alert>", into = "Vec<Alert>")]
pub struct Alerts {
    alerts: BTreeMap<AlertKey, Alert>,
    /// Until then, absence says nothing.
    warm_steady_ms: i64,
}

impl From<Vec<Alert>> for Alerts {
    fn from(alerts: Vec<Alert>) -> Self {
        // What was pending begins anew: nobody watched in between.
        let alerts = alerts.into_iter().filter(|alert| alert.phase != Phase::Pending);
        let alerts = alerts.map(|alert| (alert.key(), Alert { kept: true, ..alert })).collect();
        Self { alerts, warm_steady_ms: i64::MIN }
    }
}

impl From<Alerts> for Vec<Alert> {
    fn from(alerts: Alerts) -> Self {
        alerts.alerts.into_values().collect()
    }
}

impl Alerts {
    /// Alerts that were kept come from before a restart: what is not found at once is not gone. What
    /// was found since is gone when it is not found any more.
    pub fn warm_up(&mut self, steady_ms: i64) {
        self.warm_steady_ms = steady_ms + WARM_UP_MS;
    }

    /// Whether absence says nothing yet.
    fn is_warming(&self, steady_ms: i64) -> bool {
        steady_ms < self.warm_steady_ms
    }

    /// Whether an alert stands only because it did before a restart, and could be gone by now.
    pub(crate) fn may_be_gone(&self, key: &AlertKey, steady_ms: i64) -> bool {
        self.is_warming(steady_ms) && self.alerts.get(key).is_some_and(|alert| alert.kept)
    }

    /// Those that somebody must look after.
    pub fn active(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.values().filter(|alert| alert.is_active())
    }

    #[must_use]
    pub fn get(&self, key: &AlertKey) -> Option<&Alert> {
        self.alerts.get(key)
    }

    /// Moves every alert on to `steady_ms`. Changes come in the order of the alerts' keys.
    pub fn step(&mut self, rules: &Rules, seen: &[Seen], steady_ms: i64) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut found = BTreeSet::new();
        for scope in seen {
            let wanted = |finding: &&Finding| finding.level > Level::Good;
            for finding in scope.findings.iter().filter(wanted) {
                let Some(rule) = rules.rule(&finding.code) else { continue };
                let key = (scope.shop.clone(), finding.id.clone());
                self.find(&key, finding, rule, steady_ms, &mut changes);
                found.insert(key);
            }
        }
        let scopes: BTreeMap<_, _> = seen.iter().map(|s| (s.shop.as_ref(), &s.blind)).collect();
        let warming = self.is_warming(steady_ms);
        for (key, alert) in &mut self.alerts {
            if found.contains(key) {
                continue;
            }
            let rule = rules.rule(&alert.finding.code);
            let absence = match (scopes.get(&key.0.as_ref()), rule) {
                // The shop or the rule was taken out of the configuration.
                (None, _) | (_, None) => Absence::Dropped,
                (Some(_), Some(_)) if warming && alert.kept => continue,
                (Some(blind), Some(rule)) if blind.contains(&rule.source) => Absence::Blind,
                (Some(_), Some(rule)) => Absence::Gone(keep_ms(rule, alert.flapping)),
            };
            changes.extend(miss(alert, absence, steady_ms));
        }
        self.alerts.retain(|_, alert| match alert.phase {
            Phase::Pending => found.contains(&alert.key()),
            Phase::Resolved => steady_ms - alert.since_steady_ms < FLAP_SPAN_MS,
            Phase::Firing | Phase::Resolving | Phase::NoData => true,
        });
        changes
    }

    /// A finding is there.
    fn find(
        &mut self,
        key: &AlertKey,
        finding: &Finding,
        rule: Rule,
        steady_ms: i64,
        changes: &mut Vec<Change>,
    ) {
        let room = self.alerts.len() < MAX_ALERTS;
        let Some(alert) = self.alerts.get_mut(key) else {
            if room {
                let alert = self.alerts.entry(key.clone()).or_insert(Alert {
                    shop: key.0.clone(),
                    finding: finding.clone(),
                    phase: Phase::Pending,
                    since_steady_ms: steady_ms,
                    returns: Vec::new(),
                    flapping: false,
                    kept: false,
                });
                changes.extend(fire_when_due(alert, rule, steady_ms));
            }
            return;
        };
        let updated =
            (alert.finding.level, &alert.finding.params) != (finding.level, &finding.params);
        alert.finding = finding.clone();
        alert.kept = false;
        let mut change = |kind, alert: &Alert| changes.push(change(kind, alert));
        match alert.phase {
            Phase::Pending => {
                changes.extend(fire_when_due(alert, rule, steady_ms));
                return;
            }
            Phase::Resolved => {
                alert.enter(Phase::Pending, steady_ms);
                come_back(alert, steady_ms);
                changes.extend(fire_when_due(alert, rule, steady_ms));
                return;
            }
            Phase::Resolving => {
                alert.enter(Phase::Firing, steady_ms);
                if come_back(alert, steady_ms) {
                    change(ChangeKind::Flapping, alert);
                }
            }
            Phase::NoData => {
                alert.enter(Phase::Firing, steady_ms);
                change(ChangeKind::DataAgain, alert);
            }
            Phase::Firing => {}
        }
        if updated {
            change(ChangeKind::Updated, alert);
        }
    }
}

/// Why a finding is not there.
#[derive(Debug, Clone, Copy)]
enum Absence {
    /// Its source says so; over after these milliseconds.
    Gone(i64),
    Blind,
    /// Nobody asks any more.
    Dropped,
}

fn keep_ms(rule: Rule, flapping: bool) -> i64 {
    if flapping { (rule.keep_ms * FLAP_KEEP_TIMES).max(FLAP_KEEP_MS) } else { rule.keep_ms }
}

fn change(kind: ChangeKind, alert: &Alert) -> Change {
    Change { kind, shop: alert.shop.clone(), finding: alert.finding.clone() }
}

fn fire_when_due(alert: &mut Alert, rule: Rule, steady_ms: i64) -> Option<Change> {
    if steady_ms - alert.since_steady_ms < rule.for_ms {
        return None;
    }
    alert.enter(Phase::Firing, steady_ms);
    Some(change(ChangeKind::Fired, alert))
}

/// Notes that an alert came back; true when it is flapping from now on.
fn come_back(alert: &mut Alert, steady_ms: i64) -> bool {
    alert.returns.retain(|at_ms| steady_ms - at_ms < FLAP_SPAN_MS);
    alert.returns.push(steady_ms);
    let flapped = alert.flapping;
    alert.flapping |= alert.returns.len() >= FLAPS;
    alert.flapping && !flapped
}

/// A finding is not there.
fn miss(alert: &mut Alert, absence: Absence, steady_ms: i64) -> Option<Change> {
    match (alert.phase, absence) {
        (Phase::Pending | Phase::Resolved, _) | (Phase::NoData, Absence::Blind) => None,
        (Phase::Firing | Phase::Resolving | Phase::NoData, Absence::Dropped) => {
            alert.enter(Phase::Resolved, steady_ms);
            Some(change(ChangeKind::Cleared, alert))
        }
        (Phase::Firing | Phase::Resolving, Absence::Blind) => {
            alert.enter(Phase::NoData, steady_ms);
            Some(change(ChangeKind::NoData, alert))
        }
        (phase, Absence::Gone(keep_ms)) => {
            if phase != Phase::Resolving {
                alert.enter(Phase::Resolving, steady_ms);
            }
            if steady_ms - alert.since_steady_ms < keep_ms {
                return None;
            }
            alert.enter(Phase::Resolved, steady_ms);
            alert.flapping = false;
            Some(change(ChangeKind::Cleared, alert))
        }
    }
}
