//! `[[check]]` in words. Of addresses no query is shown: it may hold a secret.

use super::{Rows, Section, ms, number};
use crate::config::{CheckSettings, CheckTarget, HttpTarget, TcpTarget, outer};

pub(super) fn section(check: &CheckSettings) -> Section {
    let mut rows = Rows::default();
    match &check.target {
        CheckTarget::Http(page) => http(&mut rows, page),
        CheckTarget::Tcp(port) => tcp(&mut rows, port),
    }
    rows.add("every", &check.every_ms, &outer::CHECK_EVERY_MS, ms, "between two tries");
    rows.add(
        "within",
        &check.within_ms,
        &outer::CHECK_WITHIN_MS,
        ms,
        "one that takes longer has failed",
    );
    rows.add(
        "failures",
        &check.failures,
        &outer::CHECK_FAILURES,
        number,
        "in a row, before it is found",
    );
    if let Some(shop) = &check.shop {
        rows.put("shop", shop.to_string(), false, "whom it concerns");
    }
    if let Some(root) = &check.root {
        rows.put("root", root.display().to_string(), false, "is trusted besides the system's");
    }
    rows.section("[[check]]", &check.name)
}

fn http(rows: &mut Rows, page: &HttpTarget) {
    let shown =
        page.url.split_once('?').map_or(page.url.clone(), |(path, _)| format!("{path}?•••"));
    rows.put("http", shown, false, "is asked for, as a visitor would");
    let states: Vec<String> = page
        .status
        .iter()
        .map(|range| {
            let (first, last) = (range.start(), range.end());
            if first == last { first.to_string() } else { format!("{first}-{last}") }
        })
        .collect();
    let is_default = states.is_empty();
    let states = if is_default { "200-299".to_owned() } else { states.join(", ") };
    rows.put("status", states, is_default, "is a good answer");
    let texts = |texts: &[String], meaning: &str| {
        texts.iter().map(|text| (text.clone(), meaning.to_owned())).collect::<Vec<_>>()
    };
    rows.list("contains", false, texts(&page.contains, "must be in its body"));
    rows.list("lacks", false, texts(&page.lacks, "must not be in its body"));
    rows.add("redirects", &page.redirects, &outer::CHECK_REDIRECTS, number, "are followed");
}

fn tcp(rows: &mut Rows, port: &TcpTarget) {
    let host = if port.host.contains(':') { format!("[{}]", port.host) } else { port.host.clone() };
    rows.put("tcp", format!("{host}:{}", port.port), false, "must take connections");
    if let Some(banner) = &port.banner {
        rows.put("banner", banner.clone(), false, "must be said there first");
    }
}
