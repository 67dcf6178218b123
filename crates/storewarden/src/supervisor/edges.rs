//! The edges there are at a moment: the one that serves, one that is to take over, and those that
//! still finish requests. One rule holds throughout: an edge that serves is told to go only when
//! another one is ready.

use super::{
    Event,
    child::{Child, ChildId},
    display,
    restarts::Restarts,
    sockets::{EdgeSockets, Orphan},
};
use host::{HostError, process::Spawn};
use kernel::config::{EdgeSettings, Listen};
use std::{
    io,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// A new edge begins from the saved snapshot, so it is ready within a moment, or something is wrong.
pub(super) const READY_WITHIN: Duration = Duration::from_secs(15);
/// Past its own time for draining, a leaving edge is killed after this.
const GRACE: Duration = Duration::from_secs(5);
/// So long an edge may take to see that its supervisor is gone.
const ORPHAN_NOTICES: Duration = Duration::from_secs(1);
const RETRY_EVERY: Duration = Duration::from_millis(20);

/// What of the configuration an edge is started with; a change of it wants a new edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StartSettings {
    listen: Vec<Listen>,
    workers: Option<u32>,
    drain: Duration,
    access_log: Option<PathBuf>,
}

impl StartSettings {
    pub(super) fn listen(&self) -> &[Listen] {
        &self.listen
    }

    /// The same, but these addresses are somebody else's.
    pub(super) fn without(mut self, is_anothers: impl Fn(Listen) -> bool) -> Self {
        self.listen.retain(|listen| !is_anothers(*listen));
        self
    }
}

impl From<&EdgeSettings> for StartSettings {
    fn from(settings: &EdgeSettings) -> Self {
        Self {
            listen: settings.listen.clone(),
            workers: settings.workers,
            drain: Duration::from_millis(settings.drain_ms),
            access_log: settings.access_log.clone(),
        }
    }
}

#[derive(Debug)]
pub(super) struct Edges {
    settings: StartSettings,
    /// As of `settings`.
    sockets: EdgeSockets,
    serving: Option<Child>,
    next: Option<Next>,
    leaving: Vec<Child>,
    restarts: Restarts,
    orphan: Option<Orphan>,
}

/// An edge that is to take over when it is ready.
#[derive(Debug)]
struct Next {
    child: Child,
    settings: StartSettings,
    sockets: EdgeSockets,
}

impl Edges {
    /// Takes the sockets over from an edge that lost its supervisor, or else those that were kept, and
    /// binds what is missing.
    ///
    /// # Errors
    /// When an address cannot be listened on.
    pub(super) fn new(
        settings: StartSettings,
        kept: &EdgeSockets,
        state: &Path,
    ) -> Result<Self, HostError> {
        let (orphan, sockets) = take_or_bind(&settings.listen, kept, state)?;
        if orphan.is_some() {
            tracing::info!("an edge served on without a supervisor; its sockets are ours now");
        }
        Ok(Self {
            settings,
            sockets,
            serving: None,
            next: None,
            leaving: Vec::new(),
            restarts: Restarts::default(),
            orphan,
        })
    }

    /// What the edge that serves was started with, or the one that takes over.
    pub(super) fn settings(&self) -> &StartSettings {
        self.next.as_ref().map_or(&self.settings, |next| &next.settings)
    }

    /// The sockets that it starts from, to which others may be added.
    pub(super) fn sockets(&mut self) -> &mut EdgeSockets {
        &mut self.sockets
    }

    /// An edge is on its way to take over.
    pub(super) fn is_being_replaced(&self) -> bool {
        self.next.is_some()
    }

    pub(super) fn is_serving(&self) -> bool {
        self.serving.is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.serving.is_none() && self.next.is_none() && self.leaving.is_empty()
    }

    /// Starts an edge: as the one before, or as `replacement` of one that serves. Returns its pid.
    ///
    /// # Errors
    /// When an address cannot be listened on or the process not be started; all is as before then.
    pub(super) fn launch(
        &mut self,
        id: ChildId,
        program: Spawn,
        replacement: Option<StartSettings>,
        events: &mpsc::Sender<Event>,
    ) -> Result<u32, HostError> {
        let settings = replacement.unwrap_or_else(|| self.settings.clone());
        let sockets = self.sockets.bind(&settings.listen)?;
        let child = start(id, program, &settings, &sockets, events)?;
        let pid = child.pid;
        if self.serving.is_some() {
            if let Some(late) = self.next.replace(Next { child, settings, sockets }) {
                // Asked again before it was ready: what was asked last counts.
                self.leave(late.child);
            }
        } else {
            (self.serving, self.settings, self.sockets) = (Some(child), settings, sockets);
        }
        Ok(pid)
    }

    /// How long to wait after a start that failed.
    pub(super) fn pause(&mut self) -> Duration {
        self.restarts.pause(Duration::ZERO).max(Duration::from_secs(1))
    }

    /// An edge serves. Returns its pid when it is the one that people should know.
    pub(super) fn is_ready(&mut self, id: ChildId) -> Option<u32> {
        if let Some(next) = self.next.take_if(|next| next.child.id == id) {
            // Sockets that are not wanted any more close with the old edge, when it has drained.
            (self.settings, self.sockets) = (next.settings, next.sockets);
            if let Some(old) = self.serving.replace(next.child) {
                self.leave(old);
            }
        }
        let pid = self.serving.as_ref().filter(|edge| edge.id == id)?.pid;
        tracing::info!(pid, "edge serves");
        if let Some(orphan) = self.orphan.take() {
            orphan.drain();
        }
        Some(pid)
    }

    /// An edge that was to take over and is not ready in time is given up; the old one serves on.
    pub(super) fn is_late(&mut self, id: ChildId) {
        if let Some(next) = self.next.take_if(|next| next.child.id == id) {
            let pid = next.child.pid;
            tracing::error!(pid, "the new edge is not ready in time; the old one serves on");
            self.leave(next.child);
        }
    }

    /// Returns how long to wait before an edge is to be started again, when none is left to serve.
    pub(super) fn has_ended(
        &mut self,
        id: ChildId,
        status: &Result<ExitStatus, HostError>,
    ) -> Option<Duration> {
        let is_good = status.as_ref().is_ok_and(ExitStatus::success);
        let status = display(status);
        if let Some(index) = self.leaving.iter().position(|edge| edge.id == id) {
            let pid = self.leaving.swap_remove(index).pid;
            if is_good {
                tracing::info!(pid, "the old edge has finished");
            } else {
                tracing::warn!(pid, status, "the old edge ended before it had finished");
            }
            return None;
        }
        if self.next.take_if(|next| next.child.id == id).is_some() {
            tracing::error!(status, "the new edge ended before it served; the old one serves on");
            return None;
        }
        let edge = self.serving.take_if(|edge| edge.id == id)?;
        tracing::error!(pid = edge.pid, status, "the edge ended; it is started again");
        match self.next.take() {
            Some(next) => {
                (self.settings, self.sockets) = (next.settings, next.sockets);
                self.serving = Some(next.child);
                None
            }
            None => Some(self.restarts.pause(edge.started.elapsed())),
        }
    }

    /// Asks all to end; urgently, without letting requests finish.
    pub(super) fn stop(&mut self, is_urgent: bool) {
        let grace = if is_urgent { Duration::ZERO } else { self.settings.drain + GRACE };
        // So that visitors who come now are refused at once instead of waiting in a queue that
        // nobody takes from.
        self.sockets = EdgeSockets::default();
        let next = self.next.take().map(|next| next.child);
        self.leaving.extend(next.into_iter().chain(self.serving.take()));
        self.leaving.iter().for_each(|edge| edge.stop(grace));
        if let Some(orphan) = self.orphan.take() {
            orphan.drain();
        }
    }

    fn leave(&mut self, edge: Child) {
        edge.stop(self.settings.drain + GRACE);
        self.leaving.push(edge);
    }
}

/// The sockets of an edge that lost its supervisor, those that were kept, and new ones for what is
/// missing. An edge that lost it only now notices in a moment; until then, its addresses are taken.
fn take_or_bind(
    wanted: &[Listen],
    kept: &EdgeSockets,
    state: &Path,
) -> Result<(Option<Orphan>, EdgeSockets), HostError> {
    let ends = Instant::now() + ORPHAN_NOTICES;
    loop {
        let (orphan, inherited) = Orphan::find(state).unzip();
        let mut inherited = inherited.unwrap_or_default();
        inherited.adopt(kept.clone());
        match inherited.bind(wanted) {
            Err(HostError::Listen { source, .. })
                if orphan.is_none()
                    && source.kind() == io::ErrorKind::AddrInUse
                    && Instant::now() < ends =>
            {
                std::thread::sleep(RETRY_EVERY);
            }
            bound => return Ok((orphan, bound?)),
        }
    }
}

fn start(
    id: ChildId,
    program: Spawn,
    settings: &StartSettings,
    sockets: &EdgeSockets,
    events: &mpsc::Sender<Event>,
) -> Result<Child, HostError> {
    let mut spawn = program.arg("--drain-ms").arg(settings.drain.as_millis().to_string());
    if let Some(workers) = settings.workers {
        spawn = spawn.arg("--workers").arg(workers.to_string());
    }
    if let Some(path) = &settings.access_log {
        spawn = spawn.arg("--access-log").arg(path);
    }
    let named = sockets.named();
    let named: Vec<_> = named.iter().map(|(name, fd)| (name.as_str(), *fd)).collect();
    Child::start(id, spawn, &named, events.clone(), Event::Edge)
}
