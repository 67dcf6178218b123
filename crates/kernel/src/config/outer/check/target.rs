//! What one `[[check]]` tries: each kind has a key of its own, and keys that say more of it.

use super::{DAYS_LEFT, GRACE_MS, HOUR, MINUTE, REDIRECTS};
use crate::config::{
    CheckTarget, DnsRecord, DnsTarget, HeartbeatTarget, HttpTarget, JourneyTarget, MailTarget,
    Secret, TcpTarget,
    outer::{
        database,
        section::{Section, Text},
        values::{self, listed},
    },
};
use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    ops::RangeInclusive,
};

/// The kinds, each by its key, with an example and the keys that say more of it.
const KINDS: [(&str, &str, &[&str]); 11] = [
    ("http", "\"https://shop.example/\"", &["status", "contains", "lacks", "redirects"]),
    ("tcp", "\"mail.example:25\"", &["banner"]),
    ("ping", "\"db.example\"", &[]),
    ("dns", "\"shop.example\"", &["record", "expects", "server"]),
    ("domain", "\"shop.example\"", &["days_left"]),
    ("spf", "\"shop.example\"", &[]),
    ("dkim", "\"shop.example\"", &["selector"]),
    ("dmarc", "\"shop.example\"", &[]),
    ("unlisted", "\"203.0.113.9\"", &["list"]),
    ("journey", "\"https://shop.example\"", &["script", "with", "place", "place_with"]),
    ("heartbeat", "\"1d\"", &["grace"]),
];
const STATUS: &str = "[\"200\", \"300-399\"]";
const TEXTS: &str = "[\"Add to cart\"]";
const PAIRS: &str = "[\"product=/product/lamp\"]";
const LIST: &str = "zen.spamhaus.org";
const SERVER: &str = "9.9.9.9:53";
const DAY: u64 = 24 * HOUR;

/// All keys that there are, whichever kind it is: each is asked for, so that each is known.
struct Given<'a> {
    page: HttpTarget,
    banner: Option<String>,
    record: DnsRecord,
    expects: Vec<String>,
    server: Option<SocketAddr>,
    days_left: u32,
    selector: Option<Text<'a>>,
    list: String,
    script: Option<String>,
    with: Vec<(String, String)>,
    place_with: Option<Vec<(String, Secret)>>,
    grace_ms: u64,
}

/// The one thing that it tries; the mistake is told where it is none, or several.
pub(super) fn read(section: &Section<'_>) -> Option<CheckTarget> {
    let texts: Vec<Option<Text<'_>>> = KINDS.iter().map(|(key, ..)| section.text(key)).collect();
    let given = given(section);
    let mut kinds = KINDS.iter().zip(texts).filter_map(|(kind, text)| Some((kind, text?)));
    let Some(((key, example, own), text)) = kinds.next() else {
        let is_mistyped = KINDS.iter().any(|(key, ..)| section.item(key).is_some());
        if !is_mistyped {
            let keys = KINDS.map(|(key, ..)| key);
            section.missing(
                "http",
                format!(
                    "write what is tried: `http = {}`; there are {}",
                    KINDS[0].1,
                    listed(&keys)
                ),
            );
        }
        return None;
    };
    if let Some(((other, ..), text)) = kinds.next() {
        let message = format!("one check has `{key}` and `{other}`");
        section.wrong(text.at, message, "write a `[[check]]` for each");
        return None;
    }
    let strange = KINDS.iter().flat_map(|(.., more)| *more).filter(|more| !own.contains(more));
    for more in strange.filter(|more| section.item(more).is_some()) {
        let message = format!("`{more}` says nothing of a check by `{key}`");
        section.wrong(section.place_of(more), message, "take it away");
    }
    let at = text.at.clone();
    let target = target(section, key, &text, given);
    if target.is_none() {
        let message = format!("`{key}` is \"{}\", which cannot be tried", text.value);
        section.wrong(at, message, format!("write `{key} = {example}`"));
    }
    target
}

fn given<'a>(section: &Section<'a>) -> Given<'a> {
    let page = HttpTarget {
        url: String::new(),
        status: status(section),
        contains: texts(section, "contains", TEXTS),
        lacks: texts(section, "lacks", TEXTS),
        redirects: section.number("redirects", REDIRECTS, 0..=20),
    };
    let banner = section.text("banner").map(|text| text.value.to_owned());
    let record = section.choice("record", DnsRecord::A, &DnsRecord::ALL);
    let expects = texts(section, "expects", "[\"203.0.113.9\"]");
    let server = section.text("server").and_then(|text| server(section, &text));
    let days_left = section.number("days_left", DAYS_LEFT, 1..=365);
    let selector = section.text("selector");
    let list = section.text("list").map_or_else(|| LIST.to_owned(), |text| text.value.to_owned());
    let script = section.text("script").map(|text| text.value.to_owned());
    let with = pairs(section, "with");
    let places = section.boolean("place").unwrap_or(false);
    let told = pairs(section, "place_with");
    let place_with = places.then(|| secrets(section, told));
    let grace_ms = section.duration("grace", GRACE_MS, 1_000..=7 * DAY);
    Given {
        page,
        banner,
        record,
        expects,
        server,
        days_left,
        selector,
        list,
        script,
        with,
        place_with,
        grace_ms,
    }
}

fn target(
    section: &Section<'_>,
    key: &str,
    text: &Text<'_>,
    given: Given<'_>,
) -> Option<CheckTarget> {
    let value = text.value.trim();
    let domain = || is_domain(value).then(|| value.to_owned());
    Some(match key {
        "http" => CheckTarget::Http(HttpTarget { url: url(value)?, ..given.page }),
        "tcp" => {
            let (host, port) = place(value)?;
            CheckTarget::Tcp(TcpTarget { host, port, banner: given.banner })
        }
        "ping" => CheckTarget::Ping { host: host(value)? },
        "dns" => {
            let Given { record, expects, server, .. } = given;
            CheckTarget::Dns(DnsTarget { name: domain()?, record, expects, server })
        }
        "domain" => CheckTarget::Domain { name: domain()?, days_left: given.days_left },
        "spf" => CheckTarget::Mail(MailTarget::Spf { domain: domain()? }),
        "dmarc" => CheckTarget::Mail(MailTarget::Dmarc { domain: domain()? }),
        "dkim" => {
            let domain = domain()?;
            let Some(selector) = given.selector.map(|text| text.value.to_owned()) else {
                section.missing(
                    "selector",
                    "write `selector = \"mail\"`: it stands in the signature of a mail, as `s=`",
                );
                // The file is wrong anyway: whatever stands here is never tried.
                return Some(CheckTarget::Mail(MailTarget::Spf { domain }));
            };
            CheckTarget::Mail(MailTarget::Dkim { domain, selector })
        }
        "unlisted" => {
            let address: IpAddr = value.parse().ok()?;
            CheckTarget::Mail(MailTarget::Unlisted { address, list: given.list })
        }
        "heartbeat" => {
            let every_ms = values::duration(value)?;
            let is_fit = (MINUTE..=40 * DAY).contains(&every_ms);
            let target = HeartbeatTarget { every_ms, grace_ms: given.grace_ms };
            is_fit.then_some(CheckTarget::Heartbeat(target))?
        }
        _ => {
            let base = url(value)?.trim_end_matches('/').to_owned();
            let Given { script, with, place_with, .. } = given;
            CheckTarget::Journey(JourneyTarget { base, script, with, place_with })
        }
    })
}

/// `NAME=VALUE` each.
fn pairs(section: &Section<'_>, key: &'static str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for text in section.texts(key, PAIRS).unwrap_or_default() {
        match text.value.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => {
                pairs.push((name.trim().to_owned(), value.trim().to_owned()));
            }
            _ => {
                let message = format!("`{key}` has \"{}\", which is no NAME=VALUE", text.value);
                section.wrong(text.at, message, format!("write `{key} = {PAIRS}`"));
            }
        }
    }
    pairs
}

/// Values may stand elsewhere: `card=${file:/etc/storewarden/card}`.
fn secrets(section: &Section<'_>, pairs: Vec<(String, String)>) -> Vec<(String, Secret)> {
    let mut secrets = Vec::new();
    for (name, value) in pairs {
        match database::variable(&value, section.reader.known.environment) {
            Ok(found) => {
                let value = found.map_or(value, |found| found.trim().to_owned());
                secrets.push((name, Secret::new(value)));
            }
            Err(wrong) => {
                let message = format!("`place_with` has `{name}`, which {}", wrong.message);
                section.wrong(section.place_of("place_with"), message, wrong.mend);
            }
        }
    }
    secrets
}

fn server(section: &Section<'_>, text: &Text<'_>) -> Option<SocketAddr> {
    let address = text.value.parse::<SocketAddr>();
    let address = address.or_else(|_| text.value.parse().map(|ip: IpAddr| SocketAddr::new(ip, 53)));
    address
        .inspect_err(|_| {
            let message = format!("`server` is \"{}\", which is no address", text.value);
            section.wrong(text.at.clone(), message, format!("write `server = \"{SERVER}\"`"));
        })
        .ok()
}

fn texts(section: &Section<'_>, key: &'static str, example: &str) -> Vec<String> {
    section.refuse_empty_list(key, example);
    let mut texts = Vec::new();
    for text in section.texts(key, example).unwrap_or_default() {
        if text.value.is_empty() {
            section.wrong(
                text.at,
                format!("`{key}` has an empty text"),
                format!("write `{key} = {example}`"),
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
    Some((self::host(&host)?, port))
}

/// A name or an address, the latter without brackets.
fn host(text: &str) -> Option<String> {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    (!text.is_empty() && text.chars().all(is_plain)).then(|| text.to_owned())
}

/// In ASCII: `xn--` where it is written otherwise.
fn is_domain(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    text.contains('.') && !text.starts_with('.') && text.len() < 254 && text.chars().all(is_plain)
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
