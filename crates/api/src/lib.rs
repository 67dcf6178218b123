//! The HTTP API of control, and the user interface that is embedded in it.
//!
//! Serves what [`watch`] knows as JSON and as a live stream, lets people in and says who may do what
//! (permissions.rs), and hands what they ask for to control as [`Command`]s. It decides nothing else
//! and keeps nothing but the last ten minutes of ticks. HTTP statuses are chosen here and nowhere else.

mod access;
mod backups;
mod body;
mod caller;
mod checks;
mod cookies;
mod databases;
mod entrance;
mod error;
mod guard;
mod history;
mod incidents;
mod ledger;
mod ledger_page;
mod machine;
mod me;
mod metrics;
mod names;
mod orders;
mod pages;
mod password;
mod peers;
mod people;
mod permissions;
mod prometheus;
mod router;
mod runs;
mod second_factor;
mod server;
mod services;
mod sessions;
mod shops;
mod sign_in;
mod stream;
mod throttle;
mod tokens;

pub use access::{Token, TokenError};
pub use entrance::Entrance;
pub use error::ApiError;
pub use permissions::{At, Endpoint, Need, endpoints};
pub use router::{openapi, router};
pub use runs::Previews;
pub use server::serve;
pub use stream::Stream;

use ::plan::Engine;
use ::watch::{
    Watch,
    backups::{Backups, KeptAside, RecoverySheet, SnapshotFolder, Snapshots},
    checks::Checks,
    databases::{Databases, ShopDatabase},
    desk::Desk,
    history::History,
    peers::Peers,
    services::Services,
    time_machine::{
        DeletedOrders, DeletedQuestion, ErasureNoted, ErasureRequest, MissingOrders,
        MissingQuestion, OrderHistory, OrderLook, OrderQuestion,
    },
};
use kernel::{
    Drain, InstanceName, ShopId, Value,
    config::Secret,
    plan::{Plan, Reason, Way},
};
use std::{net::SocketAddr, path::PathBuf, sync::Arc};
use store::Store;
use tokio::sync::{mpsc, oneshot};

/// What the API works with. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ApiState {
    pub watch: Watch,
    pub store: Store,
    /// What was measured before the ten minutes that `watch` has.
    pub history: History,
    pub stream: Arc<Stream>,
    /// Where incidents are looked after.
    pub desk: Desk,
    /// How it stands with other Storewardens.
    pub peers: Peers,
    /// How it stands with what is tried from outside.
    pub checks: Checks,
    /// How it stands with databases, caches and queues.
    pub services: Services,
    /// How it stands with backups.
    pub backups: Backups,
    /// How databases of shops stand.
    pub databases: Databases,
    /// Carries out plans.
    pub engine: Engine,
    /// Plans that were shown to somebody.
    pub previews: Previews,
    /// Where orders to control go.
    pub commands: mpsc::Sender<Command>,
    /// The hash of the token in the state directory, for the command line.
    pub token: Token,
    /// Host names besides addresses and `localhost` under which this API may be called.
    pub names: Arc<[String]>,
    /// What everybody passes who signs in.
    pub entrance: Arc<Entrance>,
}

/// What control is asked to do.
#[derive(Debug)]
pub enum Command {
    /// Read the configuration file again; the answer is the version of the new snapshot.
    Reload { answer: oneshot::Sender<Result<u64, Rejected>> },
    /// Drain an instance, or take it back with `None`. The caller made sure that it exists.
    Drain {
        shop: ShopId,
        instance: InstanceName,
        drain: Option<Drain>,
        answer: oneshot::Sender<Result<(), String>>,
    },
    /// Tell what configuration is in force.
    InForce { answer: oneshot::Sender<InForce> },
    /// Tell which backups there are of a shop.
    Snapshots { shop: ShopId, answer: oneshot::Sender<Result<Snapshots, Refusal>> },
    /// Tell what restores of a shop's database have put aside.
    KeptAside { shop: ShopId, answer: oneshot::Sender<Result<KeptAside, Refusal>> },
    /// Make a second key to the backups of a shop, and say it once.
    RecoverySheet { shop: ShopId, answer: oneshot::Sender<Result<RecoverySheet, Refusal>> },
    /// Look into a folder of a backup.
    Browse {
        shop: ShopId,
        /// The id, or how it begins.
        snapshot: String,
        path: String,
        /// Entries that are known already.
        skip: u64,
        answer: oneshot::Sender<Result<SnapshotFolder, Refusal>>,
    },
    /// Look at single orders, then and now.
    Orders { shop: ShopId, ask: OrdersAsked },
    /// Look at all of a shop's database now.
    LookAtDatabase { shop: ShopId, answer: oneshot::Sender<Result<ShopDatabase, Refusal>> },
    /// Make a plan, from what is there now, for the window that the configuration's rules say. It is
    /// not started.
    Plan { wish: Wished, answer: oneshot::Sender<Result<Plan, Refusal>> },
}

/// What somebody wants to know of single orders.
#[derive(Debug)]
pub enum OrdersAsked {
    /// As they were, beside what they are.
    Look { question: OrderQuestion, answer: oneshot::Sender<Result<OrderLook, Refusal>> },
    /// What became of one, backup by backup.
    History { question: OrderQuestion, answer: oneshot::Sender<Result<OrderHistory, Refusal>> },
    /// Those that the shop has confirmed and its database lacks.
    Missing { question: MissingQuestion, answer: oneshot::Sender<Result<MissingOrders, Refusal>> },
    /// Those that the journal or backups have and the shop no longer has.
    Deleted { question: DeletedQuestion, answer: oneshot::Sender<Result<DeletedOrders, Refusal>> },
    /// Somebody had their data erased: note that, so that it does not come back.
    Erased { request: ErasureRequest, answer: oneshot::Sender<Result<ErasureNoted, Refusal>> },
}

/// The configuration that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    /// The file it was read from, which may say something else by now.
    pub file: PathBuf,
    pub text: String,
    /// Of the snapshot that the edge was given.
    pub version: u64,
}

/// A plan that somebody wishes for.
#[derive(Debug, Clone, PartialEq)]
pub enum Wished {
    /// Another process of one instance, drained before.
    RestartInstance { shop: ShopId, instance: InstanceName, forced: bool },
    /// Every instance of a shop restarted, one after the other.
    RollingRestart { shop: ShopId },
    /// Every instance of a shop of this release, one after the other.
    RollingRedeploy { shop: ShopId, release: String },
    /// These texts in files of the configuration; `None` is the file itself.
    ApplyConfiguration { texts: Vec<(Option<PathBuf>, String)> },
    /// What stands in the configuration file, which somebody has edited.
    TakeOverFile,
    /// Another certificate for a shop, ordered from the authority.
    RenewCertificate { shop: ShopId },
    /// Storewarden before a shop, in the place of the web server that it is beside.
    Front { shop: ShopId },
    /// A shop backed up, now; with `dump` its database is dumped although a journal could stand for it.
    BackUp { shop: ShopId, dump: bool },
    /// The backups of a shop read again: a share of them, or all.
    VerifyBackup { shop: ShopId, all: bool },
    /// Restore a backup into a place of its own, and look at it; `snapshot` as in a [`Restore`]. With the
    /// phrase of a recovery `sheet` it is opened by that alone.
    DrillBackup { shop: ShopId, snapshot: String, sheet: Option<Secret> },
    /// What lies at a path of a backup, in a folder of this machine.
    RestoreBackup { shop: ShopId, wanted: Restore },
    /// The database of a backup, beside the shop's own or in its place.
    RestoreDatabase { shop: ShopId, wanted: RestoreDatabase },
    /// One order, or another row, as a backup has it; `set_back`: also what was changed since.
    RestoreOrder { shop: ShopId, question: OrderQuestion, set_back: bool },
    /// What a shop's database suffers from mended: a finding by its id.
    MendDatabase { shop: ShopId, finding: String },
    /// What a restore in place has put aside removed for good, by its name.
    RemoveAside { shop: ShopId, name: String },
    /// A second server on this machine that follows a shop's database; `listen`: a free port unless told.
    AddReplica { shop: ShopId, folder: PathBuf, listen: Option<SocketAddr> },
    /// That server and its data removed.
    RemoveReplica { shop: ShopId },
    /// The replica takes the place of the shop's database, which is fenced first.
    PromoteReplica { shop: ShopId, is_dead: bool },
    /// Our own old records removed.
    CleanUp,
}

/// What is to be restored, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restore {
    /// The id, or how it begins; `latest`.
    pub snapshot: String,
    /// From the root; `/` is all of it.
    pub path: String,
    /// A whole path of a folder, or `s3://NAME/PREFIX` of the shop's media.
    pub target: String,
    /// In a bucket: over objects that are others by now as well.
    pub overwrite: bool,
    /// The place of the repository to take it from; `None`: the first that has it.
    pub from: Option<String>,
    /// The database as well, beside the shop's own.
    pub whole: bool,
    /// What the restored database is called; `None`: by date.
    pub name: Option<String>,
}

/// Which database is to be restored, and as what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestoreDatabase {
    /// As in a [`Restore`].
    pub snapshot: String,
    /// As it was at this moment, unix milliseconds, by the journal of changes; the backup that it is reached
    /// from is found then, whichever is named.
    pub as_of_ms: Option<i64>,
    /// By what that moment is reached; `None`: by the journal, or where that cannot, by the server's log.
    pub by: Option<Way>,
    /// What it is called in the backup; `None`: the first that is in it.
    pub database: Option<String>,
    /// Only the rows of these tables; none: of all.
    pub tables: Vec<String>,
    /// What the new one is called, of SQLite its whole path; `None`: by date.
    pub name: Option<String>,
    /// Whether it takes the place of the shop's own, or its rows those of the tables that are named.
    pub in_place: bool,
    /// Whether rows of these tables that the backup does not have are deleted.
    pub exact: bool,
    /// Whether orders that are newer than the backup come along into the whole database.
    pub keep_newer_orders: bool,
    /// With them: whether orders that both have become as the shop has them now.
    pub newer_states: bool,
    /// As in a [`Restore`].
    pub from: Option<String>,
}

/// Why a plan was not made; nothing was changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// What stands in the way, and what would help.
    pub message: String,
    /// One line each, where there is more than one thing to mend.
    pub details: Vec<String>,
    /// The message as a code.
    pub reason: Option<Reason>,
}

impl Refusal {
    /// The same, with the message as a code and its parameters.
    #[must_use]
    pub fn because(
        mut self,
        code: &str,
        params: impl IntoIterator<Item = (&'static str, Value)>,
    ) -> Self {
        self.reason = Some(Reason::new(code, params));
        self
    }
}

/// Why a configuration was not taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    pub message: String,
    /// One line each: `FILE:LINE:COLUMN: what; how to mend it`.
    pub details: Vec<String>,
}
