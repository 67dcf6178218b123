//! The write-ahead log of a PostgreSQL server as it is (PostgreSQL manual, chapter 26.3): whether it may be
//! kept elsewhere, the slot that holds it until it is, and the programs that receive it and copy the
//! cluster that it goes on from.
//!
//! What a journal of rows cannot make once more is in it: statements that change tables, other databases
//! of the cluster, roles, large objects. What becomes of its files is not known here. A slot without a cap
//! is refused, as [`crate::changes`] refuses it.

mod programs;

use crate::{
    DatabaseError,
    changes::{Obstacle, ObstacleKind},
    dump::postgres::{Session, config, connect, execute, texts},
};
use kernel::config::{DatabaseKind, DatabaseUrl};
use std::{fmt, str::FromStr, time::Duration};

pub use programs::Programs;

/// A slot that was invalidated has no place in the log any more (PostgreSQL manual, 54.19).
const LOST: &str = "lost";
/// In bytes since PostgreSQL 11.
const SEGMENT_BYTES: &str =
    "SELECT setting FROM pg_catalog.pg_settings WHERE name = 'wal_segment_size'";
/// Whoever seals or opens one has it in memory.
const MOST_SEGMENT_BYTES: u64 = 64 << 20;
/// A server that does not answer by then is away.
const LIMIT: Duration = Duration::from_secs(20);

/// How it stands with a server's log, by one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glance {
    /// By the server's clock, in Unix ms. What was acknowledged by then lies before `flushed`.
    pub at_ms: i64,
    /// Up to which byte the server has the log on disk.
    pub flushed: u64,
    /// The segment of that byte.
    pub segment: SegmentName,
    pub segment_bytes: u64,
    /// The server's major version.
    pub version: u32,
    /// `None`: there is no such slot.
    pub slot: Option<Slot>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Up to which byte its reader has said to have the log on disk.
    pub received: Option<u64>,
    /// The server has thrown away what the slot had kept.
    pub is_lost: bool,
}

/// A file of the log, as PostgreSQL names it: `00000001000000000000002A`. Sorted by place, and of one
/// place by timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SegmentName {
    /// The two numbers of its place as one: `log << 32 | segment`.
    place: u64,
    timeline: u32,
}

impl SegmentName {
    #[must_use]
    pub fn new(timeline: u32, place: u64) -> Self {
        Self { place, timeline }
    }

    #[must_use]
    pub fn timeline(self) -> u32 {
        self.timeline
    }

    /// `log << 32 | segment`: a number of its own for each place of a timeline, though not without
    /// holes between two.
    #[must_use]
    pub fn place(self) -> u64 {
        self.place
    }

    /// How many segments of this size lie before it: of two that follow one another these follow one
    /// another as well.
    #[must_use]
    pub fn number(self, segment_bytes: u64) -> u64 {
        let a_log = (1_u64 << 32) / segment_bytes.max(1);
        (self.place >> 32) * a_log + (self.place & u64::from(u32::MAX))
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08X}{:016X}", self.timeline, self.place)
    }
}

impl FromStr for SegmentName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const ODD: &str = "no name of a segment of the write-ahead log";
        let is_whole = text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let (timeline, place) = text.split_at_checked(8).filter(|_| is_whole).ok_or(ODD)?;
        let timeline = u32::from_str_radix(timeline, 16).map_err(|_| ODD)?;
        let place = u64::from_str_radix(place, 16).map_err(|_| ODD)?;
        Ok(Self { place, timeline })
    }
}

/// A connection that asks for the log, and makes its slot; the log itself does not come over it.
pub struct Server {
    session: Session,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

impl Server {
    /// # Errors
    /// When the server does not let us in, or is no PostgreSQL.
    pub async fn connect(url: &DatabaseUrl) -> Result<Self, DatabaseError> {
        if url.kind != DatabaseKind::Postgres {
            let mend = "only PostgreSQL has a write-ahead log of this kind".to_owned();
            return Err(DatabaseError::ChangesRefused { what: url.to_string(), mend });
        }
        let config = config(url)?;
        let session = within(connect(url, &config)).await?;
        Ok(Self { session })
    }

    /// Looks what stands in the way of keeping the log, and of copying the cluster. Changes nothing.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn survey(&self) -> Result<Vec<Obstacle>, DatabaseError> {
        let statement = "SELECT current_setting('wal_level'), \
            current_setting('max_slot_wal_keep_size', true), \
            (SELECT rolreplication OR rolsuper FROM pg_catalog.pg_roles \
            WHERE rolname = current_user), \
            (SELECT string_agg(spcname, ', ') FROM pg_catalog.pg_tablespace \
            WHERE spcname NOT IN ('pg_default', 'pg_global'))";
        let [level, cap, may, spaces] = self.ask("read settings", statement).await?;
        let setting = |name: &str, mend| Obstacle::new(ObstacleKind::Setting, name, mend);
        let mut obstacles = Vec::new();
        if level.as_deref() == Some("minimal") {
            let mend = "ALTER SYSTEM SET wal_level = 'replica', then restart PostgreSQL";
            obstacles.push(setting("wal_level", mend.to_owned()));
        }
        obstacles.extend(Obstacle::uncapped(cap.as_deref().unwrap_or_default()));
        if may.as_deref() != Some("t") {
            obstacles.push(Obstacle::may_not_replicate());
        }
        if let Some(spaces) = spaces {
            let mend = format!(
                "a base backup takes one folder, and this server has tablespaces elsewhere ({spaces}): move \
                 what is in them by ALTER TABLE … SET TABLESPACE pg_default, and drop them"
            );
            obstacles.push(setting("tablespaces", mend));
        }
        let bytes = self.ask::<1>("read settings", SEGMENT_BYTES).await?;
        let bytes = bytes[0].as_ref().and_then(|bytes| bytes.parse().ok()).unwrap_or(u64::MAX);
        if bytes > MOST_SEGMENT_BYTES {
            let mend = format!("segments of more than {MOST_SEGMENT_BYTES} bytes are not kept");
            obstacles.push(setting("wal_segment_size", mend));
        }
        Ok(obstacles)
    }

    /// Looks how far the log is, and how far the reader of this slot.
    ///
    /// # Errors
    /// When the server does not answer, or replays somebody else's log.
    pub async fn glance(&self, slot: &str) -> Result<Glance, DatabaseError> {
        check_name(slot)?;
        // The clock first: what is acknowledged before it is asked is flushed when that is asked.
        let statement = format!(
            "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint, \
             pg_catalog.pg_current_wal_flush_lsn() - '0/0'::pg_lsn, \
             pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_flush_lsn()), ({SEGMENT_BYTES}), \
             current_setting('server_version_num')::int / 10000, \
             s.slot_name, s.restart_lsn - '0/0'::pg_lsn, s.wal_status FROM (SELECT 1) one \
             LEFT JOIN pg_catalog.pg_replication_slots s ON s.slot_name = '{slot}'"
        );
        let row = self.ask("look at the write-ahead log", &statement).await?;
        understand(&row).ok_or_else(|| DatabaseError::Answer {
            what: "the write-ahead log",
            reason: format!("{row:?}"),
        })
    }

    /// A role by which the cluster can be gone through when it is restored; `None`: nobody may sign in who
    /// may do everything.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn superuser(&self) -> Result<Option<String>, DatabaseError> {
        let statement = "SELECT (SELECT rolname FROM pg_catalog.pg_roles \
            WHERE rolsuper AND rolcanlogin ORDER BY oid LIMIT 1)";
        let [name] = self.ask("look for a superuser", statement).await?;
        Ok(name)
    }

    /// Makes the slot: from here on the server keeps its log for whoever reads from it, up to its cap.
    ///
    /// # Errors
    /// When the server does not, also where there is one of that name.
    pub async fn make_slot(&self, slot: &str) -> Result<(), DatabaseError> {
        check_name(slot)?;
        let statement =
            format!("SELECT pg_catalog.pg_create_physical_replication_slot('{slot}', true)");
        within(execute(&self.session.client, "make a replication slot", &statement)).await
    }

    /// Removes the slot, if it is there.
    ///
    /// # Errors
    /// When the server does not: somebody reads from it.
    pub async fn remove_slot(&self, slot: &str) -> Result<(), DatabaseError> {
        check_name(slot)?;
        let statement = format!(
            "SELECT pg_catalog.pg_drop_replication_slot(slot_name) \
             FROM pg_catalog.pg_replication_slots WHERE slot_name = '{slot}'"
        );
        within(execute(&self.session.client, "remove the replication slot", &statement)).await
    }

    async fn ask<const N: usize>(
        &self,
        what: &str,
        statement: &str,
    ) -> Result<[Option<String>; N], DatabaseError> {
        let rows = within(texts::<N>(&self.session.client, what, statement)).await?;
        let row = rows.into_iter().next();
        row.ok_or(DatabaseError::Answer { what: "itself", reason: "nothing".to_owned() })
    }
}

async fn within<T>(
    work: impl Future<Output = Result<T, DatabaseError>>,
) -> Result<T, DatabaseError> {
    let done = tokio::time::timeout(LIMIT, work).await;
    done.map_err(|_elapsed| DatabaseError::TimedOut(LIMIT))?
}

fn understand(row: &[Option<String>; 8]) -> Option<Glance> {
    let [at_ms, flushed, segment, segment_bytes, version, slot, received, status] =
        row.each_ref().map(Option::as_deref);
    let slot = slot.map(|_| Slot {
        received: received.and_then(|received| received.parse().ok()),
        is_lost: status == Some(LOST),
    });
    Some(Glance {
        at_ms: at_ms?.parse().ok()?,
        flushed: flushed?.parse().ok()?,
        segment: segment?.parse().ok()?,
        segment_bytes: segment_bytes?.parse().ok().filter(|bytes| *bytes > 0)?,
        version: version?.parse().ok()?,
        slot,
    })
}

/// Names go into statements as they are, and slots take no others (PostgreSQL manual, 27.2.6).
fn check_name(name: &str) -> Result<(), DatabaseError> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    match !name.is_empty() && name.len() <= 63 && name.bytes().all(fits) {
        true => Ok(()),
        false => Err(DatabaseError::Name(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_named_as_postgresql_names_them() {
        let name: SegmentName = "00000002000000030000002A".parse().unwrap();
        assert_eq!((name.timeline(), name.place()), (2, 3 << 32 | 42));
        assert_eq!(name.to_string(), "00000002000000030000002A");
        for odd in ["", "00000002.history", "00000002000000030000002A.partial", "0000000200000003ü"]
        {
            assert!(odd.parse::<SegmentName>().is_err(), "{odd}");
        }
    }

    #[test]
    fn numbers_follow_one_another_over_the_end_of_a_log() {
        let number = |text: &str, bytes| text.parse::<SegmentName>().unwrap().number(bytes);
        let mebibyte = 1 << 20;
        let last = number("0000000100000000000000FF", 16 * mebibyte);
        assert_eq!(number("000000010000000100000000", 16 * mebibyte), last + 1);
        let last = number("000000010000000000000FFF", mebibyte);
        assert_eq!(number("000000010000000100000000", mebibyte), last + 1);
    }

    #[test]
    fn what_the_server_says_is_understood_or_refused() {
        let row = |slot: Option<&str>, received: Option<&str>, status: Option<&str>| {
            let some = |text: &str| Some(text.to_owned());
            let name = "000000010000000000000003";
            let own = |text: Option<&str>| text.map(str::to_owned);
            [some("1795377206542"), some("50331648"), some(name), some("16777216"), some("15")]
                .into_iter()
                .chain([own(slot), own(received), own(status)])
                .collect::<Vec<_>>()
        };
        let check = |row: Vec<Option<String>>, expect: Option<Option<Slot>>| {
            let found = understand(&row.try_into().unwrap());
            assert_eq!(found.map(|glance| glance.slot), expect);
        };
        check(row(None, None, None), Some(None));
        let slot = Slot { received: Some(7), is_lost: false };
        check(row(Some("s"), Some("7"), Some("reserved")), Some(Some(slot)));
        let lost = Slot { received: None, is_lost: true };
        check(row(Some("s"), None, Some("lost")), Some(Some(lost)));
        let mut odd = row(None, None, None);
        odd[3] = Some("0".to_owned());
        check(odd, None);
    }
}
