//! Tokens for programs: each with a name, what it may do and where, and an end. The text of one is
//! shown once, when it is made.

use crate::{
    ApiError, ApiState, access, body::Body, caller::Caller, error::ErrorBody, guard::now_ms,
    ledger, names,
};
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use kernel::{Actor, Permission, Scope, ShopId, TokenName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use store::TokenRecord;
use utoipa::ToSchema;

/// By which a token that was left lying about is recognised.
const PREFIX: &str = "storewarden_";
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const DEFAULT_DAYS: u32 = 90;
const MOST_DAYS: u32 = 366;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Tokens {
    tokens: Vec<TokenRow>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenRow {
    #[schema(value_type = String)]
    name: TokenName,
    #[schema(value_type = Vec<String>)]
    permissions: BTreeSet<Permission>,
    /// `null`: every shop, and the machine itself.
    #[schema(value_type = Option<Vec<String>>)]
    shops: Option<BTreeSet<ShopId>>,
    /// As the ledger has it.
    #[schema(value_type = String)]
    made_by: Actor,
    created_ms: i64,
    expires_ms: i64,
    has_expired: bool,
    /// To the minute; `null`: never.
    used_ms: Option<i64>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenWish {
    /// Lower-case letters, digits, `-` and `_`.
    #[schema(value_type = String)]
    name: TokenName,
    /// At least one; `manage_people` is not for tokens.
    #[schema(value_type = Vec<String>)]
    permissions: BTreeSet<Permission>,
    /// Every shop, when not given.
    #[schema(value_type = Option<Vec<String>>)]
    shops: Option<BTreeSet<ShopId>>,
    /// 1 to 366; 90 when not given.
    days: Option<u32>,
}

// No `Debug`: the token is in it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Made {
    /// Sent as `Authorization: Bearer TOKEN`; shown this once.
    token: String,
    expires_ms: i64,
}

/// All tokens, those that have expired included.
#[utoipa::path(
    get, path = "/api/v1/tokens", tag = "people",
    responses(
        (status = 200, body = Tokens),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
    )
)]
pub(crate) async fn list(State(state): State<ApiState>) -> Result<Json<Tokens>, ApiError> {
    let now_ms = now_ms();
    let row = |token: TokenRecord| TokenRow {
        name: token.name,
        permissions: token.scope.permissions,
        shops: token.scope.shops,
        made_by: token.made_by,
        created_ms: token.created_ms,
        expires_ms: token.expires_ms,
        has_expired: token.expires_ms <= now_ms,
        used_ms: token.used_ms,
    };
    let tokens = state.store.tokens().await?;
    Ok(Json(Tokens { tokens: tokens.into_iter().map(row).collect() }))
}

/// Make a token.
#[utoipa::path(
    post, path = "/api/v1/tokens", tag = "people",
    request_body = TokenWish,
    responses(
        (status = 201, body = Made),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody, description = "There is no such shop"),
        (status = 409, body = ErrorBody, description = "`taken`: there is one of this name"),
        (status = 422, body = ErrorBody),
    )
)]
pub(crate) async fn make(
    State(state): State<ApiState>,
    caller: Caller,
    Body(wish): Body<TokenWish>,
) -> Result<(StatusCode, Json<Made>), ApiError> {
    let scope = good_scope(wish.permissions, wish.shops)?;
    for shop in scope.shops.iter().flatten() {
        names::shop(&state, &caller, shop)?;
    }
    let days = wish.days.unwrap_or(DEFAULT_DAYS);
    if !(1..=MOST_DAYS).contains(&days) {
        return Err(refused(format!("a token lasts 1 to {MOST_DAYS} days")));
    }
    let created_ms = now_ms();
    let expires_ms = created_ms + i64::from(days) * DAY_MS;
    let permissions: Vec<&str> = scope.permissions.iter().map(|one| one.as_str()).collect();
    let params = [("permissions", permissions.join(", ").into()), ("days", i64::from(days).into())];
    let token = format!("{PREFIX}{}", access::new_secret());
    let record = TokenRecord {
        name: wish.name.clone(),
        scope,
        made_by: caller.actor.clone(),
        created_ms,
        expires_ms,
        used_ms: None,
    };
    if !state.store.add_token(record, access::hash(&token)).await? {
        let message = format!("there is a token `{}`", wish.name);
        return Err(ApiError::Conflict { code: "taken", message });
    }
    ledger::note(&state, &caller.actor, "token_made", subject(&wish.name), params).await?;
    Ok((StatusCode::CREATED, Json(Made { token, expires_ms })))
}

/// Revoke a token: it is good no more.
#[utoipa::path(
    delete, path = "/api/v1/tokens/{name}", tag = "people",
    params(("name" = String, Path, description = "The token's name")),
    responses(
        (status = 204, description = "It is revoked"),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
    )
)]
pub(crate) async fn revoke(
    State(state): State<ApiState>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, ApiError> {
    let missing = || ApiError::NotFound { what: "token", name: text.clone() };
    let name: TokenName = text.parse().map_err(|_| missing())?;
    if !state.store.remove_token(&name).await? {
        return Err(missing());
    }
    ledger::note(&state, &caller.actor, "token_revoked", subject(&name), []).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn good_scope(
    permissions: BTreeSet<Permission>,
    shops: Option<BTreeSet<ShopId>>,
) -> Result<Scope, ApiError> {
    if permissions.is_empty() || shops.as_ref().is_some_and(BTreeSet::is_empty) {
        return Err(refused("a token without permission or without shop is of no use".to_owned()));
    }
    if let Some(other) = permissions.iter().find(|permission| !permission.is_for_tokens()) {
        return Err(refused(format!("`{other}` is for people, not for tokens")));
    }
    Ok(Scope { permissions, shops })
}

fn refused(message: String) -> ApiError {
    ApiError::Refused { code: "scope", message }
}

fn subject(name: &TokenName) -> Option<String> {
    Some(Actor::Token(name.to_string()).to_string())
}
