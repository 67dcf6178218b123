//! `[shop.ID.replica]`: a second server that follows one shop's database.

use super::{edge::absolute_path, section::Section, values};
use crate::config::{DatabaseKind, DatabaseUrl, ReplicaSettings};
use std::net::SocketAddr;

pub(in crate::config) const REPLICA_BEHIND_AT_MOST_MS: u64 = 60 * 1_000;

const DAY: u64 = 24 * 60 * 60 * 1_000;

/// `None` where there is no such table, or where it lacks what nothing can stand for; `shop` is what is
/// followed.
pub(super) fn replica(section: Section<'_>, shop: Option<&DatabaseUrl>) -> Option<ReplicaSettings> {
    if !section.is_given() {
        section.finish();
        return None;
    }
    let folder = section.parsed("folder", absolute_path);
    let listen: Option<SocketAddr> = section.parsed("listen", values::address);
    for (name, example) in
        [("folder", "/var/lib/storewarden-replica"), ("listen", "127.0.0.1:5433")]
    {
        if section.item(name).is_none() {
            section.missing(name, format!("write `{name} = \"{example}\"`"));
        }
    }
    let most = section.duration("behind_at_most", REPLICA_BEHIND_AT_MOST_MS, 1_000..=DAY);
    let promoted = section.boolean("promoted").unwrap_or(false);
    let point = section.texts("point", "point = [\"/usr/local/bin/point-shop\"]");
    let point = point.unwrap_or_default().into_iter().map(|text| text.value.to_owned()).collect();
    if shop.is_none_or(|url| url.kind == DatabaseKind::Sqlite) {
        let message = match shop {
            Some(_) => "SQLite has no server that another could follow",
            None => "no database is named that it could follow",
        };
        let mend = "write `database = \"postgres://…\"` or \"mysql://…\" above, or leave this out";
        section.wrong(section.at.clone(), message, mend);
    }
    section.finish();
    let (folder, listen) = (folder?, listen?);
    Some(ReplicaSettings { folder, listen, behind_at_most_ms: most, promoted, point })
}
