//! What a worker is told, and what it says: one line of JSON each. Secrets travel here and nowhere
//! else.

use super::{
    Bases, CarriedOrders, Carrying, ConfirmedOrders, CountedObjects, Drill, Forgetting,
    ForgottenPeople, Notes, Objects, Orders, Points, Reached, ReachedSpan, Replayed, Stream, Told,
    databases::{Found, Restoring},
};
use ::watch::{
    backups::{SnapshotFolder, SnapshotRow},
    time_machine::MissingOrders,
};
use databases::restore::{Aside, RowCounts};
use kernel::{
    Params, ShopId, Value,
    config::{
        BackupLimits, DatabaseKind, DatabaseUrl, KeepSettings, LockMode, LockSettings,
        RepositorySettings, S3Settings, Secret, SftpSettings,
    },
    plan::{Failed, Reason},
};
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, sync::OnceLock};
use vault::{RepositoryKey, drill::Report, wal::Base};

/// One thing to do with a repository.
#[derive(Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) shop: ShopId,
    pub(crate) at: Place,
    pub(crate) limits: Limits,
    /// The control group that keeps it within its limits, or why there is none.
    pub(crate) group: Result<PathBuf, String>,
    pub(crate) work: Work,
    /// Unix milliseconds.
    pub(crate) now_ms: i64,
}

/// A repository with what opens it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Place {
    /// As the configuration names it.
    pub(crate) name: String,
    pub(crate) to: To,
    pub(crate) password: String,
    /// The password is as random as a key.
    pub(crate) is_random: bool,
    /// The id that it has; `None`: there never was one, and a first backup makes it.
    pub(crate) known_id: Option<String>,
    /// Of the repository, as an earlier worker found it by this password.
    pub(crate) known_key: Option<RepositoryKey>,
    /// What it was opened by in the end.
    #[serde(skip)]
    pub(crate) opened: OnceLock<RepositoryKey>,
}

#[derive(Serialize, Deserialize)]
pub(crate) enum To {
    Folder(PathBuf),
    S3 {
        endpoint: String,
        region: String,
        bucket: String,
        prefix: String,
        key_id: String,
        secret: String,
        lock: Option<Lock>,
    },
    Sftp {
        user: Option<String>,
        host: String,
        port: Option<u16>,
        path: PathBuf,
        identity: Option<PathBuf>,
        known_hosts: Option<PathBuf>,
    },
}

/// Nobody deletes what is younger.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Lock {
    pub(crate) for_ms: u64,
    /// Not even whoever has a right of its own for that.
    pub(crate) is_firm: bool,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Limits {
    pub(crate) bandwidth: Option<u64>,
    pub(crate) memory_bytes: u64,
    /// Hundredths of one processor.
    pub(crate) cpu_percent: Option<u32>,
}

#[derive(Serialize, Deserialize)]
pub(crate) enum Work {
    List,
    Folder {
        snapshot: String,
        path: String,
        /// Entries to leave out, from the first on.
        skip: u64,
    },
    BackUp(Sources),
    Copy {
        from: Box<Place>,
        mark: String,
    },
    Forget {
        keep: Keep,
        time_zone: String,
        prune: bool,
        /// The oldest moment that the journal of changes is to go back to; `None`: there is none.
        promised_ms: Option<i64>,
        /// How far back the server's own log is to go; `None`: it is not kept.
        bases_ms: Option<u64>,
    },
    Check {
        part: u8,
        of: u8,
    },
    Restore {
        snapshot: String,
        path: PathBuf,
        target: PathBuf,
    },
    Objects(Objects),
    Drill(Drill),
    Points(Points),
    Database(Restoring),
    /// Single orders then and now.
    Orders(Orders),
    /// From one of a shop's databases to another.
    Carry(Carrying),
    KeepErased(Forgetting),
    /// Orders that the shop has confirmed and its database lacks.
    Confirmed(ConfirmedOrders),
    /// Another password for the repository.
    AddKey {
        phrase: String,
    },
}

/// What a backup is made of.
#[derive(Serialize, Deserialize)]
pub(crate) struct Sources {
    pub(crate) mark: String,
    /// Must be there.
    pub(crate) paths: Vec<PathBuf>,
    /// Are in it where they are there.
    pub(crate) where_there: Vec<PathBuf>,
    /// Of media, each [`To::S3`].
    pub(crate) buckets: Vec<To>,
    pub(crate) exclude: Vec<String>,
    pub(crate) database: Option<Database>,
    /// The journal of changes that may stand for it; `None`: it is dumped.
    pub(crate) stream: Option<Stream>,
    pub(crate) records: Records,
    /// The cluster whose log is kept goes on from base backups; `None`: it is not kept, or not yet.
    pub(crate) bases: Option<Bases>,
}

/// Our own records, as every backup holds them.
#[derive(Serialize, Deserialize)]
pub(crate) struct Records {
    /// The state directory.
    pub(crate) state: PathBuf,
    /// The file of the keys that open what is sealed in them.
    pub(crate) keys: PathBuf,
    /// What another machine must know of this one.
    pub(crate) notes: Notes,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Database {
    pub(crate) name: String,
    kind: String,
    url: String,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Keep {
    pub(crate) within_ms: Option<u64>,
    pub(crate) last: u32,
    pub(crate) hourly: u32,
    pub(crate) daily: u32,
    pub(crate) weekly: u32,
    pub(crate) monthly: u32,
    pub(crate) yearly: u32,
}

/// What a worker says while it works; the last one is `Done` or `Failed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Event {
    Progress {
        bytes: u64,
        total_bytes: Option<u64>,
    },
    /// Of a journal, made once more.
    Changes {
        done: u64,
        total: u64,
    },
    Line(String),
    /// The repository that it is told of has this key: for whoever is to open it soon again.
    Opened(RepositoryKey),
    Done(Box<Done>),
    Failed(Trouble),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Done {
    Listed(Listing),
    Folder(SnapshotFolder),
    /// Also where it was there already.
    BackedUp {
        snapshot: SnapshotRow,
        repository: String,
        notes: u64,
    },
    Copied {
        snapshot: String,
        repository: String,
        sent_bytes: u64,
    },
    Forgotten {
        removed: u64,
        kept: u64,
        freed_bytes: u64,
        prune: Pruned,
    },
    Checked {
        snapshots: u64,
        bytes_read: u64,
    },
    Restored {
        files: u64,
        bytes: u64,
        kept_files: u64,
    },
    ObjectsVersions {
        /// `None`: we may not see it.
        keeps: Option<bool>,
    },
    ObjectsCounted(CountedObjects),
    ObjectsPut {
        put: u64,
        bytes: u64,
        overwritten: u64,
        kept: u64,
        /// Others are in the bucket, and were left there.
        stay: u64,
    },
    ObjectsTakenBack {
        removed: u64,
        brought_back: u64,
    },
    Drilled(Box<Report>),
    Points(Vec<ReachedSpan>),
    /// What is there, and what the account lacks.
    DatabaseFound {
        found: Found,
        lacking: Vec<String>,
        account: String,
    },
    DatabaseRestored {
        tables: u64,
        rows: u64,
        bytes: u64,
    },
    Moment(Reached),
    Replayed {
        transactions: u64,
        changes: u64,
        checked: u64,
    },
    ReplayStands(Replayed),
    /// Whether the one is in the place of the other, or gone.
    DatabaseSwapped {
        is_done: bool,
    },
    /// What became, or would become, of rows; `None`: nothing was done, or nobody asked.
    Rows(Option<Vec<RowCounts>>),
    Aside(Vec<Aside>),
    Orders(Told),
    /// Orders that were carried from one database to another.
    Carried(CarriedOrders),
    /// What told of people who had their data erased was emptied.
    Forgot(ForgottenPeople),
    Confirmed(MissingOrders),
    /// How many would be; `None`: nobody can say before.
    NewerOrders(Option<u64>),
    KeyAdded {
        key: String,
        repository: String,
    },
}

/// Whether what nobody uses was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Pruned {
    NotAsked,
    Done,
    /// Somebody else was at work in the repository.
    NextTime,
    /// These credentials may not.
    NotAllowed,
}

/// What a repository holds of a shop.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Listing {
    pub(crate) repository: String,
    /// The oldest first.
    pub(crate) snapshots: Vec<SnapshotRow>,
    pub(crate) bytes: u64,
    /// Of the cluster, the oldest first.
    pub(crate) bases: Vec<Base>,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Trouble {
    pub(crate) code: String,
    pub(crate) params: Params,
    /// For people, in English.
    pub(crate) message: String,
    /// Whether the same may succeed in a while.
    pub(crate) may_pass: bool,
}

impl Trouble {
    pub(crate) fn new(
        code: &str,
        params: impl IntoIterator<Item = (&'static str, Value)>,
        message: impl Into<String>,
    ) -> Self {
        let Reason { code, params } = Reason::new(code, params);
        Self { code, params, message: message.into(), may_pass: false }
    }

    pub(crate) fn for_now(self) -> Self {
        Self { may_pass: true, ..self }
    }
}

impl From<Trouble> for Failed {
    fn from(trouble: Trouble) -> Self {
        let Trouble { code, params, message, may_pass } = trouble;
        Self { message, reason: Some(Reason { code, params }), retryable: may_pass }
    }
}

impl From<Trouble> for ::watch::backups::Trouble {
    fn from(trouble: Trouble) -> Self {
        let Trouble { code, params, message, .. } = trouble;
        Self { code, params, message }
    }
}

impl Place {
    pub(crate) fn new(settings: &RepositorySettings, password: &Secret, is_random: bool) -> Self {
        let to = match settings {
            RepositorySettings::Folder(path) => To::Folder(path.clone()),
            RepositorySettings::S3 { bucket, lock } => To::bucket(bucket, *lock),
            RepositorySettings::Sftp(SftpSettings {
                user,
                host,
                port,
                path,
                identity,
                known_hosts,
            }) => To::Sftp {
                user: user.clone(),
                host: host.clone(),
                port: *port,
                path: path.clone(),
                identity: identity.clone(),
                known_hosts: known_hosts.clone(),
            },
        };
        let (name, password) = (settings.to_string(), password.reveal().to_owned());
        let (known_id, known_key, opened) = (None, None, OnceLock::new());
        Self { name, to, password, is_random, known_id, known_key, opened }
    }
}

impl Place {
    /// By the phrase of a recovery sheet, and by nothing else.
    pub(crate) fn open_by(&mut self, phrase: &Secret) {
        phrase.reveal().clone_into(&mut self.password);
        self.known_key = None;
        self.is_random = true;
    }
}

impl Work {
    /// For whoever looks at processes.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Folder { .. } => "folder",
            Self::BackUp(_) => "back_up",
            Self::Copy { .. } => "copy",
            Self::Forget { .. } => "forget",
            Self::Check { .. } => "check",
            Self::Restore { .. } => "restore",
            Self::Objects(_) => "objects",
            Self::Drill { .. } => "drill",
            Self::Points(_) => "points",
            Self::Database(_) => "database",
            Self::Orders(_) => "orders",
            Self::Carry(_) => "carry",
            Self::KeepErased(_) => "keep_erased",
            Self::Confirmed(_) => "confirmed",
            Self::AddKey { .. } => "add_key",
        }
    }
}

impl To {
    pub(crate) fn bucket(settings: &S3Settings, lock: Option<LockSettings>) -> Self {
        Self::S3 {
            endpoint: settings.endpoint.clone(),
            region: settings.region.clone(),
            bucket: settings.bucket.clone(),
            prefix: settings.prefix.clone(),
            key_id: settings.key_id.reveal().to_owned(),
            secret: settings.secret.reveal().to_owned(),
            lock: lock.map(|lock| Lock {
                for_ms: lock.for_ms,
                is_firm: lock.mode == LockMode::Compliance,
            }),
        }
    }

    /// Of a bucket what its requests need.
    pub(super) fn s3(&self) -> Option<(S3Settings, Option<Lock>)> {
        let Self::S3 { endpoint, region, bucket, prefix, key_id, secret, lock } = self else {
            return None;
        };
        let settings = S3Settings {
            endpoint: endpoint.clone(),
            region: region.clone(),
            bucket: bucket.clone(),
            prefix: prefix.clone(),
            key_id: Secret::new(key_id.clone()),
            secret: Secret::new(secret.clone()),
        };
        Some((settings, *lock))
    }
}

impl Database {
    pub(crate) fn new(url: &DatabaseUrl) -> Self {
        let kind = match url.kind {
            DatabaseKind::Postgres => "postgres",
            DatabaseKind::MySql => "mysql",
            DatabaseKind::Sqlite => "sqlite",
        };
        Self { name: name_of(url), kind: kind.to_owned(), url: url.secret.clone() }
    }

    pub(super) fn url(&self) -> DatabaseUrl {
        let kind = match self.kind.as_str() {
            "postgres" => DatabaseKind::Postgres,
            "mysql" => DatabaseKind::MySql,
            _ => DatabaseKind::Sqlite,
        };
        DatabaseUrl { kind, secret: self.url.clone() }
    }
}

/// What people call it: the last part of its address, in signs that every file system takes.
fn name_of(url: &DatabaseUrl) -> String {
    let place = url.secret.split('?').next().unwrap_or_default();
    let last = place.rsplit('/').next().unwrap_or_default();
    let last = if url.kind == DatabaseKind::Sqlite {
        last.split('.').next().unwrap_or_default()
    } else {
        last
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let name: String = last.chars().map(|c| if fits(c) { c } else { '_' }).collect();
    if name.is_empty() || name.starts_with('.') { "database".to_owned() } else { name }
}

impl From<BackupLimits> for Limits {
    fn from(limits: BackupLimits) -> Self {
        let BackupLimits { bandwidth, memory_bytes, cpu_percent } = limits;
        Self { bandwidth, memory_bytes, cpu_percent }
    }
}

impl From<&KeepSettings> for Keep {
    fn from(keep: &KeepSettings) -> Self {
        let KeepSettings { within_ms, last, hourly, daily, weekly, monthly, yearly } = *keep;
        Self { within_ms, last, hourly, daily, weekly, monthly, yearly }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_called_what_people_call_it() {
        let check = |kind, secret: &str, expect: &str| {
            let url = DatabaseUrl { kind, secret: secret.into() };
            assert_eq!(name_of(&url), expect, "{secret}");
        };
        check(DatabaseKind::Postgres, "postgres://me:p@h/shop?host=/run/x", "shop");
        check(DatabaseKind::MySql, "mysql://me@h/a%20b", "a_20b");
        check(DatabaseKind::Sqlite, "sqlite:/var/lib/shop.v2.db", "shop");
        check(DatabaseKind::Sqlite, "sqlite:/var/lib/.hidden", "database");
    }
}
