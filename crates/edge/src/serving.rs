//! A snapshot in force: what the request path reads, made once and never changed.
//!
//! What must outlive a snapshot (pools with those who wait, instances with their places taken,
//! counters, kept responses) is carried over by the keeper and only referred to here.

use crate::{
    cache::Shelf,
    counters::{Refusals, ShopCounters, VisitorSketch},
    error_page::Report,
    pool::Pool,
    upstream::Patience,
};
use arc_swap::ArcSwapOption;
use kernel::{
    ShopId,
    facts::VisitorReport,
    snapshot::{Brand, Limits},
};
use shops::{hosts::Hosts, matcher::Matcher};
use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// One snapshot, ready to serve from.
#[derive(Debug)]
pub(crate) struct Serving {
    pub(crate) version: u64,
    pub(crate) limits: Limits,
    pub(crate) hosts: Hosts<Arc<Site>>,
    pub(crate) sites: Vec<Arc<Site>>,
    /// ACME HTTP-01: token → key authorization.
    pub(crate) challenges: HashMap<String, String>,
    /// Where control answers other Storewardens.
    pub(crate) control: Option<SocketAddr>,
}

/// One shop, ready to serve.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) id: ShopId,
    pub(crate) brand: Brand,
    pub(crate) force_https: bool,
    pub(crate) matcher: Matcher,
    /// `None` when the shop wants no cache.
    pub(crate) shelf: Option<Arc<Shelf>>,
    pub(crate) pool: Arc<Pool>,
    pub(crate) patience: Patience,
    /// Longest time between two pieces of a response body.
    pub(crate) read_quiet: Duration,
    pub(crate) counters: Arc<SiteCounters>,
}

/// What is counted of one shop over the edge's whole life.
#[derive(Debug)]
pub(crate) struct SiteCounters {
    /// One set a worker.
    pub(crate) workers: Vec<ShopCounters>,
    pub(crate) visitors: VisitorSketch,
}

impl SiteCounters {
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            workers: (0..workers).map(|_| ShopCounters::default()).collect(),
            visitors: VisitorSketch::default(),
        }
    }
}

/// Most reports that are kept; older ones give way.
const MAX_REPORTS: usize = 32;

/// The newest reports of visitors.
#[derive(Debug, Default)]
pub(crate) struct Reports(Mutex<(u64, VecDeque<VisitorReport>)>);

impl Reports {
    pub(crate) fn add(&self, shop: &ShopId, report: &Report) {
        let mut kept = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (count, reports) = &mut *kept;
        *count += 1;
        reports.push_back(VisitorReport {
            number: *count,
            at_ms: crate::clock::unix_ms(),
            shop: shop.clone(),
            reference: report.reference.clone(),
            what: report.what.clone(),
        });
        if reports.len() > MAX_REPORTS {
            reports.pop_front();
        }
    }

    pub(crate) fn read(&self) -> Vec<VisitorReport> {
        let kept = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        kept.1.iter().cloned().collect()
    }
}

/// What all threads of the edge share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// `None` until the first snapshot came.
    pub(crate) serving: Arc<ArcSwapOption<Serving>>,
    pub(crate) refusals: Refusals,
    pub(crate) reports: Reports,
    /// Visitor connections that this process has descriptors for.
    pub(crate) room: u64,
    pub(crate) connections: AtomicU64,
    pub(crate) connections_total: AtomicU64,
    /// Other Storewardens that are being answered.
    pub(crate) relayed: AtomicU64,
}

impl Shared {
    /// Counts a new visitor connection, unless there are `most` already or there is no room for more.
    pub(crate) fn connect(&self, most: u32) -> bool {
        if self.connections.fetch_add(1, Relaxed) >= u64::from(most).min(self.room) {
            self.connections.fetch_sub(1, Relaxed);
            return false;
        }
        self.connections_total.fetch_add(1, Relaxed);
        true
    }

    pub(crate) fn disconnect(&self) {
        self.connections.fetch_sub(1, Relaxed);
    }
}
