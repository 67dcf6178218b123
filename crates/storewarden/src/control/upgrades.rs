//! Has people told of an upgrade of ours that took itself back: until a later one succeeds, or somebody
//! has taken it on.

use crate::upgrade::Rejection;
use ::watch::{Watch, desk::Desk, judgement::UpgradeEvidence};
use std::{io, path::Path, path::PathBuf, time::Duration};

/// The finding that is made of it.
const FINDING: &str = "upgrade_taken_back";
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Looks until it is ended.
pub(super) async fn follow(state: PathBuf, watch: Watch, desk: Desk) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    let mut is_readable = true;
    loop {
        looks.tick().await;
        match look(&state, &desk).await {
            Ok(found) => {
                is_readable = true;
                watch.with(|live| live.upgrade_taken_back(found));
            }
            Err(error) => {
                if std::mem::replace(&mut is_readable, false) {
                    tracing::error!(%error, "what became of the last upgrade cannot be read");
                }
            }
        }
    }
}

async fn look(state: &Path, desk: &Desk) -> io::Result<Option<UpgradeEvidence>> {
    let Some(found) = Rejection::read(state)? else { return Ok(None) };
    if desk.is_taken_on(FINDING, found.at_ms).await {
        Rejection::forget(state)?;
        return Ok(None);
    }
    let Rejection { at_ms, version, runs, why } = found;
    Ok(Some(UpgradeEvidence { at_ms, version, runs, error: why }))
}
