//! What a worker counts while it serves: plain cumulative numbers, one set a worker and shop, so
//! that no two cores write the same cache line. Knows nothing of requests or pools.

use kernel::{
    BUCKETS, Histogram, RouteClass, bucket_of,
    facts::{CacheOutcomes, ClassFacts, Refusal, VISITOR_REGISTERS, Visitors, visitor_register},
};
use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering::Relaxed},
    },
};

/// Statuses 100 to 599; others are not counted apart.
const STATUSES: usize = 500;

/// A histogram that is added to without a lock.
#[derive(Debug)]
pub(crate) struct AtomicHistogram(Box<[AtomicU64]>);

impl Default for AtomicHistogram {
    fn default() -> Self {
        Self((0..BUCKETS).map(|_| AtomicU64::new(0)).collect())
    }
}

impl AtomicHistogram {
    pub(crate) fn record(&self, microseconds: u64) {
        self.0[bucket_of(microseconds)].fetch_add(1, Relaxed);
    }

    pub(crate) fn add_to(&self, sum: &mut Histogram) {
        for (bucket, count) in self.0.iter().enumerate() {
            let count = count.load(Relaxed);
            if count > 0 {
                sum.add(bucket, count);
            }
        }
    }

    pub(crate) fn read(&self) -> Histogram {
        let mut histogram = Histogram::default();
        self.add_to(&mut histogram);
        histogram
    }
}

/// Answers of one route class that one worker gave.
#[derive(Debug)]
pub(crate) struct ClassCounters {
    statuses: Box<[AtomicU64]>,
    pub(crate) failed_by_edge: AtomicU64,
    pub(crate) aborted: AtomicU64,
    pub(crate) response_bytes: AtomicU64,
    pub(crate) first_byte: AtomicHistogram,
    pub(crate) whole: AtomicHistogram,
    pub(crate) connect: AtomicHistogram,
    pub(crate) hits: AtomicU64,
    pub(crate) misses: AtomicU64,
    pub(crate) bypassed: AtomicU64,
    pub(crate) left: AtomicU64,
}

impl Default for ClassCounters {
    fn default() -> Self {
        Self {
            statuses: (0..STATUSES).map(|_| AtomicU64::new(0)).collect(),
            failed_by_edge: AtomicU64::default(),
            aborted: AtomicU64::default(),
            response_bytes: AtomicU64::default(),
            first_byte: AtomicHistogram::default(),
            whole: AtomicHistogram::default(),
            connect: AtomicHistogram::default(),
            hits: AtomicU64::default(),
            misses: AtomicU64::default(),
            bypassed: AtomicU64::default(),
            left: AtomicU64::default(),
        }
    }
}

impl ClassCounters {
    pub(crate) fn count_status(&self, status: u16) {
        if let Some(slot) = self.statuses.get(usize::from(status).wrapping_sub(100)) {
            slot.fetch_add(1, Relaxed);
        }
    }
}

/// All that one worker counts of one shop. Classes are made when first met: most shops have few.
#[derive(Debug, Default)]
pub(crate) struct ShopCounters {
    classes: [std::sync::OnceLock<Box<ClassCounters>>; RouteClass::ALL.len()],
    /// Answers that are in the cache now, or were.
    pub(crate) stored: AtomicU64,
}

impl ShopCounters {
    pub(crate) fn class(&self, class: RouteClass) -> &ClassCounters {
        self.classes[class as usize].get_or_init(Box::default)
    }
}

/// The classes of one shop, all workers added up.
pub(crate) fn class_facts(workers: &[ShopCounters]) -> Vec<ClassFacts> {
    let facts = RouteClass::ALL.into_iter().filter_map(|class| {
        let parts: Vec<_> = workers
            .iter()
            .filter_map(|worker| worker.classes[class as usize].get().map(|c| &**c))
            .collect();
        (!parts.is_empty()).then(|| one_class(class, &parts))
    });
    facts.collect()
}

fn one_class(class: RouteClass, parts: &[&ClassCounters]) -> ClassFacts {
    let sum = |field: fn(&ClassCounters) -> &AtomicU64| {
        parts.iter().map(|part| field(part).load(Relaxed)).sum::<u64>()
    };
    let statuses = (0..STATUSES).filter_map(|index| {
        let count: u64 = parts.iter().map(|part| part.statuses[index].load(Relaxed)).sum();
        let status = u16::try_from(index + 100).expect("invariant: STATUSES + 100 fits 16 bits");
        (count > 0).then_some((status, count))
    });
    let merged = |field: fn(&ClassCounters) -> &AtomicHistogram| {
        let mut whole = Histogram::default();
        for part in parts {
            field(part).add_to(&mut whole);
        }
        whole
    };
    ClassFacts {
        class,
        statuses: statuses.collect(),
        failed_by_edge: sum(|part| &part.failed_by_edge),
        aborted: sum(|part| &part.aborted),
        response_bytes: sum(|part| &part.response_bytes),
        first_byte: merged(|part| &part.first_byte),
        whole: merged(|part| &part.whole),
        connect: merged(|part| &part.connect),
        cache: CacheOutcomes {
            hits: sum(|part| &part.hits),
            misses: sum(|part| &part.misses),
            bypassed: sum(|part| &part.bypassed),
        },
        left: sum(|part| &part.left),
    }
}

/// Distinct visitors of the running minute and the one before.
#[derive(Debug)]
pub(crate) struct VisitorSketch {
    minute: AtomicI64,
    now: Box<[AtomicU8]>,
    before: Mutex<Vec<(u16, u8)>>,
}

impl Default for VisitorSketch {
    fn default() -> Self {
        Self {
            minute: AtomicI64::new(0),
            now: (0..VISITOR_REGISTERS).map(|_| AtomicU8::new(0)).collect(),
            before: Mutex::default(),
        }
    }
}

impl VisitorSketch {
    pub(crate) fn see(&self, hash: u64) {
        let (register, rank) = visitor_register(hash);
        let slot = &self.now[usize::from(register)];
        // Most visitors are known: then this is one read and no write.
        if slot.load(Relaxed) < rank {
            slot.fetch_max(rank, Relaxed);
        }
    }

    /// The sketch at `now_ms`. A new minute closes the one before; only the maker of facts calls
    /// this. A visitor seen during the turn may fall into either minute.
    pub(crate) fn read(&self, now_ms: i64) -> Visitors {
        let minute = now_ms.div_euclid(60_000);
        let last = self.minute.swap(minute, Relaxed);
        let mut before = self.before.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if last != minute {
            let whole = self.registers(|slot| slot.swap(0, Relaxed));
            *before = if last == minute - 1 { whole } else { Vec::new() };
        }
        let registers = self.registers(|slot| slot.load(Relaxed));
        Visitors { minute, registers, before: before.clone() }
    }

    fn registers(&self, read: impl Fn(&AtomicU8) -> u8) -> Vec<(u16, u8)> {
        let pairs = self.now.iter().zip(0_u16..).map(|(slot, register)| (register, read(slot)));
        pairs.filter(|(_, rank)| *rank > 0).collect()
    }
}

/// Requests refused before they belonged to a shop, by reason. Rare, so a lock does.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<BTreeMap<&'static str, u64>>);

impl Refusals {
    pub(crate) fn count(&self, reason: &'static str) {
        let mut counts = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *counts.entry(reason).or_default() += 1;
    }

    pub(crate) fn read(&self) -> Vec<Refusal> {
        let counts = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let refusal = |(reason, count): (&&str, &u64)| Refusal {
            reason: (*reason).to_owned(),
            count: *count,
        };
        counts.iter().map(refusal).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::facts::estimate_visitors;

    #[test]
    fn workers_add_up_by_class_and_status() {
        let workers = [ShopCounters::default(), ShopCounters::default()];
        workers[0].class(RouteClass::Cart).count_status(200);
        workers[1].class(RouteClass::Cart).count_status(200);
        workers[1].class(RouteClass::Cart).count_status(503);
        workers[1].class(RouteClass::Cart).count_status(999);
        workers[1].class(RouteClass::Cart).whole.record(900);
        let facts = class_facts(&workers);
        assert_eq!(facts.len(), 1);
        assert_eq!(facts[0].statuses, [(200, 2), (503, 1)]);
        assert_eq!(facts[0].whole.count(), 1);
    }

    #[test]
    fn a_minute_closes_into_the_one_before() {
        let sketch = VisitorSketch::default();
        sketch.read(0);
        sketch.see(12345 << 20);
        assert_eq!(estimate_visitors(&sketch.read(59_999).registers), 1);
        let next = sketch.read(60_000);
        assert_eq!((next.minute, next.registers.len(), next.before.len()), (1, 0, 1));
        assert!(sketch.read(180_000).before.is_empty(), "two minutes later nobody was there");
    }
}
