//! Copies of a shop's journal elsewhere as it grows, each by a thread of its own: a place that is slow or
//! away delays neither the others nor what is acknowledged to the database.
//!
//! What was sent is durable there and never written over. How far each place is stands in
//! [`CopyStanding`]; what a place has not got yet, it gets when it is back.

use super::{CopyStanding, FIRST_WAIT, Trouble};
use crate::{
    VaultError,
    journal::{
        Place,
        away::{self, Away, Durable},
    },
    storage::Storage,
};
use kernel::config::{RepositorySettings, StreamCopySettings};
use std::{
    collections::BTreeSet,
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

/// The longest wait for a place that is away.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// It is looked again what is there: somebody may have removed some of it, and what is too old goes.
const LOOK_AGAIN: Duration = Duration::from_hours(1);
/// A place that hangs is left to itself at the end.
const END_WITHIN: Duration = Duration::from_secs(3);
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// How a place is opened; reaches nothing yet.
pub type Open =
    Arc<dyn Fn(&RepositorySettings) -> Result<Arc<dyn Storage>, VaultError> + Send + Sync>;

/// How far the journal is, here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reach {
    pub(super) durable: Durable,
    /// All that was committed by then is in it.
    pub(super) current_ms: Option<i64>,
}

/// What the threads are told.
#[derive(Debug, Default)]
struct Board {
    reach: Option<Reach>,
    ends: bool,
}

#[derive(Debug, Default)]
struct Told {
    board: Mutex<Board>,
    changed: Condvar,
}

/// All copies of one shop's journal.
pub(super) struct Copies {
    told: Arc<Told>,
    standings: Vec<Arc<Mutex<CopyStanding>>>,
    /// Closed when the last thread is gone.
    going: mpsc::Receiver<()>,
}

impl fmt::Debug for Copies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Copies").field("standings", &self.standings).finish_non_exhaustive()
    }
}

impl Copies {
    /// Begins a thread for each place. What `before` says of one still holds: it was there.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn begin(
        place: &Place,
        settings: &super::Settings,
        open: &Open,
        now: fn() -> i64,
        before: &[CopyStanding],
    ) -> Result<Self, VaultError> {
        let told = Arc::new(Told::default());
        let (going, gone) = mpsc::channel();
        let mut standings = Vec::new();
        for copy in &settings.copies {
            let standing = Arc::new(Mutex::new(CopyStanding::begin(copy, before)));
            standings.push(Arc::clone(&standing));
            let copier = Copier {
                place: place.clone(),
                copy: copy.clone(),
                keep_ms: i64::try_from(settings.keep_ms).unwrap_or(i64::MAX),
                open: Arc::clone(open),
                now,
                told: Arc::clone(&told),
                standing,
                whole: BTreeSet::new(),
                _going: going.clone(),
            };
            let thread = thread::Builder::new().name("stream-copy".to_owned());
            let begun = thread.spawn(move || copier.run());
            let failed = |source| VaultError::File {
                operation: "begin a thread for the copy of",
                path: place.folder(),
                source,
            };
            begun.map_err(failed)?;
        }
        Ok(Self { told, standings, going: gone })
    }

    /// The journal has grown, or it is known that nothing has come.
    pub(super) fn tell(&self, reach: Reach) {
        let mut board = locked(&self.told.board);
        if board.reach != Some(reach) {
            board.reach = Some(reach);
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

/// Who brings one place up to date.
struct Copier {
    place: Place,
    copy: StreamCopySettings,
    keep_ms: i64,
    open: Open,
    now: fn() -> i64,
    told: Arc<Told>,
    standing: Arc<Mutex<CopyStanding>>,
    /// Journals that were put aside and are there as a whole.
    whole: BTreeSet<PathBuf>,
    _going: mpsc::Sender<()>,
}

/// A place that was looked at.
struct Opened {
    away: Away,
    at: Instant,
}

impl Copier {
    fn run(mut self) {
        let every = Duration::from_millis(self.copy.every_ms);
        let (mut opened, mut sent, mut wait) = (None, None, FIRST_WAIT);
        let mut pause = Duration::ZERO;
        while let Some((reach, grown)) = self.next(sent, pause) {
            let begun = Instant::now();
            match self.round(&mut opened, reach) {
                Ok(()) => {
                    self.is_there(opened.as_ref(), reach, grown);
                    sent = Some(reach);
                    wait = FIRST_WAIT;
                    // So that it is there, and not only on its way, as often as was asked for.
                    pause = every - begun.elapsed().min(every / 2);
                }
                // A log became a segment, or the journal was put aside, while it was looked at.
                Err(VaultError::File { source, .. })
                    if source.kind() == io::ErrorKind::NotFound =>
                {
                    pause = FIRST_WAIT;
                }
                Err(error) => {
                    self.is_away(&error);
                    (opened, sent, pause) = (None, None, wait);
                    wait = (2 * wait).min(LONGEST_WAIT);
                }
            }
        }
    }

    /// Waits until there is more than was sent, and until `pause` is over; tells when that came.
    /// `None`: it is to end.
    fn next(&self, mut sent: Option<Reach>, pause: Duration) -> Option<(Reach, Instant)> {
        let due = Instant::now() + pause;
        let mut grown = None;
        let mut board = locked(&self.told.board);
        loop {
            if board.ends {
                return None;
            }
            let reach = board.reach.filter(|reach| Some(*reach) != sent);
            let now = Instant::now();
            match reach {
                None => {
                    let waited = self.told.changed.wait(board);
                    board = waited.unwrap_or_else(PoisonError::into_inner);
                }
                // Nothing came, and that is known up to another moment.
                Some(reach) if sent.is_some_and(|sent| sent.durable == reach.durable) => {
                    locked(&self.standing).current_ms = reach.current_ms;
                    sent = Some(reach);
                }
                Some(reach) => {
                    let grown = *grown.get_or_insert(now);
                    if now >= due {
                        return Some((reach, grown));
                    }
                    let waited = self.told.changed.wait_timeout(board, due - now);
                    board = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    fn round(&mut self, opened: &mut Option<Opened>, reach: Reach) -> Result<(), VaultError> {
        let now_ms = (self.now)();
        // Also while the place is away: a backup may be taken meanwhile.
        away::begun(&self.place.folder(), now_ms)?;
        let is_fresh = |opened: &Opened| opened.at.elapsed() < LOOK_AGAIN;
        let is_first = !opened.as_ref().is_some_and(is_fresh);
        if is_first {
            let storage = (self.open)(&self.copy.to)?;
            let key = self.place.make_key()?;
            *opened = Some(Opened { away: Away::open(storage, &key)?, at: Instant::now() });
            self.whole.clear();
        }
        let away = &mut opened.as_mut().expect("invariant: it was opened just now").away;
        away.send(&self.place.folder(), Some(reach.durable), now_ms)?;
        let aside = self.place.put_aside()?;
        for (folder, _) in &aside {
            if !self.whole.contains(folder) {
                away.send(folder, None, now_ms)?;
                self.whole.insert(folder.clone());
            }
        }
        if is_first {
            let here = self.place.folder();
            let aside = aside.iter().map(|(folder, _)| folder.as_path());
            let folders: Vec<&Path> = aside.chain([here.as_path()]).collect();
            away.forget(&folders, now_ms.saturating_sub(self.keep_ms).saturating_sub(DAY_MS))?;
        }
        Ok(())
    }

    fn is_there(&self, opened: Option<&Opened>, reach: Reach, grown: Instant) {
        let mut standing = locked(&self.standing);
        if standing.trouble.take().is_some() {
            tracing::info!(shop = %self.place.shop(), to = standing.to, "the journal is copied again");
        }
        standing.current_ms = reach.current_ms;
        standing.sent_ms = Some((self.now)());
        standing.delay_ms = Some(u64::try_from(grown.elapsed().as_millis()).unwrap_or(u64::MAX));
        standing.bytes = opened.map(|opened| opened.away.bytes());
        standing.keeps_all = opened.is_some_and(|opened| opened.away.keeps_all());
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
            tracing::warn!(shop = %self.place.shop(), to, error, "the journal is not copied");
        }
        standing.trouble = Some(Trouble::new(code, error.story()));
    }
}
