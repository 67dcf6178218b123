//! `[edge]`, `[control]` and `[acme]`.

use super::{
    reader::Wrong,
    section::{Section, Text},
    values,
};
use crate::{
    config::{AcmeSettings, ControlSettings, EdgeSettings, Listen, SecondFactorDemand},
    snapshot::Limits,
};
use std::{net::SocketAddr, ops::Range, path::PathBuf};

/// Let's Encrypt's directory (letsencrypt.org/docs/acme-protocol-updates).
pub(in crate::config) const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";
/// How long running requests may go on at the end of an edge.
const DRAIN_MS: u64 = 30_000;
/// Of Let's Encrypt's ninety days.
pub(in crate::config) const RENEW_DAYS: u32 = 30;
pub(in crate::config) const CONTROL: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7780);
pub(in crate::config) const SECOND_FACTOR: SecondFactorDemand = SecondFactorDemand::WhenExposed;
pub(in crate::config) const PULSE_MS: u64 = 10_000;
const PULSES: [(&str, u64); 4] = [("1s", 1_000), ("2s", 2_000), ("5s", 5_000), ("10s", PULSE_MS)];

pub(in crate::config) const SECOND_FACTORS: [(&str, SecondFactorDemand); 3] = [
    ("always", SecondFactorDemand::Always),
    ("when-exposed", SecondFactorDemand::WhenExposed),
    ("never", SecondFactorDemand::Never),
];

const MS: u64 = 1;
const SECOND: u64 = 1_000 * MS;
const HOUR: u64 = 3_600 * SECOND;
const KIB: u64 = 1 << 10;
const GIB: u64 = 1 << 30;

/// Where the edge listens when nobody says: the ports of the web, on every address.
fn default_listen() -> Vec<Listen> {
    let any = |port| SocketAddr::new(std::net::Ipv6Addr::UNSPECIFIED.into(), port);
    vec![Listen { address: any(80), tls: false }, Listen { address: any(443), tls: true }]
}

pub(in crate::config) fn default_settings() -> EdgeSettings {
    EdgeSettings {
        listen: default_listen(),
        workers: None,
        limits: Limits::default(),
        drain_ms: DRAIN_MS,
        access_log: None,
    }
}

/// Where every shop is only watched, the edge listens nowhere unless told to.
pub(super) fn edge(section: Section<'_>, is_idle: bool) -> EdgeSettings {
    let usual = if is_idle { Vec::new() } else { default_listen() };
    let listen = listen(&section, usual);
    let workers = section.number("workers", 0, 1..=1024);
    let settings = EdgeSettings {
        listen,
        workers: (workers > 0).then_some(workers),
        access_log: section.parsed("access_log", absolute_path),
        drain_ms: section.duration("drain", DRAIN_MS, 0..=24 * HOUR),
        limits: limits(section.section("limits")),
    };
    section.finish();
    settings
}

fn listen(section: &Section<'_>, usual: Vec<Listen>) -> Vec<Listen> {
    let example = "[\"http://[::]:80\", \"https://[::]:443\"]";
    let Some(texts) = section.texts("listen", example) else { return usual };
    section.refuse_empty_list("listen", example);
    let mut found: Vec<(Listen, Range<usize>)> = Vec::new();
    for text in texts {
        let Some(listen) = section.checked("listen", &text, values::listen) else { continue };
        let port = listen.address.port();
        let twice = found.iter().find(|(other, _)| port != 0 && other.address == listen.address);
        if let Some((_, first)) = twice {
            let line = section.reader.line(first);
            let message = format!("`listen` has {} twice, first in line {line}", listen.address);
            section.wrong(text.at.clone(), message, "keep one of the two");
        }
        found.push((listen, text.at));
    }
    found.into_iter().map(|(listen, _)| listen).collect()
}

fn limits(section: Section<'_>) -> Limits {
    let base = Limits::default();
    let small = |bytes: u64| u32::try_from(bytes).unwrap_or(u32::MAX);
    let limits = Limits {
        head_bytes: small(section.size("head", base.head_bytes.into(), KIB..=KIB * KIB)),
        target_bytes: small(section.size("target", base.target_bytes.into(), 256..=64 * KIB)),
        headers: section.number("headers", base.headers, 10..=1_000),
        body_bytes: section.size("body", base.body_bytes, 0..=64 * GIB),
        body_memory_bytes: section.size("body_memory", base.body_memory_bytes, 0..=GIB),
        connections: section.number("connections", base.connections, 1..=10_000_000),
        head_timeout_ms: section.duration("head_timeout", base.head_timeout_ms, SECOND..=HOUR),
        body_timeout_ms: section.duration("body_timeout", base.body_timeout_ms, SECOND..=HOUR),
        write_timeout_ms: section.duration("write_timeout", base.write_timeout_ms, SECOND..=HOUR),
        idle_timeout_ms: section.duration("idle_timeout", base.idle_timeout_ms, SECOND..=HOUR),
        streams: section.number("streams", base.streams, 1..=10_000),
    };
    if limits.target_bytes > limits.head_bytes {
        let message = "`target` is larger than `head`, whose first line it stands in";
        section.wrong(section.place_of("target"), message, "make `head` the larger one");
    }
    section.finish();
    limits
}

pub(super) fn control(section: Section<'_>) -> (ControlSettings, Option<Range<usize>>) {
    let text = section.text("listen");
    let at = text.as_ref().map(|text| text.at.clone());
    let listen = text.and_then(|text| section.checked("listen", &text, values::address));
    let second_factor = section.choice("second_factor", SECOND_FACTOR, &SECOND_FACTORS);
    let discover_services = section.boolean("discover_services").unwrap_or(true);
    let pulse_ms = section.choice("pulse", PULSE_MS, &PULSES);
    section.finish();
    let listen = listen.unwrap_or(CONTROL);
    (ControlSettings { listen, second_factor, discover_services, pulse_ms }, at)
}

pub(super) fn acme(section: Section<'_>) -> Option<AcmeSettings> {
    if !section.is_given() {
        return None;
    }
    let contact = section.texts("contact", "[\"owner@shop.example\"]").unwrap_or_default();
    let settings = AcmeSettings {
        directory: section
            .parsed("directory", directory)
            .unwrap_or_else(|| LETS_ENCRYPT.to_owned()),
        contact: contact.iter().filter_map(|text| mail(&section, text)).collect(),
        root: section.parsed("root", absolute_path),
        renew_days: section.number("renew_days", RENEW_DAYS, 1..=365),
    };
    section.finish();
    Some(settings)
}

fn directory(text: &str) -> Result<String, Wrong> {
    let place = text.strip_prefix("https://");
    if place.is_some_and(|place| !place.is_empty() && !place.contains(char::is_whitespace)) {
        return Ok(text.to_owned());
    }
    let mend = format!("write an address that begins with `https://`, such as \"{LETS_ENCRYPT}\"");
    Err(Wrong::new(format!("is \"{text}\", which is no authority's directory"), mend))
}

fn mail(section: &Section<'_>, text: &Text<'_>) -> Option<String> {
    let address = text.value.strip_prefix("mailto:").unwrap_or(text.value);
    let whole = address.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && host.contains('.') && !address.contains(char::is_whitespace)
    });
    if !whole {
        let message = format!("`contact` has \"{}\", which is no e-mail address", text.value);
        section.wrong(text.at.clone(), message, "write one such as \"owner@shop.example\"");
    }
    whole.then(|| address.to_owned())
}

/// A path that means the same wherever the program was started.
pub(super) fn absolute_path(text: &str) -> Result<PathBuf, Wrong> {
    if text.starts_with('/') {
        return Ok(text.into());
    }
    let mend = "write the whole path, beginning with `/`: services start in other folders";
    Err(Wrong::new(format!("is \"{text}\", which is relative"), mend))
}
