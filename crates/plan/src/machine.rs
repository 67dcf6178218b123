//! The life of a run as a machine: what comes next, and which change may follow which. Pure.
//!
//! It decides nothing of its own: performers look and act, persons decide, and each outcome is a
//! [`Change`]. Whatever is written to disk about a run went through [`apply`].

use kernel::{
    Actor, Params,
    plan::{
        Cause, CauseCode, Failed, Intent, OnFailure, Override, Reason, Run, RunState, StepRecord,
        StepState, Undo,
    },
};

/// Something that became of a run. Steps are counted from 0.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    Approve {
        by: Actor,
    },
    /// It need not wait for its window or a freeze.
    Hurry(Override),
    /// Its first step may begin.
    Begin,
    /// It cannot begin any more.
    Refuse(Cause),
    Cancel {
        by: Actor,
    },
    /// The step is about to be done.
    Intend {
        step: usize,
        intent: Intent,
    },
    Finish {
        step: usize,
        evidence: Params,
    },
    /// The step was not done; `touched`: but left something behind.
    Fail {
        step: usize,
        cause: Cause,
        touched: bool,
    },
    /// It was cancelled and stands between two steps.
    TurnBack,
    /// An engine that ended left the step, or its undoing, begun; this one goes on with it.
    Resume {
        step: usize,
    },
    /// Whether the step, or its undoing, was done cannot be told.
    LoseSight {
        step: usize,
        why: Failed,
    },
    /// A person wants what was done taken back.
    AskUndo {
        by: Actor,
    },
    IntendUndo {
        step: usize,
        intent: Intent,
    },
    FinishUndo {
        step: usize,
        evidence: Params,
    },
    FailUndo {
        step: usize,
        cause: Cause,
    },
    /// Nothing is left that can be taken back.
    EndUndo,
    /// What would take the step of a run that is over back goes for good.
    Forgo {
        step: usize,
        why: Reason,
    },
    /// Look again at what nobody could tell, or try again what could not be taken back.
    Retry {
        by: Actor,
    },
    /// A person looked: the step that nobody could tell of, or its undoing, was done or not.
    Declare {
        done: bool,
        by: Actor,
    },
    /// A person ends a stuck run without knowing more.
    GiveUp {
        by: Actor,
    },
}

/// What an engine is to do with a run as it stands on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing: it is at rest, or a person's turn.
    Rest,
    /// Begin it as soon as it may.
    Begin,
    /// Do this step, which nobody has begun.
    Do(usize),
    /// Look what became of this step, which was intended.
    Resolve(usize),
    /// Leave the remaining steps: it was cancelled.
    TurnBack,
    /// Take this step back.
    Undo(usize),
    /// Look what became of the undoing of this step.
    ResolveUndo(usize),
    /// Everything that can be taken back is.
    EndUndo,
}

/// A change that cannot follow the state a run is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Illegal {
    pub(crate) state: RunState,
}

/// The indices of the steps whose record changed.
pub(crate) type Touched = Vec<usize>;

/// What comes next.
pub(crate) fn next(run: &Run) -> Next {
    match run.state {
        RunState::Waiting => Next::Begin,
        RunState::Running => {
            let at = |state| run.steps.iter().position(|step| step.state == state);
            match (at(StepState::Intended), at(StepState::Planned)) {
                (Some(step), _) => Next::Resolve(step),
                (None, _) if run.cancelled_by.is_some() => Next::TurnBack,
                (None, Some(step)) => Next::Do(step),
                // Not by this machine: the last step that is done ends the run.
                (None, None) => Next::Rest,
            }
        }
        RunState::Undoing => {
            let begun = run.steps.iter().rposition(|step| step.state == StepState::Undoing);
            match (begun, last_to_undo(run)) {
                (Some(step), _) => Next::ResolveUndo(step),
                (None, Some(step)) => Next::Undo(step),
                (None, None) => Next::EndUndo,
            }
        }
        _ => Next::Rest,
    }
}

/// Changes a run, and says which steps changed with it. When the change is refused, nothing has.
pub(crate) fn apply(run: &mut Run, change: Change, at_ms: i64) -> Result<Touched, Illegal> {
    if !may_follow(run, &change) {
        return Err(Illegal { state: run.state });
    }
    let at_ms = at_ms.max(run.changed_at_ms);
    let before: Vec<StepState> = run.steps.iter().map(|step| step.state).collect();
    let changed = carry_out(run, change, at_ms);
    run.changed_at_ms = at_ms;
    run.revision += 1;
    run.ended_at_ms = if run.state.is_over() { run.ended_at_ms.or(Some(at_ms)) } else { None };
    let differs = |index: &usize| run.steps[*index].state != before[*index];
    let mut touched: Touched = (0..run.steps.len()).filter(differs).collect();
    if let Some(step) = changed
        && !touched.contains(&step)
    {
        touched.push(step);
    }
    Ok(touched)
}

/// Whether a person may have the run taken back.
pub(crate) fn may_be_undone(run: &Run) -> bool {
    may_follow(run, &Change::AskUndo { by: Actor::Storewarden })
}

/// Why a run cannot be taken back any more, which it could be once.
pub(crate) fn undo_gone(run: &Run) -> Option<&Reason> {
    run.steps.iter().filter(|step| is_left(step)).find_map(|step| step.undo_gone.as_ref())
}

/// The steps of a run that put something aside under this name, and could be taken back by it.
pub(crate) fn lean_on_aside(run: &Run, name: &str) -> Vec<usize> {
    let leans = |step: &usize| {
        let (planned, record) = (&run.plan.steps[*step], &run.steps[*step]);
        let is_undone_by = matches!(planned.undo, Undo::By(_)) && record.undo_gone.is_none();
        is_undone_by && is_left(record) && planned.act.puts_aside(name)
    };
    (0..run.steps.len()).filter(leans).collect()
}

fn may_follow(run: &Run, change: &Change) -> bool {
    use RunState::{
        AwaitingApproval, Cancelled, Done, Failed, Running, Stuck, UndoFailed, Undoing, Waiting,
    };
    let is = |step: &usize, state| run.steps.get(*step).is_some_and(|step| step.state == state);
    match change {
        Change::Approve { .. } => run.state == AwaitingApproval,
        Change::Hurry(_) => matches!(run.state, AwaitingApproval | Waiting),
        Change::Begin | Change::Refuse(_) => run.state == Waiting,
        Change::Cancel { .. } => match run.state {
            AwaitingApproval | Waiting => true,
            Running => run.cancelled_by.is_none(),
            _ => false,
        },
        Change::Intend { step, .. } => next(run) == Next::Do(*step),
        Change::Finish { step, .. } => run.state == Running && is(step, StepState::Intended),
        Change::Fail { step, .. } => {
            matches!(next(run), Next::Do(next) | Next::Resolve(next) if next == *step)
        }
        Change::TurnBack => next(run) == Next::TurnBack,
        Change::Resume { step } | Change::LoseSight { step, .. } => {
            matches!(next(run), Next::Resolve(next) | Next::ResolveUndo(next) if next == *step)
        }
        Change::AskUndo { .. } | Change::Retry { .. }
            if run.state.is_over() && undo_gone(run).is_some() =>
        {
            false
        }
        Change::Forgo { step, .. } => {
            run.state.is_over() && run.steps.get(*step).is_some_and(is_left)
        }
        Change::AskUndo { .. } => match run.state {
            // One that has taken itself back has nothing that could be missed.
            Done => last_to_undo(run).is_some() && !run.plan.takes_itself_back(),
            Failed | Cancelled => last_to_undo(run).is_some(),
            Stuck => !is_stuck_in_undo(run) && last_to_undo(run).is_some(),
            _ => false,
        },
        Change::IntendUndo { step, .. } => next(run) == Next::Undo(*step),
        Change::FinishUndo { step, .. } => run.state == Undoing && is(step, StepState::Undoing),
        Change::FailUndo { step, .. } => {
            matches!(next(run), Next::Undo(next) | Next::ResolveUndo(next) if next == *step)
        }
        Change::EndUndo => next(run) == Next::EndUndo,
        Change::Retry { .. } => {
            run.state == Stuck || (run.state == UndoFailed && last_to_undo(run).is_some())
        }
        Change::Declare { .. } | Change::GiveUp { .. } => run.state == Stuck,
    }
}

/// Does a change that may follow. Returns the step it was about, when it was about one.
fn carry_out(run: &mut Run, change: Change, at_ms: i64) -> Option<usize> {
    match change {
        Change::Approve { by } => {
            run.approved_by = Some(by);
            run.state = RunState::Waiting;
        }
        Change::Hurry(hurried) => run.hurried = Some(hurried),
        Change::Begin => {
            run.began_at_ms = Some(at_ms);
            run.state = RunState::Running;
        }
        Change::Refuse(cause) => come_to_rest(run, RunState::Failed, Some(cause)),
        Change::Cancel { by } => {
            run.cancelled_by = Some(by.clone());
            if run.state != RunState::Running {
                come_to_rest(run, RunState::Cancelled, Some(asked(CauseCode::Cancelled, by)));
            }
        }
        Change::TurnBack => {
            let by = run.cancelled_by.clone().unwrap_or(Actor::Storewarden);
            leave(run, asked(CauseCode::Cancelled, by));
        }
        Change::EndUndo => end_undo(run),
        Change::AskUndo { by } => {
            if let Some(step) = stuck_step(run) {
                run.steps[step].touched = true;
                run.steps[step].state = StepState::Failed;
            }
            start_undo(run, asked(CauseCode::UndoAsked, by));
        }
        Change::Retry { .. } => return retry(run),
        Change::Declare { done, by } => return declare(run, done, &by, at_ms),
        Change::GiveUp { by } => {
            let state = if is_stuck_in_undo(run) { RunState::UndoFailed } else { RunState::Failed };
            let cause = Cause { step: stuck_step(run), ..asked(CauseCode::GivenUp, by) };
            come_to_rest(run, state, Some(cause));
        }
        of_a_step => return carry_out_step(run, of_a_step, at_ms),
    }
    None
}

fn carry_out_step(run: &mut Run, change: Change, at_ms: i64) -> Option<usize> {
    match change {
        Change::Intend { step, intent } => {
            run.steps[step].intent = Some(intent);
            run.steps[step].resumed = 0;
            run.steps[step].state = StepState::Intended;
            Some(step)
        }
        Change::Finish { step, evidence } => {
            finish(run, step, evidence, at_ms);
            Some(step)
        }
        Change::Fail { step, cause, touched } => {
            let record = &mut run.steps[step];
            // Whoever looked just now knows; else what was known before stands.
            record.touched = touched || (record.touched && record.state == StepState::Planned);
            record.state = StepState::Failed;
            record.ended_at_ms = Some(at_ms);
            record.message.clone_from(&cause.message);
            record.reason.clone_from(&cause.reason);
            fail(run, cause);
            Some(step)
        }
        Change::Resume { step } => {
            run.steps[step].resumed += 1;
            Some(step)
        }
        Change::LoseSight { step, why } => {
            let record = &mut run.steps[step];
            record.state = StepState::Unknown;
            let Failed { message, reason, .. } = why;
            record.message = Some(message.clone());
            record.reason.clone_from(&reason);
            let cause = Cause::bare(CauseCode::Unknown);
            run.cause = Some(Cause { step: Some(step), message: Some(message), reason, ..cause });
            run.state = RunState::Stuck;
            Some(step)
        }
        Change::IntendUndo { step, intent } => {
            run.steps[step].undo_intent = Some(intent);
            run.steps[step].resumed = 0;
            run.steps[step].state = StepState::Undoing;
            Some(step)
        }
        Change::Forgo { step, why } => {
            run.steps[step].undo_gone = Some(why);
            Some(step)
        }
        Change::FinishUndo { step, evidence } => {
            let record = &mut run.steps[step];
            record.state = StepState::Undone;
            record.undo_ended_at_ms = Some(at_ms);
            record.undo_evidence = evidence;
            Some(step)
        }
        Change::FailUndo { step, cause } => {
            let record = &mut run.steps[step];
            // What of it is still there is not known exactly: undoing it again must take all back.
            record.state = StepState::Failed;
            record.touched = true;
            record.message.clone_from(&cause.message);
            record.reason.clone_from(&cause.reason);
            come_to_rest(run, RunState::UndoFailed, Some(cause));
            Some(step)
        }
        _ => unreachable!("the other changes are about the run as a whole"),
    }
}

/// The last step that is to be taken back and can be.
fn last_to_undo(run: &Run) -> Option<usize> {
    let can_be = |step: usize| matches!(run.plan.steps[step].undo, Undo::By(_));
    let is_behind_return = |step: &usize| {
        let no_return = |undo: &Undo| matches!(undo, Undo::NoReturn { .. });
        is_left(&run.steps[*step]) && no_return(&run.plan.steps[*step].undo)
    };
    let mut back = (0..run.steps.len()).rev().take_while(|step| !is_behind_return(step));
    back.find(|step| is_left(&run.steps[*step]) && can_be(*step))
}

/// Whether a step left something that undoing the run must take back.
fn is_left(step: &StepRecord) -> bool {
    match step.state {
        StepState::Done | StepState::Unknown => true,
        StepState::Failed => step.touched,
        _ => false,
    }
}

/// The step that nobody can tell of, in a stuck run.
fn stuck_step(run: &Run) -> Option<usize> {
    let is_stuck = run.state == RunState::Stuck;
    let unknown = || run.steps.iter().position(|step| step.state == StepState::Unknown);
    is_stuck.then(unknown).flatten()
}

/// The same, and whether it is its undoing.
pub(crate) fn lost_step(run: &Run) -> Option<(usize, bool)> {
    stuck_step(run).map(|step| (step, is_stuck_in_undo(run)))
}

fn is_stuck_in_undo(run: &Run) -> bool {
    stuck_step(run).is_some_and(|step| run.steps[step].undo_intent.is_some())
}

fn asked(code: CauseCode, by: Actor) -> Cause {
    Cause { by: Some(by), ..Cause::bare(code) }
}

fn finish(run: &mut Run, step: usize, evidence: Params, at_ms: i64) {
    let record = &mut run.steps[step];
    record.state = StepState::Done;
    record.ended_at_ms = Some(at_ms);
    record.evidence = evidence;
    record.touched = false;
    record.message = None;
    record.reason = None;
    if step + 1 == run.steps.len() {
        match failed_before(run) {
            Some(cause) => come_to_rest(run, RunState::Failed, Some(cause)),
            None => come_to_rest(run, RunState::Done, None),
        }
    }
}

/// Of steps that do not need one another the first that failed is why the run does, when the last has
/// had its turn.
fn fail(run: &mut Run, cause: Cause) {
    let goes_on = run.plan.on_failure == OnFailure::GoOn && cause.code != CauseCode::Cancelled;
    if !goes_on {
        return leave(run, cause);
    }
    let cause = run.cause.take().unwrap_or(cause);
    match run.steps.iter().any(|step| step.state == StepState::Planned) {
        true => run.cause = Some(cause),
        false => leave(run, cause),
    }
}

/// Why a run that went on behind a step that failed has failed.
fn failed_before(run: &Run) -> Option<Cause> {
    let step = run.steps.iter().position(|step| step.state == StepState::Failed)?;
    let told = || {
        let StepRecord { message, reason, .. } = run.steps[step].clone();
        Cause { step: Some(step), message, reason, ..Cause::bare(CauseCode::StepFailed) }
    };
    Some(run.cause.clone().unwrap_or_else(told))
}

/// Leaves the way forward: back, when the plan says so and there is something to take back.
fn leave(run: &mut Run, cause: Cause) {
    skip_planned(run);
    if run.plan.on_failure == OnFailure::Undo && last_to_undo(run).is_some() {
        return start_undo(run, cause);
    }
    let is_cancelled = cause.code == CauseCode::Cancelled;
    let state = if is_cancelled { RunState::Cancelled } else { RunState::Failed };
    come_to_rest(run, state, Some(cause));
}

fn start_undo(run: &mut Run, cause: Cause) {
    skip_planned(run);
    run.cause = Some(cause);
    run.state = RunState::Undoing;
}

fn come_to_rest(run: &mut Run, state: RunState, cause: Option<Cause>) {
    skip_planned(run);
    run.cause = cause;
    run.state = state;
}

fn skip_planned(run: &mut Run) {
    for step in run.steps.iter_mut().filter(|step| step.state == StepState::Planned) {
        // One that was begun once and is to be done again may have left something.
        step.state = if step.touched { StepState::Failed } else { StepState::Skipped };
    }
}

fn end_undo(run: &mut Run) {
    let impossible = |undo: &Undo| matches!(undo, Undo::Impossible { .. } | Undo::NoReturn { .. });
    let stays = |step: usize| is_left(&run.steps[step]) && impossible(&run.plan.steps[step].undo);
    match (0..run.steps.len()).rev().find(|step| stays(*step)) {
        Some(step) => {
            let cause = Cause { step: Some(step), ..Cause::bare(CauseCode::CannotBeUndone) };
            come_to_rest(run, RunState::UndoFailed, Some(cause));
        }
        None => run.state = RunState::Undone,
    }
}

fn retry(run: &mut Run) -> Option<usize> {
    let Some(step) = stuck_step(run) else {
        run.state = RunState::Undoing;
        return None;
    };
    let is_undo = is_stuck_in_undo(run);
    run.steps[step].resumed = 0;
    run.steps[step].state = if is_undo { StepState::Undoing } else { StepState::Intended };
    run.state = if is_undo { RunState::Undoing } else { RunState::Running };
    Some(step)
}

fn declare(run: &mut Run, done: bool, by: &Actor, at_ms: i64) -> Option<usize> {
    let step = stuck_step(run)?;
    let is_undo = is_stuck_in_undo(run);
    let evidence = Params::from([("declared_by".to_owned(), by.to_string().into())]);
    run.state = if is_undo { RunState::Undoing } else { RunState::Running };
    if !is_undo {
        run.cause = None;
    }
    match (is_undo, done) {
        (false, true) => finish(run, step, evidence, at_ms),
        (false, false) => {
            // Not done is not the same as untouched.
            run.steps[step].touched = true;
            run.steps[step].state = StepState::Planned;
        }
        (true, true) => {
            run.steps[step].undo_ended_at_ms = Some(at_ms);
            run.steps[step].undo_evidence = evidence;
            run.steps[step].state = StepState::Undone;
        }
        (true, false) => {
            run.steps[step].touched = true;
            run.steps[step].state = StepState::Failed;
        }
    }
    Some(step)
}

#[cfg(test)]
mod tests;
