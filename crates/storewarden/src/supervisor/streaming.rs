//! The process that follows the changes of shops' databases, kept while a shop asks for it.

use super::{
    Child, ChildId, Event, Supervisor, chain, display,
    restarts::{self, Restarts},
};
use host::HostError;
use kernel::config::Configuration;
use std::{process::ExitStatus, time::Duration};

/// What has come is made durable, and the journal's last log may be packed.
const GRACE: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(super) struct Streaming {
    child: Option<Child>,
    restarts: Restarts,
    /// A shop asks for it, and it is ours to keep.
    is_wanted: bool,
}

impl Streaming {
    pub(super) fn is_over(&self) -> bool {
        self.child.is_none()
    }

    pub(super) fn stop(&self) {
        if let Some(child) = &self.child {
            child.stop(GRACE);
        }
    }
}

impl Supervisor {
    /// Starts or ends it as the configuration says. It reads itself which shops ask for what.
    pub(super) fn apply_stream(&mut self, configuration: &Configuration) {
        let is_asked_for = configuration.shops.iter().any(|shop| shop.stream.is_some());
        self.streaming.is_wanted = is_asked_for && self.control_place.is_some();
        match self.streaming.is_wanted {
            true => self.start_stream(),
            false => self.streaming.stop(),
        }
    }

    pub(super) fn start_stream(&mut self) {
        let is_wanted = self.streaming.is_wanted && self.streaming.child.is_none();
        if self.is_stopping || !is_wanted {
            return;
        }
        let (program, config, state) =
            (self.places.program_path(), self.places.config(), self.places.state());
        let spawn = host::process::Spawn::new(program).args(["stream", "run", "--config"]);
        let spawn = spawn.arg(config).arg("--state").arg(state);
        self.last_id += 1;
        let started = Child::start(self.last_id, spawn, &[], self.events.clone(), Event::Stream);
        match started {
            Ok(child) => {
                tracing::info!(pid = child.pid, "the stream of changes started");
                self.places.note_pid("stream", child.pid);
                self.streaming.child = Some(child);
            }
            Err(error) => {
                let pause = self.streaming.restarts.pause(Duration::ZERO);
                let pause = pause.max(Duration::from_secs(1));
                tracing::error!(error = chain(&error), ?pause, "the stream could not be started");
                self.later(pause, Event::StartStream);
            }
        }
    }

    pub(super) fn stream_has_ended(&mut self, id: ChildId, status: &Result<ExitStatus, HostError>) {
        let Some(child) = self.streaming.child.take_if(|child| child.id == id) else { return };
        if self.is_stopping || !self.streaming.is_wanted {
            return;
        }
        let pause = match restarts::are_at_once() {
            true => Duration::ZERO,
            false => self.streaming.restarts.pause(child.started.elapsed()),
        };
        let status = display(status);
        tracing::error!(status, ?pause, "the stream of changes ended; it is started again");
        self.later(pause, Event::StartStream);
    }
}
