//! What is asked of the order time machine, and what it tells: single orders then and now.
//!
//! Only shapes: backups are read by a worker, which answers in these words. All of it is personal data
//! of whoever bought.

use kernel::plan::Reason;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which rows are meant: an order by its number or its buyer, or any row by its table and key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderQuestion {
    /// The order's number as people read it, or its key.
    #[serde(default)]
    pub order: Option<String>,
    /// The buyer's e-mail address: all orders of it.
    #[serde(default)]
    pub email: Option<String>,
    /// Another table than that of orders: `customer`.
    #[serde(default)]
    pub table: Option<String>,
    /// The key of a row of `table`.
    #[serde(default)]
    pub key: Option<String>,
    /// As it was then, unix milliseconds: by the journal of changes where that has the moment, else by the
    /// newest backup that is not younger. Null: the newest in which it is found.
    #[serde(default)]
    pub as_of_ms: Option<i64>,
}

/// What time deleted orders are asked of; null: the last 30 days, up to now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeletedQuestion {
    /// Unix milliseconds.
    #[serde(default)]
    pub since_ms: Option<i64>,
    #[serde(default)]
    pub until_ms: Option<i64>,
}

/// How far the journal of a shop's changes reaches that an answer is told from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JournalReach {
    /// Any second since then can be asked for; null: none yet.
    pub from_ms: Option<i64>,
    pub until_ms: Option<i64>,
    /// Why it could not be looked into: only backups tell then.
    pub error: Option<String>,
}

/// Orders as they were in a backup, beside what they are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OrderLook {
    /// The newest backup that was looked into, and of when it is; null: there is none.
    pub snapshot: Option<String>,
    pub snapshot_ms: Option<i64>,
    /// Null: the shop has no journal of changes.
    pub journal: Option<JournalReach>,
    /// None: neither the backup nor the shop has it.
    pub orders: Vec<OrderThenNow>,
    /// So many more of the buyer's are not told.
    pub more: u64,
    /// The platform, where no order of a shop of it that ran was ever brought back: its tables were built
    /// for tests. Null: some were.
    #[serde(default)]
    pub untried: Option<String>,
}

/// One order, then and now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OrderThenNow {
    /// The table of its own row, and the key there.
    pub table: String,
    pub key: String,
    /// As people call it; none for a row that is no order.
    pub numbers: Vec<String>,
    /// `same`, `changed`, `gone` (it is in the backup and no longer in the shop) or `new` (it is in the
    /// shop and not in the backup).
    pub state: String,
    /// The backup that it is told from; null: none that was looked into has it, or the journal tells all.
    pub snapshot: Option<String>,
    pub snapshot_ms: Option<i64>,
    /// The moment as of which the journal of changes tells it; null: it is told as it was in the backup.
    pub journal_ms: Option<i64>,
    /// When its buyer had their data erased, after then: what tells of them does not come back. Null: not.
    #[serde(default)]
    pub erased_ms: Option<i64>,
    /// Its own first, then what it needs and is gone.
    pub rows: Vec<RowThenNow>,
    /// So many more rows are not told.
    pub more_rows: u64,
}

/// A row that belongs to an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RowThenNow {
    pub table: String,
    pub key: String,
    /// `root`, `own`, or `needed`: others may need it as well, and it is gone.
    pub role: String,
    /// As of the order.
    pub state: String,
    pub fields: Vec<FieldThenNow>,
}

/// A value, then and now; null is the database's NULL, or no row at that time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldThenNow {
    pub column: String,
    pub then: Option<String>,
    pub now: Option<String>,
    pub is_other: bool,
}

/// What became of one order, as far as backups tell.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OrderHistory {
    /// Null: no backup has it, nor has the shop.
    pub order: Option<OrderName>,
    /// The newest first.
    pub moments: Vec<OrderMoment>,
    /// The oldest backup that was looked into.
    pub back_to_ms: Option<i64>,
    /// Whether that was far enough: `false` when the time was over before.
    pub is_whole: bool,
    /// Null: the shop has no journal of changes.
    pub journal: Option<JournalReach>,
}

/// What an order is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderName {
    pub table: String,
    pub key: String,
    pub numbers: Vec<String>,
}

/// Something happened to an order: in a transaction that the journal has, or between two looks at it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OrderMoment {
    /// When it was committed, by the journal; null: only backups tell of it.
    pub at_ms: Option<i64>,
    /// The backup before; null: no backup was before, or the journal tells when.
    pub after_ms: Option<i64>,
    /// The backup behind; null: now, in the shop itself, or the journal tells when.
    pub before_ms: Option<i64>,
    /// `made`, `changed` or `gone`.
    pub what: String,
    /// The rows that are different.
    pub rows: Vec<RowThenNow>,
}

/// Orders that the journal of changes or backups have and the shop no longer has.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeletedOrders {
    /// Those that were there last first.
    pub orders: Vec<DeletedOrder>,
    /// So many more are not told.
    pub more: u64,
    /// The oldest backup that was looked into; null: there is none.
    pub back_to_ms: Option<i64>,
    /// Whether every backup of that time was looked into.
    pub is_whole: bool,
    /// Null: the shop has no journal of changes.
    pub journal: Option<JournalReach>,
}

/// One that is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeletedOrder {
    pub key: String,
    pub numbers: Vec<String>,
    /// The newest backup that has it; null: the journal tells of it.
    pub snapshot: Option<String>,
    /// When it was there last, as far as is known.
    pub seen_ms: i64,
    /// When it was deleted, by the journal; null: only backups tell of it.
    pub gone_ms: Option<i64>,
    /// The oldest backup behind that one, which lacks it; null: none has come since.
    pub missed_ms: Option<i64>,
}

/// What bringing an order back would do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderReturn {
    pub order: OrderName,
    /// The backup that it is told from, or that completes what the journal tells; `None`: neither.
    pub snapshot: Option<String>,
    /// As of when it comes back: the backup's time, or the journal's moment.
    pub at_ms: i64,
    pub from_journal: bool,
    /// Rows that are added, set back, and left as they are.
    pub added: u64,
    pub changed: u64,
    pub left: u64,
    /// The tables of the former, each with how many: `order_line 2, payment 1`.
    pub tables: String,
    /// Names exactly these changes.
    pub changes_sha256: String,
    pub notes: Vec<Reason>,
    /// Why it does not come back.
    pub refusal: Option<Reason>,
}

/// Since when confirmed orders are looked for; null: the last 24 hours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MissingQuestion {
    /// Unix milliseconds.
    #[serde(default)]
    pub since_ms: Option<i64>,
}

/// Orders that the shop has confirmed to visitors, by the edge's access log, and that its database lacks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MissingOrders {
    /// The first that was confirmed first.
    pub orders: Vec<MissingOrder>,
    /// So many more are not told.
    pub more: u64,
    /// Orders that were confirmed since then, those that are there among them.
    pub confirmed: u64,
    /// Answers to requests of payments and confirmations whose path names no order: of these nobody can say.
    pub unnamed: u64,
    /// From when on the log was read; null: it has no line since then.
    pub from_ms: Option<i64>,
    /// Whether the log reaches back so far.
    pub reaches_back: bool,
    /// Whether all of it was read and looked up in time.
    pub is_whole: bool,
}

/// A confirmed order without a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MissingOrder {
    /// As the request named it.
    pub number: String,
    /// When it was confirmed for the first and for the last time, unix milliseconds.
    pub first_ms: i64,
    pub last_ms: i64,
}

/// Somebody had their data erased (GDPR, article 17).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ErasureRequest {
    /// Their e-mail address. It is not kept: a keyed hash of it is.
    pub email: String,
}

/// That it was noted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErasureNoted {
    pub at_ms: i64,
    /// So many people of this shop are noted.
    pub people: u64,
}
