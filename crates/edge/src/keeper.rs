//! The keeper: puts snapshots in force, carries over what must outlive them, and makes the facts.
//!
//! Lives on a thread of its own with the checker, so that no request waits for either.

use crate::{
    access_log::AccessLog,
    body::Spill,
    cache::Cache,
    checker::Checker,
    clock::unix_ms,
    counters::class_facts,
    instance::Instance,
    pool::{Pool, Report, Slot, View},
    serving::{Serving, Shared, Site, SiteCounters},
    tls::Resolver,
    upstream::Patience,
};
use kernel::{
    InstanceName, ShopId,
    facts::{CacheFacts, CacheOutcomes, ClassFacts, Facts, ShopFacts},
    snapshot::{InvariantError, ShopSite, Snapshot},
};
use shops::{hosts::Hosts, matcher::Matcher};
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::sync::mpsc;

/// Why a snapshot was refused; the edge serves on from the one before.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    #[error("snapshot is not valid: {0}")]
    Invariant(InvariantError),
    #[error("{0}")]
    Certificate(String),
}

/// What the keeper and every worker hold together.
#[derive(Clone)]
pub(crate) struct Common {
    pub(crate) shared: Arc<Shared>,
    pub(crate) spill: Arc<Spill>,
    pub(crate) log: Option<Arc<AccessLog>>,
}

pub(crate) struct Keeper {
    edge_start: u64,
    workers: usize,
    common: Common,
    cache: Cache,
    resolver: Arc<Resolver>,
    reports: mpsc::Sender<Report>,
    pools: HashMap<ShopId, Arc<Pool>>,
    instances: HashMap<(ShopId, InstanceName, SocketAddr), Arc<Instance>>,
    counters: HashMap<ShopId, Arc<SiteCounters>>,
    pub(crate) checker: Checker,
}

impl Keeper {
    pub(crate) fn new(
        edge_start: u64,
        workers: usize,
        common: Common,
        resolver: Arc<Resolver>,
        reports: mpsc::Sender<Report>,
    ) -> Self {
        Self {
            edge_start,
            workers,
            common,
            cache: Cache::new(),
            resolver,
            reports,
            pools: HashMap::new(),
            instances: HashMap::new(),
            counters: HashMap::new(),
            checker: Checker::default(),
        }
    }

    /// Puts `snapshot` in force for every request that comes from now on; running ones end under
    /// the one they began with.
    ///
    /// # Errors
    /// When it is not valid as a whole. Nothing has changed then.
    pub(crate) fn apply(&mut self, snapshot: &Snapshot) -> Result<(), ApplyError> {
        snapshot.check_invariants().map_err(ApplyError::Invariant)?;
        self.resolver
            .set(&snapshot.certificates)
            .map_err(|error| ApplyError::Certificate(crate::upstream::chain(&error)))?;
        let sites: Vec<_> = snapshot.shops.iter().map(|shop| Arc::new(self.site(shop))).collect();
        self.forget_what_is_gone(snapshot);
        let owners = sites
            .iter()
            .zip(&snapshot.shops)
            .flat_map(|(site, shop)| shop.hosts.iter().map(|host| (host.as_str(), site.clone())));
        let challenges = snapshot.challenges.iter();
        let serving = Serving {
            version: snapshot.version,
            limits: snapshot.limits.clone(),
            hosts: Hosts::new(owners),
            challenges: challenges
                .map(|c| (c.token.clone(), c.key_authorization.clone()))
                .collect(),
            control: snapshot.control,
            sites,
        };
        self.checker.apply(snapshot, &self.pools);
        self.common.shared.serving.store(Some(Arc::new(serving)));
        Ok(())
    }

    fn site(&mut self, shop: &ShopSite) -> Site {
        let pool = self.pool(shop);
        let workers = self.workers;
        let counters = self.counters.entry(shop.id.clone());
        let counters = counters.or_insert_with(|| Arc::new(SiteCounters::new(workers))).clone();
        let timeouts = &shop.pool.timeouts;
        // Asked for even when the cache is off, so that it forgets what it has.
        let shelf = self.cache.shelf(&shop.id, &shop.cache, &shop.traffic.cache);
        Site {
            id: shop.id.clone(),
            brand: shop.brand.clone(),
            force_https: shop.force_https,
            matcher: Matcher::new(&shop.traffic),
            shelf: shop.cache.enabled.then_some(shelf),
            pool,
            patience: Patience {
                connect: Duration::from_millis(timeouts.connect_ms),
                response: Duration::from_millis(timeouts.response_ms),
                idle: Duration::from_millis(timeouts.upstream_idle_ms),
            },
            read_quiet: Duration::from_millis(timeouts.read_ms),
            counters,
        }
    }

    fn pool(&mut self, shop: &ShopSite) -> Arc<Pool> {
        let now_ms = unix_ms();
        let slots = shop.pool.instances.iter().map(|wanted| {
            let key = (shop.id.clone(), wanted.name.clone(), wanted.address);
            let make = || Arc::new(Instance::new(wanted.name.clone(), wanted.address, now_ms));
            Slot {
                instance: self.instances.entry(key).or_insert_with(make).clone(),
                weight: wanted.weight,
                connections: wanted.connections,
                drain: wanted.drain,
            }
        });
        let view = View::new(slots.collect(), shop.pool.clone());
        match self.pools.get(&shop.id) {
            Some(pool) => {
                pool.set_view(view);
                pool.clone()
            }
            None => {
                let pool = Arc::new(Pool::new(view, self.reports.clone()));
                self.pools.insert(shop.id.clone(), pool.clone());
                pool
            }
        }
    }

    fn forget_what_is_gone(&mut self, snapshot: &Snapshot) {
        let wanted = |id: &ShopId| snapshot.shops.iter().any(|shop| shop.id == *id);
        self.pools.retain(|id, _| wanted(id));
        self.counters.retain(|id, _| wanted(id));
        self.cache.retain(wanted);
        self.instances.retain(|(id, name, address), _| {
            snapshot.shops.iter().any(|shop| {
                let same =
                    |i: &kernel::snapshot::Instance| i.name == *name && i.address == *address;
                shop.id == *id && shop.pool.instances.iter().any(same)
            })
        });
    }

    /// All counters as they stand now.
    pub(crate) fn facts(&self) -> Facts {
        let at_ms = unix_ms();
        let serving = self.common.shared.serving.load();
        let sites = serving.as_ref().map_or(&[][..], |serving| &serving.sites);
        Facts {
            edge_start: self.edge_start,
            at_ms,
            snapshot_version: serving.as_ref().map_or(0, |serving| serving.version),
            connections: self.common.shared.connections.load(Relaxed),
            connections_total: self.common.shared.connections_total.load(Relaxed),
            refused: self.common.shared.refusals.read(),
            shops: sites.iter().map(|site| shop_facts(site, at_ms)).collect(),
            log_lines_dropped: self.common.log.as_ref().map_or(0, |log| log.dropped()),
            snapshot_error: None,
            spill_bytes: self.common.spill.used_bytes(),
            reports: self.common.shared.reports.read(),
        }
    }
}

fn shop_facts(site: &Site, now_ms: i64) -> ShopFacts {
    let view = site.pool.view();
    let slow_start_ms = view.settings.slow_start_ms;
    let instances = view.slots.iter().map(|slot| {
        let limit = slot.instance.limit(slot.connections, slow_start_ms, now_ms);
        slot.instance.facts(limit, slot.drain)
    });
    let classes = class_facts(&site.counters.workers);
    ShopFacts {
        id: site.id.clone(),
        instances: instances.collect(),
        hold: site.pool.facts(),
        cache: cache_facts(site, &classes),
        classes,
        visitors: site.counters.visitors.read(now_ms),
    }
}

fn cache_facts(site: &Site, classes: &[ClassFacts]) -> CacheFacts {
    let kept = site.shelf.as_ref().map(|shelf| shelf.facts()).unwrap_or_default();
    let sum = |field: fn(&CacheOutcomes) -> u64| classes.iter().map(|c| field(&c.cache)).sum();
    CacheFacts {
        hits: sum(|cache| cache.hits),
        misses: sum(|cache| cache.misses),
        bypassed: sum(|cache| cache.bypassed),
        stored: site.counters.workers.iter().map(|worker| worker.stored.load(Relaxed)).sum(),
        entries: kept.entries,
        bytes: kept.bytes,
    }
}
