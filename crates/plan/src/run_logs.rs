//! The logs of runs: what performers say for a person to read, one file a run.
//!
//! They are no records: a thread of their own writes them, nobody waits for it, and a line that
//! finds its queue full is lost, which the file says. A file is 1 MiB long at most.

use crate::EngineError;
use jiff::Timestamp;
use kernel::plan::RunId;
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};
use tokio::sync::oneshot;

/// Lines that wait to be written.
const QUEUE: usize = 1_024;
/// Bytes of one file.
const FILE_LIMIT: u64 = 1024 * 1024;
const FULL: &str = "the log of this run is full: what follows is not in it\n";

pub(crate) struct RunLogs {
    directory: PathBuf,
    queue: SyncSender<Message>,
    lost: AtomicU64,
}

enum Message {
    Line {
        run: RunId,
        text: String,
        lost_before: u64,
    },
    /// Everything before it is written.
    Flush(oneshot::Sender<()>),
}

impl RunLogs {
    pub(crate) fn open(directory: PathBuf) -> Result<Self, EngineError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&directory);
        made.map_err(|source| EngineError::MakeFolder {
            path: directory.clone(),
            source: source.into(),
        })?;
        let (queue, messages) = sync_channel(QUEUE);
        let folder = directory.clone();
        thread::Builder::new()
            .name("run-logs".into())
            .spawn(move || write_all(&folder, &messages))
            .expect("invariant: the system gives a thread at start");
        Ok(Self { directory, queue, lost: AtomicU64::new(0) })
    }

    /// Queues a line. Never waits.
    pub(crate) fn append(&self, run: RunId, at_ms: i64, step: usize, text: &str) {
        let time = Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::UNIX_EPOCH);
        let text = format!("{time:.3} {} {text}\n", step + 1);
        let lost_before = self.lost.swap(0, Ordering::Relaxed);
        if self.queue.try_send(Message::Line { run, text, lost_before }).is_err() {
            self.lost.fetch_add(lost_before + 1, Ordering::Relaxed);
        }
    }

    /// The whole log, after everything that was queued is in it.
    pub(crate) async fn read(&self, run: RunId) -> Result<String, EngineError> {
        let (written, flushed) = oneshot::channel();
        let (queue, path) = (self.queue.clone(), path_of(&self.directory, run));
        let reading = tokio::task::spawn_blocking(move || {
            // When the thread is gone nothing more will be written.
            let is_queued = queue.send(Message::Flush(written)).is_ok();
            if is_queued && flushed.blocking_recv().is_err() {
                tracing::warn!("the logs of runs are not written any more");
            }
            match fs::read(&path) {
                Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
                Err(source) => Err(EngineError::ReadLog { path, source: source.into() }),
            }
        });
        reading.await.expect("invariant: reading a file does not panic")
    }
}

fn path_of(directory: &Path, run: RunId) -> PathBuf {
    directory.join(format!("{run}.log"))
}

fn write_all(directory: &Path, messages: &Receiver<Message>) {
    // Runs speak in turns, mostly: the last one's file stays open.
    let mut open: Option<(RunId, File, u64)> = None;
    let mut is_well = true;
    while let Ok(message) = messages.recv() {
        let (run, text, lost) = match message {
            Message::Line { run, text, lost_before } => (run, text, lost_before),
            Message::Flush(written) => {
                // Whoever asked may have gone.
                let _ = written.send(());
                continue;
            }
        };
        let written = write_line(directory, &mut open, run, &text, lost);
        if is_well && let Err(error) = &written {
            tracing::error!(%run, %error, "the log of a run could not be written");
        }
        is_well = written.is_ok();
    }
}

fn write_line(
    directory: &Path,
    open: &mut Option<(RunId, File, u64)>,
    run: RunId,
    text: &str,
    lost: u64,
) -> io::Result<()> {
    if open.as_ref().is_none_or(|(of, ..)| *of != run) {
        let path = path_of(directory, run);
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        let length = file.metadata()?.len();
        *open = Some((run, file, length));
    }
    let Some((_, file, length)) = open else {
        return Ok(());
    };
    let mut text = text.to_owned();
    if lost > 0 {
        text.insert_str(0, &format!("{lost} lines were lost here\n"));
    }
    let added = u64::try_from(text.len()).unwrap_or(u64::MAX);
    let room = FILE_LIMIT - u64::try_from(FULL.len()).unwrap_or(0);
    if *length > room {
        return Ok(());
    }
    if length.saturating_add(added) > room {
        file.write_all(FULL.as_bytes())?;
        *length = FILE_LIMIT;
        return Ok(());
    }
    file.write_all(text.as_bytes())?;
    *length += added;
    Ok(())
}
