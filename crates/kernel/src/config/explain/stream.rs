//! `[shop.ID.stream]` in words.

use super::{Rows, Section, ms};
use crate::config::{DatabaseKind, RepositorySettings, ShopSettings, StreamCopySettings, outer};

/// Nothing for a shop whose changes are not followed.
pub(super) fn section(shop: &ShopSettings) -> Option<Section> {
    let stream = shop.stream.as_ref()?;
    let mut rows = Rows::default();
    match &stream.follow_as {
        Some(account) => {
            rows.put("follow_as", account.to_string(), false, "by whom every change is followed");
        }
        None => rows.put(
            "follow_as",
            "as `database`".to_owned(),
            true,
            "that account must be allowed to replicate",
        ),
    }
    let left_out = stream.leave_out.iter().map(|label| (label.clone(), "not followed".to_owned()));
    rows.list("leave_out", false, left_out);
    let meaning = "a journal that is further behind is an incident";
    let behind = &stream.behind_at_most_ms;
    rows.add("behind_at_most", behind, &outer::BEHIND_AT_MOST_MS, ms, meaning);
    rows.add("keep", &stream.keep_ms, &outer::STREAM_KEEP_MS, ms, "changes older than that go");
    let meaning = "restore points are listed so far apart";
    rows.add("points", &stream.points_ms, &outer::POINTS_MS, ms, meaning);
    let database = stream.follow_as.as_ref().or(shop.database.as_ref());
    if let Some(kind) = database.map(|url| url.kind) {
        let meaning = "the server's log as it comes: moments are reached across changes of tables";
        let value = if stream.raw { "yes" } else { "no" };
        rows.put("raw", value.to_owned(), stream.raw == (kind == DatabaseKind::MySql), meaning);
        if stream.raw && kind == DatabaseKind::Postgres {
            let meaning = "how often a base backup is taken that the WAL goes on from";
            rows.add("base_every", &stream.base_every_ms, &outer::BASE_EVERY_MS, ms, meaning);
        }
    }
    copies(&mut rows, &stream.copies);
    Some(rows.section(&format!("[shop.{}.stream]", shop.id), ""))
}

fn copies(rows: &mut Rows, copies: &[StreamCopySettings]) {
    if copies.is_empty() {
        let meaning = "lost with this machine";
        rows.put("to", "nowhere: it stays on this machine".to_owned(), false, meaning);
    }
    let to = copies.iter().map(|copy| (copy.to.to_string(), "gets a copy as it grows".to_owned()));
    rows.list("to", false, to);
    let is_bucket = |copy: &&StreamCopySettings| matches!(copy.to, RepositorySettings::S3 { .. });
    if let Some(bucket) = copies.iter().find(is_bucket) {
        let requests = bucket.requests_a_month().unwrap_or_default();
        let meaning = format!("at most {requests} requests a month to each bucket");
        rows.add("send_every", &bucket.every_ms, &outer::SEND_EVERY_MS, ms, &meaning);
    }
}
