//! The keeper: the parent of one instance, in a process and a session of its own.
//!
//! It has few things to go wrong, since nobody keeps the keeper. When it is killed all the same,
//! the instance goes on, and the next keeper adopts it.

use super::{
    backoff, environment,
    folder::{Folder, Order, Phase, Record, VERSION},
};
use crate::{AppsError, Exit};
use host::{
    cgroup::Cgroup,
    process::{Identity, Process, Spawn, begin_session, with_environment},
};
use std::{
    fs::File,
    io::Write as _,
    net::Shutdown,
    os::{
        fd::AsFd as _,
        unix::{fs::MetadataExt as _, net::UnixStream, process::ExitStatusExt as _},
    },
    path::Path,
    process::ExitStatus,
    time::Duration,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{Instant, interval, sleep},
};
use tracing::{info, warn};

/// What the keeper says to whoever started it when the command runs; anything else says why not.
pub(super) const RUNS: &str = "runs";

/// What is killed is gone by then.
pub(super) const REMAINS_WAIT: Duration = Duration::from_secs(3);
const LOG_CHECK: Duration = Duration::from_secs(60);

/// Keeps the instance of a folder until it is told to end (SIGTERM), as its order says. Its
/// descriptor 0 is a socket by which whoever started it hears whether the command runs.
///
/// `now_ms` reads unix milliseconds.
///
/// # Errors
/// When the command cannot be started the first time; nothing of it runs then.
pub async fn keep(folder: &Path, now_ms: impl Fn() -> i64) -> Result<(), AppsError> {
    let starter = Starter::of_descriptor_0()?;
    let folder = Folder::at(folder);
    let begun = async {
        // Who was started from a terminal leads no group; a service manager may have made a session.
        if let Err(error) = begin_session() {
            info!(%error, "stays in the session it was started in");
        }
        let mut terminate = signal(SignalKind::terminate()).map_err(AppsError::Signals)?;
        let (mut keeper, child) = Keeper::begin(folder, &now_ms)?;
        starter.tell(RUNS);
        keeper.tend(child, &mut terminate).await
    };
    let ended = begun.await;
    if let Err(error) = &ended {
        starter.tell(&error.chain());
    }
    ended
}

/// Whoever started this keeper and waits for a word. May be gone.
struct Starter(UnixStream);

impl Starter {
    fn of_descriptor_0() -> Result<Self, AppsError> {
        let descriptor = std::io::stdin().as_fd().try_clone_to_owned().map_err(AppsError::Talk)?;
        Ok(Self(UnixStream::from(descriptor)))
    }

    fn tell(&self, word: &str) {
        let told = (&self.0).write_all(word.as_bytes());
        if let Err(error) = told.and_then(|()| self.0.shutdown(Shutdown::Both)) {
            info!(%error, "nobody heard how the start went");
        }
    }
}

struct Keeper<N> {
    folder: Folder,
    order: Order,
    own: Identity,
    cgroup: Option<Cgroup>,
    now_ms: N,
    starts: u32,
    _lock: File,
}

/// The process that is kept: our own, or one that somebody else started.
enum Child {
    Own(Process, Identity),
    Adopted(Identity),
}

impl Child {
    async fn ended(&mut self) -> Result<Exit, AppsError> {
        match self {
            Self::Own(process, _) => process.wait().await.map(exit_of).map_err(AppsError::Process),
            Self::Adopted(identity) => {
                identity.ended().await.map(|()| Exit::Unseen).map_err(AppsError::Process)
            }
        }
    }

    async fn stop(&mut self, grace: Duration) -> Result<(), AppsError> {
        let stopped = match self {
            Self::Own(process, _) => process.stop(grace).await.map(drop),
            Self::Adopted(identity) => identity.stop(grace).await,
        };
        stopped.map_err(AppsError::Process)
    }

    fn identity(&self) -> &Identity {
        match self {
            Self::Own(_, identity) | Self::Adopted(identity) => identity,
        }
    }
}

fn exit_of(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code { code },
        (None, Some(signal)) => Exit::Signal { signal },
        (None, None) => Exit::Unseen,
    }
}

impl<N: Fn() -> i64> Keeper<N> {
    /// Takes the instance over: finds its process, or starts it.
    fn begin(folder: Folder, now_ms: N) -> Result<(Self, Child), AppsError> {
        let lock = folder.lock("keeper.lock")?.ok_or(AppsError::Kept)?;
        let order = folder.order()?.ok_or_else(|| {
            AppsError::NotStarted("nobody has said what is to be started".to_owned())
        })?;
        let own = Identity::of(std::process::id()).map_err(AppsError::Process)?;
        let own = own.expect("invariant: we run while we ask");
        let before = folder.record()?;
        // What runs already is in the group of whoever started it.
        let group = before.as_ref().and_then(|record| record.cgroup.as_deref());
        let cgroup = group.and_then(Cgroup::at);
        let mut keeper = Self { folder, order, own, cgroup, now_ms, starts: 0, _lock: lock };
        let child = match keeper.left_behind(before.as_ref())? {
            Some((identity, mark)) => {
                keeper.write(Phase::Running { child: identity.clone(), mark })?;
                Child::Adopted(identity)
            }
            None => keeper.start().inspect_err(|error| {
                let exit = Exit::NotStarted { why: error.chain() };
                keeper.note(Phase::Failed { exit });
            })?,
        };
        Ok((keeper, child))
    }

    /// A process that runs already: of the keeper before us, or the one we are told to adopt.
    fn left_behind(
        &self,
        before: Option<&Record>,
    ) -> Result<Option<(Identity, Option<String>)>, AppsError> {
        let found = match before.map(|record| &record.phase) {
            Some(Phase::Running { child, mark }) => Some((child.clone(), mark.clone())),
            Some(Phase::Starting { mark }) => with_environment(environment::MARK, mark)
                .map_err(AppsError::Process)?
                .map(|child| (child, Some(mark.clone()))),
            _ => None,
        };
        let told = self.order.adopt.clone().map(|child| (child, None));
        for (child, mark) in found.into_iter().chain(told) {
            if child.is_running().map_err(AppsError::Process)? {
                return Ok(Some((child, mark)));
            }
        }
        Ok(None)
    }

    fn start(&mut self) -> Result<Child, AppsError> {
        self.starts += 1;
        let mark = format!("{}.{}", self.own, self.starts);
        let spawn = self.spawn(&mark)?;
        if let Err(error) = self.folder.trim_logs() {
            warn!(%error, "the log could not be moved aside");
        }
        self.write(Phase::Starting { mark: mark.clone() })?;
        // Made anew each time: whoever tidies up may have removed it while it was empty.
        self.cgroup = Cgroup::make(&group_name(self.folder.path()));
        if self.cgroup.as_ref().is_some_and(|group| group.enter().is_err()) {
            self.cgroup = None;
        }
        let started = spawn.start();
        if let Some(group) = &self.cgroup
            && let Err(error) = group.leave()
        {
            warn!(%error, "the keeper stays in the group of its command, which is not killed whole");
            self.cgroup = None;
        }
        let process = started.map_err(AppsError::Process)?;
        let identity = Identity::of(process.pid()).map_err(AppsError::Process)?;
        let Some(identity) = identity else {
            // It has ended already. Whoever waits for it is told how; nobody else meets its number,
            // which is its own until then.
            let gone = Identity { pid: process.pid(), ..self.own.clone() };
            return Ok(Child::Own(process, gone));
        };
        self.note(Phase::Running { child: identity.clone(), mark: Some(mark) });
        Ok(Child::Own(process, identity))
    }

    fn spawn(&self, mark: &str) -> Result<Spawn, AppsError> {
        let (program, arguments) = self
            .order
            .command
            .split_first()
            .ok_or_else(|| AppsError::NotStarted("its command is empty".to_owned()))?;
        let directory = self.order.directory.as_deref().unwrap_or_else(|| Path::new("/"));
        if !directory.is_dir() {
            return Err(AppsError::Directory(directory.to_owned()));
        }
        let mut spawn = Spawn::new(program).args(arguments).clear_env().directory(directory);
        for (name, value) in environment::of(&self.order, mark)? {
            spawn = spawn.env(name, value);
        }
        if let Some(user) = &self.order.user {
            spawn = spawn.user(user);
        }
        Ok(spawn.output_to(self.folder.log()))
    }

    /// Until it is told to end.
    async fn tend(
        &mut self,
        mut child: Child,
        terminate: &mut tokio::signal::unix::Signal,
    ) -> Result<(), AppsError> {
        let mut failures = 0;
        let mut log_check = interval(LOG_CHECK);
        loop {
            let began = Instant::now();
            let mut exit = loop {
                tokio::select! {
                    exit = child.ended() => break exit?,
                    _ = terminate.recv() => return self.end(child).await,
                    _ = log_check.tick() => self.check_log(),
                }
            };
            info!(%exit, "the command ended");
            self.end_remains();
            failures = backoff::failures(failures, began.elapsed());
            child = loop {
                let wait = backoff::delay(failures);
                let wait_ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
                let again_at_ms = (self.now_ms)().saturating_add(wait_ms);
                self.note(Phase::Waiting { exit, again_at_ms, failures });
                tokio::select! {
                    () = sleep(wait) => {}
                    _ = terminate.recv() => return self.write(Phase::Stopped),
                }
                match self.start() {
                    Ok(child) => break child,
                    Err(error) => exit = Exit::NotStarted { why: error.chain() },
                }
                failures = failures.saturating_add(1);
            };
        }
    }

    async fn end(&self, mut child: Child) -> Result<(), AppsError> {
        info!(child = %child.identity(), "stops the command, as it is wanted");
        child.stop(Duration::from_millis(self.order.stop_grace_ms)).await?;
        if let Some(group) = &self.cgroup
            && let Err(error) = group.end(REMAINS_WAIT).await
        {
            warn!(%error, "what the command left behind may go on");
        }
        self.write(Phase::Stopped)
    }

    /// Kills what the command started and left behind: it would hold the address and answer for a
    /// release that is gone.
    fn end_remains(&self) {
        if let Some(group) = &self.cgroup
            && let Err(error) = group.kill()
        {
            warn!(%error, "what the command left behind may go on");
        }
    }

    fn check_log(&self) {
        if let Err(error) = self.folder.trim_logs() {
            warn!(%error, "the log could not be moved aside");
        }
    }

    fn write(&self, phase: Phase) -> Result<(), AppsError> {
        let cgroup = self.cgroup.as_ref().map(|group| group.path().to_owned());
        let record = Record { version: VERSION, keeper: self.own.clone(), cgroup, phase };
        self.folder.write_record(&record)
    }

    /// Writes what must not end the instance when it cannot be written, as on a full disk.
    fn note(&self, phase: Phase) {
        if let Err(error) = self.write(phase) {
            warn!(error = error.chain(), "what is so could not be written down");
        }
    }
}

/// `storewarden-SHOP-INSTANCE-…`, of a folder `…/SHOP/INSTANCE`. Ends with the folder's own number,
/// since another Storewarden of this machine may have a shop of the same name.
fn group_name(folder: &Path) -> String {
    let parts: Vec<_> = folder.iter().rev().take(2).map(|part| part.to_string_lossy()).collect();
    let names: Vec<&str> = parts.iter().rev().map(AsRef::as_ref).collect();
    let number = std::fs::metadata(folder).map_or(0, |found| found.ino());
    format!("storewarden-{}-{number:x}", names.join("-"))
}
