//! `[[scrape]]`: exporters whose metrics are fetched.

use super::{
    database,
    edge::absolute_path,
    reader::Wrong,
    section::{Section, Text},
    shop_named,
};
use crate::config::{ScrapeSettings, Secret, ShopSettings};

pub(in crate::config) const EVERY_MS: u64 = 10 * SECOND;

const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;
const TARGETS: &str = "[\"127.0.0.1:9100\"]";
/// Where an exporter has its metrics unless it says otherwise.
const PATH: &str = "/metrics";

pub(super) fn scrapes(root: &Section<'_>, shops: &[ShopSettings]) -> Vec<ScrapeSettings> {
    let mut scrapes: Vec<ScrapeSettings> = Vec::new();
    for section in root.tables("scrape") {
        let at = section.at.clone();
        let Some(scrape) = scrape(section, shops) else { continue };
        if scrapes.iter().any(|other| other.name == scrape.name) {
            let message = format!("there are two `[[scrape]]` of the name \"{}\"", scrape.name);
            root.wrong(at, message, "put their targets into one, or give each a name of its own");
        }
        scrapes.push(scrape);
    }
    scrapes
}

fn scrape(section: Section<'_>, shops: &[ShopSettings]) -> Option<ScrapeSettings> {
    let name = name(&section);
    let settings = ScrapeSettings {
        name: name.clone().unwrap_or_default(),
        targets: targets(&section),
        every_ms: section.duration("every", EVERY_MS, SECOND..=HOUR),
        shop: section.text("shop").and_then(|text| shop_named(&section, &text, shops)),
        token: section.text("token").and_then(|text| token(&section, &text)),
        root: section.parsed("root", absolute_path),
    };
    section.finish();
    name.map(|_| settings)
}

fn name(section: &Section<'_>) -> Option<String> {
    let Some(text) = section.text("name") else {
        if section.item("name").is_none() {
            section.missing(
                "name",
                "write `name = \"node\"`: it is the label `job` of what is fetched",
            );
        }
        return None;
    };
    if text.value.trim().is_empty() || text.value.len() > 200 {
        let message = format!("`name` \"{}\" is empty, or longer than 200 bytes", text.value);
        section.wrong(text.at, message, "write one such as \"node\"");
        return None;
    }
    Some(text.value.to_owned())
}

fn targets(section: &Section<'_>) -> Vec<String> {
    let Some(texts) = section.texts("targets", TARGETS) else {
        if section.item("targets").is_none() {
            section.missing("targets", format!("write where they are: `targets = {TARGETS}`"));
        }
        return Vec::new();
    };
    let mut targets: Vec<String> = Vec::new();
    for text in &texts {
        let Some(url) = url(text.value) else {
            let message = format!("`targets` has \"{}\", which is no address", text.value);
            section.wrong(text.at.clone(), message, format!("write `targets = {TARGETS}`"));
            continue;
        };
        if targets.contains(&url) {
            let message = format!("`targets` has \"{}\" twice", text.value);
            section.wrong(text.at.clone(), message, "take one of them away");
            continue;
        }
        targets.push(url);
    }
    targets
}

/// `127.0.0.1:9100` is `http://127.0.0.1:9100/metrics`.
fn url(text: &str) -> Option<String> {
    let has_scheme = text.starts_with("http://") || text.starts_with("https://");
    let whole = if has_scheme { text.to_owned() } else { format!("http://{text}") };
    let (_, rest) = whole.split_once("://")?;
    let (place, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let is_fit = |part: &str| !part.contains(char::is_whitespace) && !part.contains(['#', '@']);
    let host = place.rsplit_once(':').map_or(place, |(host, _)| host);
    let is_whole = !host.is_empty() && !place.contains('?') && is_fit(place) && is_fit(path);
    let path = if path.is_empty() || path == "/" { PATH } else { "" };
    is_whole.then(|| format!("{}{path}", whole.trim_end_matches('/')))
}

fn token(section: &Section<'_>, text: &Text<'_>) -> Option<Secret> {
    section.checked("token", text, |text| {
        let value = database::variable(text, section.reader.known.environment)?;
        let mend = "write `token = \"${file:/etc/storewarden/exporter-token}\"`";
        let value = value.ok_or_else(|| Wrong::new("stands here in clear", mend))?;
        Ok(Secret::new(value.trim().to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_an_address_with_its_path() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(url(text).as_deref(), expect, "{text}");
        };
        check("127.0.0.1:9100", Some("http://127.0.0.1:9100/metrics"));
        check("[::1]:9100", Some("http://[::1]:9100/metrics"));
        check("db.example/", Some("http://db.example/metrics"));
        check("https://db.example:9104/probe?x=1", Some("https://db.example:9104/probe?x=1"));
        check("", None);
        check(":9100", None);
        check("user@host:9100", None);
        check("a b", None);
        check("https://", None);
    }
}
