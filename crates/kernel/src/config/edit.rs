//! Changes of a configuration's text that leave everything else of it as it stands: order, comments,
//! white space.

use super::{Listen, ReplicaSettings};
use crate::{InstanceName, ShopId};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, Value, value};

/// What a shop says once Storewarden stands before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InFront {
    /// Who answers from now on: the web server that stood before it.
    pub name: InstanceName,
    pub address: SocketAddr,
    /// What its checks ask for, where the file says nothing.
    pub host: String,
    /// Chain and key, and whether who comes by http is sent on; `None`: it speaks no https.
    pub https: Option<(PathBuf, PathBuf, bool)>,
}

/// The text with Storewarden before a shop; `None` when it has no such shop, or is none.
#[must_use]
pub fn put_in_front(text: &str, shop: &ShopId, front: &InFront) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    let table = document.get_mut("shop")?.get_mut(shop.as_str())?.as_table_like_mut()?;
    table.insert("front", value(true));
    let mut app = InlineTable::new();
    app.insert("address", front.address.to_string().into());
    app.insert("name", front.name.as_str().into());
    let apps: Array = [Value::InlineTable(app)].into_iter().collect();
    table.remove("app");
    table.insert("app", value(apps));
    match table.get_mut("check").and_then(Item::as_table_like_mut) {
        Some(check) if check.contains_key("host") => {}
        Some(check) => drop(check.insert("host", value(&front.host))),
        None => {
            let mut check = InlineTable::new();
            check.insert("host", front.host.as_str().into());
            table.insert("check", value(check));
        }
    }
    if let Some((chain, key, force_https)) = &front.https {
        if !table.contains_key("certificate") {
            let text = |path: &Path| path.display().to_string();
            let mut files = InlineTable::new();
            files.insert("chain", text(chain).into());
            files.insert("key", text(key).into());
            table.insert("certificate", value(files));
        }
        table.insert("force_https", value(*force_https));
    }
    Some(document.to_string())
}

/// The text with these addresses of the edge; `None` when it has no `[edge]` and is to get none, or
/// is no configuration.
#[must_use]
pub fn put_listen(text: &str, listen: &[Listen], create: bool) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    let wanted: Array = listen.iter().map(ToString::to_string).collect();
    if let Some(edge) = document.get_mut("edge").and_then(Item::as_table_like_mut) {
        edge.insert("listen", value(wanted));
        return Some(document.to_string());
    }
    if !create {
        return None;
    }
    let mut edge = Table::new();
    edge.insert("listen", value(wanted));
    edge.decor_mut().set_prefix("\n");
    document.insert("edge", Item::Table(edge));
    Some(document.to_string())
}

/// The text with a shop's replica, or without it; `None` when it has no such shop, or is none.
#[must_use]
pub fn put_replica(text: &str, shop: &ShopId, replica: Option<&ReplicaSettings>) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    let table = document.get_mut("shop")?.get_mut(shop.as_str())?.as_table_like_mut()?;
    match replica {
        Some(ReplicaSettings { folder, listen, .. }) => {
            let mut settings = InlineTable::new();
            settings.insert("folder", folder.display().to_string().into());
            settings.insert("listen", listen.to_string().into());
            table.insert("replica", value(settings));
        }
        None => drop(table.remove("replica")),
    }
    Some(document.to_string())
}

/// The text in which a shop's replica is its database, at the address that `moved` makes of each that is
/// written there; `None` when it has no such shop or no such replica, or an address cannot be moved.
#[must_use]
pub fn put_promoted(
    text: &str,
    shop: &ShopId,
    moved: &dyn Fn(&str) -> Option<String>,
) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    let table = document.get_mut("shop")?.get_mut(shop.as_str())?.as_table_like_mut()?;
    put_moved(table.get_mut("database")?, moved)?;
    for (section, key) in [("backup", "restore_as"), ("stream", "follow_as")] {
        let section = table.get_mut(section).and_then(Item::as_table_like_mut);
        if let Some(account) = section.and_then(|section| section.get_mut(key)) {
            put_moved(account, moved)?;
        }
    }
    let replica = table.get_mut("replica")?;
    replica.as_table_like_mut()?.insert("promoted", value(true));
    if let Some(line) = replica.as_inline_table_mut() {
        line.fmt();
    }
    Some(document.to_string())
}

/// Another address in the same place, with the comment behind it.
fn put_moved(item: &mut Item, moved: &dyn Fn(&str) -> Option<String>) -> Option<()> {
    let there = item.as_value_mut()?;
    let mut other = Value::from(moved(there.as_str()?)?);
    *other.decor_mut() = there.decor().clone();
    *there = other;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# of ours\nversion = 1 # the first\n\n[shop.lamps]\nplatform = \"sample\"\n\
        hosts = \"lamps.example\" # and no other\nfront = false\nlogs = \"/a.log\"\n\
        app = [\"127.0.0.1:3001\"]\n";

    #[test]
    fn a_shop_gets_its_web_server_behind_and_keeps_the_rest() {
        let front = InFront {
            name: "nginx".parse().unwrap(),
            address: "127.0.0.1:8081".parse().unwrap(),
            host: "lamps.example".to_owned(),
            https: None,
        };
        let shop = "lamps".parse().unwrap();
        let expect = TEXT
            .replace("front = false", "front = true")
            .replace("app = [\"127.0.0.1:3001\"]\n", "")
            + "app = [{ address = \"127.0.0.1:8081\", name = \"nginx\" }]\n\
               check = { host = \"lamps.example\" }\n";
        assert_eq!(put_in_front(TEXT, &shop, &front).as_deref(), Some(expect.as_str()));
        assert_eq!(put_in_front(TEXT, &"other".parse().unwrap(), &front), None);
        let secure = InFront { https: Some(("/c".into(), "/k".into(), true)), ..front };
        let text = put_in_front(TEXT, &shop, &secure).unwrap();
        let told = "certificate = { chain = \"/c\", key = \"/k\" }\nforce_https = true\n";
        assert!(text.ends_with(told), "{text}");
    }

    #[test]
    fn a_replica_comes_and_goes_and_leaves_the_rest_as_it_was() {
        let replica = ReplicaSettings {
            promoted: false,
            point: Vec::new(),
            folder: "/srv/second".into(),
            listen: "127.0.0.1:5433".parse().unwrap(),
            behind_at_most_ms: 60_000,
        };
        let shop = "lamps".parse().unwrap();
        let with = put_replica(TEXT, &shop, Some(&replica)).unwrap();
        let line = "replica = { folder = \"/srv/second\", listen = \"127.0.0.1:5433\" }\n";
        assert_eq!(with, format!("{TEXT}{line}"));
        assert_eq!(put_replica(&with, &shop, None).as_deref(), Some(TEXT));
        assert_eq!(put_replica(TEXT, &"other".parse().unwrap(), None), None);
        let table = format!("{TEXT}[shop.lamps.replica]\nfolder = \"/a\"\n[edge]\nworkers = 1\n");
        let without = format!("{TEXT}[edge]\nworkers = 1\n");
        assert_eq!(put_replica(&table, &shop, None), Some(without));
    }

    #[test]
    fn the_edge_gets_its_addresses_where_it_stands() {
        let listen = [Listen { address: "0.0.0.0:80".parse().unwrap(), tls: false }];
        assert_eq!(put_listen(TEXT, &listen, false), None);
        let text = put_listen(TEXT, &listen, true).unwrap();
        assert_eq!(text, format!("{TEXT}\n[edge]\nlisten = [\"http://0.0.0.0:80\"]\n"));
        let more =
            format!("{TEXT}[edge]\nlisten = \"http://127.0.0.1:8080\" # to try\nworkers = 2\n");
        let text = put_listen(&more, &listen, false).unwrap();
        assert!(text.ends_with("listen = [\"http://0.0.0.0:80\"]\nworkers = 2\n"), "{text}");
    }

    #[test]
    fn a_promoted_replica_is_the_database_and_the_rest_stays() {
        let shop = "lamps".parse().unwrap();
        let moved = |text: &str| text.contains("first").then(|| text.replace("first", "second"));
        let text = format!(
            "{TEXT}database = \"postgres://first/shop\" # ours\n\
             replica = {{ folder = \"/srv/second\", listen = \"127.0.0.1:5433\" }}\n\
             [shop.lamps.stream]\nfollow_as = \"postgres://f@first/shop\"\n"
        );
        let expect = text
            .replace("first/shop", "second/shop")
            .replace("127.0.0.1:5433\" }", "127.0.0.1:5433\", promoted = true }");
        assert_eq!(put_promoted(&text, &shop, &moved).as_deref(), Some(expect.as_str()));
        // An address that cannot be moved, and a shop without a replica.
        assert_eq!(put_promoted(&expect, &shop, &moved), None);
        let without = put_replica(&text, &shop, None).unwrap();
        assert_eq!(put_promoted(&without, &shop, &moved), None);
    }
}
