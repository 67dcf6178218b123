//! What can be done with an instance, whatever starts it: one word for systemd and for our own
//! keepers, and one conformance suite for both (`tests/it/conformance.rs`).

use crate::{AppsError, KeeperProgram, ProcessDriver, Systemd, UnitDriver};
use kernel::{
    InstanceName, ShopId,
    config::{InstanceSettings, Launch},
};
use serde::{Deserialize, Serialize};
use std::{fmt, path::PathBuf};

/// Starts and stops one instance.
///
/// Every deed may be asked for again: what is so already stays as it is.
#[derive(Debug)]
pub enum Driver {
    Process(ProcessDriver),
    Unit(UnitDriver),
}

/// What an instance does, as far as whoever starts it can tell. Whether it serves is another
/// question, which only a request answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum InstanceState {
    Running {
        /// `None`: there are processes, but none that is the main one.
        pid: Option<u32>,
        /// Unix milliseconds.
        since_ms: i64,
        life: Life,
    },
    Starting,
    Stopping,
    /// Because that was wanted, or because nobody ever started it.
    Stopped,
    /// It ended, or never came up.
    Failed {
        exit: Exit,
        /// It is going to be started again.
        retries: bool,
        /// Unix milliseconds of that, where they are known.
        again_at_ms: Option<i64>,
        /// The end of what it said.
        last_lines: Vec<String>,
    },
    /// Nothing can be told; why.
    Unknown {
        why: String,
    },
}

/// One life of an instance, from a start to an end: differs from that of every other.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Life(pub String);

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "exit", rename_all = "snake_case")]
pub enum Exit {
    Code {
        code: i32,
    },
    Signal {
        signal: i32,
    },
    NotStarted {
        why: String,
    },
    /// Nobody of ours was there to see it.
    Unseen,
}

/// What drivers are made with on this machine.
#[derive(Debug, Clone)]
pub struct Means {
    /// Where every instance has its folder, as `SHOP/INSTANCE`.
    pub folder: PathBuf,
    pub keeper: KeeperProgram,
    pub systemd: Systemd,
}

impl Means {
    /// The driver of an instance; `None` when nothing that we know starts it.
    #[must_use]
    pub fn driver(&self, shop: &ShopId, instance: &InstanceSettings) -> Option<Driver> {
        Some(match instance.launch.as_ref()? {
            Launch::Unit(unit) => Driver::Unit(UnitDriver::new(unit.clone(), self.systemd.clone())),
            Launch::Command(settings) => Driver::Process(ProcessDriver::new(
                &self.folder_of(shop, &instance.name),
                instance.address,
                settings.clone(),
                self.keeper.clone(),
            )),
        })
    }

    pub(crate) fn folder_of(&self, shop: &ShopId, instance: &InstanceName) -> PathBuf {
        self.folder.join(shop.as_str()).join(instance.as_str())
    }
}

impl Driver {
    /// Starts it, unless it runs. It runs then, or has ended by itself; whether it serves is for
    /// its checks to say.
    ///
    /// # Errors
    /// When it cannot be started, or was seen to end at once. Whoever brings it back when it ends
    /// may go on trying after the latter.
    pub async fn start(&self) -> Result<(), AppsError> {
        match self {
            Self::Process(driver) => driver.start().await,
            Self::Unit(driver) => driver.start().await,
        }
    }

    /// Asks it to end, gives it its grace, kills it then. It stays stopped, also over a restart of
    /// Storewarden.
    ///
    /// # Errors
    /// When it cannot be made to end.
    pub async fn stop(&self) -> Result<(), AppsError> {
        match self {
            Self::Process(driver) => driver.stop().await,
            Self::Unit(driver) => driver.stop().await,
        }
    }

    /// Stops and starts it: another life than before.
    ///
    /// # Errors
    /// As of [`Driver::stop`] and [`Driver::start`]; after the latter it is stopped.
    pub async fn restart(&self) -> Result<(), AppsError> {
        match self {
            Self::Process(driver) => driver.restart().await,
            Self::Unit(driver) => driver.restart().await,
        }
    }

    /// Brings about what was wanted last, after a start of Storewarden or of the machine: starts a
    /// command that nobody stopped, and finds one again that went on. Of units systemd takes care.
    ///
    /// # Errors
    /// As of [`Driver::start`].
    pub async fn resume(&self) -> Result<(), AppsError> {
        match self {
            Self::Process(driver) => driver.resume().await,
            Self::Unit(_) => Ok(()),
        }
    }

    /// What it does now. What cannot be seen is [`InstanceState::Unknown`]. `now_ms` is unix
    /// milliseconds.
    pub async fn state(&self, now_ms: i64) -> InstanceState {
        let state = match self {
            Self::Process(driver) => driver.state(now_ms),
            Self::Unit(driver) => driver.state(now_ms).await,
        };
        state.unwrap_or_else(|error| InstanceState::Unknown { why: error.chain() })
    }

    /// The end of what it said, the newest line last; empty when it said nothing.
    ///
    /// # Errors
    /// When its log cannot be read.
    pub async fn log_tail(&self, lines: usize) -> Result<Vec<String>, AppsError> {
        match self {
            Self::Process(driver) => driver.log_tail(lines),
            Self::Unit(driver) => driver.log_tail(lines).await,
        }
    }
}

impl InstanceState {
    /// Names the message, snake_case, as in JSON.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Running { .. } => "running",
            Self::Starting => "starting",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Failed { .. } => "failed",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// The life that runs, if one does.
    #[must_use]
    pub fn life(&self) -> Option<&Life> {
        match self {
            Self::Running { life, .. } => Some(life),
            _ => None,
        }
    }
}

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code { code } => write!(f, "ended with code {code}"),
            Self::Signal { signal } => write!(f, "was ended by signal {signal}"),
            Self::NotStarted { why } => write!(f, "was not started: {why}"),
            Self::Unseen => write!(f, "ended while nobody looked"),
        }
    }
}
