//! `[[scrape]]` in words. Tokens are not shown.

use super::{Rows, Section, ms};
use crate::config::{ScrapeSettings, outer};

pub(super) fn section(scrape: &ScrapeSettings) -> Section {
    let mut rows = Rows::default();
    let targets = scrape.targets.iter();
    rows.list(
        "targets",
        false,
        targets.map(|url| (url.clone(), "metrics are fetched there".to_owned())),
    );
    rows.add("every", &scrape.every_ms, &outer::SCRAPE_EVERY_MS, ms, "between two fetches");
    if let Some(shop) = &scrape.shop {
        rows.put("shop", shop.to_string(), false, "whom they are of");
    }
    if scrape.token.is_some() {
        rows.put("token", "•••".to_owned(), false, "is shown there");
    }
    if let Some(root) = &scrape.root {
        rows.put("root", root.display().to_string(), false, "is trusted besides the system's");
    }
    rows.section("[[scrape]]", &scrape.name)
}
