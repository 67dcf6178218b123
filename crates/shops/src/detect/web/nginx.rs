//! nginx's configuration: its tokens and blocks (nginx.org/en/docs/beginners_guide.html, "Configuration
//! File's Structure"), and what its servers say of a site.

use super::{Files, Kind, Place, Read, Seen, Site, SiteListen, host_name, upstream_address};
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

mod syntax;
pub(super) mod withdrawal;

use syntax::{Directive, parse};

/// nginx itself has no limit; whoever needs more has a loop.
const MOST_FILES: usize = 500;

/// What servers may inherit.
#[derive(Debug, Clone, Default)]
struct Inherited {
    root: Option<Seen<PathBuf>>,
    access_log: Option<Seen<PathBuf>>,
    /// The name of its format.
    log_format: Option<String>,
    certificate: Option<Seen<PathBuf>>,
    certificate_key: Option<PathBuf>,
}

type Upstreams = BTreeMap<String, Vec<SocketAddr>>;
/// What `log_format` says, by name.
type Formats = BTreeMap<String, String>;

/// Reads a configuration with all that it includes.
pub(super) fn read(file: &Path, files: Files<'_>) -> Read {
    let mut reader =
        Reader { files, folder: file.parent().unwrap_or(file), notes: Vec::new(), read: 0 };
    let main = reader.file(file);
    let mut sites = Vec::new();
    // A file that only holds servers is one that nginx includes; read by itself it means the same.
    let tops = main.iter().filter(|top| top.name == "http").filter_map(|top| top.block.as_deref());
    for http in tops {
        let (upstreams, formats) = (reader.upstreams(http), formats(http));
        let inherited = inherit(&Inherited::default(), http);
        for server in http.iter().filter(|inner| inner.name == "server") {
            sites.extend(reader.site(server, &upstreams, &formats, &inherited));
        }
    }
    Read { sites, notes: reader.notes }
}

struct Reader<'a> {
    files: Files<'a>,
    /// What relative paths go from.
    folder: &'a Path,
    notes: Vec<String>,
    read: usize,
}

impl Reader<'_> {
    fn file(&mut self, path: &Path) -> Vec<Directive> {
        self.read += 1;
        if self.read > MOST_FILES {
            self.note(&Place::whole(path), "is one file too many: includes go in circles");
            return Vec::new();
        }
        let text = match (self.files.text)(path) {
            Ok(Some(text)) => text,
            Ok(None) => {
                self.note(&Place::whole(path), "is not there");
                return Vec::new();
            }
            Err(why) => {
                self.note(&Place::whole(path), &format!("cannot be read: {why}"));
                return Vec::new();
            }
        };
        let parsed = parse(path, &text);
        for (line, what) in parsed.faults {
            self.note(&Place::new(path, line), &what);
        }
        self.included(parsed.directives)
    }

    /// Puts what is included in its place.
    fn included(&mut self, directives: Vec<Directive>) -> Vec<Directive> {
        let mut all = Vec::new();
        for mut directive in directives {
            if directive.name != "include" {
                let block = directive.block.take();
                directive.block = block.map(|block| self.included(block));
                all.push(directive);
                continue;
            }
            let Some(pattern) = directive.args.first() else { continue };
            match self.files.matching(&self.folder.join(pattern)) {
                Some(paths) => {
                    for path in paths {
                        all.extend(self.file(&path));
                    }
                }
                None => self.note(&directive.place, "includes by a pattern that is not followed"),
            }
        }
        all
    }

    fn upstreams(&mut self, http: &[Directive]) -> Upstreams {
        let mut upstreams = Upstreams::new();
        for upstream in http.iter().filter(|inner| inner.name == "upstream") {
            let Some(name) = upstream.args.first() else { continue };
            let block = upstream.block.as_deref().unwrap_or_default();
            let servers = upstreams.entry(name.clone()).or_default();
            for server in block.iter().filter(|inner| inner.name == "server") {
                let Some(text) = server.args.first() else { continue };
                match upstream_address(text, 80) {
                    Some(address) => servers.push(address),
                    None => self.note(&server.place, &format!("has no IP address: {text}")),
                }
            }
        }
        upstreams
    }

    fn site(
        &mut self,
        server: &Directive,
        upstreams: &Upstreams,
        formats: &Formats,
        inherited: &Inherited,
    ) -> Option<Site> {
        let block = server.block.as_deref()?;
        let own = inherit(inherited, block);
        let mut passes_to = Vec::new();
        let mut root = own.root;
        self.locations(block, upstreams, &mut passes_to, &mut root);
        Some(Site {
            kind: Kind::Nginx,
            place: server.place.clone(),
            names: self.names(block),
            listens: listens(block),
            root,
            passes_to,
            access_log: own.access_log,
            log_format: own.log_format.and_then(|name| formats.get(&name).cloned()),
            certificate: own.certificate,
            certificate_key: own.certificate_key,
        })
    }

    fn names(&mut self, block: &[Directive]) -> Vec<Seen<String>> {
        let mut names = Vec::new();
        for directive in block.iter().filter(|inner| inner.name == "server_name") {
            for text in &directive.args {
                // The catch-all names of default servers say nothing.
                if text.is_empty() || text == "_" {
                    continue;
                }
                // `.shop.example` is the name and all below it.
                let dotted =
                    text.strip_prefix('.').map(|rest| [rest.to_owned(), format!("*.{rest}")]);
                let texts = dotted.map_or_else(|| vec![text.clone()], Vec::from);
                for text in texts {
                    match host_name(&text) {
                        Some(value) => names.push(seen(value, directive, "server_name")),
                        None => self.note(
                            &directive.place,
                            &format!("has the server_name `{text}`, which is not taken over"),
                        ),
                    }
                }
            }
        }
        names
    }

    /// What any location of a server passes on, and the first root where the server has none.
    fn locations(
        &mut self,
        block: &[Directive],
        upstreams: &Upstreams,
        passes_to: &mut Vec<Seen<SocketAddr>>,
        root: &mut Option<Seen<PathBuf>>,
    ) {
        for directive in block {
            match directive.name.as_str() {
                "proxy_pass" => self.pass(directive, upstreams, passes_to),
                "root" if root.is_none() => *root = path(directive, "root"),
                _ => {}
            }
            if let Some(inner) = &directive.block {
                self.locations(inner, upstreams, passes_to, root);
            }
        }
    }

    fn pass(
        &mut self,
        directive: &Directive,
        upstreams: &Upstreams,
        passes_to: &mut Vec<Seen<SocketAddr>>,
    ) {
        let Some(text) = directive.args.first() else { return };
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let authority = rest.split('/').next().unwrap_or_default();
        let port = if scheme == "https" { 443 } else { 80 };
        let addresses = match upstreams.get(authority) {
            Some(servers) => servers.clone(),
            None => upstream_address(authority, port).into_iter().collect(),
        };
        if addresses.is_empty() {
            self.note(&directive.place, &format!("passes on to `{text}`, which is not followed"));
        }
        for address in addresses {
            if passes_to.iter().all(|known| known.value != address) {
                passes_to.push(seen(address, directive, "proxy_pass"));
            }
        }
    }

    fn note(&mut self, place: &Place, what: &str) {
        self.notes.push(format!("{place} {what}"));
    }
}

fn seen<T>(value: T, directive: &Directive, by: &'static str) -> Seen<T> {
    Seen { value, place: directive.place.clone(), by }
}

fn path(directive: &Directive, by: &'static str) -> Option<Seen<PathBuf>> {
    let text = directive.args.first()?;
    // What depends on the request is no folder.
    let plain = text.starts_with('/') && !text.contains('$');
    plain.then(|| seen(PathBuf::from(text), directive, by))
}

fn inherit(from: &Inherited, block: &[Directive]) -> Inherited {
    let find = |name: &'static str| {
        let own = block.iter().find(|inner| inner.name == name)?;
        path(own, name)
    };
    let logs = find("access_log").map(|log| {
        let own = block.iter().find(|inner| inner.name == "access_log");
        // What has a `=` is an option, as `buffer=32k`.
        let named = own.and_then(|own| own.args.get(1)).filter(|word| !word.contains('='));
        (Some(log), named.cloned())
    });
    let (access_log, log_format) =
        logs.unwrap_or_else(|| (from.access_log.clone(), from.log_format.clone()));
    Inherited {
        root: find("root").or_else(|| from.root.clone()),
        access_log,
        log_format,
        certificate: find("ssl_certificate").or_else(|| from.certificate.clone()),
        certificate_key: find("ssl_certificate_key")
            .map(|key| key.value)
            .or_else(|| from.certificate_key.clone()),
    }
}

/// The parts of a format are one text.
fn formats(http: &[Directive]) -> Formats {
    let named = http.iter().filter(|inner| inner.name == "log_format");
    named
        .filter_map(|format| {
            let (name, parts) = format.args.split_first()?;
            let text = parts.iter().filter(|part| !part.starts_with("escape="));
            Some((name.clone(), text.cloned().collect()))
        })
        .collect()
}

fn listens(block: &[Directive]) -> Vec<SiteListen> {
    let mut listens = Vec::new();
    for directive in block.iter().filter(|inner| inner.name == "listen") {
        let Some(text) = directive.args.first() else { continue };
        let tls = directive.args.iter().skip(1).any(|arg| arg == "ssl");
        let bare_port = text.parse::<u16>().ok().map(|port| (None, port));
        let starred = text.strip_prefix("*:").and_then(|port| Some((None, port.parse().ok()?)));
        let whole = || {
            let ip = |ip: IpAddr| (!ip.is_unspecified()).then_some(ip);
            upstream_address(text, 80).map(|at| (ip(at.ip()), at.port()))
        };
        if let Some((ip, port)) = bare_port.or(starred).or_else(whole) {
            listens.push(SiteListen { ip, port, tls });
        }
    }
    if listens.is_empty() {
        // nginx.org/en/docs/http/ngx_http_core_module.html#listen: *:80 for root.
        listens.push(SiteListen { ip: None, port: 80, tls: false });
    }
    listens
}
