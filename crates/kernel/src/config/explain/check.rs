//! `[[check]]` in words. Of addresses no query is shown: it may hold a secret.

use super::{Rows, Section, ms, number};
use crate::config::{
    CheckSettings, CheckTarget, DnsRecord, DnsTarget, HttpTarget, JourneyTarget, MailTarget,
    TcpTarget, outer,
};

pub(super) fn section(check: &CheckSettings) -> Section {
    let mut rows = Rows::default();
    match &check.target {
        CheckTarget::Http(page) => http(&mut rows, page),
        CheckTarget::Tcp(port) => tcp(&mut rows, port),
        CheckTarget::Ping { host } => rows.put("ping", host.clone(), false, "must answer"),
        CheckTarget::Dns(dns) => dns_rows(&mut rows, dns),
        CheckTarget::Domain { name, days_left } => {
            rows.put("domain", name.clone(), false, "must stay registered");
            rows.add("days_left", days_left, &outer::CHECK_DAYS_LEFT, number, "at least");
        }
        CheckTarget::Mail(mail) => mail_rows(&mut rows, mail),
        CheckTarget::Journey(journey) => journey_rows(&mut rows, journey),
        CheckTarget::Heartbeat(beat) => {
            rows.put("heartbeat", ms(&beat.every_ms), false, "a job has to report so often");
            rows.add(
                "grace",
                &beat.grace_ms,
                &outer::CHECK_GRACE_MS,
                ms,
                "it may be late by so much",
            );
        }
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

fn dns_rows(rows: &mut Rows, dns: &DnsTarget) {
    rows.put("dns", dns.name.clone(), false, "must have such records");
    let word = |record: &DnsRecord| record.word().to_owned();
    rows.add("record", &dns.record, &DnsRecord::A, word, "");
    let expects = dns.expects.iter().map(|text| (text.clone(), "must be among them".to_owned()));
    rows.list("expects", false, expects);
    let server = dns.server.map_or_else(|| "this machine's".to_owned(), |at| at.to_string());
    rows.put("server", server, dns.server.is_none(), "is asked");
}

fn mail_rows(rows: &mut Rows, mail: &MailTarget) {
    match mail {
        MailTarget::Spf { domain } => {
            rows.put("spf", domain.clone(), false, "must say who may send its mail");
        }
        MailTarget::Dmarc { domain } => {
            rows.put("dmarc", domain.clone(), false, "must say what becomes of others' mail");
        }
        MailTarget::Dkim { domain, selector } => {
            rows.put("dkim", domain.clone(), false, "must have the key of its signatures");
            rows.put("selector", selector.clone(), false, "by which that key is found");
        }
        MailTarget::Unlisted { address, list } => {
            rows.put("unlisted", address.to_string(), false, "must not be on a block list");
            rows.put("list", list.clone(), list == "zen.spamhaus.org", "");
        }
    }
}

fn journey_rows(rows: &mut Rows, journey: &JourneyTarget) {
    let shown = journey.base.split_once('?').map_or(journey.base.as_str(), |(path, _)| path);
    rows.put("journey", shown.to_owned(), false, "is walked through as a customer does");
    let script = journey.script.clone().unwrap_or_else(|| "the platform's".to_owned());
    rows.put("script", script, journey.script.is_none(), "says the steps");
    let with = journey.with.iter();
    rows.list(
        "with",
        false,
        with.map(|(name, value)| (format!("{name}={value}"), "is told to it".to_owned())),
    );
    let places = journey.place_with.is_some();
    let meaning = if places {
        "an order is placed each time, and cancelled"
    } else {
        "it ends before an order is placed"
    };
    rows.put("place", places.to_string(), !places, meaning);
    let told = journey.place_with.iter().flatten();
    rows.list(
        "place_with",
        false,
        told.map(|(name, _)| {
            (format!("{name}=•••"), "is told to the steps that order and cancel".to_owned())
        }),
    );
}
