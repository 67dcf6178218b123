//! The living picture of every shop: facts in, state and ticks out. A pure state machine, told the
//! time; it owns no socket, no task and no file.
//!
//! Counts are summed over edges by the difference to each edge's last frame, so that a frame is
//! never counted twice and a lost one loses nothing. An edge that counted before we listened starts
//! at its first difference. Facts older than three seconds say nothing of now.

mod beside;
mod difference;
mod edges;
mod latency;
mod marks;
mod measured;
mod memory;
mod minutes;
mod reports;
mod shop;
pub(crate) mod site;
#[cfg(test)]
mod tests;
mod visitors;
mod window;

pub(crate) use difference::{ClassCounts, Counts, InstanceCounts};
pub use site::Site;

pub(crate) use minutes::{KEPT_MS as MINUTES_KEPT_MS, MINUTE_MS, minute_of};

use crate::{
    access_log::{LogPlaces, LogReading},
    backups::BackupsStanding,
    checks::ChecksStanding,
    databases::ShopDatabase,
    judgement::{
        self, CertificateEvidence, EdgeEvidence, MachineEvidence, Memory, UpgradeEvidence,
        judge_machine,
    },
    ledger_keeper::LedgerStanding,
    orders::{OrdersReading, usual::UsualOrders},
    peers::PeersStanding,
    rules::{Seen, Source},
    services::ShopQueues,
    state::{
        Disk, Host, Instance, Mark, MarkKind, Minute, ShopNow, ShopState, ShopStatus, ShopSummary,
        Status, Tick,
    },
};
use difference::shop_facts;
use edges::Edges;
use host::facts::HostSample;
use jiff::tz::TimeZone;
use kernel::{
    Finding, InstanceName, Params, ShopId,
    facts::{Facts, Health},
    link::Hello,
};
use marks::Marks;
use memory::MemoryTrend;
use shop::{Around, MINUTES, ShopLive};
use std::{collections::BTreeMap, sync::Arc};

/// Host samples older than this say nothing of now.
const HOST_STALE_MS: i64 = 10_000;

/// Every shop of this machine, live.
#[derive(Debug)]
pub struct Live {
    sequence: u64,
    now_ms: i64,
    wanted_version: u64,
    edges: Edges,
    host: Option<HostSample>,
    host_now: Host,
    machine: MachineEvidence,
    memory_trend: MemoryTrend,
    /// Why the store cannot be written.
    store_error: Option<String>,
    /// Why the history cannot be kept.
    history_error: Option<String>,
    machine_memory: Memory,
    machine_findings: Vec<Finding>,
    shops: Vec<ShopLive>,
    /// Marks that concern all shops.
    marks: Marks,
}

/// What the store should have and has not yet.
#[derive(Debug, Default, PartialEq)]
pub struct Unsaved {
    pub minutes: Vec<(ShopId, Vec<Minute>)>,
    /// `None`: concerns all shops.
    pub marks: Vec<(Option<ShopId>, Mark)>,
    /// How far access logs were read, of shops whose minutes are above too.
    pub(crate) logs: Vec<(ShopId, LogPlaces)>,
}

/// What an edge reports of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstanceReport {
    pub health: Health,
    /// Unix milliseconds of its last change.
    pub health_since_ms: i64,
    pub in_flight: u64,
    /// Unix milliseconds of the report.
    pub at_ms: i64,
}

impl Live {
    /// Nothing known yet. Sequences begin at the second of `now_ms`, so that a reader who comes
    /// back after a restart never mistakes an old sequence for a new one.
    #[must_use]
    pub fn new(now_ms: i64) -> Self {
        Self {
            sequence: u64::try_from(now_ms / 1000).unwrap_or(0),
            now_ms,
            wanted_version: 0,
            edges: Edges::new(now_ms),
            host: None,
            host_now: Host::default(),
            machine: MachineEvidence::default(),
            memory_trend: MemoryTrend::default(),
            store_error: None,
            history_error: None,
            machine_memory: Memory::default(),
            machine_findings: Vec::new(),
            shops: Vec::new(),
            marks: Marks::default(),
        }
    }

    /// Watches these shops from now on; those known already keep their history.
    pub fn configure(&mut self, sites: Vec<Site>, wanted_version: u64) {
        self.wanted_version = wanted_version;
        let mut before = std::mem::take(&mut self.shops);
        for site in sites {
            match before.iter().position(|shop| shop.site.id == site.id) {
                Some(index) => {
                    let mut shop = before.swap_remove(index);
                    shop.site = site;
                    self.shops.push(shop);
                }
                None => self.shops.push(ShopLive::new(site, self.now_ms)),
            }
        }
    }

    /// Takes a shop's minutes from before a restart.
    pub fn restore_minutes(&mut self, shop: &ShopId, minutes: impl IntoIterator<Item = Minute>) {
        if let Some(shop) = self.shop_mut(shop) {
            shop.restore_minutes(minutes);
        }
    }

    /// Takes marks from before a restart; without a shop they concern all.
    pub fn restore_marks(&mut self, shop: Option<&ShopId>, marks: Vec<Mark>) {
        match shop {
            None => self.marks.restore(marks),
            Some(shop) => {
                if let Some(shop) = self.shop_mut(shop) {
                    shop.marks.restore(marks);
                }
            }
        }
    }

    /// An edge connected.
    pub fn edge_connected(&mut self, hello: &Hello) {
        if self.edges.connect(hello) {
            let params = Params::from([("pid".to_owned(), i64::from(hello.pid).into())]);
            self.marks.add(hello.started_at_ms, MarkKind::EdgeStarted, params);
        }
    }

    pub fn edge_disconnected(&mut self, edge_start: u64) {
        self.edges.disconnect(edge_start);
    }

    /// An edge serves by this snapshot now.
    pub fn edge_applied(&mut self, edge_start: u64, version: u64) {
        self.edges.applied(edge_start, version);
    }

    /// Takes one frame of facts, received at `now_ms`.
    pub fn edge_facts(&mut self, facts: &Arc<Facts>, now_ms: i64) {
        for shop in &mut self.shops {
            let Some(seen) = shop_facts(facts, &shop.site.id) else { continue };
            shop.visitors.feed(&seen.visitors);
            let answered = |class: &kernel::facts::ClassFacts| !class.statuses.is_empty();
            if seen.classes.iter().any(answered) {
                shop.seen_traffic();
            }
        }
        for report in &facts.reports {
            if let Some(shop) = self.shop_mut(&report.shop) {
                shop.reports.add(facts.edge_start, report);
            }
        }
        let Some(pair) = self.edges.feed(facts, now_ms) else { return };
        for shop in &mut self.shops {
            let Some(seen) = shop_facts(&pair.now, &shop.site.id) else { continue };
            let before = pair.before.as_deref().and_then(|b| shop_facts(b, &shop.site.id));
            let counts = Counts::between(before, seen);
            shop.feed(counts, facts.edge_start, pair.now.at_ms, pair.covered_ms);
        }
    }

    /// Takes what the access logs of a shop said.
    pub(crate) fn log_read(&mut self, shop: &ShopId, reading: LogReading) {
        if let Some(shop) = self.shop_mut(shop) {
            shop.read_log(reading);
        }
    }

    /// How far the access logs of a shop were read; `None` when nobody has read them since the start.
    pub(crate) fn log_places(&self, shop: &ShopId) -> Option<LogPlaces> {
        self.shop(shop)?.log.places().cloned()
    }

    /// The last minute of a shop whose traffic is known.
    pub(crate) fn last_known_traffic_ms(&self, shop: &ShopId) -> Option<i64> {
        self.shop(shop)?.minutes.last_known_traffic_ms()
    }

    pub fn host_sample(&mut self, sample: HostSample) {
        self.host = Some(sample);
    }

    pub fn orders_read(&mut self, shop: &ShopId, reading: &OrdersReading) {
        if let Some(shop) = self.shop_mut(shop) {
            shop.read_orders(reading);
        }
    }

    /// Why our own records cannot be written; `None` when they can.
    pub fn store_error(&mut self, error: Option<String>) {
        self.store_error = error;
    }

    /// Why the history cannot be kept; `None` when it can.
    pub fn history_error(&mut self, error: Option<String>) {
        self.history_error = error;
    }

    /// Why the configuration file was not taken over; `None` when it was.
    pub fn configuration_error(&mut self, error: Option<String>) {
        self.machine.configuration_error = error;
    }

    pub fn certificates(&mut self, certificates: Vec<CertificateEvidence>) {
        self.machine.certificates = certificates;
    }

    /// The machine's clock jumped by so much; `now_ms` is what it says since.
    pub fn clock_jumped(&mut self, jump_ms: i64, now_ms: i64) {
        self.machine.clock_jump = Some((jump_ms, now_ms));
    }

    /// Every shop with its time zone.
    pub(crate) fn zones(&self) -> Vec<(ShopId, TimeZone)> {
        self.shops.iter().map(|shop| (shop.site.id.clone(), shop.site.zone.clone())).collect()
    }

    /// The zone by whose days a shop lives.
    #[must_use]
    pub fn zone(&self, shop: &ShopId) -> Option<&TimeZone> {
        self.shop(shop).map(|shop| &shop.site.zone)
    }

    /// What past weeks say of a shop's orders.
    pub(crate) fn usual_orders(&mut self, shop: &ShopId, usual: UsualOrders) {
        if let Some(shop) = self.shop_mut(shop) {
            shop.usual_orders(usual);
        }
    }

    /// A route that cannot be told of incidents, and why; `None` when all can.
    pub fn notify_failing(&mut self, failing: Option<(String, String)>) {
        self.machine.notify_failing = failing;
    }

    /// The upgrade that took itself back last; `None`: none did, or somebody knows of it.
    pub fn upgrade_taken_back(&mut self, upgrade: Option<UpgradeEvidence>) {
        self.machine.upgrade_taken_back = upgrade;
    }

    /// How it stands with other Storewardens.
    pub fn peers(&mut self, standing: PeersStanding) {
        self.machine.peers = standing;
    }

    /// How it stands with what is tried from outside.
    pub fn checks(&mut self, standing: &ChecksStanding) {
        let of = |shop: Option<&ShopId>| {
            let own = standing.checks.iter().filter(|check| check.shop.as_ref() == shop);
            own.cloned().collect()
        };
        self.machine.checks = of(None);
        for shop in &mut self.shops {
            shop.checks = of(Some(&shop.site.id));
        }
    }

    /// The queues of each shop that has any.
    pub(crate) fn queues(&mut self, mut all: BTreeMap<ShopId, ShopQueues>) {
        for shop in &mut self.shops {
            shop.queues = all.remove(&shop.site.id).unwrap_or_default();
        }
    }

    /// How it stands with the backups of shops.
    pub fn backups(&mut self, standing: &BackupsStanding) {
        for shop in &mut self.shops {
            let own = standing.shops.iter().find(|of| of.shop == shop.site.id);
            shop.backups = own.cloned();
        }
    }

    /// How the database of a shop stands; a shop that is not known is passed over.
    pub fn database(&mut self, database: ShopDatabase) {
        let shop = self.shops.iter_mut().find(|shop| shop.site.id == database.shop);
        if let Some(shop) = shop {
            shop.database = Some(database);
        }
    }

    /// How it stands with the ledger and its checkpoints.
    pub fn ledger(&mut self, standing: LedgerStanding) {
        self.machine.ledger = standing;
    }

    /// What was said of it last.
    #[must_use]
    pub fn ledger_standing(&self) -> &LedgerStanding {
        &self.machine.ledger
    }

    /// What the rules look at: the machine's findings and each shop's own, as of the last tick.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        let mut blind = Vec::new();
        if self.edges.evidence(self.now_ms) != EdgeEvidence::Reporting {
            blind.push(Source::Edge);
        }
        if self.host_now == Host::default() {
            blind.push(Source::Host);
        }
        if judgement::peers::is_blind(&self.machine.peers) {
            blind.push(Source::Peers);
        }
        if judgement::checks::is_blind(&self.machine.checks) {
            blind.push(Source::Checks);
        }
        let machine = &self.machine_findings;
        let shops = self.shops.iter().map(|shop| {
            let is_own = |found: &Finding| machine.iter().all(|of_all| of_all.id != found.id);
            let mut blind = blind.clone();
            if shop.site.beside.is_some() {
                // What the edge would say, the logs do.
                blind.retain(|source| *source != Source::Edge);
                blind.extend((!shop.log.is_reporting(self.now_ms)).then_some(Source::Edge));
            }
            blind.extend(shop.orders_unknown().then_some(Source::Orders));
            let is_blind = judgement::backups::is_blind(shop.backups.as_ref());
            blind.extend(is_blind.then_some(Source::Backups));
            blind.extend(shop.queues.unread.then_some(Source::Queues));
            blind.extend(judgement::checks::is_blind(&shop.checks).then_some(Source::Checks));
            let findings = shop.findings().into_iter().filter(is_own).collect();
            Seen { shop: Some(shop.site.id.clone()), findings, blind }
        });
        let mut seen: Vec<Seen> = shops.collect();
        seen.push(Seen { shop: None, findings: machine.clone(), blind });
        seen
    }

    /// Notes something that happened; without a shop it concerns all.
    pub fn add_mark(&mut self, shop: Option<&ShopId>, at_ms: i64, kind: MarkKind, params: Params) {
        match shop {
            None => self.marks.add(at_ms, kind, params),
            Some(shop) => {
                if let Some(shop) = self.shop_mut(shop) {
                    shop.marks.add(at_ms, kind, params);
                }
            }
        }
    }

    /// Moves on to `now_ms`: judges every shop and makes its tick. Called once a second.
    pub fn tick(&mut self, now_ms: i64) -> Vec<Tick> {
        self.now_ms = now_ms;
        self.sequence += 1;
        self.host_now = host_state(self.host.as_ref(), now_ms);
        self.machine.disks = disks(&self.host_now);
        let Host { memory_used_bytes, memory_total_bytes, .. } = self.host_now;
        self.memory_trend.tick(memory_used_bytes, memory_total_bytes);
        self.machine.memory_full_in_ms = self.memory_trend.full_in_ms();
        // All write to the state directory: the same trouble from three sides.
        let own_error = self.store_error.as_ref().or(self.history_error.as_ref()).cloned();
        let edge_error = || self.edges.snapshot_error(now_ms);
        self.machine.store_error = own_error.or_else(edge_error);
        self.machine.log_lines_dropped = self.edges.log_lines_dropped(now_ms);
        let edge = self.edges.evidence(now_ms);
        let (memory, findings) = judge_machine(&self.machine_memory, edge, &self.machine, now_ms);
        self.machine_memory = memory;
        self.machine_findings = findings;
        let mut shops = std::mem::take(&mut self.shops);
        let points: Vec<_> = shops.iter_mut().map(|shop| shop.tick(&self.around())).collect();
        self.shops = shops;
        let ticks = self.shops.iter().zip(points);
        ticks
            .map(|(shop, point)| Tick {
                now: self.shop_now(shop),
                minutes: shop.minutes.last(now_ms, 2),
                point,
            })
            .collect()
    }

    /// A shop whole, as of the last tick.
    #[must_use]
    pub fn state(&self, shop: &ShopId) -> Option<ShopState> {
        let shop = self.shop(shop)?;
        Some(ShopState {
            now: self.shop_now(shop),
            minutes: shop.minutes.last(self.now_ms, MINUTES),
            points: shop.points.iter().copied().collect(),
        })
    }

    /// The sequence of the last tick.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The shops in the configuration's order.
    #[must_use]
    pub fn shops(&self) -> Vec<ShopSummary> {
        let shops = self.shops.iter().map(|shop| ShopSummary {
            id: shop.site.id.clone(),
            name: shop.site.name.clone(),
            platform: shop.site.platform.clone(),
            verdict: shop.verdict().clone(),
        });
        shops.collect()
    }

    /// The machine as a whole.
    #[must_use]
    pub fn status(&self, version: &str) -> Status {
        let shops = self.shops.iter().map(|shop| ShopStatus {
            now: self.shop_now(shop),
            minutes: shop.minutes.last(self.now_ms, MINUTES),
        });
        Status {
            version: version.to_owned(),
            shops: shops.collect(),
            edge: self.edges.state(self.wanted_version, self.now_ms),
            host: self.host_now.clone(),
            findings: self.machine_findings.clone(),
        }
    }

    /// One instance as it is now.
    #[must_use]
    pub fn instance(&self, shop: &ShopId, name: &InstanceName) -> Option<Instance> {
        let shop = self.shop(shop)?;
        let instance = shop.site.instances.iter().find(|instance| instance.name == *name)?;
        Some(shop.instance(instance, &self.around()))
    }

    /// What the edge said of an instance last, in its own words; `None` while it does not report,
    /// or not of this one.
    pub fn report(&self, shop: &ShopId, name: &InstanceName) -> Option<InstanceReport> {
        let at_ms = self.edges.reported_at_ms(self.now_ms)?;
        let gauges = self.edges.instance(shop, name, self.now_ms)?;
        Some(InstanceReport {
            health: gauges.health,
            health_since_ms: gauges.health_since_ms,
            in_flight: gauges.in_flight,
            at_ms,
        })
    }

    /// Requests a second that the edge sent to a shop's instances lately; `None`: unknown.
    pub fn requests_per_second(&self, shop: &ShopId) -> Option<f64> {
        self.edges.reported_at_ms(self.now_ms)?;
        let around = self.around();
        let shop = self.shop(shop)?;
        let rates = shop.site.instances.iter().map(|instance| shop.instance(instance, &around));
        rates.map(|instance| instance.requests_per_second).sum()
    }

    /// What must be written down. Minutes only when `minutes` asks for them.
    pub fn take_unsaved(&mut self, minutes: bool) -> Unsaved {
        let mut unsaved = Unsaved::default();
        unsaved.marks.extend(self.marks.take_unsaved().into_iter().map(|mark| (None, mark)));
        for shop in &mut self.shops {
            let id = shop.site.id.clone();
            let marks = shop.marks.take_unsaved().into_iter();
            unsaved.marks.extend(marks.map(|mark| (Some(id.clone()), mark)));
            let changed = if minutes { shop.minutes.take_changed() } else { Vec::new() };
            if minutes && std::mem::take(&mut shop.log.has_unsaved) {
                unsaved.logs.extend(shop.log.places().map(|places| (id.clone(), places.clone())));
            }
            if !changed.is_empty() {
                unsaved.minutes.push((id, changed));
            }
        }
        unsaved
    }

    /// Takes back what could not be written, to be tried again.
    pub fn put_back(&mut self, unsaved: Unsaved) {
        for (shop, minutes) in unsaved.minutes {
            if let Some(shop) = self.shop_mut(&shop) {
                shop.minutes.put_back_changed(minutes.iter().map(|minute| minute.at_ms));
            }
        }
        for (shop, _) in unsaved.logs {
            if let Some(shop) = self.shop_mut(&shop) {
                shop.log.has_unsaved = true;
            }
        }
        for (shop, mark) in unsaved.marks {
            match shop {
                None => self.marks.put_back_unsaved(vec![mark]),
                Some(shop) => {
                    if let Some(shop) = self.shop_mut(&shop) {
                        shop.marks.put_back_unsaved(vec![mark]);
                    }
                }
            }
        }
    }

    fn around(&self) -> Around<'_> {
        Around {
            now_ms: self.now_ms,
            edges: &self.edges,
            wanted_version: self.wanted_version,
            host: &self.host_now,
            machine: &self.machine,
        }
    }

    fn shop_now(&self, shop: &ShopLive) -> ShopNow {
        let own = shop.marks.shown(self.now_ms);
        let mut marks: Vec<Mark> = own.chain(self.marks.shown(self.now_ms)).cloned().collect();
        marks.sort_by_key(|mark| mark.at_ms);
        shop.now(&self.around(), self.sequence, marks)
    }

    fn shop(&self, id: &ShopId) -> Option<&ShopLive> {
        self.shops.iter().find(|shop| shop.site.id == *id)
    }

    fn shop_mut(&mut self, id: &ShopId) -> Option<&mut ShopLive> {
        self.shops.iter_mut().find(|shop| shop.site.id == *id)
    }
}

/// A sample as the API shows it; all unknown when there is none or it is too old.
fn host_state(sample: Option<&HostSample>, now_ms: i64) -> Host {
    let Some(sample) = sample.filter(|sample| now_ms - sample.at_ms <= HOST_STALE_MS) else {
        return Host::default();
    };
    // A path that is no file system of ours has no numbers and is left out.
    let disks = sample.disks.iter().filter_map(|disk| {
        Some(Disk {
            path: disk.path.display().to_string(),
            free_bytes: disk.free_bytes?,
            total_bytes: disk.total_bytes?,
        })
    });
    Host {
        cpu_share: sample.cpu_share,
        memory_used_bytes: sample.memory_used_bytes,
        memory_total_bytes: sample.memory_total_bytes,
        disks: disks.collect(),
        network_received_bytes_per_second: sample.network_received_bytes_per_second,
        network_sent_bytes_per_second: sample.network_sent_bytes_per_second,
        load_1: sample.load_1,
    }
}

fn disks(host: &Host) -> Vec<(String, u64, u64)> {
    host.disks.iter().map(|disk| (disk.path.clone(), disk.free_bytes, disk.total_bytes)).collect()
}
