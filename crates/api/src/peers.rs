//! Storewardens that watch each other: what we say of ourselves to one that asks, and how those are
//! that we ask.

use crate::{
    ApiError, ApiState,
    caller::{Caller, Proof},
    error::ErrorBody,
    guard::now_ms,
    machine::VERSION,
};
use ::watch::peers::{PeerAnswer, PeerEdge, PeerIncidents, PeersStanding};
use axum::{Json, extract::State};

/// How this Storewarden is, for another one that watches it.
///
/// Reached through the edge, by any host of any shop, when the configuration has a `[[peer]]`.
#[utoipa::path(
    get, path = "/.well-known/storewarden/peer", tag = "machine",
    responses(
        (status = 200, body = PeerAnswer),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
        (status = 503, body = ErrorBody, description = "`control_away`: only the edge is there"),
    )
)]
pub(crate) async fn ask(
    State(state): State<ApiState>,
    caller: Caller,
) -> Result<Json<PeerAnswer>, ApiError> {
    let now_ms = now_ms();
    let token_ends_ms = match &caller.proof {
        Proof::Token(hash) => state.store.token(*hash, now_ms).await?.map(|token| token.expires_ms),
        Proof::StateDirectory | Proof::Session(_) => None,
    };
    let edge = state.watch.with(|live| live.status(VERSION)).edge;
    let (open, broken) = state.desk.count().await;
    Ok(Json(PeerAnswer {
        version: VERSION.to_owned(),
        now_ms,
        edge: PeerEdge { connected: Some(edge.connected) },
        incidents: PeerIncidents { open: Some(open), broken: Some(broken) },
        token_ends_ms,
    }))
}

/// The Storewardens that this one asks, and the pages that it looks at.
#[utoipa::path(
    get, path = "/api/v1/peers", tag = "machine",
    responses(
        (status = 200, body = PeersStanding),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
    )
)]
pub(crate) async fn list(State(state): State<ApiState>) -> Json<PeersStanding> {
    Json(state.peers.standing())
}
