//! Makes the plan by which Storewarden takes a web server's place: from what the machine shows, what
//! the web server's files say and what the configuration is. Reads and looks, and changes nothing.

use super::{
    super::{configuration, kind, refuse},
    nginx::Nginx,
    pages,
};
use crate::{
    configuration::{changed, load},
    init::machine,
    ports,
};
use api::Refusal;
use host::{sharing, steering};
use kernel::{
    Params, ShopId,
    config::{
        Bundle, Configuration, InFront, InstanceSettings, Launch, Listen, ShopSettings,
        put_in_front, put_listen,
    },
    plan::{Act, Approval, FileChange, OnFailure, PageLook, Plan, Purpose, Step, Undo},
};
use shops::detect::{Kind, Obstacle, Site, Withdrawal, look, withdraw};
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

/// Where free ports are looked for: beside the usual one of such servers.
const FIRST_PORT: u16 = 8081;
const CONFIGURE_MS: u64 = 60_000;
const LOOK_MS: u64 = 120_000;
const PORTS_MS: u64 = 180_000;

/// What the web server can do for a shop.
struct Found {
    main: PathBuf,
    withdrawal: Withdrawal,
}

/// Makes the plan. Blocks while it looks.
///
/// # Errors
/// When the shop is none that another web server stands before, or that one cannot be had out of the
/// way.
pub(in crate::control) fn plan(
    file: &Path,
    configuration: &Configuration,
    shop: &ShopId,
    now_ms: i64,
) -> Result<Plan, Refusal> {
    let settings = configuration.shops.iter().find(|one| one.id == *shop);
    let settings =
        settings.ok_or_else(|| refuse("there is no such shop").because("no_shop", []))?;
    if settings.beside.is_none() {
        return Err(refuse("Storewarden stands before this shop already")
            .because("in_front_already", [("shop", shop.as_str().into())]));
    }
    let is_ours =
        |instance: &&InstanceSettings| matches!(instance.launch, Some(Launch::Command(_)));
    if let Some(ours) = settings.instances.iter().find(is_ours) {
        let name = ours.name.as_str();
        return Err(refuse(format!(
            "Storewarden starts {name}, and would not any more: from then on the web server is the \
             shop's one instance. Have systemd start it, and take `command` out of `app` first"
        ))
        .because("instance_is_ours", [("instance", name.into())]));
    }
    let found = find(configuration, settings)?;
    let steps = steps(file, configuration, settings, &found)?;
    let listen = found.withdrawal.listen.iter().map(ToString::to_string).collect::<Vec<_>>();
    let params = Params::from([
        ("shop".to_owned(), shop.as_str().into()),
        ("listen".to_owned(), listen.join(", ").into()),
    ]);
    let (steps, facts) = steps;
    Ok(Plan {
        kind: kind("front"),
        shop: Some(shop.clone()),
        params,
        steps,
        made_at_ms: now_ms,
        facts,
        approval: Approval::NotNeeded,
        purpose: Purpose::Change,
        on_failure: OnFailure::Undo,
        window: None,
    })
}

fn find(configuration: &Configuration, settings: &ShopSettings) -> Result<Found, Refusal> {
    let free = free_ports(configuration);
    let looked = machine::with(|machine| {
        let detected = look(machine);
        let servers = &detected.web_servers;
        let mut withdrawn = Vec::new();
        for server in servers.iter().filter(|server| server.kind == Kind::Nginx) {
            let found = withdraw(&server.file, machine.files, &settings.hosts, free);
            withdrawn.push((server.file.clone(), found));
        }
        let apache = servers.iter().any(|server| server.kind == Kind::Apache);
        (withdrawn, apache, logged_ports(&detected.sites, settings))
    });
    let (withdrawn, has_apache, ports) = looked.map_err(|error| refuse(format!("{error:#}")))?;
    let mut obstacles: Vec<Obstacle> = Vec::new();
    let mut candidates: Vec<Found> = Vec::new();
    for (main, found) in withdrawn {
        match found {
            Ok(withdrawal) => candidates.push(Found { main, withdrawal }),
            // A server of other shops says nothing of this one.
            Err(found) if found.iter().all(|one| one.code == "no_server") => {}
            Err(found) => obstacles.extend(found),
        }
    }
    let doors = |found: &Found| -> Vec<u16> {
        found.withdrawal.listen.iter().map(|listen| listen.address.port()).collect()
    };
    let place = choose(&candidates.iter().map(doors).collect::<Vec<_>>(), &ports);
    match place {
        Some(place) => Ok(candidates.swap_remove(place)),
        None if candidates.is_empty() => {
            Err(unmovable(&obstacles, has_apache, &settings.hosts.join(", ")))
        }
        None => Err(several(&candidates, &settings.hosts.join(", "))),
    }
}

/// Where sites listen that write the logs that the shop is known by.
fn logged_ports(sites: &[Site], settings: &ShopSettings) -> BTreeSet<u16> {
    let logs = settings.beside.iter().flat_map(|beside| &beside.logs).collect::<Vec<_>>();
    let writes = |site: &&Site| {
        site.access_log.as_ref().is_some_and(|log| logs.iter().any(|known| **known == log.value))
    };
    sites.iter().filter(writes).flat_map(|site| &site.listens).map(|listen| listen.port).collect()
}

/// Which of several web servers stands before the shop, by the ports of each: the one that writes its
/// logs. A single one needs no proof.
fn choose(doors: &[Vec<u16>], logged: &BTreeSet<u16>) -> Option<usize> {
    if doors.len() == 1 {
        return Some(0);
    }
    let mut fitting = doors
        .iter()
        .enumerate()
        .filter(|(_, ports)| ports.iter().any(|port| logged.contains(port)));
    let (place, _) = fitting.next()?;
    fitting.next().is_none().then_some(place)
}

fn several(candidates: &[Found], hosts: &str) -> Refusal {
    let files = candidates.iter().map(|found| found.main.display().to_string());
    let files = files.collect::<Vec<_>>().join(", ");
    refuse(format!(
        "several nginx of this machine serve {hosts} ({files}), and it is not seen which of them \
         writes the shop's log; stop those that do not serve it"
    ))
    .because("several_web_servers", [("hosts", hosts.into()), ("files", files.into())])
}

/// Why no web server can be had out of the way, and what a person does about it.
fn unmovable(obstacles: &[Obstacle], has_apache: bool, hosts: &str) -> Refusal {
    let Some(first) = obstacles.first() else {
        return match has_apache {
            true => refuse(
                "Apache stands before this shop, and only nginx can be moved by a plan: give Apache \
                 another `Listen`, and write `front = true` and its address as `app`",
            )
            .because("apache_is_moved_by_hand", []),
            false => refuse(format!("no nginx of this machine serves {hosts}"))
                .because("no_web_server", [("hosts", hosts.into())]),
        };
    };
    let details = obstacles.iter().map(|one| one.message.clone()).collect();
    let params = first.params.clone();
    let mut refusal = refuse("nginx cannot be moved as its configuration is");
    refusal.details = details;
    refusal.reason = Some(kernel::plan::Reason { code: first.code.to_owned(), params });
    refusal
}

/// Two ports of this machine that nobody has, and that are nobody's in the configuration.
fn free_ports(configuration: &Configuration) -> [u16; 2] {
    let instances = configuration.shops.iter().flat_map(|shop| &shop.instances);
    let mut taken: BTreeSet<u16> = instances.map(|one| one.address.port()).collect();
    taken.extend(configuration.edge.listen.iter().map(|one| one.address.port()));
    taken.insert(configuration.control.listen.port());
    let is_free = |port: &u16| {
        !taken.contains(port) && TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()
    };
    let mut free = (FIRST_PORT..u16::MAX).filter(is_free);
    [free.next(), free.next()].map(|port| port.unwrap_or(FIRST_PORT))
}

type Made = (Vec<Step>, Vec<kernel::plan::PlanFact>);

fn steps(
    file: &Path,
    configuration: &Configuration,
    settings: &ShopSettings,
    found: &Found,
) -> Result<Made, Refusal> {
    let Found { main, withdrawal } = found;
    let shop = || settings.id.clone();
    let main_text = || main.display().to_string();
    let nginx = Nginx::find(main).map_err(|failed| {
        let mut refusal = refuse(failed.message);
        refusal.reason = failed.reason;
        refusal
    })?;
    let texts = |of: fn(&shops::detect::FileTexts) -> (&String, &String)| -> Vec<FileChange> {
        let change = |texts: &shops::detect::FileTexts| {
            let (text, before) = of(texts);
            let path = texts.path.canonicalize().unwrap_or_else(|_| texts.path.clone());
            let path = path.display().to_string();
            FileChange { path, text: text.clone(), before: before.clone() }
        };
        withdrawal.files.iter().map(change).collect()
    };
    let beside = texts(|file| (&file.beside, &file.before));
    let behind = texts(|file| (&file.behind, &file.beside));
    let back = |files: &[FileChange]| files.iter().map(FileChange::back).collect::<Vec<_>>();
    let doors: Vec<SocketAddr> = withdrawal.listen.iter().map(|one| one.address).collect();
    let listen: Vec<String> = withdrawal.listen.iter().map(ToString::to_string).collect();
    let addresses: Vec<String> = doors.iter().map(ToString::to_string).collect();
    // Of several sockets of one address (`reuseport` in nginx' own files) only one would be taken
    // over, and who waits in the others be lost.
    let is_one =
        |door: SocketAddr| sharing::all_listening_on(door).is_ok_and(|sockets| sockets.len() == 1);
    let may_take =
        |door: &SocketAddr| is_one(*door) && sharing::copy(nginx.identity.pid, *door).is_ok();
    let seamless = ports::may_copy() && doors.iter().all(may_take);
    // Who may not look into nginx may not look into the edge either; the way back is as the way there.
    let shared = match seamless && steering::is_possible() {
        true => texts(|file| (&file.shared, &file.behind)),
        false => Vec::new(),
    };
    let pages = page_look(settings, withdrawal)?;
    let (configure, facts) = configure(file, configuration, settings, withdrawal)?;
    let step = |act, undo, timeout_ms| Step { act, undo, timeout_ms };
    let steps = vec![
        step(Act::RecordPages { shop: shop(), pages: pages.clone() }, Undo::NothingToUndo, LOOK_MS),
        step(
            Act::ConfigureWebServer {
                shop: shop(),
                main: main_text(),
                files: beside.clone(),
                listen: vec![withdrawal.behind.to_string()],
            },
            Undo::By(Act::ConfigureWebServer {
                shop: shop(),
                main: main_text(),
                files: back(&beside),
                listen: addresses,
            }),
            CONFIGURE_MS,
        ),
        step(
            Act::YieldPorts { shop: shop(), listen: listen.clone() },
            Undo::By(Act::UnyieldPorts { shop: shop(), listen: listen.clone() }),
            CONFIGURE_MS,
        ),
        configure,
        step(
            Act::TakePorts {
                shop: shop(),
                listen: listen.clone(),
                main: main_text(),
                files: behind.clone(),
                seamless,
            },
            Undo::By(Act::ReturnPorts {
                shop: shop(),
                listen,
                main: main_text(),
                files: back(&behind),
                shared,
            }),
            PORTS_MS,
        ),
        step(Act::ComparePages { shop: shop(), pages }, Undo::NothingToUndo, LOOK_MS),
    ];
    Ok((steps, facts))
}

/// Where a visitor's pages are asked for: at a door that speaks plain http, if there is one that does
/// not only lead away.
fn page_look(settings: &ShopSettings, withdrawal: &Withdrawal) -> Result<PageLook, Refusal> {
    let plain = withdrawal.listen.iter().find(|one| !one.tls);
    let Some(door) = plain else {
        return Err(refuse(
            "nginx serves this shop by https alone, and its pages could not be compared: let it \
             listen on http too, and send visitors on",
        )
        .because("no_plain_door", []));
    };
    let here = match door.address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let at = SocketAddr::new(here, door.address.port());
    let host = settings.hosts.iter().find(|host| !host.contains('*')).cloned();
    let host = host.unwrap_or_else(|| "localhost".to_owned());
    let paths = pages::paths(at, &host).map_err(|error| {
        refuse(format!("{host} does not answer on {at}: {error}"))
            .because("pages_not_answered", [("error", error.to_string().into())])
    })?;
    Ok(PageLook { at: at.to_string(), behind: withdrawal.behind.to_string(), host, paths })
}

/// The step that has the configuration say so.
fn configure(
    file: &Path,
    configuration: &Configuration,
    settings: &ShopSettings,
    withdrawal: &Withdrawal,
) -> Result<(Step, Vec<kernel::plan::PlanFact>), Refusal> {
    let unread = |error: anyhow::Error| {
        refuse(format!("{error:#}"))
            .because("file_unreadable", [("file", file.display().to_string().into())])
    };
    let on_disk = load(file).map_err(unread)?.text;
    let https = withdrawal.certificate.clone();
    let front = InFront {
        name: "nginx".parse().expect("invariant: `nginx` names an instance"),
        address: withdrawal.behind,
        host: settings.hosts.first().cloned().unwrap_or_default(),
        https: https.map(|(chain, key)| (chain, key, withdrawal.force_https)),
    };
    let mut listen: Vec<Listen> = configuration.edge.listen.clone();
    for one in &withdrawal.listen {
        if listen.iter().all(|known| known.address != one.address) {
            listen.push(*one);
        }
    }
    let bundle = Bundle::split(&on_disk);
    let mut texts: Vec<(Option<PathBuf>, String)> =
        bundle.files().map(|(name, text)| (name.map(Path::to_owned), text.to_owned())).collect();
    let mut has_shop = false;
    for (_, text) in &mut texts {
        if let Some(new) = put_in_front(text, &settings.id, &front) {
            (*text, has_shop) = (new, true);
        }
    }
    let with_edge = texts.iter().position(|(_, text)| put_listen(text, &listen, false).is_some());
    let (_, text) = &mut texts[with_edge.unwrap_or(0)];
    if let Some(new) = put_listen(text, &listen, true) {
        *text = new;
    }
    if !has_shop {
        return Err(refuse("the configuration file does not have the shop as a table of its own")
            .because("configuration_not_understood", []));
    }
    let wanted = changed(file, texts).map_err(unread)?;
    let wanted =
        configuration::Wanted { wanted, before: on_disk.clone(), approval: Approval::NotNeeded };
    let mut made = configuration::plan(file, &on_disk, wanted, 0)?;
    Ok((made.steps.remove(0), made.facts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_cannot_be_moved_is_a_refusal_with_a_way_out() {
        let check = |obstacles: &[Obstacle], has_apache, expect: (&str, &str)| {
            let refusal = unmovable(obstacles, has_apache, "shop.example");
            let said = format!("{} {}", refusal.message, refusal.details.join(" "));
            let code = refusal.reason.expect("a code, for both languages").code;
            assert!(code == expect.0 && said.contains(expect.1), "{code}: {said}");
        };
        check(&[], true, ("apache_is_moved_by_hand", "give Apache another `Listen`"));
        check(&[], false, ("no_web_server", "serves shop.example"));
        let obstacle = Obstacle {
            code: "shared_port",
            params: Params::new(),
            message: "others listen on port 80".to_owned(),
        };
        check(&[obstacle], true, ("shared_port", "others listen on port 80"));
    }

    #[test]
    fn of_several_servers_the_one_that_writes_the_log_is_meant() {
        let check = |doors: &[&[u16]], logged: &[u16], expect: Option<usize>| {
            let doors: Vec<Vec<u16>> = doors.iter().map(|ports| ports.to_vec()).collect();
            assert_eq!(choose(&doors, &logged.iter().copied().collect()), expect, "{doors:?}");
        };
        check(&[], &[80], None);
        check(&[&[80]], &[], Some(0));
        check(&[&[80], &[8080, 8443]], &[8443], Some(1));
        check(&[&[80], &[8080]], &[], None);
        check(&[&[80], &[80]], &[80], None);
    }
}
