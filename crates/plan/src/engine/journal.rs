//! Writing down what becomes of runs: the record, the ledger's entries with it, the events after it.

use super::{CONFLICTS, Inner};
use crate::{
    EngineError,
    machine::{self, Change, Illegal},
};
use kernel::{
    Actor, LedgerEntry, Params,
    plan::{Override, Run, RunEvent, RunHappening, RunId, RunState, StepState},
};
use std::time::Duration;
use store::{RunWrite, StoreError};

/// How often a write is tried again that the disk did not take.
const TRY_AGAIN_EVERY: Duration = Duration::from_secs(1);

/// Why a task leaves a run before it comes to rest.
#[derive(Debug)]
pub(super) enum Leave {
    /// The engine closes.
    Closing,
    /// Another engine has the runs.
    Fenced,
    /// The record cannot be read, or changes all the time.
    Store(StoreError),
}

impl Inner {
    /// Keeps a new run.
    pub(super) async fn keep(&self, mut run: Run) -> Result<Run, EngineError> {
        // What the title is filled in from is short, and names things, not people.
        let mut params = run.plan.params.clone();
        params.insert("plan".to_owned(), run.plan.kind.as_str().into());
        params.insert("steps".to_owned(), to_value(run.steps.len()));
        let entry = LedgerEntry {
            at_ms: run.created_at_ms,
            actor: run.actor.clone(),
            shop: run.plan.shop.clone(),
            kind: "run_started".to_owned(),
            subject: None,
            params,
        };
        let hurried = run.hurried.as_ref().map(|hurried| LedgerEntry {
            kind: "run_hurried".to_owned(),
            params: why(hurried),
            ..entry.clone()
        });
        let tell = move |id| {
            let entries = std::iter::once(entry).chain(hurried);
            entries.map(|entry| LedgerEntry { subject: Some(subject(id)), ..entry }).collect()
        };
        run.id = self.store.create_run(&run, tell).await?.ok_or(EngineError::Fenced)?;
        Ok(run)
    }

    /// Tries a change once. On `Written`, `run` is what is on disk; else it is of no use any more.
    pub(super) async fn try_change(
        &self,
        run: &mut Run,
        change: &Change,
        by: &Actor,
    ) -> Result<Result<RunWrite, Illegal>, EngineError> {
        let state = run.state;
        let now_ms = self.now();
        let touched = match machine::apply(run, change.clone(), now_ms) {
            Ok(touched) => touched,
            Err(illegal) => return Ok(Err(illegal)),
        };
        run.epoch = self.epoch;
        let entries = entries(run, change, by, state);
        let write = self.store.change_run(run, &touched, entries).await?;
        if write == RunWrite::Written {
            for step in touched {
                let record = &run.steps[step];
                let (state, message) = (record.state, record.message.clone());
                self.tell(run.id, RunHappening::Step { step, state, message });
            }
            if run.state != state || matches!(change, Change::Cancel { .. }) {
                let (state, cause) = (run.state, run.cause.clone());
                self.tell(run.id, RunHappening::State { state, cause });
            }
        }
        Ok(Ok(write))
    }

    /// Makes a change that was decided by what is, whatever stands in its way on disk. When a person
    /// was faster, `run` is what they left, and the change is made only if it still may follow.
    pub(super) async fn change(&self, run: &mut Run, change: Change) -> Result<(), Leave> {
        let by = run.actor.clone();
        let mut conflicts = 0;
        while conflicts < CONFLICTS {
            match self.try_change(run, &change, &by).await {
                Ok(Ok(RunWrite::Written)) => return Ok(()),
                Ok(Ok(RunWrite::Fenced)) => return Err(Leave::Fenced),
                Ok(Ok(RunWrite::Conflict)) => {
                    conflicts += 1;
                    self.read_again(run).await?;
                }
                // A person took the run elsewhere; what comes next follows from the record.
                Ok(Err(_)) => return Ok(()),
                Err(error) => {
                    tracing::warn!(run = %run.id, %error, "a run's record could not be written");
                    self.wait_for_disk().await?;
                    self.read_again(run).await?;
                }
            }
        }
        Err(Leave::Store(StoreError::Malformed(format!("run {} changes too often", run.id))))
    }

    /// Reads the record again, until it can be read.
    pub(super) async fn read_again(&self, run: &mut Run) -> Result<(), Leave> {
        loop {
            match self.store.run(run.id).await {
                Ok(Some(record)) => {
                    *run = record;
                    return Ok(());
                }
                Ok(None) => {
                    let gone = StoreError::Malformed(format!("run {}, which is gone", run.id));
                    return Err(Leave::Store(gone));
                }
                Err(error @ (StoreError::Malformed(_) | StoreError::Closed)) => {
                    return Err(Leave::Store(error));
                }
                Err(error) => {
                    tracing::warn!(run = %run.id, %error, "a run's record could not be read");
                    self.wait_for_disk().await?;
                }
            }
        }
    }

    /// A moment, unless the engine closes.
    pub(super) async fn wait_for_disk(&self) -> Result<(), Leave> {
        let mut closing = self.closing.subscribe();
        tokio::select! {
            () = tokio::time::sleep(TRY_AGAIN_EVERY) => Ok(()),
            _ = closing.wait_for(|closing| *closing) => Err(Leave::Closing),
        }
    }

    /// Tells whoever watches.
    pub(super) fn tell(&self, run: RunId, what: RunHappening) {
        let event = RunEvent { run, at_ms: self.now(), what };
        // Nobody watching is fine: the record is on disk.
        let _ = self.events.send(event);
    }
}

/// What the ledger is told of a change: the deed, and the end of the run when it is one.
fn entries(run: &Run, change: &Change, by: &Actor, before: RunState) -> Vec<LedgerEntry> {
    let entry = |kind: &str, params| LedgerEntry {
        at_ms: run.changed_at_ms,
        actor: by.clone(),
        shop: run.plan.shop.clone(),
        kind: kind.to_owned(),
        subject: Some(subject(run.id)),
        params,
    };
    let mut entries = Vec::new();
    if let Some((kind, params)) = deed(run, change) {
        entries.push(entry(kind, params));
    }
    if run.state.is_over() && !before.is_over() {
        let mut params = Params::from([("state".to_owned(), run.state.code().into())]);
        let done = run.steps.iter().filter(|step| step.state == StepState::Done).count();
        params.insert("done".to_owned(), to_value(done));
        entries.push(entry("run_ended", params));
    }
    entries
}

/// The ledger's word for a change, and what it was about. Intents are no deeds.
fn deed(run: &Run, change: &Change) -> Option<(&'static str, Params)> {
    let act = |step: usize, undo: bool| {
        let of = &run.plan.steps[step];
        let act = if undo { of.undo.act().unwrap_or(&of.act) } else { &of.act };
        let mut params = act.params();
        params.insert("step".to_owned(), to_value(step));
        params.insert("act".to_owned(), act.code().into());
        params
    };
    Some(match change {
        Change::Approve { .. } => ("run_approved", Params::new()),
        Change::Hurry(hurried) => ("run_hurried", why(hurried)),
        Change::Begin => ("run_began", Params::new()),
        Change::Refuse(_) => ("run_refused", Params::new()),
        Change::Cancel { .. } => ("run_cancelled", Params::new()),
        Change::Finish { step, .. } => ("step_done", act(*step, false)),
        Change::Fail { step, .. } => ("step_failed", act(*step, false)),
        Change::LoseSight { step, .. } => {
            let undo = run.steps[*step].undo_intent.is_some();
            ("step_unknown", act(*step, undo))
        }
        Change::AskUndo { .. } => ("run_undo_asked", Params::new()),
        Change::FinishUndo { step, .. } => ("step_undone", act(*step, true)),
        Change::FailUndo { step, .. } => ("step_undo_failed", act(*step, true)),
        Change::Forgo { step, why } => {
            let mut params = why.params.clone();
            params.insert("step".to_owned(), to_value(*step));
            ("run_undo_gone", params)
        }
        Change::Retry { .. } => ("run_retried", Params::new()),
        Change::Declare { done, .. } => {
            let word = if *done { "done" } else { "not_done" };
            ("step_declared", Params::from([("as".to_owned(), word.into())]))
        }
        Change::GiveUp { .. } => ("run_given_up", Params::new()),
        Change::Resume { .. }
        | Change::Intend { .. }
        | Change::IntendUndo { .. }
        | Change::TurnBack
        | Change::EndUndo => {
            return None;
        }
    })
}

fn why(hurried: &Override) -> Params {
    Params::from([("reason".to_owned(), hurried.reason.as_str().into())])
}

fn subject(run: RunId) -> String {
    format!("run:{run}")
}

fn to_value(number: usize) -> kernel::Value {
    u64::try_from(number).unwrap_or(u64::MAX).into()
}
