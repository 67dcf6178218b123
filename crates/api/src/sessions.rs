//! Who is signed in where, and the end of it.

#![expect(unused_qualifications, reason = "utoipa's macro writes `params(…)` so")]

use crate::{
    ApiError, ApiState,
    caller::{Caller, idle_since_ms},
    error::ErrorBody,
    guard::now_ms,
    ledger,
    people::person_id,
};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use kernel::{Permission, PersonId, Place};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Sessions {
    sessions: Vec<SessionRow>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionRow {
    id: String,
    #[schema(value_type = String)]
    person: PersonId,
    /// `link`, `invitation`, `password`, `second_factor` or `recovery_code`.
    method: String,
    /// What the browser calls itself.
    browser: Option<String>,
    created_ms: i64,
    /// To the minute.
    seen_ms: i64,
    expires_ms: i64,
    /// The session that asks.
    is_current: bool,
}

#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct SessionsOf {
    /// Somebody else's id, for those who may see people; without it, oneself.
    person: Option<String>,
}

/// Sessions, the youngest first.
#[utoipa::path(
    get, path = "/api/v1/sessions", tag = "access", params(SessionsOf),
    responses(
        (status = 200, body = Sessions),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
    )
)]
pub(crate) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    Query(of): Query<SessionsOf>,
) -> Result<Json<Sessions>, ApiError> {
    let wanted = of.person.map(|person| person_id(&person)).transpose()?;
    let session = caller.oneself()?;
    let wanted = wanted.unwrap_or_else(|| session.person().clone());
    if wanted != *session.person() {
        caller.may_everywhere(Permission::SeePeople)?;
    }
    let now_ms = now_ms();
    let found = state.store.sessions(Some(&wanted), idle_since_ms(now_ms), now_ms).await?;
    let current = &session.record.id;
    let row = |session: store::SessionRecord| SessionRow {
        is_current: *current == session.id,
        method: session.method.as_str().to_owned(),
        id: session.id,
        person: session.person,
        browser: session.browser,
        created_ms: session.created_ms,
        seen_ms: session.seen_ms,
        expires_ms: session.expires_ms,
    };
    Ok(Json(Sessions { sessions: found.into_iter().map(row).collect() }))
}

/// End all sessions of oneself but this one.
#[utoipa::path(
    delete, path = "/api/v1/sessions", tag = "access",
    responses(
        (status = 204, description = "They have ended"),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
    )
)]
pub(crate) async fn end_others(
    State(state): State<ApiState>,
    caller: Caller,
) -> Result<StatusCode, ApiError> {
    let session = caller.oneself()?;
    state.store.end_sessions(session.person(), Some(session.hash)).await?;
    let subject = ledger::person(session.person());
    ledger::note(&state, &caller.actor, "sessions_ended", subject, []).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End a session: one's own, or anybody's for those who manage people.
#[utoipa::path(
    delete, path = "/api/v1/sessions/{id}", tag = "access",
    params(("id" = String, Path, description = "The session's id")),
    responses(
        (status = 204, description = "It has ended"),
        (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody),
    )
)]
pub(crate) async fn end(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let own = caller.oneself()?.person();
    let is_manager = caller.rights.may(Permission::ManagePeople, Place::Machine);
    let of = if is_manager { None } else { Some(own) };
    let ended = state.store.end_session(id.clone(), of).await?;
    let person = ended.ok_or(ApiError::NotFound { what: "session", name: id })?;
    let subject = ledger::person(&person);
    ledger::note(&state, &caller.actor, "session_ended", subject, []).await?;
    Ok(StatusCode::NO_CONTENT)
}
