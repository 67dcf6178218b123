//! How nginx makes room for whoever is to stand before a shop: which words of its files must be
//! otherwise, so that the shop's servers listen on this machine alone and believe who the visitor is.
//!
//! Pure: files in, texts out. What is not understood is an obstacle and never guessed at; the way
//! there has a text between, with which nginx listens in both places.

use super::{super::super::Files, Reader, syntax::Directive};
use kernel::{Params, Value, config::Listen};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    ops::Range,
    path::{Path, PathBuf},
};

/// What the shop's servers say of a visitor's scheme, since their own is not it any more.
const SCHEME: &str = "storewarden_scheme";

/// Words of `listen` that say nothing of its socket (ngx_http_core_module).
const OF_SERVERS: [&str; 6] =
    ["default_server", "default", "ssl", "http2", "spdy", "proxy_protocol"];

/// What makes nginx withdraw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawal {
    pub files: Vec<FileTexts>,
    /// Where it listened for visitors, and nobody will.
    pub listen: Vec<Listen>,
    /// Where the shop is to be found then, in plain http.
    pub behind: SocketAddr,
    /// The chain and the key that it showed; `None`: it spoke no https.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// It sent who came by http on to https.
    pub force_https: bool,
}

/// One file in its four states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileTexts {
    pub path: PathBuf,
    pub before: String,
    /// Visitors come as before, and the shop is to be found on this machine as well.
    pub beside: String,
    /// The shop is to be found on this machine alone.
    pub behind: String,
    /// As beside, and on the way back: somebody else may listen where visitors come, too.
    pub shared: String,
}

/// Why nginx cannot be had out of the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Obstacle {
    pub code: &'static str,
    pub params: Params,
    /// In English, with what would help.
    pub message: String,
}

impl Obstacle {
    fn new<const N: usize>(
        code: &'static str,
        params: [(&str, String); N],
        message: impl Into<String>,
    ) -> Self {
        let params = params.into_iter().map(|(name, text)| (name.to_owned(), Value::from(text)));
        Self { code, params: params.collect(), message: message.into() }
    }
}

/// One address that a server listens on.
struct Door<'a> {
    at: SocketAddr,
    tls: bool,
    /// Its words say how the socket is to be, which only one `listen` of an address may.
    has_options: bool,
    directive: &'a Directive,
}

struct Server<'a> {
    directive: &'a Directive,
    block: &'a [Directive],
    names: Vec<String>,
    doors: Vec<Door<'a>>,
    /// Listening nowhere by its words, it listens on port 80.
    is_silent: bool,
}

impl Server<'_> {
    fn is_of(&self, hosts: &[String]) -> bool {
        self.names.iter().any(|name| hosts.contains(name))
    }

    /// It answers to whoever asks for nobody.
    fn is_catch_all(&self) -> bool {
        self.names.iter().all(|name| matches!(name.as_str(), "_" | "" | "localhost"))
    }

    fn place(&self) -> String {
        self.directive.place.to_string()
    }
}

/// Reads nginx's configuration and says what makes it withdraw from a shop's ports. `free` are two
/// ports of this machine on which nobody listens.
///
/// # Errors
/// Everything that stands in the way.
pub fn withdraw(
    main: &Path,
    files: Files<'_>,
    hosts: &[String],
    free: [u16; 2],
) -> Result<Withdrawal, Vec<Obstacle>> {
    let mut reader =
        Reader { files, folder: main.parent().unwrap_or(main), notes: Vec::new(), read: 0 };
    let tree = reader.file(main);
    let mut obstacles: Vec<Obstacle> = Vec::new();
    let http: Vec<&Directive> = tree
        .iter()
        .filter(|top| top.name == "http")
        .flat_map(|top| top.block.as_deref().unwrap_or_default())
        .collect();
    let servers: Vec<Server<'_>> = http
        .iter()
        .filter(|inner| inner.name == "server")
        .filter_map(|server| self::server(server, &mut obstacles))
        .collect();
    for note in reader.notes.iter().filter(|note| !note.contains("passes on to")) {
        obstacles.push(Obstacle::new("not_understood", [("what", note.clone())], note.clone()));
    }
    let ours: Vec<&Server<'_>> = servers.iter().filter(|server| server.is_of(hosts)).collect();
    if ours.is_empty() {
        let (file, host) = (main.display().to_string(), hosts.join(", "));
        let message = format!("no server of {file} has one of the shop's hosts: {host}");
        obstacles.push(Obstacle::new("no_server", [("file", file), ("hosts", host)], message));
        return Err(obstacles);
    }
    let moved = moved(&servers, hosts, &mut obstacles);
    let withdrawal = Maker { files, moved: &moved, ours: &ours, http: &http, free };
    let made = withdrawal.make(&mut obstacles);
    match made {
        Some(made) if obstacles.is_empty() => Ok(made),
        _ => Err(obstacles),
    }
}

fn server<'a>(directive: &'a Directive, obstacles: &mut Vec<Obstacle>) -> Option<Server<'a>> {
    let block = directive.block.as_deref()?;
    let names = block.iter().filter(|inner| inner.name == "server_name");
    let names = names.flat_map(|named| named.args.iter().map(|name| name.to_lowercase()));
    let mut doors = Vec::new();
    let mut listens = 0;
    for listen in block.iter().filter(|inner| inner.name == "listen") {
        listens += 1;
        let args = &listen.args;
        let text = args.first().map(String::as_str).unwrap_or_default();
        if text.starts_with("unix:") {
            continue;
        }
        let Some(at) = address(text) else {
            let (place, what) = (listen.place.to_string(), format!("listen {}", args.join(" ")));
            let message = format!("{place} has `{what}`, which is not understood");
            let params = [("place", place), ("what", what)];
            obstacles.push(Obstacle::new("listen_not_understood", params, message));
            continue;
        };
        let has = |word: &str| args.iter().skip(1).any(|arg| arg == word);
        if has("proxy_protocol") {
            let place = listen.place.to_string();
            let message = format!(
                "{place} takes visitors by the proxy protocol: somebody stands before it already"
            );
            obstacles.push(Obstacle::new("proxy_protocol", [("place", place)], message));
        }
        // HTTP/3 comes by UDP, which is no door of ours.
        if !has("quic") {
            let has_options = args.iter().skip(1).any(|arg| !OF_SERVERS.contains(&arg.as_str()));
            doors.push(Door { at, tls: has("ssl"), has_options, directive: listen });
        }
    }
    let is_silent = listens == 0;
    Some(Server { directive, block, names: names.collect(), doors, is_silent })
}

/// `80`, `*:80`, `10.0.0.1`, `10.0.0.1:80`, `[::]:80`.
fn address(text: &str) -> Option<SocketAddr> {
    if let Ok(port) = text.strip_prefix("*:").unwrap_or(text).parse::<u16>() {
        return Some(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port));
    }
    let text = text.replace("localhost", "127.0.0.1");
    let ip = || text.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    text.parse().ok().or_else(|| Some(SocketAddr::new(ip()?, 80)))
}

/// The servers that must withdraw: the shop's own, and those of nobody at the same doors. Another
/// site there would be out of reach.
fn moved<'s, 'a>(
    servers: &'s [Server<'a>],
    hosts: &[String],
    obstacles: &mut Vec<Obstacle>,
) -> Vec<&'s Server<'a>> {
    let of_shop = servers.iter().filter(|server| server.is_of(hosts));
    let ports: BTreeSet<u16> =
        of_shop.flat_map(|server| server.doors.iter().map(|door| door.at.port())).collect();
    let mut moved = Vec::new();
    for server in servers {
        let at = server.doors.iter().find(|door| ports.contains(&door.at.port()));
        let foreign: Vec<&String> = server
            .names
            .iter()
            .filter(|name| {
                !hosts.contains(name) && !matches!(name.as_str(), "_" | "" | "localhost")
            })
            .collect();
        let place = server.place();
        if server.is_silent && (server.is_of(hosts) || ports.contains(&80)) {
            let message = format!("{place} has no `listen`: write where it listens");
            obstacles.push(Obstacle::new("no_listen", [("place", place)], message));
        } else if server.is_of(hosts) && foreign.is_empty() || at.is_some() && server.is_catch_all()
        {
            moved.push(server);
        } else if let (Some(door), Some(name)) = (at, foreign.first()) {
            let (name, port) = ((*name).clone(), door.at.port().to_string());
            let message = format!(
                "{place} serves {name} on port {port} too, which would be out of reach: add it to \
                 the shop's `hosts`, or give it a shop of its own"
            );
            let params = [("place", place), ("name", name), ("port", port)];
            obstacles.push(Obstacle::new("other_site", params, message));
        }
    }
    moved
}

struct Maker<'m, 'a> {
    files: Files<'m>,
    moved: &'m [&'m Server<'a>],
    ours: &'m [&'m Server<'a>],
    http: &'m [&'a Directive],
    free: [u16; 2],
}

/// A change of a file's bytes.
type Edit = (Range<usize>, String);

impl Maker<'_, '_> {
    fn make(&self, obstacles: &mut Vec<Obstacle>) -> Option<Withdrawal> {
        let tls = self.ours.iter().any(|server| server.doors.iter().any(|door| door.tls));
        if tls {
            self.check_plain(obstacles);
        }
        self.check_visitors(obstacles);
        let certificate = if tls { Some(self.certificate(obstacles)?) } else { None };
        let mut texts: BTreeMap<PathBuf, FileTexts> = BTreeMap::new();
        let mut edits: BTreeMap<PathBuf, [Vec<Edit>; 2]> = BTreeMap::new();
        let mut shares = self.shares();
        for server in self.moved {
            let path = &server.directive.place.file;
            if server.doors.iter().any(|door| door.directive.place.file != *path) {
                let place = server.place();
                let message = format!("{place} includes its `listen` from another file");
                obstacles.push(Obstacle::new("listen_elsewhere", [("place", place)], message));
                continue;
            }
            if !texts.contains_key(path) {
                texts.insert(path.clone(), self.text(path, obstacles)?);
            }
            let text = &texts[path].before;
            let [beside, behind] = edits.entry(path.clone()).or_default();
            self.edit(server, text, tls, beside, behind);
        }
        for (path, [beside, behind]) in edits {
            let file = texts.get_mut(&path)?;
            let mut shared = shares.remove(&path).unwrap_or_default();
            shared.extend(beside.iter().cloned());
            file.beside = edited(&file.before, beside);
            file.behind = edited(&file.before, behind);
            file.shared = edited(&file.before, shared);
        }
        let mut listen: Vec<Listen> = Vec::new();
        for door in self.moved.iter().flat_map(|server| &server.doors) {
            let one = Listen { address: door.at, tls: door.tls };
            // One door of several servers: it speaks https if one of them does.
            match listen.iter_mut().find(|known| known.address == one.address) {
                Some(known) => known.tls |= one.tls,
                None => listen.push(one),
            }
        }
        listen.sort_by_key(|one| (one.tls, one.address.port(), one.address.ip()));
        let force_https = tls && self.redirects(obstacles);
        let behind = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), self.port(tls));
        let files = texts.into_values().collect();
        Some(Withdrawal { files, listen, behind, certificate, force_https })
    }

    /// A server that spoke https and one that did not may say different things of one host.
    fn port(&self, tls: bool) -> u16 {
        self.free[usize::from(tls)]
    }

    fn text(&self, path: &Path, obstacles: &mut Vec<Obstacle>) -> Option<FileTexts> {
        let text = (self.files.text)(path).ok().flatten();
        // What is not text is not given back byte for byte.
        let Some(before) = text.filter(|text| !text.contains('\u{fffd}')) else {
            let file = path.display().to_string();
            let message = format!("{file} cannot be read as text");
            obstacles.push(Obstacle::new("not_text", [("file", file)], message));
            return None;
        };
        Some(FileTexts {
            path: path.to_owned(),
            beside: before.clone(),
            behind: before.clone(),
            shared: before.clone(),
            before,
        })
    }

    /// What lets somebody else listen where nginx does: a word in one `listen` of each address.
    fn shares(&self) -> BTreeMap<PathBuf, Vec<Edit>> {
        let mut chosen: BTreeMap<SocketAddr, &Door<'_>> = BTreeMap::new();
        for door in self.moved.iter().flat_map(|server| &server.doors) {
            let known = chosen.entry(door.at).or_insert(door);
            if door.has_options {
                *known = door;
            }
        }
        let mut edits: BTreeMap<PathBuf, Vec<Edit>> = BTreeMap::new();
        let has_it = |door: &&Door<'_>| door.directive.args.iter().any(|arg| arg == "reuseport");
        for door in chosen.into_values().filter(|door| !has_it(door)) {
            // Before its `;`.
            let end = door.directive.span.end - 1;
            let of_file = edits.entry(door.directive.place.file.clone()).or_default();
            of_file.push((end..end, " reuseport".to_owned()));
        }
        edits
    }

    fn edit(
        &self,
        server: &Server<'_>,
        text: &str,
        tls: bool,
        beside: &mut Vec<Edit>,
        behind: &mut Vec<Edit>,
    ) {
        let Some(first) = server.doors.first() else { return };
        let speaks_tls = server.doors.iter().any(|door| door.tls);
        let port = self.port(tls && speaks_tls);
        let is_default = server.doors.iter().any(|door| {
            door.directive
                .args
                .iter()
                .any(|arg| matches!(arg.as_str(), "default_server" | "default"))
        });
        let flag = if is_default { " default_server" } else { "" };
        let indent = indent(text, first.directive.span.start);
        let mut lines = vec![
            format!("listen 127.0.0.1:{port}{flag};"),
            "set_real_ip_from 127.0.0.1;".to_owned(),
            "real_ip_header X-Forwarded-For;".to_owned(),
        ];
        let range = server.directive.span.clone();
        let schemes = if speaks_tls { schemes(&text[range.clone()], range.start) } else { vec![] };
        if !schemes.is_empty() {
            lines.push(format!("set ${SCHEME} $scheme;"));
            lines.push(format!(
                "if ($http_x_forwarded_proto) {{ set ${SCHEME} $http_x_forwarded_proto; }}"
            ));
        }
        let added = lines.join(&format!("\n{indent}"));
        let end = first.directive.span.end;
        beside.push((end..end, format!("\n{indent}{added}")));
        behind.push((first.directive.span.clone(), added));
        for door in &server.doors[1..] {
            behind.push((whole_line(text, door.directive.span.clone()), String::new()));
        }
        // HTTP/3 has no place behind.
        let listens = server.block.iter().filter(|inner| inner.name == "listen");
        for quic in listens.filter(|listen| listen.args.iter().any(|arg| arg == "quic")) {
            behind.push((whole_line(text, quic.span.clone()), String::new()));
        }
        for place in schemes {
            beside.push((place.clone(), format!("${{{SCHEME}}}")));
            behind.push((place, format!("${{{SCHEME}}}")));
        }
    }

    /// What hangs on nginx speaking https itself.
    fn check_plain(&self, obstacles: &mut Vec<Obstacle>) {
        for server in self.ours.iter().filter(|server| server.doors.iter().any(|door| door.tls)) {
            each(server.block, &mut |directive| {
                let is_own = directive.place.file == server.directive.place.file;
                let found = directive.args.iter().find(|arg| {
                    arg.contains("$https")
                        || arg.contains("$ssl_")
                        || !is_own && (arg.contains("$scheme") || arg.contains("${scheme}"))
                });
                if let Some(arg) = found {
                    let (place, what) = (directive.place.to_string(), arg.clone());
                    let message = format!(
                        "{place} uses `{what}`, which says nothing once nginx does not speak https \
                         itself: take it from `$http_x_forwarded_proto`"
                    );
                    let params = [("place", place), ("what", what)];
                    obstacles.push(Obstacle::new("says_https_itself", params, message));
                }
            });
        }
    }

    /// Whom nginx believes who the visitor is.
    fn check_visitors(&self, obstacles: &mut Vec<Obstacle>) {
        let in_servers = self.moved.iter().flat_map(|server| server.block);
        let found = self.http.iter().copied().chain(in_servers);
        for directive in found.filter(|found| found.name == "real_ip_header") {
            let place = directive.place.to_string();
            let message = format!(
                "{place} has `real_ip_header`: somebody stands before nginx already, who must come \
                 before Storewarden instead"
            );
            obstacles.push(Obstacle::new("somebody_before", [("place", place)], message));
        }
    }

    fn certificate(&self, obstacles: &mut Vec<Obstacle>) -> Option<(PathBuf, PathBuf)> {
        let secure = self.ours.iter().find(|server| server.doors.iter().any(|door| door.tls))?;
        let own = |name: &str| {
            let mut all = secure.block.iter().chain(self.http.iter().copied());
            let found = all.find(|inner| inner.name == name)?;
            found.args.first().filter(|path| path.starts_with('/')).map(PathBuf::from)
        };
        let both = own("ssl_certificate").zip(own("ssl_certificate_key"));
        if both.is_none() {
            let place = secure.place();
            let message = format!("{place} does not say by whole paths which certificate it shows");
            obstacles.push(Obstacle::new("no_certificate", [("place", place)], message));
        }
        both
    }

    /// Whether all that comes by http is sent on to https; a site that differs by scheme cannot be
    /// stood before by one pool.
    fn redirects(&self, obstacles: &mut Vec<Obstacle>) -> bool {
        let plain_only = self
            .ours
            .iter()
            .filter(|server| !server.doors.is_empty() && server.doors.iter().all(|door| !door.tls));
        let mut redirects = false;
        for server in plain_only {
            let mut to_https = false;
            each(server.block, &mut |directive| {
                let mut args = directive.args.iter();
                to_https |= matches!(directive.name.as_str(), "return" | "rewrite")
                    && args.any(|arg| arg.starts_with("https://"));
            });
            if !to_https {
                let place = server.place();
                let message = format!(
                    "{place} serves by http what another server serves by https: send its visitors \
                     on to https first"
                );
                obstacles.push(Obstacle::new("http_differs", [("place", place)], message));
            }
            redirects |= to_https;
        }
        redirects
    }
}

fn each<'a>(block: &'a [Directive], visit: &mut dyn FnMut(&'a Directive)) {
    for directive in block {
        visit(directive);
        each(directive.block.as_deref().unwrap_or_default(), visit);
    }
}

/// Where `$scheme` stands.
fn schemes(text: &str, offset: usize) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for word in ["${scheme}", "$scheme"] {
        for (at, _) in text.match_indices(word) {
            let behind = text[at + word.len()..].chars().next();
            let goes_on = behind.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
            if word.ends_with('}') || !goes_on {
                found.push(offset + at..offset + at + word.len());
            }
        }
    }
    found
}

/// The white space before what stands at `at` in its line.
fn indent(text: &str, at: usize) -> String {
    let begins = text[..at].rfind('\n').map_or(0, |end| end + 1);
    text[begins..at].chars().take_while(|c| matches!(c, ' ' | '\t')).collect()
}

/// With its line, when nothing else stands there.
fn whole_line(text: &str, span: Range<usize>) -> Range<usize> {
    let begins = text[..span.start].rfind('\n').map_or(0, |end| end + 1);
    let ends = text[span.end..].find('\n').map_or(text.len(), |end| span.end + end + 1);
    let alone =
        text[begins..span.start].trim().is_empty() && text[span.end..ends].trim().is_empty();
    if alone { begins..ends } else { span }
}

/// Edits do not overlap.
fn edited(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|(range, _)| (range.start, range.end));
    let mut whole = String::with_capacity(text.len() + 256);
    let mut at = 0;
    for (range, new) in edits {
        whole.push_str(&text[at..range.start]);
        whole.push_str(&new);
        at = range.end;
    }
    whole.push_str(&text[at..]);
    whole
}

#[cfg(test)]
mod tests;
