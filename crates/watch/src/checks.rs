//! Checks from outside: what the configuration names is tried now and then, as a visitor would.
//!
//! Each check has a task of its own, so that none waits for another. What came of it is remembered, shown, told to the history and
//! judged; one whose task says nothing any more is unknown, never as it was.

mod book;
mod standing;
mod words;

pub use standing::{
    CheckPhase, CheckPoint, CheckReason, CheckStanding, CheckState, ChecksStanding,
};
pub use words::in_words;

use crate::{Watch, orders::now_ms, services::Told};
use ::checks::{
    AddressFamily, Check, Conclusion, Expectation, HttpCheck, Outcome, Protocol, TcpCheck, Trust,
};
use book::Book;
use kernel::config::{CheckSettings, CheckTarget, Configuration, HttpTarget};
use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, watch::Receiver},
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

/// Outcomes that were not noted yet.
const HEARD: usize = 64;
/// What is read of a page.
const BODY_BYTES: u64 = 4 << 20;
/// Between the first tries of two checks, so that not all begin at once.
const APART: Duration = Duration::from_millis(200);

/// A handle on how it stands with every check; clones share it.
#[derive(Debug, Clone)]
pub struct Checks(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    book: Mutex<Book>,
    /// Steady time counts from here.
    began: Instant,
}

/// What a task tells: of which check, and what came of it.
type Heard = (Arc<CheckSettings>, Check, Outcome);

impl Default for Checks {
    fn default() -> Self {
        Self(Arc::new(Shared { book: Mutex::default(), began: Instant::now() }))
    }
}

impl Checks {
    /// How it stands now.
    #[must_use]
    pub fn standing(&self) -> ChecksStanding {
        self.book().standing(self.steady_ms(), now_ms())
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
        let mut trying = keep_trying(&wanted.checks, &tell);
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = seconds.tick() => {}
                // We hold a sender ourselves.
                Some((settings, check, outcome)) = told.recv() => {
                    self.book().hear(&settings, check, outcome, self.steady_ms());
                }
                changed = configuration.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    let wanted = Arc::clone(&configuration.borrow_and_update());
                    if self.book().configure(&wanted.checks, self.steady_ms(), now_ms()) {
                        trying = keep_trying(&wanted.checks, &tell);
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
fn keep_trying(all: &[CheckSettings], tell: &mpsc::Sender<Heard>) -> JoinSet<()> {
    let mut trying = JoinSet::new();
    for (number, settings) in (0..).zip(all) {
        trying.spawn(keep_to(Arc::new(settings.clone()), APART * number, tell.clone()));
    }
    trying
}

async fn keep_to(settings: Arc<CheckSettings>, first: Duration, tell: mpsc::Sender<Heard>) {
    let every = Duration::from_millis(settings.every_ms);
    let begin = tokio::time::Instant::now() + first.min(every);
    let mut moments = tokio::time::interval_at(begin, every);
    moments.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let within = Duration::from_millis(settings.within_ms);
    let mut ready: Option<Check> = None;
    loop {
        moments.tick().await;
        let (check, outcome) = match ready.take() {
            Some(check) => try_it(check, within).await,
            None => match prepared(Arc::clone(&settings)).await {
                Ok(check) => try_it(check, within).await,
                // Certificates that cannot be read now may be there the next time.
                Err(outcome) => (None, outcome),
            },
        };
        ready.clone_from(&check);
        let check = check.unwrap_or_else(|| checked(&settings, Trust::of(Vec::new())));
        if tell.send((Arc::clone(&settings), check, outcome)).await.is_err() {
            return;
        }
    }
}

async fn try_it(check: Check, within: Duration) -> (Option<Check>, Outcome) {
    let outcome = ::checks::run(&check, now_ms(), within).await;
    (Some(check), outcome)
}

/// The check, with the certificates that it believes: reading them may wait for the disk.
async fn prepared(settings: Arc<CheckSettings>) -> Result<Check, Outcome> {
    let root = settings.root.clone();
    let trust = tokio::task::spawn_blocking(move || trust(root.as_deref())).await;
    let trust = trust.map_err(|error| error.to_string()).and_then(|trust| trust);
    let trust = trust.map_err(|said| Outcome::root_unreadable(now_ms(), said))?;
    Ok(checked(&settings, trust))
}

fn trust(root: Option<&Path>) -> Result<Trust, String> {
    let Some(path) = root else { return Ok(Trust::of_machine()) };
    let said = |error: String| format!("{}: {error}", path.display());
    let pem = std::fs::read(path).map_err(|error| said(error.to_string()))?;
    Trust::of_machine_and(&pem).map_err(said)
}

fn checked(settings: &CheckSettings, trust: Trust) -> Check {
    match &settings.target {
        CheckTarget::Http(target) => Check::Http(http(target, trust)),
        CheckTarget::Tcp(target) => Check::Tcp(TcpCheck {
            host: target.host.clone(),
            port: target.port,
            family: AddressFamily::Any,
            banner: target.banner.clone(),
        }),
    }
}

fn http(target: &HttpTarget, trust: Trust) -> HttpCheck {
    let contains = target.contains.iter().cloned().map(Expectation::BodyContains);
    let lacks = target.lacks.iter().cloned().map(Expectation::BodyLacks);
    HttpCheck {
        method: http::Method::GET,
        url: target.url.clone(),
        headers: http::HeaderMap::new(),
        body: Default::default(),
        expected_status: target.status.clone(),
        expectations: contains.chain(lacks).collect(),
        body_limit_bytes: BODY_BYTES,
        redirects: target.redirects as usize,
        family: AddressFamily::Any,
        protocol: Protocol::Any,
        trust,
    }
}

/// Whether it is as it should be.
fn state_of(conclusion: &Conclusion) -> CheckState {
    match conclusion {
        Conclusion::Passed => CheckState::Ok,
        Conclusion::Failed(_) => CheckState::Failing,
        Conclusion::Unknown(_) => CheckState::Unknown,
    }
}
