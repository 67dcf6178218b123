//! Going back to a moment by the server's own log, where the journal's rows do not suffice: a table was
//! redefined in between (MariaDB).
//!
//! A server of our own is loaded from the dump and plays the log once more, so that no statement of it can ever
//! reach the shop's own server. What is there then is held against what the journal has seen of each row last, and
//! goes on into the restored database as any other dump does. Killed in between, all of it begins anew.

use super::{Forecast, Journals, Obstacle, Path, of_database, shape};
use crate::{
    VaultError,
    drill::Scratch,
    journal::{Entry, MarkKind, RawSpan, Span, Version},
};
use databases::{
    DatabaseError,
    binlog::{LogFiles, Scene, Sieve, is_possible, play},
    changes::{Image, Position, RawEvent, TableShape},
    dump::{
        self, Dump, Field, Files, Folder, Kind, LoadProgress, LoadReport, Manifest, Options, Reader,
    },
    replay::{Held, LastImage},
    restore::{Beside, Stage, Standing},
};
use kernel::config::DatabaseUrl;
use std::{
    collections::HashMap,
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

/// Rows of so many keys are held against the journal; of a longer way, those that came first.
const MOST_KEYS: usize = 1_000_000;
/// So many at once.
const ROWS_AT_ONCE: usize = 2_000;
/// The server itself, empty.
const SERVER_BYTES: u64 = 512 << 20;

/// From a dump to a moment by the server's log.
#[derive(Debug)]
pub struct LogPath {
    path: Path,
    database: String,
    /// Where the last transaction ends that was committed at the moment or before it.
    end: Position,
    pub until_ms: i64,
    pub forecast: Forecast,
    /// What the journal cannot make once more, and since when.
    pub what: String,
    pub redefined_ms: i64,
}

/// Where it is.
#[derive(Debug)]
pub enum LogStage<'a> {
    /// The dump, into a server of our own.
    Loading(&'a LoadProgress),
    /// So many bytes of the log.
    Playing { bytes: u64 },
    /// So many rows are as the journal has them.
    Compared { rows: u64 },
    /// Into the restored database.
    Restoring(&'a Stage<'a>),
}

/// Is told where it is.
pub type LogWatch<'a> = &'a dyn Fn(&LogStage<'_>);

impl Journals {
    /// How a moment is reached from a dump by the server's log.
    ///
    /// # Errors
    /// When a journal cannot be read. The inner one says what stands in the way.
    pub fn by_log(
        &self,
        manifest: &Manifest,
        until_ms: i64,
    ) -> Result<Result<LogPath, Obstacle>, VaultError> {
        if manifest.kind != Kind::MySql {
            return Ok(Err(no_log("it is kept of MariaDB alone")));
        }
        if let Err(error) = is_possible() {
            return Ok(Err(no_log(&error.to_string())));
        }
        let until = |whole_ms| if whole_ms >= until_ms { Ok(until_ms) } else { Err(whole_ms) };
        match self.path(manifest, until)? {
            Ok(path) => LogPath::survey(path, manifest),
            Err(obstacle) => Ok(Err(obstacle)),
        }
    }
}

impl LogPath {
    /// Looks at everything on the way.
    fn survey(path: Path, manifest: &Manifest) -> Result<Result<Self, Obstacle>, VaultError> {
        let from_ms = path.pivot_ms.unwrap_or(manifest.taken_ms);
        if from_ms > path.until_ms || manifest.taken_ms > path.until_ms {
            return Ok(Err(Obstacle::TooNew));
        }
        let mut found = Self {
            database: manifest.database.clone(),
            end: path.dump.clone(),
            until_ms: path.until_ms,
            forecast: Forecast { from_ms, ..Forecast::default() },
            what: String::new(),
            redefined_ms: 0,
            path,
        };
        found.look(manifest)?;
        let mut sieve = Sieve::new(&found.database);
        let looked = found.raw(&mut |event| {
            if !event.server().contains("MariaDB") {
                return Err(not_played("it is kept of MariaDB alone"));
            }
            sieve.take(event, None)
        });
        match looked {
            Ok(()) => Ok(Ok(found)),
            Err(error @ (VaultError::RawGap { .. } | VaultError::Replay(_))) => {
                Ok(Err(no_log(&error.story())))
            }
            Err(error) => Err(error),
        }
    }

    /// What the journal says of the way.
    fn look(&mut self, manifest: &Manifest) -> Result<(), VaultError> {
        let shapes = shape::Shapes::of(manifest);
        let (mut end, mut forecast, mut redefined) = (None, self.forecast, None);
        let mut sequence = 0;
        self.path.reader.walk(&self.span(), |entry| {
            let of = super::moment(&entry);
            match &entry {
                Entry::Version(version) => {
                    forecast.changes += 1;
                    if !shapes.fits(&version.row.table) {
                        let label = version.row.table.label();
                        redefined.get_or_insert((label, of.committed_ms));
                    }
                }
                Entry::Mark(mark) => {
                    if let MarkKind::Redefined { statement, .. } = &mark.kind {
                        let statement = shape::redefines(statement.as_deref(), &manifest.database);
                        if let Some(statement) = statement {
                            redefined.get_or_insert((statement.to_owned(), of.committed_ms));
                        }
                    }
                }
            }
            forecast.transactions += u64::from(sequence != of.sequence);
            sequence = of.sequence;
            forecast.last_ms = Some(of.committed_ms);
            end = of.position.or(end.take());
            Ok(())
        })?;
        self.forecast = forecast;
        self.end = end.unwrap_or_else(|| self.path.dump.clone());
        (self.what, self.redefined_ms) = redefined.unwrap_or_default();
        Ok(())
    }

    fn span(&self) -> Span<'_> {
        Span { after: Some(&self.path.dump), from_ms: i64::MIN, until_ms: self.until_ms }
    }

    /// The server's log of the way, whole.
    fn raw(
        &self,
        take: &mut dyn FnMut(&RawEvent<'_>) -> Result<(), DatabaseError>,
    ) -> Result<(), VaultError> {
        let (after, until) = (Some(self.path.dump.clone()), Some(self.end.clone()));
        let span = RawSpan { after, until };
        self.path.reader.raw(&span, &mut |event| take(&event).map_err(of_database))?;
        Ok(())
    }

    /// Restores the database as it was at the moment, in the place of what is there of it. `scratch` is emptied first, and gone afterwards; `now_ms` is
    /// noted in the dump that lies there meanwhile.
    ///
    /// # Errors
    /// [`VaultError::Replay`] for what servers say; [`VaultError::NoRoom`]; [`VaultError::File`]; when the journal
    /// cannot be read. What was made stays for the next attempt, or for [`Beside::discard`].
    pub fn go<F: Files>(
        &self,
        reader: &Reader<F>,
        beside: &Beside,
        scratch: &std::path::Path,
        now_ms: i64,
        watch: LogWatch<'_>,
    ) -> Result<LoadReport, VaultError> {
        let rows: u64 = reader.tables().iter().map(|table| table.rows.bytes).sum();
        let scratch = Scratch::make(scratch, 3 * rows + SERVER_BYTES)?;
        let folder = Folder::at(scratch.files().join("dump"));
        self.play(reader, beside, &scratch, (&folder, now_ms), watch)?;
        // What an attempt before has begun is of a dump that is gone.
        if let Standing::Begun | Standing::Whole = beside.standing().map_err(of_database)? {
            beside.discard().map_err(of_database)?;
        }
        let told = |stage: &Stage<'_>| watch(&LogStage::Restoring(stage));
        let later = Reader::open(folder).map_err(of_database)?;
        let report = beside.restore(&later, None, &told).map_err(of_database)?;
        scratch.remove()?;
        Ok(report)
    }

    /// From the dump to a later one, by a server that is gone afterwards.
    fn play<F: Files>(
        &self,
        reader: &Reader<F>,
        beside: &Beside,
        scratch: &Scratch,
        (folder, now_ms): (&Folder, i64),
        watch: LogWatch<'_>,
    ) -> Result<(), VaultError> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|source| VaultError::File {
            operation: "begin threads for",
            path: scratch.path().to_owned(),
            source,
        })?;
        let (files, server) = (scratch.files(), scratch.server());
        let scene = Scene::begin(&server, &files, &self.database, &beside.live);
        let scene = runtime.block_on(scene).map_err(of_database)?;
        let url = scene.url();
        let loaded = dump::load(reader, &url, None, &|progress| {
            watch(&LogStage::Loading(&progress));
        });
        loaded.map_err(of_database)?;
        let log = files.join("log");
        let unmade = |source| VaultError::File { operation: "make", path: log.clone(), source };
        fs::create_dir(&log).map_err(unmade)?;
        let (mut written, mut sieve) = (LogFiles::into_folder(&log), Sieve::new(&self.database));
        self.raw(&mut |event| sieve.take(event, Some(&mut written)))?;
        sieve.finish(&mut written).map_err(of_database)?;
        let written = written.finish().map_err(|source| VaultError::File {
            operation: "write",
            path: log.clone(),
            source,
        })?;
        watch(&LogStage::Playing { bytes: written.bytes });
        runtime.block_on(scene.make(sieve.said_in())).map_err(of_database)?;
        play(&scene, &written.files).map_err(of_database)?;
        watch(&LogStage::Compared { rows: self.compare(&url)? });
        let dump = Dump::begin(&url, Options::new(now_ms)).map_err(of_database)?;
        folder.take(dump).map_err(of_database)?;
        runtime.block_on(scene.end()).map_err(of_database)
    }

    /// Holds what is there against what the journal has seen of each row last.
    fn compare(&self, url: &DatabaseUrl) -> Result<u64, VaultError> {
        let mut floors = Floors::default();
        let mut last: HashMap<u64, (u64, u64)> = HashMap::new();
        self.path.reader.walk(&self.span(), |entry| {
            match &entry {
                Entry::Version(version) => {
                    for (key, _) in keys(version) {
                        let (hash, order) = (hash(version, &key), order(version));
                        if last.len() < MOST_KEYS || last.contains_key(&hash) {
                            last.insert(hash, order);
                        }
                    }
                }
                Entry::Mark(mark) => floors.note((mark.sequence, mark.place), &mark.kind),
            }
            Ok(())
        })?;
        let mut held = Held::open(url).map_err(of_database)?;
        let (mut rows, mut some) = (0, Vec::new());
        self.path.reader.walk(&self.span(), |entry| {
            let Entry::Version(version) = &entry else { return Ok(()) };
            let table = &version.row.table;
            if order(version) < floors.of(table) {
                return Ok(());
            }
            let images = keys(version)
                .filter(|(key, _)| last.get(&hash(version, key)) == Some(&order(version)))
                .map(|(key, row)| LastImage { table: table.clone(), key, row: row.cloned() });
            some.extend(images);
            if some.len() >= ROWS_AT_ONCE {
                rows += held.hold(&some).map_err(of_database)?;
                some.clear();
            }
            Ok(())
        })?;
        Ok(rows + held.hold(&some).map_err(of_database)?)
    }
}

/// From where on what is known of the rows of a table is not overtaken: it was emptied or redefined there.
#[derive(Debug, Default)]
struct Floors {
    marks: Vec<((u64, u64), MarkKind)>,
}

impl Floors {
    fn note(&mut self, order: (u64, u64), kind: &MarkKind) {
        self.marks.push((order, kind.clone()));
    }

    fn of(&self, table: &TableShape) -> (u64, u64) {
        let label = table.label();
        let concerns = |kind: &MarkKind| match kind {
            MarkKind::Emptied { table } => *table == label,
            MarkKind::Redefined { table: Some(table), .. } => *table == label,
            MarkKind::Redefined { statement: Some(statement), .. } => {
                let is_of_all = ["DATABASE", "SCHEMA"];
                is_of_all.iter().any(|word| shape::names(&statement.to_uppercase(), word))
                    || shape::names(statement, &label)
            }
            MarkKind::Redefined { .. } => true,
        };
        let last = self.marks.iter().rfind(|(_, kind)| concerns(kind));
        last.map_or((0, 0), |(order, _)| *order)
    }
}

fn order(version: &Version) -> (u64, u64) {
    (version.sequence, version.place)
}

fn hash(version: &Version, key: &[Field]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&version.row.table.name, key).hash(&mut hasher);
    hasher.finish()
}

/// The keys that a change is about, each with the row that has it afterwards.
fn keys(version: &Version) -> impl Iterator<Item = (Vec<Field>, Option<&Image>)> {
    let places = &version.row.table.key;
    let key = |image: &Image| -> Option<Vec<Field>> {
        let fields = places.iter().map(|place| image.field(*place).cloned());
        fields.collect::<Option<_>>().filter(|_| !places.is_empty())
    };
    let after = version.row.after().and_then(|row| Some((key(row)?, Some(row))));
    let before = version.row.before().and_then(key);
    let moved = before.filter(|before| after.as_ref().is_none_or(|(key, _)| key != before));
    moved.map(|key| (key, None)).into_iter().chain(after)
}

fn no_log(why: &str) -> Obstacle {
    Obstacle::NoLog { why: why.to_owned() }
}

fn not_played(why: &str) -> DatabaseError {
    DatabaseError::NotReplayed { table: String::new(), why: why.to_owned() }
}
