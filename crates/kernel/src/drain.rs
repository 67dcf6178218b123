//! That an instance gets no new requests: since when, and who wished for it.

use crate::{Actor, InstanceName, ShopId, plan::RunId};
use std::collections::HashMap;

/// All that are taken out.
pub type Drains = HashMap<(ShopId, InstanceName), Drain>;

/// An instance that is taken out until somebody gives it requests again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drain {
    /// Unix milliseconds; `None`: not known, as of an older program.
    pub since_ms: Option<i64>,
    /// Who did it by hand; `None`: a run did, or it is not known.
    pub by: Option<Actor>,
    /// The run that will give it requests again.
    pub run: Option<RunId>,
}

impl Drain {
    /// Somebody takes it out.
    #[must_use]
    pub fn by(actor: Actor, now_ms: i64) -> Self {
        Self { since_ms: Some(now_ms), by: Some(actor), run: None }
    }

    /// A run takes it out, for as long as it needs.
    #[must_use]
    pub fn of_run(run: RunId, now_ms: i64) -> Self {
        Self { since_ms: Some(now_ms), by: None, run: Some(run) }
    }
}
