//! The edges that report: several at once while one replaces another.

use super::difference::shop_facts;
use crate::{
    judgement::EdgeEvidence,
    state::{Edge, Hold},
};
use kernel::{
    InstanceName, ShopId,
    facts::{Facts, Health, HoldFacts, InstanceFacts},
    link::Hello,
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// Facts older than this say nothing of now.
pub(crate) const STALE_MS: i64 = 3_000;
/// A frame that is older than the last one by no more came late; by more, and the clock was set back.
const LATE_MS: i64 = 5_000;
/// What a frame covers whose clock says nothing of it: they come once a second.
const USUAL_COVER_MS: i64 = 1_000;
/// Edges that left and may come back with the same counters; the oldest are forgotten.
const MAX_EDGES: usize = 8;
/// Lines that an access log lost are told of for so long.
const LOSS_SHOWN_MS: i64 = 60_000;

#[derive(Debug)]
struct EdgeLink {
    connected: bool,
    pid: Option<u32>,
    started_ms: Option<i64>,
    snapshot_version: Option<u64>,
    facts: Option<Arc<Facts>>,
    /// Our clock when the facts came.
    received_ms: i64,
    /// It began to count while we listened, so its first frame is a difference too.
    newborn: bool,
}

#[derive(Debug)]
pub(crate) struct Edges {
    links: BTreeMap<u64, EdgeLink>,
    started_ms: i64,
    /// When facts last came; our own start before that.
    heard_ms: i64,
    /// Lines that access logs lost of late, each with our clock when we heard of it.
    lost_lines: VecDeque<(i64, u64)>,
}

/// Two frames of one edge to subtract.
#[derive(Debug)]
pub(crate) struct Pair {
    /// `None`: the edge counts from zero.
    pub(crate) before: Option<Arc<Facts>>,
    pub(crate) now: Arc<Facts>,
    pub(crate) covered_ms: i64,
}

impl Edges {
    pub(crate) fn new(now_ms: i64) -> Self {
        let (links, lost_lines) = (BTreeMap::new(), VecDeque::new());
        Self { links, started_ms: now_ms, heard_ms: now_ms, lost_lines }
    }

    /// Notes a connection; true when this edge was not known.
    pub(crate) fn connect(&mut self, hello: &Hello) -> bool {
        let new = !self.links.contains_key(&hello.edge_start);
        let newborn = hello.started_at_ms >= self.started_ms;
        let link = self.link(hello.edge_start);
        link.connected = true;
        link.pid = Some(hello.pid);
        link.started_ms = Some(hello.started_at_ms);
        link.snapshot_version = Some(hello.snapshot_version).filter(|version| *version > 0);
        link.newborn |= new && newborn;
        self.forget();
        new
    }

    pub(crate) fn disconnect(&mut self, edge_start: u64) {
        if let Some(link) = self.links.get_mut(&edge_start) {
            link.connected = false;
        }
    }

    pub(crate) fn applied(&mut self, edge_start: u64, version: u64) {
        self.link(edge_start).snapshot_version = Some(version);
    }

    /// Takes a frame. `None` when there is nothing yet to subtract it from, or when it came later
    /// than one that is newer.
    pub(crate) fn feed(&mut self, facts: &Arc<Facts>, now_ms: i64) -> Option<Pair> {
        self.heard_ms = now_ms;
        let link = self.link(facts.edge_start);
        link.connected = true;
        link.received_ms = now_ms;
        link.snapshot_version = Some(facts.snapshot_version).filter(|version| *version > 0);
        let behind_ms = link.facts.as_ref().map_or(-1, |before| before.at_ms - facts.at_ms);
        if (0..=LATE_MS).contains(&behind_ms) {
            return None;
        }
        let before = link.facts.replace(Arc::clone(facts));
        let from_ms = match (&before, link.newborn) {
            (Some(before), _) => before.at_ms,
            (None, true) => link.started_ms.unwrap_or(facts.at_ms),
            (None, false) => return None,
        };
        let covered_ms =
            if behind_ms > LATE_MS { USUAL_COVER_MS } else { (facts.at_ms - from_ms).max(1) };
        let lost_before = before.as_ref().map_or(0, |before| before.log_lines_dropped);
        self.lose_lines(facts.log_lines_dropped.saturating_sub(lost_before), now_ms);
        Some(Pair { before, now: Arc::clone(facts), covered_ms })
    }

    fn lose_lines(&mut self, count: u64, now_ms: i64) {
        self.lost_lines.retain(|(at_ms, _)| (0..LOSS_SHOWN_MS).contains(&(now_ms - at_ms)));
        if count > 0 {
            self.lost_lines.push_back((now_ms, count));
        }
    }

    /// Lines that access logs lost in the last minute.
    pub(crate) fn log_lines_dropped(&self, now_ms: i64) -> u64 {
        let recent = self.lost_lines.iter().filter(|(at_ms, _)| now_ms - at_ms < LOSS_SHOWN_MS);
        recent.map(|(_, count)| count).sum()
    }

    fn link(&mut self, edge_start: u64) -> &mut EdgeLink {
        self.links.entry(edge_start).or_insert(EdgeLink {
            connected: false,
            pid: None,
            started_ms: None,
            snapshot_version: None,
            facts: None,
            received_ms: 0,
            newborn: false,
        })
    }

    fn forget(&mut self) {
        while self.links.len() > MAX_EDGES {
            let gone = self.links.iter().filter(|(_, link)| !link.connected);
            let Some(oldest) = gone.min_by_key(|(_, link)| link.received_ms).map(|(id, _)| *id)
            else {
                return;
            };
            self.links.remove(&oldest);
        }
    }

    /// The edges whose facts tell of now, the newest last.
    fn fresh(&self, now_ms: i64) -> Vec<(&EdgeLink, &Facts)> {
        let fresh = self
            .links
            .values()
            .filter(|link| link.connected && now_ms - link.received_ms <= STALE_MS);
        let mut fresh: Vec<_> = fresh.filter_map(|l| Some((l, l.facts.as_deref()?))).collect();
        fresh.sort_by_key(|(link, _)| link.started_ms);
        fresh
    }

    /// The newest edge that still tells something, else the last that did.
    fn last_known(&self, now_ms: i64) -> Vec<&Facts> {
        let fresh = self.fresh(now_ms);
        if !fresh.is_empty() {
            return fresh.into_iter().map(|(_, facts)| facts).collect();
        }
        let last = self.links.values().filter(|link| link.facts.is_some());
        let last = last.max_by_key(|link| link.received_ms);
        last.and_then(|link| link.facts.as_deref()).into_iter().collect()
    }

    pub(crate) fn reporting(&self, now_ms: i64) -> bool {
        !self.fresh(now_ms).is_empty()
    }

    /// When the newest report was made; `None` while no edge reports.
    pub(crate) fn reported_at_ms(&self, now_ms: i64) -> Option<i64> {
        self.fresh(now_ms).iter().map(|(_, facts)| facts.at_ms).max()
    }

    /// Why an edge cannot keep its snapshot on disk.
    pub(crate) fn snapshot_error(&self, now_ms: i64) -> Option<String> {
        self.fresh(now_ms).iter().find_map(|(_, facts)| facts.snapshot_error.clone())
    }

    pub(crate) fn evidence(&self, now_ms: i64) -> EdgeEvidence {
        if self.reporting(now_ms) {
            EdgeEvidence::Reporting
        } else {
            EdgeEvidence::Away { since_ms: self.heard_ms }
        }
    }

    pub(crate) fn state(&self, wanted_version: u64, now_ms: i64) -> Edge {
        let connected: Vec<&EdgeLink> = self.links.values().filter(|l| l.connected).collect();
        let newest = connected.iter().max_by_key(|link| link.started_ms);
        let fresh = self.fresh(now_ms);
        let facts = self.links.values().filter_map(|link| link.facts.as_ref());
        Edge {
            connected: !fresh.is_empty(),
            facts_at_ms: facts.map(|facts| facts.at_ms).max(),
            snapshot_version: newest.and_then(|link| link.snapshot_version),
            wanted_version,
            started_ms: newest.and_then(|link| link.started_ms),
            connections: (!fresh.is_empty())
                .then(|| fresh.iter().map(|(_, facts)| facts.connections).sum()),
            pids: connected.iter().filter_map(|link| link.pid).collect(),
        }
    }

    /// What the edges say of an instance now: health by the newest, gauges and counters summed.
    pub(crate) fn instance(
        &self,
        shop: &ShopId,
        name: &InstanceName,
        now_ms: i64,
    ) -> Option<InstanceGauges> {
        let known = self.last_known(now_ms);
        let facts = known.iter().filter_map(|facts| {
            shop_facts(facts, shop)?.instances.iter().find(|instance| instance.name == *name)
        });
        let facts: Vec<&InstanceFacts> = facts.collect();
        let newest = facts.last()?;
        let known_health = facts.iter().rev().find(|i| i.health != Health::Unknown);
        let judge = known_health.unwrap_or(newest);
        Some(InstanceGauges {
            health: judge.health,
            health_since_ms: judge.health_since_ms,
            last_error: judge.last_error.clone(),
            limit: newest.limit,
            in_flight: facts.iter().map(|instance| instance.in_flight).sum(),
            requests_total: facts.iter().map(|instance| instance.requests).sum(),
        })
    }

    /// Waiting requests over all edges.
    pub(crate) fn hold(&self, shop: &ShopId, now_ms: i64) -> Hold {
        let known = self.last_known(now_ms);
        let facts = known.iter().filter_map(|facts| Some(&shop_facts(facts, shop)?.hold));
        facts.fold(Hold::default(), |sum, hold: &HoldFacts| Hold {
            held: sum.held + hold.held,
            queued: sum.queued + hold.queued,
            oldest_wait_ms: sum.oldest_wait_ms.max(hold.oldest_wait_ms),
            checkout: sum.checkout + hold.waiting[0],
            cart: sum.cart + hold.waiting[1],
            other: sum.other + hold.waiting[2],
            released_total: sum.released_total + hold.released,
            expired_total: sum.expired_total + hold.expired,
            refused_total: sum.refused_total + hold.refused,
            ..sum
        })
    }

    /// Entries and bytes in the caches; `None` while the edge does not report.
    pub(crate) fn cache(&self, shop: &ShopId, now_ms: i64) -> Option<(u64, u64)> {
        let fresh = self.fresh(now_ms);
        let caches = fresh.iter().filter_map(|(_, facts)| Some(&shop_facts(facts, shop)?.cache));
        caches.fold(None, |sum, cache| {
            let (entries, bytes) = sum.unwrap_or_default();
            Some((entries + cache.entries, bytes + cache.bytes))
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InstanceGauges {
    pub(crate) health: Health,
    pub(crate) health_since_ms: i64,
    pub(crate) last_error: Option<String>,
    pub(crate) limit: u64,
    pub(crate) in_flight: u64,
    pub(crate) requests_total: u64,
}
