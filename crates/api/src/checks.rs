//! What is tried from outside, and jobs that report.

use crate::{ApiError, ApiState, caller::Caller, error::ErrorBody, guard::now_ms};
use ::watch::checks::ChecksStanding;
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use kernel::Permission;

/// How it stands with what is tried from outside, of every shop that the caller may see, and of the machine for who may see all.
#[utoipa::path(
    get, path = "/api/v1/checks", tag = "checks",
    responses(
        (status = 200, body = ChecksStanding),
        (status = 401, body = ErrorBody),
    )
)]
pub(crate) async fn list(State(state): State<ApiState>, caller: Caller) -> Json<ChecksStanding> {
    let mut standing = state.checks.standing();
    let sees_all = caller.may_everywhere(Permission::See).is_ok();
    standing.checks.retain(|check| check.shop.as_ref().map_or(sees_all, |shop| caller.sees(shop)));
    Json(standing)
}

/// A job reports that it succeeded, to the check with `heartbeat` of that name. It is on disk when the answer says so.
#[utoipa::path(
    post, path = "/api/v1/heartbeats/{name}", tag = "checks",
    params(("name" = String, Path, description = "The check's name")),
    responses(
        (status = 204, description = "It is known"),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody, description = "No check with `heartbeat` has this name"),
    )
)]
pub(crate) async fn report(
    State(state): State<ApiState>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    take(&state, &caller, (&name, "")).await
}

/// A job reports that it begins (`start`), that it failed (`fail`), or how it ended, by its exit code.
#[utoipa::path(
    post, path = "/api/v1/heartbeats/{name}/{signal}", tag = "checks",
    params(
        ("name" = String, Path, description = "The check's name"),
        ("signal" = String, Path, description = "`start`, `fail`, or an exit code from 0 to 255"),
    ),
    responses(
        (status = 204, description = "It is known"),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody, description = "No check with `heartbeat` has this name, or there is no such signal"),
    )
)]
pub(crate) async fn report_signal(
    State(state): State<ApiState>,
    caller: Caller,
    Path((name, signal)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    take(&state, &caller, (&name, &signal)).await
}

async fn take(
    state: &ApiState,
    caller: &Caller,
    (name, signal): (&str, &str),
) -> Result<StatusCode, ApiError> {
    let unknown = || ApiError::NotFound { what: "heartbeat", name: name.to_owned() };
    let standing = state.checks.standing();
    let is_it =
        |check: &&::watch::checks::CheckStanding| check.kind == "heartbeat" && check.name == name;
    let check = standing.checks.iter().find(is_it).ok_or_else(unknown)?;
    match &check.shop {
        Some(shop) => caller.may(Permission::SendMetrics, shop)?,
        None => caller.may_everywhere(Permission::SendMetrics)?,
    }
    let known = state.checks.report(&state.store, (name, signal), now_ms()).await;
    let known = known.map_err(|error| ApiError::Failed(error.to_string()))?;
    known.map(|()| StatusCode::NO_CONTENT).ok_or_else(unknown)
}
