//! The configuration file that follows from what was found: every value with where it was seen, and
//! nothing that would make the file invalid as it stands.

use super::{
    Detected,
    database::{Database, title},
    shop::{App, DetectedShop},
    web::Kind,
    words::{how, whereabouts},
};
use crate::platform;
use kernel::config::{DatabaseKind, UnitName};
use serde::Serialize;
use std::{collections::BTreeSet, fmt::Write as _, net::SocketAddr};

/// Where packages put the schema by which editors complete keys.
const SCHEMA: &str = "/usr/share/storewarden/configuration.schema.json";
/// The user that may only read, and the variable that holds its password.
const USER: &str = "storewarden";
const PASSWORD: &str = "STOREWARDEN_DATABASE_PASSWORD";
/// Zones that are the clock's own.
const OF_NOWHERE: [&str; 8] =
    ["UTC", "Etc/UTC", "Etc/UCT", "UCT", "Zulu", "Etc/Zulu", "Universal", "Etc/Universal"];
const CONTROL_PORT: u16 = 7780;
const TRIAL_PORT: u16 = 8080;

/// A configuration file to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Draft {
    pub text: String,
    /// What a person still has to do or say, a sentence each.
    pub missing: Vec<String>,
    /// Whether it is valid as it stands: a file without a shop is not.
    pub valid: bool,
}

/// Writes the file. `path` is where it will lie, for the comments alone.
#[must_use]
pub fn draft(detected: &Detected, path: &str) -> Draft {
    let mut writer = Writer::default();
    let path = plain(path);
    writer.line(&format!("#:schema {SCHEMA}"));
    writer.line("# Storewarden's configuration, written by `storewarden init` from what it saw on this machine.");
    writer.line("# Behind each value stands where it was seen. What is wrong or missing is yours to change:");
    writer.line(&format!(
        "# `storewarden check {path}` says what the file means, and what is wrong with it."
    ));
    writer.line("version = 1");
    writer.addresses(detected);
    for shop in &detected.shops {
        writer.shop(shop, detected);
    }
    if writer.shops.is_empty() {
        writer.example();
    }
    let valid = !writer.shops.is_empty();
    Draft { text: writer.text, missing: writer.missing, valid }
}

#[derive(Default)]
struct Writer {
    text: String,
    missing: Vec<String>,
    /// Ids, hosts and addresses are one shop's alone.
    shops: BTreeSet<String>,
    hosts: BTreeSet<String>,
    apps: BTreeSet<SocketAddr>,
}

impl Writer {
    fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn comment(&mut self, text: &str) {
        let text = plain(text);
        self.line(format!("# {text}").trim_end());
    }

    /// `[edge]` and `[control]`, where the usual ports are not free.
    fn addresses(&mut self, detected: &Detected) {
        let mut taken: BTreeSet<u16> = detected.taken_ports.iter().copied().collect();
        // What is configured and does not run just now wants its port back.
        let apps = detected.shops.iter().flat_map(|shop| &shop.apps);
        taken.extend(apps.map(|app| app.address.port()));
        let web_taken = taken.contains(&80) || taken.contains(&443);
        let port = (TRIAL_PORT..).find(|port| !taken.contains(port)).unwrap_or(TRIAL_PORT);
        if web_taken || !detected.low_ports {
            self.line("\n[edge]");
            if web_taken {
                let who = holder(detected, &taken);
                self.comment(&format!(
                    "{who}. Until Storewarden takes that place, it runs beside it:"
                ));
            } else {
                self.comment("Ports 80 and 443 are for root, or a service with CAP_NET_BIND_SERVICE. To try it out:");
            }
            self.line(&format!("listen = \"http://127.0.0.1:{port}\""));
            self.missing.push(format!(
                "visitors still come another way: Storewarden would listen on 127.0.0.1:{port} alone."
            ));
        }
        if !web_taken && detected.low_ports {
            self.line("");
            self.comment(
                "Visitors come in on ports 80 and 443, which are free. For another place:",
            );
            self.comment("[edge]");
            self.comment(&format!("listen = \"http://127.0.0.1:{port}\""));
        }
        if taken.contains(&CONTROL_PORT) {
            taken.insert(port);
            let free = (CONTROL_PORT + 1..).find(|port| !taken.contains(port));
            self.line("\n[control]");
            self.comment(&format!("Port {CONTROL_PORT} is taken."));
            self.line(&format!("listen = \"127.0.0.1:{}\"", free.unwrap_or(CONTROL_PORT)));
        }
    }

    fn shop(&mut self, shop: &DetectedShop, detected: &Detected) {
        let apps: Vec<&App> =
            shop.apps.iter().filter(|app| !self.apps.contains(&app.address)).collect();
        let id = self.id(shop);
        if apps.is_empty() {
            let at = shop.apps.first().map(|app| app.address.to_string()).unwrap_or_default();
            self.line("");
            self.comment(&format!(
                "Besides there is {} ({id}) at {at}, as the one above.",
                shop.title()
            ));
            self.comment("Two shops at one address are told apart by no instance: give each an address of its own.");
            self.missing.push(format!("{id} shares {at} with another shop and was left out."));
            return;
        }
        self.line(&format!("\n[shop.{id}]"));
        self.platform(shop, &id);
        self.hosts(shop, &id);
        self.apps(&apps);
        self.time_zone(detected.time_zone.as_deref());
        self.database(shop, &id);
        self.front(shop, &id);
        self.folders(shop);
        self.backup(shop, &id);
        self.shops.insert(id);
    }

    fn platform(&mut self, shop: &DetectedShop, id: &str) {
        let name = match &shop.platform {
            Some(platform) => {
                let (title, shown_by) = (&platform.title, &platform.shown_by);
                self.comment(&format!("{title}: {shown_by}"));
                if platform.known {
                    platform.name.as_str()
                } else {
                    self.comment(&format!(
                        "Storewarden knows nothing of {title} yet and treats it as any shop."
                    ));
                    let lacks = "its carts, checkout and orders are not known apart";
                    self.missing
                        .push(format!("{id}: there is no platform file for {title}; {lacks}."));
                    "generic"
                }
            }
            None => {
                self.comment("Nothing shows which platform it is, or whether it is a shop at all.");
                self.missing.push(format!("{id}: say its `platform`; nothing shows which it is."));
                "generic"
            }
        };
        self.line(&format!("platform = {}", quoted(name)));
    }

    fn hosts(&mut self, shop: &DetectedShop, id: &str) {
        let hosts: Vec<_> =
            shop.hosts.iter().filter(|host| self.hosts.insert(host.value.clone())).collect();
        if hosts.is_empty() {
            let names: Vec<&str> = shop.hosts.iter().map(|host| host.value.as_str()).collect();
            let seen = match names.as_slice() {
                [] => "No host names were seen".to_owned(),
                all => format!("{} is another shop's above", all.join(", ")),
            };
            // Every name, if that is left to give.
            let host = if self.hosts.insert("*".to_owned()) {
                self.comment(&format!(
                    "{seen}. This one takes every other name; write the shop's own."
                ));
                "*".to_owned()
            } else {
                self.comment(&format!("{seen}, and this one is made up; write the shop's own."));
                format!("{id}.example")
            };
            self.missing
                .push(format!("{id}: write its host names; none were seen that are its own."));
            return self.line(&format!("hosts = [{}]", quoted(&host)));
        }
        self.line("hosts = [");
        for host in hosts {
            let kind = shop.front.map_or("", Kind::title);
            let seen = plain(&format!("{kind}, {}: {}", host.place, host.by));
            self.line(&format!("    {}, # {seen}", quoted(&host.value)));
        }
        self.line("]");
    }

    fn apps(&mut self, apps: &[&App]) {
        self.line("app = [");
        for app in apps {
            self.apps.insert(app.address);
            let how = how(app);
            let how = plain(how.trim_start_matches(" (").trim_end_matches(')'));
            self.line(&format!("    # {how}"));
            let unit = app.unit.as_ref().filter(|unit| {
                // One service of several instances starts and stops all of them.
                let alone =
                    apps.iter().filter(|other| other.unit.as_ref() == Some(unit)).count() == 1;
                alone && unit.parse::<UnitName>().is_ok()
            });
            let address = quoted(&app.address.to_string());
            match unit {
                Some(unit) => {
                    self.line(&format!("    {{ address = {address}, unit = {} }},", quoted(unit)));
                }
                None => self.line(&format!("    {address},")),
            }
        }
        self.line("]");
    }

    /// When its days begin and its windows open. A machine on UTC is mostly one that nobody asked.
    fn time_zone(&mut self, machine: Option<&str>) {
        match machine {
            Some(zone) if !OF_NOWHERE.contains(&zone) => {
                self.comment("The machine's clock, /etc/localtime. The shop's days begin by it:");
                self.line(&format!("time_zone = {}", quoted(zone)));
            }
            _ => {
                self.comment(
                    "Days begin and windows open by UTC. For where the shop's people are:",
                );
                self.comment("time_zone = \"Europe/Berlin\"");
            }
        }
    }

    fn database(&mut self, shop: &DetectedShop, id: &str) {
        let known = shop.platform.as_ref().and_then(|found| platform(&found.name));
        let orders = known.and_then(|known| known.orders.as_ref());
        let Some(database) = &shop.database else {
            self.line("");
            self.comment("Its database was not seen. With one, orders are counted:");
            self.comment(&format!(
                "database = \"postgres://{USER}:${{{PASSWORD}}}@127.0.0.1/shop\""
            ));
            return self
                .missing
                .push(format!("{id}: without `database` nobody can say whether it sells."));
        };
        let said_by = database.place.as_ref().map_or(database.said_by.clone(), ToString::to_string);
        self.line("");
        self.comment(&format!("Its database is {}: {said_by}", whereabouts(database)));
        let Some(orders) = orders.filter(|orders| orders.select(database.kind).is_some()) else {
            return self.comment("Storewarden cannot read the orders of this platform there yet.");
        };
        if database.kind == DatabaseKind::Sqlite {
            return self.line(&format!("database = {}", quoted(&database.url(USER))));
        }
        self.comment("To have orders counted, make a user that may only read:");
        for statement in grants(database, &orders.reads) {
            self.comment(&format!("    {statement}"));
        }
        self.comment(&format!(
            "set {PASSWORD} in Storewarden's environment, and take the `# ` off this line:"
        ));
        let url = database.url(&format!("{USER}:${{{PASSWORD}}}"));
        self.comment(&format!("database = {}", quoted(&url)));
        self.missing.push(format!(
            "{id}: make the user that reads its orders in {}; the file says how.",
            title(database.kind)
        ));
    }

    /// What the web server in front knows, for the day on which its place is taken or kept.
    fn front(&mut self, shop: &DetectedShop, id: &str) {
        let Some(kind) = shop.front.map(Kind::title) else { return };
        self.line("");
        if let Some((chain, key)) = &shop.certificate {
            self.comment(&format!(
                "To serve https, {kind}'s certificate may be taken ({}: {}):",
                chain.place, chain.by
            ));
            let (chain, key) = (chain.value.display().to_string(), key.display().to_string());
            let files = format!("{{ chain = {}, key = {} }}", quoted(&chain), quoted(&key));
            self.comment(&format!("certificate = {files}"));
        }
        self.comment(&format!(
            "{kind} serves visitors today. To leave it there and watch from beside, by its log, take \
             the `# `"
        ));
        self.comment(&format!(
            "off these lines; `storewarden front {id}` takes its place later, and back."
        ));
        self.comment("front = false");
        match &shop.access_log {
            Some(log) => {
                let path = quoted(&log.value.display().to_string());
                self.comment(&format!("logs = {path} # {}: {}", log.place, log.by));
                if let Some(format) = shop.log_format.as_ref().filter(|name| *name != "combined") {
                    self.comment(&format!("log_format = {}", quoted(format)));
                }
            }
            None => {
                self.comment(&format!("logs = \"…\" # {kind}'s access log, which was not seen"));
            }
        }
    }

    fn folders(&mut self, shop: &DetectedShop) {
        for folder in &shop.logs {
            self.comment(&format!("Logs: {}", folder.display()));
        }
    }

    /// Where to is a person's to say, and the table comes last: what follows it would be in it.
    fn backup(&mut self, shop: &DetectedShop, id: &str) {
        self.line("");
        self.comment(
            "To have it backed up every day, say where to, and take the `# ` off these lines:",
        );
        let shown = |path: &std::path::Path| quoted(&path.display().to_string());
        let media: Vec<String> = shop.media.iter().map(|path| shown(path)).collect();
        if !media.is_empty() {
            self.comment(&format!("media = [{}]", media.join(", ")));
        }
        if let Some(folder) = &shop.folder {
            self.comment(&format!("code = {}", shown(folder)));
        }
        self.comment(&format!("[shop.{id}.backup]"));
        self.comment(&format!(
            "to = \"s3://bucket/{id}\" # or \"sftp://…\", or a folder of another disk"
        ));
    }

    fn example(&mut self) {
        self.line("");
        self.comment(
            "No shop was seen on this machine: no process in a shop's folder, no web server that",
        );
        self.comment(
            "passes requests on. Take the `# ` off these lines and write your shop's values:",
        );
        self.comment("[shop.lamps]");
        self.comment(&format!("platform = \"generic\" # there are {}", crate::names().join(", ")));
        self.comment("hosts = [\"lamps.example\", \"www.lamps.example\"]");
        self.comment("app = [\"127.0.0.1:3001\", \"127.0.0.1:3002\"]");
        self.comment(&format!("database = \"postgres://{USER}:${{{PASSWORD}}}@127.0.0.1/lamps\""));
        self.missing.push(
            "The file names no shop yet, and without one Storewarden does not start: write \
             `[shop.ID]` with `platform`, `hosts` and `app`."
                .to_owned(),
        );
    }

    /// Of its first host name, its folder, its platform; told apart from the others' by a number.
    fn id(&self, shop: &DetectedShop) -> String {
        let host = shop.hosts.iter().map(|host| host.value.trim_start_matches("*."));
        let host = host.map(|host| host.strip_prefix("www.").unwrap_or(host)).next();
        let folder = shop.folder.as_ref().and_then(|folder| folder.file_name()?.to_str());
        let platform = shop.platform.as_ref().map(|platform| platform.name.as_str());
        let named = host.and_then(|host| host.split('.').next()).or(folder).or(platform);
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let id: String = named
            .unwrap_or("shop")
            .to_lowercase()
            .chars()
            .take(50)
            .map(|c| if fits(c) { c } else { '-' })
            .collect();
        let id = id.trim_matches('-');
        let id = if id.is_empty() { "shop" } else { id };
        let numbered =
            |number: usize| if number == 1 { id.to_owned() } else { format!("{id}-{number}") };
        let free = (1..).map(numbered).find(|id| !self.shops.contains(id));
        free.expect("invariant: there are more numbers than shops")
    }
}

/// Whose the ports of the web are.
fn holder(detected: &Detected, taken: &BTreeSet<u16>) -> String {
    let who = |port: u16| {
        let listens = |at: &SocketAddr| at.port() == port;
        let server = detected.web_servers.iter().find(|server| server.listens.iter().any(listens));
        server.map_or("somebody", |server| server.kind.title())
    };
    let ports: Vec<u16> = [80, 443].into_iter().filter(|port| taken.contains(port)).collect();
    match ports.as_slice() {
        [one, other] if who(*one) == who(*other) => {
            format!("Ports {one} and {other} are {}'s", who(*one))
        }
        ports => {
            let all = ports.iter().map(|port| format!("Port {port} is {}'s", who(*port)));
            all.collect::<Vec<_>>().join(". ")
        }
    }
}

/// The two statements that make a user who reads orders and nothing else.
fn grants(database: &Database, reads: &[String]) -> Vec<String> {
    match database.kind {
        DatabaseKind::Postgres => {
            let tables: Vec<String> = reads.iter().map(|table| format!("\"{table}\"")).collect();
            vec![
                format!("create role {USER} login password 'choose-one';"),
                format!("grant select on {} to {USER};", tables.join(", ")),
            ]
        }
        // A grant names one table alone there, so that the second statement gives the whole database.
        DatabaseKind::MySql => {
            let local = database
                .host
                .as_deref()
                .is_none_or(|host| host == "localhost" || host.starts_with("127."));
            let from = if local { "127.0.0.1" } else { "%" };
            vec![
                format!("create user '{USER}'@'{from}' identified by 'choose-one';"),
                format!("grant select on `{}`.* to '{USER}'@'{from}';", database.name),
            ]
        }
        DatabaseKind::Sqlite => Vec::new(),
    }
}

/// A text of TOML in its quotes (toml.io/en/v1.0.0#string).
fn quoted(text: &str) -> String {
    let mut whole = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => whole.extend(['\\', c]),
            c if c.is_control() => {
                write!(whole, "\\u{:04X}", u32::from(c))
                    .expect("invariant: a String takes all text");
            }
            c => whole.push(c),
        }
    }
    whole.push('"');
    whole
}

/// What fits into a comment: one line, nothing that TOML forbids there.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
