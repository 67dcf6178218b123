//! What a run that is over put aside, and another one is to remove: from then on the first cannot be taken
//! back, and its record says so before anything goes. Of somebody who takes it back at that moment and
//! this, one comes first and the other is refused.

use super::{CONFLICTS, Inner, journal::Leave};
use crate::machine::{self, Change};
use kernel::{
    Actor,
    plan::{Failed, Reason, RunId},
};
use store::{RunWrite, StoreError};

impl Inner {
    /// Has a run say that what it put aside under this name goes by another run. `Ok(Some(_))`: it must not,
    /// and why.
    pub(super) async fn forgo(
        &self,
        (id, name): (RunId, &str),
        (by, actor): (RunId, &Actor),
    ) -> Result<Option<Failed>, Leave> {
        let mut conflicts = 0;
        while conflicts < CONFLICTS {
            let mut run = match self.store.run(id).await {
                Ok(Some(run)) => run,
                // Nobody can take it back.
                Ok(None) => return Ok(None),
                Err(error @ (StoreError::Malformed(_) | StoreError::Closed)) => {
                    return Err(Leave::Store(error));
                }
                Err(error) => {
                    tracing::warn!(run = %id, %error, "a run's record could not be read");
                    self.wait_for_disk().await?;
                    continue;
                }
            };
            let Some(step) = machine::lean_on_aside(&run, name).first().copied() else {
                return Ok(None);
            };
            let texts =
                [("run", id.to_string()), ("by", by.to_string()), ("name", name.to_owned())];
            let why = Reason::new("undo_gone", texts.map(|(name, text)| (name, text.into())));
            match self.try_change(&mut run, &Change::Forgo { step, why }, actor).await {
                // There may be another step of it.
                Ok(Ok(RunWrite::Written)) => {}
                Ok(Ok(RunWrite::Conflict)) => conflicts += 1,
                Ok(Ok(RunWrite::Fenced)) => return Err(Leave::Fenced),
                Ok(Err(illegal)) => {
                    let said =
                        [("run", id.to_string().into()), ("state", illegal.state.code().into())];
                    let failed =
                        Failed::new(format!("run {id} that put it aside is {}", illegal.state));
                    return Ok(Some(failed.because("aside_in_use", said)));
                }
                Err(error) => {
                    tracing::warn!(run = %id, %error, "a run's record could not be written");
                    self.wait_for_disk().await?;
                }
            }
        }
        Err(Leave::Store(StoreError::Malformed(format!("run {id} changes too often"))))
    }
}
