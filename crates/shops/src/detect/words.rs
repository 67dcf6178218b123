//! What was found, as sentences, each with how sure it is.

use super::{
    Detected,
    database::{Database, title},
    shop::{App, DetectedShop},
};
use serde::Serialize;
use std::{fmt, net::SocketAddr};

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sentence {
    pub sureness: Sureness,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sureness {
    /// Seen itself: a process that listens, a line of a file.
    Certain,
    /// It follows from what was seen.
    Likely,
    /// It may be otherwise: look before relying on it.
    Guess,
}

impl fmt::Display for Sureness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certain => "certain",
            Self::Likely => "likely",
            Self::Guess => "a guess",
        })
    }
}

impl Detected {
    /// A sentence for each thing that was found; empty when nothing was.
    #[must_use]
    pub fn sentences(&self) -> Vec<Sentence> {
        let mut sentences = Sentences(Vec::new());
        for server in &self.web_servers {
            let (name, file) = (server.kind.title(), server.file.display());
            if server.listens.is_empty() {
                let text = format!("{name} is configured in {file}; it was not seen to listen.");
                sentences.likely(text);
            } else {
                let process = process(server.pid);
                let listens = addresses(&server.listens);
                sentences
                    .certain(format!("{name} listens on {listens}{process}; it reads {file}."));
            }
        }
        for server in &self.database_servers {
            let (kind, listens) = (title(server.kind), server.listens);
            match server.pid {
                Some(pid) => sentences.certain(format!("{kind} listens on {listens} (process {pid}).")),
                None => sentences.guess(format!(
                    "Somebody listens on {listens}, the usual port of {kind}; who, only root can see."
                )),
            }
        }
        for shop in &self.shops {
            of_shop(shop, &mut sentences);
        }
        sentences.0
    }
}

struct Sentences(Vec<Sentence>);

impl Sentences {
    fn certain(&mut self, text: String) {
        self.0.push(Sentence { sureness: Sureness::Certain, text });
    }

    fn likely(&mut self, text: String) {
        self.0.push(Sentence { sureness: Sureness::Likely, text });
    }

    fn guess(&mut self, text: String) {
        self.0.push(Sentence { sureness: Sureness::Guess, text });
    }
}

fn of_shop(shop: &DetectedShop, sentences: &mut Sentences) {
    let title = shop.title();
    match &shop.platform {
        Some(platform) => sentences.certain(format!("There is {title}: {}.", platform.shown_by)),
        None => sentences.guess(format!("There is {title}; whether it is a shop, you know.")),
    }
    for app in &shop.apps {
        let text = format!("It answers at {}{}.", app.address, how(app));
        if app.listens { sentences.certain(text) } else { sentences.likely(text) }
    }
    if !shop.hosts.is_empty() {
        let names: Vec<&str> = shop.hosts.iter().map(|host| host.value.as_str()).collect();
        let place = &shop.hosts[0].place;
        sentences.certain(format!("It is called {} ({place}).", names.join(", ")));
    }
    if let Some(database) = &shop.database {
        let (place, said_by) = (whereabouts(database), &database.said_by);
        sentences.likely(format!("Its database is {place}, says {said_by}."));
    }
    for (what, folders) in [("pictures", &shop.media), ("logs", &shop.logs)] {
        if !folders.is_empty() {
            let folders: Vec<String> = folders.iter().map(|f| f.display().to_string()).collect();
            sentences.likely(format!("Its {what} lie in {}.", folders.join(", ")));
        }
    }
}

/// Without user and password, which were not kept.
pub(super) fn whereabouts(database: &Database) -> String {
    let kind = title(database.kind);
    let Database { name, host, port, .. } = database;
    let host = host.as_ref().map(|host| format!(" at {host}")).unwrap_or_default();
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    format!("`{name}` of {kind}{host}{port}")
}

/// What is known of an instance: ` (node, process 17, shop.service; nginx passes requests on to it)`.
pub(super) fn how(app: &App) -> String {
    let mut parts: Vec<String> = app.name.iter().cloned().collect();
    parts.extend(app.pid.map(|pid| format!("process {pid}")));
    parts.extend(app.unit.clone());
    if let Some(by) = &app.passed_by {
        parts.push(format!("{}, {}: {}", by.value.title(), by.place, by.by));
    }
    if !app.listens {
        parts.push("nobody was seen to listen there".to_owned());
    }
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join("; ")) }
}

fn process(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}

fn addresses(addresses: &[SocketAddr]) -> String {
    let all: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    all.join(", ")
}
