//! What can go wrong with instances, as one type.

use host::HostError;
use kernel::{Value, config::UnitName, plan::Reason};
use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

#[derive(Debug, thiserror::Error)]
pub enum AppsError {
    #[error("read `{path}`")]
    Read { path: PathBuf, source: io::Error },
    #[error("write `{path}`")]
    Write { path: PathBuf, source: io::Error },
    /// Not written by us, or by a newer version of us.
    #[error("understand `{path}`")]
    Malformed { path: PathBuf, source: serde_json::Error },
    #[error("understand `{path}`: it is of version {version}, which this program does not know")]
    Version { path: PathBuf, version: u32 },
    #[error("act on the instance: something else acts on it just now")]
    Busy,
    /// Ours would find its address taken.
    #[error("start the instance at {address}: {by} listens there, which Storewarden did not start")]
    Occupied { address: SocketAddr, by: String },
    #[error("start the instance: {0}")]
    NotStarted(String),
    #[error("start the instance: its folder `{0}` is not there")]
    Directory(PathBuf),
    #[error("read `{path}`: line {line} is no `NAME=value`")]
    Environment { path: PathBuf, line: usize },
    #[error("start the keeper of the instance")]
    Keeper(#[source] HostError),
    #[error("talk with the keeper of the instance")]
    Talk(#[source] io::Error),
    #[error("start the instance: its keeper ended without a word; its log says: {0}")]
    Silent(String),
    #[error("keep the instance: another keeper does already")]
    Kept,
    #[error("stop the instance: its keeper {0} does not end")]
    Outlived(u32),
    #[error("look after the instance's process")]
    Process(#[source] HostError),
    #[error("wait for a signal")]
    Signals(#[source] io::Error),
    #[error("act on the instance: epoch {epoch} of this run is void since epoch {last} acted")]
    Fenced { epoch: u64, last: u64 },
    #[error("find release `{0}`")]
    NoRelease(PathBuf),
    /// Somebody else uses the link for something else.
    #[error("find the release that runs: `{link}` points to `{target}`, which is no release")]
    Elsewhere { link: PathBuf, target: PathBuf },
    #[error("find unit `{0}`: systemd does not know it")]
    NoUnit(UnitName),
    #[error("act on unit `{0}`: it is masked")]
    Masked(UnitName),
    #[error("{verb} unit `{unit}`")]
    Systemctl { verb: &'static str, unit: UnitName, source: HostError },
    #[error("read the journal of unit `{unit}`")]
    Journal { unit: UnitName, source: HostError },
    #[error("understand what systemd says of unit `{unit}`: {why}")]
    Answer { unit: UnitName, why: String },
}

impl AppsError {
    /// With everything that caused it, in one line.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        text
    }

    /// What the message says, as a code with its parameters; of what other programs said, their own
    /// words.
    #[must_use]
    pub fn reason(&self) -> Reason {
        let path = |path: &Path| Value::from(path.display().to_string());
        let unit = |unit: &UnitName| Value::from(unit.to_string());
        let error = || Value::from(self.cause());
        match self {
            Self::Read { path: file, .. } => {
                Reason::new("file_unreadable", [("file", path(file)), ("error", error())])
            }
            Self::Write { path: file, .. } => {
                Reason::new("file_not_written", [("file", path(file)), ("error", error())])
            }
            Self::Malformed { path: file, .. } | Self::Version { path: file, .. } => {
                Reason::new("file_not_understood", [("file", path(file))])
            }
            Self::Busy => Reason::new("instance_busy", []),
            Self::Occupied { address, by } => Reason::new(
                "address_taken",
                [("address", address.to_string().into()), ("by", by.as_str().into())],
            ),
            Self::NotStarted(why) | Self::Silent(why) => {
                Reason::new("instance_not_started", [("error", why.as_str().into())])
            }
            Self::Directory(folder) => Reason::new("folder_missing", [("folder", path(folder))]),
            Self::Environment { path: file, line } => {
                let line = u64::try_from(*line).unwrap_or(u64::MAX).into();
                Reason::new("environment_malformed", [("file", path(file)), ("line", line)])
            }
            Self::Keeper(_) | Self::Talk(_) | Self::Process(_) | Self::Signals(_) | Self::Kept => {
                Reason::new("keeper_failed", [("error", self.chain().into())])
            }
            Self::Outlived(pid) => {
                Reason::new("keeper_outlives", [("pid", u64::from(*pid).into())])
            }
            Self::Fenced { .. } => Reason::new("fenced", []),
            Self::NoRelease(release) => Reason::new("release_missing", [("path", path(release))]),
            Self::Elsewhere { link, target } => Reason::new(
                "link_leads_elsewhere",
                [("link", path(link)), ("target", path(target))],
            ),
            Self::NoUnit(name) => Reason::new("unit_unknown", [("unit", unit(name))]),
            Self::Masked(name) => Reason::new("unit_masked", [("unit", unit(name))]),
            Self::Systemctl { unit: name, .. }
            | Self::Journal { unit: name, .. }
            | Self::Answer { unit: name, .. } => {
                let said = self.chain().into();
                Reason::new("systemd_failed", [("unit", unit(name)), ("error", said)])
            }
        }
    }

    /// What caused it, without what was attempted.
    fn cause(&self) -> String {
        std::error::Error::source(self).map(ToString::to_string).unwrap_or_default()
    }
}
