//! A child process with its channel, watched by a task of its own that tells what becomes of it.

use super::Event;
use crate::handover;
use host::{
    HostError, descriptors,
    process::{Process, Signal, Spawn, Stdin},
};
use std::{
    io,
    os::{fd::BorrowedFd, unix::net::UnixStream as BlockingStream},
    process::ExitStatus,
    time::Duration,
};
use tokio::{
    io::AsyncReadExt,
    net::UnixStream,
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// Commands to one child that wait to be carried out.
const COMMANDS: usize = 16;
/// A child says `ready` and nothing else.
const LONGEST_WORD: usize = 64;

/// Names one start of one child; never used again.
pub(super) type ChildId = u64;

/// What became of a child.
#[derive(Debug)]
pub(super) enum Word {
    /// It serves.
    Ready,
    Ended(Result<ExitStatus, HostError>),
}

/// The supervisor's end of a child. The child lives until it ends by itself or is stopped.
#[derive(Debug)]
pub(super) struct Child {
    pub(super) id: ChildId,
    pub(super) pid: u32,
    pub(super) started: Instant,
    commands: mpsc::Sender<Command>,
}

#[derive(Debug, Clone, Copy)]
enum Command {
    Signal(Signal),
    /// SIGTERM now, SIGKILL after the grace.
    Stop(Duration),
}

impl Child {
    /// Starts a child and hands it its sockets. `events` turns what becomes of it into an event.
    ///
    /// # Errors
    /// When it cannot be started or does not take its sockets.
    pub(super) fn start(
        id: ChildId,
        spawn: Spawn,
        sockets: &[(&str, BorrowedFd<'_>)],
        events: mpsc::Sender<Event>,
        event: fn(ChildId, Word) -> Event,
    ) -> Result<Self, HostError> {
        let channel = |source: io::Error| HostError::SendDescriptors(source);
        let (ours, theirs) = BlockingStream::pair().map_err(channel)?;
        let process = spawn.stdin(Stdin::Descriptor(theirs.into())).start()?;
        descriptors::send(&ours, sockets)?;
        ours.set_nonblocking(true).map_err(channel)?;
        let channel = UnixStream::from_std(ours).map_err(channel)?;
        let (commands, told) = mpsc::channel(COMMANDS);
        let child = Self { id, pid: process.pid(), started: Instant::now(), commands };
        let heard = Vec::new();
        tokio::spawn(Watched { id, process, channel, told, heard, events, event }.run());
        Ok(child)
    }

    pub(super) fn signal(&self, signal: Signal) {
        self.tell(Command::Signal(signal));
    }

    /// Asks it to end, and kills it after `grace`. The end comes as an event.
    pub(super) fn stop(&self, grace: Duration) {
        self.tell(Command::Stop(grace));
    }

    fn tell(&self, command: Command) {
        if let Err(error) = self.commands.try_send(command) {
            // Its end is on the way to us, then.
            tracing::debug!(%error, pid = self.pid, "a child could not be told");
        }
    }
}

struct Watched {
    id: ChildId,
    process: Process,
    /// Open as long as the child lives: to the child, its end means that the supervisor is gone.
    channel: UnixStream,
    told: mpsc::Receiver<Command>,
    heard: Vec<u8>,
    events: mpsc::Sender<Event>,
    event: fn(ChildId, Word) -> Event,
}

impl Watched {
    async fn run(mut self) {
        let mut kill_at = None;
        let mut is_open = true;
        let ended = loop {
            let mut bytes = [0; LONGEST_WORD];
            tokio::select! {
                ended = self.process.wait() => break ended,
                Some(command) = self.told.recv() => match command {
                    Command::Signal(signal) => self.signal(signal),
                    Command::Stop(grace) => {
                        self.signal(Signal::Terminate);
                        kill_at = Some(Instant::now() + grace);
                    }
                },
                read = self.channel.read(&mut bytes), if is_open => {
                    let read = read.unwrap_or(0);
                    is_open = read > 0;
                    if self.hears_ready(&bytes[..read]) {
                        self.tell(Word::Ready).await;
                    }
                }
                () = sleep_until(kill_at.unwrap_or_else(Instant::now)), if kill_at.is_some() => {
                    tracing::warn!(pid = self.process.pid(), "a child did not end in time");
                    self.signal(Signal::Kill);
                    kill_at = None;
                }
            }
        };
        self.tell(Word::Ended(ended)).await;
    }

    async fn tell(&self, word: Word) {
        // When the supervisor ends, nobody is left to be told.
        let _ = self.events.send((self.event)(self.id, word)).await;
    }

    fn hears_ready(&mut self, bytes: &[u8]) -> bool {
        if self.heard.len() + bytes.len() > LONGEST_WORD {
            self.heard.clear();
        }
        self.heard.extend_from_slice(bytes);
        let is_ready = self.heard == handover::READY;
        if is_ready {
            self.heard.clear();
        }
        is_ready
    }

    fn signal(&self, signal: Signal) {
        match self.process.signal(signal) {
            Ok(()) | Err(HostError::Ended(_)) => {}
            Err(error) => tracing::error!(%error, ?signal, "a child could not be signalled"),
        }
    }
}
