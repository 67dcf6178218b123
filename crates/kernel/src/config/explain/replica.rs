//! `[shop.ID.replica]` in words.

use super::{Rows, Section, ms};
use crate::config::{ShopSettings, outer};

/// Nothing for a shop whose database nobody of ours follows.
pub(super) fn section(shop: &ShopSettings) -> Option<Section> {
    let replica = shop.replica.as_ref()?;
    let mut rows = Rows::default();
    let folder = replica.folder.display().to_string();
    rows.put("folder", folder, false, "where its data lies");
    let meaning = "where it listens, by the accounts of the shop's database";
    rows.put("listen", replica.listen.to_string(), false, meaning);
    let meaning = "one that is further behind is an incident";
    let behind = &replica.behind_at_most_ms;
    rows.add("behind_at_most", behind, &outer::REPLICA_BEHIND_AT_MOST_MS, ms, meaning);
    if replica.promoted {
        rows.put(
            "promoted",
            "true".to_owned(),
            false,
            "it follows nobody: it is the shop's database",
        );
    }
    if !replica.point.is_empty() {
        let meaning = "points the shop at another server";
        rows.put("point", replica.point.join(" "), false, meaning);
    }
    Some(rows.section(&format!("[shop.{}.replica]", shop.id), ""))
}
