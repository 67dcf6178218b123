//! What leaves when there is no room: S3-FIFO (Yang et al., SOSP 2023).
//!
//! Newcomers wait in a small queue; those asked for again move to the main queue, the others leave
//! and are remembered for a while, so that they start in the main queue when they come back. A
//! lookup only raises a number; nothing is ever scanned.

use std::{
    collections::{HashSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    time::Instant,
};

/// The place of one kept response in the queues.
#[derive(Debug)]
pub(super) struct Slot {
    /// Hash of its key.
    pub(super) key: u64,
    /// Hash of its address, common to all its variants.
    pub(super) uri: u64,
    pub(super) bytes: u64,
    expires: Instant,
    /// Asked for since it was last looked at, at most [`MOST_ASKED`].
    asked: AtomicU8,
    /// No longer kept; its place in a queue goes when it is reached.
    gone: AtomicBool,
}

const MOST_ASKED: u8 = 3;

impl Slot {
    pub(super) fn new(key: u64, uri: u64, bytes: u64, expires: Instant) -> Arc<Self> {
        let (asked, gone) = (AtomicU8::new(0), AtomicBool::new(false));
        Arc::new(Self { key, uri, bytes, expires, asked, gone })
    }

    /// Notes a hit. A lost count is no harm, so there is no read-modify-write between the cores.
    pub(super) fn ask(&self) {
        let asked = self.asked.load(Ordering::Relaxed);
        if asked < MOST_ASKED {
            self.asked.store(asked + 1, Ordering::Relaxed);
        }
    }

    fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }
}

/// The queues of one shop.
#[derive(Debug, Default)]
pub(super) struct Queues {
    small: VecDeque<Arc<Slot>>,
    main: VecDeque<Arc<Slot>>,
    small_bytes: u64,
    bytes: u64,
    entries: u64,
    /// Places in the queues whose slot is gone.
    gone: usize,
    remembered: VecDeque<u64>,
    remembered_set: HashSet<u64>,
}

impl Queues {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn entries(&self) -> u64 {
        self.entries
    }

    pub(super) fn add(&mut self, slot: Arc<Slot>) {
        self.bytes += slot.bytes;
        self.entries += 1;
        if self.remembered_set.remove(&slot.key) {
            self.main.push_back(slot);
        } else {
            self.small_bytes += slot.bytes;
            self.small.push_back(slot);
        }
    }

    /// Takes a slot out whose response is no longer kept. Its place stays until it is reached, or
    /// until half of all places are like it.
    pub(super) fn drop(&mut self, slot: &Slot) {
        if slot.gone.swap(true, Ordering::Relaxed) {
            return;
        }
        self.bytes -= slot.bytes;
        self.entries -= 1;
        self.gone += 1;
        if self.gone > 64 && self.gone * 2 > self.small.len() + self.main.len() {
            self.small.retain(|slot| !slot.is_gone());
            self.main.retain(|slot| !slot.is_gone());
            self.small_bytes = self.small.iter().map(|slot| slot.bytes).sum();
            self.gone = 0;
        }
    }

    /// The next one to leave, already taken out; `None` when nothing is kept.
    /// Those that are no longer fresh leave however often they were asked for.
    pub(super) fn evict(&mut self, now: Instant) -> Option<Arc<Slot>> {
        loop {
            let from_small = self.small_bytes * 10 > self.bytes || self.main.is_empty();
            let slot = if from_small { self.small.pop_front() } else { self.main.pop_front() };
            let slot = match slot {
                Some(slot) => slot,
                None if self.main.is_empty() => return None,
                None => continue,
            };
            if from_small {
                self.small_bytes -= slot.bytes;
            }
            if slot.is_gone() {
                self.gone -= 1;
                continue;
            }
            let asked = slot.asked.load(Ordering::Relaxed);
            if asked > 0 && slot.expires > now {
                // From the small queue it starts anew in the main one, where each round costs one.
                slot.asked.store(if from_small { 0 } else { asked - 1 }, Ordering::Relaxed);
                self.main.push_back(slot);
                continue;
            }
            slot.gone.store(true, Ordering::Relaxed);
            self.bytes -= slot.bytes;
            self.entries -= 1;
            if from_small {
                self.remember(slot.key);
            }
            return Some(slot);
        }
    }

    /// As many are remembered as are kept, and at least a thousand.
    fn remember(&mut self, key: u64) {
        if self.remembered_set.insert(key) {
            self.remembered.push_back(key);
        }
        let most = usize::try_from(self.entries).unwrap_or(usize::MAX).max(1024);
        while self.remembered.len() > most {
            if let Some(oldest) = self.remembered.pop_front() {
                self.remembered_set.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn fill(queues: &mut Queues, keys: std::ops::Range<u64>) -> Vec<Arc<Slot>> {
        let expires = Instant::now() + Duration::from_secs(60);
        let slots: Vec<_> = keys.map(|key| Slot::new(key, key, 10, expires)).collect();
        slots.iter().for_each(|slot| queues.add(Arc::clone(slot)));
        slots
    }

    fn evict(queues: &mut Queues) -> Option<u64> {
        queues.evict(Instant::now()).map(|slot| slot.key)
    }

    #[test]
    fn what_is_asked_for_outlives_what_is_not() {
        let mut queues = Queues::default();
        let slots = fill(&mut queues, 0..10);
        slots[0].ask();
        slots[3].ask();
        let left: Vec<_> = std::iter::from_fn(|| evict(&mut queues)).collect();
        assert_eq!(left, [1, 2, 4, 5, 6, 7, 8, 9, 0, 3]);
        assert_eq!((queues.bytes(), queues.entries()), (0, 0));
    }

    #[test]
    fn one_that_comes_back_soon_starts_in_the_main_queue() {
        let mut queues = Queues::default();
        fill(&mut queues, 0..10);
        assert_eq!(evict(&mut queues), Some(0));
        fill(&mut queues, 0..1);
        fill(&mut queues, 20..30);
        let left: Vec<_> = std::iter::from_fn(|| evict(&mut queues)).collect();
        assert!(left.iter().position(|key| *key == 0) > Some(15), "{left:?}");
    }

    #[test]
    fn what_is_gone_is_neither_counted_nor_returned() {
        let mut queues = Queues::default();
        let slots = fill(&mut queues, 0..1000);
        for slot in &slots[..999] {
            queues.drop(slot);
            queues.drop(slot);
        }
        assert_eq!((queues.bytes(), queues.entries()), (10, 1));
        assert!(queues.small.len() < 200, "places of what is gone pile up");
        assert_eq!(evict(&mut queues), Some(999));
        assert_eq!(evict(&mut queues), None);
    }

    #[test]
    fn the_stale_leave_however_often_they_were_asked_for() {
        let mut queues = Queues::default();
        let now = Instant::now();
        let slots: Vec<_> = (0..3)
            .map(|key| Slot::new(key, key, 10, now + Duration::from_secs((key + 1) % 3)))
            .collect();
        for slot in &slots {
            slot.ask();
            queues.add(Arc::clone(slot));
        }
        assert_eq!(queues.evict(now).map(|slot| slot.key), Some(2));
    }
}
