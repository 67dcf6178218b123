//! The things that a worker does with a repository.

use super::{
    Done, Event, Job, Keep, Listing, Place, Pruned, Sources, Trouble, Voice, Work, bases, carrying,
    confirmed, databases, drills, emptied, forgetting,
    job::To,
    objects, orders,
    place::{self, COST_OF_RANDOM},
    points,
    records::{self, RECORDS},
    streams::{self, DATABASES},
};
use ::watch::backups::{DatabaseRow, SnapshotEntry, SnapshotFolder, SnapshotRow};
use jiff::tz::TimeZone;
use kernel::config::Secret;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};
use vault::{
    Id, NodeKind, Origin, Repository, Snapshot, VaultError, backup, check, copy, extend, forget,
    progress::Progress,
    prune, restore,
    storage::{Fault, FileKind},
};

/// What a worker of ours writes into every snapshot that it makes.
const OURS: &str = "storewarden";
/// So many entries of a folder are told at once, with their whole number.
const ENTRIES: usize = 5_000;
/// So many things that are wrong are told one by one.
const LINES: usize = 100;
/// A clock that is further behind the newest backup would have everybody take old for new.
const CLOCK_MS: i64 = 60 * 60 * 1000;

/// Does it.
///
/// # Errors
/// What kept it from being done, as a code. What was found damaged is one, too.
pub(super) fn run(job: &Job, voice: &Voice) -> Result<Done, Box<Trouble>> {
    match &job.work {
        Work::List => list(job).map(Done::Listed),
        Work::Folder { snapshot, path, skip } => {
            folder(job, snapshot, path, *skip).map(Done::Folder)
        }
        Work::BackUp(sources) => back_up(job, sources, voice),
        Work::Copy { from, mark } => copy_to(job, from, mark, voice),
        Work::Forget { keep, time_zone, prune, promised_ms, bases_ms } => {
            forget_old(job, keep, (time_zone, *promised_ms, *bases_ms), *prune, voice)
        }
        Work::Check { part, of } => check_data(job, *part, *of, voice),
        Work::Restore { snapshot, path, target } => {
            let wanted = (snapshot.as_str(), path.as_path(), target.as_path());
            restore_files(job, wanted, voice)
        }
        Work::Objects(wanted) => objects::run(job, wanted, voice),
        Work::Drill(wanted) => drills::run(job, wanted, voice),
        Work::Points(wanted) => points::look(job, wanted).map(Done::Points),
        Work::Database(wanted) => databases::run(job, wanted, voice),
        Work::Orders(wanted) => orders::run(job, wanted),
        Work::Carry(wanted) => carrying::run(job, wanted, voice),
        Work::KeepErased(wanted) => forgetting::run(wanted, voice),
        Work::Confirmed(wanted) => confirmed::run(job, wanted),
        Work::AddKey { phrase } => add_key(job, phrase),
    }
}

impl Voice {
    pub(super) fn line(&self, text: impl Into<String>) {
        self.say(&Event::Line(text.into()));
    }

    pub(super) fn progress(&self) -> impl Fn(&Progress) + Sync + '_ {
        |progress| {
            let Progress { bytes, total_bytes, .. } = *progress;
            // What was guessed from the last one may be less than there is.
            let total_bytes = total_bytes.filter(|total| *total >= bytes);
            self.say(&Event::Progress { bytes, total_bytes });
        }
    }
}

fn shop_tag(job: &Job) -> String {
    format!("shop:{}", job.shop)
}

/// Of a backup without a dump: the moment up to which the journal of changes stands for its database.
const JOURNAL_TAG: &str = "journal:";

/// Unix milliseconds; `None`: it has its dumps.
pub(crate) fn journal_of(snapshot: &Snapshot) -> Option<i64> {
    snapshot.tags.iter().find_map(|tag| tag.strip_prefix(JOURNAL_TAG)?.parse().ok())
}

/// Whether the dump of a database is in it.
pub(super) fn has_dump(snapshot: &Snapshot, database: &str) -> bool {
    let folder = Path::new(DATABASES).join(database);
    snapshot.paths.iter().any(|path| Path::new(path).starts_with(&folder))
}

fn has_dumps(snapshot: &Snapshot) -> bool {
    snapshot.paths.iter().any(|path| Path::new(path).starts_with(DATABASES))
}

/// The newest backup with dumps in it, up to this one.
pub(crate) fn dump_before<'a>(all: &'a [Snapshot], last: &Snapshot) -> Option<&'a Snapshot> {
    all.iter().rev().find(|one| one.time <= last.time && has_dumps(one))
}

fn mark_tag(mark: &str) -> String {
    format!("mark:{mark}")
}

/// The snapshots of the job's shop, the oldest first.
pub(super) fn ours(
    job: &Job,
    repository: &Repository,
    place: &Place,
) -> Result<Vec<Snapshot>, Box<Trouble>> {
    let tag = shop_tag(job);
    let mut snapshots = repository.snapshots().map_err(|error| place.trouble(error))?;
    snapshots.retain(|snapshot| snapshot.tags.contains(&tag));
    Ok(snapshots)
}

fn list(job: &Job) -> Result<Listing, Box<Trouble>> {
    let repository = job.at.open(job.limits)?;
    let packs = repository.storage().list(FileKind::Pack);
    let packs = packs.map_err(|error| job.at.trouble(error))?;
    let snapshots = ours(job, &repository, &job.at)?;
    Ok(Listing {
        repository: repository.id().to_owned(),
        snapshots: snapshots.iter().map(|snapshot| row(snapshot, &job.at.name)).collect(),
        bytes: packs.iter().map(|pack| pack.size_bytes).sum(),
        bases: bases::list(job, &repository)?,
    })
}

fn row(snapshot: &Snapshot, place: &str) -> SnapshotRow {
    let summary = snapshot.summary.as_ref();
    let took = |summary: &vault::Summary| summary.backup_end.ms() - summary.backup_start.ms();
    let mut paths: BTreeSet<String> = BTreeSet::new();
    let mut databases: Vec<DatabaseRow> = Vec::new();
    for path in &snapshot.paths {
        let Some(rest) = path.strip_prefix(DATABASES).and_then(|rest| rest.strip_prefix('/'))
        else {
            let is_ours = Path::new(path).starts_with(RECORDS);
            paths.insert(if is_ours { RECORDS.to_owned() } else { path.clone() });
            continue;
        };
        let (name, file) = rest.split_once('/').unwrap_or((rest, ""));
        paths.insert(format!("{DATABASES}/{name}"));
        let is_table = file.starts_with("tables/") && file.ends_with("/rows");
        match databases.iter_mut().find(|database| database.name == name) {
            Some(database) if is_table => database.tables = database.tables.map(|count| count + 1),
            Some(_) => {}
            None => {
                let (name, tables) = (name.to_owned(), Some(u64::from(is_table)));
                databases.push(DatabaseRow { name, tables });
            }
        }
    }
    SnapshotRow {
        id: snapshot.id.to_string(),
        at_ms: snapshot.time.ms(),
        files: summary.map(|summary| summary.total_files_processed),
        bytes: summary.map(|summary| summary.total_bytes_processed),
        added_bytes: summary.map(|summary| summary.data_added_packed),
        took_ms: summary.map(took),
        tags: snapshot.tags.clone(),
        paths: paths.into_iter().collect(),
        databases,
        journal_ms: journal_of(snapshot),
        places: vec![place.to_owned()],
    }
}

/// A snapshot of this shop, by its id or how that begins.
pub(super) fn find(
    job: &Job,
    repository: &Repository,
    begin: &str,
) -> Result<Snapshot, Box<Trouble>> {
    let none = || job.at.trouble(VaultError::NoSnapshot(begin.to_owned()));
    let mut snapshots = ours(job, repository, &job.at)?;
    if begin == "latest" {
        return snapshots.pop().ok_or_else(none);
    }
    snapshots.retain(|one| !begin.is_empty() && one.id.to_string().starts_with(begin));
    match snapshots.len() {
        0 => Err(none()),
        1 => Ok(snapshots.remove(0)),
        _ => Err(job.at.trouble(VaultError::AmbiguousSnapshot(begin.to_owned()))),
    }
}

fn folder(
    job: &Job,
    snapshot: &str,
    path: &str,
    skip: u64,
) -> Result<SnapshotFolder, Box<Trouble>> {
    let trouble = |error| job.at.trouble(error);
    let repository = job.at.open(job.limits)?;
    let snapshot = find(job, &repository, snapshot)?;
    let reader = repository.reader().map_err(trouble)?;
    let tree = if path.trim_matches('/').is_empty() {
        snapshot.tree
    } else {
        let node = reader.node(&snapshot, Path::new(path)).map_err(trouble)?;
        let none = || trouble(VaultError::NoSuchPath { path: path.into() });
        node.subtree.ok_or_else(none)?
    };
    let mut nodes = reader.folder(tree).map_err(trouble)?;
    nodes.sort_by_key(|node| node.kind != NodeKind::Dir);
    let total = nodes.len() as u64;
    let skip = usize::try_from(skip).unwrap_or(usize::MAX);
    let entries = nodes.into_iter().skip(skip).take(ENTRIES).map(|node| SnapshotEntry {
        name: node.name.to_string_lossy().into_owned(),
        kind: match node.kind {
            NodeKind::File => "file",
            NodeKind::Dir => "folder",
            NodeKind::Symlink => "link",
            _ => "other",
        }
        .to_owned(),
        size_bytes: (node.kind == NodeKind::File).then_some(node.size),
        modified_ms: node.mtime.ms(),
    });
    Ok(SnapshotFolder { path: path.to_owned(), entries: entries.collect(), total })
}

fn back_up(job: &Job, sources: &Sources, voice: &Voice) -> Result<Done, Box<Trouble>> {
    let repository = job.at.open_or_make(job, None)?;
    let id = repository.id().to_owned();
    let before = ours(job, &repository, &job.at)?;
    let mark = mark_tag(&sources.mark);
    if let Some(done) = before.iter().find(|snapshot| snapshot.tags.contains(&mark)) {
        let snapshot = row(done, &job.at.name);
        return Ok(Done::BackedUp { snapshot, repository: id, notes: 0 });
    }
    if let Some(newest) = before.last().filter(|newest| newest.time.ms() > job.now_ms + CLOCK_MS) {
        let newest_ms = newest.time.ms();
        let said = [("newest_ms", newest_ms.into()), ("now_ms", job.now_ms.into())];
        let message = format!("the clock is behind the newest backup, which is of {}", newest.time);
        return Err(Box::new(Trouble::new("clock_behind", said, message)));
    }
    if let Some(newest) = before.last().filter(|newest| newest.time.ms() > job.now_ms) {
        voice.line(format!("the clock is behind the newest backup, which is of {}", newest.time));
    }
    emptied::refuse(job, &repository, before.last(), &sources.paths)?;
    // Before the database: what the records have counted of its orders is in it.
    let mut streams = records::streams(&sources.records, &job.shop)?;
    let mut tags = vec![OURS.to_owned(), shop_tag(job), mark];
    if let Some(database) = &sources.database {
        let seen = (&repository, before.as_slice());
        let of = sources.stream.as_ref();
        match of.and_then(|of| points::stands_in(job, (of, database), seen, voice)) {
            Some(stands) => tags.push(format!("{JOURNAL_TAG}{}", stands.until_ms.min(job.now_ms))),
            None => streams.extend(streams::of_database(database, job.now_ms, voice)?),
        }
    }
    streams.extend(streams::packages()?);
    let buckets = sources.buckets.iter().map(place::media).collect::<Result<_, _>>();
    let buckets = buckets.map_err(|error| job.at.trouble(error))?;
    let mut paths = sources.paths.clone();
    for path in &sources.where_there {
        if path.symlink_metadata().is_ok() {
            paths.push(path.clone());
        }
    }
    let request = backup::Request {
        paths,
        streams,
        buckets,
        excludes: sources.exclude.clone(),
        tags,
        origin: Origin::of_this_process(),
        now_ms: job.now_ms,
    };
    let watch = voice.progress();
    let report =
        backup::run(&repository, request, &watch).map_err(|error| job.at.trouble(error))?;
    for note in report.notes.iter().take(LINES) {
        voice.line(format!("{}: {}", note.path.display(), said_of(note.kind)));
    }
    let snapshot = row(&report.snapshot, &job.at.name);
    if let Some(wanted) = &sources.bases {
        bases::take(job, &repository, wanted, voice);
    }
    Ok(Done::BackedUp { snapshot, repository: id, notes: report.note_count })
}

fn said_of(kind: backup::NoteKind) -> &'static str {
    match kind {
        backup::NoteKind::Vanished => "vanished meanwhile",
        backup::NoteKind::Changed => "changed while it was read; the next backup reads it again",
        backup::NoteKind::Special => "a socket, pipe or device: there is nothing in it to keep",
        backup::NoteKind::Repository => "the repository itself, left out",
        backup::NoteKind::Attributes => "its extended attributes could not be read",
    }
}

fn copy_to(job: &Job, from: &Place, mark: &str, voice: &Voice) -> Result<Done, Box<Trouble>> {
    let source = from.open(job.limits)?;
    let target = job.at.open_or_make(job, Some(&source))?;
    let wanted = mark_tag(mark);
    let snapshots = ours(job, &source, from)?;
    let found = snapshots.iter().find(|snapshot| snapshot.tags.contains(&wanted));
    let none = || from.trouble(VaultError::NoSnapshot(mark.to_owned()));
    let request = copy::Request {
        snapshots: vec![found.ok_or_else(none)?.id],
        read_back: false,
        origin: Origin::of_this_process(),
    };
    let watch = voice.progress();
    let report =
        copy::run(&source, &target, &request, &watch).map_err(|error| job.at.trouble(error))?;
    let copied = report.copies.first().ok_or_else(none)?;
    bases::copy_to(job, (&source, from), &target, voice)?;
    Ok(Done::Copied {
        snapshot: copied.to.to_string(),
        repository: target.id().to_owned(),
        sent_bytes: report.sent_bytes,
    })
}

/// Which of a shop's snapshots no rule keeps, and no journal needs.
fn not_kept(
    snapshots: &[Snapshot],
    keep: &Keep,
    (time_zone, promised_ms, now_ms): (&str, Option<i64>, i64),
    voice: &Voice,
) -> Vec<Id> {
    // All of them are the shop's: a table more or another folder makes no other thing of it.
    let alike = |snapshot: &Snapshot| Snapshot {
        hostname: String::new(),
        paths: Vec::new(),
        ..snapshot.clone()
    };
    let dumps: Vec<Snapshot> = snapshots.iter().filter(|one| has_dumps(one)).map(alike).collect();
    let snapshots: Vec<Snapshot> = snapshots.iter().map(alike).collect();
    let policy = forget::Policy {
        last: keep.last,
        hourly: keep.hourly,
        daily: keep.daily,
        weekly: keep.weekly,
        monthly: keep.monthly,
        yearly: keep.yearly,
        within_ms: keep.within_ms.and_then(|ms| i64::try_from(ms).ok()),
    };
    let zone = TimeZone::get(time_zone).unwrap_or(TimeZone::UTC);
    // By themselves as well: what a rule keeps of a month is to bring the database back, too.
    let decisions = [&snapshots, &dumps].map(|of| forget::decide(of, &policy, &zone, now_ms));
    let kept = decisions.iter().flatten().filter(|decision| decision.is_kept());
    let mut kept: BTreeSet<_> = kept.map(|decision| decision.snapshot).collect();
    for id in forget::needed_by_journal(&dumps, promised_ms) {
        if kept.insert(id) {
            voice.line(format!("{} is kept: the journal of changes goes on from it", id.short()));
        }
    }
    snapshots.iter().map(|one| one.id).filter(|id| !kept.contains(id)).collect()
}

fn forget_old(
    job: &Job,
    keep: &Keep,
    (time_zone, promised_ms, bases_ms): (&str, Option<i64>, Option<u64>),
    prune: bool,
    voice: &Voice,
) -> Result<Done, Box<Trouble>> {
    let trouble = |error| job.at.trouble(error);
    let repository = job.at.open(job.limits)?;
    let snapshots = ours(job, &repository, &job.at)?;
    let gone = not_kept(&snapshots, keep, (time_zone, promised_ms, job.now_ms), voice);
    for id in gone.iter().take(LINES) {
        voice.line(format!("{} is kept no longer", id.short()));
    }
    let all = snapshots.len() as u64;
    lock_for_longer(job, &repository, voice)?;
    let bases = bases_ms.map(|keep_ms| bases::over(job, &repository, keep_ms)).transpose()?;
    match repository.remove_snapshots(&[gone.clone(), bases.unwrap_or_default()].concat()) {
        Ok(()) => {}
        Err(error) if is_not_ours(job, &error) => {
            voice.line(format!("{}: whoever may removes them from elsewhere", error.story()));
            let pruned = Pruned::NotAllowed;
            return Ok(Done::Forgotten { removed: 0, kept: all, freed_bytes: 0, prune: pruned });
        }
        Err(error) => return Err(trouble(error)),
    }
    let (removed, kept) = (gone.len() as u64, all - gone.len() as u64);
    let (mut freed_bytes, mut pruned) = (0, Pruned::NotAsked);
    if prune {
        let options = prune::Options::new(Origin::of_this_process(), job.now_ms);
        match prune::run(&repository, &options) {
            Ok(figures) => {
                pruned = Pruned::Done;
                freed_bytes = figures.deleted_bytes;
                let prune::Figures { marked_bytes, deleted_bytes, .. } = figures;
                voice.line(format!("{deleted_bytes} bytes deleted, {marked_bytes} marked for it"));
            }
            Err(VaultError::Locked(holder)) => {
                pruned = Pruned::NextTime;
                voice.line(format!("nothing is freed this time: {holder}"));
            }
            Err(error) if is_not_ours(job, &error) => {
                pruned = Pruned::NotAllowed;
                voice.line(format!("{}: whoever may frees room from elsewhere", error.story()));
            }
            Err(error) => return Err(trouble(error)),
        }
    }
    Ok(Done::Forgotten { removed, kept, freed_bytes, prune: pruned })
}

/// The phrase is as random as a key.
fn add_key(job: &Job, phrase: &str) -> Result<Done, Box<Trouble>> {
    let repository = job.at.open(job.limits)?;
    let (phrase, owner) = (Secret::new(phrase.to_owned()), Origin::of_this_process());
    let key = repository.add_key(&phrase, &owner, COST_OF_RANDOM, job.now_ms);
    let key = key.map_err(|error| job.at.trouble(error))?.to_string();
    Ok(Done::KeyAdded { key, repository: repository.id().to_owned() })
}

/// What snapshots still need is locked for as long as the configuration says from now on: a pack is
/// locked when it is written, and what is made later builds upon it.
fn lock_for_longer(job: &Job, repository: &Repository, voice: &Voice) -> Result<(), Box<Trouble>> {
    let Some(lock) = job.at.to.s3().and_then(|(_, lock)| lock) else { return Ok(()) };
    let until_ms = job.now_ms.saturating_add(i64::try_from(lock.for_ms).unwrap_or(i64::MAX));
    let watch = voice.progress();
    match extend::run(repository, until_ms, &Origin::of_this_process(), &watch) {
        Ok(report) => {
            voice.line(format!(
                "{} of {} files are locked for longer",
                report.extended, report.files
            ));
            Ok(())
        }
        Err(error) if is_not_ours(job, &error) => {
            voice.line(format!("{}: whoever may locks for longer from elsewhere", error.story()));
            Ok(())
        }
        Err(error) => Err(job.at.trouble(error)),
    }
}

/// These credentials may not, on purpose: a host that was taken over could otherwise, too. In a folder
/// of this machine it is a mistake.
fn is_not_ours(job: &Job, error: &VaultError) -> bool {
    !matches!(job.at.to, To::Folder(_))
        && matches!(
            error,
            VaultError::Storage { fault: Fault::NotPermitted | Fault::Protected, .. }
        )
}

fn check_data(job: &Job, part: u8, of: u8, voice: &Voice) -> Result<Done, Box<Trouble>> {
    let repository = job.at.open(job.limits)?;
    let data = if of <= 1 { check::Data::All } else { check::Data::Share { part, of } };
    let watch = voice.progress();
    let report = check::run(&repository, data, &Origin::of_this_process(), &watch)
        .map_err(|error| job.at.trouble(error))?;
    let mut files: BTreeSet<PathBuf> = BTreeSet::new();
    for damage in report.damage.iter().take(LINES) {
        voice.line(damage.why.clone());
        for (snapshot, path) in &damage.affected {
            voice.line(format!("  needed by {} of {}", path.display(), snapshot.short()));
            files.insert(path.clone());
        }
    }
    let Some(first) = report.damage.first() else {
        return Ok(Done::Checked { snapshots: report.snapshots, bytes_read: report.bytes_read });
    };
    let count = report.damage.len() as u64;
    let named: Vec<String> = files.iter().take(3).map(|path| path.display().to_string()).collect();
    let said = [
        ("place", job.at.name.as_str().into()),
        ("count", count.into()),
        ("first", first.why.as_str().into()),
        ("files", named.join(", ").into()),
    ];
    let message = format!(
        "{count} damaged in the repository at {}: {}; files: {}",
        job.at.name,
        first.why,
        named.join(", ")
    );
    Err(Box::new(Trouble::new("repository_found_damaged", said, message)))
}

fn restore_files(
    job: &Job,
    (snapshot, path, target): (&str, &Path, &Path),
    voice: &Voice,
) -> Result<Done, Box<Trouble>> {
    let trouble = |error| job.at.trouble(error);
    let repository = job.at.open(job.limits)?;
    let request = restore::Request {
        snapshot: find(job, &repository, snapshot)?,
        path: path.to_owned(),
        target: target.to_owned(),
        origin: Origin::of_this_process(),
    };
    let reader = repository.reader().map_err(trouble)?;
    let watch = voice.progress();
    let report = restore::run(&reader, &request, &watch).map_err(trouble)?;
    for path in report.special.iter().take(LINES) {
        voice.line(format!("{}: a socket, pipe or device, not restored", path.display()));
    }
    for failure in report.failures.iter().take(LINES) {
        voice.line(format!("{}: {}", failure.path.display(), failure.why));
    }
    let Some(first) = report.failures.first() else {
        let (files, bytes, kept_files) = (report.files, report.bytes, report.kept_files);
        return Ok(Done::Restored { files, bytes, kept_files });
    };
    let (count, file) = (report.failures.len() as u64, first.path.display().to_string());
    let said = [
        ("count", count.into()),
        ("files", report.files.into()),
        ("first", file.as_str().into()),
        ("error", first.why.as_str().into()),
    ];
    let message = format!(
        "{} files are restored, and {count} are not as they were, the first of them {file}: {}",
        report.files, first.why
    );
    Err(Box::new(Trouble::new("restore_incomplete", said, message)))
}
