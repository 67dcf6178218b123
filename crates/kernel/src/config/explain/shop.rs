//! `[shop.ID]` in words.

use super::{Rows, Section, bytes, ms, number};
use crate::{
    Currency, LogFormat, LogTiming,
    config::{
        BesideSettings, CertificateSource, CommandSettings, Configuration, DeploySettings,
        InstanceSettings, Known, Launch, RepositorySettings, S3Settings, ShopSettings, outer,
    },
    snapshot::{Balance, CacheLimits, Check, Hold, Timeouts},
};
use std::path::{Path, PathBuf};

pub(super) fn section(
    shop: &ShopSettings,
    configuration: &Configuration,
    known: Known<'_>,
) -> Section {
    let mut rows = Rows::default();
    rows.put("platform", shop.platform.clone(), false, "knows its carts, its checkout, its orders");
    let hosts = shop.hosts.iter().map(|host| (host.clone(), String::new()));
    rows.list("hosts", false, hosts);
    if let Some(beside) = &shop.beside {
        watched(&mut rows, beside);
        rows.list("app", shop.instances.is_empty(), shop.instances.iter().flat_map(instance));
        releases(&mut rows, shop);
        selling(&mut rows, shop);
        return rows.section(&format!("[shop.{}]", shop.id), &shop.name);
    }
    rows.list("app", false, shop.instances.iter().flat_map(instance));
    releases(&mut rows, shop);
    selling(&mut rows, shop);
    encryption(&mut rows, shop, configuration);
    balance(&mut rows, shop);
    let platform = known.platforms.iter().find(|platform| platform.name == shop.platform);
    let base = platform.map_or_else(Check::default, |platform| platform.check.clone());
    check(&mut rows, &shop.check, &base);
    hold(&mut rows, &shop.hold);
    timeouts(&mut rows, &shop.timeouts);
    cache(&mut rows, &shop.cache);
    rows.section(&format!("[shop.{}]", shop.id), &shop.name)
}

/// What matters of a shop that the edge is not before.
fn watched(rows: &mut Rows, beside: &BesideSettings) {
    rows.put("front", "false".to_owned(), false, "another web server stands before it");
    let logs = beside.logs.iter();
    let logs = logs.map(|log| (log.display().to_string(), "what visitors do is read here".into()));
    rows.list("logs", false, logs);
    let (format, usual) = (&beside.format, LogFormat::default());
    let meaning = match format.timing() {
        None => "its lines do not say how long anything takes",
        Some(LogTiming::FirstByte) => "its lines say when an answer began",
        Some(LogTiming::Application) => "its lines say how long the application took",
        Some(LogTiming::Whole) => "its lines say how long a whole answer took",
    };
    rows.add("log_format", format, &usual, ToString::to_string, meaning);
}

fn instance(instance: &InstanceSettings) -> Vec<(String, String)> {
    let InstanceSettings { name, address, weight, connections, launch } = instance;
    let share = format!("{name}: weight {weight}, {connections} requests at once");
    let mut lines = vec![(address.to_string(), share)];
    let mut more = |value: String, meaning: String| lines.push((format!("  {value}"), meaning));
    match launch {
        None => more(String::new(), "only looked at: neither `unit` nor `command`".to_owned()),
        Some(Launch::Unit(unit)) => {
            more(unit.to_string(), "systemd starts and stops it".to_owned());
        }
        Some(Launch::Command(settings)) => {
            more(settings.command.join(" "), "Storewarden starts and stops it".to_owned());
            for line in running(settings) {
                more(String::new(), line);
            }
        }
    }
    lines
}

fn running(settings: &CommandSettings) -> impl Iterator<Item = String> {
    let CommandSettings { directory, user, environment_file, stop_grace_ms, .. } = settings;
    let directory = directory.as_deref().unwrap_or_else(|| Path::new("/")).display();
    let user = user.as_ref().map_or(String::new(), |user| format!(" as {user}"));
    let place = format!("in {directory}{user}, {} to end", ms(stop_grace_ms));
    let environment = environment_file.as_ref();
    let environment = environment.map(|file| format!("told {}", file.display()));
    [place].into_iter().chain(environment)
}

fn releases(rows: &mut Rows, shop: &ShopSettings) {
    let Some(DeploySettings { releases, current }) = &shop.deploy else {
        return rows.put("deploy", "none".to_owned(), true, "its releases are not ours to switch");
    };
    let line = |path: &Path, meaning: &str| (path.display().to_string(), meaning.to_owned());
    let lines = [line(releases, "its releases, a folder each"), line(current, "links to one")];
    rows.list("deploy", false, lines);
}

fn selling(rows: &mut Rows, shop: &ShopSettings) {
    let database = shop.database.as_ref().map(ToString::to_string);
    let meaning = match &database {
        Some(_) => "orders are read here, and nothing written",
        None => "orders and revenue stay unknown",
    };
    let shown = database.clone().unwrap_or_else(|| "none".to_owned());
    rows.put("database", shown, database.is_none(), meaning);
    rows.add("currency", &shop.currency, &Currency::EUR, ToString::to_string, "of its revenue");
    let zone = outer::TIME_ZONE.to_owned();
    rows.add("time_zone", &shop.time_zone, &zone, Clone::clone, "in which its days begin");
    rows.add(
        "queue_waits_at_most",
        &shop.queue_waits_at_most_ms,
        &outer::QUEUE_WAITS_MS,
        ms,
        "a job that is due for longer is one that nobody does",
    );
    let colour = outer::COLOUR.to_owned();
    rows.add("colour", &shop.colour, &colour, Clone::clone, "of its error page");
    let contact = shop.contact.clone().unwrap_or_else(|| "none".to_owned());
    rows.put("contact", contact, shop.contact.is_none(), "named on its error page");
    let folders = |paths: &[PathBuf]| paths.iter().map(|path| path.display().to_string()).collect();
    let mut media: Vec<String> = folders(&shop.media);
    let shown = |bucket: &S3Settings| {
        RepositorySettings::S3 { bucket: bucket.clone(), lock: None }.to_string()
    };
    media.extend(shop.media_buckets.iter().map(shown));
    for (key, places, meaning) in [
        ("media", media, "its pictures and downloads"),
        ("code", folders(&shop.code), "its program"),
    ] {
        rows.list(key, false, places.into_iter().map(|place| (place, meaning.to_owned())));
    }
}

fn encryption(rows: &mut Rows, shop: &ShopSettings, configuration: &Configuration) {
    let acme = configuration.acme.is_some();
    let usual = if acme { CertificateSource::Acme } else { CertificateSource::SelfSigned };
    let (value, meaning) = match &shop.certificate {
        CertificateSource::SelfSigned => ("self-signed".to_owned(), "for trying out"),
        CertificateSource::Acme => ("acme".to_owned(), "ordered and renewed by itself"),
        CertificateSource::Files { chain, key } => {
            (format!("{}, {}", chain.display(), key.display()), "read again at every reload")
        }
    };
    rows.put("certificate", value, shop.certificate == usual, meaning);
    let tls = configuration.edge.listen.iter().any(|listen| listen.tls);
    let usual = tls && shop.certificate != CertificateSource::SelfSigned;
    let meaning = if shop.force_https { "http is sent on to https" } else { "http is served too" };
    rows.add("force_https", &shop.force_https, &usual, ToString::to_string, meaning);
}

fn balance(rows: &mut Rows, shop: &ShopSettings) {
    let name = |balance: &Balance| {
        let named = outer::BALANCES.iter().find(|(_, known)| known == balance);
        named.map_or_else(String::new, |(name, _)| (*name).to_owned())
    };
    let meaning = match shop.balance {
        Balance::RoundRobin => "one instance after the other",
        Balance::LeastRequests => "the less busy of two drawn at random",
        Balance::Session => "a visitor stays with one instance",
    };
    rows.add("balance", &shop.balance, &outer::BALANCE, name, meaning);
    let meaning = "until a returning one has its full share";
    rows.add("slow_start", &shop.slow_start_ms, &outer::SLOW_START_MS, ms, meaning);
    let meaning = "failures in a row that take one out";
    let failures = shop.eject_after_failures;
    rows.add("eject.after_failures", &failures, &outer::EJECT_AFTER, number, meaning);
    let meaning = "how long at least";
    rows.add("eject.for", &shop.eject_for_ms, &outer::EJECT_FOR_MS, ms, meaning);
}

fn check(rows: &mut Rows, check: &Check, base: &Check) {
    let text = |text: &String| text.clone();
    let host = |host: &Option<String>| host.clone().unwrap_or_else(|| "the address".to_owned());
    let status = |(low, high): &(u16, u16)| {
        if low == high { low.to_string() } else { format!("{low}-{high}") }
    };
    rows.add("check.path", &check.path, &base.path, text, "is asked for, to see who is well");
    rows.add("check.host", &check.host, &base.host, host, "the check's Host header");
    rows.add("check.interval", &check.interval_ms, &base.interval_ms, ms, "how often");
    rows.add(
        "check.timeout",
        &check.timeout_ms,
        &base.timeout_ms,
        ms,
        "the answer is there by then",
    );
    rows.add("check.rise", &check.rise, &base.rise, number, "good ones in a row bring it in");
    rows.add("check.fall", &check.fall, &base.fall, number, "bad ones in a row take it out");
    rows.add("check.status", &check.status, &base.status, status, "what is good");
}

fn hold(rows: &mut Rows, hold: &Hold) {
    let base = Hold::default();
    let meaning = "most requests that wait at once, else 503";
    rows.add("hold.max_requests", &hold.max_requests, &base.max_requests, number, meaning);
    let meaning = "longest wait while no instance is well";
    rows.add("hold.max_wait", &hold.max_wait_ms, &base.max_wait_ms, ms, meaning);
    let meaning = "longest wait for a free place";
    rows.add("hold.queue_wait", &hold.queue_wait_ms, &base.queue_wait_ms, ms, meaning);
    let (key, meaning) = ("hold.release_per_second", "let go when one comes back, carts first");
    rows.add(key, &hold.release_per_second, &base.release_per_second, number, meaning);
}

fn timeouts(rows: &mut Rows, timeouts: &Timeouts) {
    let base = Timeouts::default();
    rows.add("timeouts.connect", &timeouts.connect_ms, &base.connect_ms, ms, "to an instance");
    let meaning = "until a response begins";
    rows.add("timeouts.response", &timeouts.response_ms, &base.response_ms, ms, meaning);
    rows.add("timeouts.read", &timeouts.read_ms, &base.read_ms, ms, "until it goes on");
    let (key, meaning) = ("timeouts.upstream_idle", "keep it below the application's own");
    rows.add(key, &timeouts.upstream_idle_ms, &base.upstream_idle_ms, ms, meaning);
}

fn cache(rows: &mut Rows, cache: &CacheLimits) {
    let base = CacheLimits::default();
    let meaning = "what says how long it is fresh, is kept";
    rows.add("cache.enabled", &cache.enabled, &base.enabled, ToString::to_string, meaning);
    rows.add(
        "cache.memory",
        &cache.memory_bytes,
        &base.memory_bytes,
        bytes,
        "all of them together",
    );
    rows.add("cache.object", &cache.object_bytes, &base.object_bytes, bytes, "largest of them");
}
