//! `[[check]]`: what is tried from outside.

use super::{edge::absolute_path, section::Section, shop_named, values};
use crate::config::{CheckSettings, CheckTarget, HttpTarget, ShopSettings, TcpTarget};
use std::{net::Ipv6Addr, ops::RangeInclusive};

pub(in crate::config) const EVERY_MS: u64 = MINUTE;
pub(in crate::config) const WITHIN_MS: u64 = 10 * SECOND;
pub(in crate::config) const FAILURES: u32 = 2;
pub(in crate::config) const REDIRECTS: u32 = 5;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const HTTP: &str = "http = \"https://shop.example/\"";
const TCP: &str = "tcp = \"mail.example:25\"";
const STATUS: &str = "[\"200\", \"300-399\"]";
const TEXTS: &str = "[\"Add to cart\"]";
/// Keys that say something of one kind alone.
const OF_HTTP: [&str; 4] = ["status", "contains", "lacks", "redirects"];

pub(super) fn checks(root: &Section<'_>, shops: &[ShopSettings]) -> Vec<CheckSettings> {
    let mut checks: Vec<CheckSettings> = Vec::new();
    for section in root.tables("check") {
        let at = section.at.clone();
        let Some(check) = check(section, shops) else { continue };
        if checks.iter().any(|other| other.name == check.name) {
            let message = format!("there are two `[[check]]` of the name \"{}\"", check.name);
            root.wrong(at, message, "give each a name of its own");
        }
        checks.push(check);
    }
    checks
}

fn check(section: Section<'_>, shops: &[ShopSettings]) -> Option<CheckSettings> {
    let name = name(&section);
    let every_ms = section.duration("every", EVERY_MS, 5 * SECOND..=HOUR);
    let within_ms = section.duration("within", WITHIN_MS.min(every_ms), SECOND / 10..=MINUTE);
    if within_ms > every_ms {
        let message = format!(
            "`within` is {}, longer than the {} until the next try",
            values::duration_text(within_ms),
            values::duration_text(every_ms)
        );
        let mend = format!("write \"{}\" or less", values::duration_text(every_ms));
        section.wrong(section.place_of("within"), message, mend);
    }
    let target = target(&section);
    let shop = section.text("shop").and_then(|text| shop_named(&section, &text, shops));
    let failures = section.number("failures", FAILURES, 1..=100);
    let root = section.parsed("root", absolute_path);
    section.finish();
    let (name, target) = name.zip(target)?;
    Some(CheckSettings { name, shop, target, every_ms, within_ms, failures, root })
}

fn name(section: &Section<'_>) -> Option<String> {
    let Some(text) = section.text("name") else {
        if section.item("name").is_none() {
            section.missing("name", "write `name = \"front page\"`");
        }
        return None;
    };
    if text.value.trim().is_empty() || text.value.len() > 200 {
        let message = format!("`name` \"{}\" is empty, or longer than 200 bytes", text.value);
        section.wrong(text.at, message, "write one such as \"front page\"");
        return None;
    }
    Some(text.value.trim().to_owned())
}

/// One of the kinds. All keys are asked for, whichever it is: each is known.
fn target(section: &Section<'_>) -> Option<CheckTarget> {
    let (http, tcp) = (section.text("http"), section.text("tcp"));
    let page = HttpTarget {
        url: String::new(),
        status: status(section),
        contains: texts(section, "contains"),
        lacks: texts(section, "lacks"),
        redirects: section.number("redirects", REDIRECTS, 0..=20),
    };
    let banner = section.text("banner");
    let is_given = |key: &&'static str| section.item(key).is_some();
    let strange = match (&http, &tcp) {
        (Some(_), None) => banner.is_some().then_some("banner"),
        (None, Some(_)) => OF_HTTP.into_iter().find(|key| is_given(key)),
        _ => None,
    };
    if let Some(key) = strange {
        let kind = if http.is_some() { "http" } else { "tcp" };
        let message = format!("`{key}` says nothing of a check by `{kind}`");
        section.wrong(section.place_of(key), message, "take it away");
    }
    match (http, tcp) {
        (Some(text), None) => {
            let url = url(text.value);
            if url.is_none() {
                let message = format!("`http` is \"{}\", which is no address", text.value);
                section.wrong(text.at, message, format!("write `{HTTP}`"));
            }
            url.map(|url| CheckTarget::Http(HttpTarget { url, ..page }))
        }
        (None, Some(text)) => {
            let place = place(text.value);
            if place.is_none() {
                let message = format!("`tcp` is \"{}\", which is no host with a port", text.value);
                section.wrong(text.at, message, format!("write `{TCP}`"));
            }
            let banner = banner.map(|text| text.value.to_owned());
            place.map(|(host, port)| CheckTarget::Tcp(TcpTarget { host, port, banner }))
        }
        (Some(_), Some(text)) => {
            section.wrong(
                text.at,
                "one check has `http` and `tcp`",
                "write a `[[check]]` for each",
            );
            None
        }
        (None, None) => {
            if section.item("http").is_none() && section.item("tcp").is_none() {
                section.missing("http", format!("write what is tried: `{HTTP}`, or `{TCP}`"));
            }
            None
        }
    }
}

fn texts(section: &Section<'_>, key: &'static str) -> Vec<String> {
    section.refuse_empty_list(key, TEXTS);
    let mut texts = Vec::new();
    for text in section.texts(key, TEXTS).unwrap_or_default() {
        if text.value.is_empty() {
            section.wrong(
                text.at,
                format!("`{key}` has an empty text"),
                format!("write `{key} = {TEXTS}`"),
            );
        } else {
            texts.push(text.value.to_owned());
        }
    }
    texts
}

fn status(section: &Section<'_>) -> Vec<RangeInclusive<u16>> {
    section.refuse_empty_list("status", STATUS);
    let mut all = Vec::new();
    for text in section.texts("status", STATUS).unwrap_or_default() {
        match range(text.value) {
            Some(range) => all.push(range),
            None => {
                let message = format!("`status` has \"{}\", which is no status", text.value);
                section.wrong(text.at, message, format!("write `status = {STATUS}`"));
            }
        }
    }
    all
}

/// `200`, or `300-399`.
fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let status = |text: &str| text.trim().parse().ok().filter(|code| (100..=599).contains(code));
    let range = status(first)?..=status(last)?;
    (!range.is_empty()).then_some(range)
}

fn url(text: &str) -> Option<String> {
    let text = text.trim();
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let (place, _) = rest.find(['/', '?']).map_or((rest, ""), |at| rest.split_at(at));
    let is_plain = !text.contains(char::is_whitespace) && !text.contains('#');
    (is_plain && !place.is_empty() && !place.starts_with(':') && !place.contains('@'))
        .then(|| text.to_owned())
}

/// `mail.example:25`, `[::1]:25`.
fn place(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.trim().rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    let host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse::<Ipv6Addr>().ok()?.to_string(),
        None => host.to_owned(),
    };
    let is_name = !host.is_empty()
        && host.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':'));
    is_name.then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_addresses_and_states_are_read() {
        let check = |text: &str, expect: Option<(&str, u16)>| {
            let expect = expect.map(|(host, port)| (host.to_owned(), port));
            assert_eq!(place(text), expect, "{text}");
        };
        check("mail.example:25", Some(("mail.example", 25)));
        check("[::1]:6379", Some(("::1", 6379)));
        check("mail.example", None);
        check("mail.example:0", None);
        check("mail.example:99999", None);
        check("[mail]:25", None);
        check("a b:25", None);
        for (text, is_one) in [
            ("https://shop.example/?a=b", true),
            ("http://127.0.0.1:80", true),
            ("shop.example", false),
            ("https://user@shop.example/", false),
            ("https://:80/", false),
            ("https://shop.example/#a", false),
        ] {
            assert_eq!(url(text).is_some(), is_one, "{text}");
        }
        assert_eq!(range("200"), Some(200..=200));
        assert_eq!(range("300-399"), Some(300..=399));
        assert_eq!(range("399-300"), None);
        assert_eq!(range("20"), None);
        assert_eq!(range("2xx"), None);
    }
}
