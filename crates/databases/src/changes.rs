//! What is changed in a shop's database, row by row, as it is committed.
//!
//! PostgreSQL tells it by logical decoding ([`pgoutput`]), MariaDB and MySQL by their binary log. Both
//! are read the way a replica reads them. The stream delivers at least once: what was not
//! acknowledged comes again, and [`Position`]s tell it. Values are as in a dump, byte for byte, so that both can be
//! compared. Anything that is not known stops the stream with its name, since passing over it
//! could lose an order.
//!
//! **What a stream does not tell.** Rows that InnoDB deletes or empties by a foreign key's ON DELETE
//! or ON UPDATE are not in the binary log: whoever follows an order looks for its dependents by
//! themselves. What follows a database never writes to it; only [`begin`] makes a publication and a slot.
//!
//! [`pgoutput`]: https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html

pub(crate) mod mysql;
pub(crate) mod position;
mod postgres;
mod raw;

use crate::{DatabaseError, dump::Field};
use kernel::config::{DatabaseKind, DatabaseUrl};
use std::{sync::Arc, time::Duration};

pub use crate::dump::{Column, Position};
pub use raw::{RawEvent, RawFile};

/// How long a server may be silent before it is taken for gone.
const SILENCE_LIMIT: Duration = Duration::from_secs(60);
/// How often an idle stream says that it is there.
const STATUS_EVERY: Duration = Duration::from_secs(10);
const CONNECT_LIMIT: Duration = Duration::from_secs(20);
/// Whoever writes to a table or holds it is waited for that long.
const LOCK_LIMIT: Duration = Duration::from_secs(5);
/// A slot begins where all transactions that are open now have ended.
const BEGIN_LIMIT: Duration = Duration::from_secs(60);
/// The part of a log that has nothing for us is reported in steps of so many bytes.
const REACHED_EVERY_BYTES: u64 = 1 << 20;

/// What to follow, and under which name.
#[derive(Debug, Clone)]
pub struct Options {
    /// Of the slot and the publication in PostgreSQL: a-z, 0-9 and _, at most 63 bytes.
    pub name: String,
    /// What MariaDB and MySQL know us by, unlike every other replica of the server.
    pub server_id: u32,
    pub tables: Tables,
    /// Give the server's log as it came as well ([`Event::Raw`]): MariaDB and MySQL.
    pub raw: bool,
}

/// The tables that are followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tables {
    /// Every ordinary table of the database. In PostgreSQL, those that are there at [`begin`].
    All,
    /// Those with these labels: `public.orders` in PostgreSQL, else `orders`.
    Some(Vec<String>),
    /// As `All`, but for those with these labels.
    Except(Vec<String>),
}

impl Tables {
    fn has(&self, label: &str) -> bool {
        match self {
            Self::All => true,
            Self::Some(labels) => labels.iter().any(|one| one == label),
            Self::Except(labels) => labels.iter().all(|one| one != label),
        }
    }
}

/// A table as it is when a row of it is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableShape {
    /// `None` where tables have none (MariaDB, MySQL).
    pub schema: Option<String>,
    pub name: String,
    /// As in a dump: generated ones are not among them.
    pub columns: Vec<Column>,
    /// Places in `columns` of the primary key, in its order; empty: there is none, or it is not known
    /// any more.
    pub key: Vec<usize>,
}

impl TableShape {
    /// Its name as a person would write it: `public.orders`, `orders`.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{schema}.{}", self.name),
            None => self.name.clone(),
        }
    }

    /// Where a column stands in the images.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

/// A row as it was at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// One a column of the table's shape.
    pub fields: Vec<Field>,
    /// Places of the columns that the stream did not carry, ascending; their fields are `None` and mean
    /// nothing. Empty: the image is whole.
    pub absent: Vec<usize>,
}

impl Image {
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.absent.is_empty()
    }

    /// The value of a column; the outer `None`: the stream did not carry it.
    #[must_use]
    pub fn field(&self, column: usize) -> Option<&Field> {
        if self.absent.binary_search(&column).is_ok() {
            return None;
        }
        self.fields.get(column)
    }

    /// Takes what is absent here from another image of the same row, as far as that has it.
    fn complete(&mut self, other: &Self) {
        self.absent.retain(|column| match other.field(*column) {
            Some(field) => {
                self.fields[*column].clone_from(field);
                false
            }
            None => true,
        });
    }
}

/// A change of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowChange {
    pub table: Arc<TableShape>,
    pub change: Change,
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Inserted(Image),
    /// Without a `before`, its key is that of `after`.
    Updated {
        before: Option<Image>,
        after: Image,
    },
    Deleted(Image),
}

impl RowChange {
    /// The row before, as far as it is known.
    #[must_use]
    pub fn before(&self) -> Option<&Image> {
        match &self.change {
            Change::Inserted(_) => None,
            Change::Updated { before, .. } => before.as_ref(),
            Change::Deleted(before) => Some(before),
        }
    }

    /// The row afterwards.
    #[must_use]
    pub fn after(&self) -> Option<&Image> {
        match &self.change {
            Change::Inserted(after) | Change::Updated { after, .. } => Some(after),
            Change::Deleted(_) => None,
        }
    }
}

/// What comes out of a stream. Between a `Begin` and its `Commit` there are only the changes of one
/// transaction; a transaction without changes for us is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Begin,
    /// A piece of the server's log, whatever it is about; before what it comes to. What came since the last
    /// `Commit` or `Reached` holds with the next one.
    Raw {
        file: Arc<RawFile>,
        event: Vec<u8>,
    },
    Row(RowChange),
    /// Every row of the table with this label is gone (TRUNCATE).
    Emptied {
        table: String,
    },
    /// Something was redefined.
    SchemaChanged(SchemaChange),
    /// All since `Begin` holds. `position` is where the stream goes on after it.
    Commit {
        position: Position,
        committed_ms: i64,
    },
    /// There is nothing for us up to here. Acknowledged once it is durable, like a commit, it lets
    /// the server forget what lies before. It comes again as commits do: one that lies before what the
    /// caller has takes nothing back.
    Reached {
        position: Position,
    },
}

/// A table that is not as it was. PostgreSQL tells no statements, only that a table's columns are others when the
/// next row of it is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaChange {
    /// The table's label, where it is known.
    pub table: Option<String>,
    /// The statement, where it is known.
    pub statement: Option<String>,
}

/// What stands in the way of following a database, or makes it tell less than it could.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    pub kind: ObstacleKind,
    /// What it is about: a table's label, or the setting's name.
    pub subject: String,
    /// What to do about it, as a statement or a sentence.
    pub mend: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObstacleKind {
    /// The server's settings do not allow it.
    Setting,
    /// The user's rights do not suffice.
    Rights,
    /// A slot without a cap could fill the shop's disk.
    Uncapped,
    /// A row of the table could not be changed any more if the table were followed.
    NoIdentity,
    /// Of a deleted row only the key is told, of a changed one not everything.
    KeysOnly,
    /// The table is there and not followed.
    NotFollowed,
    /// Values of the table's columns come in a form that is not understood.
    Unreadable,
}

impl Obstacle {
    /// Whether nothing is begun before it is out of the way.
    #[must_use]
    pub fn refuses(&self) -> bool {
        !matches!(self.kind, ObstacleKind::KeysOnly | ObstacleKind::NotFollowed)
    }

    pub(crate) fn new(
        kind: ObstacleKind,
        subject: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self { kind, subject: subject.into(), mend: mend.into() }
    }

    /// Where PostgreSQL's slots have no cap. Servers before 13 do not know one.
    pub(crate) fn uncapped(max_slot_wal_keep_size: &str) -> Option<Self> {
        let mend = "without a cap, a slot that nobody reads from fills the shop's disk: \
                    ALTER SYSTEM SET max_slot_wal_keep_size = '4GB', then SELECT pg_reload_conf()";
        let is_uncapped = matches!(max_slot_wal_keep_size, "-1" | "");
        is_uncapped.then(|| Self::new(ObstacleKind::Uncapped, "max_slot_wal_keep_size", mend))
    }

    /// Of PostgreSQL's account.
    pub(crate) fn may_not_replicate() -> Self {
        let mend = "as a superuser: ALTER ROLE its_name REPLICATION";
        Self::new(ObstacleKind::Rights, "REPLICATION", mend)
    }
}

/// Looks what stands in the way. Changes nothing.
///
/// # Errors
/// When the database cannot be asked, or is of a kind without a stream (SQLite).
pub async fn survey(url: &DatabaseUrl, options: &Options) -> Result<Vec<Obstacle>, DatabaseError> {
    match url.kind {
        DatabaseKind::Postgres => postgres::survey(url, options).await,
        DatabaseKind::MySql => mysql::survey(url, options).await,
        DatabaseKind::Sqlite => Err(no_stream()),
    }
}

/// Makes what a stream needs: in PostgreSQL a publication of the chosen tables and a slot that keeps
/// the log from here on. Gives where the stream begins; a dump that is begun afterwards lies behind it.
///
/// # Errors
/// [`DatabaseError::ChangesRefused`] for the first obstacle that refuses, or where there is a slot of
/// this name already.
pub async fn begin(url: &DatabaseUrl, options: &Options) -> Result<Position, DatabaseError> {
    if let Some(obstacle) = survey(url, options).await?.into_iter().find(Obstacle::refuses) {
        let Obstacle { subject, mend, .. } = obstacle;
        return Err(DatabaseError::ChangesRefused { what: format!("`{subject}`"), mend });
    }
    match url.kind {
        DatabaseKind::Postgres => postgres::begin(url, options).await,
        DatabaseKind::MySql => mysql::begin(url).await,
        DatabaseKind::Sqlite => Err(no_stream()),
    }
}

/// Follows the tables that were made since [`begin`] as well. A running stream learns of it by itself.
///
/// # Errors
/// As [`begin`].
pub async fn follow_new_tables(url: &DatabaseUrl, options: &Options) -> Result<(), DatabaseError> {
    match url.kind {
        DatabaseKind::Postgres => postgres::publish(url, options).await,
        DatabaseKind::MySql => Ok(()),
        DatabaseKind::Sqlite => Err(no_stream()),
    }
}

/// Removes what [`begin`] made; what is not there is no error.
///
/// # Errors
/// When the database cannot be asked, or somebody reads from the slot.
pub async fn remove(url: &DatabaseUrl, options: &Options) -> Result<(), DatabaseError> {
    match url.kind {
        DatabaseKind::Postgres => postgres::remove(url, options).await,
        DatabaseKind::MySql => Ok(()),
        DatabaseKind::Sqlite => Err(no_stream()),
    }
}

fn no_stream() -> DatabaseError {
    DatabaseError::ChangesRefused {
        what: "SQLite".to_owned(),
        mend: "it has no stream of changes; copy its file instead".to_owned(),
    }
}

/// An open stream.
#[derive(Debug)]
pub struct Stream(Kind);

#[derive(Debug)]
enum Kind {
    Postgres(Box<postgres::Stream>),
    MySql(Box<mysql::Stream>),
}

impl Stream {
    /// Goes on after `from`: the position of the last commit that the caller has on disk, or what
    /// [`begin`] gave.
    ///
    /// # Errors
    /// [`DatabaseError::ChangesLost`] when the server cannot tell all that came after `from`: a new
    /// full backup is due. [`DatabaseError::ChangesRefused`] when a setting has become unsafe.
    /// Anything else may go by: try again.
    pub async fn open(
        url: &DatabaseUrl,
        options: &Options,
        from: &Position,
    ) -> Result<Self, DatabaseError> {
        Ok(Self(match url.kind {
            DatabaseKind::Postgres => {
                Kind::Postgres(Box::new(postgres::Stream::open(url, options, from).await?))
            }
            DatabaseKind::MySql => {
                Kind::MySql(Box::new(mysql::Stream::open(url, options, from).await?))
            }
            DatabaseKind::Sqlite => return Err(no_stream()),
        }))
    }

    /// The next event; waits for it as long as it takes. It may be dropped while it waits: nothing is
    /// lost by that. It wants to be called again within half a minute, else the server may hang up.
    ///
    /// # Errors
    /// [`DatabaseError::ChangesUnknown`] for what is not understood; it will be the same again after opening
    /// anew. Otherwise the connection is gone: open anew after the last commit that is on disk.
    pub async fn next(&mut self) -> Result<Event, DatabaseError> {
        match &mut self.0 {
            Kind::Postgres(stream) => stream.next().await,
            Kind::MySql(stream) => stream.next().await,
        }
    }

    /// Lets the server forget what lies before `position`, which must be durable with the caller.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn acknowledge(&mut self, position: &Position) -> Result<(), DatabaseError> {
        match &mut self.0 {
            Kind::Postgres(stream) => stream.acknowledge(position).await,
            // The server keeps its log by its own rules.
            Kind::MySql(_) => Ok(()),
        }
    }

    /// How long the server has said nothing at all, not even that it is there. One that is well is never
    /// silent for much longer than ten seconds.
    #[must_use]
    pub fn silent_for(&self) -> Duration {
        match &self.0 {
            Kind::Postgres(stream) => stream.silent_for(),
            Kind::MySql(stream) => stream.silent_for(),
        }
    }

    /// How many bytes of the server's log lie behind the last event's place, as far as the server has said;
    /// `None` when it has not.
    #[must_use]
    pub fn behind_bytes(&self) -> Option<u64> {
        match &self.0 {
            Kind::Postgres(stream) => stream.behind_bytes(),
            Kind::MySql(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_is_taken_from_the_row_before() {
        let text = |text: &str| Some(text.as_bytes().to_vec());
        let before = Image { fields: vec![text("1"), text("long"), None], absent: vec![2] };
        let mut after = Image { fields: vec![text("1"), None, None], absent: vec![1, 2] };
        assert_eq!(after.field(1), None);
        after.complete(&before);
        assert_eq!(after, Image { fields: vec![text("1"), text("long"), None], absent: vec![2] });
        assert!(!after.is_whole());
    }
}
