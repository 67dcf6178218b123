//! The engine as whoever starts, watches and steers runs sees it.
//!
//! The record on disk is the truth. A run that acts has one task that works on it; persons change
//! the record beside it, by compare-and-set, and the task notices.

mod board;
mod deed;
mod forgoing;
mod journal;
mod look;
mod lost;
mod progress;
mod worker;

pub use board::{Live, LiveStep};

use crate::{
    Calendar, EngineError, Moments, Timing,
    machine::{self, Change},
    run_logs::RunLogs,
};
use board::Board;
use kernel::{
    Actor,
    plan::{
        Approval, Area, Override, Performer, Plan, Preview, Reason, Run, RunEvent, RunHappening,
        RunId, RunState, StepRecord, WindowChoice,
    },
};
use lost::Looks;
use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use store::{RunWrite, Store};
use tokio::{
    sync::{Notify, broadcast, watch},
    task::{JoinError, JoinHandle, JoinSet},
};

/// Reads the clock: unix milliseconds.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Runs that are not over at most; further plans are refused.
const MAX_UNFINISHED: usize = 1_000;
/// Events that somebody who watches may be behind; they are told when they were further.
const EVENTS: usize = 4_096;
/// Compare-and-sets that may fail one after the other.
const CONFLICTS: usize = 32;
/// A clock may be set while we sleep: it is looked at again at the latest after this.
const LOOK_EVERY: Duration = Duration::from_secs(20);

/// What the wiring decides.
#[derive(Clone)]
pub struct Settings {
    /// Where the logs of runs lie, one file each; made when it is missing.
    pub logs: PathBuf,
    /// Runs that act at the same time, 1 or more.
    pub at_once: usize,
    pub calendar: Calendar,
    pub clock: Clock,
    /// How long after a step was lost sight of it is looked for again by itself; later ones come more seldom.
    pub look_again: Duration,
    pub moments: Moments,
}

impl Settings {
    /// As of a program that people use.
    pub const LOOK_AGAIN: Duration = Duration::from_secs(15);
}

/// The change engine. Clones are the same engine.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    performers: Vec<Arc<dyn Performer>>,
    clock: Clock,
    look_again: Duration,
    moments: Moments,
    logs: RunLogs,
    epoch: u64,
    board: Mutex<Board>,
    /// Something on the board may be able to begin.
    nudge: Notify,
    events: broadcast::Sender<RunEvent>,
    closing: watch::Sender<bool>,
    /// The task that lets runs begin, and owns those that work on them.
    dispatcher: Mutex<Option<JoinHandle<()>>>,
}

impl Engine {
    /// Takes over all runs of the store from whatever engine had them. Nothing acts before
    /// [`Engine::resume_all`].
    ///
    /// # Errors
    /// When two performers want one area, when the store fails, or when the folder of logs cannot
    /// be made.
    pub async fn open(
        store: Store,
        performers: Vec<Arc<dyn Performer>>,
        settings: Settings,
    ) -> Result<Self, EngineError> {
        let mut taken: Vec<Area> = Vec::new();
        for area in performers.iter().flat_map(|performer| performer.areas()) {
            if taken.contains(area) {
                return Err(EngineError::TwoPerformers(*area));
            }
            taken.push(*area);
        }
        let logs = RunLogs::open(settings.logs)?;
        let (epoch, unfinished) = store.take_runs_over().await?;
        let mut board = Board::new(settings.at_once.max(1), settings.calendar);
        for run in unfinished {
            board.put(run);
        }
        let inner = Inner {
            store,
            performers,
            clock: settings.clock,
            look_again: settings.look_again,
            moments: settings.moments,
            logs,
            epoch,
            board: Mutex::new(board),
            nudge: Notify::new(),
            events: broadcast::Sender::new(EVENTS),
            closing: watch::Sender::new(false),
            dispatcher: Mutex::new(None),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Lets runs begin and go on until [`Engine::close`]: those that were interrupted first. To be
    /// called once, when the performers are ready to act. Returns how many runs are not over.
    // Asynchronous, for it needs a runtime: elsewhere it should not compile.
    pub async fn resume_all(&self) -> usize {
        let unfinished = self.inner.board().len();
        let mut dispatcher = self.inner.dispatcher();
        if dispatcher.is_none() {
            *dispatcher = Some(tokio::spawn(dispatch(Arc::clone(&self.inner))));
        }
        unfinished
    }

    /// What a plan would do and what stands in its way, as of now.
    ///
    /// # Errors
    /// When it is no valid plan, nobody performs it, or its window is unknown or too short.
    pub async fn preview(&self, plan: Plan) -> Result<Preview, EngineError> {
        self.inner.check(&plan, false)?;
        self.inner.preview(plan, false).await
    }

    /// The same of a plan that somebody wishes to begin at once, whatever windows and freezes say.
    ///
    /// # Errors
    /// When it is no valid plan, or nobody performs it.
    pub async fn preview_at_once(&self, plan: Plan) -> Result<Preview, EngineError> {
        self.inner.check(&plan, true)?;
        self.inner.preview(plan, true).await
    }

    /// Whether a plan would wait now for its window or the end of a freeze.
    #[must_use]
    pub fn is_held_back(&self, plan: &Plan) -> bool {
        !self.inner.board().calendar().hold(&Timing::of(plan), self.inner.now()).waits.is_empty()
    }

    /// The windows that a plan could wait for.
    #[must_use]
    pub fn windows(&self, plan: &Plan) -> Vec<WindowChoice> {
        self.inner.board().calendar().choices(&Timing::of(plan), self.inner.now())
    }

    /// Starts a plan: it is on disk when this returns, and begins as soon as it may.
    ///
    /// # Errors
    /// As of [`Engine::preview`]; [`EngineError::Stale`], [`EngineError::Full`], or when the store
    /// cannot be written. Nothing was started then.
    pub async fn start(&self, plan: Plan, actor: Actor) -> Result<RunId, EngineError> {
        self.begin(plan, actor, None).await
    }

    /// Starts a plan that waits neither for its window nor for the end of a freeze; why, stands in
    /// the ledger.
    ///
    /// # Errors
    /// As of [`Engine::start`].
    pub async fn start_at_once(
        &self,
        plan: Plan,
        actor: Actor,
        reason: String,
    ) -> Result<RunId, EngineError> {
        let hurried = Override { by: actor.clone(), reason };
        self.begin(plan, actor, Some(hurried)).await
    }

    async fn begin(
        &self,
        plan: Plan,
        actor: Actor,
        hurried: Option<Override>,
    ) -> Result<RunId, EngineError> {
        self.inner.check(&plan, hurried.is_some())?;
        let facts = self.inner.stale_facts(&plan).await;
        if !facts.is_empty() {
            return Err(EngineError::Stale { facts });
        }
        self.inner.board().reserve(MAX_UNFINISHED)?;
        let run = new_run(plan, actor, self.inner.epoch, self.inner.now());
        let result = self.inner.keep(Run { hurried, ..run }).await;
        let mut board = self.inner.board();
        board.release();
        let run = result?;
        let (id, state) = (run.id, run.state);
        board.put(run);
        drop(board);
        self.inner.tell(id, RunHappening::State { state, cause: None });
        self.inner.nudge.notify_one();
        Ok(id)
    }

    /// Says yes to a run that awaits it.
    ///
    /// # Errors
    /// [`EngineError::NotNow`] in any other state; see [`EngineError`] for the rest.
    pub async fn approve(&self, run: RunId, by: Actor) -> Result<Run, EngineError> {
        self.decide(run, "approve", Change::Approve { by: by.clone() }, by).await
    }

    /// Lets a run begin outside its window and in a freeze.
    ///
    /// # Errors
    /// [`EngineError::NotNow`] when it has begun.
    pub async fn hurry(&self, run: RunId, by: Actor, reason: String) -> Result<Run, EngineError> {
        let change = Change::Hurry(Override { by: by.clone(), reason });
        self.decide(run, "hurry", change, by).await
    }

    /// Stops a run behind its current step, or in it where the performer can; what was done is
    /// taken back, unless the plan says that it stays.
    ///
    /// # Errors
    /// [`EngineError::NotNow`] when it is over, is being undone, or was cancelled before.
    pub async fn cancel(&self, run: RunId, by: Actor) -> Result<Run, EngineError> {
        self.decide(run, "cancel", Change::Cancel { by: by.clone() }, by).await
    }

    /// Takes a run back that is over or stuck, the last step first.
    ///
    /// # Errors
    /// [`EngineError::NotNow`] when it runs (cancel it), or nothing of it can be taken back;
    /// [`EngineError::UndoGone`] when what would take it back was removed.
    pub async fn undo(&self, run: RunId, by: Actor) -> Result<Run, EngineError> {
        self.decide(run, "undo", Change::AskUndo { by: by.clone() }, by).await
    }

    /// Has a stuck run look again what became of its step, or one whose undoing failed try again.
    ///
    /// # Errors
    /// [`EngineError::NotNow`] in any other state.
    pub async fn retry(&self, run: RunId, by: Actor) -> Result<Run, EngineError> {
        self.decide(run, "retry", Change::Retry { by: by.clone() }, by).await
    }

    /// A person has looked: the step that nobody could tell of, or its undoing, was done, or was
    /// not and is to be done again.
    ///
    /// # Errors
    /// [`EngineError::NotNow`] when the run is not stuck.
    pub async fn declare(&self, run: RunId, done: bool, by: Actor) -> Result<Run, EngineError> {
        self.decide(run, "declare", Change::Declare { done, by: by.clone() }, by).await
    }

    /// Ends a stuck run as it stands.
    ///
    /// # Errors
    /// [`EngineError::NotNow`] when the run is not stuck.
    pub async fn give_up(&self, run: RunId, by: Actor) -> Result<Run, EngineError> {
        self.decide(run, "give up", Change::GiveUp { by: by.clone() }, by).await
    }

    /// Why a run that could be taken back once cannot be any more.
    #[must_use]
    pub fn undo_gone(run: &Run) -> Option<&Reason> {
        machine::undo_gone(run)
    }

    /// Whether [`Engine::undo`] would be taken for a run as it stands.
    #[must_use]
    pub fn may_be_undone(run: &Run) -> bool {
        machine::may_be_undone(run)
    }

    /// What happens from now on. Whoever falls behind is told, and reads the records.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<RunEvent> {
        self.inner.events.subscribe()
    }

    /// What is known of a run beside its record, while it is not over.
    #[must_use]
    pub fn live(&self, run: RunId) -> Option<Live> {
        self.inner.board().live(run)
    }

    /// A run's record.
    ///
    /// # Errors
    /// [`EngineError::NoRun`], or when the store cannot be read.
    pub async fn run(&self, run: RunId) -> Result<Run, EngineError> {
        self.inner.store.run(run).await?.ok_or(EngineError::NoRun(run))
    }

    /// The log of a run, empty when it wrote none; 1 MiB at most.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn log(&self, run: RunId) -> Result<String, EngineError> {
        self.inner.logs.read(run).await
    }

    /// Waits until a run is over or needs a person, and returns its record.
    ///
    /// # Errors
    /// As of [`Engine::run`].
    pub async fn settled(&self, run: RunId) -> Result<Run, EngineError> {
        let mut events = self.subscribe();
        loop {
            let record = self.run(run).await?;
            if record.state.is_over() || record.state.needs_a_person() {
                return Ok(record);
            }
            loop {
                match events.recv().await {
                    Ok(event) if event.run != run => {}
                    Ok(RunEvent { what: RunHappening::State { .. }, .. }) => break,
                    Ok(_) => {}
                    Err(broadcast::error::RecvError::Lagged(_)) => break,
                    Err(broadcast::error::RecvError::Closed) => return self.run(run).await,
                }
            }
        }
    }

    /// Takes other windows and freezes, at once, for the runs that wait too.
    pub fn set_calendar(&self, calendar: Calendar) {
        self.inner.board().set_calendar(calendar);
        self.inner.nudge.notify_one();
    }

    /// Ends all work behind the steps that are being done, waiting for them at most `patience`.
    /// What is cut off then, the next engine resolves.
    pub async fn close(&self, patience: Duration) {
        self.inner.closing.send_replace(true);
        let dispatcher = self.inner.dispatcher().take();
        let Some(mut dispatcher) = dispatcher else {
            return;
        };
        let ended = match tokio::time::timeout(patience, &mut dispatcher).await {
            Ok(ended) => ended,
            Err(_) => {
                // The workers end with it.
                dispatcher.abort();
                dispatcher.await
            }
        };
        if let Err(error) = ended
            && error.is_panic()
        {
            tracing::error!(%error, "the task that lets runs begin has failed");
        }
    }

    /// A person's change of a record, whoever else changes it meanwhile.
    async fn decide(
        &self,
        id: RunId,
        verb: &'static str,
        change: Change,
        by: Actor,
    ) -> Result<Run, EngineError> {
        for _ in 0..CONFLICTS {
            let mut run = self.run(id).await?;
            match self.inner.try_change(&mut run, &change, &by).await? {
                Ok(RunWrite::Written) => {
                    self.inner.board().decided(&run);
                    self.inner.nudge.notify_one();
                    return Ok(run);
                }
                Ok(RunWrite::Conflict) => {}
                Ok(RunWrite::Fenced) => return Err(EngineError::Fenced),
                Err(illegal) => {
                    let is_back = matches!(change, Change::AskUndo { .. } | Change::Retry { .. });
                    if is_back && let Some(why) = machine::undo_gone(&run) {
                        return Err(EngineError::UndoGone { run: id, why: why.clone() });
                    }
                    return Err(EngineError::NotNow { verb, run: id, state: illegal.state });
                }
            }
        }
        Err(EngineError::Contended { verb, run: id })
    }
}

impl Inner {
    fn now(&self) -> i64 {
        (self.clock)()
    }

    /// Held for a moment, never across an await.
    fn board(&self) -> MutexGuard<'_, Board> {
        // Each change of the board is whole before the next, so a poisoned one is as good as any.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn dispatcher(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.dispatcher.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    fn performer(&self, area: Area) -> Result<&Arc<dyn Performer>, EngineError> {
        let mut performers = self.performers.iter();
        let found = performers.find(|performer| performer.areas().contains(&area));
        found.ok_or(EngineError::NoPerformer(area))
    }

    fn check(&self, plan: &Plan, hurried: bool) -> Result<(), EngineError> {
        plan.check()?;
        for step in &plan.steps {
            for act in std::iter::once(&step.act).chain(step.undo.act()) {
                self.performer(act.area())?;
            }
        }
        let timing = Timing { hurried, ..Timing::of(plan) };
        self.board().calendar().check(&timing, self.now())
    }
}

/// Lets runs begin as soon as they may, until the engine closes.
async fn dispatch(inner: Arc<Inner>) {
    let mut closing = inner.closing.subscribe();
    let (mut workers, mut looks) = (JoinSet::new(), Looks::default());
    while !inner.is_closing() {
        let now_ms = inner.now();
        let decided = inner.board().choose(now_ms);
        for (run, waits) in decided.waits {
            inner.tell(run, RunHappening::Waits { waits });
        }
        for begun in decided.begin {
            workers.spawn(worker::work(Arc::clone(&inner), begun));
        }
        while let Some(ended) = workers.try_join_next() {
            note_end(ended);
        }
        let stuck = inner.board().stuck();
        let until_look = looks.begin(&inner, stuck, &mut workers).unwrap_or(LOOK_EVERY);
        let until_next = decided.look_again_at_ms.map_or(LOOK_EVERY, |at_ms| {
            Duration::from_millis(u64::try_from(at_ms - now_ms).unwrap_or(0)).min(LOOK_EVERY)
        });
        let until_next = until_next.min(until_look);
        tokio::select! {
            () = inner.nudge.notified() => {}
            () = tokio::time::sleep(until_next) => {}
            _ = closing.wait_for(|closing| *closing) => {}
        }
    }
    while let Some(ended) = workers.join_next().await {
        note_end(ended);
    }
}

/// A worker that panicked leaves its run as it stands, held, for the next engine to resolve.
fn note_end(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "the task that worked on a run has failed");
    }
}

fn new_run(plan: Plan, actor: Actor, epoch: u64, now_ms: i64) -> Run {
    let state = match plan.approval {
        Approval::Needed => RunState::AwaitingApproval,
        Approval::NotNeeded => RunState::Waiting,
    };
    let steps = plan.steps.iter().map(|_| StepRecord::planned()).collect();
    Run {
        id: RunId::default(),
        plan,
        state,
        epoch,
        revision: 1,
        actor,
        created_at_ms: now_ms,
        changed_at_ms: now_ms,
        began_at_ms: None,
        ended_at_ms: None,
        approved_by: None,
        hurried: None,
        cancelled_by: None,
        cause: None,
        steps,
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("epoch", &self.inner.epoch).finish_non_exhaustive()
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("logs", &self.logs)
            .field("at_once", &self.at_once)
            .field("calendar", &self.calendar)
            .field("look_again", &self.look_again)
            .field("moments", &self.moments)
            .finish_non_exhaustive()
    }
}
