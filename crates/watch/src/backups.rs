//! How it stands with the backups of every shop, judged by what their repositories themselves list.
//!
//! Who looks into repositories tells it here; nothing is taken from runs but whether the last one
//! failed. A list that could not be had is unknown, and no older one stands for it.

use crate::{restore_points::Moments, streams::StreamStanding};
use kernel::{Params, ShopId, plan::Reason};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};
use utoipa::ToSchema;

/// A handle on how it stands; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Backups(Arc<Mutex<BackupsStanding>>);

/// How it stands with the backups of all shops.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BackupsStanding {
    /// In the configuration's order.
    pub shops: Vec<ShopBackups>,
}

/// Backups of one shop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShopBackups {
    #[schema(value_type = String)]
    pub shop: ShopId,
    pub state: BackupState,
    /// Since when it is late or failing.
    pub since_ms: Option<i64>,
    /// No more may be lost of the database, or of the whole where its changes are not followed.
    pub lose_at_most_ms: u64,
    /// What becomes too old first; null: nothing is known to be there.
    pub due: Option<Due>,
    /// The shop is to be back after so long at most.
    pub back_within_ms: u64,
    /// The places of its repositories, in the configuration's order.
    pub places: Vec<BackupPlace>,
    /// Of all places the newest.
    pub newest: Option<SnapshotRow>,
    /// When the newest with a dump of its database began.
    pub dump_ms: Option<i64>,
    /// Up to when its database comes back: by that dump, or by the journal that goes on from it.
    pub database_ms: Option<i64>,
    /// When the next backup begins by itself; null: not as things stand.
    pub next_ms: Option<i64>,
    /// The change that backs it up at the moment.
    pub running: Option<String>,
    /// The last backup that was tried, and what became of it.
    pub last_run: Option<BackupRun>,
    /// What the backups of the last months held, the oldest first.
    pub history: Vec<BackupSize>,
    /// What came of trying backups by restoring them, the newest first.
    pub drills: Vec<DrillRow>,
    /// Since when a backup should have been tried, and none was; null: none is late.
    pub drill_late_ms: Option<i64>,
    /// The last drill that could not be carried out, when none has come since.
    pub failed_drill: Option<BackupRun>,
    /// The recovery sheet that was made last; null: none was.
    pub sheet: Option<SheetStanding>,
    /// How far the changes of its database are followed; null: they are not to be.
    pub stream: Option<StreamStanding>,
    /// Orders that went without a plan of ours and are not back, by when they went.
    pub vanished: Vec<VanishedOrders>,
    /// Orders that were confirmed to visitors and that the database lacked when it was last held against the
    /// access log; null: nothing is missing, or whether anything is was never known.
    pub missing: Option<VanishedOrders>,
}

/// What becomes too old first: the files of the newest backup, or how far the database comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Due {
    pub of: DueOf,
    /// The moment that it comes back as of, unix milliseconds.
    pub at_ms: i64,
    /// It must not be older.
    pub at_most_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DueOf {
    Files,
    Database,
}

impl Due {
    /// Of each the moment that it comes back as of, and how old that may be; `None` where there is no backup.
    #[must_use]
    pub fn first(files: Option<(i64, u64)>, database: Option<(i64, u64)>) -> Option<Self> {
        let of = |of, (at_ms, at_most_ms)| Self { of, at_ms, at_most_ms };
        let files = of(DueOf::Files, files?);
        let database = database.map(|it| of(DueOf::Database, it));
        [files].into_iter().chain(database).min_by_key(Self::late_ms)
    }

    /// From when on it is too old, unix milliseconds.
    #[must_use]
    pub fn late_ms(&self) -> i64 {
        self.at_ms.saturating_add(i64::try_from(self.at_most_ms).unwrap_or(i64::MAX))
    }
}

impl DueOf {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Database => "database",
        }
    }
}

/// Orders that vanished at about one time. Which ones says the page of orders, to whoever may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VanishedOrders {
    pub count: u64,
    /// When the first and the last of them went; by the backup that has them last where only backups tell.
    pub first_ms: i64,
    pub last_ms: i64,
}

/// A recovery sheet, and whether anybody knows that it is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SheetStanding {
    pub made_ms: i64,
    /// When a backup was last tried by a sheet; null: never.
    pub tried_ms: Option<i64>,
    /// Since when one should have been, and was not; null: it is not late.
    pub late_ms: Option<i64>,
}

/// What restores in place have put aside, and is still there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeptAside {
    /// The oldest first.
    pub kept: Vec<AsideRow>,
}

/// A database that another one took the place of, or rows that were put back over others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AsideRow {
    /// Of the database or schema, of an SQLite file its path; of rows in SQLite what the names of their
    /// tables begin with.
    pub name: String,
    /// `database` or `rows`.
    pub kind: String,
    pub since_ms: i64,
    /// Null: the database does not say.
    pub bytes: Option<u64>,
    /// The change that put it aside; null: none that is remembered.
    pub run: Option<String>,
    /// When it is to go by itself; null: not by itself, or not while that change is under way.
    pub goes_ms: Option<i64>,
}

/// What is known of a shop's backups now. Unknown is no kind of ok.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BackupState {
    /// The configuration does not say where to.
    Off,
    Ok,
    /// The newest whole backup is older than it must not be.
    Late,
    /// There is none yet.
    Never,
    /// The last try failed; what is there is not too old.
    Failing,
    /// No repository could be listed, or not since a while.
    Unknown,
}

/// One repository.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BackupPlace {
    /// As the configuration names it, without secrets.
    pub place: String,
    /// `folder`, `s3` or `sftp`.
    pub kind: String,
    /// When it was last listed.
    pub looked_ms: Option<i64>,
    /// Why it could not be listed the last time.
    pub trouble: Option<Trouble>,
    /// Whole backups in it; null: not known.
    pub snapshots: Option<u64>,
    pub newest_ms: Option<i64>,
    /// What it takes, as far as its files were counted.
    pub bytes: Option<u64>,
    /// The last time its data were read again, and how much was found damaged.
    pub checked_ms: Option<i64>,
    pub damaged: Option<u64>,
}

/// What went wrong, as a code with parameters and as a sentence in English.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Trouble {
    pub code: String,
    #[schema(value_type = std::collections::BTreeMap<String, serde_json::Value>)]
    pub params: Params,
    pub message: String,
}

/// A try to back up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BackupRun {
    pub run: String,
    /// Of the run: `done`, `failed`, …
    pub state: String,
    pub ended_ms: Option<i64>,
    pub trouble: Option<Trouble>,
}

/// One backup in the history of sizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BackupSize {
    pub at_ms: i64,
    /// Of everything in it.
    pub bytes: Option<u64>,
    /// What it added to the repository.
    pub added_bytes: Option<u64>,
    pub took_ms: Option<i64>,
}

/// A backup that was tried by restoring it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DrillRow {
    /// The change that did.
    pub run: String,
    pub at_ms: i64,
    /// The repository that it was taken from.
    pub place: String,
    pub snapshot: String,
    pub snapshot_ms: i64,
    /// `good`, `short` (whole, and not as fast or new as was agreed), `unknown` or `broken`.
    pub verdict: String,
    /// 0 to 100; null: there was nothing to look at.
    pub score: Option<u8>,
    /// What the restore took.
    pub took_ms: u64,
    /// Of how much time everything would have been lost; of a database with a journal, what came after that.
    pub lost_ms: u64,
    /// The moment that the database was brought to by its journal of changes; null: it was tried as of its
    /// dump.
    #[serde(default)]
    pub until_ms: Option<i64>,
    /// When the dump was taken, where that is another backup's.
    #[serde(default)]
    pub dump_ms: Option<i64>,
    /// Of the time, what loading the dump took, and what changes took that were made once more.
    #[serde(default)]
    pub load_ms: u64,
    #[serde(default)]
    pub replay_ms: u64,
    #[serde(default)]
    pub changes: u64,
    pub bytes: u64,
    pub rows: u64,
    /// The repository was opened by the phrase of a recovery sheet alone.
    #[serde(default)]
    pub by_sheet: bool,
    pub checks: Vec<DrillCheck>,
}

/// One thing that a drill looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DrillCheck {
    /// `files`, `database`, `changes`, `orders`, `round_trip`, `boot`, `restore_time` or `data_loss`.
    pub check: String,
    /// `passed`, `failed`, `unknown`, or `absent`: there is nothing of the kind.
    pub outcome: String,
    /// What was seen, as a code with parameters.
    pub code: String,
    #[schema(value_type = BTreeMap<String, serde_json::Value>)]
    pub params: Params,
}

/// One backup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SnapshotRow {
    /// 64 hexadecimal digits.
    pub id: String,
    /// When it began.
    pub at_ms: i64,
    pub files: Option<u64>,
    /// Of everything in it.
    pub bytes: Option<u64>,
    /// What it added to the repository, packed.
    pub added_bytes: Option<u64>,
    pub took_ms: Option<i64>,
    pub tags: Vec<String>,
    /// Whole paths of what was backed up; of databases their dumps' folders.
    pub paths: Vec<String>,
    pub databases: Vec<DatabaseRow>,
    /// It has no dump: up to then the journal of changes stands for its database.
    #[serde(default)]
    pub journal_ms: Option<i64>,
    /// The places that have it.
    pub places: Vec<String>,
}

/// A database in a backup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DatabaseRow {
    pub name: String,
    pub tables: Option<u64>,
}

/// The backups of a shop, the newest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Snapshots {
    pub snapshots: Vec<SnapshotRow>,
    /// As of when; null: not listed yet.
    pub looked_ms: Option<i64>,
    /// Places that could not be listed: what they have is not here.
    pub unknown: Vec<String>,
    /// Moments between them, by the journal of changes; null: its database has none.
    #[serde(default)]
    pub moments: Option<Moments>,
}

/// What brings a shop back when its machine and all that was on it are gone: made once, shown once,
/// and kept nowhere by us.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RecoverySheet {
    #[schema(value_type = String)]
    pub shop: ShopId,
    pub made_ms: i64,
    /// Opens every repository that has no trouble, as a password of its own.
    pub phrase: String,
    pub places: Vec<SheetPlace>,
}

/// A repository on a recovery sheet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SheetPlace {
    /// As the configuration names it, without secrets.
    pub place: String,
    /// `folder`, `s3` or `sftp`.
    pub kind: String,
    /// Of a bucket, where it answers.
    pub endpoint: Option<String>,
    /// Of a bucket.
    pub region: Option<String>,
    /// The repository's id.
    pub repository: Option<String>,
    /// The id of the key that the phrase opens.
    pub key: Option<String>,
    /// Why the phrase does not open this one.
    pub trouble: Option<Trouble>,
}

/// A folder of a backup.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SnapshotFolder {
    pub path: String,
    /// Sorted by name, folders first.
    pub entries: Vec<SnapshotEntry>,
    /// Entries there are, which may be more than are here.
    pub total: u64,
}

/// A file, folder or link of a backup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SnapshotEntry {
    pub name: String,
    /// `file`, `folder`, `link` or `other`.
    pub kind: String,
    /// Of a file.
    pub size_bytes: Option<u64>,
    pub modified_ms: i64,
}

impl Backups {
    #[must_use]
    pub fn standing(&self) -> BackupsStanding {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn tell(&self, standing: BackupsStanding) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = standing;
    }
}

impl Trouble {
    #[must_use]
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { code: reason.code, params: reason.params, message: message.into() }
    }
}
