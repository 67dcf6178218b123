//! `[shop.ID]`: one shop, by itself. What shops have to do with one another is in `whole`.

use super::{
    backup, database, edge,
    reader::Wrong,
    replica,
    section::{Section, kind},
    stream, values,
};
use crate::{
    Currency, ShopId,
    config::{
        BackupSettings, CertificateSource, DatabaseUrl, ReplicaSettings, S3Settings, ShopSettings,
        StreamSettings,
    },
    snapshot::{Balance, CacheLimits, Check, Hold, Timeouts},
};
use std::{net::SocketAddr, ops::Range, path::PathBuf};

mod app;
mod beside;
mod launch;

pub(super) use launch::{user, words};

const MS: u64 = 1;
const SECOND: u64 = 1_000 * MS;
const HOUR: u64 = 3_600 * SECOND;
const GIB: u64 = 1 << 30;

pub(in crate::config) const BALANCES: [(&str, Balance); 3] = [
    ("round-robin", Balance::RoundRobin),
    ("least-requests", Balance::LeastRequests),
    ("session", Balance::Session),
];
pub(in crate::config) const BALANCE: Balance = Balance::LeastRequests;
pub(in crate::config) const QUEUE_WAITS_MS: u64 = 15 * 60_000;
pub(in crate::config) const SLOW_START_MS: u64 = 10_000;
/// Checks find out too, but only after some time; this many customers need not wait for them.
pub(in crate::config) const EJECT_AFTER: u32 = 3;
pub(in crate::config) const EJECT_FOR_MS: u64 = 5_000;
/// A dark teal that is readable on white and keeps a contrast of 4.5:1 below it.
pub(in crate::config) const COLOUR: &str = "#1f6f78";
pub(in crate::config) const TIME_ZONE: &str = "UTC";

/// A shop, with the places of what other parts of the file may contradict.
pub(super) struct Shop {
    pub(super) settings: ShopSettings,
    pub(super) hosts: Vec<(String, Range<usize>)>,
    pub(super) instances: Vec<(SocketAddr, Range<usize>)>,
    /// Of `certificate`, or of the shop when that has its default.
    pub(super) certificate: Range<usize>,
    /// Of `force_https = true`, if it stands there.
    pub(super) force_https: Option<Range<usize>>,
    /// Of its backup, or of the shop when it has none.
    pub(super) backup: Range<usize>,
}

/// What other parts of the file decide for a shop.
pub(super) struct Around {
    /// There is an `[acme]`.
    pub(super) acme: bool,
    /// The edge listens on https somewhere.
    pub(super) tls: bool,
}

/// Reads one shop; `None` when something is missing that nothing can stand for.
pub(super) fn read(section: Section<'_>, id: &ShopId, around: &Around) -> Option<Shop> {
    let platform = platform(&section);
    let base_check = section
        .reader
        .known
        .platforms
        .iter()
        .find(|known| Some(&known.name) == platform.as_ref())
        .map_or_else(Check::default, |known| known.check.clone());
    let name = section.parsed("name", shop_name);
    let hosts = hosts(&section);
    let beside = beside::read(&section);
    let instances = app::read(&section, beside.is_watched);
    let deploy = launch::deploy(section.section("deploy"));
    let (certificate, certificate_at) = certificate(&section, around.acme);
    let tls = around.tls && !beside.is_watched;
    let (force_https, force_https_at) = force_https(&section, tls, &certificate);
    let eject = section.section("eject");
    let (eject_after_failures, eject_for_ms) = (
        eject.number("after_failures", EJECT_AFTER, 1..=1_000),
        eject.duration("for", EJECT_FOR_MS, 100..=HOUR),
    );
    eject.finish();
    let database = database(&section);
    let stream = section.section("stream");
    let backup = backup::backup(section.section("backup"), stream::is_copied(&stream));
    let rest = Rest {
        balance: section.choice("balance", BALANCE, &BALANCES),
        check: check(section.section("check"), base_check),
        hold: hold(section.section("hold")),
        timeouts: timeouts(section.section("timeouts")),
        slow_start_ms: section.duration("slow_start", SLOW_START_MS, 0..=HOUR),
        cache: cache(section.section("cache")),
        stream: stream::stream(stream, database.as_ref(), backup.as_ref()),
        replica: replica::replica(section.section("replica"), database.as_ref()),
        database,
        currency: section.parsed("currency", currency).unwrap_or(Currency::EUR),
        time_zone: time_zone(&section),
        queue_waits_ms: section.duration("queue_waits_at_most", QUEUE_WAITS_MS, 5_000..=HOUR * 24),
        colour: section.parsed("colour", values::colour).unwrap_or_else(|| COLOUR.to_owned()),
        contact: section.parsed("contact", contact),
        media: backup::media(&section),
        code: backup::folders(&section, "code"),
        backup,
    };
    backup::refuse_own_media(&section, &rest.media.1, rest.backup.as_ref());
    let backup = section.place_of("backup");
    section.finish();
    let (hosts, instances, platform, beside) = (hosts?, instances?, platform?, beside.settings?);
    let places = instances.iter().map(|(found, at)| (found.address, at.clone())).collect();
    let settings = ShopSettings {
        id: id.clone(),
        name: name.unwrap_or_else(|| id.to_string()),
        platform,
        hosts: hosts.iter().map(|(host, _)| host.clone()).collect(),
        beside,
        instances: instances.into_iter().map(|(instance, _)| instance).collect(),
        deploy,
        balance: rest.balance,
        check: rest.check,
        hold: rest.hold,
        timeouts: rest.timeouts,
        slow_start_ms: rest.slow_start_ms,
        eject_after_failures,
        eject_for_ms,
        cache: rest.cache,
        certificate,
        force_https,
        database: rest.database,
        currency: rest.currency,
        time_zone: rest.time_zone,
        queue_waits_at_most_ms: rest.queue_waits_ms,
        colour: rest.colour,
        contact: rest.contact,
        media: rest.media.0,
        media_buckets: rest.media.1,
        code: rest.code,
        backup: rest.backup,
        stream: rest.stream,
        replica: rest.replica,
    };
    let (certificate, force_https) = (certificate_at, force_https_at);
    Some(Shop { settings, hosts, instances: places, certificate, force_https, backup })
}

/// What never keeps a shop from being read.
struct Rest {
    balance: Balance,
    check: Check,
    hold: Hold,
    timeouts: Timeouts,
    slow_start_ms: u64,
    cache: CacheLimits,
    database: Option<DatabaseUrl>,
    currency: Currency,
    time_zone: String,
    queue_waits_ms: u64,
    colour: String,
    contact: Option<String>,
    media: (Vec<PathBuf>, Vec<S3Settings>),
    code: Vec<PathBuf>,
    backup: Option<BackupSettings>,
    stream: Option<StreamSettings>,
    replica: Option<ReplicaSettings>,
}

fn platform(section: &Section<'_>) -> Option<String> {
    let names: Vec<&str> =
        section.reader.known.platforms.iter().map(|platform| platform.name.as_str()).collect();
    let Some(text) = section.text("platform") else {
        if section.item("platform").is_none() {
            let listed = values::listed(&names);
            section.missing("platform", format!("write `platform = \"…\"`; there are {listed}"));
        }
        return None;
    };
    if names.contains(&text.value) {
        return Some(text.value.to_owned());
    }
    let mend = match values::nearest(text.value, names.iter().copied()) {
        Some(near) => format!("is \"{near}\" meant?"),
        None => format!("there are {}; `generic` serves every shop", values::listed(&names)),
    };
    section.wrong(text.at, format!("there is no platform \"{}\"", text.value), mend);
    None
}

fn hosts(section: &Section<'_>) -> Option<Vec<(String, Range<usize>)>> {
    let example = "[\"shop.example\", \"www.shop.example\"]";
    let Some(texts) = section.texts("hosts", example) else {
        section.missing("hosts", format!("write `hosts = {example}`"));
        return None;
    };
    section.refuse_empty_list("hosts", example);
    let mut hosts: Vec<(String, Range<usize>)> = Vec::new();
    for text in texts {
        let Some(host) = section.checked("hosts", &text, values::host) else { continue };
        if let Some((_, first)) = hosts.iter().find(|(known, _)| *known == host) {
            let line = section.reader.line(first);
            let message = format!("`hosts` has \"{host}\" twice, first in line {line}");
            section.wrong(text.at, message, "keep one of the two");
            continue;
        }
        hosts.push((host, text.at));
    }
    (!hosts.is_empty()).then_some(hosts)
}

fn certificate(section: &Section<'_>, acme: bool) -> (CertificateSource, Range<usize>) {
    let default = if acme { CertificateSource::Acme } else { CertificateSource::SelfSigned };
    let Some(item) = section.item("certificate") else { return (default, section.at.clone()) };
    let at = section.place(item);
    let mend = "write \"acme\", \"self-signed\" or \
                { chain = \"/etc/ssl/shop.pem\", key = \"/etc/ssl/shop.key\" }";
    match item.as_str() {
        Some("acme") => return (CertificateSource::Acme, at),
        Some("self-signed") => return (CertificateSource::SelfSigned, at),
        Some(other) => {
            let message = format!("`certificate` is \"{other}\", which there is not");
            section.wrong(at.clone(), message, mend);
            return (default, at);
        }
        None => {}
    }
    if !item.is_table_like() {
        section.wrong(at.clone(), format!("`certificate` is {}", kind(item)), mend);
        return (default, at);
    }
    let files = section.section("certificate");
    let chain = files.parsed("chain", edge::absolute_path);
    let key = files.parsed("key", edge::absolute_path);
    for name in ["chain", "key"] {
        if files.item(name).is_none() {
            files.missing(name, format!("write `{name} = \"/etc/ssl/shop.pem\"`, a PEM file"));
        }
    }
    files.finish();
    let files = chain.zip(key).map(|(chain, key)| CertificateSource::Files { chain, key });
    (files.unwrap_or(default), at)
}

/// The default: visitors are sent to https where they can expect a certificate they trust.
fn force_https(
    section: &Section<'_>,
    tls: bool,
    certificate: &CertificateSource,
) -> (bool, Option<Range<usize>>) {
    let trusted = !matches!(certificate, CertificateSource::SelfSigned);
    let Some(given) = section.boolean("force_https") else { return (tls && trusted, None) };
    let at = section.item("force_https").map(|item| section.place(item));
    (given, at.filter(|_| given))
}

fn check(section: Section<'_>, base: Check) -> Check {
    let check = Check {
        path: section.parsed("path", path).unwrap_or(base.path),
        host: section.parsed("host", values::host).or(base.host),
        interval_ms: section.duration("interval", base.interval_ms, 100..=HOUR),
        timeout_ms: section.duration("timeout", base.timeout_ms, 10..=HOUR),
        rise: section.number("rise", base.rise, 1..=100),
        fall: section.number("fall", base.fall, 1..=100),
        status: status(&section).unwrap_or(base.status),
    };
    section.finish();
    check
}

/// `status = 200` or `status = "200-399"`.
pub(super) fn status(section: &Section<'_>) -> Option<(u16, u16)> {
    let item = section.item("status")?;
    let range = match (item.as_integer(), item.as_str()) {
        (Some(one), _) => u16::try_from(one).ok().map(|one| (one, one)),
        (_, Some(text)) => {
            let (low, high) = text.split_once('-').unwrap_or((text, text));
            low.trim().parse().ok().zip(high.trim().parse().ok())
        }
        _ => None,
    };
    let valid = range.filter(|(low, high)| *low >= 100 && low <= high && *high <= 599);
    if valid.is_none() {
        let message = "`status` is neither a status nor a range of them";
        let mend = "write `status = 200` or `status = \"200-399\"`, from 100 to 599";
        section.wrong(section.place(item), message, mend);
    }
    valid
}

fn hold(section: Section<'_>) -> Hold {
    let base = Hold::default();
    let hold = Hold {
        max_requests: section.number("max_requests", base.max_requests, 0..=1_000_000),
        max_wait_ms: section.duration("max_wait", base.max_wait_ms, 0..=HOUR),
        queue_wait_ms: section.duration("queue_wait", base.queue_wait_ms, 0..=HOUR),
        release_per_second: section.number(
            "release_per_second",
            base.release_per_second,
            1..=1_000_000,
        ),
    };
    section.finish();
    hold
}

fn timeouts(section: Section<'_>) -> Timeouts {
    let base = Timeouts::default();
    let idle = 100..=24 * HOUR;
    let timeouts = Timeouts {
        connect_ms: section.duration("connect", base.connect_ms, 10..=HOUR),
        response_ms: section.duration("response", base.response_ms, 10..=24 * HOUR),
        read_ms: section.duration("read", base.read_ms, 10..=24 * HOUR),
        upstream_idle_ms: section.duration("upstream_idle", base.upstream_idle_ms, idle),
    };
    section.finish();
    timeouts
}

fn cache(section: Section<'_>) -> CacheLimits {
    let base = CacheLimits::default();
    let cache = CacheLimits {
        enabled: section.boolean("enabled").unwrap_or(base.enabled),
        memory_bytes: section.size("memory", base.memory_bytes, (1 << 20)..=1_024 * GIB),
        object_bytes: section.size("object", base.object_bytes, 1..=GIB),
    };
    if cache.object_bytes > cache.memory_bytes {
        let message = "`object` is larger than `memory`, in which it must find room";
        section.wrong(section.place_of("object"), message, "make `memory` the larger one");
    }
    section.finish();
    cache
}

fn database(section: &Section<'_>) -> Option<DatabaseUrl> {
    section.parsed("database", |text| database::read(text, section.reader.known.environment))
}

fn shop_name(text: &str) -> Result<String, Wrong> {
    let name = text.trim();
    if (1..=100).contains(&name.chars().count()) && !name.contains(char::is_control) {
        return Ok(name.to_owned());
    }
    let mend = "write the name that customers know, in one line of up to 100 characters";
    Err(Wrong::new("is no name", mend))
}

fn contact(text: &str) -> Result<String, Wrong> {
    let mend = "write an e-mail address or a telephone number for the error page";
    shop_name(text).map_err(|_| Wrong::new("is no contact", mend))
}

fn currency(text: &str) -> Result<Currency, Wrong> {
    text.parse().map_err(|_| {
        let upper = text.to_ascii_uppercase();
        let mend = match upper.parse::<Currency>() {
            Ok(currency) => format!("write \"{currency}\""),
            Err(_) => "write its three letters, such as \"EUR\"".to_owned(),
        };
        Wrong::new(format!("is \"{text}\", which is no currency"), mend)
    })
}

/// The `time_zone` of a table.
pub(super) fn time_zone(section: &Section<'_>) -> String {
    let known = section.reader.known;
    let zone =
        section.parsed("time_zone", |text| zone_is_known(known, text).map(|()| text.to_owned()));
    zone.unwrap_or_else(|| TIME_ZONE.to_owned())
}

/// An IANA name of a zone that exists.
pub(super) fn zone_is_known(known: super::Known<'_>, text: &str) -> Result<(), Wrong> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+-".contains(&byte);
    let has_shape = !text.is_empty() && text.bytes().all(fits);
    let names = match (known.time_zone)(text) {
        Ok(()) if has_shape => return Ok(()),
        Ok(()) => Vec::new(),
        Err(names) => names,
    };
    let mend = match values::nearest(text, names.iter().map(String::as_str)) {
        Some(near) => format!("is \"{near}\" meant?"),
        None => "write a name of the time zone database, such as \"Europe/Berlin\"".to_owned(),
    };
    Err(Wrong::new(format!("is \"{text}\", which is no time zone"), mend))
}

pub(super) fn path(text: &str) -> Result<String, Wrong> {
    let visible = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    if text.starts_with('/') && visible {
        return Ok(text.to_owned());
    }
    let mend = "write one that begins with `/`, such as \"/health\"";
    Err(Wrong::new(format!("is \"{text}\", which is no path"), mend))
}
