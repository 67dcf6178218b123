//! Copies of the archive elsewhere as it grows, each by a thread of its own: a place that is slow or away delays
//! nobody else.

use super::{
    archive::{Archive, LogFile},
    away::Away,
};
use crate::{
    VaultError,
    stream::{CopyStanding, Open, Trouble},
};
use kernel::config::StreamCopySettings;
use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// It is looked again what is there: somebody may have removed some of it.
const LOOK_AGAIN: Duration = Duration::from_hours(1);
/// A place that hangs is left to itself at the end.
const END_WITHIN: Duration = Duration::from_secs(3);

/// What the threads are told.
#[derive(Debug, Default)]
struct Board {
    /// Another number whenever the archive is another.
    state: u64,
    ends: bool,
}

#[derive(Debug, Default)]
struct Told {
    board: Mutex<Board>,
    changed: Condvar,
}

/// All copies of one archive.
#[derive(Debug)]
pub(super) struct Copies {
    told: Arc<Told>,
    standings: Vec<Arc<Mutex<CopyStanding>>>,
    /// Closed when the last thread is gone.
    going: mpsc::Receiver<()>,
}

struct Copier {
    archive: Archive,
    copy: StreamCopySettings,
    open: Open,
    now: fn() -> i64,
    told: Arc<Told>,
    standing: Arc<Mutex<CopyStanding>>,
    _going: mpsc::Sender<()>,
}

impl Copies {
    /// Begins a thread for each place. What `before` says of one still holds: it was there.
    pub(super) fn begin(
        archive: &Archive,
        copies: &[StreamCopySettings],
        open: &Open,
        now: fn() -> i64,
        before: &[CopyStanding],
    ) -> Result<Self, VaultError> {
        let told = Arc::new(Told::default());
        let (going, gone) = mpsc::channel();
        let mut standings = Vec::new();
        for copy in copies {
            let standing = Arc::new(Mutex::new(CopyStanding::begin(copy, before)));
            standings.push(Arc::clone(&standing));
            let copier = Copier {
                archive: archive.clone(),
                copy: copy.clone(),
                open: Arc::clone(open),
                now,
                told: Arc::clone(&told),
                standing,
                _going: going.clone(),
            };
            let begun = thread::Builder::new().name("wal-copy".to_owned()).spawn(|| copier.run());
            let operation = "begin a thread for the copy of";
            let path = archive.arriving();
            begun.map_err(|source| VaultError::File { operation, path, source })?;
        }
        Ok(Self { told, standings, going: gone })
    }

    /// The archive may be another.
    pub(super) fn tell(&self, state: u64) {
        let mut board = locked(&self.told.board);
        if board.state != state {
            board.state = state;
            self.told.changed.notify_all();
        }
    }

    /// How it stands with each, in the order of the configuration.
    pub(super) fn standings(&self) -> Vec<CopyStanding> {
        self.standings.iter().map(|standing| locked(standing).clone()).collect()
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        locked(&self.told.board).ends = true;
        self.told.changed.notify_all();
        // Nothing is ever sent on it: it is over when the last of them is gone, or waited long enough.
        if self.going.recv_timeout(END_WITHIN) == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::warn!("a place hangs; what it is being sent is left to itself");
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Copier {
    fn run(self) {
        let every = Duration::from_millis(self.copy.every_ms);
        let (mut opened, mut sent, mut wait) = (None::<(Away, Instant)>, 0, FIRST_WAIT);
        let mut pause = Duration::ZERO;
        while let Some(state) = self.next(sent, pause) {
            match self.round(&mut opened) {
                Ok(()) => (sent, wait, pause) = (state, FIRST_WAIT, every),
                // It was forgotten while it was looked at.
                Err(VaultError::File { source, .. })
                    if source.kind() == io::ErrorKind::NotFound =>
                {
                    pause = FIRST_WAIT;
                }
                Err(error) => {
                    self.is_away(&error);
                    (opened, sent, pause) = (None, 0, wait);
                    wait = (2 * wait).min(LONGEST_WAIT);
                }
            }
        }
    }

    /// Waits until the archive is another than was sent, and until `pause` is over. `None`: it is to end.
    fn next(&self, sent: u64, pause: Duration) -> Option<u64> {
        let due = Instant::now() + pause;
        let mut board = locked(&self.told.board);
        loop {
            if board.ends {
                return None;
            }
            let now = Instant::now();
            let waited = match board.state {
                state if state == sent => self.told.changed.wait(board),
                state if now >= due => return Some(state),
                _ => {
                    let waited = self.told.changed.wait_timeout(board, due - now);
                    board = waited.unwrap_or_else(PoisonError::into_inner).0;
                    continue;
                }
            };
            board = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn round(&self, opened: &mut Option<(Away, Instant)>) -> Result<(), VaultError> {
        let begun = Instant::now();
        let (mut away, at) = match opened.take() {
            Some((away, at)) if at.elapsed() < LOOK_AGAIN => (away, at),
            _ => (Away::open((self.open)(&self.copy.to)?, self.archive.mark())?, Instant::now()),
        };
        let newest = away.send(&self.archive)?;
        let head = newest.map(|file: LogFile| self.archive.head(file)).transpose()?;
        let mut standing = locked(&self.standing);
        standing.trouble = None;
        standing.current_ms = head.map(|head| head.at_ms);
        standing.sent_ms = Some((self.now)());
        standing.delay_ms = u64::try_from(begun.elapsed().as_millis()).ok();
        standing.bytes = Some(away.bytes());
        standing.keeps_all = away.keeps_all();
        *opened = Some((away, at));
        Ok(())
    }

    fn is_away(&self, error: &VaultError) {
        let code = match error {
            VaultError::Storage { fault, .. } => fault.code(),
            VaultError::DamagedJournal { .. } => "stream_journal_damaged",
            _ => "storage_failed",
        };
        let mut standing = locked(&self.standing);
        if standing.trouble.is_none() {
            let (to, error) = (&standing.to, error.story());
            tracing::warn!(to, error, "the archive of a server's log is not copied");
        }
        standing.trouble = Some(Trouble::new(code, error.story()));
    }
}
