//! Acts: the typed list of everything the change engine can have done.
//!
//! An act says what, never how: the performer of its [`Area`] knows how. A new act is a new variant
//! here, so that one plan may mix the deeds of several areas.

mod claims;
mod params;

pub use claims::{Area, Claim, Subject};

use super::{ByLog, ByWal, RunId};
use crate::{InstanceName, ShopId};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// One deed. As JSON it is tagged by `act`: `{"act": "drain", "shop": …, "instance": …}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Act {
    /// No new requests for the instance.
    Drain {
        shop: ShopId,
        instance: InstanceName,
    },
    /// No new requests for it, though no other one takes them: once it is so of all, visitors wait.
    Hold {
        shop: ShopId,
        instance: InstanceName,
    },
    /// New requests for it again.
    Undrain {
        shop: ShopId,
        instance: InstanceName,
    },
    /// Its process ends, gracefully as far as it lets itself be ended so.
    Stop {
        shop: ShopId,
        instance: InstanceName,
    },
    Start {
        shop: ShopId,
        instance: InstanceName,
    },
    /// Another process of it than before.
    Restart {
        shop: ShopId,
        instance: InstanceName,
    },
    /// Waits until its checks succeed; fails when they do not within this time.
    AwaitHealthy {
        shop: ShopId,
        instance: InstanceName,
        within_ms: u64,
    },
    /// The instance runs this release; `before` is the one that ran, where it is known.
    Deploy {
        shop: ShopId,
        instance: InstanceName,
        release: String,
        before: Option<String>,
    },
    /// The configuration file holds `text` and it is in force. Digests are SHA-256 in lower-case
    /// hexadecimal, of the whole file's bytes.
    ApplyConfiguration {
        text_sha256: String,
        text: String,
        before_sha256: String,
        /// The whole text that was there, for the difference and for the way back.
        before: String,
    },
    /// A certificate for these names is ordered from the authority and laid aside, not served yet.
    OrderCertificate {
        shop: ShopId,
        /// At least one; none is a wildcard.
        hosts: Vec<String>,
    },
    /// The edge serves what was ordered last; the certificate before it is kept.
    ServeCertificate {
        shop: ShopId,
        /// The serial of the ordered one that it takes the place of; `None`: there was none.
        before: Option<String>,
    },
    /// The edge serves the former certificate again; `None`: no ordered one, as before the first.
    RestoreCertificate {
        shop: ShopId,
        serial: Option<String>,
    },
    /// A web server's files hold other texts, and it works by them.
    ConfigureWebServer {
        shop: ShopId,
        /// The first file of its configuration, by which it is known.
        main: String,
        files: Vec<FileChange>,
        /// Where it listens because of it, an address each.
        listen: Vec<String>,
    },
    /// How pages are answered is noted, to be compared with later.
    RecordPages {
        shop: ShopId,
        pages: PageLook,
    },
    /// These addresses stay another program's, whatever the configuration says.
    YieldPorts {
        shop: ShopId,
        /// As the configuration writes them: `http://0.0.0.0:80`.
        listen: Vec<String>,
    },
    /// Nothing is yielded any more.
    UnyieldPorts {
        shop: ShopId,
        listen: Vec<String>,
    },
    /// The edge listens where the web server did, which lets go by these texts of its files.
    TakePorts {
        shop: ShopId,
        listen: Vec<String>,
        main: String,
        files: Vec<FileChange>,
        /// By the web server's own sockets, so that nobody who comes in between is refused.
        seamless: bool,
    },
    /// The web server listens by these texts of its files where the edge did, which lets go.
    ReturnPorts {
        shop: ShopId,
        listen: Vec<String>,
        main: String,
        files: Vec<FileChange>,
        /// Texts by which the web server listens beside the edge, until that has let go and nobody was
        /// refused; none: it cannot, and nobody listens for a moment.
        #[serde(default)]
        shared: Vec<FileChange>,
    },
    /// Pages are answered as was noted.
    ComparePages {
        shop: ShopId,
        pages: PageLook,
    },
    /// Everything that is to be backed up of the shop is in a repository, as one snapshot.
    BackUp {
        shop: ShopId,
        /// The repository, as the configuration names it, without secrets.
        to: String,
        /// Stands in the snapshot: by it a run finds its own again, and no other's.
        mark: String,
        /// The database is dumped, although a journal of its changes could stand for it.
        #[serde(default)]
        dump: bool,
    },
    /// The snapshot with this mark is in another repository too, and was read back there.
    CopySnapshot {
        shop: ShopId,
        from: String,
        to: String,
        mark: String,
    },
    /// Snapshots that the shop's rules do not keep are taken off the list, for good; with `prune`,
    /// what only they used is marked, and what was marked long ago is deleted.
    ForgetSnapshots {
        shop: ShopId,
        at: String,
        prune: bool,
    },
    /// A repository is whole: its structure, and one part of so many of its data.
    CheckRepository {
        shop: ShopId,
        at: String,
        part: u8,
        of: u8,
    },
    /// What lies at a path of a snapshot is in a folder of this machine.
    RestoreFiles {
        shop: ShopId,
        at: String,
        /// Its whole id.
        snapshot: String,
        /// From the root; `/` is all of it.
        path: String,
        /// A whole path. What lies there under other names stays.
        target: String,
    },
    /// What lies at a path of a snapshot is in a bucket of the shop's media.
    RestoreObjects {
        shop: ShopId,
        at: String,
        /// Its whole id.
        snapshot: String,
        path: String,
        /// `s3://NAME/PREFIX`. What only the bucket has stays.
        target: String,
        /// Stands on each object that it writes.
        mark: String,
        /// Over objects that are others by now as well.
        overwrite: bool,
    },
    /// What carries such a mark is gone from the bucket again, and what it was written over is back.
    TakeObjectsBack {
        shop: ShopId,
        at: String,
        snapshot: String,
        path: String,
        target: String,
        mark: String,
    },
    /// A database of a snapshot is there again, beside the shop's own, and every row of it was held
    /// against the backup.
    RestoreDatabase {
        shop: ShopId,
        at: String,
        /// Its whole id.
        snapshot: String,
        /// What the database is called in the snapshot.
        database: String,
        /// Only the rows of these; none: of all.
        tables: Vec<String>,
        /// What the new one is called; of SQLite the whole path of its file.
        name: String,
        /// Stands in the new one: by it a run finds its own again, and takes no other away.
        mark: String,
        /// As it was at a later moment, by the server's own log; `None`: as of the backup.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by_log: Option<ByLog>,
        /// The same of PostgreSQL: the snapshot is then a base backup of its cluster, and the database is
        /// called so there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by_wal: Option<ByWal>,
    },
    /// What was changed since a snapshot's dump, up to a moment, is made once more by the journal of changes in
    /// the database that was restored from it, and every row that it touches was read back.
    ReplayChanges {
        shop: ShopId,
        at: String,
        /// Its whole id.
        snapshot: String,
        /// What the database is called in the snapshot.
        database: String,
        /// Only of these; none: of all.
        tables: Vec<String>,
        /// The restored one.
        name: String,
        /// Stands in it.
        mark: String,
        /// The moment, unix milliseconds; and that of the dump, by the database's own clock.
        until_ms: i64,
        from_ms: i64,
        transactions: u64,
        changes: u64,
        /// When the last of these transactions was committed; `None`: nothing was changed.
        last_ms: Option<i64>,
    },
    /// A restored database is gone again.
    DropRestored {
        shop: ShopId,
        name: String,
        mark: String,
    },
    /// A restored database is in the place of the shop's own, which has another name from then on.
    SwapDatabase {
        shop: ShopId,
        with: String,
        aside: String,
        /// `postgres`, `mysql` or `sqlite`: what those who use it notice.
        kind: String,
    },
    /// Rows of tables are in the shop's database again as a snapshot has them, in one transaction, from
    /// a database that was restored beside it; what the rows were is kept.
    RestoreRows {
        shop: ShopId,
        at: String,
        /// Its whole id.
        snapshot: String,
        /// What the database is called in the snapshot.
        database: String,
        tables: Vec<String>,
        /// The restored one.
        with: String,
        /// Rows that are in the live tables only are deleted.
        exact: bool,
        /// Ends the name of what keeps the rows that there were.
        kept: String,
        /// Stands beside them: by it a run finds its own again.
        mark: String,
    },
    /// The rows that there were are in their tables again, but for those that were changed since.
    ReturnRows {
        shop: ShopId,
        tables: Vec<String>,
        kept: String,
        mark: String,
    },
    /// What a restore in place put aside is gone for good, and what put it there cannot be taken back any
    /// more.
    RemoveAside {
        shop: ShopId,
        /// Of a database or schema, the path of a file, or what names of tables begin with.
        name: String,
        /// `database` or `rows`.
        what: String,
        /// Which one put it aside; `None`: none that is remembered.
        run: Option<RunId>,
        /// Unix milliseconds.
        since_ms: i64,
        /// `None`: the database does not say.
        bytes: Option<u64>,
    },
    /// One order, or another row, is there again as a snapshot or the journal of changes has it, with all that belongs to it, and
    /// nothing else is another.
    RestoreOrder {
        shop: ShopId,
        at: String,
        /// Its whole id; empty: the journal of changes tells all.
        snapshot: String,
        /// When it was made, or the journal's moment; unix milliseconds.
        at_ms: i64,
        /// It is as the journal of changes has it at that moment, which the snapshot only completes.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        from_journal: bool,
        /// What the database is called in the snapshot.
        database: String,
        /// The table of the order's own row, or of the other row that is meant.
        table: String,
        /// Of that row.
        key: String,
        /// What people call it by.
        order: String,
        /// Whether what was changed since is set back, and not only what is gone added.
        set_back: bool,
        /// Rows that are added, and that become others.
        added: u64,
        changed: u64,
        /// SHA-256 of the changes in lower-case hexadecimal: no other ones are made.
        changes_sha256: String,
        /// Names the file that the changes are kept in, to be taken back by.
        mark: String,
    },
    /// Orders that one database of the shop has and another lacks are in that one as well, each with all
    /// that belongs to it and under its own key.
    CarryOrders {
        shop: ShopId,
        from: String,
        to: String,
        /// Whether orders that both have become as they are in `from`.
        newer_states: bool,
        /// So many keys stay free behind those that were given in `from`.
        keys_free: i64,
    },
    /// Nothing tells of people any more, in a database that was restored beside the shop's own, who had
    /// their data erased after the moment that it is from.
    KeepErased {
        shop: ShopId,
        name: String,
        /// That moment, unix milliseconds.
        then_ms: i64,
    },
    /// What brought an order back is taken back, row by row.
    TakeOrderBack {
        shop: ShopId,
        order: String,
        mark: String,
    },
    /// A snapshot was tried by restoring it, databases and all, into a folder of its own that is gone
    /// afterwards; what was found is kept.
    DrillBackup {
        shop: ShopId,
        at: String,
        /// Its whole id.
        snapshot: String,
        /// The folder for it, a whole path.
        scratch: String,
        /// Opened by the phrase of a recovery sheet alone, which is kept in memory by this name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sheet: Option<String>,
    },
    /// A table of the shop's database has an index more.
    MakeIndex {
        shop: ShopId,
        index: TableIndex,
        /// A statement that is to go by it then, as the server's statistics have it.
        query: Option<String>,
    },
    /// A table of the shop's database has an index less.
    DropIndex {
        shop: ShopId,
        index: TableIndex,
    },
    /// Dead rows of a table of the shop's database are cleared away, and its statistics made anew.
    TidyTable {
        shop: ShopId,
        /// `public.orders`.
        table: String,
        statement: String,
    },
    /// The server of the shop's database goes by another value.
    ChangeSetting {
        shop: ShopId,
        setting: ServerSetting,
    },
    /// A second server on this machine has all of the shop's database, and follows it.
    MakeReplica {
        shop: ShopId,
        /// Where its data lies, a whole path.
        folder: String,
        /// Where it listens.
        listen: SocketAddr,
    },
    /// There is no such server any more, nor its data, and the shop's database keeps nothing for it.
    RemoveReplica {
        shop: ShopId,
        folder: String,
        listen: SocketAddr,
    },
    /// Nobody writes on the shop's database any more, and the replica has all of it.
    FencePrimary {
        shop: ShopId,
        folder: String,
        listen: SocketAddr,
        /// Its server does not answer and will not again: only that is looked at.
        is_dead: bool,
    },
    /// Everybody writes on it again.
    LiftFence {
        shop: ShopId,
        folder: String,
        listen: SocketAddr,
    },
    /// The shop itself goes to the database at this address, by the command that the configuration names.
    PointShop {
        shop: ShopId,
        /// Host and port.
        address: String,
    },
    /// The replica follows nobody any more and takes writes.
    PromoteReplica {
        shop: ShopId,
        folder: String,
        listen: SocketAddr,
    },
    /// Our own old records are removed, for good.
    RemoveOldData {
        what: OldData,
        /// Unix milliseconds; what is older goes.
        older_than_ms: i64,
    },
}

/// One file of another program with the text that it is to hold and the one that it held, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    pub path: String,
    pub text: String,
    pub before: String,
}

impl FileChange {
    /// The way back.
    #[must_use]
    pub fn back(&self) -> Self {
        let (text, before) = (self.before.clone(), self.text.clone());
        Self { path: self.path.clone(), text, before }
    }
}

/// An index of a table of a shop's database, with what makes and drops it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableIndex {
    /// `public.orders` in PostgreSQL, else `orders`.
    pub table: String,
    pub name: String,
    /// Empty where only its definition is known.
    pub columns: Vec<String>,
    /// `postgres`, `mysql` or `sqlite`: who waits while it is made.
    pub kind: String,
    /// The statements, as the database's own reader made them.
    pub make: String,
    pub drop: String,
}

/// A setting of a database's server with the statements that change it and change it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerSetting {
    pub name: String,
    /// As the server writes it.
    pub from: String,
    pub to: String,
    /// The statements, as the database's own reader made them.
    pub set: String,
    pub back: String,
    /// It holds from the server's next start on, not before.
    pub restart: bool,
    /// It holds after the server's next start as well.
    pub lasts: bool,
}

impl ServerSetting {
    /// What takes it back.
    #[must_use]
    pub fn reversed(self) -> Self {
        let Self { name, from, to, set, back, restart, lasts } = self;
        Self { name, from: to, to: from, set: back, back: set, restart, lasts }
    }
}

/// Which pages are looked at, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageLook {
    /// Where they are asked for in plain http, as an address.
    pub at: String,
    /// Where the web server itself answers, once it is behind.
    pub behind: String,
    pub host: String,
    /// At least one.
    pub paths: Vec<String>,
}

/// Records of ours that may be removed when they are old.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OldData {
    /// The log files of runs that have ended. The runs themselves stay.
    RunLogs,
    /// What shops did minute by minute.
    Minutes,
}

impl Act {
    /// Names its message, snake_case: the same text as the tag in JSON.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Drain { .. } => "drain",
            Self::Hold { .. } => "hold",
            Self::Undrain { .. } => "undrain",
            Self::Stop { .. } => "stop",
            Self::Start { .. } => "start",
            Self::Restart { .. } => "restart",
            Self::AwaitHealthy { .. } => "await_healthy",
            Self::Deploy { .. } => "deploy",
            Self::ApplyConfiguration { .. } => "apply_configuration",
            Self::OrderCertificate { .. } => "order_certificate",
            Self::ServeCertificate { .. } => "serve_certificate",
            Self::RestoreCertificate { .. } => "restore_certificate",
            Self::ConfigureWebServer { .. } => "configure_web_server",
            Self::RecordPages { .. } => "record_pages",
            Self::YieldPorts { .. } => "yield_ports",
            Self::UnyieldPorts { .. } => "unyield_ports",
            Self::TakePorts { .. } => "take_ports",
            Self::ReturnPorts { .. } => "return_ports",
            Self::ComparePages { .. } => "compare_pages",
            Self::BackUp { .. } => "back_up",
            Self::CopySnapshot { .. } => "copy_snapshot",
            Self::ForgetSnapshots { .. } => "forget_snapshots",
            Self::CheckRepository { .. } => "check_repository",
            Self::RestoreFiles { .. } => "restore_files",
            Self::RestoreObjects { .. } => "restore_objects",
            Self::TakeObjectsBack { .. } => "take_objects_back",
            Self::RestoreDatabase { .. } => "restore_database",
            Self::ReplayChanges { .. } => "replay_changes",
            Self::DropRestored { .. } => "drop_restored",
            Self::SwapDatabase { .. } => "swap_database",
            Self::RestoreRows { .. } => "restore_rows",
            Self::ReturnRows { .. } => "return_rows",
            Self::RemoveAside { .. } => "remove_aside",
            Self::RestoreOrder { .. } => "restore_order",
            Self::CarryOrders { .. } => "carry_orders",
            Self::KeepErased { .. } => "keep_erased",
            Self::TakeOrderBack { .. } => "take_order_back",
            Self::DrillBackup { .. } => "drill_backup",
            Self::MakeIndex { .. } => "make_index",
            Self::DropIndex { .. } => "drop_index",
            Self::TidyTable { .. } => "tidy_table",
            Self::ChangeSetting { .. } => "change_setting",
            Self::MakeReplica { .. } => "make_replica",
            Self::RemoveReplica { .. } => "remove_replica",
            Self::FencePrimary { .. } => "fence_primary",
            Self::LiftFence { .. } => "lift_fence",
            Self::PointShop { .. } => "point_shop",
            Self::PromoteReplica { .. } => "promote_replica",
            Self::RemoveOldData { .. } => "remove_old_data",
        }
    }

    /// The instance it is about, when it is about one.
    #[must_use]
    pub fn instance(&self) -> Option<(&ShopId, &InstanceName)> {
        match self {
            Self::Drain { shop, instance }
            | Self::Hold { shop, instance }
            | Self::Undrain { shop, instance }
            | Self::Stop { shop, instance }
            | Self::Start { shop, instance }
            | Self::Restart { shop, instance }
            | Self::AwaitHealthy { shop, instance, .. }
            | Self::Deploy { shop, instance, .. } => Some((shop, instance)),
            Self::ApplyConfiguration { .. }
            | Self::OrderCertificate { .. }
            | Self::ServeCertificate { .. }
            | Self::RestoreCertificate { .. }
            | Self::ConfigureWebServer { .. }
            | Self::RecordPages { .. }
            | Self::YieldPorts { .. }
            | Self::UnyieldPorts { .. }
            | Self::TakePorts { .. }
            | Self::ReturnPorts { .. }
            | Self::ComparePages { .. }
            | Self::BackUp { .. }
            | Self::CopySnapshot { .. }
            | Self::ForgetSnapshots { .. }
            | Self::CheckRepository { .. }
            | Self::RestoreFiles { .. }
            | Self::RestoreObjects { .. }
            | Self::TakeObjectsBack { .. }
            | Self::RestoreDatabase { .. }
            | Self::ReplayChanges { .. }
            | Self::DropRestored { .. }
            | Self::SwapDatabase { .. }
            | Self::RestoreRows { .. }
            | Self::ReturnRows { .. }
            | Self::RemoveAside { .. }
            | Self::RestoreOrder { .. }
            | Self::TakeOrderBack { .. }
            | Self::CarryOrders { .. }
            | Self::KeepErased { .. }
            | Self::DrillBackup { .. }
            | Self::MakeIndex { .. }
            | Self::DropIndex { .. }
            | Self::TidyTable { .. }
            | Self::ChangeSetting { .. }
            | Self::MakeReplica { .. }
            | Self::RemoveReplica { .. }
            | Self::FencePrimary { .. }
            | Self::LiftFence { .. }
            | Self::PointShop { .. }
            | Self::PromoteReplica { .. }
            | Self::RemoveOldData { .. } => None,
        }
    }

    /// Whether it puts something aside under this name.
    #[must_use]
    pub fn puts_aside(&self, name: &str) -> bool {
        match self {
            Self::SwapDatabase { aside, .. } => aside == name,
            // The date is the end of what keeps them, whatever the server.
            Self::RestoreRows { kept, .. } => {
                name.strip_suffix(kept.as_str()).is_some_and(|start| start.ends_with("_before_"))
            }
            _ => false,
        }
    }

    /// The run that cannot be taken back any more because of it, and the name of what that run put aside.
    #[must_use]
    pub fn removes_aside(&self) -> Option<(RunId, &str)> {
        match self {
            Self::RemoveAside { run: Some(run), name, .. } => Some((*run, name)),
            _ => None,
        }
    }
}

impl OldData {
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::RunLogs => "run_logs",
            Self::Minutes => "minutes",
        }
    }
}
