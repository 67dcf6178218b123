//! Web servers and the sites that they serve, as their configurations say.

mod apache;
mod nginx;

pub use nginx::withdrawal::{FileTexts, Obstacle, Withdrawal, withdraw};

use super::{Files, Listener, Place};
use serde::Serialize;
use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

/// A web server that was seen to run, or whose configuration lies there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WebServer {
    pub kind: Kind,
    /// Where its processes listen; empty: none was seen.
    pub listens: Vec<SocketAddr>,
    pub pid: Option<u32>,
    /// Its configuration's first file.
    pub file: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Nginx,
    Apache,
}

/// One server or virtual host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Site {
    pub kind: Kind,
    pub place: Place,
    /// Host names as they stand there, in lower case.
    pub names: Vec<Seen<String>>,
    pub listens: Vec<SiteListen>,
    pub root: Option<Seen<PathBuf>>,
    /// Where requests are sent on to.
    pub passes_to: Vec<Seen<SocketAddr>>,
    pub access_log: Option<Seen<PathBuf>>,
    /// How its lines are written, as a name of ours or in the web server's words; `None`: as the web
    /// server does by itself.
    pub log_format: Option<String>,
    pub certificate: Option<Seen<PathBuf>>,
    pub certificate_key: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SiteListen {
    /// `None`: every address.
    pub ip: Option<IpAddr>,
    pub port: u16,
    pub tls: bool,
}

/// Something with the place where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen<T> {
    pub value: T,
    pub place: Place,
    /// The word of the web server's configuration that says it.
    pub by: &'static str,
}

/// What was read of one web server.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) sites: Vec<Site>,
    pub(super) notes: Vec<String>,
}

impl Kind {
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Apache => "Apache",
        }
    }

    /// By the name of a process.
    fn of(name: &str) -> Option<Self> {
        match name {
            "nginx" => Some(Self::Nginx),
            "apache2" | "httpd" => Some(Self::Apache),
            _ => None,
        }
    }

    /// Where packages put the configuration.
    fn usual_files(self) -> &'static [&'static str] {
        match self {
            Self::Nginx => &["/etc/nginx/nginx.conf", "/usr/local/nginx/conf/nginx.conf"],
            Self::Apache => &["/etc/apache2/apache2.conf", "/etc/httpd/conf/httpd.conf"],
        }
    }
}

impl Site {
    /// An address at which the site answers in plain http on this machine.
    pub(super) fn plain_address(&self) -> Option<SocketAddr> {
        let plain = self.listens.iter().find(|listen| !listen.tls)?;
        let here = IpAddr::from([127, 0, 0, 1]);
        let ip = plain.ip.filter(|ip| !ip.is_unspecified()).unwrap_or(here);
        Some(SocketAddr::new(ip, plain.port))
    }
}

/// Whether a listener is a web server, which then is no shop by itself.
pub(super) fn is_web_server(listener: &Listener) -> bool {
    listener.name.as_deref().and_then(Kind::of).is_some()
}

/// The web servers of the machine and what their configurations say.
pub(super) fn look(listeners: &[Listener], files: Files<'_>) -> (Vec<WebServer>, Read) {
    let mut servers: Vec<WebServer> = Vec::new();
    for listener in listeners {
        let Some(kind) = listener.name.as_deref().and_then(Kind::of) else { continue };
        let known = servers.iter_mut().find(|known| known.pid == listener.pid);
        match known {
            Some(known) => known.listens.extend(listener.address),
            None => servers.push(WebServer {
                kind,
                listens: listener.address.into_iter().collect(),
                pid: listener.pid,
                file: configuration_file(kind, listener, files),
            }),
        }
    }
    // One that does not run, or whose processes we may not see.
    for kind in [Kind::Nginx, Kind::Apache] {
        let file = kind.usual_files().iter().map(Path::new).find(|file| (files.exists)(file));
        if let Some(file) = file.filter(|_| servers.iter().all(|known| known.kind != kind)) {
            let file = file.to_owned();
            servers.push(WebServer { kind, listens: Vec::new(), pid: None, file });
        }
    }
    let mut read = Read::default();
    for server in &servers {
        let one = match server.kind {
            Kind::Nginx => nginx::read(&server.file, files),
            Kind::Apache => apache::read(&server.file, files),
        };
        read.sites.extend(one.sites);
        read.notes.extend(one.notes);
    }
    (servers, read)
}

/// As it was told at its start (nginx: `-c` and `-p`; Apache: `-f` and `-d`), else the usual one.
fn configuration_file(kind: Kind, listener: &Listener, files: Files<'_>) -> PathBuf {
    // nginx gives itself one title of all its words.
    let words: Vec<&str> = listener.command.iter().flat_map(|word| word.split(' ')).collect();
    let told = |option: &str| {
        let at = words.iter().position(|word| *word == option)?;
        words.get(at + 1).map(PathBuf::from)
    };
    let (file, prefix) = match kind {
        Kind::Nginx => (told("-c"), told("-p")),
        Kind::Apache => (told("-f"), told("-d")),
    };
    let from = prefix.or_else(|| listener.directory.clone()).unwrap_or_default();
    let usual = || {
        let mut usual = kind.usual_files().iter().map(PathBuf::from);
        let first = usual.clone().next().unwrap_or_default();
        usual.find(|file| (files.exists)(file)).unwrap_or(first)
    };
    file.map_or_else(usual, |file| from.join(file))
}

/// A host name that a configuration of ours can take over as it stands.
fn host_name(text: &str) -> Option<String> {
    let name = text.to_ascii_lowercase();
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    let plain = name.strip_prefix("*.").unwrap_or(&name);
    (plain.contains('.') && plain.split('.').all(label) || name == "localhost").then_some(name)
}

/// An address to connect to, of `127.0.0.1:3000`, `localhost:3000` or, with `port`, without one.
fn upstream_address(text: &str, port: u16) -> Option<SocketAddr> {
    let text = text.replace("localhost", "127.0.0.1");
    let ip = || text.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    text.parse().ok().or_else(|| Some(SocketAddr::new(ip()?, port)))
}

#[cfg(test)]
mod tests;
