//! Instances that we start ourselves. Each has a keeper: a process of its own that starts the
//! command, brings it back and stops it, and that goes on when control does not.
//!
//! The driver writes what is wanted and starts or ends the keeper; the keeper does the rest. What
//! they know of one another is in the instance's folder (docs/formats/instances.md).

mod backoff;
mod environment;
mod folder;
mod keeper;

pub use keeper::keep;

use crate::{AppsError, Exit, InstanceState, Life};
use folder::{Folder, Order, Phase, Record, Wanted};
use host::{
    HostError,
    cgroup::Cgroup,
    process::{Identity, Listener, Signal, Spawn, Stdin, listener, with_environment},
};
use kernel::config::CommandSettings;
use std::{
    fmt,
    fs::File,
    net::SocketAddr,
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio::{io::AsyncReadExt as _, time::timeout};

/// A keeper says within this that the command runs, or why not.
const START_WAIT: Duration = Duration::from_secs(20);
/// What a keeper needs beyond the grace of its command.
const KEEPER_WAIT: Duration = Duration::from_secs(10);
/// How much of a log stands beside a failure.
const LAST_LINES: usize = 10;

/// The program that keeps the instance of a folder: it calls [`keep`]. In the group of whoever
/// starts it, since it begins a session of its own.
#[derive(Clone)]
pub struct KeeperProgram(Arc<dyn Fn(&Path) -> Spawn + Send + Sync>);

/// Starts and stops an instance by its command.
#[derive(Debug)]
pub struct ProcessDriver {
    folder: Folder,
    address: SocketAddr,
    settings: CommandSettings,
    keeper: KeeperProgram,
}

/// What there is of the instance.
enum Found {
    /// Kept by a keeper that lives, or left behind by one that does not.
    Child(Identity),
    /// Started by somebody else, with our very command, at our address.
    Foreign(Identity),
    Nothing,
}

impl KeeperProgram {
    pub fn new(spawn: impl Fn(&Path) -> Spawn + Send + Sync + 'static) -> Self {
        Self(Arc::new(spawn))
    }
}

impl fmt::Debug for KeeperProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeeperProgram")
    }
}

impl ProcessDriver {
    /// `folder` is the instance's own, made when something is first done.
    #[must_use]
    pub fn new(
        folder: &Path,
        address: SocketAddr,
        settings: CommandSettings,
        keeper: KeeperProgram,
    ) -> Self {
        Self { folder: Folder::at(folder), address, settings, keeper }
    }

    pub(crate) async fn start(&self) -> Result<(), AppsError> {
        let _deed = self.begin_deed()?;
        self.bring_up().await
    }

    pub(crate) async fn stop(&self) -> Result<(), AppsError> {
        let _deed = self.begin_deed()?;
        self.take_down(Wanted::Stopped).await
    }

    /// It stays wanted all the while: whoever is interrupted in between leaves one that is brought
    /// up again.
    pub(crate) async fn restart(&self) -> Result<(), AppsError> {
        let _deed = self.begin_deed()?;
        self.take_down(Wanted::Running).await?;
        self.bring_up().await
    }

    pub(crate) async fn resume(&self) -> Result<(), AppsError> {
        let _deed = self.begin_deed()?;
        match self.folder.order()? {
            Some(order) if order.wanted == Wanted::Stopped => Ok(()),
            _ => self.bring_up().await,
        }
    }

    pub(crate) fn log_tail(&self, lines: usize) -> Result<Vec<String>, AppsError> {
        self.folder.log_tail(lines)
    }

    pub(crate) fn state(&self, now_ms: i64) -> Result<InstanceState, AppsError> {
        let record = self.folder.record()?;
        let kept = match &record {
            Some(record) => record.keeper.is_running().map_err(AppsError::Process)?,
            None => false,
        };
        if let Found::Child(identity) | Found::Foreign(identity) = self.look(record.as_ref())? {
            let stops = self.folder.order()?.is_some_and(|order| order.wanted == Wanted::Stopped);
            return Ok(if stops && kept {
                InstanceState::Stopping
            } else {
                InstanceState::Running {
                    pid: Some(identity.pid),
                    since_ms: identity.started_ms(now_ms),
                    life: Life(identity.to_string()),
                }
            });
        }
        let failed = |exit, again_at_ms: Option<i64>| {
            let last_lines = self.folder.log_tail(LAST_LINES)?;
            let retries = again_at_ms.is_some();
            Ok(InstanceState::Failed { exit, retries, again_at_ms, last_lines })
        };
        match record.map(|record| record.phase) {
            None | Some(Phase::Stopped) => Ok(InstanceState::Stopped),
            // The keeper is about to write what became of it.
            Some(Phase::Starting { .. } | Phase::Running { .. }) if kept => {
                Ok(InstanceState::Starting)
            }
            Some(Phase::Starting { .. } | Phase::Running { .. }) => failed(Exit::Unseen, None),
            Some(Phase::Waiting { exit, again_at_ms, .. }) => {
                failed(exit, kept.then_some(again_at_ms))
            }
            Some(Phase::Failed { exit }) => failed(exit, None),
        }
    }

    fn begin_deed(&self) -> Result<File, AppsError> {
        self.folder.make()?;
        self.folder.lock("deed.lock")?.ok_or(AppsError::Busy)
    }

    async fn bring_up(&self) -> Result<(), AppsError> {
        let record = self.folder.record()?;
        let found = self.look(record.as_ref())?;
        if let Some(record) = &record
            && record.keeper.is_running().map_err(AppsError::Process)?
        {
            match &found {
                Found::Child(_) => return Ok(()),
                // It waits for its next try; whoever asks does not want to.
                _ => self.end_keeper(&record.keeper).await?,
            }
        }
        let order = Order::new(&self.settings, self.address.port(), Wanted::Running);
        let adopt = match found {
            Found::Foreign(identity) => Some(identity),
            Found::Child(_) => None,
            Found::Nothing => self.refuse_occupied().map(|()| None)?,
        };
        self.folder.write_order(&Order { adopt, ..order })?;
        self.start_keeper().await
    }

    async fn take_down(&self, wanted: Wanted) -> Result<(), AppsError> {
        let order = Order::new(&self.settings, self.address.port(), wanted);
        self.folder.write_order(&order)?;
        let Some(record) = self.folder.record()? else {
            if let Found::Foreign(identity) = self.look(None)? {
                identity.stop(self.grace()).await.map_err(AppsError::Process)?;
            }
            return Ok(());
        };
        if record.keeper.is_running().map_err(AppsError::Process)? {
            self.end_keeper(&record.keeper).await?;
        }
        if let Found::Child(identity) | Found::Foreign(identity) = self.look(Some(&record))? {
            identity.stop(self.grace()).await.map_err(AppsError::Process)?;
        }
        if let Some(group) = record.cgroup.as_deref().and_then(Cgroup::at) {
            let path = group.path().to_owned();
            let ended = group.end(keeper::REMAINS_WAIT).await;
            ended.map_err(|source| AppsError::Write { path, source })?;
        }
        self.folder.write_record(&Record { phase: Phase::Stopped, ..record })
    }

    fn grace(&self) -> Duration {
        Duration::from_millis(self.settings.stop_grace_ms)
    }

    /// Looks for the instance's process: by what was written down, by its mark when its keeper was
    /// killed before it could write, by its address when somebody else started it.
    fn look(&self, record: Option<&Record>) -> Result<Found, AppsError> {
        let written = match record.map(|record| &record.phase) {
            Some(Phase::Running { child, .. }) => {
                child.is_running().map_err(AppsError::Process)?.then(|| child.clone())
            }
            Some(Phase::Starting { mark }) => {
                with_environment(environment::MARK, mark).map_err(AppsError::Process)?
            }
            _ => None,
        };
        if let Some(child) = written {
            return Ok(Found::Child(child));
        }
        match listener(self.address).map_err(AppsError::Process)? {
            Listener::Process { identity, command }
                if is_same_command(&command, &self.settings.command) =>
            {
                Ok(Found::Foreign(identity))
            }
            _ => Ok(Found::Nothing),
        }
    }

    fn refuse_occupied(&self) -> Result<(), AppsError> {
        let by = match listener(self.address).map_err(AppsError::Process)? {
            Listener::Nobody => return Ok(()),
            Listener::Hidden => "another user's process".to_owned(),
            Listener::Process { identity, command } => {
                format!("process {} ({})", identity.pid, command.join(" "))
            }
        };
        Err(AppsError::Occupied { address: self.address, by })
    }

    async fn start_keeper(&self) -> Result<(), AppsError> {
        let (ours, its) = UnixStream::pair().map_err(AppsError::Talk)?;
        ours.set_nonblocking(true).map_err(AppsError::Talk)?;
        let spawn = (self.keeper.0)(self.folder.path())
            .in_our_group()
            .stdin(Stdin::Descriptor(OwnedFd::from(its)))
            .output_to(self.folder.keeper_log());
        // Whoever outlives us is not waited for; until then the runtime collects what is left.
        drop(spawn.start().map_err(AppsError::Keeper)?);
        let mut ours = tokio::net::UnixStream::from_std(ours).map_err(AppsError::Talk)?;
        let mut said = String::new();
        let heard = timeout(START_WAIT, ours.read_to_string(&mut said)).await;
        heard.map_err(|late| AppsError::Talk(late.into()))?.map_err(AppsError::Talk)?;
        match said.as_str() {
            keeper::RUNS => Ok(()),
            "" => Err(AppsError::Silent(self.folder.keeper_log_tail(LAST_LINES)?.join("\n"))),
            why => Err(AppsError::NotStarted(why.to_owned())),
        }
    }

    async fn end_keeper(&self, keeper: &Identity) -> Result<(), AppsError> {
        match keeper.signal(Signal::Terminate) {
            Ok(()) => {}
            Err(HostError::Ended(_)) => return Ok(()),
            Err(error) => return Err(AppsError::Process(error)),
        }
        let ended = timeout(self.grace() + KEEPER_WAIT, keeper.ended()).await;
        ended.map_err(|_| AppsError::Outlived(keeper.pid))?.map_err(AppsError::Process)
    }
}

/// Whether a running process is what a command would have started. Its program may stand there by
/// its whole path, and an interpreter before it.
fn is_same_command(runs: &[String], command: &[String]) -> bool {
    let Some(begins) = runs.len().checked_sub(command.len()) else { return false };
    let Some((program, arguments)) = command.split_first() else { return false };
    let name = |path: &str| Path::new(path).file_name().map(ToOwned::to_owned);
    let runs = &runs[begins..];
    // At most an interpreter and its one option, as of a script's first line.
    begins <= 2 && name(&runs[0]) == name(program) && &runs[1..] == arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_recognised_by_its_whole_command() {
        let check = |runs: &str, command: &str, expect: bool| {
            let words = |text: &str| -> Vec<String> {
                text.split_whitespace().map(str::to_owned).collect()
            };
            assert_eq!(is_same_command(&words(runs), &words(command)), expect, "{runs}");
        };
        check("node server.js", "node server.js", true);
        check("/usr/bin/node server.js", "node server.js", true);
        check("/usr/bin/python3 /srv/shop/serve --port 1", "/srv/shop/serve --port 1", true);
        check("node other.js", "node server.js", false);
        check("node server.js --debug", "node server.js", false);
        check("node", "node server.js", false);
        check("vim -R -n -c node server.js", "node server.js", false);
        check("", "node", false);
    }
}
