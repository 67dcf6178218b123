//! The plans that add a replica of a shop's database and remove it. The configuration says afterwards
//! what there is: it is what control keeps running.

use super::{kind_of, plans::named};
use crate::{
    backup_worker::story,
    configuration::{changed, load},
    control::changes::{self, configuration, refuse},
    database::{account, replica_of},
};
use ::databases::replica::Made;
use api::Refusal;
use kernel::{
    Params, ShopId,
    config::{Bundle, Configuration, DatabaseKind, ReplicaSettings, put_replica},
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
    let settings = ReplicaSettings { folder: folder.to_owned(), listen, behind_at_most_ms: 0 };
    let (apply, facts) = applied(file, &shop.id, Some(&settings))?;
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
    let (folder, listen) = (there.folder.display().to_string(), there.listen);
    let (apply, facts) = applied(file, &shop.id, None)?;
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

/// The step that changes the configuration, wherever in it the shop stands.
fn applied(
    file: &Path,
    shop: &ShopId,
    replica: Option<&ReplicaSettings>,
) -> Result<(Step, Vec<PlanFact>), Refusal> {
    let unread = |error: anyhow::Error| {
        refuse(format!("{error:#}"))
            .because("file_unreadable", [("file", file.display().to_string().into())])
    };
    let on_disk = load(file).map_err(unread)?.text;
    let bundle = Bundle::split(&on_disk);
    let named = bundle.files().find_map(|(name, text)| {
        Some((name.map(Path::to_owned), put_replica(text, shop, replica)?))
    });
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
