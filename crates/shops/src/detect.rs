//! What runs on a machine, seen from its listening processes and its files: web servers with their
//! sites, databases, shops, and the configuration file that follows from them.
//!
//! Pure: whoever calls says what listens and reads the files. What was not understood is said, and
//! no password is ever kept.

mod database;
mod draft;
mod files;
mod look;
mod settings;
mod shop;
mod signs;
mod web;
mod words;

pub use database::{Database, DatabaseServer};
pub use draft::{Draft, draft};
pub use files::Files;
pub use look::look;
pub use shop::{App, DetectedShop};
pub use web::{FileTexts, Kind, Obstacle, Site, WebServer, Withdrawal, withdraw};
pub use words::{Sentence, Sureness};

use serde::Serialize;
use std::{
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// Variables of an environment with their values. These may be secrets: only what is asked for by name
/// is read.
pub type Variables = BTreeMap<String, String>;

/// What is known of a machine before anything is concluded.
pub struct Machine<'a> {
    pub listeners: Vec<Listener>,
    pub files: Files<'a>,
    /// The values of these variables of a process's environment; `None` when nobody may look.
    pub variables: &'a dyn Fn(u32, &[&str]) -> Option<Variables>,
    /// Whether ports below 1024 may be bound.
    pub low_ports: bool,
    /// The zone of its clock, by its name in the time zone database.
    pub time_zone: Option<String>,
}

/// Somebody who listens.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Listener {
    pub address: Option<SocketAddr>,
    /// `None`, as all below: unknown.
    pub pid: Option<u32>,
    pub name: Option<String>,
    /// As it was started, its program first; empty: unknown. May hold secrets.
    pub command: Vec<String>,
    pub directory: Option<PathBuf>,
    pub user: Option<String>,
    pub unit: Option<String>,
}

/// Where something was seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    pub file: PathBuf,
    /// 1-based; `None`: the file as a whole.
    pub line: Option<usize>,
}

/// All that was concluded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Detected {
    pub web_servers: Vec<WebServer>,
    pub sites: Vec<Site>,
    pub database_servers: Vec<DatabaseServer>,
    pub shops: Vec<DetectedShop>,
    /// What was not visible or not understood, a sentence each.
    pub notes: Vec<String>,
    /// Every port that somebody listens on.
    pub taken_ports: Vec<u16>,
    pub low_ports: bool,
    /// The zone of the machine's clock; `None`: not seen.
    pub time_zone: Option<String>,
}

impl Place {
    pub(crate) fn new(file: &Path, line: usize) -> Self {
        Self { file: file.to_owned(), line: Some(line) }
    }

    pub(crate) fn whole(file: &Path) -> Self {
        Self { file: file.to_owned(), line: None }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.file.display()),
            None => write!(f, "{}", self.file.display()),
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("address", &self.address)
            .field("pid", &self.pid)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Machine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine").field("listeners", &self.listeners).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
