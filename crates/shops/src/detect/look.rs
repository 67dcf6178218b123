//! From listeners and files to web servers, databases and shops. Listeners of one folder are
//! instances of one shop; a web server's sites give it its host names.

use super::{
    Detected, Listener, Machine, database, settings,
    shop::{App, DetectedPlatform, DetectedShop},
    signs::{self, Recognised},
    web::{self, Seen, Site},
};
use crate::platform;
use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

/// Programs that listen on machines of shops and are none.
const NEVER_SHOPS: [&str; 12] = [
    "sshd",
    "systemd",
    "systemd-resolve",
    "redis-server",
    "valkey-server",
    "memcached",
    "exim4",
    "master",
    "chronyd",
    "cupsd",
    "storewarden",
    "dnsmasq",
];

/// Of hidden listeners, so many are told by their addresses.
const MOST_NAMED: usize = 8;

/// What stands together: a platform's folder with its processes and sites.
#[derive(Default)]
struct Group<'a> {
    recognised: Option<Recognised>,
    folder: Option<PathBuf>,
    shown_by: String,
    processes: Vec<&'a Listener>,
    sites: Vec<&'a Site>,
}

/// Concludes what runs on a machine.
#[must_use]
pub fn look(machine: &Machine<'_>) -> Detected {
    let (web_servers, read) = web::look(&machine.listeners, machine.files);
    let mut notes = read.notes;
    let database_servers = database::servers(&machine.listeners);
    let candidates = machine.listeners.iter().filter(|listener| {
        let is_database = database_servers.iter().any(|server| {
            server.pid == listener.pid
                && Some(server.listens.port()) == listener.address.map(|a| a.port())
        });
        let named = |name: &str| NEVER_SHOPS.contains(&name);
        !web::is_web_server(listener)
            && !is_database
            && !listener.name.as_deref().is_some_and(named)
    });
    let candidates: Vec<&Listener> = candidates.collect();
    let mut groups = of_processes(&candidates, machine);
    for site in &read.sites {
        place(site, &candidates, &mut groups, machine);
    }
    let shops = groups.iter().filter_map(|group| shop(group, machine, &mut notes)).collect();
    notes.extend(hidden(&machine.listeners));
    let mut taken_ports: Vec<u16> =
        machine.listeners.iter().filter_map(|listener| Some(listener.address?.port())).collect();
    taken_ports.sort_unstable();
    taken_ports.dedup();
    Detected {
        web_servers,
        sites: read.sites,
        database_servers,
        shops,
        notes,
        taken_ports,
        low_ports: machine.low_ports,
        time_zone: machine.time_zone.clone(),
    }
}

/// Who listens and does not show; more than a few are a number.
fn hidden(listeners: &[Listener]) -> Option<String> {
    let hidden = listeners.iter().filter(|listener| listener.pid.is_none());
    let addresses: Vec<String> =
        hidden.filter_map(|listener| Some(listener.address?.to_string())).collect();
    let what = match addresses.as_slice() {
        [] => return None,
        few if few.len() <= MOST_NAMED => few.join(", "),
        many => format!("{} addresses", many.len()),
    };
    Some(format!("somebody listens on {what}, and by which process is not visible to this user"))
}

/// Groups the processes that a platform is recognised in; the others wait for a web server's word.
fn of_processes<'a>(candidates: &[&'a Listener], machine: &Machine<'_>) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for listener in candidates {
        let Some((recognised, folder, shown_by)) = recognise(listener, machine) else { continue };
        let same = |group: &&mut Group<'_>| {
            let name = group.recognised.map(|known| &known.signs.name);
            let database = |process| settings::by_command_line(recognised.signs, process);
            name == Some(&recognised.signs.name)
                && group.folder == folder
                && group.processes.first().is_none_or(|first| database(first) == database(listener))
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.processes.push(listener),
            None => groups.push(Group {
                recognised: Some(recognised),
                folder,
                shown_by,
                processes: vec![listener],
                sites: Vec::new(),
            }),
        }
    }
    groups
}

fn recognise(
    listener: &Listener,
    machine: &Machine<'_>,
) -> Option<(Recognised, Option<PathBuf>, String)> {
    if let Some(recognised) = signs::by_command(listener) {
        let said = listener.pid.map_or_else(String::new, |pid| format!(" of process {pid}"));
        return Some((recognised, None, format!("the command line{said}")));
    }
    let directory = listener.directory.as_deref();
    // `node /srv/shop/index.js`, started from anywhere.
    let named =
        listener.command.iter().skip(1).filter(|word| !word.starts_with('-')).map(Path::new);
    let named = named.filter(|path| path.is_absolute()).filter_map(Path::parent);
    let mut folders = directory.into_iter().chain(named);
    folders.find_map(|folder| {
        let (recognised, own, shown_by) = signs::by_files(folder, machine.files)?;
        Some((recognised, Some(own), shown_by.display().to_string()))
    })
}

/// Puts a site to the group that it serves; a new one where it passes requests on to somebody
/// unknown. Sites that only redirect or serve files are nobody's.
fn place<'a>(
    site: &'a Site,
    candidates: &[&'a Listener],
    groups: &mut Vec<Group<'a>>,
    machine: &Machine<'_>,
) {
    let passes = |address: SocketAddr| site.passes_to.iter().any(|to| meets(to.value, address));
    if !site.passes_to.is_empty() {
        let serves = |group: &&mut Group<'_>| {
            let processes = group.processes.iter().filter_map(|process| process.address);
            let others = group.sites.iter().flat_map(|other| &other.passes_to);
            processes.chain(others.map(|to| to.value)).any(passes)
        };
        if let Some(group) = groups.iter_mut().find(serves) {
            return group.sites.push(site);
        }
        let processes = candidates.iter().filter(|listener| listener.address.is_some_and(passes));
        let processes: Vec<&Listener> = processes.copied().collect();
        groups.push(Group { processes, sites: vec![site], ..Group::default() });
        return;
    }
    let root = site.root.as_ref().map(|root| root.value.as_path());
    let Some((recognised, folder, shown_by)) = root.and_then(|r| signs::by_files(r, machine.files))
    else {
        return;
    };
    match groups.iter_mut().find(|group| group.folder.as_ref() == Some(&folder)) {
        Some(group) => group.sites.push(site),
        None => groups.push(Group {
            recognised: Some(recognised),
            folder: Some(folder),
            shown_by: shown_by.display().to_string(),
            processes: Vec::new(),
            sites: vec![site],
        }),
    }
}

fn shop(group: &Group<'_>, machine: &Machine<'_>, notes: &mut Vec<String>) -> Option<DetectedShop> {
    let signs = group.recognised.map(|recognised| recognised.signs);
    let platform = signs.map(|signs| DetectedPlatform {
        name: signs.name.clone(),
        title: signs.title.clone(),
        known: platform(&signs.name).is_some(),
        shown_by: group.shown_by.clone(),
    });
    let folder = group.folder.as_deref();
    let below = |names: &[String]| -> Vec<PathBuf> {
        let folder = folder.into_iter();
        let all = folder.flat_map(|folder| names.iter().map(move |name| folder.join(name)));
        all.filter(|path| (machine.files.exists)(path)).collect()
    };
    let mut shop = DetectedShop {
        platform,
        folder: group.folder.clone(),
        hosts: Vec::new(),
        apps: apps(group),
        database: signs
            .and_then(|signs| settings::database(signs, folder, &group.processes, machine, notes)),
        media: signs.map(|signs| below(&signs.media)).unwrap_or_default(),
        logs: signs.map(|signs| below(&signs.logs)).unwrap_or_default(),
        front: None,
        access_log: None,
        log_format: None,
        certificate: None,
    };
    shop.behind(&group.sites);
    (!shop.apps.is_empty()).then_some(shop)
}

/// Where a web server passes on to; else where its processes listen; else where the web server
/// itself, which runs it, answers in plain http.
fn apps(group: &Group<'_>) -> Vec<App> {
    let mut apps: Vec<App> = Vec::new();
    for site in &group.sites {
        for to in &site.passes_to {
            if apps.iter().any(|known| known.address == to.value) {
                continue;
            }
            let process =
                group.processes.iter().find(|p| p.address.is_some_and(|a| meets(to.value, a)));
            let seen = Seen { value: site.kind, place: to.place.clone(), by: to.by };
            let unseen = Listener::default();
            let app = App::of(process.unwrap_or(&&unseen), to.value);
            apps.push(App { passed_by: Some(seen), listens: process.is_some(), ..app });
        }
    }
    if !apps.is_empty() {
        return apps;
    }
    for process in &group.processes {
        let Some(address) = process.address.map(reachable) else { continue };
        if apps.iter().all(|known| known.address != address) {
            apps.push(App::of(process, address));
        }
    }
    if apps.is_empty()
        && let Some((site, address)) =
            group.sites.iter().find_map(|site| Some((site, site.plain_address()?)))
    {
        let place = site.place.clone();
        let server = Listener { name: Some(site.kind.title().to_owned()), ..Listener::default() };
        let by = if site.kind == web::Kind::Nginx { "server" } else { "VirtualHost" };
        let passed_by = Some(Seen { value: site.kind, place, by });
        apps.push(App { passed_by, ..App::of(&server, address) });
    }
    apps
}

/// The address at which this machine reaches a listener.
fn reachable(address: SocketAddr) -> SocketAddr {
    let here = IpAddr::from([127, 0, 0, 1]);
    if address.ip().is_unspecified() { SocketAddr::new(here, address.port()) } else { address }
}

/// Whether a connection to an address arrives at a listener.
fn meets(to: SocketAddr, listens: SocketAddr) -> bool {
    let same = to.ip().to_canonical() == listens.ip().to_canonical();
    to.port() == listens.port() && (same || listens.ip().is_unspecified())
}
