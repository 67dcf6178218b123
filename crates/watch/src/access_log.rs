//! Access logs of a web server that stands before a shop, for shops that Storewarden is beside: a
//! reader a shop, every second, which tells what an edge would tell, as far as a log says it.
//!
//! A log that cannot be read says so; nothing becomes a zero by it. How far was read goes to the store
//! with the minutes that came of it, so that no line counts twice.

mod counter;
mod line;
mod tail;
#[cfg(test)]
mod tests;
mod time;

use crate::{Watch, orders::now_ms, state::LogState};
use counter::Counter;
pub(crate) use counter::Tallied;
use kernel::{
    ShopId,
    config::{BesideSettings, Configuration, ShopSettings},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};
use store::Store;
use tail::{Place, Tail};
use tokio::task::JoinHandle;

/// Between two readings.
const PERIOD: Duration = Duration::from_secs(1);
/// Read at once, so that what comes of it is seen before all of a long log was.
const MOST: usize = 8 << 20;
/// Minutes before this are of no interest to anybody.
const LOOK_BACK_MS: i64 = 26 * 60 * 60 * 1000;

/// What one reading found, for [`Live`](crate::live::Live).
#[derive(Debug, Default)]
pub struct LogReading {
    pub(crate) at_ms: i64,
    /// Since the reading before.
    pub(crate) covered_ms: i64,
    pub(crate) tallied: Tallied,
    pub(crate) logs: Vec<LogState>,
    /// How far all of the logs were read.
    pub(crate) places: LogPlaces,
}

/// How far each log was read, as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LogPlaces(BTreeMap<PathBuf, Vec<Place>>);

impl LogPlaces {
    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(&self.0).expect("invariant: paths of a configuration are text")
    }

    /// What another version wrote is as if nothing had been read.
    fn from_text(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }
}

/// Lines of a whole log, and those that do not fit its format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    pub lines: u64,
    pub broken: u64,
}

/// Reads a whole log of a shop as its reader would, at a time at which each line is of now. For
/// measuring how fast that is.
///
/// # Errors
/// When it cannot be read.
pub fn count(shop: &ShopSettings, log: &Path, now_ms: i64) -> std::io::Result<Counted> {
    let mut counter = Counter::new(shop, &shop.beside.clone().unwrap_or_default(), i64::MIN);
    let (mut tail, _) = Tail::new(log, &[]);
    let mut counted = Counted { lines: 0, broken: 0 };
    loop {
        let turn = tail.turn(MOST, &mut |line| counter.take(line, now_ms))?;
        let tallied = counter.hand_over();
        counted.lines += tallied.lines;
        counted.broken += tallied.broken;
        if turn.behind_bytes == 0 {
            return Ok(counted);
        }
    }
}

/// The readers of all shops that Storewarden is beside: one task each.
#[derive(Debug)]
pub struct LogReaders {
    watch: Watch,
    store: Store,
    running: BTreeMap<ShopId, (ShopSettings, JoinHandle<()>)>,
}

impl LogReaders {
    #[must_use]
    pub fn new(watch: Watch, store: Store) -> Self {
        Self { watch, store, running: BTreeMap::new() }
    }

    /// Reads the logs of these shops from now on. Readers of shops that stayed the same go on; one
    /// that changed goes on where it was.
    pub fn configure(&mut self, configuration: &Configuration) {
        let mut before = std::mem::take(&mut self.running);
        for shop in &configuration.shops {
            let old = before.remove(&shop.id);
            if let Some((settings, task)) = old {
                if settings == *shop && !task.is_finished() {
                    self.running.insert(shop.id.clone(), (settings, task));
                    continue;
                }
                task.abort();
            }
            let task = match &shop.beside {
                Some(beside) => {
                    let reader = Reader {
                        shop: shop.clone(),
                        beside: beside.clone(),
                        watch: self.watch.clone(),
                        store: self.store.clone(),
                    };
                    tokio::spawn(reader.run())
                }
                None => tokio::spawn(forget(self.store.clone(), shop.id.clone())),
            };
            self.running.insert(shop.id.clone(), (shop.clone(), task));
        }
        for (_, task) in before.values() {
            task.abort();
        }
    }
}

impl Drop for LogReaders {
    fn drop(&mut self) {
        for (_, task) in self.running.values() {
            task.abort();
        }
    }
}

/// From now on the edge counts: what the log says of this time must not be counted later.
async fn forget(store: Store, shop: ShopId) {
    if let Err(error) = store.forget_log(&shop).await {
        tracing::warn!(%shop, %error, "how far the logs were read was not forgotten");
    }
}

struct Reader {
    shop: ShopSettings,
    beside: BesideSettings,
    watch: Watch,
    store: Store,
}

impl Reader {
    async fn run(self) {
        let mut follower = self.open().await;
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut before_ms = now_ms();
        loop {
            ticks.tick().await;
            let now_ms = now_ms();
            let turned = tokio::task::spawn_blocking(move || {
                let is_behind = follower.turn(now_ms);
                (follower, is_behind)
            });
            let is_behind;
            (follower, is_behind) = turned.await.expect("invariant: reading a log does not panic");
            let mut reading = follower.hand_over(now_ms);
            reading.covered_ms = (now_ms - before_ms).max(1);
            before_ms = now_ms;
            self.watch.with(|live| live.log_read(&self.shop.id, reading));
            if is_behind {
                ticks.reset_immediately();
            }
        }
    }

    /// Goes on from the store. A log that is read for the first time fills the past that nobody has
    /// seen.
    async fn open(&self) -> Follower {
        let shop = &self.shop.id;
        // A reader before us may have read further than it had written down.
        let told = self.watch.with(|live| live.log_places(shop));
        let kept = match told {
            Some(places) => Some(places),
            None => match self.store.log_place(shop).await {
                Ok(kept) => kept.map(|text| LogPlaces::from_text(&text)),
                Err(error) => {
                    tracing::warn!(%shop, %error, "how far the logs were read is not known");
                    None
                }
            },
        };
        let from_ms = match &kept {
            Some(_) => i64::MIN,
            None => self.unknown_from_ms().await,
        };
        Follower::open(&self.shop, &self.beside, &kept.unwrap_or_default(), from_ms)
    }

    /// The first minute of which nobody knows how many came.
    async fn unknown_from_ms(&self) -> i64 {
        let now_ms = now_ms();
        let known = self.watch.with(|live| live.last_known_traffic_ms(&self.shop.id));
        known.map_or(now_ms - LOOK_BACK_MS, |minute_ms| minute_ms + 60_000)
    }
}

/// The logs of one shop, and what is counted of them.
#[derive(Debug)]
struct Follower {
    tails: Vec<Tail>,
    states: Vec<LogState>,
    counter: Counter,
}

impl Follower {
    fn open(
        shop: &ShopSettings,
        beside: &BesideSettings,
        places: &LogPlaces,
        from_ms: i64,
    ) -> Self {
        let mut tails = Vec::new();
        for path in &beside.logs {
            let known = places.0.get(path).map(Vec::as_slice).unwrap_or_default();
            let (tail, is_lost) = Tail::new(path, known);
            if is_lost {
                let log = path.display();
                tracing::warn!(shop = %shop.id, %log, "lines of a log that is gone were not read");
            }
            tails.push(tail);
        }
        let states = beside.logs.iter().map(|path| LogState::unread(path)).collect();
        Self { tails, states, counter: Counter::new(shop, beside, from_ms) }
    }

    /// Reads what is new; answers whether there is more.
    fn turn(&mut self, now_ms: i64) -> bool {
        let mut is_behind = false;
        for (tail, state) in self.tails.iter_mut().zip(&mut self.states) {
            let counter = &mut self.counter;
            match tail.turn(MOST, &mut |line| counter.take(line, now_ms)) {
                Ok(turn) => {
                    counter.take_broken(turn.too_long);
                    // A line that is being written is nothing to hurry for.
                    is_behind |= turn.behind_bytes > tail::LONGEST_LINE as u64;
                    (state.read_at_ms, state.error) = (Some(now_ms), None);
                    state.behind_bytes = turn.behind_bytes;
                }
                Err(error) => {
                    let log = tail.path().display();
                    if state.error.is_none() {
                        tracing::warn!(%log, %error, "an access log cannot be read");
                    }
                    state.error = Some(error.to_string());
                }
            }
        }
        is_behind
    }

    fn hand_over(&mut self, now_ms: i64) -> LogReading {
        let places = self.tails.iter().map(|tail| (tail.path().to_owned(), tail.places()));
        LogReading {
            at_ms: now_ms,
            covered_ms: 0,
            tallied: self.counter.hand_over(),
            logs: self.states.clone(),
            places: LogPlaces(places.collect()),
        }
    }
}
