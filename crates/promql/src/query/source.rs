//! What a query reads from.

use series::{Matcher, Resolution, Series};
use std::{cell::Cell, fmt};

/// The store, as far as whoever asks may see it and as long as anybody waits for the answer.
pub struct Source<'a> {
    pub(super) store: &'a Series,
    pub(super) scope: &'a [Matcher],
    stop: Option<&'a dyn Fn() -> bool>,
    coarsest: Cell<Resolution>,
}

impl<'a> Source<'a> {
    /// All of the store.
    #[must_use]
    pub fn of(store: &'a Series) -> Self {
        Self { store, scope: &[], stop: None, coarsest: Cell::new(Resolution::Raw) }
    }

    /// Only series that meet these conditions as well as those of each selector.
    #[must_use]
    pub fn within(self, scope: &'a [Matcher]) -> Self {
        Self { scope, ..self }
    }

    /// Ends an evaluation with [`super::EvalError::Stopped`] once this says so. It is asked after each series.
    #[must_use]
    pub fn until(self, stop: &'a dyn Fn() -> bool) -> Self {
        Self { stop: Some(stop), ..self }
    }

    /// The coarsest resolution that anything was read in so far: where samples as they came are not kept any more, an answer is made of
    /// means, extremes and last values of a minute or of ten.
    #[must_use]
    pub fn coarsest(&self) -> Resolution {
        self.coarsest.get()
    }

    pub(super) fn note(&self, resolution: Resolution) {
        self.coarsest.set(self.coarsest.get().max(resolution));
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.is_some_and(|stop| stop())
    }
}

impl fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("scope", &self.scope).finish_non_exhaustive()
    }
}
