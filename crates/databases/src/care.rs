//! What a database suffers from: findings with their evidence, and with the exact statement where one
//! mends it.
//!
//! [`examine`] only looks, in a read-only session with a limit on every statement. What a server does
//! not show, for want of rights or because nobody counts it, is said ([`Blind`]) and never taken for
//! good. [`glance`] looks only at what people wait for now. An [`Index`] is made and dropped without
//! holding the shop's writers up ([`make_index`], [`drop_index`]), a [`Setting`] is changed ([`change_setting`]), and dead rows are
//! cleared away ([`tidy`]). What is told is codes and figures; the words are for others.

mod condition;
mod deed;
mod explained;
mod glance;
mod index;
mod mysql;
mod postgres;
mod setting;
mod sqlite;
mod tidy;

use crate::DatabaseError;
use kernel::config::{DatabaseKind, DatabaseUrl};
use serde::{Deserialize, Serialize};
use std::time::Duration;

pub use glance::{Glance, glance};
pub use index::{
    Index, IndexState, Prospect, drop_index, goes_by, index_state, make_index, prospect,
};
pub use setting::{Setting, SettingSeen, SettingState, change_setting, setting_seen};
pub use tidy::{Tidied, tidied, tidy};

/// Queries that took the most time together are shown, this many.
const MOST_QUERIES: usize = 20;
/// The largest tables, this many.
const MOST_TABLES: usize = 50;
/// Each statement of ours has this long.
const STATEMENT_LIMIT: Duration = Duration::from_secs(10);
/// Whoever does nothing in an open transaction, or is waited for, this long stands in the way.
const PATIENCE: Duration = Duration::from_secs(60);
/// From this share of its numbers on, a key runs out.
const KEY_USED: f64 = 0.7;
/// From this share of the connections on, they are scarce.
const CONNECTIONS_USED: f64 = 0.8;
/// An index smaller than this costs nothing worth a word.
const SMALL_INDEX_BYTES: u64 = 1 << 20;

/// How the findings are judged.
#[derive(Debug, Clone)]
pub struct Options {
    /// Of the machine that the server runs on, in bytes; `None`: it is another one, or not known.
    pub memory_bytes: Option<u64>,
    /// Counters that are younger say nothing of what is never used.
    pub unused_after: Duration,
    /// From so many rows on, reading all of a table is slow.
    pub large_rows: u64,
}

impl Default for Options {
    fn default() -> Self {
        let unused_after = Duration::from_secs(7 * 24 * 3600);
        Self { memory_bytes: None, unused_after, large_rows: 10_000 }
    }
}

/// A database as it was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Examination {
    /// Name and version: `PostgreSQL 15.14`.
    pub server: String,
    pub figures: Figures,
    /// The largest first.
    pub tables: Vec<TableSize>,
    /// Those that took the most time together first.
    pub queries: Vec<Query>,
    pub replicas: Vec<Replica>,
    /// The worst first.
    pub findings: Vec<Finding>,
    /// What could not be looked at.
    pub blind: Vec<Blind>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    pub size_bytes: u64,
    /// `None` where there are none (SQLite).
    pub connections: Option<Connections>,
    /// The share of reads that needed no disk, from 0 to 1; `None` before the first read.
    pub cache_hits: Option<f64>,
    /// For how long the server has run, in seconds.
    pub up_s: Option<u64>,
    /// For how long its counters have counted, in seconds.
    pub counted_s: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connections {
    pub used: u64,
    pub most: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableSize {
    /// `public.orders` in PostgreSQL, else `orders`.
    pub table: String,
    /// As the server estimates; `None` before it has counted.
    pub rows: Option<u64>,
    /// `None` where the server does not say (SQLite).
    pub bytes: Option<u64>,
    pub index_bytes: Option<u64>,
}

/// Statements of one form, whatever their values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Query {
    pub text: String,
    pub calls: u64,
    pub total_ms: f64,
    pub mean_ms: f64,
    /// Given or changed, all calls together.
    pub rows: u64,
    /// As the server explains it for values it does not know.
    pub plan: Option<String>,
}

/// A server that follows this one, or that this one follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replica {
    pub name: String,
    /// In the server's words.
    pub state: String,
    pub behind_bytes: Option<u64>,
    pub behind_ms: Option<u64>,
}

/// Something that could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blind {
    pub what: Sight,
    /// What would open the eyes: a statement, or a setting.
    pub mend: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sight {
    /// Which statements take the time.
    Queries,
    /// What others' sessions do.
    Sessions,
    /// How often an index is used.
    IndexUse,
    /// How far a replica is.
    Replication,
}

/// Something that is not well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    #[serde(flatten)]
    pub trouble: Trouble,
    pub mend: Option<Mend>,
}

impl Finding {
    fn new(trouble: Trouble, mend: Option<Mend>) -> Self {
        Self { trouble, mend }
    }

    /// `missing_index:public.customer(email)`: stays the same while the same trouble lasts.
    #[must_use]
    pub fn id(&self) -> String {
        match self.trouble.subject() {
            subject if subject.is_empty() => self.trouble.code().to_owned(),
            subject => format!("{}:{subject}", self.trouble.code()),
        }
    }
}

/// What mends a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Mend {
    MakeIndex {
        index: Index,
    },
    DropIndex {
        index: Index,
    },
    /// Dead rows are cleared away, and the table's statistics made anew, while the shop goes on.
    TidyTable {
        table: String,
        statement: String,
    },
    /// Something that a person runs.
    Statement {
        statement: String,
    },
    ChangeSetting {
        setting: Setting,
    },
    /// A line that a person writes where the server is started or configured, and restarts it then.
    Setting {
        line: String,
    },
}

impl Mend {
    /// Whether Storewarden does it itself when it is told to; the rest is a person's.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        !matches!(self, Self::Statement { .. } | Self::Setting { .. })
    }

    /// As a person would run it.
    #[must_use]
    pub fn statement(&self) -> &str {
        match self {
            Self::MakeIndex { index } => &index.make,
            Self::DropIndex { index } => &index.drop,
            Self::TidyTable { statement, .. }
            | Self::Statement { statement }
            | Self::Setting { line: statement } => statement,
            Self::ChangeSetting { setting } => &setting.set,
        }
    }

    /// What takes it back.
    #[must_use]
    pub fn back(&self) -> Option<&str> {
        match self {
            Self::MakeIndex { index } => Some(&index.drop),
            Self::DropIndex { index } => Some(&index.make),
            Self::ChangeSetting { setting } => Some(&setting.back),
            Self::TidyTable { .. } | Self::Statement { .. } | Self::Setting { .. } => None,
        }
    }

    /// Whether the server has to be restarted before it helps.
    #[must_use]
    pub fn restarts(&self) -> bool {
        match self {
            Self::ChangeSetting { setting } => setting.restart,
            Self::Setting { .. } => true,
            _ => false,
        }
    }
}

/// How bad a trouble is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Orders are lost by it, or will be.
    Danger,
    /// Customers wait for it, or will.
    Warning,
    /// It could be better.
    Advice,
}

/// What is not well, with its evidence. Times in milliseconds, sizes in bytes, shares from 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Trouble {
    /// A statement reads all of a large table for want of an index.
    MissingIndex {
        table: String,
        columns: Vec<String>,
        rows: u64,
        calls: u64,
        mean_ms: f64,
        query: String,
    },
    /// Rows refer to others by columns without an index: whoever deletes the others reads all of it.
    UnindexedReference {
        table: String,
        columns: Vec<String>,
        rows: u64,
        to: String,
    },
    /// Nothing has used it since the counters began, and every write pays for it.
    UnusedIndex {
        table: String,
        index: String,
        /// `None`: the server does not say.
        bytes: Option<u64>,
        counted_s: u64,
    },
    /// Another index begins with its columns.
    DuplicateIndex {
        table: String,
        index: String,
        like: String,
        /// `None`: the server does not say.
        bytes: Option<u64>,
    },
    /// It was half made: every write pays for it, and nothing uses it.
    InvalidIndex {
        table: String,
        index: String,
    },
    /// Rows that nobody sees any more are not cleared away.
    DeadRows {
        table: String,
        dead: u64,
        live: u64,
    },
    /// Space in a table's file that no row uses.
    EmptySpace {
        table: String,
        empty_bytes: u64,
        bytes: u64,
    },
    /// A server of this kind stops taking writes when it has no transaction numbers left.
    TransactionNumbers {
        used: f64,
    },
    /// The numbers of a key end at `last`.
    KeyRunsOut {
        table: String,
        column: String,
        used: f64,
        last: u64,
    },
    /// Its rows cannot be told apart: no replica and no journal follows them well.
    NoKey {
        table: String,
        rows: u64,
    },
    /// A crash leaves it half written, and a backup has to lock it.
    NonTransactional {
        table: String,
        engine: String,
    },
    ConnectionsScarce {
        used: u64,
        most: u64,
    },
    /// A transaction that does nothing keeps locks and old rows.
    IdleTransaction {
        session: String,
        user: String,
        program: String,
        idle_ms: u64,
    },
    /// Somebody waits for somebody else's lock.
    Blocked {
        session: String,
        program: String,
        /// `None` where it is not seen whose lock it is (MariaDB, MySQL).
        by: Option<String>,
        by_program: Option<String>,
        waits_ms: u64,
    },
    /// A replica that is far behind, or does not follow.
    ReplicaBehind {
        replica: String,
        behind_bytes: Option<u64>,
        behind_ms: Option<u64>,
        state: String,
    },
    /// A slot that nobody reads from keeps the server's log.
    SlotKeepsLog {
        slot: String,
        bytes: u64,
        is_capped: bool,
    },
    /// A setting that does not fit this machine, or is not safe.
    Setting {
        name: String,
        value: String,
        advised: String,
        why: Why,
    },
}

/// What is wrong with a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// A crash of the machine can damage the database.
    DamagedByACrash,
    /// A crash can lose what was acknowledged.
    LostByACrash,
    /// Nothing clears up after deleted rows.
    NeverClearedUp,
    /// The cache is small beside the data and the machine's memory.
    SmallCache,
    /// All sessions together may use more memory than there is.
    TooMuchMemory,
    /// The server flushes more often than by its clock, since its log is small.
    FlushedTooOften,
    /// A slot that nobody reads from could fill the disk.
    Uncapped,
    /// Readers wait for writers.
    ReadersWait,
}

impl Trouble {
    /// Names the message, snake_case: the same text as the tag in JSON.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::MissingIndex { .. } => "missing_index",
            Self::UnindexedReference { .. } => "unindexed_reference",
            Self::UnusedIndex { .. } => "unused_index",
            Self::DuplicateIndex { .. } => "duplicate_index",
            Self::InvalidIndex { .. } => "invalid_index",
            Self::DeadRows { .. } => "dead_rows",
            Self::EmptySpace { .. } => "empty_space",
            Self::TransactionNumbers { .. } => "transaction_numbers",
            Self::KeyRunsOut { .. } => "key_runs_out",
            Self::NoKey { .. } => "no_key",
            Self::NonTransactional { .. } => "non_transactional",
            Self::ConnectionsScarce { .. } => "connections_scarce",
            Self::IdleTransaction { .. } => "idle_transaction",
            Self::Blocked { .. } => "blocked",
            Self::ReplicaBehind { .. } => "replica_behind",
            Self::SlotKeepsLog { .. } => "slot_keeps_log",
            Self::Setting { .. } => "setting",
        }
    }

    #[must_use]
    pub fn weight(&self) -> Weight {
        match self {
            Self::Setting { why: Why::DamagedByACrash | Why::LostByACrash, .. }
            | Self::TransactionNumbers { .. }
            | Self::KeyRunsOut { .. } => Weight::Danger,
            Self::UnusedIndex { .. }
            | Self::DuplicateIndex { .. }
            | Self::EmptySpace { .. }
            | Self::NoKey { .. }
            | Self::Setting { why: Why::TooMuchMemory | Why::FlushedTooOften, .. } => {
                Weight::Advice
            }
            _ => Weight::Warning,
        }
    }

    /// What it is about: with its code, the same trouble is known again.
    #[must_use]
    pub fn subject(&self) -> String {
        match self {
            Self::MissingIndex { table, columns, .. }
            | Self::UnindexedReference { table, columns, .. } => {
                format!("{table}({})", columns.join(", "))
            }
            Self::UnusedIndex { table, index, .. }
            | Self::DuplicateIndex { table, index, .. }
            | Self::InvalidIndex { table, index } => format!("{table}/{index}"),
            Self::DeadRows { table, .. }
            | Self::EmptySpace { table, .. }
            | Self::NoKey { table, .. }
            | Self::NonTransactional { table, .. } => table.clone(),
            Self::KeyRunsOut { table, column, .. } => format!("{table}.{column}"),
            Self::TransactionNumbers { .. } | Self::ConnectionsScarce { .. } => String::new(),
            Self::IdleTransaction { session, .. } | Self::Blocked { session, .. } => {
                session.clone()
            }
            Self::ReplicaBehind { replica, .. } => replica.clone(),
            Self::SlotKeepsLog { slot, .. } => slot.clone(),
            Self::Setting { name, .. } => name.clone(),
        }
    }
}

/// Looks at a database. Changes nothing.
///
/// # Errors
/// When it cannot be asked, or answers what no manual says.
pub async fn examine(url: &DatabaseUrl, options: &Options) -> Result<Examination, DatabaseError> {
    let mut examination = match url.kind {
        DatabaseKind::Postgres => postgres::examine(url, options).await?,
        DatabaseKind::MySql => mysql::examine(url, options).await?,
        DatabaseKind::Sqlite => {
            let (url, options) = (url.clone(), options.clone());
            let looked = tokio::task::spawn_blocking(move || sqlite::examine(&url, &options));
            looked.await.map_err(|error| odd("everything", error.to_string()))??
        }
    };
    examination
        .findings
        .sort_by_key(|finding| (finding.trouble.weight(), finding.trouble.subject()));
    Ok(examination)
}

fn odd(what: &'static str, reason: impl Into<String>) -> DatabaseError {
    DatabaseError::Answer { what, reason: reason.into() }
}

/// A row of an answer as text, read field by field.
struct Fields<'a> {
    what: &'static str,
    fields: &'a [Option<String>],
}

impl Fields<'_> {
    fn text(&self, at: usize) -> String {
        self.fields.get(at).cloned().flatten().unwrap_or_default()
    }

    /// Nothing for NULL.
    fn number<T: std::str::FromStr>(&self, at: usize) -> Result<Option<T>, DatabaseError> {
        let Some(text) = self.fields.get(at).and_then(Option::as_deref) else { return Ok(None) };
        let number = text.parse().map_err(|_| odd(self.what, format!("`{text}` is no number")))?;
        Ok(Some(number))
    }

    /// Never less than nothing: estimates and differences of counters are, now and then.
    fn count(&self, at: usize) -> Result<u64, DatabaseError> {
        let number: f64 = self.number(at)?.unwrap_or_default();
        Ok(whole(number))
    }

    fn is_true(&self, at: usize) -> bool {
        matches!(self.text(at).as_str(), "t" | "1" | "YES" | "ON")
    }
}

/// The whole part of a number, at least 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
fn whole(number: f64) -> u64 {
    number as u64
}

/// A share, from 0 on.
#[expect(clippy::cast_precision_loss, reason = "shares are shown in per cent")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// A size in whole megabytes, as settings are written.
fn megabytes(bytes: u64) -> u64 {
    (bytes >> 20).max(1)
}
