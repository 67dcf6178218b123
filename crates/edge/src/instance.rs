//! One instance as all workers share it: how busy, how well, what it was counted for. The checker
//! alone changes `health`; the request path only reports.

use crate::counters::AtomicHistogram;
use kernel::{
    InstanceName,
    facts::{Health, InstanceFacts},
};
use std::{
    net::SocketAddr,
    sync::{
        Mutex,
        atomic::{
            AtomicBool, AtomicI64, AtomicU8, AtomicU32, AtomicU64,
            Ordering::{Relaxed, SeqCst},
        },
    },
};

#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) name: InstanceName,
    pub(crate) address: SocketAddr,
    in_flight: AtomicU32,
    health: AtomicU8,
    health_since_ms: AtomicI64,
    /// Could not be connected to; nobody goes there until the checker has looked.
    suspect: AtomicBool,
    failures_in_row: AtomicU32,
    last_error: Mutex<Option<String>>,
    pub(crate) requests: AtomicU64,
    pub(crate) errors: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) connects: AtomicU64,
    pub(crate) connect: AtomicHistogram,
    pub(crate) first_byte: AtomicHistogram,
}

const HEALTH: [Health; 4] = [Health::Unknown, Health::Up, Health::SlowStart, Health::Down];

impl Instance {
    pub(crate) fn new(name: InstanceName, address: SocketAddr, now_ms: i64) -> Self {
        Self {
            name,
            address,
            in_flight: AtomicU32::new(0),
            health: AtomicU8::new(0),
            health_since_ms: AtomicI64::new(now_ms),
            suspect: AtomicBool::new(false),
            failures_in_row: AtomicU32::new(0),
            last_error: Mutex::default(),
            requests: AtomicU64::default(),
            errors: AtomicU64::default(),
            failures: AtomicU64::default(),
            retries: AtomicU64::default(),
            connects: AtomicU64::default(),
            connect: AtomicHistogram::default(),
            first_byte: AtomicHistogram::default(),
        }
    }

    pub(crate) fn health(&self) -> Health {
        HEALTH[usize::from(self.health.load(Relaxed))]
    }

    /// For the checker only. `true` when it was something else before.
    pub(crate) fn set_health(&self, health: Health, now_ms: i64) -> bool {
        let code = HEALTH.iter().position(|known| *known == health);
        let code = code.expect("invariant: draining is a setting, never a health to set");
        #[expect(clippy::cast_possible_truncation, reason = "an index into four")]
        let changed = self.health.swap(code as u8, Relaxed) != code as u8;
        if changed {
            self.health_since_ms.store(now_ms, Relaxed);
        }
        changed
    }

    pub(crate) fn health_since_ms(&self) -> i64 {
        self.health_since_ms.load(Relaxed)
    }

    /// Whether requests may go there at all.
    pub(crate) fn is_healthy(&self) -> bool {
        matches!(self.health(), Health::Up | Health::SlowStart) && !self.suspect.load(Relaxed)
    }

    pub(crate) fn set_suspect(&self, suspect: bool) {
        self.suspect.store(suspect, SeqCst);
    }

    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    /// Most requests at once now: in a slow start its share grows with time from one on.
    pub(crate) fn limit(&self, connections: u32, slow_start_ms: u64, now_ms: i64) -> u32 {
        if self.health() != Health::SlowStart || slow_start_ms == 0 {
            return connections;
        }
        let elapsed = u64::try_from(now_ms - self.health_since_ms()).unwrap_or(0);
        let share = u64::from(connections) * elapsed.min(slow_start_ms) / slow_start_ms;
        u32::try_from(share).unwrap_or(connections).max(1)
    }

    /// Takes a place when fewer than `limit` are taken.
    pub(crate) fn try_enter(&self, limit: u32) -> bool {
        let enter = |taken: u32| (taken < limit).then_some(taken + 1);
        self.in_flight.fetch_update(SeqCst, SeqCst, enter).is_ok()
    }

    pub(crate) fn leave(&self) {
        self.in_flight.fetch_sub(1, SeqCst);
    }

    pub(crate) fn reset_failures(&self) {
        if self.failures_in_row.load(Relaxed) != 0 {
            self.failures_in_row.store(0, Relaxed);
        }
    }

    /// One more failure of a real request; how many in a row that makes.
    pub(crate) fn add_failure(&self) -> u32 {
        self.failures.fetch_add(1, Relaxed);
        self.failures_in_row.fetch_add(1, Relaxed) + 1
    }

    pub(crate) fn set_error(&self, error: String) {
        *self.last_error.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(error);
    }

    pub(crate) fn facts(&self, limit: u32, drain: bool) -> InstanceFacts {
        let error = self.last_error.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let health = match self.health() {
            Health::Up | Health::SlowStart if drain => Health::Draining,
            health => health,
        };
        InstanceFacts {
            name: self.name.clone(),
            health,
            health_since_ms: self.health_since_ms(),
            last_error: error.clone(),
            in_flight: self.in_flight().into(),
            limit: limit.into(),
            requests: self.requests.load(Relaxed),
            errors: self.errors.load(Relaxed),
            failures: self.failures.load(Relaxed),
            retries: self.retries.load(Relaxed),
            connects: self.connects.load(Relaxed),
            connect: self.connect.read(),
            first_byte: self.first_byte.read(),
        }
    }
}
