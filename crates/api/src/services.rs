//! Databases, caches and queues.

use crate::{ApiState, caller::Caller, error::ErrorBody};
use ::watch::services::ServicesStanding;
use axum::{Json, extract::State};
use kernel::Permission;

/// How it stands with databases, caches and queues, of every shop that the caller may see, and of the machine for who may see all.
#[utoipa::path(
    get, path = "/api/v1/services", tag = "services",
    responses(
        (status = 200, body = ServicesStanding),
        (status = 401, body = ErrorBody),
    )
)]
pub(crate) async fn list(State(state): State<ApiState>, caller: Caller) -> Json<ServicesStanding> {
    let mut standing = state.services.standing();
    let sees_all = caller.may_everywhere(Permission::See).is_ok();
    standing
        .services
        .retain(|service| service.shop.as_ref().map_or(sees_all, |shop| caller.sees(shop)));
    Json(standing)
}
