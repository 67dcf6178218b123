//! One shop's part of the cache: the places, who leaves, and what voids them.
//!
//! A lookup locks one of 64 shards for as long as it takes to find a place. Whatever changes what is
//! kept does so under the one lock of the ledger, shards locked within it, never the other way round.

use super::{
    ask::Ask,
    judgement::{Exchange, Freshness, Refusal, announced_length, judge},
    queue::{Queues, Slot},
    recorder::{Recorder, Ticket},
    status::Forward,
    stored::{Head, Hit, Stored, kept_headers},
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, response::Parts};
use kernel::snapshot::CacheLimits;
use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::{BuildHasher, BuildHasherDefault, Hasher},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::{Instant, SystemTime},
};

const SHARDS: usize = 64;
/// Counters of changes; addresses share them by hash, which voids too much, never too little.
const STAMPS: usize = 1024;
/// Most variants of one address; the oldest gives way.
const VARIANTS: usize = 64;
/// What a place costs beside its key, head and body: an estimate.
const PLACE_BYTES: u64 = 512;
/// What a header field costs beside its text.
const FIELD_BYTES: u64 = 96;

/// The key of a request, its buffer used again for the next one.
#[derive(Debug, Default)]
pub(crate) struct Key(Vec<u8>);

impl Key {
    /// Starts a new key with what the platform's rules do not know. The rest is appended to the
    /// returned buffer: host, NUL, path and query, and a NUL before each further part that the
    /// rules make of cookies and headers.
    pub(crate) fn start(&mut self, tls: bool, ask: &Ask) -> &mut Vec<u8> {
        self.0.clear();
        self.0.push((u8::from(tls) << 7) | ask.encodings.byte());
        &mut self.0
    }
}

/// What all variants of an address have in common: of `host NUL path-and-query [NUL …]…` the part
/// up to the second NUL.
fn address(from_host: &[u8]) -> &[u8] {
    let end = memchr::memchr_iter(0, from_host).nth(1);
    &from_host[..end.unwrap_or(from_host.len())]
}

/// The answer of [`Shelf::lookup`].
#[derive(Debug)]
pub(crate) enum Lookup {
    Hit(Hit),
    Miss(Forward),
}

/// Gauges, but for `stored`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ShelfFacts {
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    /// Responses kept since the shelf was made.
    pub(crate) stored: u64,
}

type Shard = HashMap<u64, Arc<Stored>, BuildHasherDefault<AlreadyHashed>>;

#[derive(Debug)]
pub(crate) struct Shelf {
    hasher: RandomState,
    shards: Box<[Mutex<Shard>; SHARDS]>,
    ledger: Mutex<Ledger>,
    stamps: Box<[AtomicU32; STAMPS]>,
    epoch: AtomicU64,
    memory_bytes: AtomicU64,
    object_bytes: AtomicU64,
    /// Bytes of bodies on their way in.
    under_way: AtomicU64,
    entries: AtomicU64,
    bytes: AtomicU64,
    stored: AtomicU64,
}

#[derive(Debug, Default)]
struct Ledger {
    queues: Queues,
    /// The keys of all variants of an address, oldest first.
    variants: HashMap<u64, Vec<u64>, BuildHasherDefault<AlreadyHashed>>,
}

impl Shelf {
    pub(super) fn new(limits: &CacheLimits) -> Self {
        let shelf = Self {
            hasher: RandomState::new(),
            shards: Box::new(std::array::from_fn(|_| Mutex::default())),
            ledger: Mutex::default(),
            stamps: Box::new(std::array::from_fn(|_| AtomicU32::new(0))),
            epoch: AtomicU64::new(0),
            memory_bytes: AtomicU64::new(0),
            object_bytes: AtomicU64::new(0),
            under_way: AtomicU64::new(0),
            entries: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            stored: AtomicU64::new(0),
        };
        shelf.limit(limits);
        shelf
    }

    /// What is kept for this key, when it is fresh and the visitor takes it.
    pub(crate) fn lookup(&self, key: &Key, ask: &Ask, now: Instant) -> Lookup {
        if ask.refresh {
            return Lookup::Miss(Forward::Request);
        }
        let hash = self.hasher.hash_one(&key.0);
        let found = self.shard(hash).get(&hash).map(Arc::clone);
        let Some(stored) = found.filter(|stored| *stored.key == *key.0) else {
            return Lookup::Miss(Forward::Miss);
        };
        let Some((age, left)) = stored.fresh(now) else { return Lookup::Miss(Forward::Stale) };
        stored.slot.ask();
        Lookup::Hit(Hit { stored, age, left })
    }

    /// Taken before the request goes to the shop. `uri` is the key from its host on, `path` the
    /// request's.
    pub(crate) fn ticket(&self, key: &Key, uri: &[u8], path: &str, now: Instant) -> Ticket {
        let uri_hash = self.hasher.hash_one(address(uri));
        Ticket {
            key_hash: self.hasher.hash_one(&key.0),
            key: key.0.as_slice().into(),
            uri_hash,
            path: path.into(),
            epoch: self.epoch.load(Ordering::Acquire),
            stamp: self.stamp(uri_hash).load(Ordering::Acquire),
            asked: now,
        }
    }

    /// Takes the ticket anew, when the request goes to the shop only now, or once more.
    pub(crate) fn renew(&self, ticket: &mut Ticket, now: Instant) {
        ticket.epoch = self.epoch.load(Ordering::Acquire);
        ticket.stamp = self.stamp(ticket.uri_hash).load(Ordering::Acquire);
        ticket.asked = now;
    }

    /// Begins to keep a response whose head, hop-by-hop fields included, just came.
    ///
    /// # Errors
    /// Why it is not kept. An older response in its place is dropped when the shop has now said
    /// something else.
    pub(crate) fn begin_store(
        self: &Arc<Self>,
        ticket: Ticket,
        ask: &Ask,
        response: &Parts,
        now: Instant,
        wall: SystemTime,
    ) -> Result<Recorder, Refusal> {
        let delay = now.saturating_duration_since(ticket.asked);
        let exchange = Exchange { delay, received: wall };
        let freshness = match judge(ask, response, exchange, self.object_bytes()) {
            Ok(freshness) => freshness,
            Err(refusal) => {
                if refusal != Refusal::Request && supersedes(response.status) {
                    self.forget(ticket.key_hash);
                }
                return Err(refusal);
            }
        };
        if self.memory_bytes.load(Ordering::Relaxed) == 0 {
            return Err(Refusal::NoRoom);
        }
        if self.is_void(&ticket) {
            return Err(Refusal::Changed);
        }
        let announced = announced_length(response)?;
        let headers = kept_headers(&response.headers, wall);
        let head = Head { status: response.status, headers, freshness, received: now };
        Ok(Recorder::new(Arc::clone(self), ticket, head, announced))
    }

    /// Drops all variants of an address, and voids those under way. `uri` is a key from its host
    /// on; what makes a variant of it does not count.
    pub(crate) fn invalidate(&self, uri: &[u8]) {
        let uri_hash = self.hasher.hash_one(address(uri));
        let mut ledger = self.ledger();
        self.stamp(uri_hash).fetch_add(1, Ordering::AcqRel);
        for key in ledger.variants.remove(&uri_hash).unwrap_or_default() {
            if let Some(stored) = self.shard(key).remove(&key) {
                ledger.queues.drop(&stored.slot);
            }
        }
        self.note(&ledger);
    }

    /// Drops all whose path begins so, voids whatever is under way, and returns how many responses
    /// were dropped. Looks at every place: for people, not for requests.
    pub(crate) fn purge(&self, prefix: &str) -> u64 {
        let mut ledger = self.ledger();
        self.epoch.fetch_add(1, Ordering::AcqRel);
        let mut count = 0;
        for shard in &self.shards[..] {
            let mut shard = shard.lock().expect("invariant: nothing panics in a shard");
            for (_, stored) in shard.extract_if(|_, stored| stored.path.starts_with(prefix)) {
                ledger.take_out(&stored.slot);
                count += 1;
            }
        }
        self.note(&ledger);
        count
    }

    pub(crate) fn facts(&self) -> ShelfFacts {
        ShelfFacts {
            entries: self.entries.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            stored: self.stored.load(Ordering::Relaxed),
        }
    }

    /// Holds the shelf to other limits from now on.
    pub(super) fn limit(&self, limits: &CacheLimits) {
        let memory = if limits.enabled { limits.memory_bytes } else { 0 };
        let before = self.memory_bytes.swap(memory, Ordering::Relaxed);
        self.object_bytes.store(limits.object_bytes.min(memory), Ordering::Relaxed);
        if before == 0 || memory == 0 {
            // Nobody says what changes while the cache is off.
            self.purge("");
            return;
        }
        let mut ledger = self.ledger();
        self.make_room(&mut ledger, Instant::now());
        self.note(&ledger);
    }

    pub(super) fn object_bytes(&self) -> u64 {
        self.object_bytes.load(Ordering::Relaxed)
    }

    /// Room for a piece of a body on its way in: all of them together may hold a quarter of the
    /// shop's memory beside what is kept.
    pub(super) fn reserve(&self, bytes: u64) -> bool {
        let most = self.memory_bytes.load(Ordering::Relaxed) / 4;
        let order = Ordering::Relaxed;
        let add = |held: u64| held.checked_add(bytes).filter(|held| *held <= most);
        self.under_way.fetch_update(order, order, add).is_ok()
    }

    pub(super) fn release(&self, bytes: u64) {
        self.under_way.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Keeps a whole response, unless something voided its ticket or it is older than what is
    /// there.
    pub(super) fn keep(&self, ticket: Ticket, head: Head, body: Bytes) -> bool {
        let bytes = size(&ticket, &head.headers, &body);
        let Freshness { age, lifetime } = head.freshness;
        let (key, uri, received) = (ticket.key_hash, ticket.uri_hash, head.received);
        let slot = Slot::new(key, uri, bytes, received + (lifetime - age));
        let mut ledger = self.ledger();
        let too_large = bytes > self.memory_bytes.load(Ordering::Relaxed);
        if too_large || self.is_void(&ticket) || self.has_newer(key, received) {
            return false;
        }
        let stored = Arc::new(ticket.into_stored(head, body, Arc::clone(&slot)));
        if let Some(old) = self.shard(key).insert(key, stored) {
            ledger.take_out(&old.slot);
        }
        if let Some(oldest) = ledger.put_in(slot) {
            self.remove(&mut ledger, oldest);
        }
        self.make_room(&mut ledger, received);
        self.note(&ledger);
        self.stored.fetch_add(1, Ordering::Relaxed);
        true
    }

    fn make_room(&self, ledger: &mut Ledger, now: Instant) {
        while ledger.queues.bytes() > self.memory_bytes.load(Ordering::Relaxed) {
            let Some(slot) = ledger.queues.evict(now) else { return };
            self.shard(slot.key).remove(&slot.key);
            ledger.forget_variant(&slot);
        }
    }

    fn forget(&self, key: u64) {
        let mut ledger = self.ledger();
        self.remove(&mut ledger, key);
        self.note(&ledger);
    }

    fn remove(&self, ledger: &mut Ledger, key: u64) {
        if let Some(stored) = self.shard(key).remove(&key) {
            ledger.take_out(&stored.slot);
        }
    }

    fn has_newer(&self, key: u64, received: Instant) -> bool {
        self.shard(key).get(&key).is_some_and(|kept| kept.received() > received)
    }

    /// Decided for good only under the ledger's lock.
    fn is_void(&self, ticket: &Ticket) -> bool {
        self.epoch.load(Ordering::Acquire) != ticket.epoch
            || self.stamp(ticket.uri_hash).load(Ordering::Acquire) != ticket.stamp
    }

    fn stamp(&self, uri_hash: u64) -> &AtomicU32 {
        &self.stamps[low_bits(uri_hash) % STAMPS]
    }

    fn shard(&self, key_hash: u64) -> MutexGuard<'_, Shard> {
        // The map within takes its place from the low bits and its tag from the highest seven.
        let shard = &self.shards[low_bits(key_hash >> 32) % SHARDS];
        shard.lock().expect("invariant: nothing panics while it holds a shard")
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().expect("invariant: nothing panics while it holds the ledger")
    }

    fn note(&self, ledger: &Ledger) {
        self.entries.store(ledger.queues.entries(), Ordering::Relaxed);
        self.bytes.store(ledger.queues.bytes(), Ordering::Relaxed);
    }
}

impl Ledger {
    /// Returns the key of the oldest variant when the address has too many now.
    fn put_in(&mut self, slot: Arc<Slot>) -> Option<u64> {
        let variants = self.variants.entry(slot.uri).or_default();
        variants.push(slot.key);
        let oldest = (variants.len() > VARIANTS).then(|| variants[0]);
        self.queues.add(slot);
        oldest
    }

    fn take_out(&mut self, slot: &Slot) {
        self.queues.drop(slot);
        self.forget_variant(slot);
    }

    fn forget_variant(&mut self, slot: &Slot) {
        let Some(variants) = self.variants.get_mut(&slot.uri) else { return };
        variants.retain(|key| *key != slot.key);
        if variants.is_empty() {
            self.variants.remove(&slot.uri);
        }
    }
}

/// Whether a response of this status says that an older one of the same key is no longer right.
fn supersedes(status: StatusCode) -> bool {
    status != StatusCode::NOT_MODIFIED && !status.is_server_error()
}

fn size(ticket: &Ticket, headers: &HeaderMap, body: &Bytes) -> u64 {
    let fields = headers.iter().map(|(name, value)| name.as_str().len() + value.len());
    let texts = fields.sum::<usize>() + ticket.key.len() + ticket.path.len() + body.len();
    texts as u64 + headers.len() as u64 * FIELD_BYTES + PLACE_BYTES
}

#[expect(clippy::cast_possible_truncation, reason = "only the low bits are wanted")]
fn low_bits(hash: u64) -> usize {
    hash as usize
}

/// For keys that are hashes already.
#[derive(Debug, Default)]
struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("invariant: the keys are u64");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
