//! The file as a whole: its version, its tables, and what they have to do with one another.

use super::{
    VERSION, alerts, check, edge, ledger, peer, plan,
    reader::{Reader, Wrong},
    scrape,
    section::{Section, kind},
    service,
    shop::{self, Around, Shop},
    values,
};
use crate::{
    ShopId,
    config::{AcmeSettings, CertificateSource, Configuration, EdgeSettings, Listen},
};
use std::{net::SocketAddr, ops::Range};
use toml_edit::Table;

const FIVE_LINES: &str = "a shop is four lines: `[shop.lamps]`, `platform = \"generic\"`, \
                          `hosts = \"lamps.example\"`, `app = \"127.0.0.1:3000\"`";

/// What could be read. It is whole when nothing was found wrong.
pub(super) fn read(reader: &Reader<'_>, table: &Table) -> Option<Configuration> {
    let root = Section::new(reader, "the file".to_owned(), 0..0, table);
    // Read already, with all that it names.
    root.item("include");
    let version_is_ours = version(&root);
    let edge = edge::edge(root.section("edge"), every_shop_is_watched(&root));
    let (control, control_at) = edge::control(root.section("control"));
    let acme = edge::acme(root.section("acme"));
    let around = Around { acme: acme.is_some(), tls: edge.listen.iter().any(|on| on.tls) };
    let shops = shops(&root, &around);
    if let Some(listen) = meets(&edge.listen, control.listen) {
        let at = control_at.unwrap_or_else(|| root.at.clone());
        let message =
            format!("control would listen on {}, as the edge does ({listen})", control.listen);
        root.wrong(at, message, "give `control.listen` another port");
    }
    for (index, shop) in shops.iter().enumerate() {
        alone(&root, shop, &edge, acme.as_ref(), control.listen);
        for earlier in &shops[..index] {
            apart(&root, earlier, shop);
        }
    }
    let shops: Vec<_> = shops.into_iter().map(|shop| shop.settings).collect();
    let alerts = alerts::alerts(&root, &shops);
    let ledger = ledger::ledger(root.section("ledger"));
    let plan = plan::plan(root.section("plan"), &shops);
    let peers = peer::peers(&root);
    let scrapes = scrape::scrapes(&root, &shops);
    let checks = check::checks(&root, &shops);
    let services = service::services(&root, &shops);
    // Keys of a newer version are no mistakes of the person.
    if version_is_ours {
        root.finish();
    }
    Some(Configuration {
        edge,
        control,
        acme,
        shops,
        alerts,
        ledger,
        plan,
        peers,
        scrapes,
        checks,
        services,
    })
}

/// Whether no shop has the edge before it, so that nobody needs it to listen anywhere.
fn every_shop_is_watched(root: &Section<'_>) -> bool {
    let Some(shops) = root.item("shop").and_then(toml_edit::Item::as_table_like) else {
        return false;
    };
    let is_watched = |shop: &toml_edit::Item| shop.get("front").and_then(toml_edit::Item::as_bool);
    !shops.is_empty() && shops.iter().all(|(_, shop)| is_watched(shop) == Some(false))
}

fn version(root: &Section<'_>) -> bool {
    let mend = format!("begin the file with `version = {VERSION}`");
    let Some(item) = root.item("version") else {
        let message = "the file does not say which version of the format it is written in";
        root.reader.missing(root.at.clone(), Wrong::new(message, mend));
        return true;
    };
    let at = root.place(item);
    match item.as_integer().map(u64::try_from) {
        Some(Ok(VERSION)) => true,
        Some(Ok(newer)) if newer > VERSION => {
            let message = format!("the file is of version {newer}; this program reads {VERSION}");
            root.wrong(at, message, "take a newer Storewarden for it");
            false
        }
        _ => {
            root.wrong(at, "`version` is no version of the format", mend);
            true
        }
    }
}

fn shops(root: &Section<'_>, around: &Around) -> Vec<Shop> {
    if let Some(other) = root.item("shop").filter(|item| !item.is_table_like()) {
        let message = format!("`shop` is {}, but a table for each shop is wanted", kind(other));
        root.wrong(root.place(other), message, "write `[shop.lamps]`, with the shop's id");
        return Vec::new();
    }
    let section = root.section("shop");
    let entries = section.entries();
    if entries.is_empty() {
        let wrong = Wrong::new("there is no shop", FIVE_LINES);
        root.reader.missing(section.at.clone(), wrong);
    }
    entries
        .into_iter()
        .filter_map(|(key, item, at)| {
            let Some(table) = item.as_table_like() else {
                let message = format!("`shop.{key}` is no table");
                root.wrong(at, message, "write `[shop.ID]` before the lines of each shop");
                return None;
            };
            let shop = Section::new(root.reader, format!("[shop.{key}]"), at.clone(), table);
            let id = id(root, key, &at);
            // A shop with a wrong id is read all the same, for its other mistakes.
            let stand_in = || "shop".parse::<ShopId>().expect("invariant: `shop` is an id");
            let read = shop::read(shop, &id.clone().unwrap_or_else(stand_in), around);
            id.and(read)
        })
        .collect()
}

fn id(root: &Section<'_>, key: &str, at: &Range<usize>) -> Option<ShopId> {
    let error = match key.parse::<ShopId>() {
        Ok(id) => return Some(id),
        Err(error) => error,
    };
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let lower = key.to_lowercase();
    let plain: String = lower.chars().map(|c| if fits(c) { c } else { '-' }).take(63).collect();
    let plain = plain.trim_matches('-');
    let proposed = if plain.is_empty() { "shop" } else { plain };
    let message = format!("the shop's id \"{key}\" {error}");
    let mend = format!("write `[shop.{proposed}]`, and the name for people as `name`");
    root.wrong(at.clone(), message, mend);
    None
}

/// What one shop and the rest of the file must agree on.
fn alone(
    root: &Section<'_>,
    shop: &Shop,
    edge: &EdgeSettings,
    acme: Option<&AcmeSettings>,
    control: SocketAddr,
) {
    for (address, at) in &shop.instances {
        let own =
            meets(&edge.listen, *address).map(|listen| format!("the edge listens ({listen})"));
        let own = own.or_else(|| (*address == control).then(|| "control listens".to_owned()));
        if let Some(own) = own {
            let message = format!("`app` has {address}, where {own}: requests would go in circles");
            root.wrong(at.clone(), message, "write the address of the shop's application");
        }
    }
    if let Some(at) = shop.force_https.clone().filter(|_| !edge.listen.iter().any(|on| on.tls)) {
        let message = "`force_https` is true, but the edge listens on no https address";
        root.wrong(at, message, "add \"https://[::]:443\" to `edge.listen`, or write false");
    }
    if shop.settings.certificate == CertificateSource::Acme && shop.settings.beside.is_none() {
        acme_is_possible(root, shop, edge, acme.is_some());
    }
}

/// HTTP-01 (RFC 8555 §8.3) needs public names and a port for plain http.
fn acme_is_possible(root: &Section<'_>, shop: &Shop, edge: &EdgeSettings, acme: bool) {
    let at = shop.certificate.clone();
    if !acme {
        let message = "`certificate` is \"acme\", but there is no `[acme]`";
        let mend = "add `[acme]` with `contact = [\"owner@shop.example\"]`: with it you accept the \
                    authority's terms";
        root.reader.missing(at.clone(), Wrong::new(message, mend));
    }
    if let Some((host, at)) = shop.hosts.iter().find(|(host, _)| !values::is_public(host)) {
        let message = format!("no certificate can be ordered for \"{host}\" by ACME over http");
        let mend = "write `certificate = \"self-signed\"` or { chain = …, key = … } for this shop";
        root.wrong(at.clone(), message, mend);
    }
    if !edge.listen.iter().any(|listen| !listen.tls) {
        let message =
            "certificates by ACME are proved over http, but the edge listens on https only";
        root.wrong(at, message, "add \"http://[::]:80\" to `edge.listen`");
    }
}

/// What two shops must not have in common.
fn apart(root: &Section<'_>, earlier: &Shop, later: &Shop) {
    for (host, at) in &later.hosts {
        let Some((_, first)) = earlier.hosts.iter().find(|(known, _)| known == host) else {
            continue;
        };
        let (line, id) = (root.reader.line(first), &earlier.settings.id);
        let message = format!("host \"{host}\" belongs to shop `{id}` already, in line {line}");
        root.wrong(at.clone(), message, "leave it to one of the two shops");
    }
    for (address, at) in &later.instances {
        let Some((_, first)) = earlier.instances.iter().find(|(known, _)| known == address) else {
            continue;
        };
        let (line, id) = (root.reader.line(first), &earlier.settings.id);
        let message = format!("{address} is an instance of shop `{id}` already, in line {line}");
        let mend = "one application with several hosts is one shop: add them to its `hosts`";
        root.wrong(at.clone(), message, mend);
    }
    let places = |shop: &Shop| {
        let to = shop.settings.backup.iter().flat_map(|backup| &backup.to);
        to.map(ToString::to_string).collect::<Vec<_>>()
    };
    let taken = places(earlier);
    if let Some(place) = places(later).into_iter().find(|place| taken.contains(place)) {
        let (id, later_id) = (&earlier.settings.id, &later.settings.id);
        let message = format!("{place} has the backups of shop `{id}` already");
        let mend = format!("give each shop a place of its own: `{place}/{later_id}`");
        root.wrong(later.backup.clone(), message, mend);
    }
}

/// The listener that would take connections to `address`.
fn meets(listen: &[Listen], address: SocketAddr) -> Option<Listen> {
    let local = address.ip().is_loopback() || address.ip().is_unspecified();
    listen.iter().copied().find(|on| {
        let same_port = on.address.port() == address.port() && address.port() != 0;
        let everywhere = on.address.ip().is_unspecified() && local;
        let nowhere_else = address.ip().is_unspecified() && on.address.ip().is_loopback();
        same_port && (on.address.ip() == address.ip() || everywhere || nowhere_else)
    })
}
