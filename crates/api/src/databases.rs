//! How a shop's database stands, and a look at it now. To mend what it suffers from, ask for a plan.

use crate::{
    ApiError, ApiState, Command,
    backups::{known, refused},
    caller::Caller,
    error::ErrorBody,
    machine::ask_within,
    orders::PATIENCE,
};
use ::watch::databases::ShopDatabase;
use axum::{
    Json,
    extract::{Path, State},
};

/// How a shop's database stands, as it was last looked at.
///
/// Every minute it is seen who waits, every hour all of it.
#[utoipa::path(
    get, path = "/api/v1/shops/{shop}/database", tag = "databases",
    params(("shop" = String, Path, description = "The shop's id")),
    responses(
        (status = 200, body = ShopDatabase),
        (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody),
    )
)]
pub(crate) async fn standing(
    State(state): State<ApiState>,
    caller: Caller,
    Path(shop): Path<String>,
) -> Result<Json<ShopDatabase>, ApiError> {
    let shop = known(&state, &caller, shop)?;
    let told = state.databases.of(&shop);
    Ok(Json(told.unwrap_or_else(|| ShopDatabase::untold(shop))))
}

/// Look at all of a shop's database now.
#[utoipa::path(
    post, path = "/api/v1/shops/{shop}/database/examine", tag = "databases",
    params(("shop" = String, Path, description = "The shop's id")),
    responses(
        (status = 200, body = ShopDatabase),
        (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody),
        (status = 422, body = ErrorBody, description = "The configuration names none"),
    )
)]
pub(crate) async fn examine(
    State(state): State<ApiState>,
    caller: Caller,
    Path(shop): Path<String>,
) -> Result<Json<ShopDatabase>, ApiError> {
    let shop = known(&state, &caller, shop)?;
    let wanted = |answer| Command::LookAtDatabase { shop, answer };
    ask_within(PATIENCE, &state, wanted).await?.map(Json).map_err(refused)
}
