//! Runs of a machine that is gone: another one, which goes on from a copy of its records, ends them
//! where they were. What they did until then was done there.

use crate::EngineError;
use kernel::{
    Actor,
    plan::{Cause, CauseCode, Run, RunState, StepState},
};
use store::{RunWrite, Store};

const MESSAGE: &str = "the machine was recovered from a backup that was taken in the midst of this";

/// Ends every run that is not over, and gives their number. Said once more, there is none left.
///
/// # Errors
/// When the store cannot be written to, or an engine works with it.
pub async fn leave_runs_behind(store: &Store, now_ms: i64) -> Result<usize, EngineError> {
    let (_, runs) = store.take_runs_over().await?;
    let count = runs.len();
    for mut run in runs {
        let touched = end(&mut run, now_ms);
        match store.change_run(&run, &touched, Vec::new()).await? {
            RunWrite::Written => {}
            RunWrite::Conflict | RunWrite::Fenced => return Err(EngineError::Fenced),
        }
    }
    Ok(count)
}

/// The positions of the steps that changed by it.
fn end(run: &mut Run, now_ms: i64) -> Vec<usize> {
    let is_back = run.state == RunState::Undoing;
    let mut touched = Vec::new();
    for (position, step) in run.steps.iter_mut().enumerate() {
        step.state = match step.state {
            StepState::Planned => StepState::Skipped,
            StepState::Intended | StepState::Undoing => StepState::Unknown,
            _ => continue,
        };
        touched.push(position);
    }
    let by = Some(Actor::Storewarden);
    let message = Some(MESSAGE.to_owned());
    run.cause = Some(Cause { message, by, ..Cause::bare(CauseCode::Cancelled) });
    run.state = if is_back { RunState::UndoFailed } else { RunState::Cancelled };
    // Times of one run never go back, whatever this machine's clock says.
    run.changed_at_ms = run.changed_at_ms.max(now_ms);
    run.ended_at_ms = Some(run.changed_at_ms);
    run.revision += 1;
    touched
}
