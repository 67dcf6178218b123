//! The edge's eye on whoever started it: signals to stop, and what to do when the supervisor is
//! gone. Runs on a thread of its own, beside the edge.
//!
//! An edge that serves does not end with its supervisor. It offers its sockets on a Unix socket to
//! the next supervisor, which starts a new edge with them and then tells this one to drain.

use crate::handover;
use ::edge::BoundListener;
use anyhow::Context;
use host::descriptors;
use std::{
    fs, io,
    net::TcpListener,
    os::{
        fd::AsFd,
        unix::{fs::PermissionsExt, net::UnixStream as BlockingStream},
    },
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};
use tokio::{
    io::AsyncReadExt,
    net::{UnixListener, UnixStream},
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

/// Whether the edge has begun to serve.
#[derive(Debug, Clone, Default)]
pub(super) struct Readiness(Arc<AtomicBool>);

impl Readiness {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

struct Watch {
    channel: UnixStream,
    sockets: Vec<(String, TcpListener)>,
    offer: PathBuf,
    readiness: Readiness,
    stop: watch::Sender<bool>,
}

/// Starts watching. The returned value is to be set once the edge serves: before that, it ends with
/// its supervisor, for then another edge serves or nobody was served yet.
pub(super) fn watch(
    channel: BlockingStream,
    listeners: &[BoundListener],
    state: &Path,
    stop: watch::Sender<bool>,
) -> anyhow::Result<Readiness> {
    let readiness = Readiness::default();
    let sockets: io::Result<_> = listeners
        .iter()
        .map(|bound| Ok((bound.listen.to_string(), bound.socket.try_clone()?)))
        .collect();
    channel.set_nonblocking(true).context("watch the supervisor")?;
    let (sockets, offer) = (sockets.context("keep the sockets")?, handover::orphan_socket(state));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("watch the supervisor")?;
    let thread_readiness = readiness.clone();
    thread::Builder::new()
        .name("edge-parent".into())
        .spawn(move || {
            let watched = runtime.block_on(async {
                let channel = UnixStream::from_std(channel)?;
                let watch = Watch { channel, sockets, offer, readiness: thread_readiness, stop };
                watch.run().await
            });
            if let Err(error) = watched {
                tracing::error!(%error, "the edge lost sight of its supervisor and stops");
            }
        })
        .context("watch the supervisor")?;
    Ok(readiness)
}

impl Watch {
    /// Ends after the stop was given; an error gives it too, by dropping its sender.
    async fn run(mut self) -> io::Result<()> {
        let mut signals = Signals::new()?;
        tokio::select! {
            () = signals.stop() => {
                self.stop.send_replace(true);
                return Ok(());
            }
            () = closed(&mut self.channel) => {}
        }
        if self.readiness.is_set() {
            tracing::warn!("the supervisor is gone; the edge serves on until the next one comes");
            tokio::select! {
                () = signals.stop() => {}
                offered = self.offer_sockets() => offered?,
            }
            if let Err(error) = fs::remove_file(&self.offer) {
                tracing::debug!(%error, "the orphan's socket was gone already");
            }
        } else {
            tracing::warn!("the supervisor is gone before this edge served; it stops");
        }
        self.stop.send_replace(true);
        Ok(())
    }

    /// Returns when a new supervisor says so, or when another orphan serves already.
    async fn offer_sockets(&self) -> io::Result<()> {
        if BlockingStream::connect(&self.offer).is_ok() {
            tracing::info!("another edge waits for the next supervisor; this one stops");
            return Ok(());
        }
        match fs::remove_file(&self.offer) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&self.offer)?;
        fs::set_permissions(&self.offer, fs::Permissions::from_mode(0o600))?;
        loop {
            let (stream, _) = listener.accept().await?;
            match self.hand_over(stream).await {
                Ok(true) => return Ok(()),
                Ok(false) => tracing::warn!("a supervisor came and went; the edge serves on"),
                Err(error) => tracing::warn!(%error, "handing the sockets over failed"),
            }
        }
    }

    /// `true` when the other side said that we may go.
    async fn hand_over(&self, stream: UnixStream) -> io::Result<bool> {
        let named: Vec<_> =
            self.sockets.iter().map(|(name, socket)| (name.as_str(), socket.as_fd())).collect();
        let stream = stream.into_std()?;
        descriptors::send(&stream, &named).map_err(io::Error::other)?;
        let mut word = Vec::new();
        let mut rest = UnixStream::from_std(stream)?.take(handover::DRAIN.len() as u64);
        rest.read_to_end(&mut word).await?;
        Ok(word == handover::DRAIN)
    }
}

/// Waits until the other side has closed; it says nothing after the sockets.
async fn closed(channel: &mut UnixStream) {
    let mut byte = [0];
    while matches!(channel.read(&mut byte).await, Ok(1..)) {}
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for a signal to stop. A hangup is none: it comes with a closed terminal.
    async fn stop(&mut self) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => {}
            }
        }
    }
}
