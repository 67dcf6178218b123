//! The way to the supervisor: a socket as our standard input. Listeners come in by it, `ready` goes
//! out, and its end means that the supervisor has gone.
//!
//! Where a service manager keeps control instead, there is no such socket: the manager is told that
//! we are ready, and the supervisor, which keeps the edge then, is found by its pid file.

use crate::handover;
use anyhow::Context;
use host::{
    announcement::{Announcement, announce},
    descriptors::{from_stdin, receive},
    process::Signal,
};
use std::{
    fs::{File, TryLockError},
    io::{self, Read as _},
    net::TcpListener,
    path::Path,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
};

/// The supervisor sends the listeners before it starts us.
const LISTENERS_TIMEOUT: Duration = Duration::from_secs(5);

/// Locked by the supervisor that lives (`supervisor::places`).
const PID_FILE: &str = "supervisor.pid";

/// The supervisor, or nobody when a person started us.
#[derive(Debug)]
pub(super) struct Supervisor(Option<UnixStream>);

/// Takes over what the supervisor gives: the way to it and the API's listener. Without a supervisor
/// there is neither.
pub(super) fn adopt() -> anyhow::Result<(Supervisor, Option<TcpListener>)> {
    let Ok(stream) = from_stdin() else { return Ok((Supervisor(None), None)) };
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(LISTENERS_TIMEOUT))?;
    let received = receive(&stream, handover::MAX_SOCKETS)
        .context("receive the listener from the supervisor")?;
    let listener = received.into_iter().find(|(name, _)| name == handover::CONTROL);
    let listener = listener.map(|(_, descriptor)| TcpListener::from(descriptor));
    stream.set_read_timeout(None)?;
    stream.set_nonblocking(true)?;
    Ok((Supervisor(Some(UnixStream::from_std(stream)?)), listener))
}

impl Supervisor {
    pub(super) async fn say_ready(&mut self) -> anyhow::Result<()> {
        announce(&Announcement::Ready("watching")).context("tell the service manager")?;
        if let Some(stream) = &mut self.0 {
            stream.write_all(handover::READY).await.context("tell the supervisor")?;
        }
        Ok(())
    }

    /// Whether a supervisor started us, and would start us again with other addresses.
    pub(super) fn is_there(&self) -> bool {
        self.0.is_some()
    }

    /// Has the supervisor read the configuration too. One that started us tells us to read it once
    /// more, which then changes nothing.
    pub(super) fn pass_on_reload(&self, state: &Path) {
        let supervisor = match &self.0 {
            Some(_) => Ok(Some(std::os::unix::process::parent_id())),
            None => holder(&state.join(PID_FILE)),
        };
        let told = match supervisor {
            Ok(Some(pid)) => host::process::signal(pid, Signal::Hangup).map_err(io::Error::other),
            // No edge runs that could be told.
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = told {
            tracing::error!(%error, "the supervisor does not know of the new addresses");
        }
    }

    /// Returns when the supervisor has gone; without one, never.
    pub(super) async fn gone(&mut self) {
        let Some(stream) = &mut self.0 else { return std::future::pending().await };
        let mut ignored = [0; 64];
        // It says nothing more to us; what it says anyway is passed over.
        while matches!(stream.read(&mut ignored).await, Ok(1..)) {}
        tracing::info!("the supervisor has gone");
    }
}

/// Has the supervisor of a state directory look again at what is wanted of it; answers whether there
/// is one.
///
/// # Errors
/// When it cannot be found out or not be told.
pub(super) fn nudge(state: &Path) -> io::Result<bool> {
    let Some(pid) = holder(&state.join(PID_FILE))? else { return Ok(false) };
    host::process::signal(pid, Signal::Hangup).map_err(io::Error::other)?;
    Ok(true)
}

/// The process that holds a locked pid file; `None`: nobody does.
fn holder(path: &Path) -> io::Result<Option<u32>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match file.try_lock_shared() {
        Ok(()) => return Ok(None),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_file_names_its_holder_as_long_as_it_is_locked() {
        let folder = testkit::folder();
        let path = folder.path().join(PID_FILE);
        assert_eq!(holder(&path).unwrap(), None);
        std::fs::write(&path, "4711\n").unwrap();
        assert_eq!(holder(&path).unwrap(), None, "a dead supervisor's pid is anybody's");
        let held = File::open(&path).unwrap();
        held.lock().unwrap();
        assert_eq!(holder(&path).unwrap(), Some(4711));
    }
}
