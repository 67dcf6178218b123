//! Incidents and silences as the API sends them, as far as the command line reads them.

use kernel::{Level, Params};
use serde::Deserialize;
use serde_json::Value;

/// Incidents as they came, to be passed on as they came.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    pub(super) incidents: Vec<Value>,
    pub(super) next: Option<i64>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Incident {
    pub(crate) id: i64,
    pub(crate) shop: Option<String>,
    pub(super) state: String,
    pub(crate) level: Level,
    pub(super) code: String,
    pub(super) params: Params,
    pub(crate) opened_ms: i64,
    pub(super) resolved_ms: Option<i64>,
    pub(super) owner: Option<String>,
    pub(super) acknowledged: Option<Acknowledged>,
    pub(super) resolution: Option<String>,
    pub(super) lost_minor: Option<i64>,
    pub(super) currency: Option<String>,
    pub(super) findings: Vec<Finding>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Acknowledged {
    pub(super) by: String,
    pub(super) until_ms: Option<i64>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Finding {
    pub(super) shop: Option<String>,
    pub(super) code: String,
    pub(super) params: Params,
    pub(super) since_ms: i64,
    pub(super) state: String,
}

/// An incident with its timeline.
#[derive(Debug, Deserialize)]
pub(super) struct Whole {
    #[serde(flatten)]
    pub(super) incident: Incident,
    pub(super) timeline: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Entry {
    pub(super) at_ms: i64,
    pub(super) by: String,
    pub(super) kind: String,
    pub(super) params: Params,
}

#[derive(Debug, Deserialize)]
pub(super) struct Silences {
    pub(super) silences: Vec<Silence>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Silence {
    pub(super) id: i64,
    pub(super) shop: Option<String>,
    pub(super) code: Option<String>,
    pub(super) from_ms: i64,
    pub(super) until_ms: i64,
    pub(super) comment: String,
    pub(super) by: String,
}
