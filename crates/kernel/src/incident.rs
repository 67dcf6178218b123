//! Trouble that somebody must look after: incidents, what happened in them, silences, and what a
//! remedy asks for.
//!
//! An incident is made of findings that fired together for one cause. Who opens, joins and resolves
//! them is `watch`'s; here are only the nouns.

use crate::{Actor, Level, Money, Params, ShopId};
use serde::{Deserialize, Serialize};

/// One trouble, from its first alert until it is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Greater for those that were opened later; 1 is the first.
    pub id: i64,
    /// `None`: it concerns the machine, or several shops at once.
    pub shop: Option<ShopId>,
    /// What its findings have in common: `instances`, `errors`, `disk`, …, or `storm`.
    pub cause: String,
    pub state: IncidentState,
    /// Of the worst finding that is not gone; of the worst of all when they are.
    pub level: Level,
    /// The code of that finding, which names the message for people.
    pub code: String,
    pub params: Params,
    /// Unix milliseconds.
    pub opened_ms: i64,
    pub resolved_ms: Option<i64>,
    /// Who looks after it, as a person named them.
    pub owner: Option<String>,
    pub acknowledged: Option<Acknowledgement>,
    /// How it was resolved, as a person wrote it.
    pub resolution: Option<String>,
    /// About what it has cost so far; `None` is unknown.
    pub lost: Option<Money>,
    /// The findings it is made of, in the order in which they came.
    pub findings: Vec<IncidentFinding>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentState {
    /// Nobody said yet that they look after it.
    Open,
    Acknowledged,
    Resolved,
}

impl IncidentState {
    /// As it is stored and sent.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }
}

/// Somebody knows, and nobody else need be told for now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    pub by: Actor,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// It ends then, and people are told again; `None`: when the incident is resolved.
    pub until_ms: Option<i64>,
}

/// A finding within an incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentFinding {
    pub shop: Option<ShopId>,
    /// The finding's own id.
    pub id: String,
    pub code: String,
    pub level: Level,
    pub params: Params,
    /// Unix milliseconds at which it was first seen.
    pub since_ms: i64,
    pub state: FindingState,
}

/// Whether a finding of an incident still holds. Not seen is not gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingState {
    Firing,
    /// It fired, and what it is seen by tells nothing now.
    NoData,
    Gone,
}

/// One thing that happened in an incident, or was done about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// Unix milliseconds.
    pub at_ms: i64,
    pub actor: Actor,
    pub kind: TimelineKind,
    /// By kind: the finding's `code`, the `text` of a note, the `route` that was told, …
    pub params: Params,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimelineKind {
    Opened,
    /// A further finding of the same cause.
    Joined,
    LevelChanged,
    /// What a finding is seen by tells nothing now.
    NoData,
    /// A finding comes and goes, and is taken as one that stays.
    Flapping,
    /// A finding is gone, others remain.
    Cleared,
    /// Somebody was told, and the other side took it.
    Notified,
    /// Somebody should have been told, and it was given up.
    NotifyFailed,
    Escalated,
    Acknowledged,
    AcknowledgementEnded,
    Owned,
    Note,
    RemedyStarted,
    /// A run was made of what the remedy wished for.
    RemedyRuns,
    RemedyEnded,
    RemedyFailed,
    /// A remedy was not started, for it ran as often as it may.
    RemedyLimited,
    Resolved,
    Reopened,
}

/// Nobody is told of what it covers. Incidents are opened all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    pub id: i64,
    /// `None`: every shop, and the machine.
    pub shop: Option<ShopId>,
    /// Incidents that this finding leads; `None`: all.
    pub code: Option<String>,
    /// Unix milliseconds.
    pub from_ms: i64,
    /// It ends by itself then.
    pub until_ms: i64,
    pub comment: String,
    pub by: Actor,
}

/// A change that was approved beforehand and is wanted now, because of a finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RemedyWish {
    /// Unique among all wishes: the same wish is never carried out twice.
    pub id: String,
    pub incident: i64,
    pub shop: Option<ShopId>,
    /// What is to be done: `restart_instance`, `free_disk`, `renew_certificate`.
    pub action: String,
    /// Those of the finding: `instance`, `path`, `host`.
    pub params: Params,
}
