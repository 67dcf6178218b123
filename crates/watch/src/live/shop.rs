//! One shop's life: its windows and rings, moved on by a second at a time.

use super::{
    beside::{BesideLive, knows_visitors, names_instances},
    difference::Counts,
    edges::Edges,
    latency,
    marks::Marks,
    minutes::Minutes,
    reports::Reports,
    site::{Site, SiteInstance},
    visitors::VisitorCount,
    window::{Tally, Window, page_timings},
};
use crate::{
    access_log::LogReading,
    backups::ShopBackups,
    checks::CheckStanding,
    databases::ShopDatabase,
    judgement::{
        CheckoutEvidence, EdgeEvidence, Evidence, HoldEvidence, InstanceEvidence, Judgement,
        MachineEvidence, Memory, OrdersEvidence, ReportEvidence, Streak, TrafficEvidence, judge,
    },
    orders::{OrdersReading, usual::UsualOrders},
    services::ShopQueues,
    state::{
        Cache, Drained, Host, Instance, Mark, Minute, Orders, Point, RouteClassNow,
        ShopCertificate, ShopNow,
    },
};
use jiff::{Timestamp, ToSpan};
use kernel::{Finding, Params, ShopId, Verdict, facts::Health};
use std::collections::{BTreeMap, VecDeque};

/// Points kept: ten minutes of seconds.
pub(crate) const POINTS: usize = 600;
/// Minutes shown.
pub(crate) const MINUTES: i64 = 180;

/// So many good checkouts end a streak of failed ones.
const STREAK_ENDS: u64 = 10;
const SHORT_SPAN_MS: i64 = 30_000;
const LONG_SPAN_MS: i64 = 60_000;

#[derive(Debug)]
pub(crate) struct ShopLive {
    pub(crate) site: Site,
    pub(crate) minutes: Minutes,
    pub(crate) marks: Marks,
    pub(crate) points: VecDeque<Point>,
    pub(crate) visitors: VisitorCount,
    pub(crate) reports: Reports,
    /// What its access logs say, where the edge is not before it.
    pub(crate) log: BesideLive,
    /// How it stands with its backups; `None` when nobody has said yet.
    pub(crate) backups: Option<ShopBackups>,
    /// What is tried of it from outside.
    pub(crate) checks: Vec<CheckStanding>,
    pub(crate) queues: ShopQueues,
    /// How its database stands; `None` when nobody has looked yet.
    pub(crate) database: Option<ShopDatabase>,
    /// Differences since the last tick.
    pending: Counts,
    /// What they cover, by edge.
    pending_ms: BTreeMap<u64, i64>,
    window: Window,
    turned_away: VecDeque<(i64, u64)>,
    checkout: CheckoutEvidence,
    any_ever: bool,
    orders: Orders,
    orders_error: Option<String>,
    usual_p95_ms: latency::Usual,
    usual_orders: Option<UsualOrders>,
    memory: Memory,
    judgement: Judgement,
    /// The day in the shop's zone: from, until.
    day: (i64, i64),
}

/// What a tick looks at besides the shop's own.
#[derive(Debug)]
pub(crate) struct Around<'a> {
    pub(crate) now_ms: i64,
    pub(crate) edges: &'a Edges,
    pub(crate) wanted_version: u64,
    pub(crate) host: &'a Host,
    pub(crate) machine: &'a MachineEvidence,
}

impl Around<'_> {
    fn certificate(&self, shop: &ShopId) -> Option<ShopCertificate> {
        let mut all = self.machine.certificates.iter();
        all.find(|one| one.shop == *shop).map(|found| ShopCertificate {
            host: found.host.clone(),
            serial: found.serial.clone(),
            ends_ms: found.ends_ms,
            renews: found.renews,
            error: found.error.clone(),
        })
    }
}

impl ShopLive {
    pub(crate) fn new(site: Site, now_ms: i64) -> Self {
        let verdict = Verdict {
            level: kernel::Level::Unknown,
            code: "edge_away".to_owned(),
            params: Params::from([("since_ms".to_owned(), now_ms.into())]),
        };
        Self {
            site,
            minutes: Minutes::default(),
            marks: Marks::default(),
            points: VecDeque::with_capacity(POINTS),
            visitors: VisitorCount::default(),
            reports: Reports::default(),
            log: BesideLive::default(),
            backups: None,
            checks: Vec::new(),
            queues: ShopQueues::default(),
            database: None,
            pending: Counts::default(),
            pending_ms: BTreeMap::new(),
            window: Window::default(),
            turned_away: VecDeque::new(),
            checkout: CheckoutEvidence::default(),
            any_ever: false,
            orders: Orders::default(),
            orders_error: None,
            usual_p95_ms: latency::Usual::default(),
            usual_orders: None,
            memory: Memory::default(),
            judgement: Judgement { findings: vec![], verdict },
            day: (0, 0),
        }
    }

    /// Takes minutes from before a restart. Until the database was read, the last order is known
    /// to the minute.
    pub(crate) fn restore_minutes(&mut self, minutes: impl IntoIterator<Item = Minute>) {
        self.minutes.restore(minutes);
        self.orders.last_order_ms = self.minutes.last_order_ms();
    }

    /// Takes what one edge counted over `covered_ms` up to `at_ms`. Several frames of one edge
    /// cover their times one after the other; edges that run side by side cover the same time.
    pub(crate) fn feed(&mut self, counts: Counts, edge_start: u64, at_ms: i64, covered_ms: i64) {
        self.minutes.add_traffic(at_ms, counts.requests(), counts.errors());
        self.pending.merge(counts);
        *self.pending_ms.entry(edge_start).or_default() += covered_ms;
    }

    /// Takes what its access logs said. What is older than a minute is the past and counts there only.
    pub(crate) fn read_log(&mut self, reading: LogReading) {
        self.log.take(&reading);
        let tallied = reading.tallied;
        for (at_ms, (requests, errors)) in tallied.minutes {
            self.minutes.add_traffic(at_ms, requests, errors);
            self.any_ever |= requests > 0;
        }
        for visitors in &tallied.visitors {
            self.visitors.feed(visitors);
        }
        self.pending.merge(tallied.now);
        // No edge has this number: it is the time at which one started.
        *self.pending_ms.entry(0).or_default() += reading.covered_ms;
    }

    /// Whether anybody tells of its visitors now: the edge before it, or its logs.
    fn is_reporting(&self, around: &Around<'_>) -> bool {
        match self.site.beside {
            Some(_) => self.log.is_reporting(around.now_ms),
            None => around.edges.reporting(around.now_ms),
        }
    }

    pub(crate) fn seen_traffic(&mut self) {
        self.any_ever = true;
    }

    pub(crate) fn read_orders(&mut self, reading: &OrdersReading) {
        for (at_ms, orders, revenue_minor) in &reading.minutes {
            self.minutes.set_orders(*at_ms, *orders, *revenue_minor);
        }
        self.orders_error.clone_from(&reading.error);
        if reading.error.is_none() {
            self.orders.read_at_ms = Some(reading.at_ms);
            self.orders.last_minute = reading.last_minute;
        } else {
            self.orders.last_minute = None;
        }
        self.orders.last_order_ms = reading.last_order_ms.or(self.orders.last_order_ms);
    }

    /// Moves on by a tick: closes the pending second, judges, and notes what changed.
    pub(crate) fn tick(&mut self, around: &Around<'_>) -> Option<Point> {
        let now_ms = around.now_ms;
        self.count_day(now_ms);
        self.log.tick(now_ms);
        let tally = self.close_second(now_ms);
        self.minutes.prune(now_ms);
        self.minutes.fill_orders(&mut self.orders, now_ms, self.day.0);
        let point = self.is_reporting(around).then(|| self.point(tally, around));
        if let Some(point) = point {
            self.minutes.add_traffic(now_ms, 0, 0);
            if self.points.len() == POINTS {
                self.points.pop_front();
            }
            self.points.push_back(point);
        }
        let is_slow = self.judgement.findings.iter().any(|found| found.code == "latency_up");
        self.usual_p95_ms.look(&self.points, now_ms, is_slow);
        let evidence = self.evidence(around);
        self.note_changes(&evidence);
        let (memory, judgement) = judge(&self.memory, &evidence);
        self.memory = memory;
        self.judgement = judgement;
        point
    }

    fn close_second(&mut self, now_ms: i64) -> Option<(Tally, f64)> {
        let counts = std::mem::take(&mut self.pending);
        let covered_ms = std::mem::take(&mut self.pending_ms).into_values().max().unwrap_or(0);
        self.window.prune(now_ms);
        self.turned_away.retain(|(at_ms, _)| (now_ms - 9_999..=now_ms).contains(at_ms));
        // Seconds that a clock that was set back has not come to yet are no past.
        while self.points.back().is_some_and(|point| point.at_ms > now_ms) {
            self.points.pop_back();
        }
        (self.checkout.failed_now, self.checkout.total_now) = (0, 0);
        if covered_ms == 0 {
            return None;
        }
        if counts.turned_away > 0 {
            self.turned_away.push_back((now_ms, counts.turned_away));
        }
        let tally = self.window.push(now_ms, covered_ms, counts);
        self.any_ever |= tally.requests > 0;
        self.count_checkouts(tally, now_ms);
        Some((tally, covered_ms as f64 / 1000.0))
    }

    fn count_checkouts(&mut self, tally: Tally, now_ms: i64) {
        let checkout = &mut self.checkout;
        (checkout.failed_now, checkout.total_now) = (tally.checkout_errors, tally.checkouts);
        let good = tally.checkouts.saturating_sub(tally.checkout_errors);
        if checkout.streak.failed > 0 || tally.checkout_errors > 0 {
            let since_ms =
                if checkout.streak.failed > 0 { checkout.streak.since_ms } else { now_ms };
            let failed = checkout.streak.failed + tally.checkout_errors;
            let total = checkout.streak.total + tally.checkouts;
            checkout.streak = Streak { since_ms, failed, total };
        }
        if tally.checkout_errors > 0 {
            checkout.last_failure_ms = Some(now_ms);
            checkout.good_since_failure = 0;
        } else {
            checkout.good_since_failure = checkout.good_since_failure.saturating_add(good);
            if checkout.good_since_failure >= STREAK_ENDS {
                checkout.streak = Streak::default();
            }
        }
    }

    fn point(&mut self, tally: Option<(Tally, f64)>, around: &Around<'_>) -> Point {
        let before = self.points.back();
        // A tick between two frames shows the last rates again: the edge did not fall silent.
        let carried = |rate: fn(&Point) -> f64| before.map_or(0.0, rate);
        let rate = |count: fn(Tally) -> u64, carried: f64| match tally {
            Some((tally, seconds)) => round(count(tally) as f64 / seconds, 100.0),
            None => carried,
        };
        let requests_per_second = rate(|t| t.requests, carried(|p| p.requests_per_second));
        let errors_per_second = rate(|t| t.errors, carried(|p| p.errors_per_second));
        let checkouts_per_second =
            rate(|t| t.checkouts, carried(|p| p.checkouts_per_second.unwrap_or(0.0)));
        let short = self.window.short();
        let pages = short.as_ref().map(|(counts, _)| page_timings(counts));
        let quantile = |q: f64| pages.as_ref().and_then(|pages| pages.quantile_ms(q));
        let beside = self.site.beside.as_ref();
        let (in_front, knows_visitors) = (beside.is_none(), beside.is_none_or(knows_visitors));
        let knows_checkouts = in_front || self.log.knows_checkouts();
        let hold = around.edges.hold(&self.site.id, around.now_ms);
        let gauges = self.site.instances.iter().filter_map(|instance| {
            around.edges.instance(&self.site.id, &instance.name, around.now_ms)
        });
        Point {
            at_ms: around.now_ms,
            requests_per_second,
            errors_per_second,
            p50_ms: quantile(0.5),
            p95_ms: quantile(0.95),
            p99_ms: quantile(0.99),
            cache_share: short.as_ref().filter(|_| in_front).and_then(|(c, _)| cache_share(c)),
            visitors: knows_visitors.then(|| self.visitors.estimate(around.now_ms)),
            in_flight: in_front.then(|| gauges.map(|gauges| gauges.in_flight).sum()),
            queued: in_front.then_some(hold.queued),
            held: in_front.then_some(hold.held),
            checkouts_per_second: knows_checkouts.then_some(checkouts_per_second),
            cpu_share: around.host.cpu_share,
            memory_share: memory_share(around.host),
        }
    }

    fn evidence(&self, around: &Around<'_>) -> Evidence {
        let now_ms = around.now_ms;
        let long = self.window.tally(now_ms, LONG_SPAN_MS);
        let short = self.window.tally(now_ms, SHORT_SPAN_MS);
        let hold = around.edges.hold(&self.site.id, now_ms);
        let timings = self.window.short().map(|(counts, _)| page_timings(&counts));
        let mean = self.minutes.mean_order(now_ms);
        let (usual, last_order_ms) = (self.usual_orders.as_ref(), self.orders.last_order_ms);
        Evidence {
            now_ms,
            edge: around.edges.evidence(now_ms),
            logs: self.site.beside.as_ref().map(|_| self.log.evidence(now_ms)),
            instances: self.site.instances.iter().map(|i| self.seen(i, around)).collect(),
            hold: HoldEvidence {
                held: hold.held,
                queued: hold.queued,
                // Beside it, nobody waits: whom nobody serves is turned away.
                max_wait_ms: if self.site.beside.is_some() { 0 } else { self.site.hold_wait_ms },
                turned_away: self.turned_away.iter().map(|(_, count)| count).sum(),
            },
            traffic: TrafficEvidence {
                requests_short: short.requests,
                errors_short: short.errors,
                requests_long: long.requests,
                errors_long: long.errors,
                pages: timings.as_ref().map_or(0, kernel::Histogram::count),
                p95_ms: timings.and_then(|timings| timings.quantile_ms(0.95)),
                p95_minute_ms: latency::recent(&self.points, now_ms),
                p95_usual_ms: self.usual_p95_ms.value(),
                any_ever: self.any_ever,
            },
            checkout: CheckoutEvidence {
                failed_short: short.checkout_errors,
                total_short: short.checkouts,
                failed_long: long.checkout_errors,
                total_long: long.checkouts,
                ..self.checkout
            },
            orders: OrdersEvidence {
                source: self.site.orders,
                error: self.orders_error.clone(),
                last_hour: self.orders.last_hour,
                last_order_ms,
                mean_minor: mean.map(|(minor, _)| minor),
                mean_gap_ms: mean.map(|(_, gap_ms)| gap_ms),
                expected_by_traffic: last_order_ms
                    .and_then(|last_ms| self.minutes.expected_orders(last_ms, now_ms)),
                expected_by_history: usual.and_then(|usual| usual.between(last_order_ms?, now_ms)),
                usual_minor_a_minute: usual
                    .and_then(|usual| usual.revenue_a_minute(now_ms))
                    .or_else(|| {
                        mean.map(|(value, gap_ms)| value as f64 * 60_000.0 / gap_ms as f64)
                    }),
            },
            reports: self.reports.recent(now_ms).map(|(count, newest)| ReportEvidence {
                count,
                at_ms: newest.at_ms,
                reference: newest.reference.clone(),
                what: newest.what.clone(),
            }),
            backups: self.backups.clone(),
            checks: self.checks.clone(),
            queues: self.queues.queues.clone(),
            queue_waits_at_most_ms: self.site.queue_waits_at_most_ms,
            database: self.database.clone(),
            machine: around.machine.clone(),
            currency: self.site.currency.clone(),
        }
    }

    fn seen(&self, instance: &SiteInstance, around: &Around<'_>) -> InstanceEvidence {
        let gauges = around.edges.instance(&self.site.id, &instance.name, around.now_ms);
        let reporting = around.edges.reporting(around.now_ms);
        let gauges = gauges.filter(|_| reporting);
        InstanceEvidence {
            name: instance.name.clone(),
            health: gauges.as_ref().map_or(Health::Unknown, |gauges| gauges.health),
            health_since_ms: gauges.as_ref().map_or(around.now_ms, |g| g.health_since_ms),
            last_error: gauges.and_then(|gauges| gauges.last_error),
            drained: instance.drained.clone(),
        }
    }

    fn note_changes(&mut self, evidence: &Evidence) {
        if evidence.edge != EdgeEvidence::Reporting {
            return;
        }
        self.marks.note_instances(&evidence.instances);
        self.marks.note_holding(evidence.hold.held, evidence.now_ms);
    }

    /// The shop as it is at `around`, all but its history. `marks` are those of all shops together.
    pub(crate) fn now(&self, around: &Around<'_>, sequence: u64, marks: Vec<Mark>) -> ShopNow {
        let site = &self.site;
        let now_ms = around.now_ms;
        let short = self.window.short();
        let reporting = around.edges.reporting(now_ms);
        let last = self.points.back();
        let cache = around.edges.cache(&site.id, now_ms);
        let in_front = site.beside.is_none();
        ShopNow {
            id: site.id.clone(),
            name: site.name.clone(),
            platform: site.platform.clone(),
            currency: site.currency.clone(),
            time_zone: site.time_zone.clone(),
            hosts: site.hosts.clone(),
            addresses: site.addresses.clone(),
            at_ms: now_ms,
            sequence,
            verdict: self.judgement.verdict.clone(),
            findings: self.judgement.findings.clone(),
            orders: self.orders,
            usual: self.usual_orders.as_ref().map(|usual| usual.hours(now_ms)).unwrap_or_default(),
            marks,
            instances: self.site.instances.iter().map(|i| self.instance(i, around)).collect(),
            hold: in_front.then(|| crate::state::Hold {
                limit: site.hold_limit,
                max_wait_ms: site.hold_wait_ms,
                ..around.edges.hold(&site.id, now_ms)
            }),
            edge: around.edges.state(around.wanted_version, now_ms),
            host: around.host.clone(),
            classes: short.as_ref().map(class_rates).unwrap_or_default(),
            cache: in_front.then(|| Cache {
                hits_per_second: short.as_ref().map_or(0.0, |(counts, seconds)| {
                    round(counts.cache_hits as f64 / seconds, 10.0)
                }),
                share: last.filter(|_| reporting).and_then(|point| point.cache_share),
                entries: cache.map(|(entries, _)| entries),
                bytes: cache.map(|(_, bytes)| bytes),
            }),
            beside: site.beside.as_ref().map(|settings| self.log.state(settings)),
            certificate: around.certificate(&site.id),
        }
    }

    /// What was found, with what it costs where that is known.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let mut findings = self.judgement.findings.clone();
        let costs = &self.judgement.verdict.params;
        let costs =
            costs.iter().filter(|(name, _)| ["lost_minor", "currency"].contains(&name.as_str()));
        if self.judgement.verdict.code == "checkout_failing"
            && let Some(failing) = findings.iter_mut().find(|f| f.code == "checkout_errors")
        {
            failing.params.extend(costs.map(|(name, value)| (name.clone(), value.clone())));
        }
        findings
    }

    /// What past weeks say of orders.
    pub(crate) fn usual_orders(&mut self, usual: UsualOrders) {
        self.usual_orders = Some(usual);
    }

    /// Whether nobody knows how many orders come in.
    pub(crate) fn orders_unknown(&self) -> bool {
        self.orders_error.is_some() || self.orders.read_at_ms.is_none()
    }

    pub(crate) fn verdict(&self) -> &Verdict {
        &self.judgement.verdict
    }

    /// An instance as it is now; also the answer to a drain.
    pub(crate) fn instance(&self, instance: &SiteInstance, around: &Around<'_>) -> Instance {
        let gauges = around.edges.instance(&self.site.id, &instance.name, around.now_ms);
        let reporting = around.edges.reporting(around.now_ms);
        let short = self.window.short();
        let counts = short.as_ref().and_then(|(counts, seconds)| {
            Some((counts.instances.iter().find(|i| i.name == instance.name)?, *seconds))
        });
        let beside = self.site.beside.as_ref();
        let in_front = beside.is_none();
        let is_named = beside.is_none_or(names_instances);
        let rate = |count: fn(&super::difference::InstanceCounts) -> u64| {
            let rate = |(counts, seconds)| round(count(counts) as f64 / seconds, 10.0);
            is_named.then(|| counts.map_or(0.0, rate))
        };
        let health = gauges.as_ref().map_or(Health::Unknown, |gauges| gauges.health);
        let health = match (reporting, instance.drained.is_some(), health) {
            (false, ..) => Health::Unknown,
            // The edge says so as soon as it has the new snapshot.
            (true, true, Health::Up | Health::SlowStart) => Health::Draining,
            (true, _, health) => health,
        };
        Instance {
            name: instance.name.clone(),
            address: instance.address.to_string(),
            health,
            since_ms: gauges.as_ref().map_or(around.now_ms, |gauges| gauges.health_since_ms),
            in_flight: in_front.then(|| gauges.as_ref().map_or(0, |gauges| gauges.in_flight)),
            limit: in_front.then(|| gauges.as_ref().map_or(instance.limit, |gauges| gauges.limit)),
            requests_per_second: rate(|counts| counts.requests),
            errors_per_second: rate(|counts| counts.errors),
            p50_ms: counts.and_then(|(counts, _)| counts.first_byte.quantile_ms(0.5)),
            p95_ms: counts.and_then(|(counts, _)| counts.first_byte.quantile_ms(0.95)),
            connect_p95_ms: counts.and_then(|(counts, _)| counts.connect.quantile_ms(0.95)),
            requests_total: in_front
                .then(|| gauges.as_ref().map_or(0, |gauges| gauges.requests_total)),
            last_error: gauges.and_then(|gauges| gauges.last_error),
            weight: instance.weight,
            drained: instance.drained.as_ref().map(Drained::from),
        }
    }

    fn count_day(&mut self, now_ms: i64) {
        if (self.day.0..self.day.1).contains(&now_ms) {
            return;
        }
        let day = Timestamp::from_millisecond(now_ms).ok().and_then(|now| {
            let start = now.to_zoned(self.site.zone.clone()).start_of_day().ok()?;
            let end = start.checked_add(1.day()).ok()?.start_of_day().ok()?;
            Some((start.timestamp().as_millisecond(), end.timestamp().as_millisecond()))
        });
        self.day = day.unwrap_or((now_ms, now_ms));
    }
}

fn class_rates((counts, seconds): &(Counts, f64)) -> Vec<RouteClassNow> {
    let mut classes: Vec<RouteClassNow> = counts
        .classes
        .iter()
        .map(|class| RouteClassNow {
            class: class.class,
            requests_per_second: round(class.requests as f64 / seconds, 10.0),
            errors_per_second: round(class.errors as f64 / seconds, 10.0),
            p50_ms: class.first_byte.quantile_ms(0.5),
            p95_ms: class.first_byte.quantile_ms(0.95),
        })
        .collect();
    classes.sort_by_key(|class| class.class);
    classes
}

fn cache_share(counts: &Counts) -> Option<f64> {
    let requests = counts.requests();
    (requests > 0).then(|| round((counts.cache_hits as f64 / requests as f64).min(1.0), 1000.0))
}

fn memory_share(host: &Host) -> Option<f64> {
    let total = host.memory_total_bytes.filter(|total| *total > 0)?;
    Some(round(host.memory_used_bytes? as f64 / total as f64, 1000.0))
}

/// To as many digits as anybody reads: `parts` of one.
fn round(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}
