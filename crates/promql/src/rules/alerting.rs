//! What becomes of the alerts of one rule.

use std::collections::BTreeMap;

/// Names and values.
pub(super) type LabelMap = BTreeMap<String, String>;

/// Something that an alerting rule found.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Those of what was found and of the rule, and `alertname`.
    pub labels: LabelMap,
    pub annotations: LabelMap,
    /// What its query last came to.
    pub value: f64,
    pub state: AlertState,
    /// When it was found first. Unix milliseconds.
    pub active_at_ms: i64,
    /// Since when it fires.
    pub fired_at_ms: Option<i64>,
    /// Since when it fires although it is not found any more.
    pub(super) missed_at_ms: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertState {
    /// Found, and not for long enough.
    Pending,
    Firing,
}

impl AlertState {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
        }
    }
}

/// What an evaluation found: its labels, its words, its value.
pub(super) struct Found {
    pub(super) labels: LabelMap,
    pub(super) annotations: LabelMap,
    pub(super) value: f64,
}

/// How long an alert takes to fire and to end, in milliseconds.
#[derive(Clone, Copy)]
pub(super) struct Holds {
    pub(super) for_ms: i64,
    pub(super) keep_firing_for_ms: i64,
}

/// Moves the alerts of a rule on to a moment. What is pending and not found any more was nothing; what fired is over after its time.
pub(super) fn advance(
    alerts: &mut BTreeMap<LabelMap, Alert>,
    found: BTreeMap<LabelMap, Found>,
    holds: Holds,
    at_ms: i64,
) {
    alerts.retain(|labels, alert| found.contains_key(labels) || keeps(alert, holds, at_ms));
    for (key, found) in found {
        let alert = alerts.entry(key).or_insert_with(|| Alert {
            labels: found.labels,
            annotations: LabelMap::new(),
            value: found.value,
            state: AlertState::Pending,
            active_at_ms: at_ms,
            fired_at_ms: None,
            missed_at_ms: None,
        });
        (alert.annotations, alert.value, alert.missed_at_ms) =
            (found.annotations, found.value, None);
        if alert.state == AlertState::Pending && at_ms - alert.active_at_ms >= holds.for_ms {
            (alert.state, alert.fired_at_ms) = (AlertState::Firing, Some(at_ms));
        }
    }
}

/// Whether an alert that is not found goes on.
fn keeps(alert: &mut Alert, holds: Holds, at_ms: i64) -> bool {
    if alert.state == AlertState::Pending || holds.keep_firing_for_ms == 0 {
        return false;
    }
    let missed_at_ms = *alert.missed_at_ms.get_or_insert(at_ms);
    at_ms - missed_at_ms < holds.keep_firing_for_ms
}
