//! One shop that was found: what it is, where it answers, and who serves it today.

use super::{
    Database, Listener,
    web::{Kind, Seen, Site},
};
use serde::Serialize;
use std::{net::SocketAddr, path::PathBuf};

/// A shop, or an application that a web server passes requests on to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DetectedShop {
    /// `None`: nothing shows it.
    pub platform: Option<DetectedPlatform>,
    /// Where its files lie.
    pub folder: Option<PathBuf>,
    pub hosts: Vec<Seen<String>>,
    /// Where it answers.
    pub apps: Vec<App>,
    pub database: Option<Database>,
    /// Folders that are there.
    pub media: Vec<PathBuf>,
    pub logs: Vec<PathBuf>,
    /// The web server in front of it.
    pub front: Option<Kind>,
    pub access_log: Option<Seen<PathBuf>>,
    /// How its lines are written; `None`: as the web server does by itself.
    pub log_format: Option<String>,
    /// Chain and key.
    pub certificate: Option<(Seen<PathBuf>, PathBuf)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DetectedPlatform {
    pub name: String,
    pub title: String,
    /// Whether there is a platform file, so that a configuration may name it.
    pub known: bool,
    /// The file that shows it, or a process's command line.
    pub shown_by: String,
}

/// An address at which a shop answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct App {
    pub address: SocketAddr,
    pub pid: Option<u32>,
    /// The process's name.
    pub name: Option<String>,
    pub unit: Option<String>,
    /// What passes requests on to it, if it was found so.
    pub passed_by: Option<Seen<Kind>>,
    /// A process was seen to listen there.
    pub listens: bool,
}

impl App {
    pub(super) fn of(listener: &Listener, address: SocketAddr) -> Self {
        Self {
            address,
            pid: listener.pid,
            name: listener.name.clone(),
            unit: listener.unit.clone(),
            passed_by: None,
            listens: true,
        }
    }
}

impl DetectedShop {
    /// Takes over what the sites in front of it say.
    pub(super) fn behind(&mut self, sites: &[&Site]) {
        for site in sites {
            self.front = self.front.or(Some(site.kind));
            for name in &site.names {
                if self.hosts.iter().all(|known| known.value != name.value) {
                    self.hosts.push(name.clone());
                }
            }
            if self.access_log.is_none() {
                (self.access_log, self.log_format) =
                    (site.access_log.clone(), site.log_format.clone());
            }
            let pair = site.certificate.clone().zip(site.certificate_key.clone());
            self.certificate = self.certificate.take().or(pair);
        }
    }

    /// What to call it, for people.
    pub(super) fn title(&self) -> String {
        match &self.platform {
            Some(platform) => format!("a shop ({})", platform.title),
            None => "an application of a platform that nothing shows".to_owned(),
        }
    }
}
