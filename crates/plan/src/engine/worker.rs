//! The task that works on one run: asks the machine what comes next, has it done, writes it down.

use super::{Inner, board::Begun, deed::Deed, journal::Leave};
use crate::machine::{self, Change, Next};
use kernel::plan::{Cause, CauseCode, Run, RunState};
use std::sync::Arc;
use tokio::sync::watch;

/// One run in one task's hands.
pub(super) struct Worker {
    pub(super) inner: Arc<Inner>,
    pub(super) run: Run,
    pub(super) cancelled: watch::Receiver<bool>,
}

/// Works on a run until it comes to rest, needs a person, or must be left to another engine.
pub(super) async fn work(inner: Arc<Inner>, begun: Begun) {
    let Begun { run, cancelled } = begun;
    let mut worker = Worker { inner, run, cancelled };
    loop {
        if let Err(leave) = worker.drive().await {
            return worker.leave(&leave);
        }
        let left = worker.inner.board().left(&worker.run);
        if left {
            worker.inner.nudge.notify_one();
            return;
        }
        if let Err(leave) = worker.read_again().await {
            return worker.leave(&leave);
        }
    }
}

impl Worker {
    async fn drive(&mut self) -> Result<(), Leave> {
        if self.run.state != RunState::Waiting {
            // What the board knew may be older than the record, and a step is about to be resolved.
            self.read_again().await?;
        }
        loop {
            if self.inner.is_closing() {
                return Err(Leave::Closing);
            }
            match machine::next(&self.run) {
                Next::Rest => return Ok(()),
                Next::Begin => self.begin().await?,
                Next::Do(step) => self.do_new(Deed::forward(step)).await?,
                Next::Resolve(step) => self.resolve(Deed::forward(step)).await?,
                Next::TurnBack => self.change(Change::TurnBack).await?,
                Next::Undo(step) => self.do_new(Deed::back(step)).await?,
                Next::ResolveUndo(step) => self.resolve(Deed::back(step)).await?,
                Next::EndUndo => self.change(Change::EndUndo).await?,
            }
        }
    }

    /// The last look at what the plan was made from.
    async fn begin(&mut self) -> Result<(), Leave> {
        let stale = self.inner.stale_facts(&self.run.plan).await;
        let change = if stale.is_empty() {
            Change::Begin
        } else {
            let message = Some(stale.join(", "));
            Change::Refuse(Cause { message, ..Cause::bare(CauseCode::Stale) })
        };
        self.change(change).await
    }

    pub(super) async fn change(&mut self, change: Change) -> Result<(), Leave> {
        self.inner.change(&mut self.run, change).await
    }

    async fn read_again(&mut self) -> Result<(), Leave> {
        self.inner.read_again(&mut self.run).await
    }

    /// The run keeps its place and its claims on the board: nobody else here may touch it.
    fn leave(&self, leave: &Leave) {
        let run = self.run.id;
        match leave {
            Leave::Closing => tracing::info!(%run, "a run is left to the next engine"),
            Leave::Fenced => tracing::error!(%run, "another engine has taken a run over"),
            Leave::Store(error) => {
                tracing::error!(%run, %error, "a run is left, for its record cannot be kept");
            }
        }
    }
}
