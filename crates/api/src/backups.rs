//! Backups: how it stands with them, which there are, and what is in one. To take, verify or restore
//! one, ask for a plan.

use crate::{
    ApiError, ApiState, Command, Refusal, caller::Caller, error::ErrorBody, ledger, machine::ask,
    names,
};
use ::watch::backups::{BackupsStanding, KeptAside, RecoverySheet, SnapshotFolder, Snapshots};
use axum::{
    Json,
    extract::{Path, Query, State},
};
use kernel::ShopId;
use serde::Deserialize;

/// How it stands with the backups of every shop that the caller may see.
#[utoipa::path(
    get, path = "/api/v1/backups", tag = "backups",
    responses(
        (status = 200, body = BackupsStanding),
        (status = 401, body = ErrorBody),
    )
)]
pub(crate) async fn standing(
    State(state): State<ApiState>,
    caller: Caller,
) -> Json<BackupsStanding> {
    let mut standing = state.backups.standing();
    standing.shops.retain(|of| caller.sees(&of.shop));
    Json(standing)
}

/// Every backup of a shop, the newest first.
#[utoipa::path(
    get, path = "/api/v1/shops/{shop}/backups", tag = "backups",
    params(("shop" = String, Path, description = "The shop's id")),
    responses(
        (status = 200, body = Snapshots),
        (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody),
        (status = 422, body = ErrorBody, description = "It is not backed up"),
    )
)]
pub(crate) async fn snapshots(
    State(state): State<ApiState>,
    caller: Caller,
    Path(shop): Path<String>,
) -> Result<Json<Snapshots>, ApiError> {
    let shop = known(&state, &caller, shop)?;
    let answer = ask(&state, |answer| Command::Snapshots { shop, answer }).await?;
    answer.map(Json).map_err(refused)
}

/// What restores in place have put aside, databases and rows, the oldest first. Each goes by a plan of its
/// own, `remove_aside`, when somebody says so or it was kept for long enough.
#[utoipa::path(
    get, path = "/api/v1/shops/{shop}/backups/kept", tag = "backups",
    params(("shop" = String, Path, description = "The shop's id")),
    responses(
        (status = 200, body = KeptAside),
        (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody),
        (status = 422, body = ErrorBody, description = "It is not backed up, or its database does not answer"),
    )
)]
pub(crate) async fn kept(
    State(state): State<ApiState>,
    caller: Caller,
    Path(shop): Path<String>,
) -> Result<Json<KeptAside>, ApiError> {
    let shop = known(&state, &caller, shop)?;
    let answer = ask(&state, |answer| Command::KeptAside { shop, answer }).await?;
    answer.map(Json).map_err(refused)
}

/// Make a recovery sheet: a phrase that opens all backups of a shop, besides what does already.
///
/// It is said this once, and kept nowhere. Every call makes another one; those before stay good.
#[utoipa::path(
    post, path = "/api/v1/shops/{shop}/backups/sheet", tag = "backups",
    params(("shop" = String, Path, description = "The shop's id")),
    responses(
        (status = 200, body = RecoverySheet),
        (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody),
        (status = 422, body = ErrorBody, description = "It is not backed up, or no repository can be opened"),
    )
)]
pub(crate) async fn sheet(
    State(state): State<ApiState>,
    caller: Caller,
    Path(shop): Path<String>,
) -> Result<Json<RecoverySheet>, ApiError> {
    let shop = known(&state, &caller, shop)?;
    let wanted = shop.clone();
    let answer = ask(&state, |answer| Command::RecoverySheet { shop: wanted, answer }).await?;
    let sheet = answer.map_err(refused)?;
    let opens = sheet.places.iter().filter(|place| place.key.is_some());
    let opens: Vec<&str> = opens.map(|place| place.place.as_str()).collect();
    let params = [("places", opens.join(", ").into())];
    ledger::note_of_shop(&state, &caller.actor, "recovery_sheet_made", &shop, params).await?;
    Ok(Json(sheet))
}

#[derive(Debug, Deserialize)]
pub(crate) struct Place {
    #[serde(default = "root")]
    path: String,
    #[serde(default)]
    skip: u64,
}

fn root() -> String {
    "/".to_owned()
}

/// What lies in a folder of a backup.
#[utoipa::path(
    get, path = "/api/v1/shops/{shop}/backups/{snapshot}/files", tag = "backups",
    params(
        ("shop" = String, Path, description = "The shop's id"),
        ("snapshot" = String, Path, description = "The backup's id, or how it begins; `latest`"),
        ("path" = Option<String>, Query, description = "The folder, from the root: `/` unless told"),
        ("skip" = Option<u64>, Query, description = "Entries to leave out, from the first on: at most 5,000 are told at once"),
    ),
    responses(
        (status = 200, body = SnapshotFolder),
        (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody),
        (status = 422, body = ErrorBody, description = "There is no such backup or folder, or it cannot be read"),
    )
)]
pub(crate) async fn files(
    State(state): State<ApiState>,
    caller: Caller,
    Path((shop, snapshot)): Path<(String, String)>,
    Query(Place { path, skip }): Query<Place>,
) -> Result<Json<SnapshotFolder>, ApiError> {
    let shop = known(&state, &caller, shop)?;
    let answer =
        ask(&state, |answer| Command::Browse { shop, snapshot, path, skip, answer }).await?;
    answer.map(Json).map_err(refused)
}

pub(crate) fn known(state: &ApiState, caller: &Caller, shop: String) -> Result<ShopId, ApiError> {
    let id = shop.parse().map_err(|_| ApiError::NotFound { what: "shop", name: shop })?;
    names::shop(state, caller, &id)?;
    Ok(id)
}

pub(crate) fn refused(Refusal { message, details, reason }: Refusal) -> ApiError {
    ApiError::NoPlan { message, details, reason }
}
