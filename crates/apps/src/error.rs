//! What can go wrong with instances, as one type.

use host::HostError;
use kernel::config::UnitName;
use std::{io, net::SocketAddr, path::PathBuf};

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
}
