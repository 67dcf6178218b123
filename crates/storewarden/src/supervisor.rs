//! The supervisor: binds the listening sockets, keeps an edge, a control and, where a shop asks for it, a
//! stream of changes running, and passes on what it is asked by signals. Small on purpose: it knows no request, no shop and no store, so
//! that there is little in it that could fail.

mod child;
mod edges;
mod places;
mod ports;
mod restarts;
mod safe;
mod sockets;
mod streaming;

use crate::{cli::Exit, configuration, handover};
use anyhow::Context;
use child::{Child, ChildId, Word};
use edges::{Edges, StartSettings};
use host::{
    HostError,
    announcement::{Announcement, announce},
    process::{Signal, Spawn},
};
use kernel::config::{Configuration, Listen};
use places::Places;
use ports::PortsDesk;
use restarts::Restarts;
use safe::Safe;
use sockets::bind_control;
use std::{
    error::Error,
    net::{SocketAddr, TcpListener},
    os::fd::AsFd,
    path::Path,
    process::ExitStatus,
    sync::Arc,
    time::Duration,
};
use streaming::Streaming;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

/// Events that wait; children and timers make a handful.
const EVENTS: usize = 64;
/// Control has nothing to finish that takes longer.
const CONTROL_GRACE: Duration = Duration::from_secs(5);

/// What the supervisor reacts to, one after the other.
#[derive(Debug)]
enum Event {
    Edge(ChildId, Word),
    Control(ChildId, Word),
    Stream(ChildId, Word),
    /// The pause before the next start is over.
    StartEdge,
    StartControl,
    StartStream,
    /// An edge that is to replace another had all the time it gets to become ready.
    EdgeIsLate(ChildId),
    /// Addresses became free that were waited for.
    PortsAreFree(Vec<(Listen, TcpListener)>),
    Reload,
    ReplaceEdge,
    Leave,
    Stop,
}

struct Supervisor {
    places: Places,
    events: mpsc::Sender<Event>,
    edges: Edges,
    control: Option<Child>,
    /// Where control is to listen; `None`: control is somebody else's to keep.
    control_place: Option<ControlPlace>,
    control_restarts: Restarts,
    /// It was asked to end, by us, to be started anew.
    control_is_replaced: bool,
    streaming: Streaming,
    last_id: ChildId,
    is_stopping: bool,
    /// It is to go and leave the edge to whoever is started next.
    is_leaving: bool,
    ports: PortsDesk,
    safe: Safe,
}

/// The address of the API and the interface, and the socket that is bound to it.
struct ControlPlace {
    address: SocketAddr,
    socket: Arc<TcpListener>,
}

/// Runs until it is told to stop and everything has ended in order. With `edge_only`, control is kept
/// by whoever started it, such as a service of its own.
///
/// # Errors
/// When the state directory is in use, or an address cannot be listened on: nothing runs then.
pub(crate) fn up(config: &Path, state: &Path, edge_only: bool) -> anyhow::Result<Exit> {
    let configuration = match configuration::load(config)?.meaning {
        Ok(configuration) => configuration,
        Err(mistakes) => {
            mistakes.details.iter().for_each(|mistake| eprintln!("{mistake}"));
            return Ok(Exit::Configuration);
        }
    };
    let places = Places::claim(config, state)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the supervisor")?;
    runtime.block_on(supervise(places, &configuration, edge_only))?;
    Ok(Exit::Fine)
}

async fn supervise(
    places: Places,
    configuration: &Configuration,
    edge_only: bool,
) -> anyhow::Result<()> {
    let (events, mut happened) = mpsc::channel(EVENTS);
    let control = configuration.control.listen;
    let control = (!edge_only).then(|| ControlPlace::bind(control)).transpose()?;
    let mut supervisor = Supervisor::new(places, events.clone(), configuration, control)?;
    listen_to_signals(&events)?;
    supervisor.start_control();
    supervisor.start_edge();
    supervisor.apply_stream(configuration);
    // Addresses that are being taken over from another program may be missing so far.
    supervisor.apply_edge(&configuration.edge);
    while let Some(event) = happened.recv().await {
        supervisor.react(event);
        supervisor.keep_sockets();
        if supervisor.is_leaving {
            tracing::info!("leaving; the edge serves on until the next supervisor comes");
            return Ok(());
        }
        if supervisor.is_over() {
            break;
        }
    }
    supervisor.places.release();
    tracing::info!("all has ended");
    Ok(())
}

impl Supervisor {
    fn new(
        places: Places,
        events: mpsc::Sender<Event>,
        configuration: &Configuration,
        control_place: Option<ControlPlace>,
    ) -> anyhow::Result<Self> {
        let settings = StartSettings::from(&configuration.edge);
        let settings = ports::without_others(settings, places.state())?;
        let (safe, kept) = Safe::open();
        let edges = Edges::new(settings, &kept, places.state())?;
        Ok(Self {
            places,
            events,
            edges,
            control: None,
            control_place,
            control_restarts: Restarts::default(),
            control_is_replaced: false,
            streaming: Streaming::default(),
            last_id: 0,
            is_stopping: false,
            is_leaving: false,
            ports: PortsDesk::default(),
            safe,
        })
    }

    fn react(&mut self, event: Event) {
        match event {
            Event::Edge(id, Word::Ready) => {
                let is_ready = self.edges.is_ready(id);
                self.say_ports();
                if let Some(pid) = is_ready {
                    self.places.note_pid("edge", pid);
                    tell_manager(&Announcement::Ready(&format!("edge {pid} serves")));
                }
            }
            Event::Edge(id, Word::Ended(status)) => {
                if let Some(pause) = self.edges.has_ended(id, &status)
                    && !self.is_stopping
                {
                    self.later(pause, Event::StartEdge);
                }
                self.go_on_stopping();
            }
            Event::EdgeIsLate(id) => self.edges.is_late(id),
            Event::PortsAreFree(sockets) => self.take_freed(sockets),
            Event::Control(id, Word::Ready) => tracing::debug!(id, "control is ready"),
            Event::Control(id, Word::Ended(status)) => self.control_has_ended(id, &status),
            Event::Stream(id, Word::Ready) => tracing::debug!(id, "the stream is ready"),
            Event::Stream(id, Word::Ended(status)) => self.stream_has_ended(id, &status),
            Event::StartEdge => self.start_edge(),
            Event::StartControl => self.start_control(),
            Event::StartStream => self.start_stream(),
            Event::Reload => self.reload(),
            Event::ReplaceEdge => self.replace_edge(self.edges.settings().clone()),
            // While all is ending there is no edge to be left.
            Event::Leave => self.is_leaving = !self.is_stopping,
            Event::Stop => self.stop(),
        }
    }

    /// While all is ending, what is kept is for whoever is started next.
    fn keep_sockets(&mut self) {
        if !self.is_stopping {
            self.safe.hold(self.edges.sockets());
        }
    }

    fn is_over(&self) -> bool {
        let is_left = self.control.is_some() || !self.streaming.is_over();
        self.is_stopping && !is_left && self.edges.is_empty()
    }

    fn start_control(&mut self) {
        let Some(place) = &self.control_place else { return };
        if self.is_stopping || self.control.is_some() {
            return;
        }
        let spawn = self.places.program("control").arg("--config").arg(self.places.config());
        let sockets = [(handover::CONTROL, place.socket.as_fd())];
        self.last_id += 1;
        let started =
            Child::start(self.last_id, spawn, &sockets, self.events.clone(), Event::Control);
        match started {
            Ok(control) => {
                tracing::info!(pid = control.pid, "control started");
                self.places.note_pid("control", control.pid);
                self.control = Some(control);
            }
            Err(error) => {
                let pause = self.control_restarts.pause(Duration::ZERO).max(Duration::from_secs(1));
                tracing::error!(error = chain(&error), ?pause, "control could not be started");
                self.later(pause, Event::StartControl);
            }
        }
    }

    fn control_has_ended(&mut self, id: ChildId, status: &Result<ExitStatus, HostError>) {
        let Some(control) = self.control.take_if(|control| control.id == id) else { return };
        let ran_for = control.started.elapsed();
        let is_replaced = std::mem::take(&mut self.control_is_replaced);
        if self.is_stopping {
            return;
        }
        let pause = match is_replaced || restarts::are_at_once() {
            true => Duration::ZERO,
            false => self.control_restarts.pause(ran_for),
        };
        if !is_replaced {
            let status = display(status);
            tracing::error!(status, ?pause, "control ended; it is started again");
        }
        self.later(pause, Event::StartControl);
    }

    fn start_edge(&mut self) {
        if self.is_stopping || self.edges.is_serving() {
            return;
        }
        match self.launch_edge(None) {
            Ok(pid) => self.places.note_pid("edge", pid),
            Err(error) => {
                let pause = self.edges.pause();
                tracing::error!(error = chain(&error), ?pause, "the edge could not be started");
                self.later(pause, Event::StartEdge);
            }
        }
    }

    /// Starts an edge beside the one that serves; the old one goes when the new one is ready.
    fn replace_edge(&mut self, settings: StartSettings) {
        if self.is_stopping {
            return;
        }
        match self.launch_edge(Some(settings)) {
            Ok(_pid) => self.later(edges::READY_WITHIN, Event::EdgeIsLate(self.last_id)),
            Err(error) => {
                let error = chain(&error);
                tracing::error!(error, "the edge was not replaced; the old one serves on");
            }
        }
    }

    fn launch_edge(&mut self, replacement: Option<StartSettings>) -> Result<u32, HostError> {
        self.last_id += 1;
        let program = self.places.program("edge");
        let pid = self.edges.launch(self.last_id, program, replacement, &self.events)?;
        tracing::info!(pid, "edge started");
        Ok(pid)
    }

    /// Reads the file again. What is wrong with it is control's to show; here it changes nothing.
    fn reload(&mut self) {
        if self.is_stopping {
            return;
        }
        match configuration::load(self.places.config()).map(|loaded| loaded.meaning) {
            Ok(Ok(configuration)) => self.apply(&configuration),
            Ok(Err(mistakes)) => {
                let details = mistakes.details.join("\n");
                tracing::error!(details, "the configuration is not valid; all stays as it was");
            }
            Err(error) => tracing::error!(
                error = format!("{error:#}"),
                "the configuration could not be read; all stays as it was"
            ),
        }
        if let Some(control) = &self.control
            && !self.control_is_replaced
        {
            control.signal(Signal::Hangup);
        }
    }

    fn apply(&mut self, configuration: &Configuration) {
        self.apply_edge(&configuration.edge);
        self.apply_stream(configuration);
        let address = configuration.control.listen;
        let Some(place) = self.control_place.as_mut().filter(|place| place.address != address)
        else {
            return;
        };
        match host::listen::bind(address) {
            Ok(socket) => {
                *place = ControlPlace { address, socket: Arc::new(socket) };
                if let Some(control) = &self.control {
                    self.control_is_replaced = true;
                    control.stop(CONTROL_GRACE);
                }
            }
            Err(error) => {
                tracing::error!(error = chain(&error), "the interface stays at its old address");
            }
        }
    }

    /// The edges first, which let running requests end, and the stream beside them, then control. Asked twice, all at once.
    fn stop(&mut self) {
        let is_urgent = std::mem::replace(&mut self.is_stopping, true);
        tracing::info!(is_urgent, "stopping");
        tell_manager(&Announcement::Stopping);
        self.safe = Safe::default();
        self.edges.stop(is_urgent);
        self.streaming.stop();
        if is_urgent && let Some(control) = &self.control {
            control.stop(Duration::ZERO);
        }
        self.go_on_stopping();
    }

    fn go_on_stopping(&self) {
        if self.is_stopping
            && self.edges.is_empty()
            && let Some(control) = &self.control
        {
            control.stop(CONTROL_GRACE);
        }
    }

    fn later(&self, pause: Duration, event: Event) {
        let events = self.events.clone();
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            // The supervisor may have ended in the meantime.
            let _ = events.send(event).await;
        });
    }
}

fn listen_to_signals(events: &mpsc::Sender<Event>) -> anyhow::Result<()> {
    let meanings: [(SignalKind, fn() -> Event); 5] = [
        (SignalKind::hangup(), || Event::Reload),
        (SignalKind::user_defined1(), || Event::Leave),
        (SignalKind::user_defined2(), || Event::ReplaceEdge),
        (SignalKind::terminate(), || Event::Stop),
        (SignalKind::interrupt(), || Event::Stop),
    ];
    for (kind, event) in meanings {
        let mut signals = signal(kind).context("listen to signals")?;
        let events = events.clone();
        tokio::spawn(async move {
            while signals.recv().await.is_some() && events.send(event()).await.is_ok() {}
        });
    }
    Ok(())
}

/// Nothing of ours depends on what a service manager hears.
fn tell_manager(announcement: &Announcement<'_>) {
    if let Err(error) = announce(announcement) {
        tracing::warn!(%error, "the service manager was not told");
    }
}

/// How a child ended, for the log.
fn display(status: &Result<ExitStatus, HostError>) -> String {
    status.as_ref().map_or_else(|error| chain(error), ToString::to_string)
}

/// An error with all that caused it, for the log.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

impl ControlPlace {
    fn bind(address: SocketAddr) -> Result<Self, HostError> {
        Ok(Self { address, socket: bind_control(address)? })
    }
}

impl Places {
    /// One of our own children, to be told where our state is.
    fn program(&self, role: &str) -> Spawn {
        Spawn::new(self.program_path()).arg(role).arg("--state").arg(self.state())
    }
}
