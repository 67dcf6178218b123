//! How a performer speaks to the engine while it acts.

use super::{Inner, LiveStep};
use kernel::plan::{Measure, Pending, Progress, RunHappening, RunId};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::{
    sync::watch,
    time::{Duration, Instant},
};

/// Measures are told on at this pace at most; the last one of all always.
const PACE: Duration = Duration::from_millis(200);
/// A longer line is cut.
const LINE_LIMIT: usize = 4_096;

pub(super) struct StepProgress {
    inner: Arc<Inner>,
    run: RunId,
    step: usize,
    began: Instant,
    told: Mutex<Option<Instant>>,
    /// `None`: an undo, which nobody cancels.
    cancelled: Option<watch::Receiver<bool>>,
}

impl StepProgress {
    pub(super) fn new(
        inner: &Arc<Inner>,
        run: RunId,
        step: usize,
        cancelled: Option<watch::Receiver<bool>>,
    ) -> Self {
        let inner = Arc::clone(inner);
        Self { inner, run, step, began: Instant::now(), told: Mutex::new(None), cancelled }
    }

    /// Whether it is time to tell again.
    fn is_due(&self, is_last: bool) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = is_last || told.is_none_or(|told| told.elapsed() >= PACE);
        if is_due {
            *told = Some(Instant::now());
        }
        is_due
    }
}

impl Progress for StepProgress {
    fn line(&self, text: &str) {
        for line in text.lines() {
            let printable = |c: char| if c.is_control() && c != '\t' { '\u{fffd}' } else { c };
            let text: String = line.chars().take(LINE_LIMIT).map(printable).collect();
            self.inner.logs.append(self.run, self.inner.now(), self.step, &text);
            self.inner.tell(self.run, RunHappening::Line { step: self.step, text });
        }
    }

    fn measure(&self, measure: Measure) {
        #[expect(clippy::cast_precision_loss, reason = "a rate for a person's eye")]
        let done = measure.done as f64;
        let seconds = self.began.elapsed().as_secs_f64();
        let per_second = if seconds > 0.0 { done / seconds } else { 0.0 };
        if self.is_due(measure.total == Some(measure.done)) {
            let (step, share) = (self.step, measure.share());
            let live = LiveStep { step, measure: measure.clone(), per_second };
            self.inner.board().measured(self.run, Some(live));
            self.inner.tell(self.run, RunHappening::Progress { step, measure, share, per_second });
        }
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.as_ref().is_some_and(|cancelled| *cancelled.borrow())
    }

    fn cancelled(&self) -> Pending<'_, ()> {
        let cancelled = self.cancelled.clone();
        Box::pin(async move {
            if let Some(mut cancelled) = cancelled
                && cancelled.wait_for(|cancelled| *cancelled).await.is_ok()
            {
                return;
            }
            std::future::pending::<()>().await;
        })
    }
}
