//! Who sent a request, as far as it proved, and what that allows.

use crate::ApiError;
use axum::{extract::FromRequestParts, http::request::Parts};
use kernel::{Actor, Permission, Place, Rights, ShopId};
use store::TokenHash;

/// Whoever asks. Handlers take it as an argument; the guard has put it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// For runs and the ledger.
    pub(crate) actor: Actor,
    pub(crate) rights: Rights,
    /// Of a browser, its secret's hash; `None` for a program.
    pub(crate) session: Option<TokenHash>,
}

impl Caller {
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
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        // Only routes behind the guard have one; elsewhere nobody is known.
        parts.extensions.get().cloned().ok_or(ApiError::Unauthenticated)
    }
}
