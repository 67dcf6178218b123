//! The plans that add a replica of a shop's database and remove it. The configuration says afterwards
//! what there is: it is what control keeps running.

use super::{kind_of, plans::named};
use crate::{
    backup_worker::story,
    configuration::{changed, load},
    control::changes::{self, configuration, refuse},
    database::{account, replica_of},
};
use ::databases::replica::{Made, at};
use api::Refusal;
use kernel::{
    Params, ShopId,
    config::{
        Bundle, Configuration, DatabaseKind, DatabaseUrl, ReplicaSettings, ShopSettings,
        put_promoted, put_replica,
    },
    plan::{Act, Approval, OnFailure, Plan, PlanFact, Purpose, Step, Undo},
};
use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

const HOUR_MS: u64 = 60 * 60 * 1000;
/// A copy of a large database takes hours.
const MAKE_MS: u64 = 24 * HOUR_MS;
const REMOVE_MS: u64 = HOUR_MS;
/// Visitors wait meanwhile.
const PROMOTE_MS: u64 = 5 * 60 * 1000;
const RESTART_MS: u64 = 150 * 1000;
/// Beside what a step itself may take.
const MARGIN_MS: u64 = 30 * 1000;
/// Ports beside the server's usual one that are tried.
const PORTS: u16 = 100;

/// Makes a replica, and has the configuration name it. `listen`: the first free port unless told.
///
/// # Errors
/// When there is one, or there can be none.
pub(in crate::control) fn add(
    file: &Path,
    configuration: &Configuration,
    (shop, folder, listen): (&ShopId, &Path, Option<SocketAddr>),
    now_ms: i64,
) -> Result<Plan, Refusal> {
    let (shop, url) = named(configuration, shop)?;
    if url.kind == DatabaseKind::Sqlite {
        let message =
            "SQLite has no server that another could follow: its backups are all there is";
        return Err(refuse(message).because("nothing_to_follow", []));
    }
    if account(shop).is_none_or(|of| of.kind != url.kind) {
        let message = "`restore_as` is another kind of database than the shop's";
        return Err(refuse(message).because("restore_account_elsewhere", []));
    }
    if let Some(there) = &shop.replica {
        let folder = there.folder.display().to_string();
        let message = format!("there is a replica in {folder} already: remove it first");
        return Err(refuse(message).because("replica_there", [("folder", folder.into())]));
    }
    let text = folder.display().to_string();
    if !folder.is_absolute() {
        let message = format!("`{text}` is no whole path: begin with `/`");
        return Err(refuse(message).because("folder_not_whole", [("folder", text.into())]));
    }
    let listen = match listen {
        Some(listen) => listen,
        None => free(kind_of(url.kind))?,
    };
    let replica = replica_of(shop, folder, listen).expect("invariant: it names a database");
    match replica.made() {
        Ok(Made::Foreign) => {
            let message = format!("there is something else in {text}: name an empty folder");
            return Err(refuse(message).because("folder_taken", [("folder", text.into())]));
        }
        Ok(_) => {}
        Err(error) => {
            let error = story(&error);
            let message = format!("{text} cannot be looked into: {error}");
            let said = [("file", text.into()), ("error", error.into())];
            return Err(refuse(message).because("file_unreadable", said));
        }
    }
    let settings = ReplicaSettings {
        folder: folder.to_owned(),
        listen,
        behind_at_most_ms: 0,
        promoted: false,
        point: Vec::new(),
    };
    let put = |text: &str| put_replica(text, &shop.id, Some(&settings));
    let (apply, facts) = applied(file, &put)?;
    let make = Act::MakeReplica { shop: shop.id.clone(), folder: text.clone(), listen };
    let back = Act::RemoveReplica { shop: shop.id.clone(), folder: text.clone(), listen };
    let make = Step { act: make, undo: Undo::By(back), timeout_ms: MAKE_MS };
    let params = [("folder", text.into()), ("listen", listen.to_string().into())];
    Ok(plan("add_replica", &shop.id, params, (vec![make, apply], facts), now_ms))
}

/// Has the configuration name it no longer, and removes it.
///
/// # Errors
/// When there is none.
pub(in crate::control) fn remove(
    file: &Path,
    configuration: &Configuration,
    shop: &ShopId,
    now_ms: i64,
) -> Result<Plan, Refusal> {
    let (shop, _) = named(configuration, shop)?;
    let Some(there) = &shop.replica else {
        let message = format!("the configuration names no replica of {}", shop.id);
        return Err(refuse(message).because("no_replica", []));
    };
    if there.promoted {
        let message = "the replica is the shop's database: what is removed would be all of it";
        return Err(refuse(message).because("replica_is_database", []));
    }
    let (folder, listen) = (there.folder.display().to_string(), there.listen);
    let (apply, facts) = applied(file, &|text| put_replica(text, &shop.id, None))?;
    let act = Act::RemoveReplica { shop: shop.id.clone(), folder: folder.clone(), listen };
    let undo = Undo::Impossible { reason: "data_is_gone".to_owned() };
    let remove = Step { act, undo, timeout_ms: REMOVE_MS };
    let params = [("folder", folder.into()), ("listen", listen.to_string().into())];
    Ok(plan("remove_replica", &shop.id, params, (vec![apply, remove], facts), now_ms))
}

fn plan(
    kind: &'static str,
    shop: &ShopId,
    params: [(&str, kernel::Value); 2],
    (steps, facts): (Vec<Step>, Vec<PlanFact>),
    now_ms: i64,
) -> Plan {
    Plan {
        kind: changes::kind(kind),
        shop: Some(shop.clone()),
        params: Params::from(params.map(|(name, value)| (name.to_owned(), value))),
        steps,
        made_at_ms: now_ms,
        facts,
        approval: Approval::NotNeeded,
        purpose: Purpose::Change,
        on_failure: OnFailure::Undo,
        window: None,
    }
}

/// Has the replica take the place of its primary, which is fenced before and stays so. `is_dead`: it does not
/// answer, and what it had not sent is lost.
///
/// # Errors
/// When there is none, when nothing points the shop at it, and when the configuration has the database's
/// address somewhere else.
pub(in crate::control) fn promote(
    file: &Path,
    configuration: &Configuration,
    (shop, is_dead): (&ShopId, bool),
    now_ms: i64,
) -> Result<Plan, Refusal> {
    let (settings, url) = named(configuration, shop)?;
    let shop = settings;
    let Some(there) = &shop.replica else {
        let message = format!("the configuration names no replica of {}", shop.id);
        return Err(refuse(message).because("no_replica", []));
    };
    if there.promoted {
        let message = "the replica was promoted already: it is the shop's database";
        return Err(refuse(message).because("replica_is_database", []));
    }
    if there.point.is_empty() {
        let message = format!(
            "nothing points the shop itself at another database: write `point = [\"…\"]` under \
             [shop.{}.replica], a command that gets DATABASE_HOST and DATABASE_PORT and may be run twice",
            shop.id
        );
        return Err(refuse(message).because("no_point", []));
    }
    let (id, listen, folder) = (&shop.id, there.listen, there.folder.display().to_string());
    let moved = |text: &str| moved(text, url, listen);
    let (apply, facts) = applied(file, &|text| put_promoted(text, id, &moved))?;
    let place = || (id.clone(), folder.clone(), listen);
    let step = |act, undo, timeout_ms| Step { act, undo, timeout_ms };
    let ((shop, folder, _), (of_lift, at_lift, _)) = (place(), place());
    let fence = Act::FencePrimary { shop, folder, listen, is_dead };
    let lift = match is_dead {
        true => Undo::NothingToUndo,
        false => Undo::By(Act::LiftFence { shop: of_lift, folder: at_lift, listen }),
    };
    let point = |address: String| Act::PointShop { shop: id.clone(), address };
    let back = Undo::By(point(server_of(url)));
    let (shop, folder, _) = place();
    let no_return = Undo::NoReturn { reason: "two_would_write".to_owned() };
    let promote = Act::PromoteReplica { shop, folder: folder.clone(), listen };
    let mut steps = visitors(configuration, settings, Visitors::Wait);
    steps.extend([
        step(fence, lift, PROMOTE_MS),
        step(point(listen.to_string()), back, PROMOTE_MS),
        apply,
        step(promote, no_return, PROMOTE_MS),
    ]);
    steps.extend(visitors(configuration, settings, Visitors::GoOn));
    let params = [("folder", folder.into()), ("listen", listen.to_string().into())];
    Ok(plan("promote_replica", id, params, (steps, facts), now_ms))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Visitors {
    Wait,
    GoOn,
}

/// The steps after which no instance takes requests, so that the edge keeps them; and those after which all do,
/// behind a restart of the ones that are ours, for the other database.
fn visitors(configuration: &Configuration, shop: &ShopSettings, wanted: Visitors) -> Vec<Step> {
    let timeout_ms = configuration.edge.drain_ms + MARGIN_MS;
    let mut steps = Vec::new();
    for instance in &shop.instances {
        let at = || (shop.id.clone(), instance.name.clone());
        let (shop, instance_name) = at();
        let undrain = Act::Undrain { shop, instance: instance_name };
        if wanted == Visitors::Wait {
            let (shop, instance) = at();
            let undo = Undo::By(undrain);
            steps.push(Step { act: Act::Hold { shop, instance }, undo, timeout_ms });
            continue;
        }
        let plain = |act, timeout_ms| Step { act, undo: Undo::NothingToUndo, timeout_ms };
        if instance.launch.is_some() {
            let (shop, instance) = at();
            steps.push(plain(Act::Restart { shop, instance }, RESTART_MS));
            let (shop, instance) = at();
            let within_ms = RESTART_MS - MARGIN_MS;
            steps.push(plain(Act::AwaitHealthy { shop, instance, within_ms }, RESTART_MS));
        }
        steps.push(plain(undrain, timeout_ms));
    }
    steps
}

/// Host and port of a database's server, with the usual port where none is named.
fn server_of(url: &DatabaseUrl) -> String {
    let rest = url.secret.split_once("://").map_or(&*url.secret, |(_, rest)| rest);
    let server = rest.split(['/', '?']).next().unwrap_or(rest);
    let server = server.rsplit_once('@').map_or(server, |(_, server)| server);
    let is_with_port = server.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let usual = if kind_of(url.kind) == "postgres" { 5432 } else { 3306 };
    match (server, is_with_port) {
        ("", _) => format!("localhost:{usual}"),
        (server, true) => server.to_owned(),
        (server, false) => format!("{server}:{usual}"),
    }
}

/// An address as it is written, at the other server: what `${…}` stands for stays. `None` where it stands for
/// the server as well.
fn moved(text: &str, url: &DatabaseUrl, listen: SocketAddr) -> Option<String> {
    let (mut plain, mut put_in, mut rest) = (String::new(), Vec::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}')?;
        plain.push_str(before);
        plain.push_str(&format!("\u{1}{}\u{1}", put_in.len()));
        put_in.push(name);
        rest = after;
    }
    plain.push_str(rest);
    if !plain.contains("://") {
        return None;
    }
    let there = at(&DatabaseUrl { kind: url.kind, secret: plain }, listen).secret;
    let all_there = (0..put_in.len()).all(|at| there.contains(&format!("\u{1}{at}\u{1}")));
    let back = |text: String, (at, name): (usize, &&str)| {
        text.replace(&format!("\u{1}{at}\u{1}"), &format!("${{{name}}}"))
    };
    all_there.then(|| put_in.iter().enumerate().fold(there, back))
}

/// The step that changes the configuration, wherever in it the shop stands.
fn applied(
    file: &Path,
    put: &dyn Fn(&str) -> Option<String>,
) -> Result<(Step, Vec<PlanFact>), Refusal> {
    let unread = |error: anyhow::Error| {
        refuse(format!("{error:#}"))
            .because("file_unreadable", [("file", file.display().to_string().into())])
    };
    let on_disk = load(file).map_err(unread)?.text;
    let bundle = Bundle::split(&on_disk);
    let named =
        bundle.files().find_map(|(name, text)| Some((name.map(Path::to_owned), put(text)?)));
    let Some(text) = named else {
        let message = "the configuration file does not have the shop as a table of its own";
        return Err(refuse(message).because("configuration_not_understood", []));
    };
    let texts: Vec<(Option<PathBuf>, String)> = vec![text];
    let wanted = changed(file, texts).map_err(unread)?;
    let wanted =
        configuration::Wanted { wanted, before: on_disk.clone(), approval: Approval::NotNeeded };
    let mut made = configuration::plan(file, &on_disk, wanted, 0)?;
    Ok((made.steps.remove(0), made.facts))
}

/// A free port of this machine's own address, from the one behind the server's usual one on.
fn free(kind: &str) -> Result<SocketAddr, Refusal> {
    let first = if kind == "postgres" { 5433 } else { 3307 };
    let found = (first..first + PORTS)
        .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .find(|address| TcpListener::bind(address).is_ok());
    found.ok_or_else(|| {
        let message = format!("no port from {first} on is free: name an address with --listen");
        refuse(message).because("no_free_port", [])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_moves_and_keeps_its_variables() {
        let check = |text: &str, expect: Option<&str>| {
            let url = DatabaseUrl { kind: DatabaseKind::Postgres, secret: String::new() };
            let listen = "127.0.0.1:5433".parse().unwrap();
            assert_eq!(moved(text, &url, listen).as_deref(), expect, "{text}");
        };
        check("postgres://a@old:1/shop", Some("postgres://a@127.0.0.1:5433/shop"));
        let with = "postgres://a:${file:/etc/secret}@old/shop?sslmode=x";
        check(with, Some("postgres://a:${file:/etc/secret}@127.0.0.1:5433/shop?sslmode=x"));
        check("${SHOP_DATABASE}", None);
        check("postgres://a@${HOST}/shop", None);
    }

    #[test]
    fn a_server_is_named_with_its_port() {
        let check = |kind, secret: &str, expect: &str| {
            let url = DatabaseUrl { kind, secret: secret.to_owned() };
            assert_eq!(server_of(&url), expect);
        };
        check(DatabaseKind::Postgres, "postgres://a:b@h:1/shop", "h:1");
        check(DatabaseKind::Postgres, "postgres://h/shop", "h:5432");
        check(DatabaseKind::MySql, "mysql://a@[::1]/shop", "[::1]:3306");
        check(DatabaseKind::Postgres, "postgres://a@/shop?host=/run", "localhost:5432");
    }
}
