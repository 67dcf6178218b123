//! Checks from outside: what the configuration names is tried now and then, as a visitor would.
//!
//! Each check has a task of its own, so that none waits for another. What came of it is remembered, shown, told to the history and
//! judged; one whose task says nothing any more is unknown, never as it was.

mod book;
mod heard;
mod standing;
mod trial;
mod words;

pub use standing::{
    CheckEvidence, CheckPhase, CheckPlaced, CheckPoint, CheckReason, CheckStanding, CheckState,
    CheckStep, ChecksStanding,
};
pub use words::in_words;

use crate::{Watch, WatchError, orders::now_ms, services::Told};
use ::checks::Outcome;
use ::checks::Signal;
use book::Book;
use heard::Heard;
use kernel::config::{CheckSettings, Configuration};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use store::Store;
use tokio::{
    sync::{mpsc, watch::Receiver},
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use trial::{Trial, Tried};

/// Tries that were not noted yet.
const HEARD: usize = 64;
/// Between the first tries of two checks, so that not all begin at once.
const APART: Duration = Duration::from_millis(200);

/// A handle on how it stands with every check; clones share it.
#[derive(Debug, Clone)]
pub struct Checks(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    book: Mutex<Book>,
    heard: Heard,
    /// Steady time counts from here.
    began: Instant,
}

/// What a task tells: of which check, and what came of it.
type Came = (Arc<CheckSettings>, Tried);

impl Default for Checks {
    fn default() -> Self {
        Self(Arc::new(Shared {
            book: Mutex::default(),
            heard: Heard::default(),
            began: Instant::now(),
        }))
    }
}

impl Checks {
    /// How it stands now.
    #[must_use]
    pub fn standing(&self) -> ChecksStanding {
        self.book().standing(self.steady_ms(), now_ms())
    }

    /// Takes over what the process before had heard of jobs that report.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn remember(&self, store: &Store) -> Result<(), WatchError> {
        self.0.heard.remember(store.heartbeats().await?);
        Ok(())
    }

    /// Takes what a job reports, by the end of the path at which it did: empty for a success, `start`, `fail`, or an exit code. It is on
    /// disk when this returns. `None`: there is no such end of a path.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn report(
        &self,
        store: &Store,
        (name, path): (&str, &str),
        at_ms: i64,
    ) -> Result<Option<()>, WatchError> {
        let Some(signal) = Signal::of_path(path) else { return Ok(None) };
        self.0.heard.take(store, name, signal, at_ms).await.map(Some)
    }

    /// The last outcomes as metrics, of those that are not too old.
    pub(crate) fn told(&self) -> Vec<Told> {
        self.book().told(self.steady_ms())
    }

    /// Tries what the configuration names until `stop` is true, and tells `watch` how it stands.
    pub async fn run(
        self,
        watch: Watch,
        mut configuration: Receiver<Arc<Configuration>>,
        mut stop: Receiver<bool>,
    ) {
        let (tell, mut told) = mpsc::channel(HEARD);
        let wanted = Arc::clone(&configuration.borrow_and_update());
        self.book().configure(&wanted.checks, self.steady_ms(), now_ms());
        let mut trying = keep_trying(&wanted, &self.0.heard, &tell);
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = seconds.tick() => {}
                // We hold a sender ourselves.
                Some((settings, tried)) = told.recv() => {
                    self.book().hear(&settings, tried, self.steady_ms());
                }
                changed = configuration.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    let wanted = Arc::clone(&configuration.borrow_and_update());
                    if self.book().configure(&wanted.checks, self.steady_ms(), now_ms()) {
                        trying = keep_trying(&wanted, &self.0.heard, &tell);
                    }
                }
                _ = stop.wait_for(|stop| *stop) => break,
            }
            let standing = self.standing();
            watch.with(|live| live.checks(&standing));
        }
        trying.shutdown().await;
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn steady_ms(&self) -> i64 {
        i64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

/// A task for each; they end with the set.
fn keep_trying(
    configuration: &Configuration,
    heard: &Heard,
    tell: &mpsc::Sender<Came>,
) -> JoinSet<()> {
    let mut trying = JoinSet::new();
    for (number, settings) in (0..).zip(&configuration.checks) {
        let shop = configuration.shops.iter().find(|shop| Some(&shop.id) == settings.shop.as_ref());
        let platform = shop.map(|shop| shop.platform.clone());
        let settings = Arc::new(settings.clone());
        let around = (platform, heard.clone());
        trying.spawn(keep_to(settings, around, APART * number, tell.clone()));
    }
    trying
}

async fn keep_to(
    settings: Arc<CheckSettings>,
    around: (Option<String>, Heard),
    first: Duration,
    tell: mpsc::Sender<Came>,
) {
    let every = Duration::from_millis(settings.every_ms);
    let begin = tokio::time::Instant::now() + first.min(every);
    let mut moments = tokio::time::interval_at(begin, every);
    moments.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let within = Duration::from_millis(settings.within_ms);
    let mut ready: Option<Trial> = None;
    loop {
        moments.tick().await;
        if ready.is_none() {
            match prepared(&settings, around.clone()).await {
                Ok(trial) => ready = Some(trial),
                // Files that cannot be read now may be there the next time.
                Err(tried) => {
                    if tell.send((Arc::clone(&settings), *tried)).await.is_err() {
                        return;
                    }
                }
            }
        }
        let Some(trial) = &ready else { continue };
        if tell.send((Arc::clone(&settings), trial.run(within).await)).await.is_err() {
            return;
        }
    }
}

/// Made ready on a thread that may wait for the disk.
async fn prepared(
    settings: &Arc<CheckSettings>,
    (platform, heard): (Option<String>, Heard),
) -> Result<Trial, Box<Tried>> {
    let settings = Arc::clone(settings);
    let work = move || Trial::prepare(&settings, platform.as_deref(), &heard);
    match tokio::task::spawn_blocking(work).await {
        Ok(prepared) => prepared,
        // A panic there is our own bug, and says nothing of what is tried.
        Err(error) => {
            let outcome = Outcome::untried(now_ms(), "request_impossible", error.to_string());
            Err(Box::new(Tried::of_outcome(None, &outcome)))
        }
    }
}
