//! The memory cache: one for the whole process, a [`Shelf`] a shop, and never wrong.
//!
//! Keeps what RFC 9111 lets a shared cache keep AND what carries its own explicit freshness; a doubt
//! is a refusal. Knows nothing of platforms, paths or cookies: whoever asks has already matched the
//! request against the platform's rules and made the key from them. Never sends a request itself.
//!
//! The order of use, for one request:
//! 1. [`Asked::of`] reads the request's head: a read, a change, or something to pass by.
//! 2. [`Shelf::lookup`] with a [`Key`] answers with a hit, or says why not.
//! 3. [`Shelf::ticket`] before the request goes to the shop, [`Shelf::begin_store`] with the
//!    response's head as it came, and the [`Recorder`] sees the body on its way to the visitor.
//! 4. After a change that went well, [`Shelf::invalidate`] for each address it concerns.

mod ask;
mod conditional;
mod directives;
mod encodings;
mod judgement;
mod queue;
mod recorder;
mod shelf;
mod status;
mod stored;

pub(crate) use ask::{Ask, Asked};
pub(crate) use recorder::{Recorder, Ticket};
pub(crate) use shelf::{Key, Lookup, Shelf};
pub(crate) use status::Forward;

use kernel::{CacheRules, ShopId, snapshot::CacheLimits};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

/// All shelves. Asked once for each shop when a snapshot is applied, not for each request.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    shelves: Mutex<HashMap<ShopId, Entry>>,
}

#[derive(Debug)]
struct Entry {
    shelf: Arc<Shelf>,
    rules: CacheRules,
}

impl Cache {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The shop's shelf, held to these limits from now on; with the cache switched off in them it
    /// keeps nothing, and must be asked for all the same so that it forgets what it has. Other rules than before make other keys
    /// and other promises: what was kept under the old ones is dropped.
    pub(crate) fn shelf(
        &self,
        shop: &ShopId,
        limits: &CacheLimits,
        rules: &CacheRules,
    ) -> Arc<Shelf> {
        let mut shelves = self.lock();
        let entry = shelves
            .entry(shop.clone())
            .or_insert_with(|| Entry { shelf: Arc::new(Shelf::new(limits)), rules: rules.clone() });
        if entry.rules != *rules {
            // A new shelf, so that requests still under way with the old rules cannot reach it.
            *entry = Entry { shelf: Arc::new(Shelf::new(limits)), rules: rules.clone() };
        }
        entry.shelf.limit(limits);
        Arc::clone(&entry.shelf)
    }

    /// Drops the shelves of all shops but these.
    pub(crate) fn retain(&self, keep: impl Fn(&ShopId) -> bool) {
        self.lock().retain(|shop, _| keep(shop));
    }

    /// Drops what is kept for a shop under paths that begin so, and returns how many responses that
    /// were.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "no frame of the link asks for it yet; tests hold it ready")
    )]
    pub(crate) fn purge(&self, shop: &ShopId, prefix: &str) -> u64 {
        let shelf = self.lock().get(shop).map(|entry| Arc::clone(&entry.shelf));
        shelf.map_or(0, |shelf| shelf.purge(prefix))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ShopId, Entry>> {
        self.shelves.lock().expect("invariant: nothing panics while it holds the shelves")
    }
}

#[cfg(test)]
mod tests;
