//! The way to the supervisor: a socket as our standard input. Listeners come in by it, `ready` goes
//! out, and its end means that the supervisor has gone.

use crate::handover;
use anyhow::Context;
use host::{
    descriptors::{from_stdin, receive},
    process::Signal,
};
use std::{net::TcpListener, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
};

/// The supervisor sends the listeners before it starts us.
const LISTENERS_TIMEOUT: Duration = Duration::from_secs(5);

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
        if let Some(stream) = &mut self.0 {
            stream.write_all(handover::READY).await.context("tell the supervisor")?;
        }
        Ok(())
    }

    /// Has the supervisor read the configuration too. It tells us to read it once more, which then
    /// changes nothing.
    pub(super) fn pass_on_reload(&self) {
        if self.0.is_none() {
            return;
        }
        let supervisor = std::os::unix::process::parent_id();
        if let Err(error) = host::process::signal(supervisor, Signal::Hangup) {
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
