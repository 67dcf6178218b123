//! Addresses that are a web server's for now, or are taken over from it: what the configuration says
//! of them holds only as far as control has written down.

use super::{Event, Supervisor, edges::StartSettings, sockets};
use crate::ports::{self, Ports, Said};
use kernel::config::{EdgeSettings, Listen};
use std::{
    io,
    net::TcpListener,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// How often a taken address is tried: whoever comes in between is refused.
const TRY_EVERY: Duration = Duration::from_millis(1);
/// A web server that lets go does so within this.
const LETS_GO_WITHIN: Duration = Duration::from_secs(120);

/// What is under way.
#[derive(Debug, Default)]
pub(super) struct PortsDesk {
    /// Ends the thread that waits for addresses.
    waiting: Option<Arc<AtomicBool>>,
    /// What control is to be told, as soon as an edge serves by it.
    to_say: Option<Said>,
    /// What the configuration asks for, to be asked again when addresses become free.
    edge: Option<EdgeSettings>,
}

/// Settings without the addresses that another program has or had a moment ago.
///
/// # Errors
/// When it cannot be read which these are.
pub(super) fn without_others(settings: StartSettings, state: &Path) -> io::Result<StartSettings> {
    Ok(match ports::wanted(state)? {
        Some(ports) => settings.without(|listen| ports.has(listen)),
        None => settings,
    })
}

impl Supervisor {
    /// Has an edge serve by these settings, as far as its addresses are to be had.
    pub(super) fn apply_edge(&mut self, edge: &EdgeSettings) {
        self.ports.edge = Some(edge.clone());
        if let Some(waiting) = self.ports.waiting.take() {
            waiting.store(true, Ordering::Relaxed);
        }
        let wanted = match ports::wanted(self.places.state()) {
            Ok(wanted) => wanted,
            Err(error) => {
                let error = error.to_string();
                tracing::error!(
                    error,
                    "the edge stays as it is: whose its addresses are is unknown"
                );
                return;
            }
        };
        let settings = StartSettings::from(edge);
        let Some(wanted) = wanted else { return self.serve_by(&settings, None) };
        let Some(holder) = wanted.holder else {
            let settings = settings.without(|listen| wanted.has(listen));
            let said = Said { number: wanted.number, waits: Vec::new() };
            return self.serve_by(&settings, Some(said));
        };
        let missing = self.take_over(&wanted, settings.listen(), holder);
        let waits = missing.iter().map(ToString::to_string).collect();
        let settings = settings.without(|listen| missing.contains(&listen));
        self.serve_by(&settings, Some(Said { number: wanted.number, waits }));
        if !missing.is_empty() {
            self.wait_for(missing);
        }
    }

    fn take_over(&mut self, wanted: &Ports, listen: &[Listen], holder: u32) -> Vec<Listen> {
        let taken: Vec<Listen> = listen.iter().copied().filter(|one| wanted.has(*one)).collect();
        self.edges.sockets().take_over(&taken, holder)
    }

    fn serve_by(&mut self, settings: &StartSettings, said: Option<Said>) {
        self.ports.to_say = said;
        if settings != self.edges.settings() {
            self.replace_edge(settings.clone());
            if settings != self.edges.settings() {
                // What could not be done is not said to be.
                self.ports.to_say = None;
            }
        } else {
            self.say_ports();
        }
    }

    /// Tells control, unless an edge is on its way that will make it true.
    pub(super) fn say_ports(&mut self) {
        if self.edges.is_being_replaced() || !self.edges.is_serving() {
            return;
        }
        let Some(said) = self.ports.to_say.take() else { return };
        if let Err(error) = ports::say(self.places.state(), &said) {
            tracing::error!(%error, "control was not told of the addresses");
        }
    }

    /// Tries, in a thread of its own, until the addresses are free.
    fn wait_for(&mut self, missing: Vec<Listen>) {
        let ended = Arc::new(AtomicBool::new(false));
        self.ports.waiting = Some(Arc::clone(&ended));
        let events = self.events.clone();
        std::thread::spawn(move || wait(&missing, &ended, &events));
    }

    pub(super) fn take_freed(&mut self, sockets: Vec<(Listen, TcpListener)>) {
        self.edges.sockets().adopt(sockets);
        if let Some(edge) = self.ports.edge.take() {
            self.apply_edge(&edge);
        }
    }
}

fn wait(missing: &[Listen], ended: &AtomicBool, events: &mpsc::Sender<Event>) {
    let gives_up = Instant::now() + LETS_GO_WITHIN;
    let mut sockets: Vec<(Listen, TcpListener)> = Vec::new();
    while sockets.len() < missing.len() {
        if ended.load(Ordering::Relaxed) || Instant::now() > gives_up {
            return;
        }
        for listen in missing {
            let have = sockets.iter().any(|(have, _)| have == listen);
            if !have && let Ok(socket) = sockets::bind(*listen, missing) {
                sockets.push((*listen, socket));
            }
        }
        std::thread::sleep(TRY_EVERY);
    }
    // A supervisor that has ended needs none.
    let _ = events.blocking_send(Event::PortsAreFree(sockets));
}
