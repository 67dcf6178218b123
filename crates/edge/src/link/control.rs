//! Control's side: listens, hands every edge the newest snapshot, tells what edges say.

use super::frames::{self, Frames, StreamError};
use kernel::{
    facts::Facts,
    link::{Applied, Frame, Hello, LinkError, PROTOCOL},
    snapshot::Snapshot,
};
use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::{
        UnixListener, UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{broadcast, watch},
    task::{AbortHandle, JoinSet},
};

/// An edge says hello within this time.
pub(super) const HELLO_TIMEOUT: Duration = Duration::from_secs(5);
/// Events kept for a receiver that is slow; it is told how many it missed.
const EVENTS: usize = 256;
/// Rest after an accept that failed for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why control has no link.
#[derive(Debug, thiserror::Error)]
pub enum ControlLinkError {
    #[error("another control listens on `{}` already", .0.display())]
    Taken(PathBuf),
    #[error("listen on `{}`", path.display())]
    Bind { path: PathBuf, source: io::Error },
}

/// What an edge said or did.
#[derive(Debug, Clone)]
pub enum LinkEvent {
    Connected(Hello),
    /// What became of a published snapshot at one edge.
    Applied {
        edge_start: u64,
        applied: Applied,
    },
    Facts(Arc<Facts>),
    Disconnected {
        edge_start: u64,
    },
}

/// Listens for edges until dropped. Several may be connected at once, as during a replacement.
#[derive(Debug)]
pub struct ControlLink {
    shared: Shared,
    accepting: AbortHandle,
}

#[derive(Debug, Clone)]
struct Shared {
    /// The newest snapshot as a whole frame.
    snapshot: watch::Sender<Option<Arc<[u8]>>>,
    events: broadcast::Sender<LinkEvent>,
}

impl ControlLink {
    /// Listens on a socket file (mode 0600). One that is there already is replaced when nobody
    /// listens on it any more. Called within a tokio runtime.
    ///
    /// # Errors
    /// When another process listens there, or the file cannot be made.
    pub fn bind(path: &Path) -> Result<Self, ControlLinkError> {
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(ControlLinkError::Taken(path.to_owned()));
        }
        let listener = listen(path)
            .map_err(|source| ControlLinkError::Bind { path: path.to_owned(), source })?;
        let shared =
            Shared { snapshot: watch::Sender::new(None), events: broadcast::Sender::new(EVENTS) };
        let accepting = tokio::spawn(accept(listener, shared.clone())).abort_handle();
        Ok(Self { shared, accepting })
    }

    /// Sends `snapshot` to every edge that is connected, and to those that connect later until the
    /// next one is published.
    ///
    /// # Errors
    /// When it does not fit one frame; the one before stays published.
    pub fn publish(&self, snapshot: Snapshot) -> Result<(), LinkError> {
        let frame = Frame::Snapshot(Box::new(snapshot)).encode()?;
        self.shared.snapshot.send_replace(Some(frame.into()));
        Ok(())
    }

    /// What happens from now on.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<LinkEvent> {
        self.shared.events.subscribe()
    }
}

impl Drop for ControlLink {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Binds under another name first, so that the socket is never there with a wider mode, and a
/// stale one is replaced in one step.
fn listen(path: &Path) -> io::Result<UnixListener> {
    let fresh = path.with_file_name(format!(".s{}", std::process::id()));
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&fresh)?;
    fs::set_permissions(&fresh, fs::Permissions::from_mode(0o600))?;
    fs::rename(&fresh, path)?;
    Ok(listener)
}

/// Accepts for ever; its connections end with it.
async fn accept(listener: UnixListener, shared: Shared) {
    let mut edges = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => { edges.spawn(serve(stream, shared.clone())); }
                Err(error) => {
                    tracing::error!(%error, "accept an edge");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_ended) = edges.join_next() => {}
        }
    }
}

async fn serve(stream: UnixStream, shared: Shared) {
    let (reader, writer) = stream.into_split();
    let mut frames = Frames::new(reader);
    let hello = match greet(&mut frames).await {
        Ok(hello) => hello,
        Err(error) => {
            tracing::warn!(error = crate::upstream::chain(&error), "edge link refused");
            return;
        }
    };
    let edge_start = hello.edge_start;
    tracing::info!(edge_start, pid = hello.pid, program = hello.program, "edge connected");
    shared.tell(LinkEvent::Connected(hello));
    let ended = tokio::select! {
        ended = listen_to(&mut frames, &shared, edge_start) => ended,
        ended = send_snapshots(writer, shared.snapshot.subscribe()) => ended,
    };
    match ended {
        Ok(()) | Err(StreamError::Closed) => tracing::info!(edge_start, "edge disconnected"),
        Err(error) => {
            let error = crate::upstream::chain(&error);
            tracing::warn!(edge_start, error, "edge link broke");
        }
    }
    shared.tell(LinkEvent::Disconnected { edge_start });
}

async fn greet(frames: &mut Frames<OwnedReadHalf>) -> Result<Hello, StreamError> {
    match tokio::time::timeout(HELLO_TIMEOUT, frames.next()).await {
        Ok(Ok(Frame::Hello(hello))) if hello.protocol.abs_diff(PROTOCOL) <= 1 => Ok(hello),
        Ok(Ok(Frame::Hello(hello))) => Err(StreamError::Protocol(hello.protocol)),
        Ok(Ok(_)) => Err(StreamError::NoHello),
        Ok(Err(error)) => Err(error),
        Err(_elapsed) => Err(StreamError::Silent),
    }
}

async fn listen_to(
    frames: &mut Frames<OwnedReadHalf>,
    shared: &Shared,
    edge_start: u64,
) -> Result<(), StreamError> {
    loop {
        match frames.next().await? {
            Frame::Applied(applied) => shared.tell(LinkEvent::Applied { edge_start, applied }),
            Frame::Facts(facts) => shared.tell(LinkEvent::Facts(Arc::from(facts))),
            // Not an edge's to say; a later version may, so it is passed over.
            Frame::Hello(_) | Frame::Snapshot(_) => {}
        }
    }
}

async fn send_snapshots(
    mut writer: OwnedWriteHalf,
    mut snapshot: watch::Receiver<Option<Arc<[u8]>>>,
) -> Result<(), StreamError> {
    loop {
        let newest = snapshot.borrow_and_update().clone();
        if let Some(frame) = newest {
            frames::write(&mut writer, &frame).await?;
        }
        if snapshot.changed().await.is_err() {
            return Ok(());
        }
    }
}

impl Shared {
    /// Nobody listening is no error: control may be starting still.
    fn tell(&self, event: LinkEvent) {
        let _receivers = self.events.send(event);
    }
}
