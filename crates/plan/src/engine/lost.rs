//! Steps that nobody could tell of are looked for again: a database that did not answer answers in a while.
//!
//! A look changes nothing. Only when it tells something the run goes on, as if a person had sent it on; and whoever is
//! faster decides.

use super::{Engine, Inner, deed};
use crate::{
    EngineError,
    machine::{self, Change},
};
use kernel::{
    Actor,
    plan::{Probe, Run, RunId},
};
use std::{collections::HashMap, sync::Arc};
use tokio::{
    task::JoinSet,
    time::{Duration, Instant},
};

/// The pauses are doubled up to so many times the first.
const MOST: u32 = 20;
/// After so many first pauses, only a person has a run looked at again: by default after two hours.
const GIVES_UP: u32 = 480;
/// What a look again does not change: a step in which the program itself ends, and one that nobody here performs.
const FOR_PERSONS: [&str; 2] = ["ended_in_it", "nobody_performs"];

/// When which run is looked at again.
#[derive(Default)]
pub(super) struct Looks(HashMap<RunId, Next>);

struct Next {
    at: Instant,
    pause: Duration,
    until: Instant,
}

impl Looks {
    /// Begins the looks that are due among the runs that are stuck now, and says when it is to be asked again.
    pub(super) fn begin(
        &mut self,
        inner: &Arc<Inner>,
        stuck: Vec<Run>,
        tasks: &mut JoinSet<()>,
    ) -> Option<Duration> {
        let (now, first) = (Instant::now(), inner.look_again);
        self.0.retain(|id, _| stuck.iter().any(|run| run.id == *id));
        for run in stuck {
            let until = now + first * GIVES_UP;
            let next =
                self.0.entry(run.id).or_insert(Next { at: now + first, pause: first, until });
            if next.at > now || now > next.until {
                continue;
            }
            next.pause = (next.pause * 2).min(first * MOST);
            next.at = now + next.pause;
            tasks.spawn(look(Arc::clone(inner), run));
        }
        let due = self.0.values().filter(|next| next.until > now).map(|next| next.at).min();
        due.map(|at| at.saturating_duration_since(now))
    }
}

async fn look(inner: Arc<Inner>, run: Run) {
    let Some((step, undo)) = machine::lost_step(&run) else { return };
    let record = &run.steps[step];
    let reason = record.reason.as_ref().map(|reason| reason.code.as_str());
    let planned = &run.plan.steps[step];
    let act = if undo { planned.undo.act() } else { Some(&planned.act) };
    let intent = if undo { &record.undo_intent } else { &record.intent };
    let (Some(act), Some(intent)) = (act, intent) else { return };
    if reason.is_some_and(|code| FOR_PERSONS.contains(&code)) {
        return;
    }
    let Ok(performer) = inner.performer(act.area()) else { return };
    let mut closing = inner.closing.subscribe();
    let seen = tokio::select! {
        seen = deed::probe(performer, act, intent) => seen,
        // A look changes nothing: nobody waits for it.
        _ = closing.wait_for(|closing| *closing) => return,
    };
    if matches!(seen, Probe::Unknown { .. }) {
        return;
    }
    let (id, by) = (run.id, Actor::Storewarden);
    let engine = Engine { inner };
    match engine.decide(id, "retry", Change::Retry { by: by.clone() }, by).await {
        Ok(_) => {
            tracing::info!(run = %id, step, "what became of a step can be told again");
        }
        // A person was faster.
        Err(EngineError::NotNow { .. }) => {}
        Err(error) => {
            tracing::warn!(run = %id, %error, "a stuck run can be told of, and does not go on");
        }
    }
}
