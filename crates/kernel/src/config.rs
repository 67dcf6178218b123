//! The validated configuration: what a person's file means, with every default filled in.
//!
//! `outer` reads the file a person wrote; this module knows no file, no TOML and no platform.

use crate::{
    Currency, InstanceName, LogFormat, ShopId,
    snapshot::{Balance, CacheLimits, Check, Hold, Limits, Timeouts},
};
use std::{fmt, net::SocketAddr, path::PathBuf};

mod alerts;
mod backup;
mod bundle;
mod changes;
mod check;
mod edit;
mod explain;
mod launch;
mod ledger;
mod outer;
mod pattern;
mod peer;
mod plan;
mod replica;
mod scrape;
mod service;
mod stream;

pub use alerts::{
    AlertSettings, ChannelSettings, Language, MuteWindow, NotifySettings, RemedySettings,
    RuleSettings, Secret, SmtpSecurity, SmtpSettings,
};
pub use backup::{
    BOOT_PLACEHOLDERS, BackupLimits, BackupSchedule, BackupSettings, BootSettings, KeepSettings,
    LockMode, LockSettings, RepositorySettings, SftpSettings,
};
pub use bundle::Bundle;
pub use changes::changes;
pub use check::{
    CheckSettings, CheckTarget, DnsRecord, DnsTarget, HeartbeatTarget, HttpTarget, JourneyTarget,
    MailTarget, TcpTarget,
};
pub use edit::{InFront, put_in_front, put_listen, put_promoted, put_replica};
pub use explain::{Explanation, Row, Section, explain};
pub use launch::{CommandSettings, DeploySettings, Launch, UnitName, UnitNameError};
pub use ledger::{DestinationSettings, LedgerSettings, S3Settings};
pub use outer::{
    ConfigError, ConfigErrors, Includes, Known, KnownPlatform, Parsed, include_patterns,
    includes_file, nearest, parse, parse_with,
};
pub use pattern::fits_pattern;
pub use peer::{PeerAddress, PeerSettings};
pub use plan::{PlanRule, PlanSettings};
pub use replica::{ReplicaSettings, replica_name};
pub use scrape::ScrapeSettings;
pub use service::{ServiceKind, ServiceSettings};
pub use stream::{StreamCopySettings, StreamSettings};

/// Everything that was asked for, valid as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Configuration {
    pub edge: EdgeSettings,
    pub control: ControlSettings,
    pub acme: Option<AcmeSettings>,
    /// At least one; ids and hosts are unique.
    pub shops: Vec<ShopSettings>,
    pub alerts: AlertSettings,
    pub ledger: LedgerSettings,
    pub plan: PlanSettings,
    /// Names are unique.
    pub peers: Vec<PeerSettings>,
    pub scrapes: Vec<ScrapeSettings>,
    /// Names are unique.
    pub checks: Vec<CheckSettings>,
    pub services: Vec<ServiceSettings>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct EdgeSettings {
    /// At least one, unless every shop is watched from beside; no address stands twice.
    pub listen: Vec<Listen>,
    /// Worker threads; `None`: one a core.
    pub workers: Option<u32>,
    pub limits: Limits,
    /// How long running requests may go on when an edge is replaced or stopped.
    pub drain_ms: u64,
    /// Where the access log goes; `None`: nowhere.
    pub access_log: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Listen {
    pub address: SocketAddr,
    pub tls: bool,
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.address)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct ControlSettings {
    /// API and user interface.
    pub listen: SocketAddr,
    pub second_factor: SecondFactorDemand,
    /// Whether services of this machine are looked for, besides those that `[[service]]` names.
    pub discover_services: bool,
    /// How often processors, memory, disks and network of the machine are read: a whole second, or two, five or ten.
    pub pulse_ms: u64,
}

/// Whether owners and operators must set up a second factor before they can do anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondFactorDemand {
    Always,
    /// Where control can be reached from elsewhere than this machine.
    WhenExposed,
    Never,
}

impl ControlSettings {
    /// Whether a second factor is demanded, where it listens.
    #[must_use]
    pub fn demands_second_factor(&self) -> bool {
        match self.second_factor {
            SecondFactorDemand::Always => true,
            SecondFactorDemand::WhenExposed => !self.listen.ip().is_loopback(),
            SecondFactorDemand::Never => false,
        }
    }
}

/// How certificates are ordered (RFC 8555).
#[derive(Debug, Clone, PartialEq)]
pub struct AcmeSettings {
    /// The directory's address.
    pub directory: String,
    /// E-mail addresses, without `mailto:`.
    pub contact: Vec<String>,
    /// A root certificate (PEM) to trust instead of the system's, for a private authority.
    pub root: Option<PathBuf>,
    /// Days before its end at which a certificate is renewed.
    pub renew_days: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ShopSettings {
    pub id: ShopId,
    /// For people; the id when not given.
    pub name: String,
    /// A platform that [`Known`] named.
    pub platform: String,
    /// Lower-case, without port; `*.example.com` or `*` allowed. At least one.
    pub hosts: Vec<String>,
    /// Where it is watched from; `None`: Storewarden stands in front of it.
    pub beside: Option<BesideSettings>,
    /// At least one, but of a shop that is watched from beside; names are unique.
    pub instances: Vec<InstanceSettings>,
    /// Where its releases lie; `None`: we deploy none.
    pub deploy: Option<DeploySettings>,
    pub balance: Balance,
    /// What the person said, and the platform's own for the rest.
    pub check: Check,
    pub hold: Hold,
    pub timeouts: Timeouts,
    pub slow_start_ms: u64,
    pub eject_after_failures: u32,
    pub eject_for_ms: u64,
    pub cache: CacheLimits,
    pub certificate: CertificateSource,
    pub force_https: bool,
    pub database: Option<DatabaseUrl>,
    pub currency: Currency,
    /// An IANA name, not checked here; `UTC` when not given.
    pub time_zone: String,
    /// A job of its queues that is due for longer is one that nobody does.
    pub queue_waits_at_most_ms: u64,
    pub colour: String,
    pub contact: Option<String>,
    /// Folders and files of its pictures and downloads.
    pub media: Vec<PathBuf>,
    /// Buckets of the same, none twice.
    pub media_buckets: Vec<S3Settings>,
    /// Folders and files of its program.
    pub code: Vec<PathBuf>,
    /// `None`: it is not backed up.
    pub backup: Option<BackupSettings>,
    /// `None`: the changes of its database are not followed.
    pub stream: Option<StreamSettings>,
    /// `None`: no second server of ours follows its database.
    pub replica: Option<ReplicaSettings>,
}

/// A shop that another web server stands in front of, which is known by its access logs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BesideSettings {
    /// At least one, none twice.
    pub logs: Vec<PathBuf>,
    /// Of all of them.
    pub format: LogFormat,
}

#[derive(Debug, Clone, PartialEq)]
pub struct InstanceSettings {
    pub name: InstanceName,
    pub address: SocketAddr,
    pub weight: u32,
    pub connections: u32,
    /// What starts and stops it; `None`: nothing that we know, so that we cannot restart it.
    pub launch: Option<Launch>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateSource {
    /// Made by us at start, for localhost and trying out.
    SelfSigned,
    /// PEM files, read again at every reload.
    Files { chain: PathBuf, key: PathBuf },
    /// Ordered from the authority of [`AcmeSettings`].
    Acme,
}

/// Where a shop's database is. May hold a password: `Debug` and `Display` never show it.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    pub kind: DatabaseKind,
    /// The whole address, password included. For SQLite `sqlite:/path`.
    pub secret: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseKind {
    Postgres,
    /// MariaDB or MySQL.
    MySql,
    Sqlite,
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((scheme, rest)) = self.secret.split_once("://") else {
            return f.write_str(&self.secret);
        };
        // The query may hold a password too.
        let without_query = |text: &str| text.split('?').next().unwrap_or_default().to_owned();
        match rest.rsplit_once('@') {
            Some((user, place)) => {
                let user = user.split_once(':').map_or(user, |(user, _)| user);
                write!(f, "{scheme}://{user}@{}", without_query(place))
            }
            None => write!(f, "{scheme}://{}", without_query(rest)),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
