//! One app server of the shop: a process that is started, asked, killed and started again.

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use host::process::{Process, Signal, Spawn};
use serde::Serialize;
use tokio::{
    sync::Mutex,
    time::{Instant, sleep, timeout},
};

use crate::{customers::Client, shop::Fault};

/// How long an instance may take to answer for the first time; Node on a busy machine needs it.
const START_WAIT: Duration = Duration::from_secs(90);
/// How long it may take to end after it was asked to.
const STOP_WAIT: Duration = Duration::from_secs(12);
const HEALTH_WAIT: Duration = Duration::from_secs(4);

/// Whether an instance is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Presence {
    Running {
        pid: u32,
    },
    /// Not running; started again by itself after so long, or not at all.
    Down {
        restart_in_ms: Option<u64>,
    },
}

#[derive(Debug, Default)]
struct State {
    process: Option<Process>,
    /// When it was seen to have ended without being asked to.
    died_at: Option<Instant>,
    restart_at: Option<Instant>,
    fault: Fault,
}

/// An instance of the shop. Dropped, its process is killed.
pub struct Instance {
    name: String,
    address: SocketAddr,
    log: PathBuf,
    command: Box<dyn Fn() -> Spawn + Send + Sync>,
    state: Mutex<State>,
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance")
            .field("name", &self.name)
            .field("address", &self.address)
            .finish()
    }
}

impl Instance {
    pub(super) fn new(
        name: String,
        address: SocketAddr,
        log: PathBuf,
        command: impl Fn() -> Spawn + Send + Sync + 'static,
    ) -> Self {
        Self { name, address, log, command: Box::new(command), state: Mutex::default() }
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts it, unless it runs, and waits until it says that it is well.
    ///
    /// # Errors
    /// When it does not start, or ends or stays ill; the end of its log is in the message.
    pub async fn start(&self) -> Result<()> {
        self.begin().await?;
        let deadline = Instant::now() + START_WAIT;
        while !self.is_well().await {
            let has_ended = match &mut self.state.lock().await.process {
                Some(process) => timeout(Duration::ZERO, process.wait()).await.is_ok(),
                None => true,
            };
            if has_ended || Instant::now() > deadline {
                let why = if has_ended { "ended" } else { "is not well" };
                bail!("{} {why} after its start:\n{}", self.name, log_end(&self.log));
            }
            sleep(Duration::from_millis(40)).await;
        }
        let fault = self.state.lock().await.fault;
        // What leaked is gone with the process that leaked it.
        self.set_fault(Fault { leak_mb_per_request: 0, ..fault }).await
    }

    /// Starts it, unless it runs, and does not wait.
    pub(super) async fn begin(&self) -> Result<()> {
        self.spawn(&mut *self.state.lock().await)
    }

    /// Asks it to end, and waits until it has. It stays down.
    ///
    /// # Errors
    /// When it can't be signalled.
    pub async fn stop(&self) -> Result<()> {
        self.end(Signal::Terminate).await
    }

    /// Kills it at once, without a word. It counts as died.
    ///
    /// # Errors
    /// When it can't be signalled.
    pub async fn kill(&self) -> Result<()> {
        self.end(Signal::Kill).await?;
        self.state.lock().await.died_at = Some(Instant::now());
        Ok(())
    }

    async fn end(&self, signal: Signal) -> Result<()> {
        let mut state = self.state.lock().await;
        state.died_at = None;
        state.restart_at = None;
        if let Some(mut process) = state.process.take() {
            process
                .stop_with(signal, STOP_WAIT)
                .await
                .with_context(|| format!("end {}", self.name))?;
        }
        Ok(())
    }

    /// Looks whether it has died, and starts it when it has been down for `restart_after`.
    pub(super) async fn tend(&self, restart_after: Option<Duration>) -> Result<()> {
        let mut state = self.state.lock().await;
        if let Some(process) = &mut state.process
            && timeout(Duration::ZERO, process.wait()).await.is_ok()
        {
            state.process = None;
            state.died_at = Some(Instant::now());
        }
        let (Some(died_at), Some(restart_after)) = (state.died_at, restart_after) else {
            return Ok(());
        };
        let restart_at = died_at + restart_after;
        state.restart_at = Some(restart_at);
        if Instant::now() < restart_at {
            return Ok(());
        }
        drop(state);
        self.start().await
    }

    pub async fn presence(&self) -> Presence {
        let state = self.state.lock().await;
        match &state.process {
            Some(process) => Presence::Running { pid: process.pid() },
            None => {
                let left = state.restart_at.map(|at| at.saturating_duration_since(Instant::now()));
                let restart_in_ms = left.and_then(|left| u64::try_from(left.as_millis()).ok());
                Presence::Down { restart_in_ms }
            }
        }
    }

    pub(super) async fn fault(&self) -> Fault {
        self.state.lock().await.fault
    }

    /// Asks for these faults, now when it runs, and again after each start. The shops that are not
    /// ours have none to give.
    pub(super) async fn set_fault(&self, fault: Fault) -> Result<()> {
        let (changes, runs) = {
            let mut state = self.state.lock().await;
            let changes = state.fault != fault || fault != Fault::default();
            state.fault = fault;
            (changes, state.process.is_some())
        };
        if !changes || !runs {
            return Ok(());
        }
        let body = serde_json::to_string(&fault)?;
        let mut client = Client::new(self.address, &self.address.to_string());
        let answer = client.request_once("POST", "/__faults", Some(&body)).await?;
        ensure!(answer.status == 200, "{} refuses its faults: {}", self.name, answer.status);
        Ok(())
    }

    fn spawn(&self, state: &mut State) -> Result<()> {
        if state.process.is_none() {
            let spawn = (self.command)().output_to(&self.log);
            state.process = Some(spawn.start().with_context(|| format!("start {}", self.name))?);
        }
        state.died_at = None;
        state.restart_at = None;
        Ok(())
    }

    async fn is_well(&self) -> bool {
        let mut client = Client::new(self.address, &self.address.to_string());
        let answer = timeout(HEALTH_WAIT, client.request_once("GET", "/health", None)).await;
        matches!(answer, Ok(Ok(answer)) if answer.status == 200)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some(process) = &mut self.state.get_mut().process {
            process.end_now(Signal::Kill, Duration::from_secs(2));
        }
    }
}

/// The last lines of a log, for a message; says so when there is none.
pub(super) fn log_end(path: &std::path::Path) -> String {
    match std::fs::read_to_string(path) {
        Ok(log) => {
            let lines: Vec<&str> = log.lines().collect();
            lines[lines.len().saturating_sub(25)..].join("\n")
        }
        Err(error) => format!("(no log at {}: {error})", path.display()),
    }
}
