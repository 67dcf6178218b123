//! How it stands with the checks: what the API shows, and judgement looks at.

use crate::state::schema;
use kernel::{Params, ShopId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// All of them, in the configuration's order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChecksStanding {
    pub checks: Vec<CheckStanding>,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CheckStanding {
    pub name: String,
    /// Whom it concerns; null: the machine.
    #[schema(value_type = Option<String>)]
    pub shop: Option<ShopId>,
    /// `http`, `tcp`, `ping`, `dns`, `domain`, `spf`, `dkim`, `dmarc`, `unlisted`, `journey` or `heartbeat`.
    pub kind: String,
    /// What is tried, such as scheme, host and port: the rest of an address may hold a secret.
    pub place: String,
    /// How often it is tried, or a job has to report.
    pub every_ms: u64,
    pub state: CheckState,
    /// Since when its state is what it is.
    pub since_ms: i64,
    /// When it was last tried; null: not yet.
    pub tried_ms: Option<i64>,
    /// How long the last try took.
    pub took_ms: Option<f64>,
    /// Of the last try, in their order; with redirects, the sum over all requests.
    pub phases: Vec<CheckPhase>,
    /// Why the last try was not as it should be.
    pub reason: Option<CheckReason>,
    /// Tries that failed one after the other, and after how many people are told.
    pub failures: u32,
    pub failures_until_told: u32,
    /// Of the last answer.
    pub http_status: Option<u16>,
    /// The address that was connected to last.
    pub address: Option<String>,
    /// When the first certificate of the chain ends, of the last connection over TLS.
    pub certificate_ends_ms: Option<i64>,
    /// Of a journey: the steps that were taken last, in their order.
    pub steps: Vec<CheckStep>,
    /// Of a journey: what the first step saw that did not pass.
    pub evidence: Option<CheckEvidence>,
    /// Of a journey: the order that it placed last; null: nothing was sent that places.
    pub placed: Option<CheckPlaced>,
    /// The last tries, the oldest first.
    pub recent: Vec<CheckPoint>,
}

/// What is known of a check now. Unknown is no kind of ok.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    Unknown,
    Ok,
    Failing,
}

/// One phase of a try.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CheckPhase {
    /// `resolve`, `connect`, `tls`, `processing` or `transfer`.
    pub phase: String,
    pub took_ms: f64,
}

/// Why a try was not as it should be: docs/checks.md lists the codes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CheckReason {
    pub code: String,
    #[schema(value_type = schema::Params)]
    pub params: Params,
}

/// One try of the past.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CheckPoint {
    pub at_ms: i64,
    pub state: CheckState,
    pub took_ms: f64,
}

/// One step of a journey, as it went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CheckStep {
    pub step: String,
    /// With all its redirects.
    pub took_ms: f64,
    /// Of its last answer.
    pub http_status: Option<u16>,
    pub state: CheckState,
}

/// What a step saw, with passwords, tokens, cookies and addresses struck out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckEvidence {
    pub step: String,
    pub http_status: Option<u16>,
    /// The first KiB.
    pub body: String,
}

/// An order that is none of a customer's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckPlaced {
    /// As the shop calls it; null: it did not say, and whether there is one is not known.
    pub order: Option<String>,
    pub is_cancelled: bool,
}
