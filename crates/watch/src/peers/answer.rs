//! What a Storewarden says of itself when another one asks: docs/peers.md.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How this Storewarden is. A newer one may say more, an older one less.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PeerAnswer {
    /// Of the program.
    pub version: String,
    /// By the machine's clock.
    pub now_ms: i64,
    #[serde(default)]
    pub edge: PeerEdge,
    #[serde(default)]
    pub incidents: PeerIncidents,
    /// When the token ends that was shown; null: never.
    #[serde(default)]
    pub token_ends_ms: Option<i64>,
}

/// The edge, as its control sees it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PeerEdge {
    /// Null: not known.
    pub connected: Option<bool>,
}

/// The incidents that are not over; null: not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PeerIncidents {
    pub open: Option<u64>,
    /// Of these: something is broken.
    pub broken: Option<u64>,
}
