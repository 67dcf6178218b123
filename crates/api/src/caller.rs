//! Who sent a request, as far as it proved, and what that allows.

use crate::{ApiError, ApiState, access, guard::now_ms};
use axum::{extract::FromRequestParts, http::request::Parts};
use kernel::{Actor, Permission, PersonId, Place, Rights, Role, ShopId};
use store::{SessionRecord, SignedIn, TokenHash, TokenRecord};

const MINUTE_MS: i64 = 60_000;
/// A session that nobody used for this long is over. An open page uses it.
const IDLE_MS: i64 = 2 * 60 * MINUTE_MS;

/// Whoever asks. Handlers take it as an argument; the guard has put it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// For runs and the ledger.
    pub(crate) actor: Actor,
    pub(crate) rights: Rights,
    pub(crate) proof: Proof,
}

/// How a caller proved who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Proof {
    /// They read the state directory.
    StateDirectory,
    Token(TokenHash),
    Session(Box<Session>),
}

/// A browser's session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) hash: TokenHash,
    pub(crate) record: SessionRecord,
    pub(crate) has_second_factor: bool,
    /// A second factor must be set up before anything else.
    pub(crate) lacks_second_factor: bool,
}

impl Caller {
    /// Whoever may read the state directory.
    pub(crate) fn machine() -> Self {
        Self { actor: Actor::CommandLine, rights: Rights::Everything, proof: Proof::StateDirectory }
    }

    /// Whether this is allowed at a shop, for handlers whose route names none.
    ///
    /// # Errors
    /// [`ApiError::Forbidden`]; [`ApiError::NotFound`] for a shop that the caller may not even see.
    pub(crate) fn may(&self, permission: Permission, shop: &ShopId) -> Result<(), ApiError> {
        if self.rights.may(permission, Place::Shop(shop)) {
            return Ok(());
        }
        if self.sees(shop) {
            return Err(ApiError::Forbidden(permission));
        }
        Err(ApiError::NotFound { what: "shop", name: shop.to_string() })
    }

    /// Whether this is allowed for all shops at once.
    ///
    /// # Errors
    /// [`ApiError::Forbidden`].
    pub(crate) fn may_everywhere(&self, permission: Permission) -> Result<(), ApiError> {
        let allowed = self.rights.may(permission, Place::Machine);
        if allowed { Ok(()) } else { Err(ApiError::Forbidden(permission)) }
    }

    /// Whether the caller may know of a shop at all.
    pub(crate) fn sees(&self, shop: &ShopId) -> bool {
        self.rights.may(Permission::See, Place::Shop(shop))
    }

    pub(crate) fn session(&self) -> Option<&Session> {
        match &self.proof {
            Proof::Session(session) => Some(session),
            Proof::StateDirectory | Proof::Token(_) => None,
        }
    }

    /// The session of a person.
    ///
    /// # Errors
    /// [`ApiError::NobodySignedIn`] for programs.
    pub(crate) fn oneself(&self) -> Result<&Session, ApiError> {
        self.session().ok_or(ApiError::NobodySignedIn)
    }
}

impl Session {
    pub(crate) fn person(&self) -> &PersonId {
        &self.record.person
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        // Only routes behind the guard have one; elsewhere nobody is known.
        parts.extensions.get().cloned().ok_or(ApiError::Unauthenticated)
    }
}

/// When a session must have been used last to go on.
pub(crate) fn idle_since_ms(now_ms: i64) -> i64 {
    now_ms - IDLE_MS
}

/// Who showed this text as a bearer token.
pub(crate) async fn of_bearer(state: &ApiState, secret: &str) -> Result<Option<Caller>, ApiError> {
    if state.token.is(secret) {
        return Ok(Some(Caller::machine()));
    }
    of_token(state, access::hash(secret)).await
}

/// Whose session this is.
pub(crate) async fn of_session(
    state: &ApiState,
    hash: TokenHash,
) -> Result<Option<Caller>, ApiError> {
    let now_ms = now_ms();
    let Some(found) = state.store.signed_in(hash, idle_since_ms(now_ms), now_ms).await? else {
        return Ok(None);
    };
    if now_ms - found.session.seen_ms >= MINUTE_MS {
        // On a full disk people still see how their shops are.
        if let Err(error) = state.store.touch_session(hash, now_ms).await {
            tracing::warn!(%error, "it was not noted that a session is in use");
        }
    }
    Ok(Some(person(state, hash, found)))
}

/// The same caller as they are now; `None` when they are not let in any more.
///
/// # Errors
/// When the records cannot be read.
pub(crate) async fn again(state: &ApiState, caller: &Caller) -> Result<Option<Caller>, ApiError> {
    match &caller.proof {
        Proof::StateDirectory => Ok(Some(caller.clone())),
        Proof::Token(hash) => of_token(state, *hash).await,
        Proof::Session(session) => of_session(state, session.hash).await,
    }
}

async fn of_token(state: &ApiState, hash: TokenHash) -> Result<Option<Caller>, ApiError> {
    let now_ms = now_ms();
    let Some(TokenRecord { name, scope, used_ms, .. }) = state.store.token(hash, now_ms).await?
    else {
        return Ok(None);
    };
    if used_ms.is_none_or(|used_ms| now_ms - used_ms >= MINUTE_MS)
        && let Err(error) = state.store.touch_token(&name, now_ms).await
    {
        tracing::warn!(%error, "it was not noted that a token is in use");
    }
    Ok(Some(Caller {
        actor: Actor::Token(name.to_string()),
        rights: Rights::Scoped(scope),
        proof: Proof::Token(hash),
    }))
}

fn person(state: &ApiState, hash: TokenHash, found: SignedIn) -> Caller {
    let SignedIn { session: record, grants, has_second_factor } = found;
    let is_powerful = grants.iter().any(|grant| matches!(grant.role, Role::Owner | Role::Operator));
    let lacks_second_factor =
        state.entrance.demands_second_factor() && is_powerful && !has_second_factor;
    let actor = Actor::Person(record.person.to_string());
    let session = Session { hash, record, has_second_factor, lacks_second_factor };
    Caller { actor, rights: Rights::Granted(grants), proof: Proof::Session(Box::new(session)) }
}
