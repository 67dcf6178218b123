//! What lines of one shop's logs add up to: the counts that an edge would have sent, as far as a log
//! can say.

use super::line::{Line, LineReader};
use crate::live::{ClassCounts, Counts, InstanceCounts, MINUTE_MS, minute_of};
use kernel::{
    Histogram, InstanceName, RouteClass,
    config::{BesideSettings, ShopSettings},
    facts::{Visitors, visitor_register},
};
use shops::{hosts::Hosts, matcher::Matcher};
use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

/// Lines of the last minute are what happens now; older ones are the past, minute by minute.
const NOW_MS: i64 = MINUTE_MS;
/// A clock of the web server that is ahead by so much is wrong.
const AHEAD_MS: i64 = 2 * MINUTE_MS;

/// What a number of lines said.
#[derive(Debug, Default)]
pub(crate) struct Tallied {
    /// Of the last minute.
    pub(crate) now: Counts,
    /// Requests and errors by the start of their minute, older ones too.
    pub(crate) minutes: BTreeMap<i64, (u64, u64)>,
    /// A sketch for each minute.
    pub(crate) visitors: Vec<Visitors>,
    /// Lines that were read, those of other shops aside.
    pub(crate) lines: u64,
    /// Lines that do not fit the format.
    pub(crate) broken: u64,
    /// Requests whose class hangs on a body, which no log has.
    pub(crate) unclear: u64,
}

/// Counts lines. Made once for a shop and its settings.
#[derive(Debug)]
pub(crate) struct Counter {
    reader: LineReader,
    matcher: Matcher,
    hosts: Hosts<()>,
    /// As the log names them.
    instances: Vec<(Vec<u8>, InstanceName)>,
    has_clients: bool,
    /// Minutes up to here are known from elsewhere.
    from_ms: i64,
    tallied: Tallied,
    sketches: BTreeMap<i64, BTreeMap<u16, u8>>,
}

impl Counter {
    /// Lines before `from_ms` are counted already.
    pub(crate) fn new(shop: &ShopSettings, beside: &BesideSettings, from_ms: i64) -> Self {
        let rules = shops::platform(&shop.platform).map(|platform| platform.traffic.clone());
        let named = |instance: &kernel::config::InstanceSettings| {
            (instance.address.to_string().into_bytes(), instance.name.clone())
        };
        Self {
            reader: LineReader::new(&beside.format),
            matcher: Matcher::new(&rules.unwrap_or_default()),
            hosts: Hosts::new(shop.hosts.iter().map(|host| (host.as_str(), ()))),
            instances: shop.instances.iter().map(named).collect(),
            has_clients: beside.format.fields().any(|field| field == kernel::LogField::Client),
            from_ms,
            tallied: Tallied::default(),
            sketches: BTreeMap::new(),
        }
    }

    /// Takes one line, read at `now_ms`.
    pub(crate) fn take(&mut self, line: &[u8], now_ms: i64) {
        let Some(line) = self.reader.read(line).filter(|line| line.at_ms <= now_ms + AHEAD_MS)
        else {
            self.tallied.lines += 1;
            self.tallied.broken += 1;
            return;
        };
        if !self.is_ours(&line) {
            return;
        }
        self.tallied.lines += 1;
        if line.at_ms < self.from_ms {
            return;
        }
        let is_error = line.status >= 500;
        let minute = self.tallied.minutes.entry(minute_of(line.at_ms)).or_default();
        minute.0 += 1;
        minute.1 += u64::from(is_error);
        if line.at_ms > now_ms - NOW_MS {
            self.take_now(&line, is_error);
        }
    }

    /// Lines that are none at all: too long to be read.
    pub(crate) fn take_broken(&mut self, lines: u64) {
        self.tallied.lines += lines;
        self.tallied.broken += lines;
    }

    /// What was counted since the last time.
    pub(crate) fn hand_over(&mut self) -> Tallied {
        let mut tallied = std::mem::take(&mut self.tallied);
        let sketches = std::mem::take(&mut self.sketches);
        tallied.visitors = sketches
            .into_iter()
            .map(|(minute, registers)| Visitors {
                minute,
                registers: registers.into_iter().collect(),
                before: Vec::new(),
            })
            .collect();
        tallied
    }

    /// A log of several shops says whose a line is; one that does not is this shop's alone.
    fn is_ours(&self, line: &Line<'_>) -> bool {
        let Some(host) = line.host else { return true };
        std::str::from_utf8(host).is_ok_and(|host| self.hosts.find(host).is_some())
    }

    fn take_now(&mut self, line: &Line<'_>, is_error: bool) {
        let class = self.class(line);
        let counts = &mut self.tallied.now;
        let of_class = match counts.classes.iter_mut().position(|known| known.class == class) {
            Some(index) => &mut counts.classes[index],
            None => {
                let first_byte = Histogram::default();
                counts.classes.push(ClassCounts { class, requests: 0, errors: 0, first_byte });
                counts.classes.last_mut().expect("invariant: it was pushed")
            }
        };
        of_class.requests += 1;
        of_class.errors += u64::from(is_error);
        if let Some(took_us) = line.took_us {
            of_class.first_byte.record(took_us);
        }
        self.take_instance(line, is_error);
        if self.has_clients {
            self.see(line);
        }
    }

    fn class(&mut self, line: &Line<'_>) -> RouteClass {
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
        let (method, target) = (text(line.method), path_of(text(line.target)));
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let class = self.matcher.class(method, path, query, None);
        // What no rule names may be anything that a body would have told.
        if self.matcher.needs_body(method, path) {
            self.tallied.unclear += 1;
        }
        class
    }

    fn take_instance(&mut self, line: &Line<'_>, is_error: bool) {
        let Some(address) = line.instance else { return };
        let known = self.instances.iter().find(|(known, _)| known == address);
        let Some((_, name)) = known else { return };
        let counts = &mut self.tallied.now.instances;
        let of_instance = match counts.iter_mut().position(|known| known.name == *name) {
            Some(index) => &mut counts[index],
            None => {
                counts.push(InstanceCounts {
                    name: name.clone(),
                    requests: 0,
                    errors: 0,
                    connect: Histogram::default(),
                    first_byte: Histogram::default(),
                });
                counts.last_mut().expect("invariant: it was pushed")
            }
        };
        of_instance.requests += 1;
        of_instance.errors += u64::from(is_error);
        if let Some(took_us) = line.took_us {
            of_instance.first_byte.record(took_us);
        }
    }

    /// A visitor is an address with a program, as for the edge where there is no session.
    fn see(&mut self, line: &Line<'_>) {
        let mut hasher = DefaultHasher::new();
        (line.client, line.agent).hash(&mut hasher);
        let (register, rank) = visitor_register(hasher.finish());
        let sketch = self.sketches.entry(line.at_ms.div_euclid(MINUTE_MS)).or_default();
        let slot = sketch.entry(register).or_default();
        *slot = (*slot).max(rank);
    }
}

/// Without scheme and host, which a proxy's request has (RFC 9112 §3.2.2).
fn path_of(target: &str) -> &str {
    if target.starts_with('/') {
        return target;
    }
    let rest = target.split_once("://").map_or("", |(_, rest)| rest);
    rest.find('/').map_or("/", |slash| &rest[slash..])
}
