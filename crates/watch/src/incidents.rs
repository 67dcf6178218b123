//! Alerts become incidents, incidents are told to people and looked after by them. A pure state
//! machine: findings, deeds of people and the moment in; what is to be written down, sent and wished
//! for out. It owns no store, no socket and no clock.
//!
//! Alerts of one shop and one cause are one incident; many at once are a storm, which is one
//! incident too. An alert that another one explains opens none. What is told to whom is `telling`'s,
//! what is done without asking `remedies`'.

mod case;
mod grouping;
mod people;
mod telling;
#[cfg(test)]
mod tests;

pub use case::{Case, CaseMemory};
pub use people::{Action, Refused};
pub use telling::{Event, Notice};

use crate::{
    remedies::Remedies,
    rules::{Alert, AlertKey, Alerts, Change, ChangeKind, Phase, Rules, Seen},
};
use grouping::{STORM, Storms};
use kernel::{
    Actor, FindingState, IncidentState, LedgerEntry, Level, Params, RemedyWish, ShopId, Silence,
    TimelineEntry, TimelineKind, Value, config::AlertSettings,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The same trouble within this of its end is the same incident again.
pub(crate) const REOPEN_MS: i64 = 15 * 60_000;

/// Now, twice: for people, and for counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The machine's clock in unix milliseconds; it may jump.
    pub wall_ms: i64,
    /// Milliseconds that only grow, over restarts too.
    pub steady_ms: i64,
}

/// Every incident that is not over, and what is needed to go on with them.
#[derive(Debug, Clone)]
pub struct Incidents {
    settings: AlertSettings,
    rules: Rules,
    alerts: Alerts,
    /// Those that stand, and those that were resolved of late.
    cases: BTreeMap<i64, Case>,
    last_id: i64,
    storms: Storms,
    /// Alerts of incidents that a person resolved: they open no other until they are gone.
    dismissed: BTreeSet<AlertKey>,
    silences: Vec<Silence>,
    remedies: Remedies,
}

/// What outlives a restart beside the incidents themselves.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// The moment at which it was kept.
    pub wall_ms: i64,
    pub steady_ms: i64,
    pub alerts: Alerts,
    pub storms: Storms,
    pub dismissed: Vec<AlertKey>,
    pub remedies: Remedies,
}

/// What one step asks of the world.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// Incidents that are others than before.
    pub touched: BTreeSet<i64>,
    pub entries: Vec<(i64, TimelineEntry)>,
    pub notices: Vec<Notice>,
    pub ledger: Vec<LedgerEntry>,
    pub wishes: Vec<RemedyWish>,
}

impl Outcome {
    pub(crate) fn note(
        &mut self,
        incident: i64,
        actor: Actor,
        kind: TimelineKind,
        params: Params,
        at: Moment,
    ) {
        self.touched.insert(incident);
        self.entries.push((incident, TimelineEntry { at_ms: at.wall_ms, actor, kind, params }));
    }
}

impl Incidents {
    /// Goes on from what was kept; alerts are warm for a while.
    #[must_use]
    pub fn new(
        settings: AlertSettings,
        kept: Kept,
        cases: Vec<Case>,
        last_id: i64,
        silences: Vec<Silence>,
    ) -> Self {
        let mut alerts = kept.alerts;
        alerts.warm_up(kept.steady_ms);
        let mut storms = kept.storms;
        storms.warm_up(kept.steady_ms);
        Self {
            rules: Rules::new(&settings.rules),
            settings,
            alerts,
            last_id: cases.iter().map(|case| case.incident.id).fold(last_id, i64::max),
            cases: cases.into_iter().map(|case| (case.incident.id, case)).collect(),
            storms,
            dismissed: kept.dismissed.into_iter().collect(),
            silences,
            remedies: kept.remedies,
        }
    }

    /// Other settings from now on.
    pub fn configure(&mut self, settings: AlertSettings) {
        self.rules = Rules::new(&settings.rules);
        self.settings = settings;
    }

    /// How many incidents are not over, and in how many of them something is broken.
    #[must_use]
    pub fn count(&self) -> (u64, u64) {
        let open = self.cases.values().filter(|case| case.is_open());
        open.fold((0, 0), |(open, broken), case| {
            (open + 1, broken + u64::from(case.incident.level == Level::Broken))
        })
    }

    #[must_use]
    pub fn settings(&self) -> &AlertSettings {
        &self.settings
    }

    /// What a restart must find.
    #[must_use]
    pub fn keep(&self, at: Moment) -> Kept {
        Kept {
            wall_ms: at.wall_ms,
            steady_ms: at.steady_ms,
            alerts: self.alerts.clone(),
            storms: self.storms.clone(),
            dismissed: self.dismissed.iter().cloned().collect(),
            remedies: self.remedies.clone(),
        }
    }

    #[must_use]
    pub fn case(&self, id: i64) -> Option<&Case> {
        self.cases.get(&id)
    }

    /// Whether a person has taken on what was found by this code at this time, or called it over.
    #[must_use]
    pub fn is_taken_on(&self, code: &str, since_ms: i64) -> bool {
        self.cases.values().map(|case| &case.incident).any(|incident| {
            let concerns = incident.findings.iter().any(|finding| finding.code == code);
            let taken_ms = incident.acknowledged.as_ref().map(|taken| taken.at_ms);
            concerns && taken_ms.max(incident.resolved_ms).is_some_and(|at_ms| at_ms >= since_ms)
        })
    }

    /// When a person called an incident of a shop over that has findings of this code, the last time, if that was
    /// at this time or later.
    #[must_use]
    pub fn called_over_ms(&self, shop: &ShopId, code: &str, since_ms: i64) -> Option<i64> {
        let incidents = self.cases.values().map(|case| &case.incident);
        let called = incidents.filter(|incident| {
            let is_it = |finding: &kernel::IncidentFinding| {
                finding.code == code && finding.shop.as_ref() == Some(shop)
            };
            incident.resolution.is_some() && incident.findings.iter().any(is_it)
        });
        called.filter_map(|incident| incident.resolved_ms).filter(|at| *at >= since_ms).max()
    }

    /// Takes an incident that was resolved long ago, to do something with it.
    pub fn recall(&mut self, case: Case) {
        self.cases.entry(case.incident.id).or_insert(case);
    }

    #[must_use]
    pub fn silences(&self) -> &[Silence] {
        &self.silences
    }

    pub fn add_silence(&mut self, silence: Silence) {
        self.silences.push(silence);
    }

    /// Ends a silence before its time; false when there is none such.
    pub fn end_silence(&mut self, id: i64) -> bool {
        let before = self.silences.len();
        self.silences.retain(|silence| silence.id != id);
        self.silences.len() < before
    }

    /// Moves everything on by what was seen.
    pub fn step(&mut self, seen: &[Seen], at: Moment) -> (Outcome, bool) {
        let mut outcome = Outcome::default();
        let changes = self.alerts.step(&self.rules, seen, at.steady_ms);
        for change in &changes {
            self.apply(change, at, &mut outcome);
        }
        // What is over by now has been said, and is not lost.
        for change in self.lost() {
            self.apply(&change, at, &mut outcome);
        }
        self.adopt(at, &mut outcome);
        self.remedy(at, &mut outcome);
        self.silences.retain(|silence| silence.until_ms > at.wall_ms);
        self.end_acknowledgements(at, &mut outcome);
        self.tell(at, &mut outcome);
        self.forget(at);
        let changed = !changes.is_empty() || outcome != Outcome::default();
        (outcome, changed)
    }

    /// What became of the run that a wish asked for.
    pub fn remedy_progress(&mut self, progress: &RemedyProgress, at: Moment) -> Outcome {
        let mut outcome = Outcome::default();
        for happening in self.remedies.progress(progress, at) {
            self.note_remedy(happening, at, &mut outcome);
        }
        outcome
    }

    /// Findings that stand in an incident and that no rule knows any more, as after the loss of what
    /// was kept: nothing would ever end them.
    fn lost(&self) -> Vec<Change> {
        let open = self.cases.values().filter(|case| case.is_open());
        let held = open.flat_map(Case::held);
        let known = |key: &AlertKey| self.alerts.get(key).is_some_and(Alert::is_active);
        let cleared = |(shop, finding)| Change { kind: ChangeKind::Cleared, shop, finding };
        held.filter(|(shop, finding)| !known(&(shop.clone(), finding.id.clone())))
            .map(cleared)
            .collect()
    }

    pub(crate) fn remedy_runs(&self) -> Vec<(String, String)> {
        self.remedies.runs()
    }

    /// Carries a change of an alert into the incident that has it.
    fn apply(&mut self, change: &Change, at: Moment, outcome: &mut Outcome) {
        let key = (change.shop.clone(), change.finding.id.clone());
        if change.kind == ChangeKind::Cleared {
            self.dismissed.remove(&key);
        }
        let Some(case) = self.cases.values_mut().find(|case| case.is_open() && case.has(&key))
        else {
            return;
        };
        let id = case.incident.id;
        let params = || Params::from([("code".to_owned(), change.finding.code.as_str().into())]);
        let mut note = |kind| outcome.note(id, Actor::Storewarden, kind, params(), at);
        match change.kind {
            // `adopt` says what it joins.
            ChangeKind::Fired => return,
            ChangeKind::Updated => {}
            ChangeKind::NoData => {
                case.set_state(&key, FindingState::NoData);
                note(TimelineKind::NoData);
            }
            ChangeKind::DataAgain => case.set_state(&key, FindingState::Firing),
            ChangeKind::Flapping => note(TimelineKind::Flapping),
            ChangeKind::Cleared => case.set_state(&key, FindingState::Gone),
        }
        if change.kind != ChangeKind::Cleared {
            case.update(&key, &change.finding);
        }
        let before = case.incident.level;
        if case.stands() {
            case.summarise();
            if change.kind == ChangeKind::Cleared {
                note(TimelineKind::Cleared);
            }
            if case.incident.level != before {
                note(TimelineKind::LevelChanged);
            }
        } else {
            case.resolve(at);
            note(TimelineKind::Resolved);
        }
        outcome.touched.insert(id);
    }

    /// Finds an incident for every alert that has none.
    fn adopt(&mut self, at: Moment, outcome: &mut Outcome) {
        let active: Vec<Alert> = self.alerts.active().cloned().collect();
        let orphans = active.iter().filter(|alert| {
            let (key, cause) = (alert.key(), grouping::cause(&alert.finding.code));
            let mut open = self.cases.values().filter(|case| case.is_open());
            // One that is explained opens nothing, but stands in the list of what explains it; one
            // that is going away is nobody's trouble any more.
            alert.phase == Phase::Firing
                && !self.dismissed.contains(&key)
                && !open.clone().any(|case| case.holds(&key))
                && (!grouping::is_explained(alert, &active)
                    || open.any(|case| case.is_of(alert.shop.as_ref(), cause)))
        });
        for alert in orphans.cloned().collect::<Vec<_>>() {
            self.place(&alert, at, outcome);
        }
    }

    fn place(&mut self, alert: &Alert, at: Moment, outcome: &mut Outcome) {
        let (key, cause) = (alert.key(), grouping::cause(&alert.finding.code));
        let has = |case: &&mut Case| case.has(&key);
        let same = |case: &&mut Case| case.is_of(alert.shop.as_ref(), cause);
        let mut open: Vec<&mut Case> =
            self.cases.values_mut().filter(|case| case.is_open()).collect();
        let found = open.iter().position(&has).or_else(|| open.iter().position(&same));
        let found = found.or_else(|| open.iter().position(|case| case.incident.cause == STORM));
        if let Some(index) = found {
            let case = open.swap_remove(index);
            case.join(alert);
            let params = Params::from([("code".to_owned(), alert.finding.code.as_str().into())]);
            outcome.note(case.incident.id, Actor::Storewarden, TimelineKind::Joined, params, at);
            return;
        }
        let again = self
            .cases
            .values_mut()
            .rev()
            .find(|case| case.ended_by_itself(at, REOPEN_MS) && (has(case) || same(case)));
        if let Some(case) = again {
            case.join(alert);
            case.reopen(at);
            let params = Params::from([("code".to_owned(), alert.finding.code.as_str().into())]);
            outcome.note(case.incident.id, Actor::Storewarden, TimelineKind::Reopened, params, at);
            return;
        }
        self.last_id += 1;
        let case = if self.storms.opens(at.steady_ms) {
            Case::open(self.last_id, None, STORM, alert, at)
        } else {
            Case::open(self.last_id, alert.shop.clone(), cause, alert, at)
        };
        let params = Params::from([("code".to_owned(), case.incident.code.as_str().into())]);
        outcome.note(self.last_id, Actor::Storewarden, TimelineKind::Opened, params, at);
        self.cases.insert(self.last_id, case);
    }

    fn remedy(&mut self, at: Moment, outcome: &mut Outcome) {
        let cases = self.cases.values().filter(|case| case.is_open());
        let wanted: Vec<(i64, &Alert)> = cases
            .flat_map(|case| {
                let keys = case.firing_keys();
                keys.into_iter().filter_map(|key| Some((case.incident.id, self.alerts.get(&key)?)))
            })
            .collect();
        let happenings = self.remedies.step(&self.settings.remedies, &wanted, &self.alerts, at);
        for happening in happenings {
            self.note_remedy(happening, at, outcome);
        }
    }

    fn note_remedy(&mut self, happening: Happening, at: Moment, outcome: &mut Outcome) {
        let Happening { incident, kind, params, escalates, wish, shop } = happening;
        outcome.note(incident, Actor::Storewarden, kind, params.clone(), at);
        let ledger_kind = match kind {
            TimelineKind::RemedyStarted => "remedy_started",
            // The run stands in the ledger by itself.
            TimelineKind::RemedyRuns => return,
            TimelineKind::RemedyEnded => "remedy_ended",
            TimelineKind::RemedyLimited => "remedy_limited",
            _ => "remedy_failed",
        };
        outcome.ledger.push(LedgerEntry {
            at_ms: at.wall_ms,
            actor: Actor::Storewarden,
            shop,
            kind: ledger_kind.to_owned(),
            subject: Some(format!("incident:{incident}")),
            params: without_sentences(params),
        });
        outcome.wishes.extend(wish);
        if escalates && let Some(case) = self.cases.get_mut(&incident).filter(|c| c.is_open()) {
            case.escalate();
            let nothing = Params::new();
            outcome.note(incident, Actor::Storewarden, TimelineKind::Escalated, nothing, at);
        }
    }

    fn end_acknowledgements(&mut self, at: Moment, outcome: &mut Outcome) {
        for case in self.cases.values_mut() {
            let until_ms = case.incident.acknowledged.as_ref().and_then(|a| a.until_ms);
            let ends = until_ms.is_some_and(|until_ms| until_ms <= at.wall_ms);
            if ends && case.incident.state == IncidentState::Acknowledged {
                case.unacknowledge(at);
                let kind = TimelineKind::AcknowledgementEnded;
                outcome.note(case.incident.id, Actor::Storewarden, kind, Params::new(), at);
            }
        }
    }

    fn tell(&mut self, at: Moment, outcome: &mut Outcome) {
        let active: Vec<Alert> = self.alerts.active().cloned().collect();
        for case in self.cases.values_mut() {
            let explained = case.is_explained(&active);
            let silent = explained || telling::is_silenced(&case.incident, &self.silences, at);
            let notices = telling::due(case, &self.settings.routes, silent, at);
            if !notices.is_empty() {
                outcome.touched.insert(case.incident.id);
                outcome.notices.extend(notices);
            }
        }
    }

    /// Incidents that nothing more can come of are the store's alone.
    fn forget(&mut self, at: Moment) {
        let routes = &self.settings.routes;
        self.cases.retain(|_, case| {
            case.is_open() || case.is_fresh(at, REOPEN_MS) || case.owes_an_end(routes)
        });
    }
}

/// What became of a wish, as whoever carries it out says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemedyProgress {
    /// The wish's id.
    pub wish: String,
    pub kind: ProgressKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProgressKind {
    /// A run was made of it.
    Started { run: String },
    /// The run ended well; whether the finding went away is seen next.
    Done,
    /// Nothing was done, or it was undone; why, for a person.
    Failed { why: String },
}

/// What happened with a remedy.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Happening {
    pub(crate) incident: i64,
    pub(crate) shop: Option<ShopId>,
    pub(crate) kind: TimelineKind,
    pub(crate) params: Params,
    pub(crate) escalates: bool,
    pub(crate) wish: Option<RemedyWish>,
}

/// The ledger takes names and numbers; why something failed stands in the timeline.
fn without_sentences(params: Params) -> Params {
    let plain = |value: &Value| !matches!(value, Value::Text(text) if text.contains(' '));
    params.into_iter().filter(|(_, value)| plain(value)).collect()
}
