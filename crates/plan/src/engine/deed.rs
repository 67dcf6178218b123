//! One act of one step, forwards or back: conditions, intent, act, verification, record; and,
//! whenever something went wrong in between, a look at what became of it.

use super::{journal::Leave, look::LOOK_LIMIT, progress::StepProgress, worker::Worker};
use crate::{
    Moment, Point,
    machine::{self, Change, Next},
    words,
};
use kernel::{
    Actor, Params,
    plan::{
        Act, Cause, CauseCode, Condition, Failed, Fence, Holds, Intent, Performer, Probe, Progress,
        Reason, StepState,
    },
};
use std::sync::Arc;
use tokio::time::{Duration, Instant};

/// Pauses between tries of an act that failed for now: doubled from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LAST_PAUSE: Duration = Duration::from_secs(10);
/// How long a condition may be unknown before it counts as one that does not hold.
const UNKNOWN_LIMIT: Duration = Duration::from_secs(20);
/// Engines that may end in one step before a person must look.
const MAX_RESUMED: u32 = 5;

/// Which act of which step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Deed {
    step: usize,
    undo: bool,
}

/// How a try ended that did not succeed.
#[derive(Debug)]
struct Setback {
    code: CauseCode,
    failed: Failed,
}

/// What follows from a look after a setback.
enum Verdict {
    Done(Params),
    Failed { touched: bool },
    TryAgain,
    Unknown { why: Failed },
}

impl Deed {
    pub(super) fn forward(step: usize) -> Self {
        Self { step, undo: false }
    }

    pub(super) fn back(step: usize) -> Self {
        Self { step, undo: true }
    }

    fn finish(self, evidence: Params) -> Change {
        let Self { step, undo } = self;
        if undo { Change::FinishUndo { step, evidence } } else { Change::Finish { step, evidence } }
    }

    fn fail(self, code: CauseCode, failed: Failed, by: Option<Actor>, touched: bool) -> Change {
        let Self { step, undo } = self;
        let Failed { message, reason, .. } = failed;
        let cause = Cause { code, step: Some(step), message: Some(message), reason, by };
        if undo { Change::FailUndo { step, cause } } else { Change::Fail { step, cause, touched } }
    }
}

impl Worker {
    /// Does an act that nobody has begun.
    pub(super) async fn do_new(&mut self, deed: Deed) -> Result<(), Leave> {
        let Some((act, performer)) = self.act(deed) else {
            return self.nobody_performs(deed).await;
        };
        self.pass(deed, Point::BeforeIntent);
        if let Some(change) = self.unmet(deed, &act, false).await? {
            return self.change(change).await;
        }
        let before = match timed(LOOK_LIMIT, performer.before(&act)).await {
            Ok(before) => before,
            Err(setback) => {
                return self.change(deed.fail(setback.code, setback.failed, None, false)).await;
            }
        };
        let intent = Intent { at_ms: self.inner.now(), before };
        let step = deed.step;
        let intend = if deed.undo {
            Change::IntendUndo { step, intent: intent.clone() }
        } else {
            Change::Intend { step, intent: intent.clone() }
        };
        self.change(intend).await?;
        if !self.is_begun(deed) {
            // A person was faster.
            return Ok(());
        }
        self.pass(deed, Point::AfterIntent);
        self.carry_out(deed, &act, &performer, &intent).await
    }

    /// Looks what became of an act that was intended in another life, and goes on from there.
    pub(super) async fn resolve(&mut self, deed: Deed) -> Result<(), Leave> {
        self.change(Change::Resume { step: deed.step }).await?;
        if !self.is_begun(deed) {
            return Ok(());
        }
        let record = &self.run.steps[deed.step];
        if record.resumed > MAX_RESUMED {
            let why = Failed::new(format!("{MAX_RESUMED} times the program ended in it"))
                .because("ended_in_it", [("times", u64::from(MAX_RESUMED).into())]);
            return self.change(Change::LoseSight { step: deed.step, why }).await;
        }
        let intent = if deed.undo { &record.undo_intent } else { &record.intent };
        let (Some((act, performer)), Some(intent)) = (self.act(deed), intent.clone()) else {
            return self.nobody_performs(deed).await;
        };
        let probe = probe(&performer, &act, &intent).await;
        let touched = probe == Probe::Partial;
        match probe {
            Probe::Unknown { why, reason } => {
                let why = Failed { reason, ..Failed::new(why) };
                self.change(Change::LoseSight { step: deed.step, why }).await
            }
            Probe::Done => match timed(LOOK_LIMIT, performer.verify(&act)).await {
                Ok(evidence) => self.record(deed, evidence).await,
                Err(setback) => {
                    let code = CauseCode::NotVerified;
                    self.change(deed.fail(code, setback.failed, None, true)).await
                }
            },
            Probe::NotDone | Probe::Partial => {
                if let Some(by) = self.run.cancelled_by.clone().filter(|_| !deed.undo) {
                    let failed = Failed::new("it was cancelled before it was done")
                        .because("cancelled_before", []);
                    let code = CauseCode::Cancelled;
                    return self.change(deed.fail(code, failed, Some(by), touched)).await;
                }
                if let Some(change) = self.unmet(deed, &act, touched).await? {
                    return self.change(change).await;
                }
                self.carry_out(deed, &act, &performer, &intent).await
            }
        }
    }

    /// Acts and verifies until it succeeds, fails for good, or the deadline has come.
    async fn carry_out(
        &mut self,
        deed: Deed,
        act: &Act,
        performer: &Arc<dyn Performer>,
        intent: &Intent,
    ) -> Result<(), Leave> {
        if let Some(aside) = act.removes_aside() {
            let us = (self.run.id, &self.run.actor);
            if let Some(failed) = self.inner.forgo(aside, us).await? {
                return self
                    .change(deed.fail(CauseCode::ConditionNotMet, failed, None, false))
                    .await;
            }
        }
        let timeout = Duration::from_millis(self.run.plan.steps[deed.step].timeout_ms);
        let deadline = Instant::now() + timeout;
        let cancelled = (!deed.undo).then(|| self.cancelled.clone());
        let progress = StepProgress::new(&self.inner, self.run.id, deed.step, cancelled);
        let mut pause = FIRST_PAUSE;
        loop {
            let tried =
                tokio::time::timeout_at(deadline, self.try_once(deed, act, performer, &progress));
            let setback = match tried.await {
                Ok(Ok(evidence)) => {
                    self.inner.board().measured(self.run.id, None);
                    return self.record(deed, evidence).await;
                }
                Ok(Err(setback)) => setback,
                Err(_) => Setback { code: CauseCode::TimedOut, failed: took_too_long(timeout) },
            };
            let mut stopped_by = self.stopped_by(deed).await?;
            let may_try_again = setback.failed.retryable
                && stopped_by.is_none()
                && Instant::now() + pause < deadline
                && !self.inner.is_closing();
            let mut verdict = look_after(performer, act, intent, &setback, may_try_again).await;
            if matches!(verdict, Verdict::TryAgain) {
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = progress.cancelled() => {}
                }
                pause = (pause * 2).min(LAST_PAUSE);
                if !progress.is_cancelled() {
                    continue;
                }
                stopped_by = self.stopped_by(deed).await?;
                verdict = look_after(performer, act, intent, &setback, false).await;
            }
            match verdict {
                Verdict::Done(evidence) => return self.record(deed, evidence).await,
                Verdict::Unknown { why } => {
                    // The record keeps the code of one reason, and the look's decides.
                    progress.line(&setback.failed.message);
                    let message = format!("{}; {}", setback.failed.message, why.message);
                    let why = Failed { message, ..why };
                    return self.change(Change::LoseSight { step: deed.step, why }).await;
                }
                Verdict::Failed { touched } => {
                    let Setback { code, failed } = setback;
                    let code = if stopped_by.is_some() { CauseCode::Cancelled } else { code };
                    let change = deed.fail(code, failed, stopped_by, touched);
                    return self.change(change).await;
                }
                Verdict::TryAgain => {}
            }
        }
    }

    async fn try_once(
        &self,
        deed: Deed,
        act: &Act,
        performer: &Arc<dyn Performer>,
        progress: &StepProgress,
    ) -> Result<Params, Setback> {
        let fence = Fence { run: self.run.id, epoch: self.inner.epoch };
        let setback = |code| move |failed| Setback { code, failed };
        let mut evidence = performer
            .perform(act, fence, progress)
            .await
            .map_err(setback(CauseCode::StepFailed))?;
        self.pass(deed, Point::AfterEffect);
        evidence.extend(performer.verify(act).await.map_err(setback(CauseCode::NotVerified))?);
        self.pass(deed, Point::AfterVerify);
        Ok(evidence)
    }

    async fn record(&mut self, deed: Deed, evidence: Params) -> Result<(), Leave> {
        self.change(deed.finish(evidence)).await?;
        self.pass(deed, Point::AfterRecord);
        Ok(())
    }

    /// The change that follows when a condition does not hold, or, on the way forward, stays unknown:
    /// whoever would know may only just have started, as we may have.
    async fn unmet(&self, deed: Deed, act: &Act, touched: bool) -> Result<Option<Change>, Leave> {
        let timeout = Duration::from_millis(self.run.plan.steps[deed.step].timeout_ms);
        let ends = Instant::now() + timeout.min(UNKNOWN_LIMIT);
        let (mut closing, mut cancelled) = (self.inner.closing.subscribe(), self.cancelled.clone());
        loop {
            let conditions = self.inner.conditions(act, &[]).await.unwrap_or_default();
            let of = |holds| conditions.iter().find(move |condition| condition.holds == holds);
            let unknown = of(Holds::Unknown).filter(|_| !deed.undo);
            let (unmet, code) = match (of(Holds::No), unknown) {
                (Some(unmet), _) => (unmet, CauseCode::ConditionNotMet),
                (None, Some(unmet)) => (unmet, CauseCode::ConditionUnknown),
                (None, None) => return Ok(None),
            };
            let may_wait = code == CauseCode::ConditionUnknown && Instant::now() < ends;
            if !may_wait || *cancelled.borrow() {
                let Condition { code: name, params, .. } = unmet.clone();
                let reason = Some(Reason { code: name, params });
                let failed = Failed { reason, ..Failed::new(words::condition(unmet)) };
                return Ok(Some(deed.fail(code, failed, None, touched)));
            }
            tokio::select! {
                () = tokio::time::sleep(FIRST_PAUSE) => {}
                _ = cancelled.wait_for(|cancelled| *cancelled) => {}
                _ = closing.wait_for(|closing| *closing) => return Err(Leave::Closing),
            }
        }
    }

    /// Who cancelled the run, as far as it concerns this deed: nobody cancels an undo.
    async fn stopped_by(&mut self, deed: Deed) -> Result<Option<Actor>, Leave> {
        if deed.undo || !*self.cancelled.borrow() {
            return Ok(None);
        }
        if self.run.cancelled_by.is_none() {
            self.inner.read_again(&mut self.run).await?;
        }
        Ok(self.run.cancelled_by.clone())
    }

    fn act(&self, deed: Deed) -> Option<(Act, Arc<dyn Performer>)> {
        let step = &self.run.plan.steps[deed.step];
        let act = if deed.undo { step.undo.act()? } else { &step.act };
        let performer = self.inner.performer(act.area()).ok()?;
        Some((act.clone(), Arc::clone(performer)))
    }

    /// A run of an older program, whose acts this one has nobody for.
    async fn nobody_performs(&mut self, deed: Deed) -> Result<(), Leave> {
        let failed = Failed::new("nobody here performs it").because("nobody_performs", []);
        let begun = matches!(machine::next(&self.run), Next::Resolve(_) | Next::ResolveUndo(_));
        let change = if begun {
            Change::LoseSight { step: deed.step, why: failed }
        } else {
            deed.fail(CauseCode::StepFailed, failed, None, false)
        };
        self.change(change).await
    }

    /// Whether the intent of the deed is what is on disk.
    fn is_begun(&self, deed: Deed) -> bool {
        let wanted = if deed.undo { StepState::Undoing } else { StepState::Intended };
        self.run.steps[deed.step].state == wanted
    }

    fn pass(&self, deed: Deed, point: Point) {
        let Deed { step, undo } = deed;
        self.inner.moments.pass(Moment { run: self.run.id, step, point, undo });
    }
}

/// What became of an act that did not succeed.
async fn look_after(
    performer: &Arc<dyn Performer>,
    act: &Act,
    intent: &Intent,
    setback: &Setback,
    may_try_again: bool,
) -> Verdict {
    match probe(performer, act, intent).await {
        Probe::Unknown { why, reason } => {
            Verdict::Unknown { why: Failed { reason, ..Failed::new(why) } }
        }
        Probe::Done if setback.code == CauseCode::NotVerified => match may_try_again {
            true => Verdict::TryAgain,
            false => Verdict::Failed { touched: true },
        },
        Probe::Done => match timed(LOOK_LIMIT, performer.verify(act)).await {
            Ok(evidence) => Verdict::Done(evidence),
            Err(_) => Verdict::Failed { touched: true },
        },
        Probe::NotDone | Probe::Partial if may_try_again => Verdict::TryAgain,
        Probe::NotDone => Verdict::Failed { touched: false },
        Probe::Partial => Verdict::Failed { touched: true },
    }
}

pub(super) async fn probe(performer: &Arc<dyn Performer>, act: &Act, intent: &Intent) -> Probe {
    let too_slow = |_| {
        let limit_ms = u64::try_from(LOOK_LIMIT.as_millis()).unwrap_or(u64::MAX);
        let limit = words::duration(limit_ms);
        Failed::new(format!("looking what became of it took longer than {limit}"))
            .because("look_too_slow", [("limit_ms", limit_ms.into())])
    };
    let look = tokio::time::timeout(LOOK_LIMIT, performer.probe(act, intent)).await;
    look.unwrap_or_else(|late| too_slow(late).into())
}

/// A look, or an error that says that it took too long.
async fn timed<T>(
    limit: Duration,
    look: impl Future<Output = Result<T, Failed>>,
) -> Result<T, Setback> {
    match tokio::time::timeout(limit, look).await {
        Ok(Ok(seen)) => Ok(seen),
        Ok(Err(failed)) => Err(Setback { code: CauseCode::StepFailed, failed }),
        Err(_) => Err(Setback { code: CauseCode::TimedOut, failed: took_too_long(limit) }),
    }
}

fn took_too_long(limit: Duration) -> Failed {
    let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
    Failed::new(format!("it took longer than {}", words::duration(limit_ms)))
        .because("took_too_long", [("limit_ms", limit_ms.into())])
}
