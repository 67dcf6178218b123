//! Keeping a PostgreSQL server's log as it is, from base backups on: every file of it, as it is written,
//! into an archive of its own (docs/wal.md).
//!
//! `pg_receivewal` receives it under a slot of its own, a child of this process: what it has said to have is on
//! disk. Killed, or its server killed, it goes on where the files end. What the server cannot give any more is
//! a gap, which is said, and only a base backup that begins afterwards closes. What the log says is PostgreSQL's
//! to know. How it stands is told by a file ([`Standing`]).

mod archive;
mod away;
mod base;
mod copies;
mod recovery;
mod standing;

pub use archive::{Archive, Head, LogFile};
pub use away::fetch;
pub use base::{BASE_TAG, Base, BaseNote, FROM_TAG, stream};
pub use recovery::{Hindered, Path, Request, Running, Stage, Wanted, find, recover};
pub use standing::{Standing, keep_from};

use crate::{
    VaultError,
    journal::Place,
    stream::{Gap, Hindrance, Open, State, Trouble},
};
use archive::Arriving;
use copies::Copies;
use databases::{
    DatabaseError,
    changes::Obstacle,
    wal::{Glance, Programs, SegmentName, Server},
};
use host::process::{Process, Signal};
use kernel::config::{DatabaseUrl, StreamCopySettings};
use std::{collections::VecDeque, fs, io, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// What wants a person is looked at again so often: they may have mended it.
const MENDED: Duration = Duration::from_secs(30);
const TOLD_EVERY: Duration = Duration::from_secs(1);
/// How long the receiver has to end in order.
const END_WITHIN: Duration = Duration::from_secs(5);
/// Moments that are not known to be received yet; further ones tell nothing more.
const MOST_MOMENTS: usize = 120;
/// What `pg_receivewal` says when the server has thrown away what comes next.
const REMOVED: &str = "has already been removed";
const TAIL_BYTES: usize = 1_000;

/// What to keep.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// By an account that may replicate.
    pub database: DatabaseUrl,
    /// Where copies of the archive go as it grows.
    pub copies: Vec<StreamCopySettings>,
}

/// Why a round of receiving ended.
enum End {
    /// It was told to.
    Told,
    /// It may go by.
    ForNow(Trouble),
    /// Somebody must mend it.
    Refused(Trouble),
    /// What lies between is gone.
    Lost(String),
}

struct Receiver<'a> {
    place: &'a Place,
    settings: &'a Settings,
    now: fn() -> i64,
    archive: Archive,
    slot: String,
    standing: Standing,
    copies: Copies,
    stop: watch::Receiver<bool>,
    /// Of what the server had flushed, and when: not received yet.
    moments: VecDeque<(u64, i64)>,
    /// Where the server's log was when this round began: received up to there, it goes on again.
    round_from: u64,
}

/// Receives until `stop` says so, or its sender is gone. `now` gives Unix milliseconds, `open` the places
/// that copies go to. For a thread of its own: the receiving program ends with it.
///
/// # Errors
/// When not even how it stands can be written down.
pub async fn receive(
    place: &Place,
    settings: &Settings,
    open: &Open,
    now: fn() -> i64,
    stop: watch::Receiver<bool>,
) -> Result<(), VaultError> {
    let archive = Archive::of(place, &place.make_key()?);
    archive.make()?;
    let standing = Standing::read(place)?.unwrap_or_default();
    let standing = Standing { state: State::Starting, trouble: None, ..standing };
    let copies = Copies::begin(&archive, &settings.copies, open, now, &standing.copies)?;
    let slot = slot(place, archive.mark());
    let moments = VecDeque::new();
    let mut receiver = Receiver {
        place,
        settings,
        now,
        archive,
        slot,
        standing,
        copies,
        stop,
        moments,
        round_from: 0,
    };
    let mut wait = FIRST_WAIT;
    loop {
        receiver.tell()?;
        let current_ms = receiver.standing.current_ms;
        let end = receiver.round().await;
        if receiver.standing.current_ms > current_ms {
            wait = FIRST_WAIT;
        }
        let (state, trouble, pause) = match end {
            Ok(End::Told) => return receiver.end(),
            Ok(End::ForNow(trouble)) => (State::Away, trouble, wait),
            Ok(End::Refused(trouble)) => (State::Refused, trouble, MENDED),
            Ok(End::Lost(reason)) => {
                receiver.begin_another(&reason)?;
                continue;
            }
            Err(error) => (State::Away, Trouble::new("wal_unwritable", error.story()), wait),
        };
        wait = (2 * wait).min(LONGEST_WAIT);
        let shop = place.shop();
        tracing::warn!(%shop, ?state, error = trouble.message, "the server's log is not received");
        receiver.standing.state = state;
        receiver.standing.trouble = Some(trouble);
        if receiver.waits(pause).await? {
            return receiver.end();
        }
    }
}

/// A slot's name has 63 bytes, and is the whole server's: the mark makes it this archive's.
fn slot(place: &Place, mark: u32) -> String {
    let fits = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '_' };
    let shop: String = place.shop().as_str().chars().map(fits).take(36).collect();
    format!("storewarden_wal_{shop}_{mark:08x}")
}

impl Receiver<'_> {
    /// One life of the receiving program.
    async fn round(&mut self) -> Result<End, VaultError> {
        let (server, glance) = match self.prepare().await {
            Ok(Ok(prepared)) => prepared,
            Ok(Err(end)) => return Ok(end),
            Err(error) => return Ok(of_database(&error)),
        };
        // Nothing was promised yet, and what has come may have a hole: the slot was made just now.
        if self.standing.begun_ms.is_none() {
            self.archive.clear_arriving()?;
        }
        // Whoever was killed while they made room for a segment has left one that is never taken up again.
        self.archive.empty_what_has_no_room(glance.segment_bytes)?;
        let mut program = match self.start(glance.version)? {
            Ok(program) => program,
            Err(end) => return Ok(end),
        };
        self.standing.segment_bytes = Some(glance.segment_bytes);
        self.round_from = glance.flushed;
        let mut ticks = interval(TOLD_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let end = loop {
            tokio::select! {
                biased;
                () = is_told(&mut self.stop) => break Ok(End::Told),
                ended = program.wait() => {
                    let status = ended.map_or_else(|error| error.to_string(), |end| end.to_string());
                    return self.ended(&status);
                }
                _ = ticks.tick() => match self.look(&server).await {
                    Ok(None) => {}
                    Ok(Some(end)) => break Ok(end),
                    Err(error) => break Err(error),
                },
            }
        };
        // In order: what it has is on disk, and the server knows. However it ends, it ends.
        if let Err(error) = program.stop_with(Signal::Interrupt, END_WITHIN).await {
            tracing::warn!(%error, "the program that receives a server's log may still run");
        }
        end
    }

    /// Sees to it that the server allows it and keeps its log for us.
    async fn prepare(&mut self) -> Result<Result<(Server, Glance), End>, DatabaseError> {
        let server = Server::connect(&self.settings.database).await?;
        let found = server.survey().await?;
        self.standing.obstacles = found.iter().map(Hindrance::of).collect();
        if let Some(obstacle) = found.iter().find(|one| Obstacle::refuses(one)) {
            return Ok(Err(End::Refused(Trouble::of_obstacle(obstacle))));
        }
        let glance = server.glance(&self.slot).await?;
        match (&glance.slot, self.standing.begun_ms) {
            (Some(slot), Some(_)) if slot.is_lost => return Ok(Err(End::Lost(invalidated()))),
            (None, Some(_)) => {
                let reason = "the replication slot is not there any more".to_owned();
                return Ok(Err(End::Lost(reason)));
            }
            (Some(_), Some(_)) => {}
            (_, None) => {
                server.remove_slot(&self.slot).await?;
                server.make_slot(&self.slot).await?;
            }
        }
        Ok(Ok((server, glance)))
    }

    fn start(&self, version: u32) -> Result<Result<Process, End>, VaultError> {
        let log = self.place.beside("wal.log");
        match fs::remove_file(&log) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(VaultError::File { operation: "remove", path: log, source });
            }
            _ => {}
        }
        let into = self.archive.arriving();
        let spawn = Programs::find(version)
            .and_then(|programs| programs.receive(&self.settings.database, &self.slot, &into));
        let spawn = match spawn {
            Ok(spawn) => spawn.output_to(log).tied_to_this_thread(Signal::Kill),
            Err(error) => {
                let trouble = Trouble::new("wal_program_missing", story(&error));
                return Ok(Err(End::Refused(trouble)));
            }
        };
        let started = spawn.start();
        Ok(started.map_err(|error| End::ForNow(Trouble::new("wal_program_missing", story(&error)))))
    }

    /// The receiving program has ended by itself, or somebody has ended it.
    fn ended(&self, status: &str) -> Result<End, VaultError> {
        let path = self.place.beside("wal.log");
        let said = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            said => said.map_err(|source| VaultError::File { operation: "read", path, source })?,
        };
        let tail = &said[said.len().saturating_sub(TAIL_BYTES)..];
        let tail = String::from_utf8_lossy(tail).trim().to_owned();
        if tail.contains(REMOVED) {
            return Ok(End::Lost(invalidated()));
        }
        let message = format!("pg_receivewal ended with {status}: {tail}");
        Ok(End::ForNow(Trouble::new("wal_receiver_ended", message)))
    }

    /// Seals what is whole by now, and says how it stands.
    async fn look(&mut self, server: &Server) -> Result<Option<End>, VaultError> {
        let glance = match server.glance(&self.slot).await {
            Ok(glance) => glance,
            Err(error) => {
                self.tell()?;
                return Ok(Some(of_database(&error)));
            }
        };
        match &glance.slot {
            None => {
                return Ok(Some(End::Lost("the replication slot is not there any more".into())));
            }
            Some(slot) if slot.is_lost => return Ok(Some(End::Lost(invalidated()))),
            Some(slot) => self.note(&glance, slot.received),
        }
        self.seal(glance.at_ms)?;
        self.tell()?;
        Ok(None)
    }

    /// What is known of how far it is.
    fn note(&mut self, glance: &Glance, received: Option<u64>) {
        if self.moments.len() < MOST_MOMENTS {
            self.moments.push_back((glance.flushed, glance.at_ms));
        }
        let received = received.unwrap_or(0);
        self.standing.behind_bytes = Some(glance.flushed.saturating_sub(received));
        // A busy server is always a little ahead of what it was told of.
        let goes_on = received >= self.round_from;
        if goes_on && self.standing.begun_ms.is_none() {
            self.standing.begun_ms = Some(glance.at_ms);
        }
        while let Some((to, at_ms)) = self.moments.front().copied().filter(|one| one.0 <= received)
        {
            if self.standing.begun_ms.is_some()
                && self.standing.current_ms.is_none_or(|ms| ms <= at_ms)
            {
                self.standing.current_ms = Some(at_ms);
                self.standing.current_at = Some(to);
            }
            self.moments.pop_front();
        }
        if self.standing.state != State::Following && goes_on {
            tracing::info!(shop = %self.place.shop(), "the server's log is received");
            self.standing.state = State::Following;
            self.standing.trouble = None;
        }
    }

    fn seal(&mut self, at_ms: i64) -> Result<(), VaultError> {
        let arriving = self.archive.look_at_arriving()?;
        let sealed = self.archive.list()?;
        for file in &arriving.files {
            // What was cut off by a gap may come as a whole after all.
            if !sealed.contains_key(file) || !self.archive.head(*file)?.is_whole {
                self.archive.keep(*file, at_ms)?;
            }
        }
        self.archive.tidy(&arriving)?;
        if let Some(from) = standing::kept_from(self.place)? {
            self.archive.forget(from)?;
        }
        let files = self.archive.list()?;
        self.standing.bytes = files.values().sum();
        self.standing.segments = files.len() as u64;
        self.copies.tell(files.len() as u64 + files.values().sum::<u64>());
        Ok(())
    }

    /// Says that there is a gap, and begins anew. What had come before is kept: moments before the gap can
    /// still be reached.
    fn begin_another(&mut self, reason: &str) -> Result<(), VaultError> {
        let now_ms = (self.now)();
        let until_ms = self.standing.current_ms.unwrap_or(now_ms);
        let Arriving { files, partial } = self.archive.look_at_arriving()?;
        let sealed = self.archive.list()?;
        for file in files.into_iter().filter(|file| !sealed.contains_key(file)) {
            self.archive.keep(file, until_ms)?;
        }
        if let Some(name) = partial {
            self.archive.keep_partial(name, until_ms)?;
        }
        self.archive.clear_arriving()?;
        tracing::error!(shop = %self.place.shop(), reason, "there is a gap in the server's log");
        let gap =
            Gap { from_ms: self.standing.current_ms, until_ms: now_ms, reason: reason.to_owned() };
        self.standing =
            Standing { gap: Some(gap), bytes: self.standing.bytes, ..Standing::default() };
        self.moments.clear();
        self.tell()
    }

    fn tell(&mut self) -> Result<(), VaultError> {
        self.standing.at_ms = (self.now)();
        self.standing.copies = self.copies.standings();
        self.standing.write(self.place)
    }

    fn end(mut self) -> Result<(), VaultError> {
        self.standing.state = State::Ended;
        self.tell()
    }

    /// Waits, and says all the while that somebody is there; answers whether it is over.
    async fn waits(&mut self, pause: Duration) -> Result<bool, VaultError> {
        let until = Instant::now() + pause;
        loop {
            self.tell()?;
            let next = until.min(Instant::now() + TOLD_EVERY);
            tokio::select! {
                () = is_told(&mut self.stop) => return Ok(true),
                () = sleep_until(next) => {}
            }
            if next == until {
                return Ok(false);
            }
        }
    }
}

async fn is_told(stop: &mut watch::Receiver<bool>) {
    // Without a sender, whoever wanted this is gone.
    stop.wait_for(|told| *told).await.ok();
}

fn invalidated() -> String {
    "the slot was invalidated: it had kept max_slot_wal_keep_size of the log".to_owned()
}

/// What a failure of the database means.
fn of_database(error: &DatabaseError) -> End {
    let message = story(error);
    match error {
        DatabaseError::ChangesRefused { .. } => End::Refused(Trouble::new("wal_refused", message)),
        _ => End::ForNow(Trouble::new("stream_database_away", message)),
    }
}

/// An error with all that caused it.
fn story(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Whether segments follow one another without a hole; what follows is given as numbers.
fn follows(before: SegmentName, next: SegmentName, segment_bytes: u64) -> bool {
    let (before, next) = (before.number(segment_bytes), next.number(segment_bytes));
    next == before || next == before + 1
}
