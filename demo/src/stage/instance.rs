//! One app server of the shop: a process that is started, asked, killed and started again.

use std::{net::SocketAddr, path::Path, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use apps::{Driver, InstanceState, KeeperProgram, Life, ProcessDriver};
use host::process::{Signal, Spawn, signal};
use kernel::config::CommandSettings;
use serde::Serialize;
use tokio::{
    sync::Mutex,
    time::{Instant, sleep, timeout},
};

use crate::{customers::Client, shop::Fault};

/// How long an instance may take to answer for the first time; Node on a busy machine needs it.
const START_WAIT: Duration = Duration::from_secs(90);
/// Lines of its log in a message.
const LOG_LINES: usize = 25;
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
    /// When it was killed, until it is started again.
    died_at: Option<Instant>,
    restart_at: Option<Instant>,
    fault: Fault,
    /// The life that was asked for these faults.
    faulty: Option<Life>,
}

/// An instance of the shop, in the keeping of Storewarden's keepers, whoever starts it. Dropped, it
/// is ended.
#[derive(Debug)]
pub struct Instance {
    name: String,
    address: SocketAddr,
    /// A page that answers 200 when it is well.
    probe: &'static str,
    settings: CommandSettings,
    driver: Driver,
    state: Mutex<State>,
    /// Held while it is asked for faults: what was wanted last is what it has.
    asking: Mutex<()>,
}

impl Instance {
    /// `instances` is the folder in which each has its own; `keeper` is the program that keeps it.
    pub(super) fn new(
        name: String,
        address: SocketAddr,
        probe: &'static str,
        settings: CommandSettings,
        instances: &Path,
        keeper: &Path,
    ) -> Self {
        let keeper = keeper.to_owned();
        let keeper = KeeperProgram::new(move |folder| Spawn::new(&keeper).arg("keep").arg(folder));
        let folder = instances.join(&name);
        let driver = ProcessDriver::new(&folder, address, settings.clone(), keeper);
        let driver = Driver::Process(driver);
        Self {
            name,
            address,
            probe,
            settings,
            driver,
            state: Mutex::default(),
            asking: Mutex::default(),
        }
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How it is started, as Storewarden's configuration says it.
    pub(super) fn settings(&self) -> &CommandSettings {
        &self.settings
    }

    /// Starts it, unless it runs, and waits until it says that it is well.
    ///
    /// # Errors
    /// When it does not start, or ends or stays ill; the end of its log is in the message.
    pub async fn start(&self) -> Result<()> {
        self.begin().await?;
        let deadline = Instant::now() + START_WAIT;
        while !self.is_well().await {
            let state = self.driver.state(now_ms()).await;
            let has_ended = matches!(state, InstanceState::Stopped | InstanceState::Failed { .. });
            if has_ended || Instant::now() > deadline {
                let why = if has_ended { "ended" } else { "is not well" };
                let log = self.driver.log_tail(LOG_LINES).await?.join("\n");
                bail!("{} {why} after its start:\n{log}", self.name);
            }
            sleep(Duration::from_millis(40)).await;
        }
        self.ask_again().await
    }

    /// Starts it, unless it runs, and does not wait.
    pub(super) async fn begin(&self) -> Result<()> {
        let mut state = self.state.lock().await;
        self.driver.start().await.with_context(|| format!("start {}", self.name))?;
        state.died_at = None;
        state.restart_at = None;
        Ok(())
    }

    /// Asks it to end, and waits until it has. It stays down.
    ///
    /// # Errors
    /// When it can't be ended.
    pub async fn stop(&self) -> Result<()> {
        let mut state = self.state.lock().await;
        state.died_at = None;
        state.restart_at = None;
        self.driver.stop().await.with_context(|| format!("end {}", self.name))
    }

    /// Kills it at once, without a word, and as a machine that is gone: its keeper does not bring
    /// it back. It counts as died.
    ///
    /// # Errors
    /// When it can't be signalled.
    pub async fn kill(&self) -> Result<()> {
        if let Presence::Running { pid } = self.presence().await {
            signal(pid, Signal::Kill).with_context(|| format!("kill {}", self.name))?;
        }
        self.stop().await?;
        self.state.lock().await.died_at = Some(Instant::now());
        Ok(())
    }

    /// Stops its processes where they stand: it takes connections and answers nothing, as one that waits
    /// for a lock which nobody gives back. Ending it wakes it up.
    ///
    /// # Errors
    /// When it does not run, or can't be signalled.
    pub async fn hang(&self) -> Result<()> {
        let Presence::Running { pid } = self.presence().await else {
            bail!("{} does not run", self.name);
        };
        // A master that is stopped brings no worker back.
        for pid in [vec![pid], children(pid)].concat() {
            signal(pid, Signal::Stop).with_context(|| format!("stop {}", self.name))?;
        }
        Ok(())
    }

    /// Starts it when it was killed so long ago. One that its keeper brought back gets its faults
    /// again.
    pub(super) async fn tend(&self, restart_after: Option<Duration>) -> Result<()> {
        let mut state = self.state.lock().await;
        let (Some(died_at), Some(restart_after)) = (state.died_at, restart_after) else {
            drop(state);
            return self.mend_fault().await;
        };
        let restart_at = died_at + restart_after;
        state.restart_at = Some(restart_at);
        if Instant::now() < restart_at {
            return Ok(());
        }
        drop(state);
        self.start().await
    }

    /// Another life than the one that was asked for faults: it has none of them.
    async fn mend_fault(&self) -> Result<()> {
        if self.fault().await == Fault::default() {
            return Ok(());
        }
        let life = self.driver.state(now_ms()).await.life().cloned();
        let is_new = life.is_some() && life != self.state.lock().await.faulty;
        if is_new && self.is_well().await {
            return self.ask_again().await;
        }
        Ok(())
    }

    /// Asks a new process for what was wanted of the one before: of that as it stands by now. What
    /// leaked is gone with the process that leaked it.
    async fn ask_again(&self) -> Result<()> {
        self.ask(|fault| Fault { leak_mb_per_request: 0, ..fault }).await
    }

    pub async fn presence(&self) -> Presence {
        match self.driver.state(now_ms()).await {
            InstanceState::Running { pid: Some(pid), .. } => Presence::Running { pid },
            InstanceState::Failed { again_at_ms: Some(at_ms), .. } => {
                let left = u64::try_from(at_ms - now_ms()).unwrap_or(0);
                Presence::Down { restart_in_ms: Some(left) }
            }
            _ => {
                let state = self.state.lock().await;
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
        self.ask(|_| fault).await
    }

    /// Asks it for what becomes of the faults that were wanted last.
    async fn ask(&self, change: impl FnOnce(Fault) -> Fault) -> Result<()> {
        let _asking = self.asking.lock().await;
        let life = self.driver.state(now_ms()).await.life().cloned();
        let (fault, changes, runs) = {
            let mut state = self.state.lock().await;
            let fault = change(state.fault);
            let changes = state.fault != fault || fault != Fault::default();
            state.fault = fault;
            state.faulty.clone_from(&life);
            (fault, changes, life.is_some())
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

    async fn is_well(&self) -> bool {
        let mut client = Client::new(self.address, &self.address.to_string());
        let answer = timeout(HEALTH_WAIT, client.request_once("GET", self.probe, None)).await;
        matches!(answer, Ok(Ok(answer)) if answer.status == 200)
    }
}

impl Drop for Instance {
    /// On a thread of its own: whoever drops may be a runtime's. What is stopped already stays so.
    fn drop(&mut self) {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let ended = runtime.map(|runtime| runtime.block_on(self.driver.stop()));
                if !matches!(ended, Ok(Ok(()))) {
                    eprintln!("error: {} was not ended: {ended:?}", self.name);
                }
            });
        });
    }
}

/// The processes that `pid` started and has, as a master has workers (proc_pid_task(5), `children`);
/// none where the kernel does not say.
fn children(pid: u32) -> Vec<u32> {
    let file = format!("/proc/{pid}/task/{pid}/children");
    let children = std::fs::read_to_string(file).unwrap_or_default();
    children.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// The last lines of a log, for a message; says so when there is none.
pub(super) fn log_end(path: &Path) -> String {
    match std::fs::read_to_string(path) {
        Ok(log) => {
            let lines: Vec<&str> = log.lines().collect();
            lines[lines.len().saturating_sub(25)..].join("\n")
        }
        Err(error) => format!("(no log at {}: {error})", path.display()),
    }
}
