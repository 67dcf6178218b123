//! `[[peer]]` in words. Tokens are not shown.

use super::{Rows, Section, ms};
use crate::config::{PeerSettings, outer};

pub(super) fn section(peer: &PeerSettings) -> Section {
    let mut rows = Rows::default();
    match &peer.ask {
        Some(ask) => {
            rows.put("url", ask.url.clone(), false, "is asked how it is");
            rows.put("token", "•••".to_owned(), false, "is shown there");
        }
        None => rows.put("url", "none".to_owned(), true, "it asks us, and we do not ask it"),
    }
    rows.add("every", &peer.every_ms, &outer::PEER_EVERY_MS, ms, "between two askings");
    let meaning = "without an answer, and it is silent";
    rows.add("silent_after", &peer.silent_after_ms, &outer::PEER_SILENT_MS, ms, meaning);
    if let Some(root) = &peer.root {
        rows.put("root", root.display().to_string(), false, "is trusted besides the system's");
    }
    let pages = peer.look_at.iter().map(|page| (page.clone(), "looked at from here".to_owned()));
    rows.list("look_at", false, pages);
    rows.section("[[peer]]", &peer.name)
}
