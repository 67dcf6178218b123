//! The edge as a child process: takes its sockets from the supervisor, runs the edge, and outlives
//! a supervisor that dies.

mod parent;

use crate::{cli::Exit, handover};
use ::edge::{BoundListener, EdgeOptions};
use anyhow::Context;
use host::descriptors;
use std::{io::Write, net::TcpListener, path::PathBuf, time::Duration};
use tokio::sync::watch;

/// What the supervisor tells an edge at its start. The edge reads no configuration file, so that a
/// mistake in one keeps no edge from starting again.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    #[arg(long, value_name = "DIR")]
    pub(crate) state: PathBuf,
    /// Worker threads; one a core when not given
    #[arg(long)]
    pub(crate) workers: Option<u32>,
    #[arg(long, value_name = "FILE")]
    pub(crate) access_log: Option<PathBuf>,
    #[arg(long, value_name = "MILLISECONDS")]
    pub(crate) drain_ms: u64,
}

/// Serves until told to stop, then lets running requests end.
///
/// # Errors
/// When it was not started by a supervisor, or the edge cannot begin.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<Exit> {
    let channel = descriptors::from_stdin()
        .context("the edge is started by `storewarden up`, not by hand")?;
    let received = descriptors::receive(&channel, handover::MAX_SOCKETS)?;
    let listeners: Vec<BoundListener> = received
        .into_iter()
        .map(|(name, socket)| {
            let listen = handover::listen_of(&name)
                .with_context(|| format!("understand the socket name `{name}`"))?;
            Ok(BoundListener { listen, socket: TcpListener::from(socket) })
        })
        .collect::<anyhow::Result<_>>()?;
    let (stop, stopped) = watch::channel(false);
    let mut telling = channel.try_clone().context("keep a channel to the supervisor")?;
    let readiness = parent::watch(channel, &listeners, &arguments.state, stop)?;
    let options = EdgeOptions {
        listeners,
        workers: arguments.workers,
        control_socket: arguments.state.join("control.sock"),
        state: arguments.state,
        access_log: arguments.access_log,
        drain: Duration::from_millis(arguments.drain_ms),
    };
    let ready = move || {
        readiness.set();
        // A supervisor that is gone needs no word; the watching thread has noticed.
        let _ = telling.write_all(handover::READY);
    };
    ::edge::run(options, ready, &stopped).context("run the edge")?;
    Ok(Exit::Fine)
}
