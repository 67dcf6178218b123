//! What the API writes into the ledger.

use crate::{ApiError, ApiState, guard::now_ms};
use kernel::{Actor, LedgerEntry, Params, PersonId, Personal, Value};

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
    let params: Params = params.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let entry = LedgerEntry {
        at_ms: now_ms(),
        actor: actor.clone(),
        shop: None,
        kind: kind.to_owned(),
        subject,
        params,
    };
    state.store.append_to_ledger(entry).await?;
    Ok(())
}

/// A person as a subject.
pub(crate) fn person(id: &PersonId) -> Option<String> {
    Some(Personal::Person(id.to_string()).to_string())
}
