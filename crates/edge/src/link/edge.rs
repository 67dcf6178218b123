//! The edge's side: connects, connects again, hands on snapshots, sends the newest facts.

use super::frames::{self, Frames, StreamError};
use kernel::{
    facts::Facts,
    link::{Applied, Frame, Hello, LinkError, PROTOCOL},
    snapshot::Snapshot,
};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::{
    net::{UnixStream, unix::OwnedWriteHalf},
    sync::watch,
    time::Instant,
};

/// First and longest rest between two attempts to connect.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// Keeps the edge in touch with control.
#[derive(Debug)]
pub(crate) struct EdgeLink {
    socket: PathBuf,
    hello: Hello,
}

impl EdgeLink {
    /// `snapshot_version`: of the one it serves from already; 0 when it has none.
    pub(crate) fn new(
        socket: PathBuf,
        edge_start: u64,
        started_at_ms: i64,
        snapshot_version: u64,
    ) -> Self {
        let hello = Hello {
            protocol: PROTOCOL,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            edge_start,
            started_at_ms,
            pid: std::process::id(),
            snapshot_version,
        };
        Self { socket, hello }
    }

    /// Runs until dropped: hands every snapshot to `apply`, which may take its time, tells control
    /// what became of it, and sends each new value of `facts`.
    pub(crate) async fn run(
        mut self,
        mut facts: watch::Receiver<Option<Arc<Facts>>>,
        mut apply: impl FnMut(Snapshot) -> Applied,
    ) {
        let mut rest = BACKOFF.0;
        let mut away = false;
        loop {
            let error = match UnixStream::connect(&self.socket).await {
                Ok(stream) => {
                    if std::mem::take(&mut away) {
                        tracing::info!("control is back");
                    }
                    let began = Instant::now();
                    let error = self.talk(stream, &mut facts, &mut apply).await;
                    // A control that breaks off at once is no better than none.
                    if began.elapsed() >= BACKOFF.1 {
                        rest = BACKOFF.0;
                    }
                    error
                }
                Err(error) => StreamError::Read(error),
            };
            if !std::mem::replace(&mut away, true) {
                let error = crate::upstream::chain(&error);
                let socket = self.socket.display();
                tracing::warn!(%socket, error, "control is away; serving on without it");
            }
            tokio::time::sleep(jittered(rest)).await;
            rest = (rest * 2).min(BACKOFF.1);
        }
    }

    /// One connection, until it breaks.
    async fn talk(
        &mut self,
        stream: UnixStream,
        facts: &mut watch::Receiver<Option<Arc<Facts>>>,
        apply: &mut impl FnMut(Snapshot) -> Applied,
    ) -> StreamError {
        let (reader, mut writer) = stream.into_split();
        let mut frames = Frames::new(reader);
        if let Err(error) = send(&mut writer, &Frame::Hello(self.hello.clone())).await {
            return error;
        }
        facts.mark_changed();
        loop {
            let done = tokio::select! {
                frame = frames.next() => match frame {
                    Ok(Frame::Snapshot(snapshot)) => {
                        let applied = apply(*snapshot);
                        if applied.error.is_none() {
                            self.hello.snapshot_version = applied.version;
                        }
                        send(&mut writer, &Frame::Applied(applied)).await
                    }
                    // Control is of another age; what is in force stays so.
                    Err(StreamError::Frame(error @ LinkError::Foreign { version, .. })) => {
                        let error = crate::upstream::chain(&error);
                        tracing::error!(version, error, "a snapshot is not understood");
                        send(&mut writer, &Frame::Applied(Applied { version, error: Some(error) }))
                            .await
                    }
                    // Not control's to say; a later version may, so it is passed over.
                    Ok(_) => Ok(()),
                    Err(error) => Err(error),
                },
                newest = newest(facts) => {
                    send(&mut writer, &Frame::Facts(Box::new(Facts::clone(&newest)))).await
                }
            };
            if let Err(error) = done {
                return error;
            }
        }
    }
}

/// The next facts; never again once nobody makes any.
async fn newest(facts: &mut watch::Receiver<Option<Arc<Facts>>>) -> Arc<Facts> {
    while facts.changed().await.is_ok() {
        let newest = facts.borrow_and_update().clone();
        if let Some(newest) = newest {
            return newest;
        }
    }
    std::future::pending().await
}

async fn send(writer: &mut OwnedWriteHalf, frame: &Frame) -> Result<(), StreamError> {
    frames::write(writer, &frame.encode()?).await
}

/// Between half and one and a half times as long, so that several edges do not come at once.
fn jittered(rest: Duration) -> Duration {
    rest.mul_f64(rand::random_range(0.5..1.5))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{ControlLink, LinkEvent};
    use kernel::snapshot::Limits;
    use tokio::{io::AsyncWriteExt, net::UnixListener, sync::mpsc, task::AbortHandle};

    fn snapshot(version: u64) -> Snapshot {
        Snapshot {
            version,
            made_at_ms: 1,
            limits: Limits::default(),
            shops: vec![],
            certificates: vec![],
            challenges: vec![],
            control: None,
        }
    }

    fn facts(at_ms: i64) -> Arc<Facts> {
        Arc::new(Facts {
            edge_start: 7,
            at_ms,
            snapshot_version: 0,
            connections: 0,
            connections_total: 0,
            refused: vec![],
            shops: vec![],
            ..Facts::default()
        })
    }

    /// An edge on `socket` that passes on the versions it gets.
    fn edge(
        socket: PathBuf,
    ) -> (watch::Sender<Option<Arc<Facts>>>, mpsc::UnboundedReceiver<u64>, AbortHandle) {
        let (newest, facts) = watch::channel(None);
        let (versions, applied) = mpsc::unbounded_channel();
        let task = tokio::spawn(EdgeLink::new(socket, 7, 1, 0).run(facts, move |snapshot| {
            versions.send(snapshot.version).unwrap();
            let error = (snapshot.version == 13).then(|| "unlucky".to_owned());
            Applied { version: snapshot.version, error }
        }));
        (newest, applied, task.abort_handle())
    }

    #[tokio::test]
    async fn snapshots_go_one_way_and_facts_the_other_across_a_restart_of_control() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("control.sock");
        // The edge is first, and control comes later.
        let (newest, mut applied, task) = edge(socket.clone());
        newest.send_replace(Some(facts(1)));

        let control = ControlLink::bind(&socket).unwrap();
        control.publish(snapshot(12)).unwrap();
        let mut events = control.events();
        assert_eq!(applied.recv().await, Some(12));
        let mut hello = 0;
        let (mut told, mut counted) = (None, None);
        while told.is_none() || counted.is_none() {
            match events.recv().await.unwrap() {
                LinkEvent::Connected(edge) => hello = edge.edge_start,
                LinkEvent::Applied { edge_start: 7, applied } => told = Some(applied),
                LinkEvent::Facts(facts) => counted = Some(facts.at_ms),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((hello, counted), (7, Some(1)));
        assert_eq!(told, Some(Applied { version: 12, error: None }));

        control.publish(snapshot(13)).unwrap();
        assert_eq!(applied.recv().await, Some(13));
        let refused = Applied { version: 13, error: Some("unlucky".to_owned()) };
        loop {
            if let LinkEvent::Applied { applied, .. } = events.recv().await.unwrap() {
                assert_eq!(applied, refused);
                break;
            }
        }

        drop((control, events));
        let control = loop {
            match ControlLink::bind(&socket) {
                Ok(control) => break control,
                Err(_still_closing) => tokio::task::yield_now().await,
            }
        };
        let mut events = control.events();
        let LinkEvent::Connected(edge) = events.recv().await.unwrap() else { panic!() };
        assert_eq!(edge.snapshot_version, 12, "what it serves from, not what it refused");
        task.abort();
        loop {
            if matches!(events.recv().await.unwrap(), LinkEvent::Disconnected { edge_start: 7 }) {
                break;
            }
        }
    }

    #[tokio::test]
    async fn a_control_that_talks_nonsense_is_left_and_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("control.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let (_newest, _applied, task) = edge(socket);
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(&[0xff; 64]).await.unwrap();
        }
        task.abort();
    }
}
