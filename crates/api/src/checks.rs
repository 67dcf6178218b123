//! What is tried from outside.

use crate::{ApiState, caller::Caller, error::ErrorBody};
use ::watch::checks::ChecksStanding;
use axum::{Json, extract::State};
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
