//! What the API writes into the ledger.

use crate::{ApiError, ApiState, guard::now_ms};
use kernel::{Actor, LedgerEntry, Params, PersonId, Personal, ShopId, Value};

/// Notes what was done, after it was done.
///
/// # Errors
/// When it cannot be written; whoever asked is told so.
pub(crate) async fn note<const N: usize>(
    state: &ApiState,
    actor: &Actor,
    kind: &str,
    subject: Option<String>,
    params: [(&str, Value); N],
) -> Result<(), ApiError> {
    append(state, actor, kind, (None, subject), params).await
}

/// The same of something that happens to a shop.
pub(crate) async fn note_of_shop<const N: usize>(
    state: &ApiState,
    actor: &Actor,
    kind: &str,
    shop: &ShopId,
    params: [(&str, Value); N],
) -> Result<(), ApiError> {
    append(state, actor, kind, (Some(shop.clone()), None), params).await
}

async fn append<const N: usize>(
    state: &ApiState,
    actor: &Actor,
    kind: &str,
    (shop, subject): (Option<ShopId>, Option<String>),
    params: [(&str, Value); N],
) -> Result<(), ApiError> {
    let params: Params = params.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let (actor, kind) = (actor.clone(), kind.to_owned());
    let entry = LedgerEntry { at_ms: now_ms(), actor, shop, kind, subject, params };
    state.store.append_to_ledger(entry).await?;
    Ok(())
}

/// An entry for whoever writes it with what it is about.
pub(crate) fn entry(actor: &Actor, kind: &str, subject: Option<String>) -> LedgerEntry {
    let (actor, kind) = (actor.clone(), kind.to_owned());
    LedgerEntry { at_ms: now_ms(), actor, shop: None, kind, subject, params: Params::new() }
}

/// A person as a subject.
pub(crate) fn person(id: &PersonId) -> Option<String> {
    Some(Personal::Person(id.to_string()).to_string())
}
