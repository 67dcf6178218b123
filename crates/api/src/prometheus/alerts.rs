//! Our findings as the alerts, and our rules as the rules, of a Prometheus.

use super::{answer, answer::Refused};
use crate::{ApiState, caller::Caller, error::ErrorBody};
use axum::{extract::State, response::Response};
use kernel::{FindingState, Incident, IncidentFinding, Level, Permission, Value};
use serde::Serialize;
use std::collections::BTreeMap;
use store::IncidentFilter;
use watch::history::TargetState;

/// Incidents that are looked through for what is not over.
const MOST_INCIDENTS: u32 = 200;

#[derive(Debug, Clone, Serialize)]
struct Alert {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    state: &'static str,
    #[serde(rename = "activeAt")]
    active_at: String,
    value: &'static str,
}

#[derive(Debug, Serialize)]
struct Rule {
    name: String,
    /// What it is made of is no query.
    query: &'static str,
    /// Seconds.
    duration: f64,
    #[serde(rename = "keepFiringFor")]
    keep_firing_for: f64,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    alerts: Vec<Alert>,
    health: &'static str,
    state: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
}

/// What fires now, as Prometheus tells alerts: a finding each, by its code.
#[utoipa::path(
    get, path = "/prometheus/api/v1/alerts", tag = "metrics",
    responses((status = 200, description = "`{status, data: {alerts}}`"), (status = 401, body = ErrorBody))
)]
pub(crate) async fn alerts(
    State(state): State<ApiState>,
    caller: Caller,
) -> Result<Response, Refused> {
    #[derive(Serialize)]
    struct Alerts {
        alerts: Vec<Alert>,
    }
    let alerts = firing(&state, &caller).await?;
    Ok(answer::data(&Alerts { alerts }))
}

/// The rules that findings become alerts by, as Prometheus tells alerting rules.
#[utoipa::path(
    get, path = "/prometheus/api/v1/rules", tag = "metrics",
    responses((status = 200, description = "`{status, data: {groups}}`"), (status = 401, body = ErrorBody))
)]
pub(crate) async fn rules(
    State(state): State<ApiState>,
    caller: Caller,
) -> Result<Response, Refused> {
    #[derive(Serialize)]
    struct Groups {
        groups: Vec<Group>,
    }
    #[derive(Serialize)]
    struct Group {
        name: &'static str,
        file: &'static str,
        /// Seconds.
        interval: f64,
        rules: Vec<Rule>,
    }
    let firing = firing(&state, &caller).await?;
    let rules = state.desk.rules().await.into_iter().map(|(code, rule)| {
        let is_of = |alert: &&Alert| alert.labels["alertname"] == code;
        let alerts: Vec<Alert> = firing.iter().filter(is_of).cloned().collect();
        Rule {
            name: code,
            query: "",
            duration: rule.for_ms as f64 / 1_000.0,
            keep_firing_for: rule.keep_ms as f64 / 1_000.0,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            state: if alerts.is_empty() { "inactive" } else { "firing" },
            alerts,
            health: "ok",
            kind: "alerting",
        }
    });
    let group = Group { name: "storewarden", file: "", interval: 1.0, rules: rules.collect() };
    Ok(answer::data(&Groups { groups: vec![group] }))
}

/// What is fetched from elsewhere, as Prometheus tells its targets.
#[utoipa::path(
    get, path = "/prometheus/api/v1/targets", tag = "metrics",
    responses((status = 200, description = "`{status, data: {activeTargets, droppedTargets}}`"), (status = 401, body = ErrorBody))
)]
pub(crate) async fn targets(State(state): State<ApiState>, caller: Caller) -> Response {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Targets {
        active_targets: Vec<Target>,
        dropped_targets: [(); 0],
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Target {
        discovered_labels: BTreeMap<&'static str, String>,
        labels: BTreeMap<&'static str, String>,
        scrape_pool: String,
        /// Without its path, which may be a secret.
        scrape_url: String,
        last_error: String,
        last_scrape: Option<String>,
        /// Seconds.
        last_scrape_duration: f64,
        health: &'static str,
        scrape_interval: String,
    }
    let sees_all = caller.may_everywhere(Permission::See).is_ok();
    let is_shown = |one: &TargetState| {
        let shop = one.shop.as_ref().and_then(|shop| shop.parse().ok());
        sees_all || shop.is_some_and(|shop| caller.sees(&shop))
    };
    let target = |one: TargetState| {
        let mut labels = BTreeMap::from([("job", one.job.clone()), ("instance", one.instance)]);
        labels.extend(one.shop.map(|shop| ("shop", shop)));
        let last = one.last.as_ref();
        let at = last.and_then(|last| jiff::Timestamp::from_millisecond(last.at_ms).ok());
        Target {
            discovered_labels: BTreeMap::new(),
            labels,
            scrape_pool: one.job,
            scrape_url: one.place,
            last_error: last.and_then(|last| last.error.clone()).unwrap_or_default(),
            last_scrape: at.map(|at| at.to_string()),
            last_scrape_duration: last.map_or(0.0, |last| last.seconds),
            health: match last.map(|last| last.error.is_none()) {
                None => "unknown",
                Some(true) => "up",
                Some(false) => "down",
            },
            scrape_interval: format!("{}ms", one.every_ms),
        }
    };
    let targets = state.history.targets().into_iter().filter(is_shown).map(target);
    answer::data(&Targets { active_targets: targets.collect(), dropped_targets: [] })
}

async fn firing(state: &ApiState, caller: &Caller) -> Result<Vec<Alert>, Refused> {
    let mut alerts = Vec::new();
    for wanted in [kernel::IncidentState::Open, kernel::IncidentState::Acknowledged] {
        let filter = IncidentFilter { shop: None, state: Some(wanted), before: None };
        for incident in state.desk.list(filter, MOST_INCIDENTS).await? {
            let shown = incident.findings.iter().filter(|finding| is_shown(caller, finding));
            alerts.extend(shown.map(|finding| alert(&incident, finding)));
        }
    }
    Ok(alerts)
}

/// What is not seen now may fire still.
fn is_shown(caller: &Caller, finding: &IncidentFinding) -> bool {
    let sees = match &finding.shop {
        Some(shop) => caller.sees(shop),
        None => caller.may_everywhere(Permission::See).is_ok(),
    };
    sees && finding.state != FindingState::Gone
}

fn alert(incident: &Incident, finding: &IncidentFinding) -> Alert {
    let severity = match finding.level {
        Level::Broken => "critical",
        Level::Attention => "warning",
        Level::Unknown => "unknown",
        Level::Good => "none",
    };
    let mut labels = BTreeMap::from([
        ("alertname".to_owned(), finding.code.clone()),
        ("severity".to_owned(), severity.to_owned()),
        ("finding".to_owned(), finding.id.clone()),
    ]);
    if let Some(shop) = &finding.shop {
        labels.insert("shop".to_owned(), shop.to_string());
    }
    let text = |value: &Value| match value {
        Value::Text(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Number(number) => number.to_string(),
    };
    let mut annotations: BTreeMap<String, String> =
        finding.params.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    annotations.insert("incident".to_owned(), incident.id.to_string());
    let active_at = jiff::Timestamp::from_millisecond(finding.since_ms);
    Alert {
        labels,
        annotations,
        state: "firing",
        active_at: active_at.map_or_else(|_| String::new(), |at| at.to_string()),
        value: "1e+00",
    }
}
