//! A group of rules at a moment.

use super::alerting::{self, Alert, Found, Holds, LabelMap};
use super::template::Filling;
use super::{Rule, RuleGroup, RuleKind, Template};
use crate::query::{Answer, EvalError, Query, QueryLimits, ResultRow, Source};
use series::Labels;
use std::collections::{BTreeMap, BTreeSet};

/// What a group remembers from one evaluation to the next. Made for one group, and of use for no other.
#[derive(Debug, Clone, Default)]
pub struct GroupState {
    rules: Vec<RuleState>,
}

#[derive(Debug, Clone, Default)]
struct RuleState {
    alerts: BTreeMap<LabelMap, Alert>,
    /// What it wrote last.
    series: BTreeSet<Labels>,
}

/// A rule that came to nothing.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RuleError {
    #[error(transparent)]
    Eval(#[from] EvalError),
    #[error("its query comes to {0}: numbers or series are wanted")]
    Kind(&'static str),
    #[error("two of its series have the same labels once the rule's are set: {0}")]
    SameLabels(String),
    #[error("{found} series are more than the group's limit of {most}")]
    Limit { found: usize, most: usize },
    #[error("it comes to a series that cannot be written: {0}")]
    Series(String),
}

impl GroupState {
    /// The alerts of each rule that are pending or fire, by the rule's place in its group.
    pub fn alerts(&self) -> impl Iterator<Item = (usize, &Alert)> {
        let rules = self.rules.iter().enumerate();
        rules.flat_map(|(at, rule)| rule.alerts.values().map(move |alert| (at, alert)))
    }
}

impl RuleGroup {
    /// Evaluates its rules one after the other. `write` is given what a rule came to before the next is evaluated, which so may read it:
    /// samples of the moment, and series that are written no more, to be ended by a stale marker.
    ///
    /// A failure of one keeps no other back: it is returned with the rule's place in the group. Its series and alerts stay as they were.
    pub fn evaluate(
        &self,
        state: &mut GroupState,
        source: &Source<'_>,
        at_ms: i64,
        limits: &QueryLimits,
        mut write: impl FnMut(&[(Labels, f64)], &[Labels]),
    ) -> Vec<(usize, RuleError)> {
        state.rules.resize_with(self.rules.len(), RuleState::default);
        let mut failures = Vec::new();
        for (at, (rule, kept)) in self.rules.iter().zip(&mut state.rules).enumerate() {
            match self.evaluate_one(rule, kept, source, at_ms, limits) {
                Ok(samples) => {
                    let labels = samples.iter().map(|(labels, _)| labels.clone());
                    let now: BTreeSet<Labels> = labels.collect();
                    let ended: Vec<Labels> = kept.series.difference(&now).cloned().collect();
                    write(&samples, &ended);
                    kept.series = now;
                }
                Err(why) => failures.push((at, why)),
            }
        }
        failures
    }

    fn evaluate_one(
        &self,
        rule: &Rule,
        kept: &mut RuleState,
        source: &Source<'_>,
        at_ms: i64,
        limits: &QueryLimits,
    ) -> Result<Vec<(Labels, f64)>, RuleError> {
        let found = points(&rule.query, source, at_ms - self.query_offset_ms, limits)?;
        if self.limit > 0 && found.len() > self.limit {
            return Err(RuleError::Limit { found: found.len(), most: self.limit });
        }
        match &rule.kind {
            RuleKind::Recording => recorded(rule, &found),
            RuleKind::Alerting { for_ms, keep_firing_for_ms, annotations } => {
                let found = alerting_found(rule, annotations, &found)?;
                let holds = Holds { for_ms: *for_ms, keep_firing_for_ms: *keep_firing_for_ms };
                alerting::advance(&mut kept.alerts, found, holds, at_ms);
                kept.alerts.values().map(alert_series).collect()
            }
        }
    }
}

/// What a query found: labels without the name, and a value. Prometheus lets a rule come to a single number too.
fn points(
    query: &Query,
    source: &Source<'_>,
    at_ms: i64,
    limits: &QueryLimits,
) -> Result<Vec<(LabelMap, f64)>, RuleError> {
    match query.instant(source, at_ms, limits)? {
        Answer::Scalar((_, value)) => Ok(vec![(LabelMap::new(), value)]),
        Answer::Vector(rows) => Ok(rows.iter().filter_map(point).collect()),
        Answer::Text(_) => Err(RuleError::Kind("a text")),
        Answer::Matrix(_) => Err(RuleError::Kind("ranges of samples")),
    }
}

fn point(row: &ResultRow) -> Option<(LabelMap, f64)> {
    let named = row.labels.iter().filter(|(name, _)| name.as_ref() != "__name__");
    let labels = named.map(|(name, value)| (name.to_string(), value.to_string())).collect();
    row.points.last().map(|(_, value)| (labels, *value))
}

/// A label that is set to nothing is taken away.
fn with_labels(rule: &Rule, labels: &LabelMap, value: f64) -> LabelMap {
    let filling = Filling { labels, value };
    let mut all = labels.clone();
    for (name, template) in &rule.labels {
        all.insert(name.clone(), template.fill(&filling));
    }
    all.retain(|_, value| !value.is_empty());
    all
}

fn recorded(rule: &Rule, found: &[(LabelMap, f64)]) -> Result<Vec<(Labels, f64)>, RuleError> {
    let mut samples = Vec::with_capacity(found.len());
    let mut seen = BTreeSet::new();
    for (labels, value) in found {
        let labels = named(&rule.name, with_labels(rule, labels, *value))?;
        if !seen.insert(labels.clone()) {
            return Err(RuleError::SameLabels(format!("{labels:?}")));
        }
        samples.push((labels, *value));
    }
    Ok(samples)
}

fn alerting_found(
    rule: &Rule,
    annotations: &BTreeMap<String, Template>,
    found: &[(LabelMap, f64)],
) -> Result<BTreeMap<LabelMap, Found>, RuleError> {
    let mut all = BTreeMap::new();
    for (labels, value) in found {
        let filling = Filling { labels, value: *value };
        let words = annotations.iter().map(|(name, text)| (name.clone(), text.fill(&filling)));
        let annotations = words.collect();
        let mut labels = with_labels(rule, labels, *value);
        labels.insert("alertname".to_owned(), rule.name.clone());
        let found = Found { labels: labels.clone(), annotations, value: *value };
        if all.insert(labels.clone(), found).is_some() {
            return Err(RuleError::SameLabels(format!("{labels:?}")));
        }
    }
    Ok(all)
}

/// `ALERTS`, as Prometheus writes it of what is pending and fires.
fn alert_series(alert: &Alert) -> Result<(Labels, f64), RuleError> {
    let mut labels = alert.labels.clone();
    labels.insert("alertstate".to_owned(), alert.state.name().to_owned());
    Ok((named("ALERTS", labels)?, 1.0))
}

fn named(name: &str, mut labels: LabelMap) -> Result<Labels, RuleError> {
    labels.insert("__name__".to_owned(), name.to_owned());
    Labels::from_pairs(labels.into_iter().collect())
        .map_err(|why| RuleError::Series(why.to_string()))
}
