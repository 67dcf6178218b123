//! Incidents, silences and routes as they are sent.

use ::watch::desk::{LastNotice, RouteState};
use kernel::{
    Acknowledgement, Incident, IncidentFinding, Params, Silence, TimelineEntry, TimelineKind,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct IncidentPage {
    /// The newest first.
    pub(super) incidents: Vec<IncidentView>,
    /// To be given as `before` for the next page; null when there is none.
    pub(super) next: Option<i64>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct IncidentView {
    id: i64,
    /// Null: it concerns the machine, or several shops at once.
    shop: Option<String>,
    /// What its findings have in common: `instances`, `errors`, …, or `storm`.
    cause: String,
    state: StateView,
    level: LevelView,
    /// Of the worst finding, which names the message.
    code: String,
    #[schema(value_type = Object)]
    params: Params,
    opened_ms: i64,
    resolved_ms: Option<i64>,
    owner: Option<String>,
    acknowledged: Option<AcknowledgedView>,
    /// How it was resolved, as a person wrote it.
    resolution: Option<String>,
    /// About what it has cost so far; null is unknown.
    lost_minor: Option<i64>,
    /// ISO 4217.
    currency: Option<String>,
    /// In the order in which they came.
    findings: Vec<FindingView>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = IncidentState)]
pub(crate) enum StateView {
    Open,
    Acknowledged,
    Resolved,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = IncidentLevel)]
pub(crate) enum LevelView {
    Good,
    Unknown,
    Attention,
    Broken,
}

impl LevelView {
    fn of(level: kernel::Level) -> Self {
        match level {
            kernel::Level::Good => Self::Good,
            kernel::Level::Unknown => Self::Unknown,
            kernel::Level::Attention => Self::Attention,
            kernel::Level::Broken => Self::Broken,
        }
    }
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Acknowledged)]
pub(crate) struct AcknowledgedView {
    /// `person:ID`, `token:NAME` or `command-line`.
    by: String,
    at_ms: i64,
    /// Null: until it is resolved.
    until_ms: Option<i64>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = IncidentFinding)]
pub(crate) struct FindingView {
    shop: Option<String>,
    id: String,
    code: String,
    level: LevelView,
    #[schema(value_type = Object)]
    params: Params,
    since_ms: i64,
    /// `firing`, `no_data` (not seen is not gone) or `gone`.
    #[schema(value_type = String)]
    state: kernel::FindingState,
}

/// An incident with its timeline.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct IncidentWhole {
    #[serde(flatten)]
    incident: IncidentView,
    /// The oldest first.
    timeline: Vec<EntryView>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = TimelineEntry)]
pub(crate) struct EntryView {
    at_ms: i64,
    /// `person:ID`, `token:NAME`, `command-line` or `storewarden`.
    by: String,
    /// `opened`, `joined`, `level_changed`, `no_data`, `flapping`, `cleared`, `notified`,
    /// `notify_failed`, `escalated`, `acknowledged`, `acknowledgement_ended`, `owned`, `note`,
    /// `remedy_started`, `remedy_runs`, `remedy_ended`, `remedy_failed`, `remedy_limited`,
    /// `resolved`, `reopened`.
    #[schema(value_type = String)]
    kind: TimelineKind,
    /// By kind: `code`, `text`, `owner`, `until_ms`, `route`, `event`, `error`, `action`, `run`.
    #[schema(value_type = Object)]
    params: Params,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Silences {
    /// The newest last.
    pub(super) silences: Vec<SilenceView>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Silence)]
pub(crate) struct SilenceView {
    id: i64,
    /// Null: every shop, and the machine.
    shop: Option<String>,
    /// Null: all.
    code: Option<String>,
    from_ms: i64,
    until_ms: i64,
    comment: String,
    by: String,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = NotifyRoutes)]
pub(crate) struct Routes {
    /// In the configuration's order.
    pub(super) routes: Vec<RouteView>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = NotifyRoute)]
pub(crate) struct RouteView {
    name: String,
    /// `email`, `webhook`, `slack` or `ntfy`.
    kind: String,
    /// Messages that wait to be sent.
    waiting: usize,
    /// Why it cannot be told now; null when nothing is known against it.
    error: Option<String>,
    /// The last message whose fate is decided; null when there was none.
    last: Option<LastView>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = LastNotice)]
pub(crate) struct LastView {
    at_ms: i64,
    /// The other side took it; else it was given up.
    sent: bool,
    error: Option<String>,
}

fn text(shop: Option<&kernel::ShopId>) -> Option<String> {
    shop.map(ToString::to_string)
}

impl IncidentView {
    pub(super) fn of(incident: Incident) -> Self {
        let acknowledged = incident.acknowledged.map(|Acknowledgement { by, at_ms, until_ms }| {
            AcknowledgedView { by: by.to_string(), at_ms, until_ms }
        });
        Self {
            id: incident.id,
            shop: text(incident.shop.as_ref()),
            cause: incident.cause,
            state: match incident.state {
                kernel::IncidentState::Open => StateView::Open,
                kernel::IncidentState::Acknowledged => StateView::Acknowledged,
                kernel::IncidentState::Resolved => StateView::Resolved,
            },
            level: LevelView::of(incident.level),
            code: incident.code,
            params: incident.params,
            opened_ms: incident.opened_ms,
            resolved_ms: incident.resolved_ms,
            owner: incident.owner,
            acknowledged,
            resolution: incident.resolution,
            lost_minor: incident.lost.map(|lost| lost.minor),
            currency: incident.lost.map(|lost| lost.currency.to_string()),
            findings: incident.findings.into_iter().map(FindingView::of).collect(),
        }
    }
}

impl FindingView {
    fn of(finding: IncidentFinding) -> Self {
        let IncidentFinding { shop, id, code, level, params, since_ms, state } = finding;
        let (shop, level) = (text(shop.as_ref()), LevelView::of(level));
        Self { shop, id, code, level, params, since_ms, state }
    }
}

impl IncidentWhole {
    pub(super) fn of(incident: Incident, timeline: Vec<TimelineEntry>) -> Self {
        let entry = |TimelineEntry { at_ms, actor, kind, params }| EntryView {
            at_ms,
            by: actor.to_string(),
            kind,
            params,
        };
        let timeline = timeline.into_iter().map(entry).collect();
        Self { incident: IncidentView::of(incident), timeline }
    }
}

impl SilenceView {
    pub(super) fn of(silence: Silence) -> Self {
        let Silence { id, shop, code, from_ms, until_ms, comment, by } = silence;
        let (shop, by) = (text(shop.as_ref()), by.to_string());
        Self { id, shop, code, from_ms, until_ms, comment, by }
    }
}

impl RouteView {
    pub(super) fn of(route: RouteState) -> Self {
        let RouteState { name, kind, waiting, error, last } = route;
        let last = last.map(|LastNotice { at_ms, sent, error }| LastView { at_ms, sent, error });
        Self { name, kind: kind.to_owned(), waiting, error, last }
    }
}
