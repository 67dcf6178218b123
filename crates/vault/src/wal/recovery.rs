//! Back to a moment by a server's own log: which base backup it is reached from and what that takes; then the
//! cluster as it was, running in a folder of its own.

use super::{
    archive::{Archive, LogFile},
    base::{Base, BaseNote, Content},
    standing::Standing,
};
use crate::{Reader, Snapshot, VaultError};
use databases::{
    DatabaseError,
    private::{Cluster, Recovered, RecoveredCluster, Recovery},
    wal::SegmentName,
};
use jiff::Timestamp;
use kernel::config::DatabaseUrl;
use std::{path::PathBuf, time::Duration};
use tokio::runtime::Runtime;

/// Clocks of a server and of whoever noted when a segment was whole differ by less.
const MARGIN_MS: i64 = 60_000;
/// A month of a busy shop's log takes hours.
const WITHIN: Duration = Duration::from_hours(20);

/// From where to where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    pub base: Base,
    /// Segments that are replayed, as far as it is known before, and what they hold.
    pub segments: u64,
    pub wal_bytes: u64,
}

/// What keeps a moment from being reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hindered {
    /// No base backup had ended by then that has all of the log behind it; the first moment that can be
    /// reached, if there is one.
    NoBase { first_ms: Option<i64> },
    /// All that was acknowledged by then is there, and no more.
    NotReached { until_ms: i64 },
    /// Log is missing from then on; the next moment that can be reached, if there is one.
    Gap { from_ms: i64, first_ms: Option<i64> },
}

/// Which moment, and from what it may be reached.
#[derive(Debug)]
pub struct Wanted<'a> {
    pub archive: &'a Archive,
    pub standing: &'a Standing,
    /// In any order.
    pub bases: &'a [Base],
    /// Unix ms, by the server's clock.
    pub until_ms: i64,
}

/// What is to be brought back, and where to.
#[derive(Debug)]
pub struct Request<'a> {
    pub reader: &'a Reader,
    pub snapshot: &'a Snapshot,
    pub archive: &'a Archive,
    /// As it stood before anything was looked at.
    pub standing: &'a Standing,
    /// Unix ms, by the server's clock.
    pub until_ms: i64,
    /// A folder of its own, which whoever runs the server can reach.
    pub folder: PathBuf,
    /// It is thrown away when the machine fails, and ends with this thread.
    pub is_passing: bool,
}

/// Where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Unpacking,
    /// So many segments of the log are there for it.
    Replaying {
        segments: u64,
    },
}

/// Looks from which base backup a moment is reached: the newest before it.
///
/// # Errors
/// When the archive cannot be read.
pub fn find(wanted: &Wanted<'_>) -> Result<Result<Path, Hindered>, VaultError> {
    let Wanted { archive, standing, bases, until_ms } = *wanted;
    let mut bases: Vec<&Base> = bases.iter().collect();
    bases.sort_by_key(|base| base.ended_ms);
    let first_after = |at_ms: i64| bases.iter().find(|base| base.ended_ms > at_ms);
    let first_ms = first_after(until_ms).map(|base| base.ended_ms);
    let Some(base) = bases.iter().rfind(|base| base.ended_ms <= until_ms) else {
        return Ok(Err(Hindered::NoBase { first_ms }));
    };
    let segment_bytes = standing.segment_bytes.unwrap_or(16 << 20);
    let is_of_now = standing.begun_ms.is_some_and(|begun| base.begun_ms >= begun);
    let coming = if is_of_now { archive.coming()? } else { Vec::new() };
    let Run { names: run, hole } = run(archive, base.segment()?, segment_bytes)?;
    let hole = hole.or_else(|| hole_before(&coming, run.last().copied(), segment_bytes));
    let reaches_ms = match is_of_now && hole.is_none() {
        true => standing.current_ms.unwrap_or(0),
        // Only what lies whole before the gap.
        false => match run.last() {
            Some(last) => archive.head(LogFile::Segment(*last))?.at_ms,
            None => return Ok(Err(Hindered::NoBase { first_ms })),
        },
    };
    if reaches_ms < until_ms {
        return Ok(Err(match is_of_now && hole.is_none() {
            true => Hindered::NotReached { until_ms: reaches_ms },
            false => Hindered::Gap { from_ms: reaches_ms, first_ms },
        }));
    }
    let mut segments = 0;
    for name in &run {
        segments += 1;
        if archive.head(LogFile::Segment(*name))?.at_ms > until_ms {
            break;
        }
    }
    let (base, wal_bytes) = ((*base).clone(), segments * segment_bytes);
    Ok(Ok(Path { base, segments, wal_bytes }))
}

/// Sealed segments that follow one another.
struct Run {
    names: Vec<SegmentName>,
    /// Which two do not, where more is there after the last of them.
    hole: Option<(SegmentName, SegmentName)>,
}

/// The sealed segments from one on, as far as they follow one another.
fn run(archive: &Archive, from: SegmentName, segment_bytes: u64) -> Result<Run, VaultError> {
    let mut names: Vec<SegmentName> = Vec::new();
    for file in archive.list()?.into_keys() {
        let LogFile::Segment(name) = file else { continue };
        if name.place() < from.place() {
            continue;
        }
        let before = names.last().copied().unwrap_or(from);
        if !super::follows(before, name, segment_bytes) {
            return Ok(Run { names, hole: Some((before, name)) });
        }
        // What was cut off by a gap is not gone on from.
        if let Some(last) = names.last()
            && !archive.head(LogFile::Segment(*last))?.is_whole
        {
            return Ok(Run { hole: Some((*last, name)), names });
        }
        names.push(name);
    }
    Ok(Run { names, hole: None })
}

/// What is missing between the last sealed segment and what has come since; `coming` was looked at before.
fn hole_before(
    coming: &[SegmentName],
    last: Option<SegmentName>,
    segment_bytes: u64,
) -> Option<(SegmentName, SegmentName)> {
    let mut last = last?;
    for name in coming {
        if name.place() <= last.place() {
            continue;
        }
        if !super::follows(last, *name, segment_bytes) {
            return Some((last, *name));
        }
        last = *name;
    }
    None
}

/// A cluster as it was, which takes writes. Dropped, it ends at once.
#[derive(Debug)]
pub struct Running {
    cluster: RecoveredCluster,
    /// What drives its process.
    runtime: Runtime,
}

impl Running {
    /// The address of one of its databases, for somebody who may do everything.
    #[must_use]
    pub fn url(&self, database: &str) -> DatabaseUrl {
        self.cluster.url(database)
    }

    /// Ends it in order.
    ///
    /// # Errors
    /// [`VaultError::Cluster`] when it did not end well.
    pub fn stop(self) -> Result<(), VaultError> {
        self.runtime.block_on(self.cluster.stop()).map_err(of_cluster)
    }
}

/// Brings the cluster back as it was at the moment. It runs then, and nobody else reaches it.
///
/// # Errors
/// [`VaultError::WalEnds`] when the log does not reach so far; [`VaultError::WalMissing`] when segments are missing; [`VaultError::Cluster`] when PostgreSQL does not
/// do it; [`VaultError::DamagedJournal`] and others of what cannot be read.
pub fn recover(request: &Request<'_>, told: &dyn Fn(Stage)) -> Result<Running, VaultError> {
    let Request { reader, snapshot, archive, standing, until_ms, folder, is_passing } = request;
    let note = BaseNote::read(reader, snapshot)?;
    let runtime = runtime()?;
    let cluster = Cluster::prepare(folder, note.version).map_err(of_cluster)?;
    told(Stage::Unpacking);
    cluster.unpack(&mut Content::of_base(reader, snapshot)?).map_err(of_cluster)?;
    let is_of_now = standing.begun_ms.is_some_and(|begun| note.begun_ms >= begun);
    let coming = if is_of_now { archive.coming()? } else { Vec::new() };
    let Run { names: segments, hole } = run(archive, note.segment()?, note.segment_bytes)?;
    let hole = hole.or_else(|| hole_before(&coming, segments.last().copied(), note.segment_bytes));
    let until = until_ms.saturating_add(MARGIN_MS);
    let mut given = 0;
    let mut has_enough = false;
    while let Some(name) = segments.get(given).filter(|_| !has_enough) {
        has_enough = give(&cluster, archive, LogFile::Segment(*name))? > until;
        given += 1;
    }
    for file in archive.list()?.into_keys().filter(|file| matches!(file, LogFile::History(_))) {
        give(&cluster, archive, file)?;
    }
    let recovery = Recovery {
        until: Some(moment(*until_ms)?),
        superuser: note.superuser.clone(),
        within: WITHIN,
        tied: *is_passing,
        is_passing: *is_passing,
    };
    let go = |recovery: &Recovery, given: usize| {
        told(Stage::Replaying { segments: given as u64 });
        match runtime.block_on(cluster.recover(recovery)).map_err(of_cluster)? {
            Recovered::There(there) => Ok(Some(*there)),
            Recovered::NotReached => Ok(None),
        }
    };
    let mut there = None;
    if has_enough {
        there = go(&recovery, given)?;
    }
    if let (None, true, Some((after, before))) = (&there, is_of_now, hole) {
        return Err(VaultError::WalMissing {
            after: after.to_string(),
            before: before.to_string(),
        });
    }
    if there.is_none() {
        // All of it, what is not whole yet as well: nothing before was committed later.
        for name in &segments[given..] {
            give(&cluster, archive, LogFile::Segment(*name))?;
        }
        given = segments.len();
        if is_of_now {
            let from = (segments.as_slice(), note.segment()?);
            given += give_the_end(&cluster, archive, from, note.segment_bytes)?;
        }
        there = go(&recovery, given)?;
    }
    // All that was acknowledged by the moment was there before it was looked, and none of it is later.
    let has_all = is_of_now && standing.current_ms.is_some_and(|current| current >= *until_ms);
    if there.is_none() && has_all {
        there = go(&Recovery { until: None, ..recovery }, given)?;
        // It ends where the first byte is missing or damaged, and does not mind.
        let replayed = cluster.replayed().map_err(of_cluster)?;
        if standing.current_at.is_none_or(|current_at| replayed < current_at) {
            return Err(VaultError::WalEnds { until_ms: *until_ms });
        }
    }
    let cluster = there.ok_or(VaultError::WalEnds { until_ms: *until_ms })?;
    Ok(Running { cluster, runtime })
}

/// As PostgreSQL reads moments: all of the millisecond.
fn moment(at_ms: i64) -> Result<String, VaultError> {
    let odd = |_| VaultError::Malformed { what: "moment", text: at_ms.to_string() };
    let moment = Timestamp::from_millisecond(at_ms).map_err(odd)?;
    Ok(moment.strftime("%Y-%m-%d %H:%M:%S.%3f999+00").to_string())
}

/// Segments that have come since, and the one that is written to.
fn give_the_end(
    cluster: &Cluster,
    archive: &Archive,
    (sealed, from): (&[SegmentName], SegmentName),
    segment_bytes: u64,
) -> Result<usize, VaultError> {
    let mut given = 0;
    // The partial one first: whatever becomes whole meanwhile is found among the whole ones then.
    let partial = archive.open_partial()?;
    let last = sealed.last().copied().unwrap_or(from);
    let all = run(archive, last, segment_bytes)?.names;
    for name in all.into_iter().filter(|name| !sealed.contains(name)) {
        give(cluster, archive, LogFile::Segment(name))?;
        given += 1;
    }
    for name in archive.arrived()? {
        if name.place() >= last.place()
            && let Some(bytes) = archive.open_arrived(name)?
        {
            cluster.take_log(&name.to_string(), &bytes).map_err(of_cluster)?;
            given += 1;
        }
    }
    if let Some((name, bytes)) = partial
        && archive.open_arrived(name)?.is_none()
        && !archive.list()?.contains_key(&LogFile::Segment(name))
    {
        cluster.take_log(&name.to_string(), &bytes).map_err(of_cluster)?;
        given += 1;
    }
    Ok(given)
}

/// Gives a sealed file to the cluster; when nothing in it is later, in Unix ms.
fn give(cluster: &Cluster, archive: &Archive, file: LogFile) -> Result<i64, VaultError> {
    let (head, content) = archive.open(file)?;
    cluster.take_log(&file.to_string(), &content).map_err(of_cluster)?;
    Ok(head.at_ms)
}

fn runtime() -> Result<Runtime, VaultError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let operation = "make a runtime for";
    runtime.map_err(|source| VaultError::File { operation, path: "postgres".into(), source })
}

fn of_cluster(error: DatabaseError) -> VaultError {
    VaultError::Cluster(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_all_of_its_millisecond() {
        assert_eq!(moment(1_795_348_800_007).unwrap(), "2026-11-22 12:00:00.007999+00");
        assert!(moment(i64::MAX).is_err());
    }
}
