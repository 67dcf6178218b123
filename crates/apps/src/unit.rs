//! Instances that systemd starts: services, by systemctl(1) and journalctl(1). Words are passed as
//! they are, and only what is made for programs is read.

mod show;

use crate::{AppsError, InstanceState};
use host::{
    HostError,
    process::{Output, Spawn, monotonic_ms, run_to_end},
};
use kernel::config::UnitName;
use show::{PROPERTIES, Shown};
use std::time::Duration;

/// systemd's own limits on starting and stopping (`TimeoutStartSec=`, `TimeoutStopSec=`: 90 s
/// each where nothing is said) come first.
const DEED_WAIT: Duration = Duration::from_secs(300);
const QUESTION_WAIT: Duration = Duration::from_secs(15);
/// How much of the journal stands beside a failure.
const LAST_LINES: usize = 10;

/// A systemd and the way to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Systemd {
    before: Vec<String>,
}

/// Starts and stops an instance by its unit.
#[derive(Debug)]
pub struct UnitDriver {
    unit: UnitName,
    systemd: Systemd,
}

impl Systemd {
    /// That of this machine.
    #[must_use]
    pub fn here() -> Self {
        Self { before: Vec::new() }
    }

    /// One that is reached by a program which is given the command as its last arguments, such as
    /// `nsenter` into a container.
    #[must_use]
    pub fn through(words: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { before: words.into_iter().map(Into::into).collect() }
    }

    async fn run(
        &self,
        program: &str,
        arguments: Vec<String>,
        limit: Duration,
    ) -> Result<Output, HostError> {
        let mut words = self.before.clone();
        words.push(program.to_owned());
        words.extend(arguments);
        let ran = tokio::task::spawn_blocking(move || {
            let (program, arguments) =
                words.split_first().expect("invariant: the program was pushed");
            // Messages in the language that error texts are compared in.
            run_to_end(Spawn::new(program).args(arguments).env("LC_ALL", "C.UTF-8"), limit)
        });
        ran.await.expect("invariant: running a command does not panic")
    }
}

impl UnitDriver {
    #[must_use]
    pub fn new(unit: UnitName, systemd: Systemd) -> Self {
        Self { unit, systemd }
    }

    pub(crate) async fn start(&self) -> Result<(), AppsError> {
        let shown = self.known().await?;
        if shown.is_active() {
            return Ok(());
        }
        self.forget_failures(&shown).await?;
        self.systemctl("start", DEED_WAIT).await
    }

    pub(crate) async fn stop(&self) -> Result<(), AppsError> {
        self.known().await?;
        self.systemctl("stop", DEED_WAIT).await?;
        // One that was killed after its grace counts as failed, but it is stopped as was wanted.
        let shown = self.show().await?;
        self.forget_failures(&shown).await
    }

    pub(crate) async fn restart(&self) -> Result<(), AppsError> {
        let shown = self.known().await?;
        self.forget_failures(&shown).await?;
        self.systemctl("restart", DEED_WAIT).await
    }

    pub(crate) async fn state(&self, now_ms: i64) -> Result<InstanceState, AppsError> {
        let shown = self.known().await?;
        let state = shown.state(now_ms, monotonic_ms()).map_err(|strange| self.strange(strange))?;
        Ok(match state {
            InstanceState::Failed { exit, retries, again_at_ms, .. } => {
                let last_lines = self.log_tail(LAST_LINES).await?;
                InstanceState::Failed { exit, retries, again_at_ms, last_lines }
            }
            state => state,
        })
    }

    pub(crate) async fn log_tail(&self, lines: usize) -> Result<Vec<String>, AppsError> {
        let arguments = vec![
            format!("--unit={}", self.unit),
            format!("--lines={lines}"),
            "--output=cat".to_owned(),
            "--no-pager".to_owned(),
            "--quiet".to_owned(),
        ];
        let output = self.systemd.run("journalctl", arguments, QUESTION_WAIT).await;
        let output =
            output.map_err(|source| AppsError::Journal { unit: self.unit.clone(), source })?;
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// What systemd says of a unit that can be acted on.
    async fn known(&self) -> Result<Shown, AppsError> {
        let shown = self.show().await?;
        if shown.is_unknown_to_systemd() {
            return Err(AppsError::NoUnit(self.unit.clone()));
        }
        if shown.is_masked() {
            return Err(AppsError::Masked(self.unit.clone()));
        }
        Ok(shown)
    }

    async fn show(&self) -> Result<Shown, AppsError> {
        let arguments = vec![
            "show".to_owned(),
            "--no-pager".to_owned(),
            format!("--property={PROPERTIES}"),
            self.unit.to_string(),
        ];
        let output = self.systemd.run("systemctl", arguments, QUESTION_WAIT).await;
        let output = output.map_err(|source| self.failed("ask for", source))?;
        Shown::parse(&String::from_utf8_lossy(&output.stdout))
            .map_err(|strange| self.strange(strange))
    }

    /// systemd refuses to start what failed too often lately, until it is told to forget.
    async fn forget_failures(&self, shown: &Shown) -> Result<(), AppsError> {
        if shown.is_failed() {
            return self.systemctl("reset-failed", QUESTION_WAIT).await;
        }
        Ok(())
    }

    async fn systemctl(&self, verb: &'static str, limit: Duration) -> Result<(), AppsError> {
        let arguments = ["--no-ask-password", verb].map(str::to_owned);
        let arguments = arguments.into_iter().chain([self.unit.to_string()]).collect();
        let output = self.systemd.run("systemctl", arguments, limit).await;
        output.map(drop).map_err(|source| self.failed(verb, source))
    }

    fn failed(&self, verb: &'static str, source: HostError) -> AppsError {
        AppsError::Systemctl { verb, unit: self.unit.clone(), source }
    }

    fn strange(&self, strange: show::Strange) -> AppsError {
        AppsError::Answer { unit: self.unit.clone(), why: strange.0 }
    }
}
