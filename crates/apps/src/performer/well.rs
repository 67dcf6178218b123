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
    pub(super) failed: Failed,
    /// It has ended, and nobody brings it back.
    for_good: bool,
}

impl NotWell {
    fn yet(why: &str, code: &str) -> Self {
        Self { failed: Failed::new(why).because(code, []), for_good: false }
    }

    fn as_of(state: &InstanceState) -> Self {
        let for_good =
            matches!(state, InstanceState::Failed { retries: false, .. } | InstanceState::Stopped);
        Self { failed: told(state), for_good }
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
        let mut said = Failed::new("");
        loop {
            seen.mark_unchanged();
            let why = match self.well(target).await {
                Ok(evidence) => return Ok(evidence),
                Err(NotWell { failed, for_good: true }) => return Err(failed),
                Err(NotWell { failed, for_good: false }) => failed,
            };
            if let Some(progress) = progress.filter(|_| why != said) {
                progress.line(&why.message);
            }
            said = why;
            let cancelled: Pending<'_, ()> = match progress {
                Some(progress) => progress.cancelled(),
                None => Box::pin(std::future::pending()),
            };
            tokio::select! {
                changed = seen.changed() => if changed.is_err() {
                    let message = "nobody watches the instance any more";
                    return Err(Failed::new(message).because("control_is_ending", []));
                },
                () = sleep(LOOK_EVERY) => {}
                () = sleep_until(ends) => {
                    return Err(not_within(within, said));
                }
                () = cancelled => {
                    return Err(Failed::new("somebody asked to stop").because("asked_to_stop", []));
                }
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
        let seen =
            seen.ok_or_else(|| NotWell::yet("the edge does not report of it", "edge_is_silent"))?;
        if !seen.is_well() {
            return Err(match seen.health {
                Health::Unknown => {
                    NotWell::yet("the edge has not checked it yet", "not_checked_yet")
                }
                _ => NotWell::yet("its checks do not succeed", "checks_fail"),
            });
        }
        if since_ms.is_some_and(|since_ms| !seen.is_of_life(since_ms, settle_ms(&target.shop))) {
            let why = "it was well before its start; its checks have yet to be seen";
            return Err(NotWell::yet(why, "checks_not_seen_yet"));
        }
        let mut evidence = Params::from([("well_at_ms".to_owned(), seen.at_ms.into())]);
        if let Some(since_ms) = since_ms {
            evidence.insert("since_ms".to_owned(), since_ms.into());
        }
        Ok(evidence)
    }
}

/// The time is over, and this is what spoke against it last.
fn not_within(within: Duration, last: Failed) -> Failed {
    let seconds = within.as_secs();
    let mut said = vec![("seconds", seconds.into()), ("last", last.message.as_str().into())];
    said.extend(last.reason.map(|reason| ("because", reason.code.into())));
    Failed::new(format!("not well within {seconds} s: {}", last.message))
        .because("not_well_within", said)
}

/// What speaks against a state, with the end of what a failed one said.
pub(super) fn told(state: &InstanceState) -> Failed {
    let message = words(state);
    let code = match state {
        InstanceState::Failed { retries: true, .. } => "instance_ends_again_and_again",
        InstanceState::Failed { .. } => "instance_ended",
        InstanceState::Unknown { .. } => "instance_state_unknown",
        InstanceState::Stopped => "instance_is_stopped",
        _ => "instance_in_state",
    };
    let said = match state {
        InstanceState::Unknown { why } => why.clone(),
        _ => message.clone(),
    };
    Failed::new(message).because(code, [("state", state.code().into()), ("said", said.into())])
}

fn words(state: &InstanceState) -> String {
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
