//! `[[peer]]`: another Storewarden that watches us and is watched.

use super::{
    database,
    edge::absolute_path,
    reader::Wrong,
    section::{Section, Text},
    values,
};
use crate::{
    ShopId,
    config::{PeerAddress, PeerSettings, Secret},
};
use std::net::IpAddr;

/// Three askings in vain are silence, told well within a minute.
pub(in crate::config) const EVERY_MS: u64 = 15 * SECOND;
pub(in crate::config) const SILENT_MS: u64 = 45 * SECOND;
/// So many askings fit into the time after which a peer is silent.
const ASKINGS: u64 = 3;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const LOOK_EXAMPLE: &str = "[\"https://shop.example/\"]";

pub(super) fn peers(root: &Section<'_>) -> Vec<PeerSettings> {
    let mut peers: Vec<PeerSettings> = Vec::new();
    for section in root.tables("peer") {
        let at = section.at.clone();
        let Some(peer) = peer(section) else { continue };
        if peers.iter().any(|other| other.name == peer.name) {
            let message = format!("there are two `[[peer]]` of the name \"{}\"", peer.name);
            root.wrong(at, message, "give each a name of its own");
        }
        peers.push(peer);
    }
    peers
}

fn peer(section: Section<'_>) -> Option<PeerSettings> {
    let name = name(&section);
    let every_ms = section.duration("every", EVERY_MS, SECOND..=HOUR);
    let silent_after_ms = section.duration("silent_after", SILENT_MS, 3 * SECOND..=24 * HOUR);
    if silent_after_ms < ASKINGS * every_ms {
        let message = format!(
            "`silent_after` is {}, within which the peer is not asked three times",
            values::duration_text(silent_after_ms)
        );
        let mend = format!("write \"{}\" or more", values::duration_text(ASKINGS * every_ms));
        section.wrong(section.place_of("silent_after"), message, mend);
    }
    let settings = PeerSettings {
        name: name.clone().unwrap_or_default(),
        ask: address(&section),
        every_ms,
        silent_after_ms,
        root: section.parsed("root", absolute_path),
        look_at: pages(&section),
    };
    section.finish();
    name.map(|_| settings)
}

fn name(section: &Section<'_>) -> Option<String> {
    let Some(text) = section.text("name") else {
        if section.item("name").is_none() {
            section.missing("name", "write `name = \"second\"`: incidents call it so");
        }
        return None;
    };
    // The rules of ids, since it stands in the ids of findings.
    if let Err(error) = text.value.parse::<ShopId>() {
        let message = format!("`name` \"{}\" {error}", text.value);
        section.wrong(text.at, message, "write one such as \"second\"");
        return None;
    }
    Some(text.value.to_owned())
}

/// Both of `url` and `token`, or neither.
fn address(section: &Section<'_>) -> Option<PeerAddress> {
    let url = section.parsed("url", url);
    let token = section.text("token").and_then(|text| token(section, &text));
    let (has_url, has_token) = (section.item("url").is_some(), section.item("token").is_some());
    if has_url && !has_token {
        let mend = "have the peer make one, `storewarden token create NAME --may peer`, and write \
                    `token = \"${file:/etc/storewarden/peer-token}\"`";
        section.missing("token", mend);
    } else if has_token && !has_url {
        section.missing("url", "write where the peer is: `url = \"https://shop.example\"`");
    }
    Some(PeerAddress { url: url?, token: token? })
}

fn token(section: &Section<'_>, text: &Text<'_>) -> Option<Secret> {
    section.checked("token", text, |text| {
        let value = database::variable(text, section.reader.known.environment)?;
        let mend = "write `token = \"${file:/etc/storewarden/peer-token}\"`";
        let value = value.ok_or_else(|| Wrong::new("stands here in clear", mend))?;
        Ok(Secret::new(value.trim().to_owned()))
    })
}

/// Where a peer is asked. Its token must not travel in clear, but within a private network.
fn url(text: &str) -> Result<String, Wrong> {
    let mend = "write one such as \"https://shop.example\"";
    let (is_plain, rest) = split(text).ok_or_else(|| {
        Wrong::new(format!("is \"{text}\", which is no address of the web"), mend)
    })?;
    let place = rest.trim_end_matches('/');
    if place.is_empty() || place.contains(['/', '?', '#', '@']) {
        let message = format!("is \"{text}\", which is more than scheme, host and port");
        return Err(Wrong::new(message, mend));
    }
    if is_plain && !is_private(place) {
        let message = "begins with `http://`, and the token would travel unencrypted";
        return Err(Wrong::new(
            message,
            "write `https://`: any host of a shop of the peer will do",
        ));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn pages(section: &Section<'_>) -> Vec<String> {
    let texts = section.texts("look_at", LOOK_EXAMPLE).unwrap_or_default();
    let page = |text: &Text<'_>| {
        let is_page = split(text.value).is_some_and(|(_, rest)| !rest.contains('@'));
        if !is_page {
            let message = format!("`look_at` has \"{}\", which is no page's address", text.value);
            section.wrong(text.at.clone(), message, format!("write `look_at = {LOOK_EXAMPLE}`"));
        }
        is_page.then(|| text.value.to_owned())
    };
    texts.iter().filter_map(page).collect()
}

/// Whether it is plain http, and what follows the scheme.
fn split(url: &str) -> Option<(bool, &str)> {
    let plain = url.strip_prefix("http://").map(|rest| (true, rest));
    let (is_plain, rest) = plain.or(url.strip_prefix("https://").map(|rest| (false, rest)))?;
    let whole = !rest.is_empty() && !rest.starts_with(['/', ':']);
    (whole && !rest.contains(char::is_whitespace)).then_some((is_plain, rest))
}

/// Whether host and port are an address that nobody on the internet has: of this machine, or of a
/// private network (RFC 1918, RFC 4193, RFC 6598, which private networks over others take too).
fn is_private(place: &str) -> bool {
    let host = match place.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => place.split(':').next().unwrap_or_default(),
    };
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => {
            let [first, second, ..] = ip.octets();
            ip.is_loopback() || ip.is_private() || (first == 100 && second & 0xc0 == 64)
        }
        Ok(IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unique_local(),
        Err(_) => host == "localhost",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After its last answer a peer is silent at the latest so long, with what ticks and rules take
    /// on top: the promise is a minute.
    #[test]
    fn by_default_silence_is_noticed_within_a_minute() {
        let ticks_ms = 2 * SECOND;
        assert!(SILENT_MS + ticks_ms < MINUTE);
        const { assert!(SILENT_MS >= ASKINGS * EVERY_MS) };
    }

    #[test]
    fn a_token_travels_in_clear_within_a_private_network_alone() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(url(text).ok().as_deref(), expect, "{text}");
        };
        check("https://shop.example/", Some("https://shop.example"));
        check("https://shop.example:8443", Some("https://shop.example:8443"));
        check("http://127.0.0.1:7780", Some("http://127.0.0.1:7780"));
        check("http://10.8.0.2:7780", Some("http://10.8.0.2:7780"));
        check("http://100.100.0.7", Some("http://100.100.0.7"));
        check("http://[fd00::2]:7780", Some("http://[fd00::2]:7780"));
        check("http://shop.example", None);
        check("http://100.200.0.7", None);
        check("http://8.8.8.8", None);
        check("https://user@shop.example", None);
        check("https://shop.example/path", None);
        check("shop.example", None);
        check("https://", None);
    }
}
