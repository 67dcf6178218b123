//! What every driver must do, whatever it starts instances with.

use crate::{LONG, now_ms};
use apps::{AppsError, Driver, Exit, InstanceState, Life};
use testkit::wait_until;

/// Where a driver is tried out.
pub(crate) trait Stage {
    /// A driver of an instance that nobody has started yet, with half a second of grace.
    fn driver(&self, program: Program) -> Driver;

    /// Ends the running process of a driver's instance from outside, as the out-of-memory killer
    /// would.
    async fn kill(&self, driver: &Driver);
}

/// What an instance runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    /// Says `ready` and serves until it is asked to end.
    Well,
    /// Says `ready` and does not listen.
    Deaf,
    /// Says `something is wrong` and ends with code 3.
    Failing,
    /// There is no such program.
    Missing,
}

impl Program {
    pub(crate) fn command(self) -> Vec<String> {
        let script = match self {
            Self::Well => "echo ready; exec sleep 1000",
            Self::Deaf => "trap '' TERM; echo ready; while :; do sleep 0.1; done",
            Self::Failing => "echo something is wrong >&2; exit 3",
            Self::Missing => return vec!["/no/such/program".to_owned()],
        };
        ["/bin/sh", "-c", script].map(str::to_owned).to_vec()
    }
}

/// Runs the whole suite.
pub(crate) async fn conforms(stage: &impl Stage) {
    starts_once_and_stops_once(stage).await;
    restarts_into_another_life(stage).await;
    kills_what_does_not_listen(stage).await;
    says_how_a_program_failed(stage).await;
    brings_back_what_was_killed(stage).await;
    starts_what_failed_when_asked(stage).await;
    refuses_a_program_that_is_not_there(stage).await;
}

async fn running(driver: &Driver) -> Life {
    wait_until("a running instance", LONG, async || match driver.state(now_ms()).await {
        InstanceState::Running { life, .. } => Ok(life),
        other => Err(other),
    })
    .await
}

async fn failed(driver: &Driver) -> (Exit, bool, Vec<String>) {
    wait_until("a failed instance", LONG, async || match driver.state(now_ms()).await {
        InstanceState::Failed { exit, retries, last_lines, .. } => Ok((exit, retries, last_lines)),
        other => Err(other),
    })
    .await
}

async fn said(driver: &Driver, line: &str) {
    wait_until(line, LONG, async || {
        let lines = driver.log_tail(50).await.unwrap();
        if lines.iter().any(|said| said == line) { Ok(()) } else { Err(lines) }
    })
    .await;
}

async fn starts_once_and_stops_once(stage: &impl Stage) {
    let driver = stage.driver(Program::Well);
    assert_eq!(driver.state(now_ms()).await, InstanceState::Stopped);
    driver.stop().await.unwrap();
    let begins_ms = now_ms();
    driver.start().await.unwrap();
    let life = running(&driver).await;
    let InstanceState::Running { pid, since_ms, .. } = driver.state(now_ms()).await else {
        panic!("it ran a moment ago");
    };
    assert!(pid.is_some_and(|pid| pid > 1), "{pid:?}");
    // Ticks of the kernel are a hundredth of a second.
    assert!((begins_ms - 50..=now_ms() + 50).contains(&since_ms), "{since_ms} of {begins_ms}");
    said(&driver, "ready").await;
    driver.start().await.unwrap();
    driver.resume().await.unwrap();
    assert_eq!(running(&driver).await, life, "a second start changed something");
    driver.stop().await.unwrap();
    assert_eq!(driver.state(now_ms()).await, InstanceState::Stopped);
    driver.stop().await.unwrap();
    driver.resume().await.unwrap();
    assert_eq!(driver.state(now_ms()).await, InstanceState::Stopped, "who was stopped stays so");
}

async fn restarts_into_another_life(stage: &impl Stage) {
    let driver = stage.driver(Program::Well);
    driver.restart().await.unwrap();
    let first = running(&driver).await;
    driver.restart().await.unwrap();
    assert_ne!(running(&driver).await, first);
    driver.stop().await.unwrap();
}

async fn kills_what_does_not_listen(stage: &impl Stage) {
    let driver = stage.driver(Program::Deaf);
    driver.start().await.unwrap();
    said(&driver, "ready").await;
    driver.stop().await.unwrap();
    assert_eq!(driver.state(now_ms()).await, InstanceState::Stopped);
}

/// It was started and ended at once. systemd may have seen that before it answers.
async fn start_to_fail(driver: &Driver) {
    if let Err(error) = driver.start().await {
        assert!(matches!(error, AppsError::Systemctl { verb: "start", .. }), "{error}");
    }
}

async fn says_how_a_program_failed(stage: &impl Stage) {
    let driver = stage.driver(Program::Failing);
    start_to_fail(&driver).await;
    let (exit, _, _) = failed(&driver).await;
    assert_eq!(exit, Exit::Code { code: 3 });
    wait_until("its last lines", LONG, async || {
        let (_, _, lines) = failed(&driver).await;
        if lines.iter().any(|line| line == "something is wrong") { Ok(()) } else { Err(lines) }
    })
    .await;
    driver.stop().await.unwrap();
    assert_eq!(driver.state(now_ms()).await, InstanceState::Stopped);
}

async fn brings_back_what_was_killed(stage: &impl Stage) {
    let driver = stage.driver(Program::Well);
    driver.start().await.unwrap();
    let first = running(&driver).await;
    stage.kill(&driver).await;
    wait_until("another life", LONG, async || match driver.state(now_ms()).await {
        InstanceState::Running { life, .. } if life != first => Ok(()),
        other => Err(other),
    })
    .await;
    driver.stop().await.unwrap();
}

async fn starts_what_failed_when_asked(stage: &impl Stage) {
    let driver = stage.driver(Program::Failing);
    for _ in 0..8 {
        // More often than systemd lets one be started in ten seconds without being told to forget.
        start_to_fail(&driver).await;
        failed(&driver).await;
    }
    driver.stop().await.unwrap();
    assert_eq!(driver.state(now_ms()).await, InstanceState::Stopped);
}

async fn refuses_a_program_that_is_not_there(stage: &impl Stage) {
    let driver = stage.driver(Program::Missing);
    driver.start().await.unwrap_err();
    let state = driver.state(now_ms()).await;
    assert!(matches!(state, InstanceState::Failed { .. }), "{state:?}");
    driver.stop().await.unwrap();
    assert_eq!(driver.state(now_ms()).await, InstanceState::Stopped);
}
