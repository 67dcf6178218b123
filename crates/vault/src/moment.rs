//! Going back to a moment: a dump that was restored, and the changes of a journal from there on.
//!
//! Which dump a moment can be reached from, and what that takes, is looked up before anything is begun
//! ([`Path::find`]); going there ([`Path::go`]) makes exactly the changes that were counted. What the
//! journal cannot make once more, such as a table that was redefined in between, is an [`Obstacle`], with the
//! moments that can be reached all the same.

mod by_log;
mod points;
mod shape;
mod stand_in;

use crate::{
    VaultError,
    journal::{Entry, JournalKey, Lookups, Mark, MarkKind, Place, Reader, Span, Version},
    stream::{Covered, Standing},
};
use databases::{
    DatabaseError,
    changes::Position,
    dump::{Kind, Manifest},
    replay::{Progress, Replay, Wanted},
};
use std::{cmp::Ordering, collections::HashMap, path::PathBuf};

pub use by_log::{LogPath, LogStage, LogWatch};
pub use points::{Point, Reach};
pub use stand_in::{StandIn, Terms, Why, replay_ms, stand_in};

/// PostgreSQL notes a dump's place in its log after it took the snapshot, and others see a transaction
/// only some time after its commit stands in the log: usually a few milliseconds, longer where a
/// synchronous replica is waited for. So changes are made from that long before the place on. Those that
/// the dump has already come to the same rows again, for every row ends as its last change has left it.
const EARLIER_MS: i64 = 120_000;
/// With `synchronous_commit = off` a snapshot sees what is in the log only up to three rounds of the WAL
/// writer later (PostgreSQL manual, 20.5.1: 200 ms each, 10 s at most).
const LATER_MS: i64 = 10_000;
/// A dump that may have what was committed after the moment is too new for it.
const UNCLEAR_MS: i64 = 1_000;

/// Why a moment cannot be reached from a dump. Times are unix milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    #[error("no journal has every change since the dump")]
    NotCovered,
    #[error("the dump is of a later moment")]
    TooNew,
    #[error("the journal is not so far yet")]
    NotReached { until_ms: i64 },
    /// Everything before it can be reached.
    #[error("`{}` was redefined in between", table.as_deref().or(statement.as_deref()).unwrap_or("a table"))]
    Redefined { table: Option<String>, statement: Option<String>, at_ms: i64 },
    #[error("the dump does not say where in the server's log it lies")]
    NoPlace,
    /// The server's own log does not go there.
    #[error("{why}")]
    NoLog { why: String },
}

/// What going to a moment takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forecast {
    pub transactions: u64,
    pub changes: u64,
    /// The dump's moment, by the server's clock, as far as the journal tells; unix milliseconds.
    pub from_ms: i64,
    /// When the last of these transactions was committed; `None`: nothing was changed.
    pub last_ms: Option<i64>,
}

/// From a dump to a moment.
#[derive(Debug)]
pub struct Path {
    reader: Reader,
    kind: Kind,
    dump: Position,
    /// When the last transaction of the dump was committed.
    pivot_ms: Option<i64>,
    until_ms: i64,
    tables: Vec<String>,
    /// Up to these transactions, tables were redefined before the dump: it has all of them.
    floors: HashMap<String, u64>,
    pub forecast: Forecast,
}

/// The journals of a shop, with what they have.
#[derive(Debug)]
pub struct Journals(Vec<Journal>);

#[derive(Debug)]
struct Journal {
    path: PathBuf,
    key: JournalKey,
    covered: Covered,
    /// Whether it is the one that goes on.
    is_open: bool,
}

impl Journals {
    /// That which goes on and those that were put aside.
    ///
    /// # Errors
    /// When they cannot be listed, or the key cannot be read.
    pub fn of(place: &Place) -> Result<Self, VaultError> {
        let Some(key) = place.key()? else { return Ok(Self(Vec::new())) };
        let Standing { begun_ms, current_ms, .. } = Standing::read(place)?.unwrap_or_default();
        let covered = Covered { begun_ms, current_ms };
        let path = place.folder();
        let mut all = Vec::from_iter(path.is_dir().then(|| Journal {
            path,
            key: key.clone(),
            covered,
            is_open: true,
        }));
        for (path, _) in place.put_aside()?.into_iter().rev().filter(|(path, _)| path.is_dir()) {
            let covered = Covered::read(&path)?;
            all.push(Journal { path, key: key.clone(), covered, is_open: false });
        }
        Ok(Self(all))
    }

    /// How a moment is reached from a dump; only these tables, by their labels, or all.
    ///
    /// # Errors
    /// When a journal cannot be read. The inner one says what stands in the way.
    pub fn find(
        &self,
        manifest: &Manifest,
        until_ms: i64,
        tables: &[String],
    ) -> Result<Result<Path, Obstacle>, VaultError> {
        let path = match self
            .path(manifest, |whole_ms| (whole_ms >= until_ms).then_some(until_ms).ok_or(whole_ms))?
        {
            Ok(path) => Path { tables: tables.to_vec(), ..path },
            Err(obstacle) => return Ok(Err(obstacle)),
        };
        path.survey(manifest, &mut |_, _| {})
    }

    /// Every moment up to `before_ms` that is reached from a dump, at full steps of the clock with what
    /// each takes. Times are unix milliseconds; what is redefined on the way ends it.
    ///
    /// # Errors
    /// As of [`Journals::find`]. The inner one: no moment is reached.
    pub fn reach(
        &self,
        manifest: &Manifest,
        before_ms: i64,
        step_ms: i64,
    ) -> Result<Result<Reach, Obstacle>, VaultError> {
        match self.path(manifest, |whole_ms| Ok(whole_ms.min(before_ms)))? {
            Ok(path) => points::reach(path, manifest, step_ms),
            Err(obstacle) => Ok(Err(obstacle)),
        }
    }

    /// Up to when the journal that goes on has everything, unix milliseconds; `None`: nobody knows.
    #[must_use]
    pub fn current_ms(&self) -> Option<i64> {
        self.0.iter().filter(|journal| journal.is_open).find_map(|open| open.covered.current_ms)
    }

    /// Reads all of them: whether they are as they were written.
    ///
    /// # Errors
    /// [`VaultError::DamagedJournal`] with the file and the place; [`VaultError::File`].
    pub fn check(&self) -> Result<(), VaultError> {
        self.0.iter().try_for_each(|journal| {
            Reader::open(&journal.path, &journal.key, &Lookups::default())?.check()
        })
    }

    /// The way from a dump by the first journal that has it, to where `until` says of the end of that one;
    /// or its own end, where it does not go so far.
    fn path(
        &self,
        manifest: &Manifest,
        until: impl Fn(i64) -> Result<i64, i64>,
    ) -> Result<Result<Path, Obstacle>, VaultError> {
        let Some(dump) = &manifest.position else { return Ok(Err(Obstacle::NoPlace)) };
        let mut told = Obstacle::NotCovered;
        for journal in &self.0 {
            let reader = Reader::open(&journal.path, &journal.key, &Lookups::default())?;
            let Some(pivot_ms) = journal.covers(&reader, manifest, dump)? else { continue };
            let until_ms = match until(journal.whole_ms(&reader)) {
                Ok(until_ms) => until_ms,
                Err(until_ms) => {
                    told = Obstacle::NotReached { until_ms };
                    continue;
                }
            };
            return Ok(Ok(Path {
                reader,
                kind: manifest.kind,
                dump: dump.clone(),
                pivot_ms,
                until_ms,
                tables: Vec::new(),
                floors: HashMap::new(),
                forecast: Forecast::default(),
            }));
        }
        Ok(Err(told))
    }
}

impl Journal {
    /// Whether it has every change since the dump; then when the last one in the dump was committed, where
    /// it knows one.
    fn covers(
        &self,
        reader: &Reader,
        manifest: &Manifest,
        dump: &Position,
    ) -> Result<Option<Option<i64>>, VaultError> {
        let end = reader.position().and_then(|end| end.order(dump));
        let is_of_one_log = end.is_some();
        let Covered { begun_ms, current_ms } = self.covered;
        // Where nothing has changed, the place where a journal ends may lie before the dump's.
        let goes_on = self.is_open || current_ms.is_some_and(|ms| ms >= manifest.taken_ms);
        if !is_of_one_log || !goes_on && end == Some(Ordering::Less) {
            return Ok(None);
        }
        let pivot_ms = reader.moment_at(dump)?;
        let began_before = begun_ms.is_some_and(|begun_ms| begun_ms <= manifest.taken_ms);
        let is_covered = pivot_ms.is_some() || reader.has_its_beginning() && began_before;
        Ok(is_covered.then_some(pivot_ms))
    }

    /// Up to when it has everything.
    fn whole_ms(&self, reader: &Reader) -> i64 {
        let last_ms = reader.ends_ms().unwrap_or_default();
        self.covered.current_ms.unwrap_or_default().max(last_ms)
    }
}

impl Path {
    fn span(&self) -> Span<'_> {
        match self.kind {
            // Its place is exactly its moment.
            Kind::MySql | Kind::Sqlite => {
                Span { after: Some(&self.dump), from_ms: i64::MIN, until_ms: self.until_ms }
            }
            Kind::Postgres => {
                let from_ms = self.pivot_ms.map_or(i64::MIN, |pivot_ms| pivot_ms - EARLIER_MS);
                Span { after: None, from_ms, until_ms: self.until_ms }
            }
        }
    }

    fn is_behind_dump(&self, position: &Position) -> bool {
        position.order(&self.dump) == Some(Ordering::Greater)
    }

    fn is_wanted(&self, label: &str) -> bool {
        self.tables.is_empty() || self.tables.iter().any(|one| one == label)
    }

    /// Looks at everything on the way, and tells `passed` of each thing up to what stands in it: when it was
    /// committed, and what came before.
    fn survey(
        mut self,
        manifest: &Manifest,
        passed: &mut dyn FnMut(i64, &Forecast),
    ) -> Result<Result<Self, Obstacle>, VaultError> {
        let from_ms = self.pivot_ms.unwrap_or(manifest.taken_ms);
        if from_ms > self.until_ms || manifest.taken_ms > self.until_ms {
            return Ok(Err(Obstacle::TooNew));
        }
        if self.kind == Kind::Postgres && self.has_unclear(from_ms)? {
            return Ok(Err(Obstacle::TooNew));
        }
        let shapes = shape::Shapes::of(manifest);
        let (mut obstacle, mut floors) = (None, HashMap::new());
        let mut forecast = Forecast { from_ms, ..Forecast::default() };
        let mut sequence = 0;
        self.reader.walk(&self.span(), |entry| {
            let of = moment(&entry);
            if obstacle.is_none() {
                passed(of.committed_ms, &forecast);
            }
            match &entry {
                Entry::Version(version) => {
                    let label = version.row.table.label();
                    if !self.is_wanted(&label) {
                        return Ok(());
                    }
                    if !shapes.fits(&version.row.table) {
                        if self.is_behind_dump(&version.position) {
                            let (table, at_ms) = (Some(label), of.committed_ms);
                            obstacle.get_or_insert(Obstacle::Redefined {
                                table,
                                statement: None,
                                at_ms,
                            });
                        } else {
                            floors.insert(label, of.sequence);
                        }
                        return Ok(());
                    }
                    forecast.changes += 1;
                }
                Entry::Mark(mark) => match &mark.kind {
                    MarkKind::Emptied { table } if self.is_wanted(table) => forecast.changes += 1,
                    MarkKind::Emptied { .. } => return Ok(()),
                    MarkKind::Redefined { statement, .. } => {
                        if let Some(statement) =
                            shape::redefines(statement.as_deref(), &manifest.database)
                        {
                            let statement = Some(statement.to_owned());
                            let at_ms = of.committed_ms;
                            obstacle.get_or_insert(Obstacle::Redefined {
                                table: None,
                                statement,
                                at_ms,
                            });
                        }
                        return Ok(());
                    }
                },
            }
            forecast.transactions += u64::from(sequence != of.sequence);
            sequence = of.sequence;
            forecast.last_ms = Some(of.committed_ms);
            Ok(())
        })?;
        (self.floors, self.forecast) = (floors, forecast);
        Ok(obstacle.map_or(Ok(self), Err))
    }

    /// Whether something was committed after the moment that the dump may have.
    fn has_unclear(&self, from_ms: i64) -> Result<bool, VaultError> {
        let span = Span {
            after: None,
            from_ms: self.until_ms + 1,
            until_ms: from_ms.saturating_add(UNCLEAR_MS),
        };
        let mut has = false;
        if span.from_ms <= span.until_ms {
            self.reader.walk(&span, |_| {
                has = true;
                Ok(())
            })?;
        }
        Ok(has)
    }

    /// Makes the changes in the database that was restored from the dump; `told` hears how many of those
    /// of the forecast are made.
    ///
    /// # Errors
    /// [`VaultError::Replay`] for what the database says; what `told` answers; when the journal cannot be read.
    pub fn go(&self, wanted: Wanted, told: &dyn Fn(u64)) -> Result<Progress, VaultError> {
        let replay = Replay::begin(wanted).map_err(of_database)?;
        let before = replay.progress();
        if replay.is_over() {
            return replay.finish().map_err(of_database);
        }
        let mut going = Going { path: self, replay, open: None, changes: 0, told };
        self.reader.walk(&self.span(), |entry| going.take(&entry, before.sequence))?;
        going.end()?;
        going.replay.finish().map_err(of_database)
    }
}

/// The transaction that an entry is of.
struct Moment {
    sequence: u64,
    committed_ms: i64,
    position: Option<Position>,
}

fn moment(entry: &Entry) -> Moment {
    match entry {
        Entry::Version(Version { sequence, committed_ms, position, .. }) => {
            let position = Some(position.clone());
            Moment { sequence: *sequence, committed_ms: *committed_ms, position }
        }
        Entry::Mark(Mark { sequence, committed_ms, position, .. }) => {
            Moment { sequence: *sequence, committed_ms: *committed_ms, position: position.clone() }
        }
    }
}

struct Going<'a> {
    path: &'a Path,
    replay: Replay,
    /// The transaction under way, and whether the rows may rest after it.
    open: Option<(u64, bool)>,
    changes: u64,
    told: &'a dyn Fn(u64),
}

impl Going<'_> {
    fn take(&mut self, entry: &Entry, done: u64) -> Result<(), VaultError> {
        let of = moment(entry);
        if self.open.is_some_and(|(sequence, _)| sequence != of.sequence) {
            self.end()?;
        }
        if of.sequence <= done {
            self.changes += 1;
            return Ok(());
        }
        // A mark without a place, as older programs wrote them, lies behind all that is over.
        let certain = of.position.as_ref().is_none_or(|place| self.path.is_behind_dump(place));
        let is_late = match (self.path.kind, self.path.pivot_ms) {
            (Kind::Postgres, Some(pivot_ms)) => of.committed_ms > pivot_ms + LATER_MS,
            _ => true,
        };
        self.open = Some((of.sequence, certain && is_late));
        let floor = |label: &str| self.path.floors.get(label).copied().unwrap_or_default();
        match entry {
            Entry::Version(version) => {
                if of.sequence > floor(&version.row.table.label()) {
                    self.replay.change(&version.row, certain).map_err(of_database)?;
                    self.changes += u64::from(self.path.is_wanted(&version.row.table.label()));
                }
            }
            Entry::Mark(Mark { kind: MarkKind::Emptied { table }, .. }) => {
                if of.sequence > floor(table) {
                    self.replay.emptied(table, certain).map_err(of_database)?;
                }
            }
            Entry::Mark(_) => {}
        }
        match certain && is_late {
            true => self.replay.relieve().map_err(of_database),
            false => Ok(()),
        }
    }

    fn end(&mut self) -> Result<(), VaultError> {
        if let Some((sequence, may_rest)) = self.open.take() {
            self.replay.commit(sequence, may_rest).map_err(of_database)?;
            (self.told)(self.changes);
        }
        Ok(())
    }
}

fn of_database(source: DatabaseError) -> VaultError {
    VaultError::Replay(Box::new(source))
}
