//! How people come in: a link that opens once makes a session of twelve hours.

#![expect(unused_qualifications, reason = "utoipa's macro writes `params(…)` so")]

use crate::{
    ApiError, ApiState, access,
    caller::Caller,
    error::ErrorBody,
    guard::{SESSION_COOKIE, host_of, now_ms},
    pages,
};
use axum::{
    Json,
    extract::{OriginalUri, Query, State},
    http::{
        HeaderMap, StatusCode,
        header::{CACHE_CONTROL, LOCATION, SET_COOKIE},
    },
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

const MINUTE_MS: i64 = 60_000;
/// How long a link waits to be opened.
const LINK_MS: i64 = 15 * MINUTE_MS;
/// How long a browser stays signed in.
const SESSION_MS: i64 = 12 * 60 * MINUTE_MS;

#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct SignIn {
    /// The secret of the link.
    #[serde(default)]
    token: String,
}

/// A link that signs one browser in, once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Link {
    url: String,
    expires_ms: i64,
}

/// Open a one-time link: sets the session cookie and goes to the interface.
#[utoipa::path(
    get, path = "/sign-in", tag = "access", params(SignIn), security(()),
    responses(
        (status = 303, description = "Signed in; the interface is at `/`"),
        (status = 403, description = "A page that says how to make a new link"),
    )
)]
pub(crate) async fn sign_in(
    State(state): State<ApiState>,
    Query(query): Query<SignIn>,
) -> Result<Response, ApiError> {
    let now_ms = now_ms();
    if !state.store.use_sign_in_token(access::hash(&query.token), now_ms).await? {
        return Ok(pages::link_is_used().into_response());
    }
    let secret = access::new_secret();
    state.store.add_session(access::hash(&secret), now_ms + SESSION_MS).await?;
    let seconds = SESSION_MS / 1000;
    let cookie =
        format!("{SESSION_COOKIE}={secret}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict");
    let headers =
        [(SET_COOKIE, cookie), (LOCATION, "/".into()), (CACHE_CONTROL, "no-store".into())];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

/// Make a one-time link.
#[utoipa::path(
    post, path = "/api/v1/sign-in-links", tag = "access",
    responses(
        (status = 200, body = Link),
        (status = 401, body = ErrorBody),
    )
)]
pub(crate) async fn make_link(
    State(state): State<ApiState>,
    headers: HeaderMap,
    OriginalUri(uri): OriginalUri,
) -> Result<Json<Link>, ApiError> {
    let secret = access::new_secret();
    let expires_ms = now_ms() + LINK_MS;
    state.store.add_sign_in_token(access::hash(&secret), expires_ms).await?;
    let host = host_of(&headers, &uri).unwrap_or_default();
    Ok(Json(Link { url: format!("http://{host}/sign-in?token={secret}"), expires_ms }))
}

/// End the session of this browser.
#[utoipa::path(
    post, path = "/api/v1/sign-out", tag = "access",
    responses(
        (status = 204, description = "Signed out"),
        (status = 401, body = ErrorBody),
    )
)]
pub(crate) async fn sign_out(
    State(state): State<ApiState>,
    caller: Caller,
) -> Result<Response, ApiError> {
    if let Some(hash) = caller.session {
        state.store.end_session(hash).await?;
    }
    let gone = format!("{SESSION_COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, gone)]).into_response())
}
