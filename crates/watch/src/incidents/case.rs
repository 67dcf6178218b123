//! One incident with what must be remembered of it: what it is made of, how bad it is, who was told.

use super::{
    Moment,
    grouping::{self, STORM},
    telling::Told,
};
use crate::rules::{Alert, AlertKey};
use kernel::{
    Finding, FindingState, Incident, IncidentFinding, IncidentState, Level, Money, Params, ShopId,
    Value, config::NotifySettings,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// An incident holds no more findings than these; a storm of more says how many there are.
const MAX_FINDINGS: usize = 200;

/// An incident and what judgement remembers of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    pub incident: Incident,
    pub memory: CaseMemory,
}

/// Ours alone: nobody is shown it. Steady milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CaseMemory {
    /// Since when nobody looks after it.
    pub(super) alone_steady_ms: i64,
    pub(super) resolved_steady_ms: Option<i64>,
    /// By the route's name.
    pub(super) told: BTreeMap<String, Told>,
    /// Notices so far, so that each has a name of its own.
    pub(super) notices: u32,
    /// Whom a route would wait for need not be waited for any more.
    pub(super) escalated: bool,
}

impl Case {
    pub(super) fn open(
        id: i64,
        shop: Option<ShopId>,
        cause: &str,
        alert: &Alert,
        at: Moment,
    ) -> Self {
        let incident = Incident {
            id,
            shop,
            cause: cause.to_owned(),
            state: IncidentState::Open,
            level: alert.finding.level,
            code: String::new(),
            params: Params::new(),
            opened_ms: at.wall_ms,
            resolved_ms: None,
            owner: None,
            acknowledged: None,
            resolution: None,
            lost: None,
            findings: Vec::new(),
        };
        let memory = CaseMemory { alone_steady_ms: at.steady_ms, ..CaseMemory::default() };
        let mut case = Self { incident, memory };
        case.join(alert);
        case
    }

    /// Whether it is not resolved.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.incident.state != IncidentState::Resolved
    }

    pub(super) fn is_fresh(&self, at: Moment, span_ms: i64) -> bool {
        let resolved = self.memory.resolved_steady_ms;
        resolved.is_some_and(|resolved_ms| at.steady_ms - resolved_ms < span_ms)
    }

    /// Resolved of late, and not by a person, who meant it.
    pub(super) fn ended_by_itself(&self, at: Moment, span_ms: i64) -> bool {
        !self.is_open() && self.incident.resolution.is_none() && self.is_fresh(at, span_ms)
    }

    pub(super) fn owes_an_end(&self, routes: &[NotifySettings]) -> bool {
        routes.iter().any(|route| {
            let told = self.memory.told.get(&route.name);
            route.resolved && told.is_some_and(|told| !told.of_the_end)
        })
    }

    pub(super) fn is_of(&self, shop: Option<&ShopId>, cause: &str) -> bool {
        self.incident.shop.as_ref() == shop && self.incident.cause == cause
    }

    pub(super) fn has(&self, key: &AlertKey) -> bool {
        self.incident.findings.iter().any(|finding| is(finding, key))
    }

    /// Has it, and it is not gone.
    pub(super) fn holds(&self, key: &AlertKey) -> bool {
        let mut findings = self.incident.findings.iter();
        findings.any(|finding| is(finding, key) && finding.state != FindingState::Gone)
    }

    pub(super) fn firing_keys(&self) -> BTreeSet<AlertKey> {
        let firing = self.incident.findings.iter().filter(|f| f.state == FindingState::Firing);
        firing.map(|finding| (finding.shop.clone(), finding.id.clone())).collect()
    }

    /// The findings that are not gone, as judgement said them.
    pub(super) fn held(&self) -> impl Iterator<Item = (Option<ShopId>, Finding)> {
        let held = self.incident.findings.iter().filter(|f| f.state != FindingState::Gone);
        held.map(|finding| {
            let IncidentFinding { shop, id, level, code, params, since_ms, .. } = finding.clone();
            (shop, Finding { id, level, code, params, since_ms })
        })
    }

    /// Whether any of its findings still holds.
    pub(super) fn stands(&self) -> bool {
        self.incident.findings.iter().any(|finding| finding.state != FindingState::Gone)
    }

    /// Whether everything in it is explained by alerts of other incidents.
    pub(super) fn is_explained(&self, active: &[Alert]) -> bool {
        let mut own = active.iter().filter(|alert| self.holds(&alert.key())).peekable();
        own.peek().is_some()
            && own.all(|alert| {
                let others: Vec<Alert> =
                    active.iter().filter(|other| !self.holds(&other.key())).cloned().collect();
                grouping::is_explained(alert, &others)
            })
    }

    pub(super) fn set_state(&mut self, key: &AlertKey, state: FindingState) {
        for finding in self.incident.findings.iter_mut().filter(|finding| is(finding, key)) {
            finding.state = state;
        }
    }

    pub(super) fn update(&mut self, key: &AlertKey, now: &Finding) {
        for finding in self.incident.findings.iter_mut().filter(|finding| is(finding, key)) {
            finding.level = now.level;
            finding.params.clone_from(&now.params);
        }
        self.count_loss(&now.params);
    }

    /// Takes an alert in, or takes one back that was gone.
    pub(super) fn join(&mut self, alert: &Alert) {
        let Finding { id, level, code, params, since_ms } = alert.finding.clone();
        let key = alert.key();
        if self.has(&key) {
            self.update(&key, &alert.finding);
            self.set_state(&key, FindingState::Firing);
        } else {
            if self.incident.findings.len() == MAX_FINDINGS {
                // The one that has been gone the longest makes room, else the newest is only counted.
                let gone = |finding: &IncidentFinding| finding.state == FindingState::Gone;
                let Some(index) = self.incident.findings.iter().position(gone) else { return };
                self.incident.findings.remove(index);
            }
            let (shop, state) = (alert.shop.clone(), FindingState::Firing);
            let finding = IncidentFinding { shop, id, code, level, params, since_ms, state };
            self.incident.findings.push(finding);
            self.count_loss(&alert.finding.params);
        }
        self.summarise();
    }

    /// What it costs never becomes less while it lasts.
    fn count_loss(&mut self, params: &Params) {
        let Some(Value::Integer(minor)) = params.get("lost_minor") else { return };
        let Some(Value::Text(currency)) = params.get("currency") else { return };
        let Ok(currency) = currency.parse() else { return };
        let before = self.incident.lost.map_or(0, |lost| lost.minor);
        self.incident.lost = Some(Money { minor: before.max(*minor), currency });
    }

    /// Says what it is by the worst of what holds, or held when nothing does: that which explains
    /// others first, then the oldest.
    pub(super) fn summarise(&mut self) {
        let over = !self.stands();
        let findings = self.incident.findings.iter();
        let holding = findings.filter(|f| over || f.state != FindingState::Gone);
        let rank = |f: &&IncidentFinding| (f.level, f.code == "all_down", -f.since_ms);
        let Some(worst) = holding.clone().max_by_key(rank) else { return };
        let level = worst.level;
        let (code, params) = if self.incident.cause == STORM {
            let shops: BTreeSet<_> = holding.clone().filter_map(|f| f.shop.as_ref()).collect();
            let params = [("count", holding.count()), ("shops", shops.len())]
                .map(|(name, number)| (name.to_owned(), (number as u64).into()));
            (STORM.to_owned(), Params::from(params))
        } else {
            (worst.code.clone(), worst.params.clone())
        };
        (self.incident.level, self.incident.code, self.incident.params) = (level, code, params);
    }

    pub(super) fn resolve(&mut self, at: Moment) {
        self.summarise();
        self.incident.state = IncidentState::Resolved;
        self.incident.resolved_ms = Some(at.wall_ms);
        self.memory.resolved_steady_ms = Some(at.steady_ms);
    }

    /// Stands again, as if nobody had looked after it yet; its owner stays.
    pub(super) fn reopen(&mut self, at: Moment) {
        self.incident.resolved_ms = None;
        self.incident.resolution = None;
        self.memory.resolved_steady_ms = None;
        self.unacknowledge(at);
    }

    /// Nobody looks after it any more: people are told again.
    pub(super) fn unacknowledge(&mut self, at: Moment) {
        self.incident.state = IncidentState::Open;
        self.incident.acknowledged = None;
        self.memory.alone_steady_ms = at.steady_ms;
        self.tell_anew();
    }

    pub(super) fn escalate(&mut self) {
        self.memory.escalated = true;
        self.tell_anew();
    }

    fn tell_anew(&mut self) {
        for told in self.memory.told.values_mut() {
            (told.due_now, told.of_the_end) = (true, false);
        }
    }
}

fn is(finding: &IncidentFinding, key: &AlertKey) -> bool {
    finding.id == key.1 && finding.shop == key.0
}

/// How urgent something is to be told.
pub(super) fn is_urgent(level: Level) -> bool {
    level == Level::Broken
}
