//! Shops and their instances.

use crate::{
    ApiError, ApiState, Command,
    caller::Caller,
    error::ErrorBody,
    guard::now_ms,
    ledger,
    machine::ask,
    names,
    stream::{self, Resume},
};
use ::watch::state::{Instance, ShopState, ShopSummary, Tick};
use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, header::HeaderName},
    response::Response,
};
use kernel::{Drain, InstanceName, ShopId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Shops {
    shops: Vec<ShopSummary>,
}

/// The shops of this machine that the caller may see, in the configuration's order.
#[utoipa::path(
    get, path = "/api/v1/shops", tag = "shops",
    responses(
        (status = 200, body = Shops),
        (status = 401, body = ErrorBody),
    )
)]
pub(crate) async fn list(State(state): State<ApiState>, caller: Caller) -> Json<Shops> {
    let mut shops = state.watch.with(|live| live.shops());
    shops.retain(|shop| caller.sees(&shop.id));
    Json(Shops { shops })
}

/// A shop whole, with its history.
#[utoipa::path(
    get, path = "/api/v1/shops/{shop}", tag = "shops",
    params(("shop" = String, Path, description = "The shop's id")),
    responses(
        (status = 200, body = ShopState),
        (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody),
    )
)]
pub(crate) async fn one(
    State(state): State<ApiState>,
    Path(shop): Path<String>,
) -> Result<Json<ShopState>, ApiError> {
    let found = shop_id(&shop).and_then(|id| state.watch.with(|live| live.state(&id)));
    found.map(Json).ok_or(ApiError::NotFound { what: "shop", name: shop })
}

/// A shop's ticks as they come, one a second (server-sent events).
///
/// Every event `tick` carries its sequence as id. A reader that comes back with `Last-Event-ID`
/// gets what it missed, or an event `reset` with the whole state when that is no longer there.
#[utoipa::path(
    get, path = "/api/v1/shops/{shop}/events", tag = "shops",
    params(
        ("shop" = String, Path, description = "The shop's id"),
        ("Last-Event-ID" = Option<u64>, Header, description = "The last sequence that was read"),
    ),
    responses(
        (status = 200, description = "A stream of ticks", body = Tick, content_type = "text/event-stream"),
        (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody),
    )
)]
pub(crate) async fn events(
    State(state): State<ApiState>,
    caller: Caller,
    Path(shop): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let missing = || ApiError::NotFound { what: "shop", name: shop.clone() };
    let id = shop_id(&shop).ok_or_else(missing)?;
    let last = headers.get(HeaderName::from_static("last-event-id"));
    let resume = match last.map(|last| last.to_str().ok().and_then(|last| last.parse().ok())) {
        None => Resume::Next,
        Some(Some(sequence)) => Resume::After(sequence),
        Some(None) => Resume::Reset,
    };
    stream::answer(state, caller, &id, resume).ok_or_else(missing)
}

/// Send an instance no new requests; those it is answering may end.
#[utoipa::path(
    post, path = "/api/v1/shops/{shop}/instances/{instance}/drain", tag = "shops",
    params(
        ("shop" = String, Path, description = "The shop's id"),
        ("instance" = String, Path, description = "The instance's name"),
    ),
    responses(
        (status = 200, body = Instance),
        (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody),
    )
)]
pub(crate) async fn drain(
    State(state): State<ApiState>,
    caller: Caller,
    Path((shop, instance)): Path<(String, String)>,
) -> Result<Json<Instance>, ApiError> {
    let drain = Drain::by(caller.actor.clone(), now_ms());
    set_drain(&state, &caller, shop, instance, Some(drain)).await
}

/// Send a drained instance requests again.
#[utoipa::path(
    post, path = "/api/v1/shops/{shop}/instances/{instance}/undrain", tag = "shops",
    params(
        ("shop" = String, Path, description = "The shop's id"),
        ("instance" = String, Path, description = "The instance's name"),
    ),
    responses(
        (status = 200, body = Instance),
        (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody),
    )
)]
pub(crate) async fn undrain(
    State(state): State<ApiState>,
    caller: Caller,
    Path((shop, instance)): Path<(String, String)>,
) -> Result<Json<Instance>, ApiError> {
    set_drain(&state, &caller, shop, instance, None).await
}

async fn set_drain(
    state: &ApiState,
    caller: &Caller,
    shop: String,
    instance: String,
    drain: Option<Drain>,
) -> Result<Json<Instance>, ApiError> {
    let Some(shop) = shop_id(&shop) else {
        return Err(ApiError::NotFound { what: "shop", name: shop });
    };
    let missing = || ApiError::NotFound { what: "instance", name: instance.clone() };
    let name: InstanceName = instance.parse().map_err(|_| missing())?;
    let find = || state.watch.with(|live| live.instance(&shop, &name)).ok_or_else(missing);
    names::instance(state, &shop, &name)?;
    let kind = if drain.is_some() { "instance_drained" } else { "instance_undrained" };
    let (shop_asked, asked) = (shop.clone(), name.clone());
    let answer =
        ask(state, |answer| Command::Drain { shop: shop_asked, instance: asked, drain, answer });
    answer.await?.map_err(ApiError::Failed)?;
    let said = [("instance", name.as_str().into())];
    ledger::note_of_shop(state, &caller.actor, kind, &shop, said).await?;
    find().map(Json)
}

/// `None`: a text that no shop can have as its id.
fn shop_id(text: &str) -> Option<ShopId> {
    text.parse().ok()
}
