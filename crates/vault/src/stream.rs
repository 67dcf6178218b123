//! Following a shop's database: every change as it is committed, from the server's log into the shop's
//! journal, whatever ends in between (docs/stream.md).
//!
//! What is acknowledged to the server is on disk. What the server cannot tell any more, and what is not
//! understood, is never passed over: the one begins another journal and says that there is a gap, the
//! other stops until a person has looked. Knows no shop's rows, no repository and no control: how it
//! stands is told by a file ([`Standing`]).

mod copies;
mod following;
mod lookups;
mod standing;

pub use copies::Open;
pub use lookups::lookups;
pub use standing::{CopyStanding, Covered, Gap, Hindrance, Standing, State, Tail, Trouble};

use crate::{
    VaultError,
    journal::{self, Place, Writer, away::Durable},
};
use copies::{Copies, Reach};
use databases::{
    DatabaseError,
    changes::{self, Obstacle, ObstacleKind, Tables},
};
use following::Following;
use kernel::config::{DatabaseUrl, StreamCopySettings};
use shops::OrderGraph;
use std::{fs, io, time::Duration};
use tokio::sync::watch;

/// The first wait after a failure that may pass; doubled up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// What wants a person is looked at again so often: they may have mended it.
const MENDED: Duration = Duration::from_secs(30);
/// How often it is said how things stand.
const TOLD_EVERY: Duration = Duration::from_secs(1);
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What to follow.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// By an account that may replicate.
    pub database: DatabaseUrl,
    /// Labels of tables that are not followed.
    pub leave_out: Vec<String>,
    /// Older changes are forgotten.
    pub keep_ms: u64,
    /// What rows will be looked for by, as the platform's file has it.
    pub graphs: Vec<OrderGraph>,
    /// MariaDB's and MySQL's log is kept as it comes, too.
    pub raw: bool,
    /// Where copies of the journal go as it grows.
    pub copies: Vec<StreamCopySettings>,
}

/// Why a round of following ended.
enum End {
    /// It was told to.
    Told,
    /// It may go by.
    ForNow(Trouble),
    /// Somebody must mend it.
    Refused(Trouble),
    /// It is not understood, and will not be.
    Stopped(Trouble),
    /// What lies between is gone.
    Lost(String),
}

/// One who follows one database.
struct Follower<'a> {
    place: &'a Place,
    settings: &'a Settings,
    now: fn() -> i64,
    standing: Standing,
    copies: Copies,
    stop: watch::Receiver<bool>,
}

/// Follows until `stop` says so, or its sender is gone. `now` gives Unix milliseconds, `open` the places
/// that copies go to.
///
/// # Errors
/// When not even how it stands can be written down.
pub async fn follow(
    place: &Place,
    settings: &Settings,
    open: &Open,
    now: fn() -> i64,
    stop: watch::Receiver<bool>,
) -> Result<(), VaultError> {
    place.make_key()?;
    let standing = Standing::read(place)?.unwrap_or_default();
    let standing = Standing { state: State::Starting, trouble: None, ..standing };
    let copies = Copies::begin(place, settings, open, now, &standing.copies)?;
    let mut follower = Follower { place, settings, now, standing, copies, stop };
    let mut wait = FIRST_WAIT;
    loop {
        follower.tell()?;
        let follows_ms = follower.standing.current_ms;
        let end = follower.round().await;
        if follower.standing.current_ms > follows_ms {
            wait = FIRST_WAIT;
        }
        let (state, trouble, pause) = match end {
            Ok(End::Told) => return follower.end(),
            Ok(End::ForNow(trouble)) => (State::Away, trouble, wait),
            Ok(End::Refused(trouble)) => (State::Refused, trouble, MENDED),
            Ok(End::Stopped(trouble)) => (State::Stopped, trouble, MENDED),
            Ok(End::Lost(reason)) => {
                follower.begin_another(&reason)?;
                continue;
            }
            Err(error) => follower.of_journal(&error, wait),
        };
        wait = (2 * wait).min(LONGEST_WAIT);
        tracing::warn!(shop = %place.shop(), ?state, error = trouble.message, "changes are not followed");
        follower.standing.state = state;
        follower.standing.trouble = Some(trouble);
        if follower.waits(pause).await? {
            return follower.end();
        }
    }
}

/// Has whoever follows this database begin another journal from now on: what lies between the two is
/// not followed, and the next backup must be a new one.
///
/// # Errors
/// When that cannot be written down.
pub fn begin_anew(place: &Place) -> Result<(), VaultError> {
    let path = place.beside(ANEW);
    fs::write(&path, "").map_err(|source| VaultError::File { operation: "write", path, source })
}

/// Puts the journal aside, with what it has: what it stands for can be reached all the same.
///
/// # Errors
/// When it cannot be renamed, or what it has cannot be written down.
pub fn put_aside(place: &Place, standing: &Standing, now_ms: i64) -> Result<(), VaultError> {
    let (folder, aside) = (place.folder(), place.beside(&format!("before-{now_ms}")));
    let failed = |source| VaultError::File { operation: "put aside", path: folder.clone(), source };
    if !folder.try_exists().map_err(failed)? {
        return Ok(());
    }
    let Standing { begun_ms, current_ms, .. } = *standing;
    Covered { begun_ms, current_ms }.write(&folder)?;
    fs::rename(&folder, &aside).map_err(failed)
}

/// Of the file that asks for another journal.
const ANEW: &str = "anew";

impl Follower<'_> {
    /// One opening of journal and stream, to its end.
    async fn round(&mut self) -> Result<End, VaultError> {
        if self.is_to_begin_anew()? {
            return Ok(End::Lost("a person had it begin anew".to_owned()));
        }
        let key = self.place.make_key()?;
        let options = journal::Options {
            lookups: lookups::of(self.settings).await,
            ..journal::Options::default()
        };
        let writer = Writer::open(&self.place.folder(), &key, options)?;
        journal::forget(&self.place.folder(), &key, self.oldest_ms())?;
        self.forget_others()?;
        let options = self.options(&key);
        let found = match changes::survey(&self.settings.database, &options).await {
            Ok(found) => found,
            Err(error) => return Ok(of_database(&error)),
        };
        self.tell_copies(&writer);
        let is_begun = writer.last().is_some();
        self.standing.obstacles = found.iter().map(Hindrance::of).collect();
        if let Some(obstacle) = found.iter().find(|one| refuses(one, is_begun)) {
            return Ok(End::Refused(Trouble::of_obstacle(obstacle)));
        }
        let end = Following::begin(self, writer, options).await;
        match end {
            Ok(following) => following.run().await,
            Err(end) => end,
        }
    }

    fn options(&self, key: &journal::JournalKey) -> changes::Options {
        let mark = key.mark();
        let fits = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '_' };
        // A slot's name has 63 bytes, and is the whole server's: the mark makes it this journal's.
        let shop: String = self.place.shop().as_str().chars().map(fits).take(40).collect();
        let tables = match self.settings.leave_out.as_slice() {
            [] => Tables::All,
            labels => Tables::Except(labels.to_vec()),
        };
        // Replicas that people number begin at 1.
        let server_id = mark | 1 << 31;
        let name = format!("storewarden_{shop}_{mark:08x}");
        changes::Options { name, server_id, tables, raw: self.settings.raw }
    }

    fn oldest_ms(&self) -> i64 {
        (self.now)().saturating_sub(i64::try_from(self.settings.keep_ms).unwrap_or(i64::MAX))
    }

    /// Puts the journal aside and says that there is a gap; the next round begins another.
    fn begin_another(&mut self, reason: &str) -> Result<(), VaultError> {
        let now_ms = (self.now)();
        put_aside(self.place, &self.standing, now_ms)?;
        let asked = self.place.beside(ANEW);
        match fs::remove_file(&asked) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(VaultError::File { operation: "remove", path: asked, source: error });
            }
            _ => {}
        }
        tracing::error!(shop = %self.place.shop(), reason, "there is a gap in the changes; another journal begins");
        let gap =
            Gap { from_ms: self.standing.current_ms, until_ms: now_ms, reason: reason.to_owned() };
        self.standing = Standing { gap: Some(gap), ..Standing::default() };
        Ok(())
    }

    fn is_to_begin_anew(&self) -> Result<bool, VaultError> {
        let path = self.place.beside(ANEW);
        let there = path.try_exists();
        there.map_err(|source| VaultError::File { operation: "look for", path, source })
    }

    /// Journals that were put aside so long ago that nothing of them is to be kept.
    fn forget_others(&self) -> Result<(), VaultError> {
        let kept_ms = self.oldest_ms().saturating_sub(DAY_MS);
        for (aside, at_ms) in self.place.put_aside()? {
            if at_ms < kept_ms {
                let failed =
                    |source| VaultError::File { operation: "remove", path: aside.clone(), source };
                fs::remove_dir_all(&aside).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// What is durable may be sent elsewhere.
    fn tell_copies(&self, writer: &Writer) {
        let journal::Tail { number, durable_bytes, .. } = writer.tail();
        let durable = Durable { number, bytes: durable_bytes };
        self.copies.tell(Reach { durable, current_ms: self.standing.current_ms });
    }

    /// How it stands, now.
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
        let until = tokio::time::Instant::now() + pause;
        loop {
            self.tell()?;
            let next = until.min(tokio::time::Instant::now() + TOLD_EVERY);
            tokio::select! {
                () = is_told(&mut self.stop) => return Ok(true),
                () = tokio::time::sleep_until(next) => {}
            }
            if next == until || self.is_to_begin_anew()? {
                return Ok(false);
            }
        }
    }

    /// What a failure of the journal means.
    fn of_journal(&self, error: &VaultError, wait: Duration) -> (State, Trouble, Duration) {
        let story = error.story();
        match error {
            VaultError::DamagedJournal { .. } => {
                (State::Stopped, Trouble::new("stream_journal_damaged", story), MENDED)
            }
            VaultError::JournalHeld { .. } => {
                (State::Away, Trouble::new("stream_journal_held", story), FIRST_WAIT)
            }
            _ => (State::Away, Trouble::new("stream_journal_unwritable", story), wait),
        }
    }
}

/// Waits until it is told to stop.
async fn is_told(stop: &mut watch::Receiver<bool>) {
    // Without a sender, whoever wanted this is gone.
    stop.wait_for(|told| *told).await.ok();
}

/// Whether an obstacle keeps a stream from going on. One that was begun follows what it followed: a
/// table that came since and cannot be followed is told, and costs no order.
fn refuses(obstacle: &Obstacle, is_begun: bool) -> bool {
    let is_of_server = matches!(
        obstacle.kind,
        ObstacleKind::Setting | ObstacleKind::Rights | ObstacleKind::Uncapped
    );
    obstacle.refuses() && (is_of_server || !is_begun)
}

/// What a failure of the database means.
fn of_database(error: &DatabaseError) -> End {
    let message = story(error);
    match error {
        DatabaseError::ChangesRefused { .. } => {
            End::Refused(Trouble::new("stream_refused", message))
        }
        DatabaseError::ChangesLost { .. } => End::Lost(message),
        DatabaseError::ChangesUnknown { .. } => {
            End::Stopped(Trouble::new("stream_event_unknown", message))
        }
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
