//! What of a shop is backed up, when, to where, and how long it is kept.

use super::{DatabaseUrl, S3Settings, Secret};
use std::{fmt, path::PathBuf};

/// `[shop.ID.backup]`.
#[derive(Debug, Clone, PartialEq)]
pub struct BackupSettings {
    /// At least one, none twice. The first takes the backup; the others get copies of it.
    pub to: Vec<RepositorySettings>,
    pub keep: KeepSettings,
    pub schedule: BackupSchedule,
    /// What opens every repository; `None`: a random key that is made at first and kept sealed.
    pub password: Option<Secret>,
    /// Whole paths beside those that are backed up anyway.
    pub also: Vec<PathBuf>,
    /// Patterns of what is left out.
    pub exclude: Vec<String>,
    /// Whether the shop's database is in it, where it has one.
    pub database: bool,
    /// How often it is dumped where the journal of its changes stands for it in between.
    pub database_every_ms: u64,
    /// The same database by an account that may make others beside it, for restores alone; `None`: by
    /// the account that reads it.
    pub restore_as: Option<DatabaseUrl>,
    pub limits: BackupLimits,
    /// What comes back of the database must not be older: by its journal, where it has one.
    pub lose_at_most_ms: u64,
    /// The same of files: those of the newest backup.
    pub lose_files_at_most_ms: u64,
    /// The shop is to be back after so long at most.
    pub back_within_ms: u64,
    /// How often everything that is kept has been read once, a share at a time.
    pub check_every_ms: u64,
    /// How often the newest backup is tried by restoring it.
    pub drill_every_ms: u64,
    /// How long a recovery sheet may be left untried.
    pub drill_sheet_ms: u64,
    /// The folder in which that is done; needs room for everything twice.
    pub drill_in: PathBuf,
    /// How long what a restore in place has put aside is kept.
    pub keep_aside_ms: u64,
    /// How the shop is started then, from what was restored; `None`: nobody said.
    pub boot: Option<BootSettings>,
}

/// What stands in braces in a [`BootSettings`], and is known when the shop is started: a free port, the
/// folder that everything was restored into, an empty folder of its own, and the restored database by
/// its address and by the parts of that.
pub const BOOT_PLACEHOLDERS: [&str; 9] = [
    "port",
    "files",
    "home",
    "database",
    "database_host",
    "database_port",
    "database_user",
    "database_password",
    "database_name",
];

/// How a shop is started from a backup, and by what it is seen to live.
#[derive(Debug, Clone, PartialEq)]
pub struct BootSettings {
    /// The program and its arguments, placeholders in them. Never empty.
    pub command: Vec<String>,
    /// Where it is started, by its path in the backup; `None`: in an empty folder of its own.
    pub directory: Option<PathBuf>,
    /// Whom it runs as when we are root; `None`: whose the directory is, if not root's.
    pub user: Option<String>,
    /// Names with values, placeholders in them, each name once.
    pub environment: Vec<(String, Secret)>,
    /// What is asked for; `None`: what its instances are asked for.
    pub path: Option<String>,
    /// The lowest and the highest status of a good answer; `None`: as of its instances.
    pub status: Option<(u16, u16)>,
    /// What a good answer has in it.
    pub body: Option<String>,
    /// It must have answered well by then.
    pub within_ms: u64,
}

/// A place that holds a repository.
#[derive(Debug, Clone, PartialEq)]
pub enum RepositorySettings {
    Folder(PathBuf),
    S3 {
        bucket: S3Settings,
        /// Of a bucket that has object lock.
        lock: Option<LockSettings>,
    },
    Sftp(SftpSettings),
}

/// Nobody can delete an object for so long after it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockSettings {
    pub for_ms: u64,
    pub mode: LockMode,
}

/// Who could shorten a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockMode {
    /// Nobody.
    Compliance,
    /// Whoever has a right of its own for that.
    Governance,
}

/// A folder of another machine, by SSH's file transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SftpSettings {
    /// `None`: as the SSH configuration of whom we run as has it.
    pub user: Option<String>,
    pub host: String,
    /// `None`: the same, else 22.
    pub port: Option<u16>,
    /// From the root, as the other machine shows it.
    pub path: PathBuf,
    /// A private key's file; `None`: as SSH finds one.
    pub identity: Option<PathBuf>,
    /// The file with the other machine's key; `None`: the usual ones. A machine that is in none is
    /// refused.
    pub known_hosts: Option<PathBuf>,
}

/// What is kept: everything that any of these wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeepSettings {
    pub within_ms: Option<u64>,
    pub last: u32,
    pub hourly: u32,
    pub daily: u32,
    pub weekly: u32,
    pub monthly: u32,
    pub yearly: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupSchedule {
    /// So long after the last one.
    Every { ms: u64 },
    /// At this minute of each day, 0 to 1439, in the shop's time zone.
    Daily { minute: u32 },
}

/// What a run may take of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackupLimits {
    /// Bytes a second to and from repositories; `None`: as fast as it goes.
    pub bandwidth: Option<u64>,
    pub memory_bytes: u64,
    /// Of processors that it may keep busy, in hundredths of one; `None`: all, after everything else.
    pub cpu_percent: Option<u32>,
}

impl BackupSchedule {
    /// The longest time that lies between two runs.
    #[must_use]
    pub fn longest_gap_ms(&self) -> u64 {
        match self {
            Self::Every { ms } => *ms,
            Self::Daily { .. } => 24 * 60 * 60 * 1000,
        }
    }
}

/// As a person would write it; holds no secret.
impl fmt::Display for RepositorySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => path.display().fmt(f),
            Self::S3 { bucket, .. } => {
                let slash = if bucket.prefix.is_empty() { "" } else { "/" };
                write!(f, "s3://{}{slash}{}", bucket.bucket, bucket.prefix)
            }
            Self::Sftp(sftp) => sftp.fmt(f),
        }
    }
}

impl fmt::Display for SftpSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.user.as_ref().map_or(String::new(), |user| format!("{user}@"));
        let port = self.port.map_or(String::new(), |port| format!(":{port}"));
        write!(f, "sftp://{user}{}{port}{}", self.host, self.path.display())
    }
}
