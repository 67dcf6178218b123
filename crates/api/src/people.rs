//! The people and what they may do.
//!
//! Somebody new is added with their roles and gets an invitation: a link that is good once, within
//! three days, where they choose a password. An invitation for somebody who has a password lets
//! them choose another. Roles hold from the next request on; nobody has to sign in again.

use crate::{
    ApiError, ApiState, access, body::Body, caller::Caller, error::ErrorBody, guard::now_ms,
    ledger, me::GrantBody, names, sign_in::origin,
};
use axum::{
    Json,
    extract::{OriginalUri, Path, State},
    http::{HeaderMap, StatusCode},
};
use kernel::{Grant, PersonId, Value};
use serde::{Deserialize, Deserializer, Serialize};
use store::{LinkPurpose, NewPerson, PeopleOutcome, PersonChange, PersonRecord};
use utoipa::ToSchema;

/// How long an invitation waits.
const INVITATION_MS: i64 = 3 * 24 * 60 * 60 * 1000;
const LONGEST_NAME: usize = 100;
/// RFC 5321, section 4.5.3.1.3, without the brackets.
const LONGEST_EMAIL: usize = 254;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct People {
    people: Vec<Person>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Person {
    #[schema(value_type = String)]
    id: PersonId,
    name: String,
    email: Option<String>,
    grants: Vec<GrantBody>,
    has_password: bool,
    has_second_factor: bool,
    /// How many are left.
    recovery_codes: u32,
    created_ms: i64,
    /// When they were here last, to the minute; `null`: never.
    seen_ms: Option<i64>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PersonWish {
    /// Under which they sign in: lower-case letters, digits, `-` and `_`.
    #[schema(value_type = String)]
    id: PersonId,
    /// The id, when not given.
    name: Option<String>,
    email: Option<String>,
    grants: Vec<GrantBody>,
}

/// What is not given stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PersonChangeWish {
    name: Option<String>,
    /// `null` takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    email: Option<Option<String>>,
    grants: Option<Vec<GrantBody>>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Invitation {
    /// To be given to the person, and to nobody else.
    url: String,
    expires_ms: i64,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Added {
    person: Person,
    invitation: Invitation,
}

/// Everybody who may sign in, by id.
#[utoipa::path(
    get, path = "/api/v1/people", tag = "people",
    responses(
        (status = 200, body = People),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
    )
)]
pub(crate) async fn list(State(state): State<ApiState>) -> Result<Json<People>, ApiError> {
    let people = state.store.people().await?;
    Ok(Json(People { people: people.into_iter().map(Person::from).collect() }))
}

/// Add somebody, and invite them.
#[utoipa::path(
    post, path = "/api/v1/people", tag = "people",
    request_body = PersonWish,
    responses(
        (status = 201, body = Added),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "`taken`: the id or the address"),
        (status = 422, body = ErrorBody),
    )
)]
pub(crate) async fn add(
    State(state): State<ApiState>,
    caller: Caller,
    headers: HeaderMap,
    OriginalUri(uri): OriginalUri,
    Body(wish): Body<PersonWish>,
) -> Result<(StatusCode, Json<Added>), ApiError> {
    let id = wish.id;
    let name = wish.name.map_or_else(|| Ok(id.to_string()), |name| good_name(&name))?;
    let email = wish.email.map(|email| good_email(&email)).transpose()?;
    let grants: Vec<Grant> = wish.grants.into_iter().map(Grant::from).collect();
    are_somewhere(&state, &caller, &grants, &[])?;
    let roles = [("roles", roles(&grants))];
    let person = NewPerson { id: id.clone(), name, email, grants };
    done(state.store.add_person(person, now_ms()).await?, &id)?;
    ledger::note(&state, &caller.actor, "person_added", ledger::person(&id), roles).await?;
    let invitation = make_invitation(&state, &caller, &id, &origin(&headers, &uri)).await?;
    let person = find(&state, &id).await?;
    Ok((StatusCode::CREATED, Json(Added { person, invitation })))
}

/// Change somebody's name, address or roles.
#[utoipa::path(
    patch, path = "/api/v1/people/{id}", tag = "people",
    params(("id" = String, Path, description = "The person's id")),
    request_body = PersonChangeWish,
    responses(
        (status = 200, body = Person),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "`taken`, or `last_owner`"),
    )
)]
pub(crate) async fn change(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<String>,
    Body(wish): Body<PersonChangeWish>,
) -> Result<Json<Person>, ApiError> {
    let id = person_id(&id)?;
    let email = match wish.email {
        Some(Some(email)) => Some(Some(good_email(&email)?)),
        other => other,
    };
    let grants = wish.grants.map(|all| all.into_iter().map(Grant::from).collect::<Vec<_>>());
    if let Some(grants) = &grants {
        // Of a shop that is gone, a role may stay that was given while it was there.
        let before = state.store.person(&id).await?.map(|person| person.grants);
        are_somewhere(&state, &caller, grants, &before.unwrap_or_default())?;
    }
    let said = grants.as_deref().map_or_else(|| "unchanged".into(), roles);
    let name = wish.name.map(|name| good_name(&name)).transpose()?;
    let change = PersonChange { name, email, grants };
    done(state.store.change_person(&id, change).await?, &id)?;
    let roles = [("roles", said)];
    ledger::note(&state, &caller.actor, "person_changed", ledger::person(&id), roles).await?;
    find(&state, &id).await.map(Json)
}

/// Remove somebody, with their sessions. What they did stays in the ledger, and who it was is
/// forgotten there.
#[utoipa::path(
    delete, path = "/api/v1/people/{id}", tag = "people",
    params(("id" = String, Path, description = "The person's id")),
    responses(
        (status = 204, description = "They are gone"),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "`last_owner`"),
    )
)]
pub(crate) async fn remove(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let id = person_id(&id)?;
    let entry = ledger::entry(&caller.actor, "person_removed", ledger::person(&id));
    done(state.store.remove_person(&id, entry).await?, &id)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make an invitation; the one before is good no more.
#[utoipa::path(
    post, path = "/api/v1/people/{id}/invite", tag = "people",
    params(("id" = String, Path, description = "The person's id")),
    responses(
        (status = 200, body = Invitation),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
    )
)]
pub(crate) async fn invite(
    State(state): State<ApiState>,
    caller: Caller,
    headers: HeaderMap,
    OriginalUri(uri): OriginalUri,
    Path(id): Path<String>,
) -> Result<Json<Invitation>, ApiError> {
    let id = find(&state, &person_id(&id)?).await?.id;
    make_invitation(&state, &caller, &id, &origin(&headers, &uri)).await.map(Json)
}

/// Take away password, second factor and sessions, and invite anew: for somebody who lost them, or
/// whose they are no longer alone.
#[utoipa::path(
    post, path = "/api/v1/people/{id}/reset", tag = "people",
    params(("id" = String, Path, description = "The person's id")),
    responses(
        (status = 200, body = Invitation),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
    )
)]
pub(crate) async fn reset(
    State(state): State<ApiState>,
    caller: Caller,
    headers: HeaderMap,
    OriginalUri(uri): OriginalUri,
    Path(id): Path<String>,
) -> Result<Json<Invitation>, ApiError> {
    let id = person_id(&id)?;
    if !state.store.reset_credentials(&id).await? {
        return Err(missing(&id));
    }
    ledger::note(&state, &caller.actor, "credentials_reset", ledger::person(&id), []).await?;
    make_invitation(&state, &caller, &id, &origin(&headers, &uri)).await.map(Json)
}

async fn make_invitation(
    state: &ApiState,
    caller: &Caller,
    id: &PersonId,
    origin: &str,
) -> Result<Invitation, ApiError> {
    let secret = access::new_secret();
    let expires_ms = now_ms() + INVITATION_MS;
    let hash = access::hash(&secret);
    state.store.add_link(hash, id, LinkPurpose::Invitation, expires_ms).await?;
    ledger::note(state, &caller.actor, "person_invited", ledger::person(id), []).await?;
    Ok(Invitation { url: format!("{origin}/invitation#{secret}"), expires_ms })
}

async fn find(state: &ApiState, id: &PersonId) -> Result<Person, ApiError> {
    state.store.person(id).await?.map(Person::from).ok_or_else(|| missing(id))
}

fn missing(id: &PersonId) -> ApiError {
    ApiError::NotFound { what: "person", name: id.to_string() }
}

/// A text that nobody can have as an id names nobody.
pub(crate) fn person_id(text: &str) -> Result<PersonId, ApiError> {
    text.parse().map_err(|_| ApiError::NotFound { what: "person", name: text.to_owned() })
}

/// Whether all roles are at shops that there are, or were had before.
fn are_somewhere(
    state: &ApiState,
    caller: &Caller,
    grants: &[Grant],
    before: &[Grant],
) -> Result<(), ApiError> {
    let new = grants.iter().filter(|grant| !before.contains(grant));
    new.filter_map(|grant| grant.shop.as_ref())
        .try_for_each(|shop| names::shop(state, caller, shop))
}

fn done(outcome: PeopleOutcome, id: &PersonId) -> Result<(), ApiError> {
    let conflict = |code, message: &str| ApiError::Conflict { code, message: message.to_owned() };
    match outcome {
        PeopleOutcome::Done => Ok(()),
        PeopleOutcome::Missing => Err(missing(id)),
        PeopleOutcome::Taken => {
            Err(conflict("taken", "somebody has this id or this e-mail address"))
        }
        PeopleOutcome::LastOwner => {
            Err(conflict("last_owner", "nobody would be left who is owner of everything"))
        }
    }
}

/// `owner, client@lamps`, for the ledger.
fn roles(grants: &[Grant]) -> Value {
    let all: Vec<String> = grants.iter().map(ToString::to_string).collect();
    if all.is_empty() { "none".into() } else { all.join(", ").into() }
}

fn good_name(name: &str) -> Result<String, ApiError> {
    let name = name.trim();
    let is_good = !name.is_empty()
        && name.chars().count() <= LONGEST_NAME
        && !name.chars().any(char::is_control);
    if is_good {
        return Ok(name.to_owned());
    }
    let message = format!("a name has 1 to {LONGEST_NAME} characters");
    Err(ApiError::Refused { code: "name", message })
}

/// Whether mail arrives there, only mail tells; here only what cannot be an address is refused.
fn good_email(email: &str) -> Result<String, ApiError> {
    let email = email.trim().to_lowercase();
    let parts = email.split_once('@');
    let is_good = parts.is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
        && email.len() <= LONGEST_EMAIL
        && !email.chars().any(|c| c.is_whitespace() || c.is_control());
    if is_good {
        return Ok(email);
    }
    let message = "this is no e-mail address".to_owned();
    Err(ApiError::Refused { code: "email", message })
}

/// Tells `null` from a field that is not there.
fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}

impl From<PersonRecord> for Person {
    fn from(record: PersonRecord) -> Self {
        let PersonRecord { id, name, email, grants, has_password, has_second_factor, .. } = record;
        Self {
            id,
            name,
            email,
            grants: grants.iter().map(GrantBody::from).collect(),
            has_password,
            has_second_factor,
            recovery_codes: record.recovery_codes,
            created_ms: record.created_ms,
            seen_ms: record.seen_ms,
        }
    }
}
