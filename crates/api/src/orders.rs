//! Single orders, as the journal of changes, backups and the shop have them. To bring one back, ask for a plan.
//!
//! What is told is personal data of whoever bought: who may decide on changes to a shop may see it, and
//! that they looked goes into the ledger, the order under a keyed id.

use crate::{
    ApiError, ApiState, Command, OrdersAsked, backups::refused, caller::Caller, error::ErrorBody,
    ledger, machine::ask_within,
};
use ::watch::time_machine::{
    DeletedOrders, DeletedQuestion, ErasureNoted, ErasureRequest, MissingOrders, MissingQuestion,
    OrderHistory, OrderLook, OrderQuestion,
};
use axum::{
    Json,
    extract::{Path, State},
};
use kernel::{Personal, ShopId, Value};
use std::time::Duration;

/// Control gives up before.
pub(crate) const PATIENCE: Duration = Duration::from_secs(45);

/// Orders as they were in a backup, beside what they are.
///
/// By number, by e-mail address, or any row by its table and key. At a time, as the journal of changes has
/// it to the second where the shop has one, else as in the newest backup of then; without, as it was just
/// before it went, or in the newest backup that has it.
#[utoipa::path(
    post, path = "/api/v1/shops/{shop}/orders/look", tag = "orders", request_body = OrderQuestion,
    params(("shop" = String, Path, description = "The shop's id")),
    responses(
        (status = 200, body = OrderLook),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
        (status = 422, body = ErrorBody, description = "It is not backed up, or cannot be looked into"),
    )
)]
pub(crate) async fn look(
    State(state): State<ApiState>,
    caller: Caller,
    Path(shop): Path<String>,
    Json(question): Json<OrderQuestion>,
) -> Result<Json<OrderLook>, ApiError> {
    let shop = known(&state, shop)?;
    note(&state, &caller, &shop, &question).await?;
    let wanted = |answer| Command::Orders { shop, ask: OrdersAsked::Look { question, answer } };
    ask_within(PATIENCE, &state, wanted).await?.map(Json).map_err(refused)
}

/// What became of one order, change by change where the journal has them, else from backup to backup.
#[utoipa::path(
    post, path = "/api/v1/shops/{shop}/orders/history", tag = "orders", request_body = OrderQuestion,
    params(("shop" = String, Path, description = "The shop's id")),
    responses(
        (status = 200, body = OrderHistory),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
        (status = 422, body = ErrorBody, description = "It is not backed up, or cannot be looked into"),
    )
)]
pub(crate) async fn history(
    State(state): State<ApiState>,
    caller: Caller,
    Path(shop): Path<String>,
    Json(question): Json<OrderQuestion>,
) -> Result<Json<OrderHistory>, ApiError> {
    let shop = known(&state, shop)?;
    note(&state, &caller, &shop, &question).await?;
    let wanted = |answer| Command::Orders { shop, ask: OrdersAsked::History { question, answer } };
    ask_within(PATIENCE, &state, wanted).await?.map(Json).map_err(refused)
}

/// Orders that the shop no longer has, as the journal of changes and backups know them.
///
/// Of the last thirty days, unless told.
#[utoipa::path(
    post, path = "/api/v1/shops/{shop}/orders/deleted", tag = "orders",
    request_body = DeletedQuestion,
    params(("shop" = String, Path, description = "The shop's id")),
    responses(
        (status = 200, body = DeletedOrders),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
        (status = 422, body = ErrorBody, description = "It is not backed up, or cannot be looked into"),
    )
)]
pub(crate) async fn deleted(
    State(state): State<ApiState>,
    caller: Caller,
    Path(shop): Path<String>,
    question: Option<Json<DeletedQuestion>>,
) -> Result<Json<DeletedOrders>, ApiError> {
    let shop = known(&state, shop)?;
    ledger::note_of_shop(&state, &caller.actor, "deleted_orders_listed", &shop, []).await?;
    let question = question.map(|Json(question)| question).unwrap_or_default();
    let wanted = |answer| Command::Orders { shop, ask: OrdersAsked::Deleted { question, answer } };
    ask_within(PATIENCE, &state, wanted).await?.map(Json).map_err(refused)
}

/// Orders that the shop has confirmed to visitors and that its database lacks.
///
/// By the edge's access log, of the last 24 hours unless told: after going back in time, and whenever
/// something is lost on the way. Payments and confirmations whose path names no order are counted.
#[utoipa::path(
    post, path = "/api/v1/shops/{shop}/orders/missing", tag = "orders",
    request_body = MissingQuestion,
    params(("shop" = String, Path, description = "The shop's id")),
    responses(
        (status = 200, body = MissingOrders),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
        (status = 422, body = ErrorBody, description = "There is no log, or it cannot be looked into"),
    )
)]
pub(crate) async fn missing(
    State(state): State<ApiState>,
    caller: Caller,
    Path(shop): Path<String>,
    question: Option<Json<MissingQuestion>>,
) -> Result<Json<MissingOrders>, ApiError> {
    let shop = known(&state, shop)?;
    ledger::note_of_shop(&state, &caller.actor, "missing_orders_listed", &shop, []).await?;
    let question = question.map(|Json(question)| question).unwrap_or_default();
    let wanted = |answer| Command::Orders { shop, ask: OrdersAsked::Missing { question, answer } };
    ask_within(PATIENCE, &state, wanted).await?.map(Json).map_err(refused)
}

/// Notes that somebody had their data erased (GDPR, article 17): what tells of them does not come back.
///
/// Kept are a keyed hash of the address and the time. The shop's own rows and its backups stay as they are;
/// an order or a row that is brought back from a time before comes without what tells of the person.
#[utoipa::path(
    post, path = "/api/v1/shops/{shop}/orders/erasures", tag = "orders",
    request_body = ErasureRequest,
    params(("shop" = String, Path, description = "The shop's id")),
    responses(
        (status = 200, body = ErasureNoted),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
        (status = 422, body = ErrorBody, description = "That is no e-mail address"),
    )
)]
pub(crate) async fn erasures(
    State(state): State<ApiState>,
    caller: Caller,
    Path(shop): Path<String>,
    Json(request): Json<ErasureRequest>,
) -> Result<Json<ErasureNoted>, ApiError> {
    let shop = known(&state, shop)?;
    let about = [("email", Personal::Mail(request.email.clone()).into())];
    ledger::note_of_shop(&state, &caller.actor, "erasure_noted", &shop, about).await?;
    let wanted = |answer| Command::Orders { shop, ask: OrdersAsked::Erased { request, answer } };
    ask_within(PATIENCE, &state, wanted).await?.map(Json).map_err(refused)
}

/// A shop of the configuration. Whoever may not see it does not get here.
fn known(state: &ApiState, shop: String) -> Result<ShopId, ApiError> {
    let shops = state.watch.with(|live| live.shops());
    let found = shops.into_iter().find(|one| one.id.as_str() == shop);
    found.map(|one| one.id).ok_or(ApiError::NotFound { what: "shop", name: shop })
}

/// Before anything is told.
async fn note(
    state: &ApiState,
    caller: &Caller,
    shop: &ShopId,
    question: &OrderQuestion,
) -> Result<(), ApiError> {
    let (name, about): (&str, Value) = match question {
        OrderQuestion { order: Some(order), .. } => {
            ("order", Personal::Order(order.clone()).into())
        }
        OrderQuestion { email: Some(email), .. } => ("email", Personal::Mail(email.clone()).into()),
        OrderQuestion { key, .. } => {
            ("row", Personal::Customer(key.clone().unwrap_or_default()).into())
        }
    };
    let table = question.table.clone().unwrap_or_default().into();
    let params = [(name, about), ("table", table)];
    ledger::note_of_shop(state, &caller.actor, "order_looked_at", shop, params).await
}
