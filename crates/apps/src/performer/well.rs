//! Waiting for an instance to be well: as the edge judges, once it can have noticed the life that
//! runs now. A judgement from before a restart says nothing of what came after.

use super::{Instances, Target};
use crate::{Fleet, InstanceState, fleet::settle_ms};
use kernel::{
    Params,
    facts::Health,
    plan::{Failed, Pending, Progress},
};
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// How often the instance's own state is looked at meanwhile.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What speaks against an instance being well.
pub(super) struct NotWell {
    pub(super) why: String,
    /// It has ended, and nobody brings it back.
    for_good: bool,
}

impl NotWell {
    fn yet(why: &str) -> Self {
        Self { why: why.to_owned(), for_good: false }
    }

    fn as_of(state: &InstanceState) -> Self {
        let for_good =
            matches!(state, InstanceState::Failed { retries: false, .. } | InstanceState::Stopped);
        Self { why: told(state), for_good }
    }
}

impl<F: Fleet> Instances<F> {
    /// Waits until it is well. Fails at once when it has ended and nobody brings it back.
    pub(super) async fn await_well(
        &self,
        target: &Target,
        within: Duration,
        progress: Option<&dyn Progress>,
    ) -> Result<Params, Failed> {
        let ends = Instant::now() + within;
        let mut seen = self.fleet.seen(&target.shop.id, &target.instance.name);
        let mut said = String::new();
        loop {
            seen.mark_unchanged();
            let why = match self.well(target).await {
                Ok(evidence) => return Ok(evidence),
                Err(NotWell { why, for_good: true }) => return Err(Failed::new(why)),
                Err(NotWell { why, for_good: false }) => why,
            };
            if let Some(progress) = progress.filter(|_| why != said) {
                progress.line(&why);
            }
            said = why;
            let cancelled: Pending<'_, ()> = match progress {
                Some(progress) => progress.cancelled(),
                None => Box::pin(std::future::pending()),
            };
            tokio::select! {
                changed = seen.changed() => if changed.is_err() {
                    return Err(Failed::new("nobody watches the instance any more"));
                },
                () = sleep(LOOK_EVERY) => {}
                () = sleep_until(ends) => {
                    let seconds = within.as_secs();
                    return Err(Failed::new(format!("not well within {seconds} s: {said}")));
                }
                () = cancelled => return Err(Failed::new("somebody asked to stop")),
            }
        }
    }

    /// Whether it is well now: evidence, or what speaks against it.
    pub(super) async fn well(&self, target: &Target) -> Result<Params, NotWell> {
        let since_ms = match &target.driver {
            None => None,
            Some(driver) => match driver.state((self.now_ms)()).await {
                InstanceState::Running { since_ms, .. } => Some(since_ms),
                state => return Err(NotWell::as_of(&state)),
            },
        };
        let seen = *self.fleet.seen(&target.shop.id, &target.instance.name).borrow();
        let seen = seen.ok_or_else(|| NotWell::yet("the edge does not report of it"))?;
        if !seen.is_well() {
            return Err(NotWell::yet(match seen.health {
                Health::Unknown => "the edge has not checked it yet",
                _ => "its checks do not succeed",
            }));
        }
        if since_ms.is_some_and(|since_ms| !seen.is_of_life(since_ms, settle_ms(&target.shop))) {
            let why = "it was well before its start; its checks have yet to be seen";
            return Err(NotWell::yet(why));
        }
        let mut evidence = Params::from([("well_at_ms".to_owned(), seen.at_ms.into())]);
        if let Some(since_ms) = since_ms {
            evidence.insert("since_ms".to_owned(), since_ms.into());
        }
        Ok(evidence)
    }
}

/// A state in words, with the end of what a failed one said.
pub(super) fn told(state: &InstanceState) -> String {
    match state {
        InstanceState::Failed { exit, retries, last_lines, .. } => {
            let again = if *retries { "; it is started again" } else { "" };
            let said = last_lines.last().map_or(String::new(), |line| format!(": {line}"));
            format!("it {exit}{again}{said}")
        }
        InstanceState::Unknown { why } => format!("its state is unknown: {why}"),
        InstanceState::Stopped => "it is stopped".to_owned(),
        state => format!("it is {}", state.code()),
    }
}
