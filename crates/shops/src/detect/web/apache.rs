//! Apache's configuration: its lines and sections (httpd.apache.org/docs/2.4/configuring.html), and
//! what its virtual hosts say of a site.

use super::{Files, Kind, Place, Read, Seen, Site, SiteListen, host_name, upstream_address};
use kernel::LogFormat;
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// Whoever needs more has a loop.
const MOST_FILES: usize = 500;
/// Where Debian's service has its variables from.
const VARIABLES_FILE: &str = "envvars";

/// Reads a configuration with all that it includes.
pub(super) fn read(file: &Path, files: Files<'_>) -> Read {
    let folder = file.parent().unwrap_or(file);
    let variables = files.read(&folder.join(VARIABLES_FILE));
    let mut reader = Reader {
        files,
        folder: folder.to_owned(),
        variables: variables.map(|text| exported(&text)).unwrap_or_default(),
        balancers: BTreeMap::new(),
        within: Vec::new(),
        sites: Vec::new(),
        notes: Vec::new(),
        read: 0,
    };
    reader.file(file);
    reader.finish()
}

struct Reader<'a> {
    files: Files<'a>,
    /// What relative paths go from: `ServerRoot`, else where the first file lies.
    folder: PathBuf,
    variables: BTreeMap<String, String>,
    /// Members of `balancer://NAME`.
    balancers: BTreeMap<String, Vec<SocketAddr>>,
    /// The sections that are open, by their names in lower case and their arguments.
    within: Vec<(String, String)>,
    sites: Vec<Draft>,
    notes: Vec<String>,
    read: usize,
}

/// A virtual host while it is read: a balancer may be defined behind it.
struct Draft {
    site: Site,
    balanced: Vec<Seen<String>>,
}

impl Reader<'_> {
    fn file(&mut self, path: &Path) {
        self.read += 1;
        let whole = Place::whole(path);
        if self.read > MOST_FILES {
            return self.note(&whole, "is one file too many: includes go in circles");
        }
        let text = match (self.files.text)(path) {
            Ok(Some(text)) => text,
            Ok(None) => return self.note(&whole, "is not there"),
            Err(why) => return self.note(&whole, &format!("cannot be read: {why}")),
        };
        for (number, line) in lines(&text) {
            let place = Place::new(path, number);
            if let Some(section) = line.strip_prefix('<') {
                self.section(section.trim_end_matches('>'), &place);
                continue;
            }
            let words = words(&line);
            if let Some((name, args)) = words.split_first() {
                let args: Vec<String> = args.iter().map(|arg| self.expanded(arg)).collect();
                self.directive(&name.to_ascii_lowercase(), &args, &place);
            }
        }
    }

    fn section(&mut self, text: &str, place: &Place) {
        if let Some(name) = text.strip_prefix('/') {
            let name = name.trim().to_ascii_lowercase();
            match self.within.iter().rposition(|(open, _)| *open == name) {
                Some(at) => self.within.truncate(at),
                None => self.note(place, &format!("closes `{name}`, which is not open")),
            }
            return;
        }
        let (name, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let name = name.to_ascii_lowercase();
        if name == "virtualhost" {
            let listens = words(rest).iter().filter_map(|text| listen(text)).collect();
            let site = Site {
                kind: Kind::Apache,
                place: place.clone(),
                names: Vec::new(),
                listens,
                root: None,
                passes_to: Vec::new(),
                access_log: None,
                log_format: None,
                certificate: None,
                certificate_key: None,
            };
            self.sites.push(Draft { site, balanced: Vec::new() });
        }
        self.within.push((name, rest.trim().to_owned()));
    }

    fn directive(&mut self, name: &str, args: &[String], place: &Place) {
        let first = args.first().map(String::as_str).unwrap_or_default();
        match name {
            "include" | "includeoptional" => return self.include(first, place),
            "define" => {
                let value = args.get(1).cloned().unwrap_or_default();
                self.variables.insert(first.to_owned(), value);
                return;
            }
            "serverroot" => {
                self.folder = PathBuf::from(first);
                return;
            }
            "balancermember" => return self.member(first),
            _ => {}
        }
        let in_site = self.within.iter().any(|(open, _)| open == "virtualhost");
        let Some(draft) = self.sites.last_mut().filter(|_| in_site) else { return };
        let site = &mut draft.site;
        let path = |by| {
            let path = self.folder.join(first);
            // What is piped to a program is no file.
            let plain = !first.is_empty() && !first.starts_with('|') && !first.contains("${");
            plain.then(|| Seen { value: path, place: place.clone(), by })
        };
        match name {
            "servername" | "serveralias" => self.names(name, args, place),
            "documentroot" => site.root = path("DocumentRoot").or(site.root.take()),
            "customlog" if site.access_log.is_none() => {
                site.access_log = path("CustomLog");
                // A nickname of its own is one that only its `LogFormat` tells.
                let is_known = |text: &&String| LogFormat::read(text).is_ok();
                site.log_format = args.get(1).filter(is_known).cloned();
            }
            "sslcertificatefile" => site.certificate = path("SSLCertificateFile"),
            "sslcertificatekeyfile" => {
                site.certificate_key = path("SSLCertificateKeyFile").map(|key| key.value);
            }
            "sslengine" if first.eq_ignore_ascii_case("on") => {
                site.listens.iter_mut().for_each(|listen| listen.tls = true);
            }
            "proxypass" | "proxypassmatch" => {
                // Within a <Location> there is no path before the address.
                let target = args.iter().find(|arg| arg.contains("://"));
                self.pass(target.cloned(), place);
            }
            _ => {}
        }
    }

    fn names(&mut self, name: &str, args: &[String], place: &Place) {
        let by = if name == "servername" { "ServerName" } else { "ServerAlias" };
        for text in args {
            let bare = text.rsplit("://").next().unwrap_or(text);
            let bare = bare.rsplit_once(':').map_or(bare, |(host, _)| host);
            let Some(value) = host_name(bare) else {
                self.note(place, &format!("has the {by} `{text}`, which is not taken over"));
                continue;
            };
            let site =
                &mut self.sites.last_mut().expect("invariant: a name is read in a site").site;
            site.names.push(Seen { value, place: place.clone(), by });
        }
    }

    fn pass(&mut self, target: Option<String>, place: &Place) {
        // `ProxyPass /images !` passes nothing on.
        let Some(target) = target else { return };
        let (scheme, rest) = target.split_once("://").unwrap_or(("", &target));
        let authority = rest.split('/').next().unwrap_or_default();
        let by = "ProxyPass";
        let port = match scheme {
            "balancer" => {
                let name = Seen { value: authority.to_owned(), place: place.clone(), by };
                return self.draft().balanced.push(name);
            }
            "http" | "ws" => 80,
            "https" | "wss" => 443,
            // FastCGI and the like are not spoken by us: Apache itself is what answers.
            _ => return,
        };
        match upstream_address(authority, port) {
            Some(value) => push(&mut self.draft().site, value, place),
            None => self.note(place, &format!("passes on to `{target}`, which is not followed")),
        }
    }

    fn draft(&mut self) -> &mut Draft {
        self.sites.last_mut().expect("invariant: what passes on is read in a site")
    }

    fn member(&mut self, target: &str) {
        let name = self.within.iter().rev().find(|(open, _)| open == "proxy");
        let name = name.and_then(|(_, rest)| rest.trim_matches('"').strip_prefix("balancer://"));
        let authority = target.split_once("://").map_or(target, |(_, rest)| rest);
        let address = upstream_address(authority.split('/').next().unwrap_or_default(), 80);
        if let Some((name, address)) = name.map(str::to_owned).zip(address) {
            self.balancers.entry(name.trim_end_matches('/').to_owned()).or_default().push(address);
        }
    }

    fn include(&mut self, pattern: &str, place: &Place) {
        let path = self.folder.join(pattern);
        // A folder stands for all that is in it.
        let whole = if (self.files.list)(&path).is_empty() { path } else { path.join("*") };
        match self.files.matching(&whole) {
            Some(paths) => {
                let optional = pattern.contains('*');
                let there = |path: &PathBuf| !optional || (self.files.exists)(path);
                for path in paths.into_iter().filter(there).collect::<Vec<_>>() {
                    self.file(&path);
                }
            }
            None => self.note(place, "includes by a pattern that is not followed"),
        }
    }

    /// `${NAME}`; one that is not known stays as it is.
    fn expanded(&self, text: &str) -> String {
        let mut whole = text.to_owned();
        for (name, value) in &self.variables {
            whole = whole.replace(&format!("${{{name}}}"), value);
        }
        whole
    }

    fn finish(mut self) -> Read {
        let mut sites = Vec::new();
        for Draft { mut site, balanced } in std::mem::take(&mut self.sites) {
            for name in balanced {
                let members = self.balancers.get(&name.value).cloned().unwrap_or_default();
                if members.is_empty() {
                    self.note(
                        &name.place,
                        &format!("passes on to `{}`, of no members", name.value),
                    );
                }
                members.into_iter().for_each(|member| push(&mut site, member, &name.place));
            }
            sites.push(site);
        }
        Read { sites, notes: self.notes }
    }

    fn note(&mut self, place: &Place, what: &str) {
        self.notes.push(format!("{place} {what}"));
    }
}

fn push(site: &mut Site, value: SocketAddr, place: &Place) {
    if site.passes_to.iter().all(|known| known.value != value) {
        site.passes_to.push(Seen { value, place: place.clone(), by: "ProxyPass" });
    }
}

/// Lines that say something, those that end in `\` with the next, each with its number.
fn lines(text: &str) -> Vec<(usize, String)> {
    let mut whole: Vec<(usize, String)> = Vec::new();
    let mut goes_on = false;
    for (index, line) in text.lines().enumerate() {
        let (part, more) = match line.strip_suffix('\\') {
            Some(part) => (part, true),
            None => (line, false),
        };
        match whole.last_mut().filter(|_| goes_on) {
            Some((_, before)) => before.push_str(part),
            None => whole.push((index + 1, part.to_owned())),
        }
        goes_on = more;
    }
    let said = |(number, line): (usize, String)| {
        let line = line.trim();
        (!line.is_empty() && !line.starts_with('#')).then(|| (number, line.to_owned()))
    };
    whole.into_iter().filter_map(said).collect()
}

fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, after) = match first {
            '"' | '\'' => {
                let inner = &rest[1..];
                inner.split_once(first).unwrap_or((inner, ""))
            }
            _ => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    words
}

/// `*:443`, `10.0.0.5:80`, `_default_:443`, `*`. By itself it does not say whether it is encrypted;
/// 443 is.
fn listen(text: &str) -> Option<SiteListen> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if port != "*" => (host, port.parse().ok()?),
        Some((host, _)) => (host, 80),
        None => (text, 80),
    };
    let ip = host.trim_matches(['[', ']']).parse().ok();
    Some(SiteListen { ip, port, tls: port == 443 })
}

/// `export NAME=value` of a file for shells; what a shell would have to work out is left empty.
fn exported(text: &str) -> BTreeMap<String, String> {
    let pair = |line: &str| {
        let (name, value) = line.trim().strip_prefix("export ")?.split_once('=')?;
        let value = value.split('$').next().unwrap_or_default().trim_matches(['"', '\'']);
        Some((name.trim().to_owned(), value.to_owned()))
    };
    text.lines().filter_map(pair).collect()
}
