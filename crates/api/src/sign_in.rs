//! How people come in and go out.
//!
//! Three ways in, each of which makes a session of twelve hours that ends after two without use:
//! - **A one-time link** (`storewarden sign-in` on the machine): no password is asked. The first
//!   one ever makes the owner.
//! - **Password and second factor**: `POST /api/v1/sign-in {name, password}`; when the answer is
//!   `second_factor_needed`, the page asks for the code and sends all three. Wrong tries make the
//!   next ones wait (`throttled`, with `retry_after_ms`).
//! - **An invitation** (`/invitation#TOKEN`, a page of the interface): the page asks
//!   `POST /api/v1/invitations/look {token}` who is invited, has a password chosen and sends
//!   `POST /api/v1/invitations/accept {token, password}`. The token stands behind `#`, where no
//!   server and no log sees it.

#![expect(unused_qualifications, reason = "utoipa's macro writes `params(…)` so")]

use crate::{
    ApiError, ApiState, access,
    body::{Body, OptionalBody},
    caller::Caller,
    cookies::{self, SESSION_MS},
    error::ErrorBody,
    guard::{Peer, host_of, now_ms},
    ledger, pages, second_factor,
    throttle::Counted,
};
use axum::{
    Json,
    extract::{Extension, OriginalUri, Query, State},
    http::{
        HeaderMap, StatusCode, Uri,
        header::{CACHE_CONTROL, LOCATION, SET_COOKIE, USER_AGENT},
    },
    response::{AppendHeaders, IntoResponse, Response},
};
use kernel::{Actor, PersonId};
use serde::{Deserialize, Serialize};
use store::{Credentials, LinkPurpose, NewSession, SignInMethod};
use utoipa::{IntoParams, ToSchema};

const MINUTE_MS: i64 = 60_000;
/// How long a link waits to be opened.
const LINK_MS: i64 = 15 * MINUTE_MS;
/// The id of the first owner.
const FIRST_OWNER: &str = "owner";
/// What is kept of what a browser calls itself, in characters.
const BROWSER_LENGTH: usize = 160;

#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct SignInLink {
    /// The secret of the link.
    #[serde(default)]
    token: String,
}

/// A link that signs one browser in, once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Link {
    url: String,
    expires_ms: i64,
    /// Whom it signs in.
    #[schema(value_type = String)]
    person: PersonId,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkWish {
    /// Whom to sign in; without it the owner, and where there is nobody yet, the first one.
    #[schema(value_type = Option<String>)]
    person: Option<PersonId>,
}

// No `Debug`: a password is in it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    /// The id or the e-mail address.
    name: String,
    password: String,
    /// Six digits of the second factor, or a recovery code.
    code: Option<String>,
}

/// Who has signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SignedIn {
    #[schema(value_type = String)]
    person: PersonId,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Look {
    token: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Accept {
    token: String,
    /// 12 to 256 characters.
    password: String,
}

/// Who is invited.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Invited {
    #[schema(value_type = String)]
    id: PersonId,
    name: String,
}

/// Open a one-time link: sets the session cookie and goes to the interface.
#[utoipa::path(
    get, path = "/sign-in", tag = "access", params(SignInLink), security(()),
    responses(
        (status = 303, description = "Signed in; the interface is at `/`"),
        (status = 403, description = "A page that says how to make a new link"),
    )
)]
pub(crate) async fn open_link(
    State(state): State<ApiState>,
    Query(query): Query<SignInLink>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let hash = access::hash(&query.token);
    let Some(person) = state.store.use_link(hash, LinkPurpose::SignIn, now_ms()).await? else {
        return Ok(pages::link_is_used().into_response());
    };
    let cookie = begin_session(&state, &headers, &person, SignInMethod::Link).await?;
    let headers =
        [(SET_COOKIE, cookie), (LOCATION, "/".into()), (CACHE_CONTROL, "no-store".into())];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

/// Make a one-time link. Only the command line makes one for another person: an owner invites.
#[utoipa::path(
    post, path = "/api/v1/sign-in-links", tag = "access",
    request_body = Option<LinkWish>,
    responses(
        (status = 200, body = Link),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
    )
)]
pub(crate) async fn make_link(
    State(state): State<ApiState>,
    caller: Caller,
    headers: HeaderMap,
    OriginalUri(uri): OriginalUri,
    OptionalBody(wish): OptionalBody<LinkWish>,
) -> Result<Json<Link>, ApiError> {
    let person = whom(&state, &caller, wish.person).await?;
    let secret = access::new_secret();
    let expires_ms = now_ms() + LINK_MS;
    let hash = access::hash(&secret);
    state.store.add_link(hash, &person, LinkPurpose::SignIn, expires_ms).await?;
    ledger::note(&state, &caller.actor, "sign_in_link_made", ledger::person(&person), []).await?;
    let url = format!("{}/sign-in?token={secret}", origin(&headers, &uri));
    Ok(Json(Link { url, expires_ms, person }))
}

async fn whom(
    state: &ApiState,
    caller: &Caller,
    wish: Option<PersonId>,
) -> Result<PersonId, ApiError> {
    if let Some(session) = caller.session() {
        let own = session.person().clone();
        let is_own = wish.is_none_or(|wish| wish == own);
        return if is_own { Ok(own) } else { Err(ApiError::LinkForAnother) };
    }
    if let Some(id) = wish {
        let found = state.store.person(&id).await?;
        let missing = || ApiError::NotFound { what: "person", name: id.to_string() };
        return found.map(|person| person.id).ok_or_else(missing);
    }
    let first = FIRST_OWNER.parse().expect("invariant: it is a valid id");
    let owner = state.store.owner_or_first(first, now_ms()).await?;
    owner.ok_or(ApiError::Conflict {
        code: "no_owner",
        message: "there is no owner; `storewarden user role` makes one".to_owned(),
    })
}

/// Sign in with a password, and a code where a second factor is set up.
#[utoipa::path(
    post, path = "/api/v1/sign-in", tag = "access", security(()),
    request_body = SignIn,
    responses(
        (status = 200, body = SignedIn, description = "Signed in; the cookie is set"),
        (status = 401, body = ErrorBody, description = "`wrong`, or `second_factor_needed`"),
        (status = 429, body = ErrorBody, description = "`throttled`: wait `retry_after_ms`"),
    )
)]
pub(crate) async fn sign_in(
    State(state): State<ApiState>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Body(wish): Body<SignIn>,
) -> Result<Response, ApiError> {
    let name = wish.name.trim().to_lowercase();
    let account = Counted::Account(access::hash(&name));
    let counted: Vec<Counted> =
        [Some(account), Counted::address(peer.0)].into_iter().flatten().collect();
    let throttle = &state.entrance.throttle;
    throttle
        .attempt(&counted, now_ms())
        .map_err(|retry_after_ms| ApiError::Throttled { retry_after_ms })?;
    match prove(&state, &name, wish).await {
        Ok((person, method)) => {
            throttle.succeed(&counted);
            let cookie = begin_session(&state, &headers, &person, method).await?;
            Ok(([(SET_COOKIE, cookie)], Json(SignedIn { person })).into_response())
        }
        Err(error) => {
            match error {
                // What was typed may be a password in the wrong field: only the address is logged.
                ApiError::Wrong => tracing::warn!(address = %peer.0, "a sign-in was refused"),
                _ => throttle.take_back(&counted),
            }
            Err(error)
        }
    }
}

async fn prove(
    state: &ApiState,
    name: &str,
    wish: SignIn,
) -> Result<(PersonId, SignInMethod), ApiError> {
    let found = state.store.credentials(name).await?;
    let hash = found.as_ref().and_then(|found| found.password.clone());
    let fits = state.entrance.passwords.verify(hash, wish.password).await?;
    let Some(found) = found.filter(|_| fits) else { return Err(ApiError::Wrong) };
    let Credentials { person, second_factor, .. } = found;
    let Some(secret) = second_factor else { return Ok((person, SignInMethod::Password)) };
    let code = wish.code.unwrap_or_default();
    let code = code.trim();
    if code.is_empty() {
        return Err(ApiError::SecondFactorNeeded);
    }
    let (good, method) = if second_factor::is_code(code) {
        let good = match second_factor::step_of(&secret, code, now_ms()) {
            Some(step) => state.store.use_second_factor(&person, step).await?,
            None => false,
        };
        (good, SignInMethod::SecondFactor)
    } else {
        let hash = second_factor::recovery_hash(code);
        (state.store.use_recovery_code(&person, hash).await?, SignInMethod::RecoveryCode)
    };
    if good { Ok((person, method)) } else { Err(ApiError::Wrong) }
}

/// Say who is invited, so that the page can greet them. Uses nothing up.
#[utoipa::path(
    post, path = "/api/v1/invitations/look", tag = "access", security(()),
    request_body = Look,
    responses(
        (status = 200, body = Invited),
        (status = 404, body = ErrorBody, description = "It was used, replaced, or has run out"),
    )
)]
pub(crate) async fn look_at_invitation(
    State(state): State<ApiState>,
    Body(wish): Body<Look>,
) -> Result<Json<Invited>, ApiError> {
    let hash = access::hash(&wish.token);
    let found = state.store.link(hash, LinkPurpose::Invitation, now_ms()).await?;
    let person = match found {
        Some(id) => state.store.person(&id).await?,
        None => None,
    };
    let person = person.ok_or(ApiError::InvitationIsUsed)?;
    Ok(Json(Invited { id: person.id, name: person.name }))
}

/// Choose a password and sign in with it.
#[utoipa::path(
    post, path = "/api/v1/invitations/accept", tag = "access", security(()),
    request_body = Accept,
    responses(
        (status = 200, body = SignedIn, description = "Signed in; the cookie is set"),
        (status = 404, body = ErrorBody, description = "It was used, replaced, or has run out"),
        (status = 422, body = ErrorBody, description = "The password is too short"),
    )
)]
pub(crate) async fn accept_invitation(
    State(state): State<ApiState>,
    headers: HeaderMap,
    Body(wish): Body<Accept>,
) -> Result<Response, ApiError> {
    let hash = access::hash(&wish.token);
    // Hashing is dear: only for somebody who is invited.
    let invited = state.store.link(hash, LinkPurpose::Invitation, now_ms()).await?;
    invited.ok_or(ApiError::InvitationIsUsed)?;
    let password = state.entrance.passwords.hash(wish.password).await?;
    let person = state.store.accept_invitation(hash, password, now_ms()).await?;
    let person = person.ok_or(ApiError::InvitationIsUsed)?;
    let cookie = begin_session(&state, &headers, &person, SignInMethod::Invitation).await?;
    Ok(([(SET_COOKIE, cookie)], Json(SignedIn { person })).into_response())
}

/// End the session of this browser.
#[utoipa::path(
    post, path = "/api/v1/sign-out", tag = "access",
    responses(
        (status = 204, description = "Signed out"),
        (status = 401, body = ErrorBody),
    )
)]
pub(crate) async fn sign_out(
    State(state): State<ApiState>,
    caller: Caller,
) -> Result<Response, ApiError> {
    if let Some(session) = caller.session() {
        state.store.end_session(session.record.id.clone(), None).await?;
        ledger::note(&state, &caller.actor, "signed_out", None, []).await?;
    }
    let gone = AppendHeaders(cookies::gone().map(|cookie| (SET_COOKIE, cookie)));
    Ok((StatusCode::NO_CONTENT, gone).into_response())
}

/// Begins a session; its cookie.
async fn begin_session(
    state: &ApiState,
    headers: &HeaderMap,
    person: &PersonId,
    method: SignInMethod,
) -> Result<String, ApiError> {
    let actor = Actor::Person(person.to_string());
    let how = [("method", method.as_str().into())];
    // First the ledger: nobody comes in without its being written.
    ledger::note(state, &actor, "signed_in", None, how).await?;
    let secret = access::new_secret();
    let browser = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    let now_ms = now_ms();
    let session = NewSession {
        hash: access::hash(&secret),
        id: access::new_id(),
        person: person.clone(),
        method,
        browser: browser.map(|agent| agent.chars().take(BROWSER_LENGTH).collect()),
        created_ms: now_ms,
        expires_ms: now_ms + SESSION_MS,
    };
    state.store.add_session(session).await?;
    Ok(cookies::set(&secret, headers))
}

/// `http://HOST:PORT`, as the caller sees us.
pub(crate) fn origin(headers: &HeaderMap, uri: &Uri) -> String {
    let scheme = if cookies::came_by_tls(headers) { "https" } else { "http" };
    format!("{scheme}://{}", host_of(headers, uri).unwrap_or_default())
}
