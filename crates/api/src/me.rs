//! What people see and change of themselves.
//!
//! A second factor is set up in two steps: `begin` answers a secret as text, as a URI and as a
//! picture for the camera of an app; `confirm` takes the first code and answers ten recovery codes,
//! shown this once. Until it is confirmed nothing is in force. Whoever has a password gives it with
//! everything that makes the account weaker, or somebody else's.

use crate::{
    ApiError, ApiState,
    body::Body,
    caller::{Caller, Session},
    error::ErrorBody,
    guard::now_ms,
    ledger, second_factor,
};
use axum::{Json, extract::State, http::StatusCode};
use kernel::{Grant, Permission, PersonId, Place, Rights};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use store::PersonRecord;
use utoipa::ToSchema;

/// A role, at one shop or at all.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GrantBody {
    /// `owner`, `operator`, `developer`, `client` or `auditor`.
    #[schema(value_type = String)]
    pub(crate) role: kernel::Role,
    /// `null`: at every shop, and on the machine itself.
    #[schema(value_type = Option<String>)]
    pub(crate) shop: Option<kernel::ShopId>,
}

/// Who is signed in, and what they may do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Me {
    /// As the ledger has it: `person:ID`, `token:NAME` or `command-line`.
    #[schema(value_type = String)]
    actor: kernel::Actor,
    /// `null` for programs, as the other fields of a person.
    #[schema(value_type = Option<String>)]
    id: Option<PersonId>,
    name: Option<String>,
    email: Option<String>,
    grants: Vec<GrantBody>,
    /// Where all shops at once are concerned.
    #[schema(value_type = Vec<String>)]
    permissions: Vec<Permission>,
    /// At each shop that one may see.
    #[schema(value_type = BTreeMap<String, Vec<String>>)]
    shops: BTreeMap<String, Vec<Permission>>,
    has_password: bool,
    second_factor: SecondFactor,
    session: Option<SessionOf>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SecondFactor {
    active: bool,
    /// It must be set up before anything else can be done.
    missing: bool,
    /// Recovery codes that are left.
    recovery_codes: u32,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionOf {
    id: String,
    /// `link`, `invitation`, `password`, `second_factor` or `recovery_code`.
    method: String,
    created_ms: i64,
    expires_ms: i64,
}

// No `Debug` on what holds a password or a code.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPassword {
    /// The one until now; not asked of those who have none.
    current: Option<String>,
    /// 12 to 256 characters.
    new: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Confirmation {
    /// Not asked of those who have none.
    password: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Code {
    /// Six digits.
    code: String,
}

/// What an app must be told to make codes.
#[derive(Serialize, ToSchema)]
pub(crate) struct Begun {
    /// In Base32, for typing.
    secret: String,
    /// `otpauth://totp/…`
    uri: String,
    /// The URI as an SVG picture.
    qr_svg: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct RecoveryCodes {
    /// Each good once; shown this once.
    recovery_codes: Vec<String>,
}

/// Who am I, and what may I do.
#[utoipa::path(
    get, path = "/api/v1/me", tag = "access",
    responses(
        (status = 200, body = Me),
        (status = 401, body = ErrorBody),
    )
)]
pub(crate) async fn me(
    State(state): State<ApiState>,
    caller: Caller,
) -> Result<Json<Me>, ApiError> {
    let shops = state.watch.with(|live| live.shops());
    let shops = shops.into_iter().filter(|shop| caller.sees(&shop.id));
    let shops = shops.map(|shop| (shop.id.to_string(), caller.rights.at(Place::Shop(&shop.id))));
    let session = caller.session();
    let person = match session {
        Some(session) => Some(record(&state, session).await?),
        None => None,
    };
    let grants = match &caller.rights {
        Rights::Granted(grants) => grants.iter().map(GrantBody::from).collect(),
        Rights::Everything | Rights::Scoped(_) => Vec::new(),
    };
    Ok(Json(Me {
        grants,
        permissions: caller.rights.at(Place::Machine),
        shops: shops.collect(),
        id: person.as_ref().map(|person| person.id.clone()),
        has_password: person.as_ref().is_some_and(|person| person.has_password),
        second_factor: SecondFactor {
            active: session.is_some_and(|session| session.has_second_factor),
            missing: session.is_some_and(|session| session.lacks_second_factor),
            recovery_codes: person.as_ref().map_or(0, |person| person.recovery_codes),
        },
        email: person.as_ref().and_then(|person| person.email.clone()),
        name: person.map(|person| person.name),
        session: session.map(|session| SessionOf {
            id: session.record.id.clone(),
            method: session.record.method.as_str().to_owned(),
            created_ms: session.record.created_ms,
            expires_ms: session.record.expires_ms,
        }),
        actor: caller.actor,
    }))
}

/// Change one's password. Every other session of the person ends.
#[utoipa::path(
    post, path = "/api/v1/me/password", tag = "access",
    request_body = NewPassword,
    responses(
        (status = 204, description = "It is changed"),
        (status = 401, body = ErrorBody, description = "The current one is `wrong`"),
        (status = 422, body = ErrorBody, description = "The new one is too short"),
    )
)]
pub(crate) async fn password(
    State(state): State<ApiState>,
    caller: Caller,
    Body(wish): Body<NewPassword>,
) -> Result<StatusCode, ApiError> {
    let session = caller.oneself()?;
    confirm(&state, session, wish.current).await?;
    let hash = state.entrance.passwords.hash(wish.new).await?;
    state.store.set_password(session.person(), hash, Some(session.hash)).await?;
    ledger::note(&state, &caller.actor, "password_changed", None, []).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Begin to set up a second factor; one that is in force stays so until the new one is confirmed.
#[utoipa::path(
    post, path = "/api/v1/me/second-factor/begin", tag = "access",
    request_body = Confirmation,
    responses(
        (status = 200, body = Begun),
        (status = 401, body = ErrorBody, description = "The password is `wrong`"),
    )
)]
pub(crate) async fn begin_second_factor(
    State(state): State<ApiState>,
    caller: Caller,
    Body(wish): Body<Confirmation>,
) -> Result<Json<Begun>, ApiError> {
    let session = caller.oneself()?;
    confirm(&state, session, wish.password).await?;
    let secret = second_factor::new_secret();
    state.store.begin_second_factor(session.person(), &secret).await?;
    let uri = second_factor::uri(&secret, session.person().as_str());
    let qr_svg = second_factor::picture(&uri);
    Ok(Json(Begun { secret: second_factor::base32(&secret), uri, qr_svg }))
}

/// Put the second factor in force, by a first code.
#[utoipa::path(
    post, path = "/api/v1/me/second-factor/confirm", tag = "access",
    request_body = Code,
    responses(
        (status = 200, body = RecoveryCodes),
        (status = 401, body = ErrorBody, description = "The code is `wrong`"),
        (status = 409, body = ErrorBody, description = "None was begun"),
    )
)]
pub(crate) async fn confirm_second_factor(
    State(state): State<ApiState>,
    caller: Caller,
    Body(wish): Body<Code>,
) -> Result<Json<RecoveryCodes>, ApiError> {
    let person = caller.oneself()?.person();
    let begun = state.store.begun_second_factor(person).await?;
    let begun = begun.ok_or_else(|| ApiError::Conflict {
        code: "not_begun",
        message: "no second factor was begun".to_owned(),
    })?;
    let step = second_factor::step_of(&begun, wish.code.trim(), now_ms());
    let step = step.ok_or(ApiError::Wrong)?;
    let (recovery_codes, hashes) = second_factor::new_recovery_codes();
    state.store.confirm_second_factor(person, step, hashes).await?;
    ledger::note(&state, &caller.actor, "second_factor_set_up", None, []).await?;
    Ok(Json(RecoveryCodes { recovery_codes }))
}

/// Take the second factor away.
#[utoipa::path(
    post, path = "/api/v1/me/second-factor/remove", tag = "access",
    request_body = Confirmation,
    responses(
        (status = 204, description = "It is gone, and the recovery codes with it"),
        (status = 401, body = ErrorBody, description = "The password is `wrong`"),
    )
)]
pub(crate) async fn remove_second_factor(
    State(state): State<ApiState>,
    caller: Caller,
    Body(wish): Body<Confirmation>,
) -> Result<StatusCode, ApiError> {
    let session = caller.oneself()?;
    confirm(&state, session, wish.password).await?;
    state.store.remove_second_factor(session.person()).await?;
    ledger::note(&state, &caller.actor, "second_factor_removed", None, []).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make ten new recovery codes; those before are good no more.
#[utoipa::path(
    post, path = "/api/v1/me/recovery-codes", tag = "access",
    request_body = Confirmation,
    responses(
        (status = 200, body = RecoveryCodes),
        (status = 401, body = ErrorBody, description = "The password is `wrong`"),
        (status = 409, body = ErrorBody, description = "There is no second factor"),
    )
)]
pub(crate) async fn recovery_codes(
    State(state): State<ApiState>,
    caller: Caller,
    Body(wish): Body<Confirmation>,
) -> Result<Json<RecoveryCodes>, ApiError> {
    let session = caller.oneself()?;
    confirm(&state, session, wish.password).await?;
    if !session.has_second_factor {
        let message = "there is no second factor to recover".to_owned();
        return Err(ApiError::Conflict { code: "no_second_factor", message });
    }
    let (recovery_codes, hashes) = second_factor::new_recovery_codes();
    state.store.put_recovery_codes(session.person(), hashes).await?;
    ledger::note(&state, &caller.actor, "recovery_codes_made", None, []).await?;
    Ok(Json(RecoveryCodes { recovery_codes }))
}

async fn record(state: &ApiState, session: &Session) -> Result<PersonRecord, ApiError> {
    let found = state.store.person(session.person()).await?;
    found.ok_or(ApiError::Unauthenticated)
}

/// Whoever has a password gives it once more: an unlocked screen is not enough. Wrong ones are
/// throttled as at the door.
async fn confirm(
    state: &ApiState,
    session: &Session,
    password: Option<String>,
) -> Result<(), ApiError> {
    let person = session.person().as_str();
    let found = state.store.credentials(person).await?.ok_or(ApiError::Unauthenticated)?;
    if found.password.is_none() {
        return Ok(());
    }
    let counted = [crate::throttle::Counted::Account(crate::access::hash(person))];
    let throttle = &state.entrance.throttle;
    let attempt = throttle.attempt(&counted, now_ms());
    attempt.map_err(|retry_after_ms| ApiError::Throttled { retry_after_ms })?;
    let password = password.unwrap_or_default();
    if !state.entrance.passwords.verify(found.password, password).await? {
        return Err(ApiError::Wrong);
    }
    throttle.succeed(&counted);
    Ok(())
}

impl From<&Grant> for GrantBody {
    fn from(grant: &Grant) -> Self {
        Self { role: grant.role, shop: grant.shop.clone() }
    }
}

impl From<GrantBody> for Grant {
    fn from(body: GrantBody) -> Self {
        Self { role: body.role, shop: body.shop }
    }
}
